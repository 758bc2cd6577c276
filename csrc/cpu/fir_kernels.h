// The CPU kernels themselves, once for every instruction set: include this after the target was
// switched on. All of it is in a nameless namespace; see vector.h.
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
  // Sum from x(from) on, added to what there is.
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

// What follows the filter: activation, gain, bound.
template <class V>
struct Finish {
  Activation activation;
  V slope, gain, bound;

  AIGC_INLINE explicit Finish(const Task& task)
      : activation(static_cast<Activation>(task.activation)),
        slope(task.slope),
        gain(task.gain),
        bound(task.bound) {}
  AIGC_INLINE V operator()(V z) const {
    const V y = activate(z, activation, slope) * gain;
    // In this order a NaN passes.
    return minimum(bound, maximum(V(0.0) - bound, y));
  }
};

template <class V, class T>
AIGC_INLINE void put(V v, T* to, int64_t count) {
  if (count >= V::width) {
    v.store(to);
  } else {
    store(v, to, Lanes<V>(0, count));
  }
}

// Doubles a row from column `at` on, for one vector of columns; without a row, zeros.
template <class V, class T, int N>
AIGC_INLINE void double_row(const Phases<V, N>& phases, const T* row, int64_t at, int64_t width,
                            V* low, V* high) {
  constexpr int kReach = reach_of(N), kWindow = window_of(N);
  if (row == nullptr) {
    *low = *high = V(0.0);
    return;
  }
  V x[kWindow];
  if (at >= kReach && at + V::width + kReach <= width) {
    for (int k = 0; k < kWindow; ++k) x[k] = V::load(row + at + k - kReach);
  } else {
    for (int k = 0; k < kWindow; ++k) {
      const int64_t from = at + k - kReach;
      x[k] = load(row + from, Lanes<V>(-from, width - from));
    }
  }
  const auto read = [&](int k) { return x[k]; };
  interleave(phases.add(0, V(0.0), 0, read), phases.add(1, V(0.0), second_of(N), read), low, high);
}

template <class V, class T, int N>
void up_planes(const Task& task, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kWindow = window_of(N), kSecond = second_of(N);
  // Doubled rows: those of the input rows around the one whose two output rows are computed.
  alignas(64) F ring[kWindow][2 * kColumns + V::width];
  const Phases<V, N> phases(task);
  const Finish<V> finish(task);
  const int64_t height = task.height, width = task.width;
  const int64_t bands = (height + kBand - 1) / kBand;
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
      const auto row_at = [&](int64_t i) { return i >= 0 && i < height ? x + i * width : nullptr; };
      F* rows[kWindow];
      for (int k = 0; k < kWindow; ++k) rows[k] = ring[k];
      for (int k = 0; k + 1 < kWindow; ++k) {
        for (int c = 0; c < columns; c += V::width) {
          V low, high;
          double_row(phases, row_at(first - kReach + k), left + c, width, &low, &high);
          low.store(rows[k] + 2 * c);
          high.store(rows[k] + 2 * c + V::width);
        }
      }
      for (int64_t i = first; i < last; ++i) {
        const T* const source = row_at(i + kReach);
        const int64_t out = 4 * i * width + 2 * left;  // of the upper row
        const auto emit = [&](int at, V newest, int64_t count) {
          const auto read = [&](int k) { return k + 1 < kWindow ? V::load(rows[k] + at) : newest; };
          V upper = phases.add(0, bias, 0, read), lower = phases.add(1, bias, kSecond, read);
          if (noise != nullptr) {
            const T* const from = noise + out + at;
            const Lanes<V> lanes(0, count);
            upper = upper + load(from, lanes);
            lower = lower + load(from + 2 * width, lanes);
          }
          put(finish(upper), y + out + at, count);
          put(finish(lower), y + out + 2 * width + at, count);
        };
        for (int c = 0; c < columns; c += V::width) {
          V low, high;
          double_row(phases, source, left + c, width, &low, &high);
          low.store(rows[kWindow - 1] + 2 * c);
          high.store(rows[kWindow - 1] + 2 * c + V::width);
          const int64_t count = 2 * (columns - c);
          emit(2 * c, low, count);
          if (count > V::width) emit(2 * c + V::width, high, count - V::width);
        }
        F* const oldest = rows[0];
        for (int k = 0; k + 1 < kWindow; ++k) rows[k] = rows[k + 1];
        rows[kWindow - 1] = oldest;
      }
    }
  }
}

template <class V, class T, int N>
void down_planes(const Task& task, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kSecond = second_of(N), kTaps = 2 * N;
  constexpr int kBefore = V::width > kReach ? V::width : kReach;  // whole vectors
  constexpr int kMargin = 16;                                     // at least that
  // One row, already halved in height, its even and odd columns apart. Two of them in turn: a row
  // is read with an offset, which has to wait for what was just written.
  alignas(64) F even[2][kColumns + 3 * kMargin], odd[2][kColumns + 3 * kMargin];
  const Phases<V, N> phases(task);
  const Finish<V> finish(task);
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
void up_pixels(const Task& task, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kWindow = window_of(N), kSecond = second_of(N);
  const Phases<V, N> phases(task);
  const Finish<V> finish(task);
  const int64_t height = task.height, width = task.width, channels = task.channels;
  const F* const bias = static_cast<const F*>(task.bias);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / height, i = unit % height;
    const T* const x = static_cast<const T*>(task.x) + image * height * width * channels;
    const int64_t out_row = 2 * width * channels;
    T* const y = static_cast<T*>(task.y) + unit * 2 * out_row;
    const T* const noise = task.noise == nullptr ? nullptr
                                                 : static_cast<const T*>(task.noise) +
                                                       image * task.noise_step + i * 4 * width;
    const T* rows[kWindow];
    for (int k = 0; k < kWindow; ++k) {
      const int64_t row = i + k - kReach;
      rows[k] = row >= 0 && row < height ? x + row * width * channels : nullptr;
    }
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t c = 0; c < channels; c += V::width) {
        const int64_t count = channels - c;
        const Lanes<V> lanes(0, count);
        V even[kWindow], odd[kWindow];  // the rows around this one, doubled in width
        for (int r = 0; r < kWindow; ++r) {
          if (rows[r] == nullptr) {
            even[r] = odd[r] = V(0.0);
            continue;
          }
          V near[kWindow];
          for (int k = 0; k < kWindow; ++k) {
            const int64_t pixel = j + k - kReach;
            const T* const at = rows[r] + pixel * channels + c;
            if (pixel < 0 || pixel >= width) {
              near[k] = V(0.0);
            } else {
              near[k] = count >= V::width ? V::load(at) : load(at, lanes);
            }
          }
          const auto read = [&](int k) { return near[k]; };
          even[r] = phases.add(0, V(0.0), 0, read);
          odd[r] = phases.add(1, V(0.0), kSecond, read);
        }
        const V offset = load(bias + c, lanes);
        T* const out = y + 2 * j * channels + c;
        for (int p = 0; p < 2; ++p) {
          const int from_row = p == 0 ? 0 : kSecond;
          V z0 = phases.add(p, offset, from_row, [&](int r) { return even[r]; });
          V z1 = phases.add(p, offset, from_row, [&](int r) { return odd[r]; });
          if (noise != nullptr) {
            const T* const from = noise + p * 2 * width + 2 * j;
            z0 = z0 + V(widen(from[0]));
            z1 = z1 + V(widen(from[1]));
          }
          put(finish(z0), out + p * out_row, count);
          put(finish(z1), out + p * out_row + channels, count);
        }
      }
    }
  }
}

template <class V, class T, int N>
void down_pixels(const Task& task, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kTaps = 2 * N;
  const Finish<V> finish(task);
  const Phases<V, N> phases(task);
  V tap[kTaps];
  in_order<V, N>(task, tap);
  const int64_t height = task.height, width = task.width, channels = task.channels;
  const int64_t out_height = height / 2, out_width = width / 2;
  const F* const bias = static_cast<const F*>(task.bias);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / out_height, m = unit % out_height;
    const T* const x = static_cast<const T*>(task.x) + image * height * width * channels;
    T* const y = static_cast<T*>(task.y) + unit * out_width * channels;
    const T* const noise = task.noise == nullptr
                               ? nullptr
                               : static_cast<const T*>(task.noise) + image * task.noise_step;
    const int64_t top = 2 * m - (N - 1);
    const int row_from = top < 0 ? static_cast<int>(-top) : 0;
    const int row_to = top + kTaps > height ? static_cast<int>(height - top) : kTaps;
    for (int64_t n = 0; n < out_width; ++n) {
      const int64_t left = 2 * n - (N - 1);
      for (int64_t c = 0; c < channels; c += V::width) {
        const int64_t count = channels - c;
        const Lanes<V> lanes(0, count);
        V columns[kTaps];  // halved in height
        for (int k = 0; k < kTaps; ++k) {
          columns[k] = V(0.0);
          if (left + k < 0 || left + k >= width) continue;
          for (int r = row_from; r < row_to; ++r) {
            const T* const at = x + ((top + r) * width + left + k) * channels + c;
            const V value = count >= V::width ? V::load(at) : load(at, lanes);
            columns[k] = multiply_add(tap[r], value, columns[k]);
          }
        }
        // Odd columns first, as in planes: the bytes do not depend on the memory format.
        constexpr int kOdd = (N - 1) % 2 == 0 ? 1 : 0;
        V z = phases.add(0, load(bias + c, lanes), 0, [&](int j) { return columns[2 * j + kOdd]; });
        z = phases.add(1, z, 0, [&](int j) { return columns[2 * j + 1 - kOdd]; });
        if (noise != nullptr) z = z + V(widen(noise[m * out_width + n]));
        put(finish(z), y + n * channels + c, count);
      }
    }
  }
}

#define AIGC_FOR_EVERY_FILTER(function, V, T)     \
  switch (task.half) {                            \
    case 1:                                       \
      return function<V, T, 1>(task, begin, end); \
    case 2:                                       \
      return function<V, T, 2>(task, begin, end); \
    case 3:                                       \
      return function<V, T, 3>(task, begin, end); \
    default:                                      \
      return function<V, T, 4>(task, begin, end); \
  }
#define AIGC_FOR_EVERY_FORMAT(function)                                        \
  void function(Format format, const Task& task, int64_t begin, int64_t end) { \
    switch (format) {                                                          \
      case Format::kFloat32:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Vector, float)                         \
      case Format::kFloat16:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Vector, float16)                       \
      case Format::kBfloat16:                                                  \
        AIGC_FOR_EVERY_FILTER(function, Vector, bfloat16)                      \
      case Format::kFloat64:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Scalar<double>, double)                \
      case Format::kInt8:                                                      \
        break;                                                                 \
    }                                                                          \
  }

AIGC_FOR_EVERY_FORMAT(up_planes)
AIGC_FOR_EVERY_FORMAT(down_planes)
AIGC_FOR_EVERY_FORMAT(up_pixels)
AIGC_FOR_EVERY_FORMAT(down_pixels)

#undef AIGC_FOR_EVERY_FORMAT
#undef AIGC_FOR_EVERY_FILTER

}  // namespace
}  // namespace aigc_assets::fir
