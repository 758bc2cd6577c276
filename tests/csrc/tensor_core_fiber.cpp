// C functions that run the pieces of tensor_core.cuh under fiber.h, for
// tests/ops. With nvcc the same file proves that the instructions behind the
// pieces assemble.
#include "../../csrc/cuda/tensor_core.cuh"

namespace {

using namespace aigc_assets;

// One warp: c [16, 8] += a [16, 16] · b [16, 8], all of it by way of shared
// memory. Of b only the rows below `valid` are read, the others count as zeros.
template <class T>
__global__ void __launch_bounds__(32)
    multiply_kernel(const T* a, const T* b, int valid, bool mistake, float* c) {
  T* const left = shared_memory<T>();  // [16, 16]
  T* const right = left + 16 * 16;     // [16, 8]
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  copy_async<16>(left + 8 * lane, a + 8 * lane);
  commit_copies();
  if (lane < 16) {
    const bool exists = lane < valid;
    copy_async<16>(right + 8 * lane, exists ? b + 8 * lane : nullptr, exists);
  }
  commit_copies();
  if (mistake) {
    wait_for_copies<1>();
  } else {
    wait_for_copies<0>();
  }
  __syncwarp();
  std::uint32_t rows[4], columns[4];
  load_matrices(rows, left + (lane % 16) * 16 + lane / 16 * 8);
  load_matrices_transposed(columns, right + (lane % 16) * 8);
  float sum[4] = {c[g * 8 + 2 * t], c[g * 8 + 2 * t + 1], c[(g + 8) * 8 + 2 * t],
                  c[(g + 8) * 8 + 2 * t + 1]};
  mma_16x8x16<T>(sum, rows, {columns[0], columns[1]});
#pragma unroll
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

// One warp: c [16, 8] = a [16, 8] · b [8, 8] in tf32.
__global__ void __launch_bounds__(32)
    multiply_tf32_kernel(const float* a, const float* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  const std::uint32_t rows[4] = {round_tf32(a[g * 8 + t]), round_tf32(a[(g + 8) * 8 + t]),
                                 round_tf32(a[g * 8 + t + 4]), round_tf32(a[(g + 8) * 8 + t + 4])};
  const std::uint32_t columns[2] = {round_tf32(b[t * 8 + g]), round_tf32(b[(t + 4) * 8 + g])};
  float sum[4] = {};
  mma_16x8x8_tf32(sum, rows, columns);
#pragma unroll
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

// One warp: what the collectives of a warp answer, [6, 32].
__global__ void __launch_bounds__(32) collective_kernel(const float* from, float* to) {
  const int lane = static_cast<int>(threadIdx.x);
  const float value = from[lane];
  to[lane] = __shfl_down_sync(0xffffffffu, value, 3);
  to[32 + lane] = __shfl_up_sync(0xffffffffu, value, 3);
  to[64 + lane] = __shfl_sync(0xffffffffu, value, 5);
  to[96 + lane] = __shfl_xor_sync(0xffffffffu, value, 9);
  to[128 + lane] = static_cast<float>((__ballot_sync(0xffffffffu, value > 0.0f) >> lane) & 1u);
  const float low = unpack_half<bfloat16>(pack_pair<bfloat16>(value, -value), 0);
  const float high = unpack_half<float16>(pack_pair<float16>(-value, value), 1);
  to[160 + lane] = low + high;
}

}  // namespace

#if !defined(__CUDACC__)

extern "C" void run_multiply(bool is_bfloat16, const void* a, const void* b, int valid,
                             bool mistake, unsigned seed, float* c) {
  const auto run = [&](auto tag) {
    using T = decltype(tag);
    fiber::launch(1, 32, (16 * 16 + 16 * 8) * sizeof(T), seed, [&] {
      multiply_kernel<T>(static_cast<const T*>(a), static_cast<const T*>(b), valid, mistake, c);
    });
  };
  if (is_bfloat16) {
    run(bfloat16());
  } else {
    run(float16());
  }
}

extern "C" void run_multiply_tf32(const float* a, const float* b, unsigned seed, float* c) {
  fiber::launch(1, 32, 0, seed, [&] { multiply_tf32_kernel(a, b, c); });
}

extern "C" void run_collectives(const float* from, unsigned seed, float* to) {
  fiber::launch(1, 32, 0, seed, [&] { collective_kernel(from, to); });
}

#else

// clang-format off: it does not know the brackets of a launch in a .cpp file
// Not called anywhere: instantiated so that the kernels exist.
void run_on_a_gpu(const void* a, const void* b, float* c) {
  multiply_kernel<bfloat16><<<1, 32, 1024>>>(static_cast<const bfloat16*>(a),
                                               static_cast<const bfloat16*>(b), 16, false, c);
  multiply_kernel<float16><<<1, 32, 1024>>>(static_cast<const float16*>(a),
                                              static_cast<const float16*>(b), 16, false, c);
  multiply_tf32_kernel<<<1, 32>>>(c, c, c);
  collective_kernel<<<1, 32>>>(c, c);
}
// clang-format on

#endif
