// Alias-free snake activation: the maths of one element, for host and device, without torch.
//
// Everything is a template over F, the number that is computed with: float or double, or a vector
// of floats on the CPU. F needs + - *, F(double), and the free functions multiply_add, round_even
// and keep_if_within, which argument-dependent lookup finds.
//
// x [T] is interpolated to u [2T], bent to v [2T], decimated to y [T]. The even samples u[2t] and
// the odd ones u[2t + 1] are kept in two arrays of T, which turns both filters into two sums of six
// neighbours. The filter is symmetric, so the same six weights serve interpolation and decimation,
// and, transposed, their gradients.
#pragma once

#include <cmath>

#include "storage.h"

namespace aigc_assets::alias_free {

constexpr int kReach = 3;  // neighbours that one filter needs on each side

// The free functions for one number in a register of a GPU.
AIGC_INLINE float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
AIGC_INLINE double multiply_add(double a, double b, double c) { return std::fma(a, b, c); }
AIGC_INLINE float round_even(float a) { return std::rint(a); }
AIGC_INLINE float keep_if_within(float a, double limit) {
  return std::fabs(a) > static_cast<float>(limit) ? 0.0f : a;
}

// Half of the symmetric 12-tap filter; aigc_assets/ops/alias_free.py derives it.
template <class F>
AIGC_INLINE F tap(int k) {
  constexpr double taps[6] = {0.0020289664498962423, 0.00938946394406788, -0.02554346406529466,
                              -0.05765737547536495,  0.12857260908132875, 0.4432098000653667};
  return F(taps[k < 6 ? k : 11 - k]);
}

// Sum of x(-3) .. x(2), weighted by the odd taps in falling order.
template <class F, class Read>
AIGC_INLINE F sum_before(Read x) {
  F sum = tap<F>(11) * x(-3);
  sum = multiply_add(tap<F>(9), x(-2), sum);
  sum = multiply_add(tap<F>(7), x(-1), sum);
  sum = multiply_add(tap<F>(5), x(0), sum);
  sum = multiply_add(tap<F>(3), x(1), sum);
  return multiply_add(tap<F>(1), x(2), sum);
}

// Sum of x(-2) .. x(3), weighted by the even taps in falling order.
template <class F, class Read>
AIGC_INLINE F sum_after(Read x) {
  F sum = tap<F>(10) * x(-2);
  sum = multiply_add(tap<F>(8), x(-1), sum);
  sum = multiply_add(tap<F>(6), x(0), sum);
  sum = multiply_add(tap<F>(4), x(1), sum);
  sum = multiply_add(tap<F>(2), x(2), sum);
  return multiply_add(tap<F>(0), x(3), sum);
}

// One decimated sample from its even and odd neighbours.
template <class F, class ReadEven, class ReadOdd>
AIGC_INLINE F decimate(ReadEven even, ReadOdd odd) {
  return sum_after<F>(even) + sum_before<F>(odd);
}

// What the transposed decimation puts beyond an end belongs to the end; x(i) is the i-th sample of
// the gradient counted from that end, 0 where there is none.
template <class F, class Read>
AIGC_INLINE F fold_interpolated(Read x) {
  const F pair = tap<F>(0) + tap<F>(1) + tap<F>(2);
  return (pair + tap<F>(3) + tap<F>(4)) * x(0) + pair * x(1) + tap<F>(0) * x(2);
}

// The same for the transposed interpolation. `near` is the array whose sample at this end is the
// outermost one of the doubled rate (even at the front, odd at the back), `far` the other.
template <class F, class ReadNear, class ReadFar>
AIGC_INLINE F fold_decimated(ReadNear near, ReadFar far) {
  const F outer = tap<F>(0) + tap<F>(2);
  F sum = (outer + tap<F>(4)) * near(0) + outer * near(1) + tap<F>(0) * near(2);
  return sum + (tap<F>(1) + tap<F>(3)) * far(0) + tap<F>(1) * far(1);
}

// angle - k·pi in [-pi/2, pi/2]; zero where the angle is too large to have a phase in F. sin² and
// sin·cos have the period pi, so the parity of k does not matter.
template <class F>
AIGC_INLINE F reduce_half_turn(F angle) {
  const F k = round_even(angle * F(0.31830988618379067));
  F rest = multiply_add(k, F(-3.1415927410125732), angle);
  rest = multiply_add(k, F(8.742277657347586e-08), rest);
  rest = multiply_add(k, F(3.4302490200117637e-15), rest);
  return keep_if_within(rest, 1.6);
}

// Minimax polynomials on [-pi/2, pi/2]; errors below 4e-9 and 3e-10.
template <class F>
AIGC_INLINE F sine_of_reduced(F r) {
  const F z = r * r;
  F p = multiply_add(F(2.5904951394737725e-06), z, F(-0.0001980090333222889));
  p = multiply_add(p, z, F(0.008332899970276229));
  p = multiply_add(p, z, F(-0.16666647649042016));
  return multiply_add(p * z, r, r);
}

template <class F>
AIGC_INLINE F cosine_of_reduced(F r) {
  const F z = r * r;
  F p = multiply_add(F(-2.6051348497483527e-07), z, F(2.4760153209621215e-05));
  p = multiply_add(p, z, F(-0.0013888361244060647));
  p = multiply_add(p, z, F(0.04166663624603081));
  p = multiply_add(p, z, F(-0.49999999358153696));
  return multiply_add(p, z, F(1.0));
}

// Up to a common sign, which squares and products forget.
template <class F>
AIGC_INLINE F sine(F angle) {
  return sine_of_reduced(reduce_half_turn(angle));
}
AIGC_INLINE double sine(double angle) { return std::sin(angle); }

template <class F>
AIGC_INLINE void sine_cosine(F angle, F* s, F* c) {
  const F r = reduce_half_turn(angle);
  *s = sine_of_reduced(r);
  *c = cosine_of_reduced(r);
}
AIGC_INLINE void sine_cosine(double angle, double* s, double* c) {
  *s = std::sin(angle);
  *c = std::cos(angle);
}

// u + sin²(alpha·u) / beta
template <class F>
AIGC_INLINE F snake(F u, F alpha, F inverse_beta) {
  const F s = sine(alpha * u);
  return multiply_add(s * s, inverse_beta, u);
}

// sin²(pi·r) for |r| <= 1/2 is r²·(c0 + c1·r² + .. + c5·r^10), minimax; its error is below 6e-9.
AIGC_INLINE constexpr double bump_coefficient(int k) {
  constexpr double coefficients[6] = {9.869602920254831,   -32.46958111609776, 42.72538479522065,
                                      -30.085953232082876, 12.990730552328865, -3.27294627141681};
  return coefficients[k];
}

template <class F>
struct SnakeGradient {
  F u, alpha, beta;
};

// Gradients of `snake`, times the gradient of its result.
template <class F>
AIGC_INLINE SnakeGradient<F> snake_gradient(F u, F alpha, F inverse_beta, F grad) {
  F s, c;
  sine_cosine(alpha * u, &s, &c);
  const F wave = (s + s) * c * inverse_beta;
  const F bump = s * inverse_beta;
  return {grad * multiply_add(alpha, wave, F(1.0)), grad * u * wave, F(-1.0) * grad * bump * bump};
}

}  // namespace aigc_assets::alias_free
