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
  friend AIGC_INLINE Scalar operator-(Scalar a, Scalar b) { return Scalar(a.v - b.v); }
  friend AIGC_INLINE Scalar operator/(Scalar a, Scalar b) { return Scalar(a.v / b.v); }
  friend AIGC_INLINE Scalar multiply_add(Scalar a, Scalar b, Scalar c) {
    return Scalar(a.v * b.v + c.v);
  }
  friend AIGC_INLINE Scalar maximum(Scalar a, Scalar b) { return a.v > b.v ? a : b; }
  friend AIGC_INLINE Scalar minimum(Scalar a, Scalar b) { return a.v < b.v ? a : b; }
  friend AIGC_INLINE Scalar select_negative(Scalar x, Scalar negative, Scalar other) {
    return x.v < F(0) ? negative : other;
  }
  friend AIGC_INLINE Scalar exponential(Scalar x) { return Scalar(std::exp(x.v)); }
  friend AIGC_INLINE Scalar hyperbolic_tangent(Scalar x) { return Scalar(std::tanh(x.v)); }
  AIGC_INLINE F largest() const { return v; }
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
  friend AIGC_INLINE Vector operator-(Vector a, Vector b) { return _mm512_sub_ps(a.v, b.v); }
  friend AIGC_INLINE Vector operator/(Vector a, Vector b) { return _mm512_div_ps(a.v, b.v); }
  friend AIGC_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
    return _mm512_fmadd_ps(a.v, b.v, c.v);
  }
  // Of two numbers; b where a is a NaN.
  friend AIGC_INLINE Vector maximum(Vector a, Vector b) { return _mm512_max_ps(a.v, b.v); }
  friend AIGC_INLINE Vector minimum(Vector a, Vector b) { return _mm512_min_ps(a.v, b.v); }
  friend AIGC_INLINE Vector select_negative(Vector x, Vector negative, Vector other) {
    const __mmask16 below = _mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mov_ps(other.v, below, negative.v);
  }
  friend AIGC_INLINE Vector absolute(Vector a) { return _mm512_abs_ps(a.v); }
  friend AIGC_INLINE Vector with_sign_of(Vector size, Vector sign) {
    const __m512i bit = _mm512_set1_epi32(static_cast<int>(0x80000000u));
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign.v),
                                                         _mm512_castps_si512(size.v), 0xca));
  }
  friend AIGC_INLINE Vector times_power_of_two(Vector a, Vector whole) {
    return _mm512_scalef_ps(a.v, whole.v);
  }
  AIGC_INLINE float largest() const { return _mm512_reduce_max_ps(v); }
  friend AIGC_INLINE Vector round_even(Vector a) {
    return _mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // a - round_even(a), in [-1/2, 1/2].
  friend AIGC_INLINE Vector beyond_whole(Vector a) {
    return _mm512_reduce_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
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
  friend AIGC_INLINE Vector operator-(Vector a, Vector b) { return _mm256_sub_ps(a.v, b.v); }
  friend AIGC_INLINE Vector operator/(Vector a, Vector b) { return _mm256_div_ps(a.v, b.v); }
  friend AIGC_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a.v, b.v, c.v);
  }
  // Of two numbers; b where a is a NaN.
  friend AIGC_INLINE Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a.v, b.v); }
  friend AIGC_INLINE Vector minimum(Vector a, Vector b) { return _mm256_min_ps(a.v, b.v); }
  friend AIGC_INLINE Vector select_negative(Vector x, Vector negative, Vector other) {
    const __m256 below = _mm256_cmp_ps(x.v, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_blendv_ps(other.v, negative.v, below);
  }
  friend AIGC_INLINE Vector absolute(Vector a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v);
  }
  friend AIGC_INLINE Vector with_sign_of(Vector size, Vector sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, size.v), _mm256_and_ps(bit, sign.v));
  }
  // `whole` within -252 .. 252, in two steps, so that results below the normal range come out
  // right.
  friend AIGC_INLINE Vector times_power_of_two(Vector a, Vector whole) {
    const __m256i k = _mm256_cvtps_epi32(whole.v), half = _mm256_srai_epi32(k, 1);
    const __m256i bias = _mm256_set1_epi32(127), rest = _mm256_sub_epi32(k, half);
    const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(a.v, _mm256_castsi256_ps(first)),
                         _mm256_castsi256_ps(second));
  }
  AIGC_INLINE float largest() const {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  friend AIGC_INLINE Vector round_even(Vector a) {
    return _mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // a - round_even(a), in [-1/2, 1/2].
  friend AIGC_INLINE Vector beyond_whole(Vector a) { return a - round_even(a); }
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

#if defined(AIGC_TARGET_AVX512) || defined(AIGC_TARGET_AVX2)

// e^x: below -104 it is 0, above 89 infinite; the polynomial's error is below 1e-7 relative.
AIGC_INLINE Vector exponential(Vector x) {
  // The operand that min and max pass on is the second where one is a NaN.
  const Vector bounded = minimum(Vector(89.0), maximum(Vector(-104.0), x));
  const Vector k = round_even(bounded * Vector(1.4426950408889634));
  Vector r = multiply_add(k, Vector(-0.693145751953125), bounded);
  r = multiply_add(k, Vector(-1.4286068203094172e-06), r);
  Vector p = multiply_add(Vector(1.9875691500e-4), r, Vector(1.3981999507e-3));
  p = multiply_add(p, r, Vector(8.3334519073e-3));
  p = multiply_add(p, r, Vector(4.1665795894e-2));
  p = multiply_add(p, r, Vector(1.6666665459e-1));
  p = multiply_add(p, r, Vector(5.0000001201e-1));
  p = multiply_add(p, r * r, r + Vector(1.0));
  return times_power_of_two(p, k);
}

// tanh x from e^(-2|x|); near zero, where that cancels, an odd polynomial.
AIGC_INLINE Vector hyperbolic_tangent(Vector x) {
  const Vector size = absolute(x), z = x * x;
  const Vector e = exponential(size * Vector(-2.0));
  const Vector far = (Vector(1.0) - e) / (Vector(1.0) + e);
  Vector p = multiply_add(Vector(-5.70498872745e-3), z, Vector(2.06390887954e-2));
  p = multiply_add(p, z, Vector(-5.37397155531e-2));
  p = multiply_add(p, z, Vector(1.33314422036e-1));
  p = multiply_add(p, z, Vector(-3.33332819422e-1));
  const Vector near = multiply_add(p * z, size, size);
  return with_sign_of(select_negative(size - Vector(0.625), near, far), x);
}

#endif

}  // namespace
}  // namespace aigc_assets
