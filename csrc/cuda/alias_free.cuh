// Alias-free snake activation on the GPU: kernels over raw pointers, without torch.
//
// One block computes `tile_of(threads)` samples of one row. It stages its part of the row in shared
// memory with 8 samples of margin on each side, bends both phases of the doubled rate into shared
// memory with 4 samples of margin, and decimates from there. Threads work on groups of 4 samples.
#pragma once

#include <cstdint>

#include "../alias_free.h"
#include "device.cuh"

namespace aigc_assets::alias_free {

constexpr int kGroup = 4;   // samples that a thread computes at once
constexpr int kMargin = 4;  // at least kReach, and a whole group so that groups stay aligned
constexpr int kMaxThreads = 256;

AIGC_INLINE constexpr int span_of(int threads) { return 8 * threads; }  // bent samples in a block
AIGC_INLINE constexpr int tile_of(int threads) {
  return span_of(threads) - 2 * kMargin;
}  // finished samples

// Shared memory in numbers of the computing type.
AIGC_INLINE constexpr int forward_shared(int threads) { return 3 * span_of(threads) + 2 * kMargin; }
AIGC_INLINE constexpr int backward_shared(int threads) {
  return 4 * span_of(threads) + 4 * kMargin + threads / 32;
}

// Parameters come in the dtype of the signal or in float32.
template <class F, class T>
__device__ inline F parameter(const void* data, bool is_float, int64_t i) {
  if (is_float) return static_cast<F>(static_cast<const float*>(data)[i]);
  return static_cast<F>(widen(static_cast<const T*>(data)[i]));
}

// Copies samples first .. first + count of a row to shared memory; `outside(i)` stands for sample i
// where there is none. With `aligned`, rows begin at multiples of 16 bytes, and so must `first`.
template <class T, class F, class Outside>
__device__ inline void stage(const T* row, int64_t length, int64_t first, int count, bool aligned,
                             F* to, Outside outside) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  struct alignas(16) Pack {
    T v[vector];
  };
  for (int i = static_cast<int>(threadIdx.x) * vector; i < count;
       i += static_cast<int>(blockDim.x) * vector) {
    const int64_t from = first + i;
    if (aligned && from >= 0 && from + vector <= length) {
      const Pack pack = *reinterpret_cast<const Pack*>(row + from);
#pragma unroll
      for (int k = 0; k < vector; ++k) to[i + k] = static_cast<F>(widen(pack.v[k]));
    } else {
#pragma unroll
      for (int k = 0; k < vector; ++k) {
        const int64_t at = from + k;
        to[i + k] = at < 0 || at >= length ? outside(at) : static_cast<F>(widen(row[at]));
      }
    }
  }
}

// Twelve numbers of shared memory from a multiple of four on.
template <class F>
struct Window {
  F v[3 * kGroup];

  __device__ explicit Window(const F* from) {
#pragma unroll
    for (int q = 0; q < 3; ++q) {
      const Quad<F> quad = reinterpret_cast<const Quad<F>*>(from)[q];
#pragma unroll
      for (int k = 0; k < kGroup; ++k) v[q * kGroup + k] = quad.v[k];
    }
  }
};

template <class T, class F>
__device__ inline void write_group(const F (&values)[kGroup], T* row, int64_t length, int64_t at,
                                   bool aligned) {
  if (aligned && at + kGroup <= length) {
    Quad<T> quad;
#pragma unroll
    for (int k = 0; k < kGroup; ++k) narrow(values[k], &quad.v[k]);
    *reinterpret_cast<Quad<T>*>(row + at) = quad;
  } else {
#pragma unroll
    for (int k = 0; k < kGroup; ++k) {
      if (at + k < length) narrow(values[k], row + at + k);
    }
  }
}

// Where a block works.
struct Place {
  int64_t row, begin;
  int finished;  // samples of the row that the block computes
  int bent;      // bent samples that these need, in whole groups

  __device__ Place(int64_t length, int64_t tiles) {
    const int tile = tile_of(static_cast<int>(blockDim.x));
    row = static_cast<int64_t>(blockIdx.x) / tiles;
    begin = static_cast<int64_t>(blockIdx.x) % tiles * tile;
    finished = length - begin < tile ? static_cast<int>(length - begin) : tile;
    bent = (finished + 2 * kMargin + kGroup - 1) / kGroup * kGroup;
  }
};

template <class T, class F>
__global__ void __launch_bounds__(kMaxThreads)
    snake_forward_kernel(const T* x,         // [B * C, length]
                         const void* alpha,  // [C]
                         const void* beta,   // [C]
                         bool float_parameters, int64_t channels, int64_t length, int64_t tiles,
                         bool aligned,
                         T* y  // [B * C, length]
    ) {
  const Place place(length, tiles);
  const int span = span_of(static_cast<int>(blockDim.x));
  F* const wave = shared_memory<F>();         // [span + 8], sample begin - 8 first
  F* const even = wave + span + 2 * kMargin;  // [span], sample begin - 4 first
  F* const odd = even + span;                 // [span], the same
  const int64_t channel = place.row % channels;
  const F a = parameter<F, T>(alpha, float_parameters, channel);
  const F inverse_b = F(1) / (parameter<F, T>(beta, float_parameters, channel) + F(1e-9));

  const T* const row = x + place.row * length;
  stage(row, length, place.begin - 2 * kMargin, place.bent + 2 * kMargin, aligned, wave,
        [=](int64_t i) { return static_cast<F>(widen(row[i < 0 ? 0 : length - 1])); });
  __syncthreads();

  for (int i = static_cast<int>(threadIdx.x) * kGroup; i < place.bent;
       i += static_cast<int>(blockDim.x) * kGroup) {
    const Window<F> near(wave + i);
    Quad<F> even_group, odd_group;
    const int64_t sample = place.begin - kMargin + i;
#pragma unroll
    for (int k = 0; k < kGroup; ++k) {
      const auto read = [&](int d) { return near.v[kMargin + k + d]; };
      even_group.v[k] = snake(F(2) * sum_before<F>(read), a, inverse_b);
      odd_group.v[k] = snake(F(2) * sum_after<F>(read), a, inverse_b);
    }
    if (sample < 0 || sample + kGroup > length) {  // beyond an end, its last bent sample repeats
      const F* const first = wave + (2 * kMargin - place.begin);
      const F* const last = first + (length - 1);
#pragma unroll
      for (int k = 0; k < kGroup; ++k) {
        if (sample + k < 0) {
          const F u = F(2) * sum_before<F>([=](int d) { return first[d]; });
          even_group.v[k] = odd_group.v[k] = snake(u, a, inverse_b);
        } else if (sample + k >= length) {
          const F u = F(2) * sum_after<F>([=](int d) { return last[d]; });
          even_group.v[k] = odd_group.v[k] = snake(u, a, inverse_b);
        }
      }
    }
    *reinterpret_cast<Quad<F>*>(even + i) = even_group;
    *reinterpret_cast<Quad<F>*>(odd + i) = odd_group;
  }
  __syncthreads();

  T* const out = y + place.row * length;
  for (int i = static_cast<int>(threadIdx.x) * kGroup; i < place.finished;
       i += static_cast<int>(blockDim.x) * kGroup) {
    const Window<F> even_near(even + i), odd_near(odd + i);
    F values[kGroup];
#pragma unroll
    for (int k = 0; k < kGroup; ++k) {
      values[k] = decimate<F>([&](int d) { return even_near.v[kMargin + k + d]; },
                              [&](int d) { return odd_near.v[kMargin + k + d]; });
    }
    write_group(values, out, length, place.begin + i, aligned);
  }
}

template <class T, class F>
__global__ void __launch_bounds__(kMaxThreads)
    snake_backward_kernel(const T* grad,      // [B * C, length]
                          const T* x,         // [B * C, length]
                          const void* alpha,  // [C]
                          const void* beta,   // [C]
                          bool float_parameters, int64_t channels, int64_t length, int64_t tiles,
                          bool aligned,
                          T* dx,      // [B * C, length]
                          F* partial  // [B * C * tiles, 2], sums of the gradients of alpha and beta
    ) {
  const Place place(length, tiles);
  const int span = span_of(static_cast<int>(blockDim.x));
  F* const wave = shared_memory<F>();          // [span + 8], sample begin - 8 first
  F* const outer = wave + span + 2 * kMargin;  // [span + 8], the same
  F* const even = outer + span + 2 * kMargin;  // [span], sample begin - 4 first
  F* const odd = even + span;                  // [span], the same
  F* const scratch = odd + span;               // [warps]
  const int64_t channel = place.row % channels;
  const F a = parameter<F, T>(alpha, float_parameters, channel);
  const F inverse_b = F(1) / (parameter<F, T>(beta, float_parameters, channel) + F(1e-9));

  const T* const row = x + place.row * length;
  stage(row, length, place.begin - 2 * kMargin, place.bent + 2 * kMargin, aligned, wave,
        [=](int64_t i) { return static_cast<F>(widen(row[i < 0 ? 0 : length - 1])); });
  stage(grad + place.row * length, length, place.begin - 2 * kMargin, place.bent + 2 * kMargin,
        aligned, outer, [](int64_t) { return F(0); });
  __syncthreads();

  F alpha_sum = F(0), beta_sum = F(0);
  for (int i = static_cast<int>(threadIdx.x) * kGroup; i < place.bent;
       i += static_cast<int>(blockDim.x) * kGroup) {
    const Window<F> near(wave + i), outer_near(outer + i);
    Quad<F> even_group, odd_group;
    const int64_t sample = place.begin - kMargin + i;
    const bool own = i >= kMargin && i < span - kMargin;
#pragma unroll
    for (int k = 0; k < kGroup; ++k) {
      const auto read = [&](int d) { return near.v[kMargin + k + d]; };
      const auto read_outer = [&](int d) { return outer_near.v[kMargin + k + d]; };
      F even_grad = sum_before<F>(read_outer), odd_grad = sum_after<F>(read_outer);
      if (sample + k == 0) {
        even_grad += fold_interpolated<F>([&](int d) { return outer[i + k + kMargin + d]; });
      }
      if (sample + k == length - 1) {
        odd_grad += fold_interpolated<F>([&](int d) { return outer[i + k + kMargin - d]; });
      }
      const auto e = snake_gradient(F(2) * sum_before<F>(read), a, inverse_b, even_grad);
      const auto o = snake_gradient(F(2) * sum_after<F>(read), a, inverse_b, odd_grad);
      const bool inside = sample + k >= 0 && sample + k < length;
      even_group.v[k] = inside ? e.u : F(0);
      odd_group.v[k] = inside ? o.u : F(0);
      if (own && inside) {
        alpha_sum += e.alpha + o.alpha;
        beta_sum += e.beta + o.beta;
      }
    }
    *reinterpret_cast<Quad<F>*>(even + i) = even_group;
    *reinterpret_cast<Quad<F>*>(odd + i) = odd_group;
  }
  __syncthreads();

  T* const out = dx + place.row * length;
  for (int i = static_cast<int>(threadIdx.x) * kGroup; i < place.finished;
       i += static_cast<int>(blockDim.x) * kGroup) {
    const Window<F> even_near(even + i), odd_near(odd + i);
    const int64_t sample = place.begin + i;
    F values[kGroup];
#pragma unroll
    for (int k = 0; k < kGroup; ++k) {
      F sum = decimate<F>([&](int d) { return even_near.v[kMargin + k + d]; },
                          [&](int d) { return odd_near.v[kMargin + k + d]; });
      if (sample + k == 0) {
        sum += fold_decimated<F>([&](int d) { return even[i + k + kMargin + d]; },
                                 [&](int d) { return odd[i + k + kMargin + d]; });
      }
      if (sample + k == length - 1) {
        sum += fold_decimated<F>([&](int d) { return odd[i + k + kMargin - d]; },
                                 [&](int d) { return even[i + k + kMargin - d]; });
      }
      values[k] = F(2) * sum;
    }
    write_group(values, out, length, place.begin + i, aligned);
  }

  alpha_sum = block_sum(alpha_sum, scratch);
  beta_sum = block_sum(beta_sum, scratch);
  if (threadIdx.x == 0) {
    partial[2 * static_cast<int64_t>(blockIdx.x)] = alpha_sum;
    partial[2 * static_cast<int64_t>(blockIdx.x) + 1] = beta_sum;
  }
}

// One block per channel adds the blocks' sums, always in the same order. P is the parameters' type.
template <class P, class F>
__global__ void __launch_bounds__(kMaxThreads)
    snake_reduce_kernel(const F* partial,  // [B, C, tiles, 2]
                        int64_t batch, int64_t tiles,
                        P* dalpha,  // [C]
                        P* dbeta    // [C]
    ) {
  F* const scratch = shared_memory<F>();  // [warps]
  const int64_t channel = blockIdx.x, channels = gridDim.x;
  F alpha_sum = F(0), beta_sum = F(0);
  for (int64_t i = threadIdx.x; i < batch * tiles; i += blockDim.x) {
    const int64_t at = 2 * ((i / tiles * channels + channel) * tiles + i % tiles);
    alpha_sum += partial[at];
    beta_sum += partial[at + 1];
  }
  alpha_sum = block_sum(alpha_sum, scratch);
  beta_sum = block_sum(beta_sum, scratch);
  if (threadIdx.x == 0) {
    narrow(alpha_sum, dalpha + channel);
    narrow(beta_sum, dbeta + channel);
  }
}

}  // namespace aigc_assets::alias_free
