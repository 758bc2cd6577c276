// What the decode kernels need beyond vector.h: int8, parts of a vector, sums of many vectors at
// once, and eight plain numbers as a vector where there is no better one.
#pragma once

#include "format.h"
#include "vector.h"

namespace aigc_assets {
namespace {

template <class T>
AIGC_INLINE auto number(T value) {
  return widen(value);
}
AIGC_INLINE int number(std::int8_t value) { return value; }

// Loops of fixed length, which compilers turn into whatever the target has.
template <class F>
struct Lanes {
  using value_type = F;
  static constexpr int width = 8;
  F v[8];

  Lanes() = default;
  AIGC_INLINE explicit Lanes(double value) {
    for (int i = 0; i < 8; ++i) v[i] = static_cast<F>(value);
  }
  // Of half width: not unfolded into every loop that calls it.
  template <class T>
  static __attribute__((noinline)) Lanes load(const T* from) {
    Lanes lanes;
    for (int i = 0; i < 8; ++i) lanes.v[i] = static_cast<F>(number(from[i]));
    return lanes;
  }
  static AIGC_INLINE Lanes load(const F* from) {
    Lanes lanes;
    for (int i = 0; i < 8; ++i) lanes.v[i] = from[i];
    return lanes;
  }
  template <class T>
  AIGC_INLINE void store(T* to) const {
    for (int i = 0; i < 8; ++i) narrow(v[i], to + i);
  }
  AIGC_INLINE double sum() const {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
  }
  AIGC_INLINE F largest() const {
    F found = v[0];
    for (int i = 1; i < 8; ++i) found = v[i] > found ? v[i] : found;
    return found;
  }
  friend AIGC_INLINE Lanes operator+(Lanes a, Lanes b) {
    for (int i = 0; i < 8; ++i) a.v[i] += b.v[i];
    return a;
  }
  friend AIGC_INLINE Lanes operator-(Lanes a, Lanes b) {
    for (int i = 0; i < 8; ++i) a.v[i] -= b.v[i];
    return a;
  }
  friend AIGC_INLINE Lanes operator*(Lanes a, Lanes b) {
    for (int i = 0; i < 8; ++i) a.v[i] *= b.v[i];
    return a;
  }
  friend AIGC_INLINE Lanes operator/(Lanes a, Lanes b) {
    for (int i = 0; i < 8; ++i) a.v[i] /= b.v[i];
    return a;
  }
  friend AIGC_INLINE Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
    for (int i = 0; i < 8; ++i) c.v[i] += a.v[i] * b.v[i];
    return c;
  }
  friend AIGC_INLINE Lanes maximum(Lanes a, Lanes b) {
    for (int i = 0; i < 8; ++i) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  friend AIGC_INLINE Lanes exponential(Lanes a) {
    for (int i = 0; i < 8; ++i) a.v[i] = std::exp(a.v[i]);
    return a;
  }
};

// Whether float32 has vectors, rather than lanes.
#if defined(AIGC_TARGET_AVX512) || defined(AIGC_TARGET_AVX2)
constexpr bool kVectors = true;
#else
constexpr bool kVectors = false;
#endif

// The first `count` of the lanes from memory, zeros after them; nothing beyond is read.
template <class V, class T>
AIGC_INLINE V load_first(const T* from, int count) {
  T part[V::width] = {};
  for (int i = 0; i < count; ++i) part[i] = from[i];
  return V::load(part);
}

// Lane i is the sum of sums[i].
template <class F>
AIGC_INLINE Lanes<F> sum_each(const Lanes<F>* sums) {
  Lanes<F> found;
  for (int i = 0; i < 8; ++i) found.v[i] = static_cast<F>(sums[i].sum());
  return found;
}

#if defined(AIGC_TARGET_AVX512)

template <class F>
struct WideOf {
  using type = Lanes<F>;
};
template <>
struct WideOf<float> {
  using type = Vector;
};

AIGC_INLINE Vector load_lanes(const std::int8_t* from, Vector*) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
// Keeps a compiler from reading it from memory again at every use.
AIGC_INLINE Vector hold(Vector value) {
  __m512 v = value.v;
  asm("" : "+v"(v));
  return v;
}
AIGC_INLINE __mmask16 lanes_below(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
template <>
AIGC_INLINE Vector load_first<Vector>(const float* from, int count) {
  return _mm512_maskz_loadu_ps(lanes_below(count), from);
}
template <>
AIGC_INLINE Vector load_first<Vector>(const float16* from, int count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes_below(count), from));
}
template <>
AIGC_INLINE Vector load_first<Vector>(const bfloat16* from, int count) {
  const __m256i bits = _mm256_maskz_loadu_epi16(lanes_below(count), from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
template <>
AIGC_INLINE Vector load_first<Vector>(const std::int8_t* from, int count) {
  const __m128i bytes = _mm_maskz_loadu_epi8(lanes_below(count), from);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

// Adds halves of two vectors, then quarters, so that 15 additions serve 16 sums. A blend leaves the
// one unit that can move lanes free for the other operand.
AIGC_INLINE Vector sum_each(const Vector* sums) {
  __m512 s[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const __m512 a = sums[i].v, b = sums[i + 8].v;
    s[i] = _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 a = s[i], b = s[i + 4], other = _mm512_mask_blend_ps(0xf0f0, b, a);
    s[i] =
        _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_shuffle_f32x4(other, other, 0xb1));
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512 a = s[i], b = s[i + 2];
    s[i] = _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
  }
  const __m512 other = _mm512_mask_blend_ps(0xaaaa, s[1], s[0]);
  return _mm512_add_ps(_mm512_mask_blend_ps(0xaaaa, s[0], s[1]), _mm512_permute_ps(other, 0xb1));
}

#elif defined(AIGC_TARGET_AVX2)

template <class F>
struct WideOf {
  using type = Lanes<F>;
};
template <>
struct WideOf<float> {
  using type = Vector;
};

AIGC_INLINE Vector load_lanes(const std::int8_t* from, Vector*) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}
AIGC_INLINE Vector hold(Vector value) {
  __m256 v = value.v;
  asm("" : "+x"(v));
  return v;
}
template <>
AIGC_INLINE Vector load_first<Vector>(const std::int8_t* from, int count) {
  std::int8_t part[8] = {};
  for (int i = 0; i < count; ++i) part[i] = from[i];
  return load_lanes(part, static_cast<Vector*>(nullptr));
}

AIGC_INLINE Vector sum_each(const Vector* sums) {
  __m256 s[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256 a = sums[i].v, b = sums[i + 4].v;
    s[i] = _mm256_add_ps(_mm256_blend_ps(a, b, 0xf0), _mm256_permute2f128_ps(a, b, 0x21));
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m256 a = s[i], b = s[i + 2];
    s[i] = _mm256_add_ps(_mm256_blend_ps(a, b, 0xcc), _mm256_shuffle_ps(a, b, 0x4e));
  }
  const __m256 other = _mm256_blend_ps(s[1], s[0], 0xaa);
  return _mm256_add_ps(_mm256_blend_ps(s[0], s[1], 0xaa), _mm256_permute_ps(other, 0xb1));
}

#else

template <class F>
struct WideOf {
  using type = Lanes<F>;
};

#endif

template <class F>
AIGC_INLINE Lanes<F> hold(Lanes<F> value) {
  return value;
}

template <class F>
using Wide = typename WideOf<F>::type;

template <class V, class T>
AIGC_INLINE V load_lanes(const T* from, V*) {
  return V::load(from);
}

template <class V, class T>
AIGC_INLINE V load_lanes(const T* from) {
  return load_lanes(from, static_cast<V*>(nullptr));
}

// Runs `run` with a null pointer of the type that lies in memory.
template <class Run>
AIGC_INLINE void with_type(Format format, const Run& run) {
  switch (format) {
    case Format::kFloat32:
      return run(static_cast<const float*>(nullptr));
    case Format::kFloat64:
      return run(static_cast<const double*>(nullptr));
    case Format::kFloat16:
      return run(static_cast<const float16*>(nullptr));
    case Format::kBfloat16:
      return run(static_cast<const bfloat16*>(nullptr));
    case Format::kInt8:
      return run(static_cast<const std::int8_t*>(nullptr));
  }
}

}  // namespace
}  // namespace aigc_assets
