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

// What one channel's samples go through. With a vector, the doubled signal is measured in half
// turns of the sine: the filters take the factor |alpha|/pi in and out again at no cost, the phase
// is what remains of a number behind its point, and one polynomial, which holds the size of the
// bump as well, gives sin² without a sine.
template <class V>
struct Channel {
  V up[6], down[6], bump[6];

  AIGC_INLINE Channel(double alpha, double inverse_beta) {
    double scale = (alpha < 0 ? -alpha : alpha) * 0.31830988618379067;
    if (!(scale > 1e-17)) {  // the sine is too small to be seen beside any u
      scale = 1;
      inverse_beta = 0;
    }
    const double back = 1 / scale;
    for (int k = 0; k < 6; ++k) {
      up[k] = V(2 * scale * tap<double>(k));
      down[k] = V(back * tap<double>(k));
      bump[k] = V(bump_coefficient(k) * scale * inverse_beta);
    }
  }
  AIGC_INLINE V bend(V t) const {
    const V r = beyond_whole(t), z = r * r;
    V p = multiply_add(bump[5], z, bump[4]);
    p = multiply_add(p, z, bump[3]);
    p = multiply_add(p, z, bump[2]);
    p = multiply_add(p, z, bump[1]);
    return multiply_add(multiply_add(p, z, bump[0]), z, t);
  }
};

template <class F>
struct Channel<Scalar<F>> {
  using V = Scalar<F>;
  V up[6], down[6], alpha, inverse_beta;

  AIGC_INLINE Channel(double a, double b) : alpha(a), inverse_beta(b) {
    for (int k = 0; k < 6; ++k) {
      up[k] = V(2 * tap<double>(k));
      down[k] = V(tap<double>(k));
    }
  }
  AIGC_INLINE V bend(V u) const { return snake(u, alpha, inverse_beta); }
};

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
  for (int i = from; i < until; i += V::width) {
    const Reader<V> read{x + i};
    channel.bend(add_before(channel.up, V(0.0), read)).store(even + i);
    channel.bend(add_after(channel.up, V(0.0), read)).store(odd + i);
  }
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
  const auto decimated = [&](int i) {
    const V sum = add_after(channel.down, V(0.0), Reader<V>{even + i});
    return add_before(channel.down, sum, Reader<V>{odd + i});
  };
  int i = 0;
  for (; i + V::width <= count; i += V::width) decimated(i).store(y + i);
  if (i < count && count >= V::width) {
    decimated(count - V::width).store(y + count - V::width);
  } else if (i < count) {
    F few[V::width];
    decimated(i).store(few);
    for (int k = 0; i + k < count; ++k) narrow(few[k], y + i + k);
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
