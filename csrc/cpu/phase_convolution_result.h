// Last step of a unit: the sums become results. Include after the target was switched on.
#pragma once

#include "../activation.h"
#include "phase_convolution_input.h"

namespace aigc_assets::phase_convolution {
namespace {

// Sums of one phase row and one chunk of channels.
template <class F>
struct Sums {
  const F* data;  // [column phases, pixels, channels]
  int64_t phase;  // numbers from one column phase to the next
  int64_t row;    // pixels from one row of the unit to the next
  int64_t width;  // channels
};

// Stores a vector of results; AMX brings a faster conversion of its own.
template <class V, class T>
AIGC_INLINE void put(V value, T* to) {
  value.store(to);
}
#if defined(AIGC_TARGET_AMX)
AIGC_INLINE void put(Vector value, bfloat16* to) {
  const __m256bh bits = _mm512_cvtneps_pbh(value.v);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<const __m256i&>(bits));
}
#endif

// Keeps the compiler from fusing the product that made this number with a sum to come: it would do
// so here and there, and layouts would differ in the last bit. Vectors fuse where they say so.
AIGC_INLINE Vector settled(Vector value) { return value; }
AIGC_INLINE Scalar<double> settled(Scalar<double> value) {
#if defined(__x86_64__)
  asm("" : "+x"(value.v));
#endif
  return value;
}

template <class V, class T, Activation activation>
class Result {
  using F = typename V::value_type;
  static constexpr int kBlocks = static_cast<int>(kChunk);

 public:
  // For output channels [channel, channel + sums.width).
  Result(const Problem& problem, const Unit& unit, int64_t channel, const Sums<F>& sums)
      : p_(problem), unit_(unit), shape_(shape_of(problem.kind)), sums_(sums), channel_(channel) {
    const int64_t rest = p_.outputs - channel;
    channels_ = rest < sums.width ? rest : sums.width;
    for (int64_t c = 0; c < sums.width; ++c) {
      const int64_t at = channel + c;
      const bool real = c < channels_;
      gain_[c] = real && p_.gain.data != nullptr
                     ? value_at<F, T>(p_.gain, unit.image * p_.gain.batch_stride + at)
                     : F(1);
      bias_[c] = real && p_.bias.data != nullptr
                     ? value_at<F, T>(p_.bias, unit.image * p_.bias.batch_stride + at)
                     : F(0);
    }
  }

  void run(int row_phase) const {
    const int64_t height = p_.height * shape_.row_rate, width = p_.width * shape_.column_rate;
    F noise[2 * kMaxColumns];
    const F* const noises = p_.noise.data != nullptr ? noise : nullptr;
    for (int64_t i = 0; i < unit_.rows; ++i) {
      const int64_t row = (unit_.row + i) * shape_.row_rate + row_phase;
      const int64_t column = unit_.column * shape_.column_rate;
      const int64_t count = unit_.columns * shape_.column_rate;
      if (noises != nullptr) {
        const int64_t first = unit_.image * p_.noise.batch_stride + row * width + column;
        for (int64_t j = 0; j < count; ++j) noise[j] = value_at<F, T>(p_.noise, first + j);
      }
      const F* const sums = sums_.data + i * sums_.row * sums_.width;
      if (p_.pixels) {
        const int64_t pixel = (unit_.image * height + row) * width + column;
        pixels(sums, noises, pixel * p_.outputs + channel_);
      } else {
        const int64_t plane = unit_.image * p_.outputs + channel_;
        planes(sums, noises, (plane * height + row) * width + column, height * width);
      }
    }
  }

 private:
  AIGC_INLINE V finish(V value) const { return settled(activate(value, activation, V(p_.slope))); }

  // One row of an image that lies pixel by pixel; `at` is its first number.
  void pixels(const F* sums, const F* noise, int64_t at) const {
    const T* residual = static_cast<const T*>(p_.residual);
    T* const y = static_cast<T*>(p_.y);
    const int rate = shape_.column_rate;
    const int64_t whole = channels_ / V::width * V::width;
    for (int64_t j = 0; j < unit_.columns; ++j) {
      for (int phase = 0; phase < rate; ++phase, at += p_.outputs) {
        const F* const from = sums + phase * sums_.phase + j * sums_.width;
        const V add(noise == nullptr ? F(0) : noise[j * rate + phase]);
        for (int64_t c = 0; c < whole; c += V::width) {
          const V shift = V::load(bias_ + c) + add;
          V value = finish(multiply_add(V::load(from + c), V::load(gain_ + c), shift));
          if (residual != nullptr) value = value + V::load(residual + at + c);
          put(value, y + at + c);
        }
        if (whole < channels_) {
          const int64_t c = whole, some = channels_ - whole;
          const V shift = V::load(bias_ + c) + add;
          V value = finish(multiply_add(V::load(from + c), V::load(gain_ + c), shift));
          if (residual != nullptr) value = value + load_some<V>(residual + at + c, some);
          store_some(value, y + at + c, some);
        }
      }
    }
  }

  // One row of every channel; `at` is the first number, `plane` those from channel to channel.
  void planes(const F* sums, const F* noise, int64_t at, int64_t plane) const {
    constexpr int n = V::width;
    const T* residual = static_cast<const T*>(p_.residual);
    T* const y = static_cast<T*>(p_.y);
    const int64_t rate = shape_.column_rate, count = unit_.columns * rate;
    for (int64_t c = 0; c < channels_; c += n) {
      const int64_t rows = channels_ - c < n ? channels_ - c : n;
      for (int64_t j = 0; j < count; j += n) {
        const int64_t some = count - j < n ? count - j : n;
        V square[n];
        for (int64_t k = 0; k < n; ++k) {
          const int64_t pixel = k < some ? j + k : j;
          const F* const from = rate == 2
                                    ? sums + (pixel & 1) * sums_.phase + (pixel >> 1) * sums_.width
                                    : sums + pixel * sums_.width;
          square[k] = V::load(from + c);
        }
        transpose(square);
        const V add = noise == nullptr ? V(0.0) : load_some<V>(noise + j, some);
        for (int64_t k = 0; k < rows; ++k) {
          const V shift = V(bias_[c + k]) + add;
          V value = finish(multiply_add(square[k], V(gain_[c + k]), shift));
          const int64_t to = at + (c + k) * plane + j;
          if (residual != nullptr) value = value + load_some<V>(residual + to, some);
          store_some(value, y + to, some);
        }
      }
    }
  }

  const Problem& p_;
  const Unit& unit_;
  const Shape shape_;
  const Sums<F>& sums_;
  const int64_t channel_;
  int64_t channels_;  // that exist
  alignas(64) F gain_[kBlocks], bias_[kBlocks];
};

template <class V, class T>
void finish(const Problem& problem, const Unit& unit, int64_t channel, int row_phase,
            const Sums<typename V::value_type>& sums) {
  switch (static_cast<Activation>(problem.activation)) {
    case Activation::kNone:
      return Result<V, T, Activation::kNone>(problem, unit, channel, sums).run(row_phase);
    case Activation::kRelu:
      return Result<V, T, Activation::kRelu>(problem, unit, channel, sums).run(row_phase);
    case Activation::kLeakyRelu:
      return Result<V, T, Activation::kLeakyRelu>(problem, unit, channel, sums).run(row_phase);
    case Activation::kSilu:
      return Result<V, T, Activation::kSilu>(problem, unit, channel, sums).run(row_phase);
    case Activation::kTanh:
      return Result<V, T, Activation::kTanh>(problem, unit, channel, sums).run(row_phase);
  }
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
