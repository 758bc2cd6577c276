// First step of a unit: its input as a scratch image that lies pixel by pixel, with its margins.
// Include after the target was switched on.
#pragma once

#include <cstring>
#include <type_traits>

#include "phase_convolution_unit.h"
#include "transpose.h"
#include "vector.h"

namespace aigc_assets::phase_convolution {
namespace {

// The first `count` lanes from memory, zeros behind them.
template <class V, class T>
AIGC_INLINE V load_some(const T* from, int64_t count) {
  if (count >= V::width) return V::load(from);
  T lanes[V::width] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return V::load(lanes);
}

template <class V, class T>
AIGC_INLINE void store_some(V value, T* to, int64_t count) {
  if (count >= V::width) {
    value.store(to);
    return;
  }
  T lanes[V::width];
  value.store(lanes);
  for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

// The same without a way through memory.
#if defined(AIGC_TARGET_AVX512)
template <>
AIGC_INLINE Vector load_some<Vector, float>(const float* from, int64_t count) {
  if (count >= 16) return Vector::load(from);
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << (count < 0 ? 0 : count)) - 1u), from);
}
template <>
AIGC_INLINE void store_some<Vector, float>(Vector value, float* to, int64_t count) {
  if (count >= 16) return value.store(to);
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1u), value.v);
}
#elif defined(AIGC_TARGET_AVX2)
AIGC_INLINE __m256i first_lanes(int64_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
}
template <>
AIGC_INLINE Vector load_some<Vector, float>(const float* from, int64_t count) {
  if (count >= 8) return Vector::load(from);
  return _mm256_maskload_ps(from, first_lanes(count));
}
template <>
AIGC_INLINE void store_some<Vector, float>(Vector value, float* to, int64_t count) {
  if (count >= 8) return value.store(to);
  _mm256_maskstore_ps(to, first_lanes(count), value.v);
}
#endif

// Number i of parameters that have type T or are float32.
template <class F, class T>
AIGC_INLINE F value_at(const Values& values, int64_t i) {
  return values.is_float32 ? static_cast<F>(static_cast<const float*>(values.data)[i])
                           : static_cast<F>(widen(static_cast<const T*>(values.data)[i]));
}

// Copies pixels of T to pixels of S, `width` numbers each, zeros behind the channels.
template <class V, class T, class S>
class InputCopy {
  using F = typename V::value_type;

 public:
  InputCopy(const Problem& problem, const Unit& unit, int64_t width, const Room& room)
      : p_(problem),
        unit_(unit),
        width_(width),
        to_(static_cast<S*>(room.input)),
        scratch_(problem, unit) {
    column_ = scratch_.column * width_;
    if (p_.style.data != nullptr) style_ = static_cast<F*>(room.style);
  }

  void run() {
    for (int64_t b = 0; b < unit_.images; ++b) {
      if (style_ != nullptr) read_style(unit_.image + b);
      image(static_cast<const T*>(p_.x) + (unit_.image + b) * p_.x_batch, to_ + b * width_, b == 0);
    }
  }

 private:
  void read_style(int64_t image) {
    const int64_t first = image * p_.style.batch_stride;
    for (int64_t c = 0; c < p_.inputs; ++c) style_[c] = value_at<F, T>(p_.style, first + c);
    for (int64_t c = p_.inputs; c < width_; ++c) style_[c] = 0;
  }

  // The first image brings the zeros of all.
  void image(const T* image, S* to, bool is_first) const {
    const int64_t margin = p_.margin(), above = p_.row_margin();
    for (int64_t i = -above; i < unit_.rows + above; ++i, to += scratch_.pitch * width_) {
      int64_t row = unit_.row + i;
      if (p_.circular) row = row < 0 ? row + p_.height : row % p_.height;
      if (row < 0 || row >= p_.height) {
        if (is_first) zero(to, scratch_.pitch);
        continue;
      }
      // Columns before, within and after the image.
      const int64_t first = unit_.column - margin, last = unit_.column + unit_.columns + margin;
      const int64_t begin = first < 0 ? 0 : first, end = last > p_.width ? p_.width : last;
      const T* const from = image + row * p_.x_row;
      if (begin > first) outside(from, first, begin, to, is_first);
      copy(from, begin, end, to + (begin - first) * column_);
      if (last > end && scratch_.pitch == (last - first) * scratch_.column) {
        outside(from, end, last, to + (end - first) * column_, is_first);
      }
    }
    if (is_first) zero(to, 2 * margin * scratch_.column + kSlack);
  }

  void zero(S* to, int64_t pixels) const { std::memset(to, 0, pixels * width_ * sizeof(S)); }

  void outside(const T* from, int64_t begin, int64_t end, S* to, bool is_first) const {
    if (!p_.circular) {
      if (is_first) zero(to, (end - begin) * scratch_.column);
      return;
    }
    for (int64_t j = begin; j < end; ++j) {
      const int64_t column = (j % p_.width + p_.width) % p_.width;
      copy(from, column, column + 1, to + (j - begin) * column_);
    }
  }

  // Columns [begin, end) of a row.
  void copy(const T* row, int64_t begin, int64_t end, S* to) const {
    if (p_.x_channel == 1) {
      copy_pixels(row + begin * p_.x_column, end - begin, to);
    } else {
      copy_planes(row + begin * p_.x_column, end - begin, to);
    }
  }

  void copy_pixels(const T* from, int64_t count, S* to) const {
    if constexpr (std::is_same_v<T, S>) {
      if (style_ == nullptr) {
        if (width_ == p_.inputs && p_.x_column == width_ && column_ == width_) {
          std::memcpy(to, from, count * width_ * sizeof(S));
          return;
        }
        const int64_t rest = width_ - p_.inputs;
        for (int64_t j = 0; j < count; ++j, from += p_.x_column, to += column_) {
          std::memcpy(to, from, p_.inputs * sizeof(S));
          std::memset(to + p_.inputs, 0, rest * sizeof(S));
        }
        return;
      }
    }
    for (int64_t j = 0; j < count; ++j, from += p_.x_column, to += column_) {
      for (int64_t c = 0; c < width_; c += V::width) {
        V value = load_some<V>(from + (c < p_.inputs ? c : 0), p_.inputs - c);
        if (style_ != nullptr) value = value * V::load(style_ + c);
        value.store(to + c);
      }
    }
  }

  void copy_planes(const T* from, int64_t count, S* to) const {
    constexpr int n = V::width;
    for (int64_t c = 0; c < width_; c += n) {
      for (int64_t j = 0; j < count; j += n) {
        V square[n];
        for (int k = 0; k < n; ++k) {
          if (c + k >= p_.inputs) {
            square[k] = V(0.0);
            continue;
          }
          const T* const some = from + (c + k) * p_.x_channel + j;
          square[k] = load_some<V>(some, count - j);
          // The next row, of which the processor knows nothing.
          __builtin_prefetch(some + p_.x_row);
          if (style_ != nullptr) square[k] = square[k] * V(style_[c + k]);
        }
        transpose(square);
        const int64_t some = count - j < n ? count - j : n;
        for (int64_t k = 0; k < some; ++k) square[k].store(to + (j + k) * column_ + c);
      }
    }
  }

  const Problem& p_;
  const Unit& unit_;
  const int64_t width_;
  S* const to_;
  const Scratch scratch_;
  int64_t column_;  // numbers from one column to the next
  F* style_ = nullptr;
};

}  // namespace
}  // namespace aigc_assets::phase_convolution
