// Decoding one token: the maths of one element, for host and device, without torch.
//
// F is a number (float, double) or a vector of floats of the CPU, which brings its own free
// functions.
#pragma once

#include <cstdint>

#include "activation.h"
#include "storage.h"

namespace aigc_assets::decode {

struct KeyRange {
  int64_t begin, end;
};

// The keys that a row with `length` of `room` positions attends to; window 0 stands for none.
AIGC_INLINE KeyRange keys_of(int64_t length, int64_t room, int64_t window) {
  const int64_t end = length < 0 ? 0 : length < room ? length : room;
  const int64_t begin = window > 0 && end > window ? end - window : 0;
  return {begin, end};
}

template <class F>
struct Pair {
  F first, second;
};

// Turns (first, second) by the angle of these.
template <class F>
AIGC_INLINE Pair<F> rotate(Pair<F> pair, F cosine, F sine) {
  return {pair.first * cosine - pair.second * sine, pair.first * sine + pair.second * cosine};
}

template <class F>
AIGC_INLINE F gate_by(F up, F gate) {
  return up * (gate / (F(1.0) + exponential(F(0.0) - gate)));
}

}  // namespace aigc_assets::decode
