// C functions that run the CUDA kernels of windows and neighbourhoods under
// fiber.h, for tests/ops.
#include "../../csrc/cuda/spatial_attention.cuh"

#include "attention_launch.h"

namespace {

using namespace aigc_assets::attention_gpu;

// `sizes`: B, H, W, heads, D. `strides`: of B, H, W, queries to keys to values,
// heads.
Grid grid_of(const std::int64_t* sizes, const std::int64_t* strides) {
  Grid grid{};
  grid.height = sizes[1];
  grid.width = sizes[2];
  grid.strides = {strides[0], strides[1], strides[2], strides[4]};
  grid.heads = static_cast<int>(sizes[3]);
  grid.head = static_cast<int>(sizes[4]);
  return grid;
}

}  // namespace

extern "C" void run_windows(int format, const void* qkv, const void* table, bool float_table,
                            bool aligned, const std::int64_t* sizes, const std::int64_t* strides,
                            int window, int shift, unsigned seed, void* y) {
  Grid grid = grid_of(sizes, strides);
  grid.cut(window, shift);
  run(format, {qkv, qkv, qkv, table, float_table, aligned, y}, strides[3], 2 * strides[3], grid,
      sizes[0], seed);
}

extern "C" void run_neighborhoods(int format, const void* qkv, const void* table, bool float_table,
                                  bool aligned, const std::int64_t* sizes,
                                  const std::int64_t* strides, int reach, bool circular,
                                  unsigned seed, void* y) {
  Grid grid = grid_of(sizes, strides);
  grid.look(reach, circular);
  run(format, {qkv, qkv, qkv, table, float_table, aligned, y}, strides[3], 2 * strides[3], grid,
      sizes[0], seed);
}
