// The CPU kernels themselves, once for every instruction set: include this after the target was
// switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "../alias_free.h"
#include "alias_free_tile.h"
#include "vector.h"

namespace aigc_assets::alias_free {
namespace {

// Room for a tile, the neighbours its filters need, and one vector past the end.
constexpr int kRoom = static_cast<int>(kTile) + 6 * kReach + 2 * 16;

// Copies samples [first, first + count) of a row as numbers of type F, then zeroes one vector.
// `outside(i)` gives what stands for a sample that does not exist.
template <class V, class T, class Outside>
void gather(const T* row, int64_t length, int64_t first, int count, typename V::value_type* to,
            Outside outside) {
  const int64_t after = first + count;
  const int begin = first < 0 ? static_cast<int>(-first) : 0;
  const int end = after > length ? static_cast<int>(length - first) : count;
  for (int i = 0; i < begin; ++i) to[i] = outside(first + i);
  int i = begin;
  for (; i + V::width <= end; i += V::width) V::load(row + first + i).store(to + i);
  for (; i < end; ++i) to[i] = widen(row[first + i]);
  for (i = end < 0 ? 0 : end; i < count; ++i) to[i] = outside(first + i);
  for (i = count; i < count + V::width; ++i) to[i] = 0;
}

// Reads V at samples i + offset of an array.
template <class V>
struct Reader {
  const typename V::value_type* at;
  AIGC_INLINE V operator()(int offset) const { return V::load(at + offset); }
};

template <class V, class T>
void scatter(const typename V::value_type* from, int count, T* to) {
  int i = 0;
  for (; i + V::width <= count; i += V::width) V::load(from + i).store(to + i);
  for (; i < count; ++i) narrow(from[i], to + i);
}

// Adds vectors up: a few in V, the rest in float64, so that long rows lose nothing.
template <class V>
class Sum {
 public:
  // Written out: what the compiler makes by itself is made for any processor.
  AIGC_INLINE Sum() : some_(0.0) {}
  AIGC_INLINE void add(V value) {
    some_ = some_ + value;
    if (++count_ == kSome) flush();
  }
  AIGC_INLINE double total() {
    flush();
    return total_;
  }

 private:
  static constexpr int kSome = V::width > 1 ? 8 : 1;
  AIGC_INLINE void flush() {
    total_ += some_.sum();
    some_ = V(0.0);
    count_ = 0;
  }

  V some_;
  double total_ = 0;
  int count_ = 0;
};

// Sample k of an array for every lane. A load that straddles two lines of the cache takes as long
// as two products: what is used twice stays in a register, and where `at` is aligned, half of the
// neighbours are shifted together from two whole lines, which keeps the other unit busy.
template <class V>
AIGC_INLINE V keep(V v) {
  return v;
}
template <int k, class V>
AIGC_INLINE V around(const typename V::value_type* at) {
  return V::load(at + k);
}
#if defined(AIGC_TARGET_AVX512)
AIGC_INLINE Vector keep(Vector v) {
  asm("" : "+v"(v.v));
  return v;
}
template <int k>
AIGC_INLINE Vector shifted(const float* at) {
  constexpr int from = k < 0 ? -16 : 0;
  const __m512i low = _mm512_load_si512(at + from), high = _mm512_load_si512(at + from + 16);
  return _mm512_castsi512_ps(_mm512_alignr_epi32(high, low, k - from));
}
template <>
AIGC_INLINE Vector around<-1, Vector>(const float* at) {
  return shifted<-1>(at);
}
template <>
AIGC_INLINE Vector around<1, Vector>(const float* at) {
  return shifted<1>(at);
}
#elif defined(AIGC_TARGET_AVX2)
AIGC_INLINE Vector keep(Vector v) {
  asm("" : "+x"(v.v));
  return v;
}
#endif

// What one channel's samples go through. With a vector, the doubled signal is measured in half
// turns of the sine: the filters take the factor |alpha|/pi in and out again at no cost, the phase
// is what remains of a number behind its point, and one polynomial, which holds the size of the
// bump as well, gives sin² without a sine.
//
// Several vectors go in step, so that few sums wait for their own last term.
template <class V>
struct Channel {
  static constexpr int kAtOnce = 4;
  V up[6], down[6], bump[6];  // filters: the odd taps in falling order; backwards, the even ones

  AIGC_INLINE Channel(double alpha, double inverse_beta) {
    double scale = (alpha < 0 ? -alpha : alpha) * 0.31830988618379067;
    if (!(scale > 1e-17)) {  // the sine is too small to be seen beside any u
      scale = 1;
      inverse_beta = 0;
    }
    const double back = 1 / scale;
    for (int k = 0; k < 6; ++k) {
      up[k] = V(2 * scale * tap<double>(11 - 2 * k));
      down[k] = V(back * tap<double>(11 - 2 * k));
      bump[k] = V(bump_coefficient(k) * scale * inverse_beta);
    }
  }
  template <int N>
  AIGC_INLINE void bend(V (&t)[N]) const {
    V z[N], p[N];
    for (int n = 0; n < N; ++n) z[n] = beyond_whole(t[n]);
    for (int n = 0; n < N; ++n) z[n] = z[n] * z[n];
    for (int n = 0; n < N; ++n) p[n] = multiply_add(bump[5], z[n], bump[4]);
    for (int k = 3; k >= 0; --k) {
      for (int n = 0; n < N; ++n) p[n] = multiply_add(p[n], z[n], bump[k]);
    }
    for (int n = 0; n < N; ++n) t[n] = multiply_add(p[n], z[n], t[n]);
  }
};

template <class F>
struct Channel<Scalar<F>> {
  static constexpr int kAtOnce = 1;
  using V = Scalar<F>;
  V up[6], down[6], alpha, inverse_beta;

  AIGC_INLINE Channel(double a, double b) : alpha(a), inverse_beta(b) {
    for (int k = 0; k < 6; ++k) {
      up[k] = V(2 * tap<double>(11 - 2 * k));
      down[k] = V(tap<double>(11 - 2 * k));
    }
  }
  template <int N>
  AIGC_INLINE void bend(V (&u)[N]) const {
    for (int n = 0; n < N; ++n) u[n] = snake(u[n], alpha, inverse_beta);
  }
};

// The bent even and odd samples at N vectors of x.
template <int N, class V>
AIGC_INLINE void bend_vectors(const Channel<V>& channel, const typename V::value_type* x,
                              typename V::value_type* even, typename V::value_type* odd) {
  V t[2 * N];  // even, odd, even, odd, ..
  for (int k = 0; k <= 6; ++k) {
    for (int n = 0; n < N; ++n) {
      const V near = keep(V::load(x + n * V::width + k - kReach));
      if (k == 0) t[2 * n] = channel.up[0] * near;
      if (k == 1) t[2 * n + 1] = channel.up[5] * near;
      if (k > 0 && k < 6) t[2 * n] = multiply_add(channel.up[k], near, t[2 * n]);
      if (k > 1) t[2 * n + 1] = multiply_add(channel.up[6 - k], near, t[2 * n + 1]);
    }
  }
  channel.bend(t);
  for (int n = 0; n < N; ++n) {
    t[2 * n].store(even + n * V::width);
    t[2 * n + 1].store(odd + n * V::width);
  }
}

// N vectors of the result; with `aligned`, even and odd begin at whole lines.
template <int N, bool aligned, class V>
AIGC_INLINE void decimate_vectors(const Channel<V>& channel, const typename V::value_type* even,
                                  const typename V::value_type* odd, V (&y)[N]) {
  const auto add = [&](auto k, const typename V::value_type* from, V weight) {
    for (int n = 0; n < N; ++n) {
      constexpr int offset = decltype(k)::value;
      V near;
      if constexpr (aligned) {
        near = around<offset, V>(from + n * V::width);
      } else {
        near = V::load(from + n * V::width + offset);
      }
      y[n] = multiply_add(weight, near, y[n]);
    }
  };
  using std::integral_constant;
  const V(&tap)[6] = channel.down;
  for (int n = 0; n < N; ++n) y[n] = tap[0] * V::load(odd + n * V::width - 3);
  add(integral_constant<int, -2>(), odd, tap[1]);
  add(integral_constant<int, -1>(), odd, tap[2]);
  add(integral_constant<int, 0>(), odd, tap[3]);
  add(integral_constant<int, 1>(), odd, tap[4]);
  add(integral_constant<int, 2>(), odd, tap[5]);
  add(integral_constant<int, -2>(), even, tap[5]);
  add(integral_constant<int, -1>(), even, tap[4]);
  add(integral_constant<int, 0>(), even, tap[3]);
  add(integral_constant<int, 1>(), even, tap[2]);
  add(integral_constant<int, 2>(), even, tap[1]);
  add(integral_constant<int, 3>(), even, tap[0]);
}

// Samples [from, to) around `begin` of a row, to[s - begin] being sample s; beyond its ends the row
// repeats its last sample. Whole vectors are written, up to one too many on either side.
template <class V, class T>
void copy_extended(const T* row, int64_t length, int64_t begin, int64_t from, int64_t until,
                   typename V::value_type* to) {
  const int64_t first = from < 0 ? 0 : from, last = until > length ? length : until;
  typename V::value_type* const at = to + (first - begin);
  const int64_t count = last - first;
  int64_t i = 0;
  for (; i + V::width <= count; i += V::width) V::load(row + first + i).store(at + i);
  if (i < count && count >= V::width) {
    V::load(row + last - V::width).store(at + count - V::width);
  } else {
    for (; i < count; ++i) at[i] = widen(row[first + i]);
  }
  const V front(widen(row[0])), back(widen(row[length - 1]));
  for (i = first - V::width; i > from - V::width; i -= V::width) front.store(to + (i - begin));
  for (i = last; i < until; i += V::width) back.store(to + (i - begin));
}

template <class V, class T>
void forward_tile(const ForwardTile& tile) {
  using F = typename V::value_type;
  constexpr int kBefore = V::width > kReach ? V::width : kReach;  // whole vectors
  constexpr int kMargin = 2 * 16;                                 // at least kBefore and a reach
  alignas(64) F wave[kTile + 3 * kMargin], evens[kTile + 3 * kMargin], odds[kTile + 3 * kMargin];
  const int64_t length = tile.length, begin = tile.begin;
  const int count = static_cast<int>(tile.end - begin);
  const bool is_first = begin == 0;
  const Channel<V> channel(tile.alpha, tile.inverse_beta);

  // Index 0 is the first sample of the tile, everywhere. The neighbours of the tile are bent too,
  // in whole vectors.
  const T* const row = static_cast<const T*>(tile.x);
  F *const even = evens + kMargin, *const odd = odds + kMargin;
  const int from = is_first ? 0 : -kBefore;
  const int wanted = count + kReach;
  const int until = length - begin < wanted ? static_cast<int>(length - begin) : wanted;
  const int beyond = (until + V::width - 1) / V::width * V::width + kReach;  // the last one read
  const F* x = wave + kMargin;
  if constexpr (std::is_same_v<T, F>) {
    if (!is_first && begin + beyond <= length) x = row + begin;
  }
  if (x == wave + kMargin) {
    copy_extended<V>(row, length, begin, begin + from - kReach, begin + beyond, wave + kMargin);
  }
  constexpr int kAtOnce = Channel<V>::kAtOnce / 2 > 0 ? Channel<V>::kAtOnce / 2 : 1;
  int i = from;
  for (; i + (kAtOnce - 1) * V::width < until; i += kAtOnce * V::width) {
    bend_vectors<kAtOnce>(channel, x + i, even + i, odd + i);
  }
  for (; i < until; i += V::width) bend_vectors<1>(channel, x + i, even + i, odd + i);
  if (is_first) {
    const V first(even[0]);
    for (int i = -kBefore; i < 0; i += V::width) {
      first.store(even + i);
      first.store(odd + i);
    }
  }
  if (until < wanted) {
    const V last(odd[until - 1]);
    for (int i = until; i < wanted; i += V::width) {
      last.store(even + i);
      last.store(odd + i);
    }
  }

  T* const y = static_cast<T*>(tile.y) + begin;
  constexpr int kOut = Channel<V>::kAtOnce;
  for (i = 0; i + kOut * V::width <= count; i += kOut * V::width) {
    V out[kOut];
    decimate_vectors<kOut, true>(channel, even + i, odd + i, out);
    for (int n = 0; n < kOut; ++n) out[n].store(y + i + n * V::width);
  }
  V out[1];
  for (; i + V::width <= count; i += V::width) {
    decimate_vectors<1, true>(channel, even + i, odd + i, out);
    out[0].store(y + i);
  }
  if (i < count && count >= V::width) {  // once more some of what is there already
    i = count - V::width;
    decimate_vectors<1, false>(channel, even + i, odd + i, out);
    out[0].store(y + i);
  } else if (i < count) {
    F few[V::width];
    decimate_vectors<1, true>(channel, even, odd, out);
    out[0].store(few);
    for (; i < count; ++i) narrow(few[i], y + i);
  }
}

template <class V, class T>
void backward_tile(const BackwardTile& tile) {
  using F = typename V::value_type;
  alignas(64) F x[kRoom], grad[kRoom], even_grad[kRoom], odd_grad[kRoom], even[kRoom], odd[kRoom];
  F* const dx = grad;  // not needed any more once the gradient is interpolated
  const int64_t length = tile.length;
  const int count = static_cast<int>(tile.end - tile.begin);
  const int wide = count + 4 * kReach;
  const V alpha(tile.alpha), inverse_beta(tile.inverse_beta);

  // x[i] and grad[i] are sample begin - 9 + i; the four others belong to sample begin - 6 + i.
  const T* row = static_cast<const T*>(tile.x);
  const F first = widen(row[0]), last = widen(row[length - 1]);
  gather<V>(row, length, tile.begin - 3 * kReach, wide + 2 * kReach, x,
            [=](int64_t i) { return i < 0 ? first : last; });
  const T* grad_row = static_cast<const T*>(tile.grad);
  gather<V>(grad_row, length, tile.begin - 3 * kReach, wide + 2 * kReach, grad,
            [](int64_t) { return F(0); });

  for (int i = 0; i < wide; i += V::width) {
    const Reader<V> read{grad + i + kReach};
    sum_before<V>(read).store(even_grad + i);
    sum_after<V>(read).store(odd_grad + i);
  }
  const int start = static_cast<int>(2 * kReach - tile.begin);          // sample 0
  const int stop = static_cast<int>(length - tile.begin) + 2 * kReach;  // sample length
  if (start >= 0) {
    even_grad[start] +=
        fold_interpolated<Scalar<F>>([&](int i) { return Scalar<F>(grad[start + kReach + i]); }).v;
  }
  if (stop <= wide) {
    odd_grad[stop - 1] += fold_interpolated<Scalar<F>>([&](int i) {
                            const int at = stop - 1 + kReach - i;
                            return at >= 0 ? Scalar<F>(grad[at]) : Scalar<F>(0);
                          }).v;
  }

  Sum<V> alpha_sum, beta_sum;
  const auto bend = [&](int i, int own) {
    const Reader<V> read{x + i + kReach};
    const V u0 = V(2.0) * sum_before<V>(read), u1 = V(2.0) * sum_after<V>(read);
    const auto g0 = snake_gradient(u0, alpha, inverse_beta, V::load(even_grad + i));
    const auto g1 = snake_gradient(u1, alpha, inverse_beta, V::load(odd_grad + i));
    g0.u.store(even + i);
    g1.u.store(odd + i);
    if (own > 0) {
      alpha_sum.add((g0.alpha + g1.alpha).first(own));
      beta_sum.add((g0.beta + g1.beta).first(own));
    }
  };
  // The neighbours of the tile on both sides, then its own samples, which alone count in the sums.
  for (int i = 0; i < 2 * kReach; i += V::width) bend(i, 0);
  for (int i = count + 2 * kReach; i < wide; i += V::width) bend(i, 0);
  for (int i = 0; i < count; i += V::width) {
    bend(i + 2 * kReach, count - i < V::width ? count - i : V::width);
  }
  for (int i = 0; i < start; ++i) even[i] = odd[i] = 0;
  for (int i = stop; i < wide; ++i) even[i] = odd[i] = 0;
  for (int i = wide; i < wide + V::width; ++i) even[i] = odd[i] = 0;

  // dx[i] is sample begin + i.
  for (int i = 0; i < count; i += V::width) {
    const Reader<V> from_even{even + i + 2 * kReach}, from_odd{odd + i + 2 * kReach};
    (V(2.0) * decimate<V>(from_even, from_odd)).store(dx + i);
  }
  const auto at = [](const F* array, int i, int bound) {
    return i >= 0 && i < bound ? Scalar<F>(array[i]) : Scalar<F>(0);
  };
  if (tile.begin == 0) {
    dx[0] += 2 * fold_decimated<Scalar<F>>([&](int i) { return at(even, start + i, wide); },
                                           [&](int i) { return at(odd, start + i, wide); })
                     .v;
  }
  if (tile.end == length) {
    dx[count - 1] +=
        2 * fold_decimated<Scalar<F>>([&](int i) { return at(odd, stop - 1 - i, wide); },
                                      [&](int i) { return at(even, stop - 1 - i, wide); })
                .v;
  }
  scatter<V>(dx, count, static_cast<T*>(tile.dx) + tile.begin);
  *tile.dalpha = alpha_sum.total();
  *tile.dbeta = beta_sum.total();
}

void forward(Format format, const ForwardTile& tile) {
  switch (format) {
    case Format::kFloat32:
      return forward_tile<Vector, float>(tile);
    case Format::kFloat16:
      return forward_tile<Vector, float16>(tile);
    case Format::kBfloat16:
      return forward_tile<Vector, bfloat16>(tile);
    case Format::kFloat64:
      return forward_tile<Scalar<double>, double>(tile);
    case Format::kInt8:
      break;
  }
}

void backward(Format format, const BackwardTile& tile) {
  switch (format) {
    case Format::kFloat32:
      return backward_tile<Vector, float>(tile);
    case Format::kFloat16:
      return backward_tile<Vector, float16>(tile);
    case Format::kBfloat16:
      return backward_tile<Vector, bfloat16>(tile);
    case Format::kFloat64:
      return backward_tile<Scalar<double>, double>(tile);
    case Format::kInt8:
      break;
  }
}

}  // namespace
}  // namespace aigc_assets::alias_free
