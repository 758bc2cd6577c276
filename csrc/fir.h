// Resampling by 2 with a separable filter: how the taps fall on pixels; for host and device.
//
// A filter of 2n or 2n - 1 taps falls apart into two of at most n taps each, so that no zero is
// ever multiplied. Along one axis:
//   up    y[2i + p] = sum_j phase[p][j] x[i + start(p) + j]
//   down  y[m]      = sum_j phase[0][j] x[2(m + start(0) + j) + 1]
//                   + sum_j phase[1][j] x[2(m + start(1) + j)]
// with start(0) = -reach and start(1) = -reach + second.
#pragma once

#include "storage.h"

namespace aigc_assets::fir {

constexpr int kMaxTaps = 8;
constexpr int kMaxHalf = kMaxTaps / 2;  // largest n

AIGC_INLINE constexpr int half_of(int taps) { return (taps + 1) / 2; }  // n
AIGC_INLINE constexpr int reach_of(int n) { return n / 2; }             // neighbours on each side
AIGC_INLINE constexpr int window_of(int n) { return 2 * reach_of(n) + 1; }
AIGC_INLINE constexpr int second_of(int n) { return 1 - n % 2; }

// Where phase p begins.
AIGC_INLINE constexpr int start_of(int n, int p) { return p * second_of(n) - reach_of(n); }

// Which tap of the filter is phase[p][j], or -1 for none.
AIGC_INLINE constexpr int tap_of(int taps, bool up, int p, int j) {
  const int n = half_of(taps), at = 2 * (start_of(n, p) + j);
  const int k = up ? p + taps / 2 - 1 - at : taps / 2 - (1 - p) - at;
  return j < n && k >= 0 && k < taps ? k : -1;
}

// The filter's phases; doubling keeps the brightness by a factor of 2.
template <class F>
AIGC_INLINE void split_filter(const F* fir, int taps, bool up, F (&phase)[2][kMaxHalf]) {
  for (int p = 0; p < 2; ++p) {
    for (int j = 0; j < kMaxHalf; ++j) {
      const int k = tap_of(taps, up, p, j);
      phase[p][j] = k < 0 ? F(0) : (up ? F(2) * fir[k] : fir[k]);
    }
  }
}

}  // namespace aigc_assets::fir
