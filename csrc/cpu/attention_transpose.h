// Transposing in the registers of AVX-512, for keys.
#pragma once

#if defined(AIGC_TARGET_AVX512)

#include "../storage.h"

namespace aigc_assets::attention {
namespace {

// 16 x 16 numbers of 32 bits, in place.
AIGC_INLINE void transpose(__m512i* x) {
  __m512i y[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    y[2 * i] = _mm512_unpacklo_epi32(x[2 * i], x[2 * i + 1]);
    y[2 * i + 1] = _mm512_unpackhi_epi32(x[2 * i], x[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[4 * i] = _mm512_unpacklo_epi64(y[4 * i], y[4 * i + 2]);
    x[4 * i + 1] = _mm512_unpackhi_epi64(y[4 * i], y[4 * i + 2]);
    x[4 * i + 2] = _mm512_unpacklo_epi64(y[4 * i + 1], y[4 * i + 3]);
    x[4 * i + 3] = _mm512_unpackhi_epi64(y[4 * i + 1], y[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    y[i] = _mm512_shuffle_i32x4(x[i], x[4 + i], 0x88);
    y[4 + i] = _mm512_shuffle_i32x4(x[i], x[4 + i], 0xdd);
    y[8 + i] = _mm512_shuffle_i32x4(x[8 + i], x[12 + i], 0x88);
    y[12 + i] = _mm512_shuffle_i32x4(x[8 + i], x[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm512_shuffle_i32x4(y[i], y[8 + i], 0x88);
    x[8 + i] = _mm512_shuffle_i32x4(y[i], y[8 + i], 0xdd);
    x[4 + i] = _mm512_shuffle_i32x4(y[4 + i], y[12 + i], 0x88);
    x[12 + i] = _mm512_shuffle_i32x4(y[4 + i], y[12 + i], 0xdd);
  }
}

// The same of 16 rows of 64 bytes in memory.
AIGC_INLINE void read_transposed(const char* const* rows, __m512i* x) {
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
    __m512i y[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const auto piece = [&](int lane) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[4 * lane + r] + 16 * part));
      };
      y[r] = _mm512_castsi128_si512(piece(0));
      y[r] = _mm512_inserti32x4(y[r], piece(1), 1);
      y[r] = _mm512_inserti32x4(y[r], piece(2), 2);
      y[r] = _mm512_inserti32x4(y[r], piece(3), 3);
    }
    const __m512i low = _mm512_unpacklo_epi32(y[0], y[1]), high = _mm512_unpackhi_epi32(y[0], y[1]);
    const __m512i low2 = _mm512_unpacklo_epi32(y[2], y[3]);
    const __m512i high2 = _mm512_unpackhi_epi32(y[2], y[3]);
    x[4 * part] = _mm512_unpacklo_epi64(low, low2);
    x[4 * part + 1] = _mm512_unpackhi_epi64(low, low2);
    x[4 * part + 2] = _mm512_unpacklo_epi64(high, high2);
    x[4 * part + 3] = _mm512_unpackhi_epi64(high, high2);
  }
}

}  // namespace
}  // namespace aigc_assets::attention

#endif
