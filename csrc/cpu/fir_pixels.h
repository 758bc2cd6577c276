// Resampling in NHWC: rows of images.
#pragma once

#include "fir_filter.h"

namespace aigc_assets::fir {
namespace {

constexpr int kChannels = 256;  // that run at once: what they need stays in the first-level cache

template <class V, class T, int N, class Finish>
void up_rows(const Task& task, const Finish& finish, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kReach = reach_of(N), kWindow = window_of(N), kSecond = second_of(N);
  using Some = Block<V, T>;
  // The columns around a pixel, doubled in height.
  alignas(64) F ring[kWindow][2 * kChannels];
  alignas(64) F offsets[kChannels];  // the bias, in the order of what is computed
  const Phases<V, N> phases(task);
  const int64_t height = task.height, width = task.width, channels = task.channels;
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
    for (int64_t c = 0; c < channels; c += kChannels) {
      const int64_t count = channels - c < kChannels ? channels - c : kChannels;
      const F* const bias = static_cast<const F*>(task.bias) + c;
      for (int64_t d = 0; d < count; d += Some::width) {
        const Some some = Some::numbers(bias + d, count - d);
        for (int n = 0; n < Some::vectors; ++n) some.v[n].store(offsets + d + n * V::width);
      }
      F* columns[kWindow];  // upper numbers, then lower ones
      for (int k = 0; k < kWindow; ++k) columns[k] = ring[k];
      std::memset(ring, 0, sizeof ring);
      const auto append_column = [&](int64_t j) {
        F* const oldest = columns[0];
        for (int k = 0; k + 1 < kWindow; ++k) columns[k] = columns[k + 1];
        columns[kWindow - 1] = oldest;
        const bool inside = j < width;
        for (int64_t d = 0; d < count; d += Some::width) {
          Some near[kWindow];
          for (int k = 0; k < kWindow; ++k) {
            near[k] = inside && rows[k] != nullptr
                          ? Some::load(rows[k] + j * channels + c + d, count - d)
                          : Some::zeros();
          }
          for (int n = 0; n < Some::vectors; ++n) {
            const auto read = [&](int k) { return near[k].v[n]; };
            F* const to = oldest + d + n * V::width;
            phases.sum(0, 0, read).store(to);
            phases.sum(1, kSecond, read).store(to + kChannels);
          }
        }
      };
      for (int64_t j = 0; j < kReach; ++j) append_column(j);
      for (int64_t j = 0; j < width; ++j) {
        append_column(j + kReach);
        V own[4];  // noise of the four pixels
        if (noise != nullptr) {
          for (int p = 0; p < 4; ++p) {
            own[p] = V(widen(noise[p / 2 * 2 * width + 2 * j + p % 2]));
          }
        }
        T* const out = y + 2 * j * channels + c;
        for (int64_t d = 0; d < count; d += Some::width) {
          const auto emit = [&](int p, int phase, T* to) {
            Some z;
            for (int n = 0; n < Some::vectors; ++n) {
              const int64_t from = p / 2 * kChannels + d + n * V::width;
              V sum = phases.add(phase, V::load(offsets + d + n * V::width), phase * kSecond,
                                 [&](int k) { return V::load(columns[k] + from); });
              if (noise != nullptr) sum = sum + own[p];
              z.v[n] = finish(sum);
            }
            z.store(to, count - d, task.past_caches);
          };
          emit(0, 0, out + d);
          emit(1, 1, out + channels + d);
          emit(2, 0, out + out_row + d);
          emit(3, 1, out + out_row + channels + d);
        }
      }
    }
  }
  publish(task.past_caches);
}

template <class V, class T, int N>
void up_pixels(const Task& task, int64_t begin, int64_t end) {
  with_finish<V>(task, [&](const auto& finish) { up_rows<V, T, N>(task, finish, begin, end); });
}

template <class V, class T, int N, class Finish>
void down_rows(const Task& task, const Finish& finish, int64_t begin, int64_t end) {
  using F = typename V::value_type;
  constexpr int kTaps = 2 * N;
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

template <class V, class T, int N>
void down_pixels(const Task& task, int64_t begin, int64_t end) {
  with_finish<V>(task, [&](const auto& finish) { down_rows<V, T, N>(task, finish, begin, end); });
}

}  // namespace
}  // namespace aigc_assets::fir
