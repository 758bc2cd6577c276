// The filter and what follows it, for one vector of numbers.
#pragma once

#include "../activation.h"
#include "fir_lanes.h"
#include "fir_task.h"

namespace aigc_assets::fir {
namespace {

// The two halves of the filter, for filters of 2N or 2N - 1 taps.
template <class V, int N>
struct Phases {
  V tap[2][N];

  AIGC_INLINE explicit Phases(const Task& task) {
    for (int p = 0; p < 2; ++p) {
      for (int j = 0; j < N; ++j) tap[p][j] = V(task.phase[p][j]);
    }
  }
  // Sum from x(from) on.
  template <class Read>
  AIGC_INLINE V sum(int p, int from, Read x) const {
    V total = tap[p][0] * x(from);
    for (int j = 1; j < N; ++j) total = multiply_add(tap[p][j], x(from + j), total);
    return total;
  }
  // The same, added to what there is.
  template <class Read>
  AIGC_INLINE V add(int p, V sum, int from, Read x) const {
    for (int j = 0; j < N; ++j) sum = multiply_add(tap[p][j], x(from + j), sum);
    return sum;
  }
};

// The taps of halving in order, for input rows 2m - N + 1 .. 2m + N.
template <class V, int N>
AIGC_INLINE void in_order(const Task& task, V (&taps)[2 * N]) {
  for (int k = 0; k < 2 * N; ++k) {
    const int offset = k - (N - 1), odd = offset & 1;
    const int start = odd != 0 ? -reach_of(N) : second_of(N) - reach_of(N);
    taps[k] = V(task.phase[1 - odd][(offset - odd) / 2 - start]);
  }
}

// What follows the filter: activation, gain, bound. With `bent`, the activation is a leaky ReLU of
// a slope that makes it the larger of two products; or none, of slope 1.
template <class V, bool bent>
struct Finish {
  Activation activation;
  V slope, gain, bound, negative_bound;

  AIGC_INLINE explicit Finish(const Task& task)
      : activation(static_cast<Activation>(task.activation)),
        slope(activation == Activation::kNone ? 1.0 : task.slope),
        gain(task.gain),
        bound(task.bound),
        negative_bound(-task.bound) {}
  AIGC_INLINE V operator()(V z) const {
    const V y = (bent ? maximum(z * slope, z) : activate(z, activation, slope)) * gain;
    // In this order a NaN passes.
    return minimum(bound, maximum(negative_bound, y));
  }
};

// Calls run(finish), with vectors compiled once for what is asked for most often and once for all.
template <class V, class Run>
AIGC_INLINE void with_finish(const Task& task, Run run) {
  const auto activation = static_cast<Activation>(task.activation);
  const bool leaky = activation == Activation::kLeakyRelu && task.slope > 1e-30 && task.slope <= 1;
  if constexpr (V::width > 1) {
    if (leaky || activation == Activation::kNone) return run(Finish<V, true>(task));
  }
  run(Finish<V, false>(task));
}

template <class V, class T>
AIGC_INLINE void put(V v, T* to, int64_t count) {
  if (count >= V::width) {
    v.store(to);
  } else {
    store(v, to, Lanes<V>(0, count));
  }
}

}  // namespace
}  // namespace aigc_assets::fir
