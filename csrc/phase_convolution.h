// Phase convolutions: which input pixels make an output pixel. For host and device, without torch.
//
// A kind has phases, and a phase has taps. Along an axis of rate 2, output 2i + p (phase p) is made
// of the inputs i + p - 1 + t, t = 0, 1. Along an axis of rate 1, output i is made of the inputs
// i + (t - 1)·dilation, t = 0, 1, 2. Packed weights are ordered by phase, then tap, rows outermost.
#pragma once

#include "storage.h"

namespace aigc_assets::phase_convolution {

constexpr int kLanes = 16;   // output channels of packed weights are rounded up to this
constexpr int kPaired = 32;  // input channels of half-width ones are rounded up to this

// The order is that of the table at the head of aigc_assets/ops/phase_convolution_phases.py.
enum class Kind : int { kUp2Image = 0, kSameImage = 1, kUp2Signal = 2, kSameSignal = 3 };

struct Shape {
  int row_rate, column_rate;  // output pixels per input pixel, also the number of phases
  int row_taps, column_taps;  // per phase

  AIGC_INLINE int phases() const { return row_rate * column_rate; }
  AIGC_INLINE int taps() const { return row_taps * column_taps; }
};

// A signal is an image of one row.
AIGC_INLINE Shape shape_of(Kind kind) {
  switch (kind) {
    case Kind::kUp2Image:
      return {2, 2, 2, 2};
    case Kind::kSameImage:
      return {1, 1, 3, 3};
    case Kind::kUp2Signal:
      return {1, 2, 1, 2};
    case Kind::kSameSignal:
      break;
  }
  return {1, 1, 1, 3};
}

}  // namespace aigc_assets::phase_convolution
