// Resampling in NCHW: bands of planes.
#pragma once

#include "fir_filter.h"

namespace aigc_assets::fir {
namespace {

constexpr int kMargin = 16;  // beside a row: at least one vector, and any reach

// Columns and rows of the smaller image that are doubled at once.
constexpr int kMostRows = 16;
constexpr int kRoom = 2 * kMostRows * (16 + 2 * kMargin);

// Doubles rows in width and finishes them. `from` are the rows, `step` numbers apart, each at the
// beginning of a line of the cache; those of the result are `out_step` apart.
template <class V, class T, int N, class Finish>
__attribute__((noinline)) void widen_rows(const Phases<V, N>& phases_, const Finish& finish_,
                                          V bias, const typename V::value_type* from, int step,
                                          int rows, int columns, const T* noise, T* to,
                                          int64_t out_step, bool past_caches) {
  constexpr int kReach = reach_of(N), kWindow = window_of(N), kSecond = second_of(N);
  const Phases<V, N> phases = phases_;
  const Finish finish = finish_;
  const auto widen_vector = [&](int c, int count) {
    V near[kWindow];
    around<kReach>(from + c, near);
    const auto read = [&](int k) { return near[k]; };
    auto z = Pair<V, T>::woven(phases.add(0, bias, 0, read), phases.add(1, bias, kSecond, read));
    if (noise != nullptr) {
      const auto added = Pair<V, T>::load(noise + 2 * c, count);
      z.a = z.a + added.a;
      z.b = z.b + added.b;
    }
    z.a = finish(z.a);
    z.b = finish(z.b);
    z.store(to + 2 * c, count, past_caches);
  };
  constexpr int kWhole = Pair<V, T>::width;
  const int whole = columns / V::width * V::width;
  for (int r = 0; r < rows; ++r, from += step, to += out_step) {
    for (int c = 0; c < whole; c += V::width) widen_vector(c, kWhole);
    if (whole < columns) widen_vector(whole, 2 * (columns - whole));
    if (noise != nullptr) noise += out_step;
  }
}

template <class V, class T, int N, class Finish>
void up_bands(const Task& task, const Finish& finish, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kWindow = window_of(N), kSecond = second_of(N);
  constexpr int kBefore = V::width > kReach ? V::width : kReach;  // whole vectors
  // Rows that are doubled in height and not yet in width; many, because what was just written
  // cannot be read at once with an offset.
  alignas(64) F room[kRoom > 2 * (kColumns + 2 * kMargin) ? kRoom : 2 * (kColumns + 2 * kMargin)];
  const Phases<V, N> phases(task);
  const int64_t height = task.height, width = task.width;
  const int64_t bands = (height + kBand - 1) / kBand;
  const bool whole = width <= kColumns;
  const int widest = static_cast<int>(whole ? width : kColumns);
  const int step = (widest + V::width - 1) / V::width * V::width + 2 * kMargin;
  const int fitting = static_cast<int>(sizeof room / sizeof(F)) / (2 * step);
  const int most = fitting < kMostRows ? fitting : kMostRows;
  if (whole) std::memset(room, 0, sizeof room);  // the columns beyond the image, once for all
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / bands, first = unit % bands * kBand;
    const int64_t last = first + kBand < height ? first + kBand : height;
    const T* const x = static_cast<const T*>(task.x) + plane * height * width;
    T* const y = static_cast<T*>(task.y) + plane * 4 * height * width;
    const T* const noise = task.noise == nullptr ? nullptr
                                                 : static_cast<const T*>(task.noise) +
                                                       plane / task.channels * task.noise_step;
    const V bias(static_cast<const F*>(task.bias)[plane % task.channels]);
    for (int64_t left = 0; left < width; left += kColumns) {
      const int columns = static_cast<int>(width - left < kColumns ? width - left : kColumns);
      for (int64_t top = first; top < last; top += most) {
        const int rows = static_cast<int>(last - top < most ? last - top : most);
        const int from = whole ? 0 : -kBefore, until = whole ? columns : columns + kReach;
        for (int c = from; c < until; c += V::width) {
          const int64_t at = left + c;
          const bool inside = at >= 0 && at + V::width <= width;
          const Lanes<V> lanes(-at, width - at);
          const auto read = [&](int64_t row) {
            if (row < 0 || row >= height) return V(0.0);
            return inside ? V::load(x + row * width + at) : load(x + row * width + at, lanes);
          };
          V near[kWindow];
          for (int k = 0; k + 1 < kWindow; ++k) near[k + 1] = read(top - kReach + k);
          F* to = room + kMargin + c;
          for (int r = 0; r < rows; ++r, to += 2 * step) {
            for (int k = 0; k + 1 < kWindow; ++k) near[k] = near[k + 1];
            near[kWindow - 1] = read(top + r + kReach);
            phases.sum(0, 0, [&](int k) { return near[k]; }).store(to);
            phases.sum(1, kSecond, [&](int k) { return near[k]; }).store(to + step);
          }
        }
        const int64_t out = top * 4 * width + 2 * left;
        widen_rows<V, T, N>(phases, finish, bias, room + kMargin, step, 2 * rows, columns,
                            noise == nullptr ? nullptr : noise + out, y + out, 2 * width,
                            task.past_caches);
      }
    }
  }
  publish(task.past_caches);
}

template <class V, class T, int N>
void up_planes(const Task& task, int64_t begin, int64_t end) {
  with_finish<V>(task, [&](const auto& finish) { up_bands<V, T, N>(task, finish, begin, end); });
}

template <class V, class T, int N, class Finish>
void down_bands(const Task& task, const Finish& finish, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kSecond = second_of(N), kTaps = 2 * N;
  constexpr int kBefore = V::width > kReach ? V::width : kReach;  // whole vectors
  // One row, already halved in height, its even and odd columns apart. Two of them in turn: a row
  // is read with an offset, which has to wait for what was just written.
  alignas(64) F even[2][kColumns + 3 * kMargin], odd[2][kColumns + 3 * kMargin];
  const Phases<V, N> phases(task);
  V column[kTaps];
  in_order<V, N>(task, column);
  const int64_t height = task.height, width = task.width;
  const int64_t out_height = height / 2, out_width = width / 2;
  const int64_t bands = (out_height + kBand - 1) / kBand;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / bands, first = unit % bands * kBand;
    const int64_t last = first + kBand < out_height ? first + kBand : out_height;
    const T* const x = static_cast<const T*>(task.x) + plane * height * width;
    T* const y = static_cast<T*>(task.y) + plane * out_height * out_width;
    const T* const noise = task.noise == nullptr ? nullptr
                                                 : static_cast<const T*>(task.noise) +
                                                       plane / task.channels * task.noise_step;
    const V bias(static_cast<const F*>(task.bias)[plane % task.channels]);
    for (int64_t left = 0; left < out_width; left += kColumns) {
      const int64_t rest = out_width - left;
      const int columns = static_cast<int>(rest < kColumns ? rest : kColumns);
      const auto halve_columns = [&](int64_t m) {
        const int64_t top = 2 * m - (N - 1);
        const int from = top < 0 ? static_cast<int>(-top) : 0;
        const int to = top + kTaps > height ? static_cast<int>(height - top) : kTaps;
        const T* const rows = x + top * width;
        for (int c = -kBefore; c < columns + kReach; c += V::width) {
          const int64_t at = 2 * (left + c);
          V low(0.0), high(0.0);
          if (at >= 0 && at + 2 * V::width <= width) {
            for (int k = from; k < to; ++k) {
              low = multiply_add(column[k], V::load(rows + k * width + at), low);
              high = multiply_add(column[k], V::load(rows + k * width + at + V::width), high);
            }
          } else {
            const Lanes<V> near(-at, width - at), far(-at - V::width, width - at - V::width);
            for (int k = from; k < to; ++k) {
              low = multiply_add(column[k], load(rows + k * width + at, near), low);
              high = multiply_add(column[k], load(rows + k * width + at + V::width, far), high);
            }
          }
          V evens, odds;
          deinterleave(low, high, &evens, &odds);
          evens.store(even[m % 2] + kMargin + c);
          odds.store(odd[m % 2] + kMargin + c);
        }
      };
      halve_columns(first);
      for (int64_t m = first; m < last; ++m) {
        if (m + 1 < last) halve_columns(m + 1);
        for (int c = 0; c < columns; c += V::width) {
          const F* const from_even = even[m % 2] + kMargin + c - kReach;
          const F* const from_odd = odd[m % 2] + kMargin + c - kReach;
          V z = phases.add(0, bias, 0, [&](int k) { return V::load(from_odd + k); });
          z = phases.add(1, z, kSecond, [&](int k) { return V::load(from_even + k); });
          const int64_t out = m * out_width + left + c, count = columns - c;
          if (noise != nullptr) z = z + load(noise + out, Lanes<V>(0, count));
          put(finish(z), y + out, count);
        }
      }
    }
  }
}

template <class V, class T, int N>
void down_planes(const Task& task, int64_t begin, int64_t end) {
  with_finish<V>(task, [&](const auto& finish) { down_bands<V, T, N>(task, finish, begin, end); });
}

}  // namespace
}  // namespace aigc_assets::fir
