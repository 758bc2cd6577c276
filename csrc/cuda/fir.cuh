// Resampling by 2 with a separable filter on the GPU: kernels over raw pointers, without torch.
//
// In NCHW a block stages a tile of one plane in shared memory, with margins, and every thread
// computes numbers that it can write as one. In NHWC neighbouring threads have neighbouring
// channels, so that the neighbours of a pixel come whole from the caches.
#pragma once

#include <cstdint>

#include "../activation.h"
#include "../fir.h"
#include "device.cuh"

namespace aigc_assets::fir {

constexpr int kMaxThreads = 256;
constexpr int kMarginColumns = 8;  // at least any reach, and 16 bytes of any type
constexpr int kMarginRows = kMaxHalf;
constexpr int kTable = 2 * kMaxHalf;  // the phases, before the tile in shared memory

// Planes, tiles and items are counted in 32 bits: a division in 64 is a call. Offsets have 64.
template <class T, class F>
struct Call {
  const T* x;        // [B, C, H, W] or [B, H, W, C]
  const void* fir;   // [taps]
  const void* bias;  // [C] or null
  const T* noise;    // [B or 1, H', W'] or null
  T* y;              // as x, H' and W'
  bool float_fir, float_bias;
  int taps;
  int64_t batch, channels, height, width;  // of x
  int64_t noise_step;                      // from the noise of one image to the next; may be 0
  int activation;
  F slope, gain, bound;
};

// The tile of a block in NCHW, in pixels of the result's half for doubling and of the result for
// halving: `columns` threads lie side by side, each with `wide` pixels.
AIGC_INLINE constexpr int shared_up(int threads, int columns) {
  return kTable + (threads / columns + 2 * kMarginRows) * (2 * columns + 2 * kMarginColumns);
}
AIGC_INLINE constexpr int shared_down(int threads, int columns) {
  return kTable + 2 * (threads / columns + kMarginRows) * (8 * columns + 2 * kMarginColumns);
}

template <class F, class T>
__device__ inline F number(const void* data, bool is_float, int64_t i) {
  if (is_float) return static_cast<F>(static_cast<const float*>(data)[i]);
  return static_cast<F>(widen(static_cast<const T*>(data)[i]));
}

// The phases into shared memory; a barrier has to follow.
template <class T, class F>
__device__ inline void stage_phases(const Call<T, F>& call, bool up, F* table) {
  const int t = static_cast<int>(threadIdx.x);
  if (t >= kTable) return;
  const int k = tap_of(call.taps, up, t / kMaxHalf, t % kMaxHalf);
  const F tap = k < 0 ? F(0) : number<F, T>(call.fir, call.float_fir, k);
  table[t] = up ? F(2) * tap : tap;
}

// A part of a plane into shared memory, zeros where there is none. With `aligned`, rows begin at
// multiples of 16 bytes; `left` always is a multiple of kMarginColumns.
template <class T, class F>
__device__ inline void stage_tile(const T* plane, int64_t height, int64_t width, int64_t top,
                                  int64_t left, int rows, int columns, bool aligned, F* to) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  struct alignas(16) Pack {
    T v[vector];
  };
  const int packs = columns / vector;
  for (int i = static_cast<int>(threadIdx.x); i < rows * packs; i += static_cast<int>(blockDim.x)) {
    const int64_t row = top + i / packs, from = left + i % packs * vector;
    F* const out = to + i / packs * columns + i % packs * vector;
    const bool inside = row >= 0 && row < height;
    if (aligned && inside && from >= 0 && from + vector <= width) {
      const Pack pack = *reinterpret_cast<const Pack*>(plane + row * width + from);
#pragma unroll
      for (int k = 0; k < vector; ++k) out[k] = static_cast<F>(widen(pack.v[k]));
    } else {
#pragma unroll
      for (int k = 0; k < vector; ++k) {
        const bool is_there = inside && from + k >= 0 && from + k < width;
        out[k] = is_there ? static_cast<F>(widen(plane[row * width + from + k])) : F(0);
      }
    }
  }
}

// Said in so many words, because the compiler takes a plain copy of the four apart.
template <class T>
__device__ inline void store_quad(const Quad<T>& quad, T* to) {
#if defined(__CUDACC__)
  if constexpr (sizeof(T) == 4) {
    __stcg(reinterpret_cast<float4*>(to), make_float4(quad.v[0], quad.v[1], quad.v[2], quad.v[3]));
    return;
  }
#endif
  *reinterpret_cast<Quad<T>*>(to) = quad;
}

template <class T, class F>
__device__ inline F finish(const Call<T, F>& call, F z) {
  const F y = activate(z, static_cast<Activation>(call.activation), call.slope) * call.gain;
  // A NaN fails both comparisons and passes.
  return y > call.bound ? call.bound : (y < -call.bound ? -call.bound : y);
}

// Four numbers of a row of the result from column `at` on.
template <class T, class F>
__device__ inline void finish_four(const Call<T, F>& call, F (&z)[4], const T* noise, T* y,
                                   int64_t at, int64_t width, bool aligned) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (noise != nullptr && at + k < width) z[k] += static_cast<F>(widen(noise[at + k]));
    z[k] = finish(call, z[k]);
  }
  if (aligned && at + 4 <= width) {
    Quad<T> quad;
#pragma unroll
    for (int k = 0; k < 4; ++k) narrow(z[k], &quad.v[k]);
    store_quad(quad, y + at);
  } else {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (at + k < width) narrow(z[k], y + at + k);
    }
  }
}

template <class T, class F>
__device__ inline F bias_of(const Call<T, F>& call, int64_t channel) {
  return call.bias == nullptr ? F(0) : number<F, T>(call.bias, call.float_bias, channel);
}

template <class T, class F>
__global__ void __launch_bounds__(kMaxThreads, 4)
    up_planes_kernel(Call<T, F> call, int columns, unsigned tiles_down, unsigned tiles_across,
                     bool aligned) {
  F* const table = shared_memory<F>();
  F* const tile = table + kTable;
  const int threads = static_cast<int>(blockDim.x), pitch = 2 * columns + 2 * kMarginColumns;
  const unsigned index = blockIdx.x, plane = index / (tiles_down * tiles_across);
  const int64_t top = static_cast<int64_t>(index / tiles_across % tiles_down) * (threads / columns);
  const int64_t left = static_cast<int64_t>(index % tiles_across) * 2 * columns;
  const int n = half_of(call.taps);
  stage_phases(call, true, table);
  stage_tile(call.x + static_cast<int64_t>(plane) * call.height * call.width, call.height,
             call.width, top - kMarginRows, left - kMarginColumns,
             threads / columns + 2 * kMarginRows, pitch, aligned, tile);
  __syncthreads();

  const int across = 2 * (static_cast<int>(threadIdx.x) % columns);
  const int down = static_cast<int>(threadIdx.x) / columns;
  const int64_t i = top + down, j = left + across;
  if (i >= call.height || j >= call.width) return;
  const F bias = bias_of(call, plane % static_cast<unsigned>(call.channels));
  const int64_t width = 2 * call.width;
#pragma unroll
  for (int p = 0; p < 2; ++p) {
    F z[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int q = k % 2;
      const F* from = tile + (down + kMarginRows + start_of(n, p)) * pitch + kMarginColumns +
                      across + k / 2 + start_of(n, q);
      z[k] = bias;
      for (int a = 0; a < n; ++a, from += pitch) {
        F sum = F(0);
        for (int b = 0; b < n; ++b) sum += table[q * kMaxHalf + b] * from[b];
        z[k] += table[p * kMaxHalf + a] * sum;
      }
    }
    const int64_t row = 2 * i + p;
    const T* const noise =
        call.noise == nullptr
            ? nullptr
            : call.noise + plane / static_cast<unsigned>(call.channels) * call.noise_step +
                  row * width;
    finish_four(call, z, noise, call.y + (2 * call.height * plane + row) * width, 2 * j, width,
                aligned);
  }
}

template <class T, class F>
__global__ void __launch_bounds__(kMaxThreads, 4)
    down_planes_kernel(Call<T, F> call, int columns, unsigned tiles_down, unsigned tiles_across,
                       bool aligned) {
  F* const table = shared_memory<F>();
  F* const tile = table + kTable;
  const int threads = static_cast<int>(blockDim.x), pitch = 8 * columns + 2 * kMarginColumns;
  const unsigned index = blockIdx.x, plane = index / (tiles_down * tiles_across);
  const int64_t top = static_cast<int64_t>(index / tiles_across % tiles_down) * (threads / columns);
  const int64_t left = static_cast<int64_t>(index % tiles_across) * 4 * columns;
  const int n = half_of(call.taps);
  stage_phases(call, false, table);
  stage_tile(call.x + static_cast<int64_t>(plane) * call.height * call.width, call.height,
             call.width, 2 * top - kMarginRows, 2 * left - kMarginColumns,
             2 * (threads / columns + kMarginRows), pitch, aligned, tile);
  __syncthreads();

  const int across = 4 * (static_cast<int>(threadIdx.x) % columns);
  const int down = static_cast<int>(threadIdx.x) / columns;
  const int64_t height = call.height / 2, width = call.width / 2;
  const int64_t m = top + down;
  if (m >= height || left + across >= width) return;
  const F bias = bias_of(call, plane % static_cast<unsigned>(call.channels));
  F z[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const F* const at = tile + (2 * down + kMarginRows) * pitch + kMarginColumns + 2 * (across + k);
    z[k] = bias;
    for (int q = 0; q < 2; ++q) {
      for (int b = 0; b < n; ++b) {
        const F* const column = at + 2 * (start_of(n, q) + b) + 1 - q;
        F sum = F(0);
        for (int p = 0; p < 2; ++p) {
          const F* from = column + (2 * start_of(n, p) + 1 - p) * pitch;
          for (int a = 0; a < n; ++a, from += 2 * pitch) sum += table[p * kMaxHalf + a] * *from;
        }
        z[k] += table[q * kMaxHalf + b] * sum;
      }
    }
  }
  const T* const noise =
      call.noise == nullptr
          ? nullptr
          : call.noise + plane / static_cast<unsigned>(call.channels) * call.noise_step + m * width;
  finish_four(call, z, noise, call.y + (height * plane + m) * width, left + across, width,
              aligned && width * static_cast<int64_t>(sizeof(T)) % 16 == 0);
}

// Channels of one pixel that a thread has in NHWC.
template <class T, int count>
struct alignas(sizeof(T) * count) Channels {
  T v[count];
};

template <class T, class F, int count>
__device__ inline void finish_pixel(const Call<T, F>& call, const F (&z)[count], int64_t image,
                                    int64_t row, int64_t column, int64_t channel, bool up) {
  const int64_t height = up ? 2 * call.height : call.height / 2;
  const int64_t width = up ? 2 * call.width : call.width / 2, pixel = row * width + column;
  F noise = F(0);
  if (call.noise != nullptr)
    noise = static_cast<F>(widen(call.noise[image * call.noise_step + pixel]));
  Channels<T, count> result;
#pragma unroll
  for (int c = 0; c < count; ++c) narrow(finish(call, z[c] + noise), &result.v[c]);
  T* const to = call.y + (image * height * width + pixel) * call.channels + channel;
  *reinterpret_cast<Channels<T, count>*>(to) = result;
}

// Adds weight·x at one pixel, which may not be there, to the sums of its channels.
template <int count, class T, class F>
__device__ inline void add_pixel(const Call<T, F>& call, int64_t image, int64_t row, int64_t column,
                                 int64_t channel, F weight, F (&sum)[count]) {
  if (row < 0 || row >= call.height || column < 0 || column >= call.width) return;
  const T* const from =
      call.x + ((image * call.height + row) * call.width + column) * call.channels + channel;
  const auto near = *reinterpret_cast<const Channels<T, count>*>(from);
#pragma unroll
  for (int c = 0; c < count; ++c) sum[c] += weight * static_cast<F>(widen(near.v[c]));
}

template <class T, class F, int count>
__global__ void __launch_bounds__(kMaxThreads, 4) up_pixels_kernel(Call<T, F> call) {
  F* const table = shared_memory<F>();
  stage_phases(call, true, table);
  __syncthreads();
  const auto groups = static_cast<unsigned>(call.channels / count);
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  const auto height = static_cast<unsigned>(call.height);
  const auto width = static_cast<unsigned>(call.width);
  const unsigned pixel = index / groups;
  const int64_t channel = index % groups * count, image = pixel / (height * width);
  const int64_t i = pixel / width % height, j = pixel % width;
  if (image >= call.batch) return;
  const int n = half_of(call.taps);
#pragma unroll 1
  for (int p = 0; p < 2; ++p) {
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      F z[count];
#pragma unroll
      for (int c = 0; c < count; ++c) z[c] = bias_of(call, channel + c);
      for (int a = 0; a < n; ++a) {
        F sum[count] = {};
        for (int b = 0; b < n; ++b) {
          add_pixel(call, image, i + start_of(n, p) + a, j + start_of(n, q) + b, channel,
                    table[q * kMaxHalf + b], sum);
        }
#pragma unroll
        for (int c = 0; c < count; ++c) z[c] += table[p * kMaxHalf + a] * sum[c];
      }
      finish_pixel(call, z, image, 2 * i + p, 2 * j + q, channel, true);
    }
  }
}

template <class T, class F, int count>
__global__ void __launch_bounds__(kMaxThreads, 4) down_pixels_kernel(Call<T, F> call) {
  F* const table = shared_memory<F>();
  stage_phases(call, false, table);
  __syncthreads();
  const auto groups = static_cast<unsigned>(call.channels / count);
  const auto height = static_cast<unsigned>(call.height / 2);
  const auto width = static_cast<unsigned>(call.width / 2);
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned pixel = index / groups;
  const int64_t channel = index % groups * count, image = pixel / (height * width);
  const int64_t m = pixel / width % height, k = pixel % width;
  if (image >= call.batch) return;
  const int n = half_of(call.taps);
  F z[count];
#pragma unroll
  for (int c = 0; c < count; ++c) z[c] = bias_of(call, channel + c);
  for (int q = 0; q < 2; ++q) {
    for (int b = 0; b < n; ++b) {
      F sum[count] = {};
      for (int p = 0; p < 2; ++p) {
        for (int a = 0; a < n; ++a) {
          add_pixel(call, image, 2 * (m + start_of(n, p) + a) + 1 - p,
                    2 * (k + start_of(n, q) + b) + 1 - q, channel, table[p * kMaxHalf + a], sum);
        }
      }
#pragma unroll
      for (int c = 0; c < count; ++c) z[c] += table[q * kMaxHalf + b] * sum[c];
    }
  }
  finish_pixel(call, z, image, m, k, channel, false);
}

}  // namespace aigc_assets::fir
