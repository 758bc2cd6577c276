// Last step of a unit: the sums become results. Include after the target was switched on.
#pragma once

#include "../activation.h"
#include "phase_convolution_input.h"

namespace aigc_assets::phase_convolution {
namespace {

// Sums of one row phase and some channels, all columns of the output.
template <class F>
struct Sums {
  const F* data;  // [column phases, pixels, channels]
  int64_t phase;  // numbers from one column phase to the next
  int64_t row;    // pixels from one row of the unit to the next; those of a row are as in Scratch
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

// Gain and bias of the output channels of a unit: ones and zeros where there are none.
template <class F, class T>
void read_affine(const Problem& problem, const Unit& unit, const Room& room) {
  F* gain = static_cast<F*>(room.gain);
  F* bias = static_cast<F*>(room.bias);
  for (int64_t b = 0; b < unit.images; ++b) {
    const int64_t of_gain = (unit.image + b) * problem.gain.batch_stride + unit.channel;
    const int64_t of_bias = (unit.image + b) * problem.bias.batch_stride + unit.channel;
    for (int64_t c = 0; c < unit.channels; ++c, ++gain, ++bias) {
      const bool real = unit.channel + c < problem.outputs;
      const bool gained = real && problem.gain.data != nullptr;
      const bool biased = real && problem.bias.data != nullptr;
      *gain = gained ? value_at<F, T>(problem.gain, of_gain + c) : F(1);
      *bias = biased ? value_at<F, T>(problem.bias, of_bias + c) : F(0);
    }
  }
}

// Pixels of the result along each axis that sums of one place hold: 1, 2 or 4.
struct Rates {
  int rows, columns;
};

// Results of image `image` of a unit, from `channel` of it on.
template <class V, class T, Activation activation>
class Result {
  using F = typename V::value_type;

 public:
  AIGC_INLINE Result(const Problem& problem, const Unit& unit, const Room& room, int64_t image,
                     int64_t channel)
      : Result(problem, unit, room, image, channel,
               {shape_of(problem.kind).row_rate, shape_of(problem.kind).column_rate}) {}

  AIGC_INLINE Result(const Problem& problem, const Unit& unit, const Room& room, int64_t image,
                     int64_t channel, const Rates& rates)
      : p_(problem),
        unit_(unit),
        shape_(shape_of(problem.kind)),
        rates_(rates),
        image_(unit.image + image),
        channel_(unit.channel + channel) {
    gain_ = static_cast<const F*>(room.gain) + image * unit.channels + channel;
    bias_ = static_cast<const F*>(room.bias) + image * unit.channels + channel;
  }

  // All rows of the unit in one row phase.
  void run(int row_phase, const Sums<F>& sums) const {
    for (int64_t i = 0; i < unit_.rows; ++i)
      row(i, row_phase, sums.data + i * sums.row * sums.width, sums);
  }

  // Row `row` of places in one phase; its sums begin at `from`.
  void row(int64_t row, int row_phase, const F* from, const Sums<F>& sums) const {
    from += (image_ - unit_.image) * sums.width;
    if (!p_.pixels) return planes(row, row_phase, from, sums);
    for (int phase = 0; phase < rates_.columns; ++phase) {
      pixels(row, row_phase, phase, from + phase * sums.phase, sums.width);
    }
  }

 private:
  AIGC_INLINE V finish(V sum, V gain, V shift) const {
    return settled(activate(multiply_add(sum, gain, shift), activation, V(p_.slope)));
  }

  // A row of the unit in one phase, of a result that lies pixel by pixel; `width` channels.
  void pixels(int64_t row, int row_phase, int column_phase, const F* sums, int64_t width) const {
    const int64_t step = rates_.columns, y_width = p_.width * shape_.column_rate;
    const int64_t y_row = unit_.row * shape_.row_rate + row * rates_.rows + row_phase;
    const int64_t y_column = unit_.column * shape_.column_rate + column_phase;
    const int64_t count = (unit_.columns * shape_.column_rate - column_phase + step - 1) / step;
    const int64_t pixel = y_row * y_width + y_column;
    const int64_t height = p_.height * shape_.row_rate;
    const int64_t first = (image_ * height * y_width + pixel) * p_.outputs + channel_;
    const int64_t rest = p_.outputs - channel_, channels = rest < width ? rest : width;
    const int64_t whole = channels / V::width * V::width, some = channels - whole;
    const T* residual = static_cast<const T*>(p_.residual);
    if (residual != nullptr) residual += first;
    T* y = static_cast<T*>(p_.y) + first;
    const int64_t of_noise = image_ * p_.noise.batch_stride + pixel;
    for (int64_t j = 0; j < count; ++j) {
      const bool noisy = p_.noise.data != nullptr;
      const V add(noisy ? value_at<F, T>(p_.noise, of_noise + j * step) : F(0));
      for (int64_t c = 0; c < whole; c += V::width) {
        V value = finish(V::load(sums + c), V::load(gain_ + c), V::load(bias_ + c) + add);
        if (residual != nullptr) value = value + V::load(residual + c);
        put(value, y + c);
      }
      if (some > 0) {
        V value =
            finish(V::load(sums + whole), V::load(gain_ + whole), V::load(bias_ + whole) + add);
        if (residual != nullptr) value = value + load_some<V>(residual + whole, some);
        store_some(value, y + whole, some);
      }
      sums += unit_.images * width;
      y += step * p_.outputs;
      if (residual != nullptr) residual += step * p_.outputs;
    }
  }

  // One row of a result that lies plane by plane.
  void planes(int64_t row, int row_phase, const F* from, const Sums<F>& sums) const {
    constexpr int n = V::width;
    const int64_t rate = shape_.column_rate, count = unit_.columns * rate;
    const int64_t y_width = p_.width * rate, plane = p_.height * shape_.row_rate * y_width;
    const int64_t y_row = unit_.row * shape_.row_rate + row * rates_.rows + row_phase;
    const int64_t pixel = y_row * y_width + unit_.column * rate;
    const int shift = rates_.columns / 2;  // 1, 2 or 4 is 2 to the power of this
    const int64_t first = (image_ * p_.outputs + channel_) * plane + pixel;
    const int64_t column = unit_.images * sums.width;  // numbers from one column to the next
    const int64_t rest = p_.outputs - channel_, channels = rest < sums.width ? rest : sums.width;
    const T* const residual = static_cast<const T*>(p_.residual);
    T* const y = static_cast<T*>(p_.y);
    F noise[n];
    for (int64_t j = 0; j < count; j += n) {
      const int64_t some = count - j < n ? count - j : n;
      V add(0.0);
      if (p_.noise.data != nullptr) {
        const int64_t at = image_ * p_.noise.batch_stride + pixel + j;
        for (int64_t k = 0; k < n; ++k)
          noise[k] = value_at<F, T>(p_.noise, at + (k < some ? k : 0));
        add = V::load(noise);
      }
      for (int64_t c = 0; c < channels; c += n) {
        V square[n];
        for (int64_t k = 0; k < n; ++k) {
          const int64_t at = k < some ? j + k : j;
          const int64_t phase = at & (rates_.columns - 1);
          square[k] = V::load(from + phase * sums.phase + (at >> shift) * column + c);
        }
        transpose(square);
        const int64_t rows = channels - c < n ? channels - c : n;
        for (int64_t k = 0; k < rows; ++k) {
          V value = finish(square[k], V(gain_[c + k]), V(bias_[c + k]) + add);
          const int64_t to = first + (c + k) * plane + j;
          if (residual != nullptr) value = value + load_some<V>(residual + to, some);
          store_some(value, y + to, some);
          __builtin_prefetch(y + to + y_width, 1);
        }
      }
    }
  }

  const Problem& p_;
  const Unit& unit_;
  const Shape shape_;
  const Rates rates_;
  const int64_t image_, channel_;  // of the whole result
  const F *gain_, *bias_;
};

// Calls use(c) with the activation as a constant.
template <class Use>
void with_activation(int activation, const Use& use) {
  switch (static_cast<Activation>(activation)) {
    case Activation::kNone:
      return use(std::integral_constant<Activation, Activation::kNone>());
    case Activation::kRelu:
      return use(std::integral_constant<Activation, Activation::kRelu>());
    case Activation::kLeakyRelu:
      return use(std::integral_constant<Activation, Activation::kLeakyRelu>());
    case Activation::kSilu:
      return use(std::integral_constant<Activation, Activation::kSilu>());
    case Activation::kTanh:
      return use(std::integral_constant<Activation, Activation::kTanh>());
  }
}

template <class V, class T>
void finish(const Problem& problem, const Unit& unit, const Room& room, int64_t channel,
            int row_phase, const Sums<typename V::value_type>& sums) {
  with_activation(problem.activation, [&](auto activation) {
    for (int64_t b = 0; b < unit.images; ++b) {
      Result<V, T, activation.value>(problem, unit, room, b, channel).run(row_phase, sums);
    }
  });
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
