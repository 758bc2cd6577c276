// What the resampling kernels ask of a vector beyond vector.h: some of its lanes, and its order.
#pragma once

#include "vector.h"

namespace aigc_assets::fir {
namespace {

// Lanes [begin, end) of a vector, where both may lie outside of it.
template <class V>
struct Lanes {
  int begin, end;
  AIGC_INLINE Lanes(int64_t first, int64_t last)
      : begin(first < 0 ? 0 : static_cast<int>(first < V::width ? first : V::width)),
        end(last < 0 ? 0 : static_cast<int>(last < V::width ? last : V::width)) {}
};

// Zero in all other lanes, whose memory is not touched.
template <class V, class T>
AIGC_INLINE V load(const T* from, Lanes<V> lanes) {
  typename V::value_type values[V::width];
  for (int i = 0; i < V::width; ++i) {
    values[i] = i >= lanes.begin && i < lanes.end ? widen(from[i]) : 0;
  }
  return V::load(values);
}

template <class V, class T>
AIGC_INLINE void store(V v, T* to, Lanes<V> lanes) {
  T values[V::width];
  v.store(values);
  for (int i = lanes.begin; i < lanes.end; ++i) to[i] = values[i];
}

// e0 o0 e1 o1 ..., in two vectors; and back.
template <class V>
AIGC_INLINE void interleave(V even, V odd, V* low, V* high) {
  static_assert(V::width == 1);
  *low = even;
  *high = odd;
}

template <class V>
AIGC_INLINE void deinterleave(V low, V high, V* even, V* odd) {
  static_assert(V::width == 1);
  *even = low;
  *odd = high;
}

#if defined(AIGC_TARGET_AVX512)

AIGC_INLINE __mmask16 mask_of(Lanes<Vector> lanes) {
  return static_cast<__mmask16>((1u << lanes.end) -
                                (lanes.begin < lanes.end ? 1u << lanes.begin : 1u << lanes.end));
}

AIGC_INLINE Vector load(const float* from, Lanes<Vector> lanes) {
  return _mm512_maskz_loadu_ps(mask_of(lanes), from);
}
AIGC_INLINE Vector load(const float16* from, Lanes<Vector> lanes) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_of(lanes), from));
}
AIGC_INLINE Vector load(const bfloat16* from, Lanes<Vector> lanes) {
  const __m256i bits = _mm256_maskz_loadu_epi16(mask_of(lanes), from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
AIGC_INLINE void store(Vector v, float* to, Lanes<Vector> lanes) {
  _mm512_mask_storeu_ps(to, mask_of(lanes), v.v);
}

AIGC_INLINE void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  *low = _mm512_permutex2var_ps(even.v, first, odd.v);
  *high = _mm512_permutex2var_ps(even.v, second, odd.v);
}

AIGC_INLINE void deinterleave(Vector low, Vector high, Vector* even, Vector* odd) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  *even = _mm512_permutex2var_ps(low.v, evens, high.v);
  *odd = _mm512_permutex2var_ps(low.v, odds, high.v);
}

#elif defined(AIGC_TARGET_AVX2)

AIGC_INLINE __m256i mask_of(Lanes<Vector> lanes) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.begin), lane);
  return _mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.end), lane));
}

AIGC_INLINE Vector load(const float* from, Lanes<Vector> lanes) {
  return _mm256_maskload_ps(from, mask_of(lanes));
}
AIGC_INLINE void store(Vector v, float* to, Lanes<Vector> lanes) {
  _mm256_maskstore_ps(to, mask_of(lanes), v.v);
}

AIGC_INLINE void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const __m256 first = _mm256_unpacklo_ps(even.v, odd.v),
               second = _mm256_unpackhi_ps(even.v, odd.v);
  *low = _mm256_permute2f128_ps(first, second, 0x20);
  *high = _mm256_permute2f128_ps(first, second, 0x31);
}

AIGC_INLINE void deinterleave(Vector low, Vector high, Vector* even, Vector* odd) {
  // 0 2 | 8 10 | 4 6 | 12 14: pairs of each half in turn.
  const __m256 evens = _mm256_shuffle_ps(low.v, high.v, 0x88);
  const __m256 odds = _mm256_shuffle_ps(low.v, high.v, 0xdd);
  *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(evens), 0xd8));
  *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odds), 0xd8));
}

#endif

}  // namespace
}  // namespace aigc_assets::fir
