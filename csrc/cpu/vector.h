// Numbers that the CPU kernels compute with: one lane anywhere, 8 lanes of AVX2, 16 of AVX-512.
//
// A file that wants the wide ones switches its target on before it includes this header (see
// target_avx2.h); everything here lives in a nameless namespace, so that code for different
// instruction sets can never be merged by the linker.
#pragma once

#include "../storage.h"

namespace aigc_assets {
namespace {

// One lane, for processors without the vector units below, and for float64 everywhere.
template <class F>
struct Scalar {
  using value_type = F;
  static constexpr int width = 1;
  F v;

  Scalar() = default;
  template <class N>
  AIGC_INLINE explicit Scalar(N value) : v(static_cast<F>(value)) {}

  template <class T>
  static AIGC_INLINE Scalar load(const T* from) {
    return Scalar(widen(*from));
  }
  template <class T>
  AIGC_INLINE void store(T* to) const {
    narrow(v, to);
  }
  // Lanes from `count` on become zero.
  AIGC_INLINE Scalar first(int count) const { return count > 0 ? *this : Scalar(0); }
  AIGC_INLINE double sum() const { return v; }

  friend AIGC_INLINE Scalar operator+(Scalar a, Scalar b) { return Scalar(a.v + b.v); }
  friend AIGC_INLINE Scalar operator*(Scalar a, Scalar b) { return Scalar(a.v * b.v); }
  friend AIGC_INLINE Scalar multiply_add(Scalar a, Scalar b, Scalar c) {
    return Scalar(a.v * b.v + c.v);
  }
};

// Without a fused multiply-add the three-part reduction would lose the phase; float64 keeps it.
AIGC_INLINE Scalar<float> reduce_half_turn(Scalar<float> angle) {
  const double wide = angle.v;
  constexpr double rounder = 6755399441055744.0;  // 1.5·2^52: adding it rounds to an integer
  const double k = (wide * 0.31830988618379067 + rounder) - rounder;
  const double rest = wide - k * 3.141592653589793;
  return Scalar<float>(rest < -1.6 || rest > 1.6 ? 0.0 : rest);
}

AIGC_INLINE Scalar<double> sine(Scalar<double> angle) { return Scalar<double>(std::sin(angle.v)); }
AIGC_INLINE void sine_cosine(Scalar<double> angle, Scalar<double>* s, Scalar<double>* c) {
  s->v = std::sin(angle.v);
  c->v = std::cos(angle.v);
}

#if defined(AIGC_TARGET_AVX512)

struct Vector {
  using value_type = float;
  static constexpr int width = 16;
  __m512 v;

  Vector() = default;
  AIGC_INLINE Vector(__m512 value) : v(value) {}
  AIGC_INLINE explicit Vector(double value) : v(_mm512_set1_ps(static_cast<float>(value))) {}

  static AIGC_INLINE Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static AIGC_INLINE Vector load(const float16* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static AIGC_INLINE Vector load(const bfloat16* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  AIGC_INLINE void store(float* to) const { _mm512_storeu_ps(to, v); }
  AIGC_INLINE void store(float16* to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  AIGC_INLINE void store(bfloat16* to) const {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
  AIGC_INLINE Vector first(int count) const {
    return _mm512_maskz_mov_ps(static_cast<__mmask16>((1u << count) - 1u), v);
  }
  AIGC_INLINE double sum() const { return _mm512_reduce_add_ps(v); }

  friend AIGC_INLINE Vector operator+(Vector a, Vector b) { return _mm512_add_ps(a.v, b.v); }
  friend AIGC_INLINE Vector operator*(Vector a, Vector b) { return _mm512_mul_ps(a.v, b.v); }
  friend AIGC_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
    return _mm512_fmadd_ps(a.v, b.v, c.v);
  }
  friend AIGC_INLINE Vector round_even(Vector a) {
    return _mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // Zero where |a| exceeds the limit; a NaN stays.
  friend AIGC_INLINE Vector keep_if_within(Vector a, double limit) {
    const __m512 bound = _mm512_set1_ps(static_cast<float>(limit));
    const __mmask16 beyond = _mm512_cmp_ps_mask(_mm512_abs_ps(a.v), bound, _CMP_GT_OQ);
    return _mm512_mask_mov_ps(a.v, beyond, _mm512_setzero_ps());
  }
};

#elif defined(AIGC_TARGET_AVX2)

struct Vector {
  using value_type = float;
  static constexpr int width = 8;
  __m256 v;

  Vector() = default;
  AIGC_INLINE Vector(__m256 value) : v(value) {}
  AIGC_INLINE explicit Vector(double value) : v(_mm256_set1_ps(static_cast<float>(value))) {}

  static AIGC_INLINE Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static AIGC_INLINE Vector load(const float16* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static AIGC_INLINE Vector load(const bfloat16* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  AIGC_INLINE void store(float* to) const { _mm256_storeu_ps(to, v); }
  AIGC_INLINE void store(float16* to) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  AIGC_INLINE void store(bfloat16* to) const {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    rounded = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(to),
        _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)));
  }
  AIGC_INLINE Vector first(int count) const {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i keep = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
    return _mm256_and_ps(v, _mm256_castsi256_ps(keep));
  }
  AIGC_INLINE double sum() const {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

  friend AIGC_INLINE Vector operator+(Vector a, Vector b) { return _mm256_add_ps(a.v, b.v); }
  friend AIGC_INLINE Vector operator*(Vector a, Vector b) { return _mm256_mul_ps(a.v, b.v); }
  friend AIGC_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a.v, b.v, c.v);
  }
  friend AIGC_INLINE Vector round_even(Vector a) {
    return _mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // Zero where |a| exceeds the limit; a NaN stays.
  friend AIGC_INLINE Vector keep_if_within(Vector a, double limit) {
    const __m256 bound = _mm256_set1_ps(static_cast<float>(limit));
    const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v);
    return _mm256_andnot_ps(_mm256_cmp_ps(size, bound, _CMP_GT_OQ), a.v);
  }
};

#else

using Vector = Scalar<float>;

#endif

}  // namespace
}  // namespace aigc_assets
