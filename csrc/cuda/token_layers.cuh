// The kernels between the products of a Transformer on the GPU, over raw pointers. A warp has one
// row of a norm; sums run in an order that depends on the width alone.
#pragma once

#include "../decode.h"
#include "decode.cuh"

namespace aigc_assets::token_layers {

using decode_gpu::Constant;
using decode_gpu::Numbers;

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;

// Numbers that a lane moves as one: four where every row starts at a multiple of their size.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T v[kCount];

  __device__ static __forceinline__ Pack load(const T* from) {
    return *reinterpret_cast<const Pack*>(from);
  }
  __device__ __forceinline__ void store(T* to) const { *reinterpret_cast<Pack*>(to) = *this; }
};

struct Norm {
  const void* x;  // [rows, width]
  void* y;
  Numbers scale;  // [width]
  int64_t rows;
  int width;
  Constant eps;
};

template <class T, class F, int kCount>
__device__ __forceinline__ F inverse_rms(const T* x, int width, F eps) {
  F sum = F(0);
  for (int i = static_cast<int>(threadIdx.x % 32) * kCount; i < width; i += 32 * kCount) {
    const Pack<T, kCount> part = Pack<T, kCount>::load(x + i);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const F value = widen(part.v[k]);
      sum += value * value;
    }
  }
  return decode_gpu::inverse_root(decode_gpu::warp_sum(sum) / static_cast<F>(width) + eps);
}

template <class T, class F, int kCount>
__global__ void __launch_bounds__(kThreads) rms_norm_kernel(Norm norm) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= norm.rows) return;
  const T* const x = static_cast<const T*>(norm.x) + row * norm.width;
  T* const y = static_cast<T*>(norm.y) + row * norm.width;
  const F factor = inverse_rms<T, F, kCount>(x, norm.width, norm.eps.as<F>());
  for (int i = static_cast<int>(threadIdx.x % 32) * kCount; i < norm.width; i += 32 * kCount) {
    Pack<T, kCount> part = Pack<T, kCount>::load(x + i);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      narrow(widen(part.v[k]) * factor * norm.scale.at<F>(i + k), &part.v[k]);
    }
    part.store(y + i);
  }
}

struct Heads {
  const void* x;             // [tokens, 3, heads, dim]
  void *q, *k, *v;           // [batch, heads, length, dim]
  Numbers q_scale, k_scale;  // [dim]
  Numbers rope;              // [2, length, dim / 2]
  int64_t rows;              // tokens * 3 * heads
  int64_t length;
  int heads, dim;
  Constant eps;
};

// kCount divides dim / 2.
template <class T, class F, int kCount>
__global__ void __launch_bounds__(kThreads) qk_norm_rotary_kernel(Heads heads) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= heads.rows) return;
  const int lane = static_cast<int>(threadIdx.x % 32), half = heads.dim / 2;
  const int head = static_cast<int>(row % heads.heads);
  const int part = static_cast<int>(row / heads.heads % 3);
  const int64_t token = row / heads.heads / 3, place = token % heads.length;
  const T* const x = static_cast<const T*>(heads.x) + row * heads.dim;
  const int64_t at =
      ((token / heads.length * heads.heads + head) * heads.length + place) * heads.dim;
  T* const y = static_cast<T*>(part == 0 ? heads.q : part == 1 ? heads.k : heads.v) + at;
  if (part == 2) {
    for (int i = lane * kCount; i < heads.dim; i += 32 * kCount) {
      Pack<T, kCount>::load(x + i).store(y + i);
    }
    return;
  }
  const Numbers scale = part == 0 ? heads.q_scale : heads.k_scale;
  const F factor = inverse_rms<T, F, kCount>(x, heads.dim, heads.eps.as<F>());
  for (int i = lane * kCount; i < half; i += 32 * kCount) {
    Pack<T, kCount> first = Pack<T, kCount>::load(x + i);
    Pack<T, kCount> second = Pack<T, kCount>::load(x + half + i);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const decode::Pair<F> pair{widen(first.v[k]) * factor * scale.at<F>(i + k),
                                 widen(second.v[k]) * factor * scale.at<F>(half + i + k)};
      const int64_t angle = place * half + i + k;
      const auto turned = decode::rotate(pair, heads.rope.at<F>(angle),
                                         heads.rope.at<F>(heads.length * half + angle));
      narrow(turned.first, &first.v[k]);
      narrow(turned.second, &second.v[k]);
    }
    first.store(y + i);
    second.store(y + half + i);
  }
}

struct Gate {
  const void* x;  // [rows, 2 * width]
  void* y;        // [rows, width]
  int64_t rows, width;
  bool gate_first;
};

// A thread has kCount results; kCount divides the width.
template <class T, class F, int kCount>
__global__ void __launch_bounds__(kThreads) gated_silu_kernel(Gate gate) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kCount;
  if (i >= gate.rows * gate.width) return;
  const int64_t row = i / gate.width, column = i % gate.width;
  const T* const x = static_cast<const T*>(gate.x) + row * 2 * gate.width + column;
  const Pack<T, kCount> first = Pack<T, kCount>::load(x);
  Pack<T, kCount> second = Pack<T, kCount>::load(x + gate.width);
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    const F a = widen(first.v[k]), b = widen(second.v[k]);
    narrow(gate.gate_first ? decode::gate_by(b, a) : decode::gate_by(a, b), &second.v[k]);
  }
  second.store(static_cast<T*>(gate.y) + i);
}

}  // namespace aigc_assets::token_layers
