// What the kernels need of the machine they run on. With nvcc that is a GPU. With a host compiler
// it is tests/csrc/fiber.h, which gives every CUDA thread a fiber, so that the same kernels run,
// and are tested, on machines without a GPU.
#pragma once

#if defined(__CUDACC__)

#include <cuda_runtime.h>

namespace aigc_assets {

// The shared memory that the launch asked for, aligned to 16 bytes.
template <class T>
__device__ __forceinline__ T* shared_memory() {
  extern __shared__ __align__(16) unsigned char bytes[];
  return reinterpret_cast<T*>(bytes);
}

}  // namespace aigc_assets

#else
#include "fiber.h"
#endif

namespace aigc_assets {

// Four numbers that are moved as one; 16 bytes when F is float.
template <class F>
struct alignas(sizeof(F) * 4 < 16 ? sizeof(F) * 4 : 16) Quad {
  F v[4];
};

// Sum over a block of at most 32 warps, in an order that depends on the block's size alone; thread
// 0 gets it. `scratch` holds one number per warp. All threads of the block must take part.
template <class F>
__device__ inline F block_sum(F value, F* scratch) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_down_sync(0xffffffffu, value, offset);
  }
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  F total = F(0);
  if (threadIdx.x == 0) {
    const int warps = (static_cast<int>(blockDim.x) + 31) / 32;
    for (int i = 0; i < warps; ++i) total += scratch[i];
  }
  __syncthreads();
  return total;
}

}  // namespace aigc_assets
