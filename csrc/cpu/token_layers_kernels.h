// The CPU kernels between the products of a Transformer, once for every instruction set: include
// this after the target was switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "../decode.h"
#include "decode_lanes.h"
#include "token_layers_task.h"

namespace aigc_assets::token_layers {
namespace {

// The first `count` lanes from and to memory, all of them where there are more.
template <class V, class T>
AIGC_INLINE V get(const T* from, int count) {
  return count >= V::width ? load_lanes<V>(from) : load_first<V>(from, count);
}

template <class V, class T>
AIGC_INLINE void put(V v, T* to, int count) {
  if (count >= V::width) return v.store(to);
  T part[V::width];
  v.store(part);
  for (int i = 0; i < count; ++i) to[i] = part[i];
}

#if defined(AIGC_TARGET_AMX)

// Rounding is one instruction here, where it is ten without.
AIGC_INLINE void put(Vector v, bfloat16* to, int count) {
  const auto bits = (__m256i)_mm512_cvtneps_pbh(v.v);
  if (count >= Vector::width) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bits);
  } else {
    _mm256_mask_storeu_epi16(to, lanes_below(count), bits);
  }
}

#endif

#if defined(AIGC_TARGET_AVX512)

AIGC_INLINE void put(Vector v, float* to, int count) {
  _mm512_mask_storeu_ps(to, lanes_below(count < 16 ? count : 16), v.v);
}

#endif

// Calls each(i, count) for the vectors of a row; the last one may have fewer numbers.
template <class V, class Each>
AIGC_INLINE void over_row(int64_t width, const Each& each) {
  int64_t i = 0;
  for (; i + V::width <= width; i += V::width) each(i, V::width);
  if (i < width) each(i, static_cast<int>(width - i));
}

// 1 / rms of a row.
template <class V, class T>
AIGC_INLINE V inverse_rms(const T* x, int64_t width, double eps) {
  constexpr int kSums = 4;
  V sums[kSums] = {V(0.0), V(0.0), V(0.0), V(0.0)};
  int64_t i = 0;
  for (; i + kSums * V::width <= width; i += kSums * V::width) {
    for (int k = 0; k < kSums; ++k) {
      const V v = load_lanes<V>(x + i + k * V::width);
      sums[k] = multiply_add(v, v, sums[k]);
    }
  }
  for (int k = 0; i < width; i += V::width, ++k) {
    const V v = get<V>(x + i, static_cast<int>(width - i < V::width ? width - i : V::width));
    sums[k] = multiply_add(v, v, sums[k]);
  }
  const double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
  return V(1.0 / __builtin_sqrt(sum / static_cast<double>(width) + eps));
}

template <class T, class F>
void rms_norm_rows(const Norm& norm, int64_t begin, int64_t end) {
  using V = Wide<F>;
  const F* const scale = static_cast<const F*>(norm.scale);
  for (int64_t row = begin; row < end; ++row) {
    const T* const x = static_cast<const T*>(norm.x) + row * norm.width;
    T* const y = static_cast<T*>(norm.y) + row * norm.width;
    const V factor = inverse_rms<V>(x, norm.width, norm.eps);
    over_row<V>(norm.width, [&](int64_t i, int count) {
      put(get<V>(x + i, count) * factor * get<V>(scale + i, count), y + i, count);
    });
  }
}

template <class T, class F>
void qk_norm_rotary_tokens(const Heads& heads, int64_t begin, int64_t end) {
  using V = Wide<F>;
  const int64_t dim = heads.dim, half = dim / 2, step = heads.length * dim;
  for (int64_t token = begin; token < end; ++token) {
    const T* x = static_cast<const T*>(heads.x) + token * 3 * heads.heads * dim;
    const int64_t place = token % heads.length;
    const int64_t first_head = (token - place) * heads.heads * dim + place * dim;
    const F* const cosines = static_cast<const F*>(heads.cosines) + place * half;
    const F* const sines = static_cast<const F*>(heads.sines) + place * half;
    const auto turn = [&](void* to, const void* of_heads) {
      const F* const scale = static_cast<const F*>(of_heads);
      T* y = static_cast<T*>(to) + first_head;
      for (int64_t h = 0; h < heads.heads; ++h, x += dim, y += step) {
        const V factor = inverse_rms<V>(x, dim, heads.eps);
        over_row<V>(half, [&](int64_t i, int count) {
          const V first = get<V>(x + i, count) * factor * get<V>(scale + i, count);
          const V second = get<V>(x + half + i, count) * factor * get<V>(scale + half + i, count);
          const auto turned = decode::rotate(decode::Pair<V>{first, second},
                                             get<V>(cosines + i, count), get<V>(sines + i, count));
          put(turned.first, y + i, count);
          put(turned.second, y + half + i, count);
        });
      }
    };
    turn(heads.q, heads.q_scale);
    turn(heads.k, heads.k_scale);
    T* v = static_cast<T*>(heads.v) + first_head;
    for (int64_t h = 0; h < heads.heads; ++h, x += dim, v += step) {
      __builtin_memcpy(v, x, static_cast<std::size_t>(dim) * sizeof(T));
    }
  }
}

template <class T, class F>
void gated_silu_rows(const Gate& gate, int64_t begin, int64_t end) {
  using V = Wide<F>;
  for (int64_t row = begin; row < end; ++row) {
    const T* const x = static_cast<const T*>(gate.x) + row * 2 * gate.width;
    const T *const gates = gate.gate_first ? x : x + gate.width, *const ups = gate.gate_first
                                                                                  ? x + gate.width
                                                                                  : x;
    T* const y = static_cast<T*>(gate.y) + row * gate.width;
    over_row<V>(gate.width, [&](int64_t i, int count) {
      put(decode::gate_by(get<V>(ups + i, count), get<V>(gates + i, count)), y + i, count);
    });
  }
}

#define AIGC_FOR_EVERY_FORMAT(name, function, Task)                        \
  void name(Format format, const Task& task, int64_t begin, int64_t end) { \
    switch (format) {                                                      \
      case Format::kFloat32:                                               \
        return function<float, float>(task, begin, end);                   \
      case Format::kFloat16:                                               \
        return function<float16, float>(task, begin, end);                 \
      case Format::kBfloat16:                                              \
        return function<bfloat16, float>(task, begin, end);                \
      case Format::kFloat64:                                               \
        return function<double, double>(task, begin, end);                 \
      case Format::kInt8:                                                  \
        break;                                                             \
    }                                                                      \
  }

AIGC_FOR_EVERY_FORMAT(rms_norm, rms_norm_rows, Norm)
AIGC_FOR_EVERY_FORMAT(qk_norm_rotary, qk_norm_rotary_tokens, Heads)
AIGC_FOR_EVERY_FORMAT(gated_silu, gated_silu_rows, Gate)

#undef AIGC_FOR_EVERY_FORMAT

}  // namespace
}  // namespace aigc_assets::token_layers
