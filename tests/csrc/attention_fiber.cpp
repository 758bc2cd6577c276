// C functions that run the CUDA kernels of sequences under fiber.h, for
// tests/ops.
#include "../../csrc/cuda/attention.cuh"
#include "attention_launch.h"

// `sizes`: B, heads, queries, keys, D. `strides`: of B, heads and tokens, of q,
// then k, then v. Negative `before`: no band.
extern "C" void run_sequences(int format, const void* q, const void* k, const void* v, bool aligned,
                              const std::int64_t* sizes, const std::int64_t* strides,
                              std::int64_t before, std::int64_t after, int tiles, unsigned seed,
                              void* y) {
  using namespace aigc_assets::attention_gpu;
  Sequences sequences{};
  sequences.queries = sizes[2];
  sequences.all_keys = sizes[3];
  sequences.heads = static_cast<int>(sizes[1]);
  sequences.head = static_cast<int>(sizes[4]);
  sequences.q = {strides[0], strides[1], strides[2]};
  sequences.k = {strides[3], strides[4], strides[5]};
  sequences.v = {strides[6], strides[7], strides[8]};
  sequences.before = before;
  sequences.after = after;
  sequences.tiles = tiles;
  run(format, {q, k, v, nullptr, false, aligned, y}, 0, 0, sequences, sizes[0], seed);
}
