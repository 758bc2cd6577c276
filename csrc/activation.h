// Activations at the end of a kernel: the maths of one element, for host and device, without torch.
//
// F is a number (float, double) or a vector of floats of the CPU (cpu/vector.h), which brings its
// own free functions.
#pragma once

#include <cmath>
#include <cstdint>

#include "storage.h"

namespace aigc_assets {

// The order is that of ACTIVATIONS in aigc_assets/ops/activation.py.
enum class Activation : int { kNone = 0, kRelu = 1, kLeakyRelu = 2, kSilu = 3, kTanh = 4 };

AIGC_INLINE float select_negative(float x, float negative, float other) {
  return x < 0.0f ? negative : other;
}
AIGC_INLINE double select_negative(double x, double negative, double other) {
  return x < 0.0 ? negative : other;
}
AIGC_INLINE float exponential(float x) { return std::exp(x); }
AIGC_INLINE double exponential(double x) { return std::exp(x); }
AIGC_INLINE float hyperbolic_tangent(float x) { return std::tanh(x); }
AIGC_INLINE double hyperbolic_tangent(double x) { return std::tanh(x); }

// The kind is a template argument where a kernel is worth a copy each, else a plain one.
// `slope` is that of the leaky ReLU below zero. A NaN stays a NaN.
template <class F>
AIGC_INLINE F activate(F x, Activation kind, F slope) {
  switch (kind) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return select_negative(x, F(0.0), x);
    case Activation::kLeakyRelu:
      return select_negative(x, x * slope, x);
    case Activation::kSilu:
      return x / (F(1.0) + exponential(F(0.0) - x));
    case Activation::kTanh:
      return hyperbolic_tangent(x);
  }
  return x;
}

}  // namespace aigc_assets
