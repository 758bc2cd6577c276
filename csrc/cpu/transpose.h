// Transposes a square of numbers in registers: as many vectors as a vector has lanes. Include after
// the target was switched on.
#pragma once

#include "vector.h"

namespace aigc_assets {
namespace {

template <class F>
AIGC_INLINE void transpose(Scalar<F> (&)[1]) {}

#if defined(AIGC_TARGET_AVX512)

AIGC_INLINE void transpose(Vector (&v)[16]) {
  __m512 a[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(v[2 * i].v, v[2 * i + 1].v);
    a[2 * i + 1] = _mm512_unpackhi_ps(v[2 * i].v, v[2 * i + 1].v);
  }
  __m512 b[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512d low = _mm512_castps_pd(a[i]), high = _mm512_castps_pd(a[i + 1]);
    const __m512d low2 = _mm512_castps_pd(a[i + 2]), high2 = _mm512_castps_pd(a[i + 3]);
    b[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, low2));
    b[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, low2));
    b[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, high2));
    b[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, high2));
  }
  // Now b[4g + k] holds column k of every quarter, for rows 4g .. 4g + 3.
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const __m512 even = _mm512_shuffle_f32x4(b[k], b[4 + k], 0x88);
    const __m512 odd = _mm512_shuffle_f32x4(b[k], b[4 + k], 0xdd);
    const __m512 even2 = _mm512_shuffle_f32x4(b[8 + k], b[12 + k], 0x88);
    const __m512 odd2 = _mm512_shuffle_f32x4(b[8 + k], b[12 + k], 0xdd);
    v[k].v = _mm512_shuffle_f32x4(even, even2, 0x88);
    v[k + 8].v = _mm512_shuffle_f32x4(even, even2, 0xdd);
    v[k + 4].v = _mm512_shuffle_f32x4(odd, odd2, 0x88);
    v[k + 12].v = _mm512_shuffle_f32x4(odd, odd2, 0xdd);
  }
}

#elif defined(AIGC_TARGET_AVX2)

AIGC_INLINE void transpose(Vector (&v)[8]) {
  __m256 a[8], b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(v[i].v, v[i + 1].v);
    a[i + 1] = _mm256_unpackhi_ps(v[i].v, v[i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    v[k].v = _mm256_permute2f128_ps(b[k], b[4 + k], 0x20);
    v[k + 4].v = _mm256_permute2f128_ps(b[k], b[4 + k], 0x31);
  }
}

#endif

}  // namespace
}  // namespace aigc_assets
