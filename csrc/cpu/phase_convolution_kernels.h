// The phase convolutions in floating-point vectors, once for every instruction set: include this
// after the target was switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "phase_convolution_result.h"

namespace aigc_assets::phase_convolution {
namespace {

// Sums of kRows pixels times kVectors vectors of output channels, over the channels of one tap.
template <class V, int kRows, int kVectors>
void multiply(const typename V::value_type* pixels, int64_t pixel,     // numbers between pixels
              const typename V::value_type* weights, int64_t channel,  // numbers between channels
              int64_t inputs, typename V::value_type* sums, int64_t width, bool first) {
  V total[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      total[r][v] = first ? V(0.0) : V::load(sums + r * width + v * V::width);
    }
  }
  for (int64_t c = 0; c < inputs; ++c) {
    V weight[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) weight[v] = V::load(weights + c * channel + v * V::width);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V number(pixels[r * pixel + c]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) total[r][v] = multiply_add(number, weight[v], total[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) total[r][v].store(sums + r * width + v * V::width);
  }
}

// Rows of pixels whose sums are wanted: the rows of a unit if blocks of pixels fill them, else one
// long row that takes the margins in.
struct Rows {
  int64_t count, pixels;  // rows, and pixels of each
  int64_t pitch;          // pixels from one row to the next in the scratch image
};

// One phase: for every tap, all pixels; a tap's weights stay in the first-level cache meanwhile.
template <class V, int kRows, int kVectors>
void multiply_taps(const typename V::value_type* input, int64_t pixel, const int64_t* first_pixel,
                   int taps, const typename V::value_type* weights, int64_t tap, int64_t channel,
                   int64_t inputs, const Rows& rows, typename V::value_type* sums, int64_t width) {
  for (int t = 0; t < taps; ++t) {
    for (int64_t i = 0; i < rows.count; ++i) {
      const auto* const from = input + (first_pixel[t] + i * rows.pitch) * pixel;
      auto* const to = sums + i * rows.pixels * width;
      for (int64_t j = 0; j < rows.pixels; j += kRows) {
        multiply<V, kRows, kVectors>(from + j * pixel, pixel, weights + t * tap, channel, inputs,
                                     to + j * width, width, t == 0);
      }
    }
  }
}

// Channels of the result that are summed up together: parts of at most kChunk, nearly equal.
AIGC_INLINE int64_t part(int64_t channels, int64_t most) {
  const int64_t blocks = channels / kLanes, parts = (channels + most - 1) / most;
  return (blocks + parts - 1) / parts * kLanes;
}

// Calls go(function) with the sums of kRows pixels times `width` channels.
template <class V, int kRows, class Go>
void with_vectors(std::integral_constant<int, kRows>, int64_t width, const Go& go) {
  if (width == 4 * V::width) {
    if constexpr (kRows < 8) go(&multiply_taps<V, kRows, 4>);
  } else if (width == 3 * V::width) {
    go(&multiply_taps<V, kRows, 3>);
  } else if (width == 2 * V::width) {
    go(&multiply_taps<V, kRows, 2>);
  } else {
    go(&multiply_taps<V, kRows, 1>);
  }
}

template <class V>
int64_t scratch_width(const Problem& problem) {
  return (problem.inputs + V::width - 1) / V::width * V::width;
}

template <class V, class T>
RoomSize room_of(const Problem& problem, const Unit& unit) {
  using F = typename V::value_type;
  const Scratch scratch(problem, unit);
  const Shape shape = shape_of(problem.kind);
  const int64_t number = sizeof(F), width = scratch_width<V>(problem);
  const int64_t widened = sizeof(T) == 2 ? shape.taps() * problem.inputs * kChunk : 0;
  return {scratch.pixels * width * number,
          shape.column_rate * (scratch.span(unit) + kSlack) * kChunk * number, widened * number,
          width * number, unit.channels * number};
}

// Half-width weights of one phase and of channels [0, count), [taps, inputs, count].
template <class V, class T>
void widen_weights(const T* weights, int taps, int64_t inputs, int64_t outputs, int64_t count,
                   typename V::value_type* to) {
  const int64_t pairs = (inputs + kPaired - 1) / kPaired * (kPaired / 2);
  for (int t = 0; t < taps; ++t) {
    for (int64_t c = 0; c < inputs; ++c) {
      const T* const from = weights + (t * pairs + c / 2) * outputs * 2 + c % 2;
      for (int64_t o = 0; o < count; ++o) to[o] = widen(from[2 * o]);
      to += count;
    }
  }
}

template <class V, class T>
void run_unit(const Problem& problem, const Unit& unit, const Room& room) {
  using F = typename V::value_type;
  const Scratch scratch(problem, unit);
  const Shape shape = shape_of(problem.kind);
  const int64_t inputs = problem.inputs, outputs = problem.padded_outputs();
  const int64_t pixel = scratch_width<V>(problem), pixels = scratch.span(unit);
  InputCopy<V, T, F>(problem, unit, pixel, room).run();
  read_affine<F, T>(problem, unit, room);
  const F* const input = static_cast<const F*>(room.input);
  F* const sums = static_cast<F*>(room.sums);
  const int taps = shape.taps();
  // Sums of 6 pixels times 4 vectors, or of 8 times 3, just fit the registers of AVX-512.
  const bool sixes = unit.columns % 6 == 0, eights = unit.columns % 8 == 0;
  const int block = V::width < 8 ? 2 : V::width == 8 || sixes || !eights ? 6 : 8;
  const int64_t most = block == 8 ? kChunk * 3 / 4 : V::width == 16 ? kChunk : kLanes;
  const int64_t step = part(unit.channels, most);
  Rows rows = {1, pixels, 0};
  if (unit.columns % block == 0) rows = {unit.rows, unit.columns, scratch.pitch};
  for (int64_t done = 0; done < unit.channels; done += step) {
    const int64_t channel = unit.channel + done;
    const int64_t width = unit.channels - done < step ? unit.channels - done : step;
    const int64_t phase_sums = (pixels + kSlack) * width;
    for (int py = 0; py < shape.row_rate; ++py) {
      for (int px = 0; px < shape.column_rate; ++px) {
        int64_t first_pixel[9];
        for (int t = 0; t < taps; ++t) {
          const int64_t row = t / shape.column_taps, column = t % shape.column_taps;
          first_pixel[t] = (py + row) * scratch.pitch + px + column * problem.dilation;
        }
        const int64_t phase = py * shape.column_rate + px;
        const F* weights;
        int64_t between = outputs;
        if constexpr (sizeof(T) == 2) {
          const int64_t pairs = (inputs + kPaired - 1) / kPaired * (kPaired / 2);
          const T* const half = static_cast<const T*>(problem.weights);
          widen_weights<V>(half + (phase * taps * pairs * outputs + channel) * 2, taps, inputs,
                           outputs, width, static_cast<F*>(room.weights));
          weights = static_cast<const F*>(room.weights);
          between = width;
        } else {
          weights =
              static_cast<const F*>(problem.weights) + phase * taps * inputs * outputs + channel;
        }
        const auto go = [&](auto run) {
          run(input, pixel, first_pixel, taps, weights, inputs * between, between, inputs, rows,
              sums + px * phase_sums, width);
        };
        if constexpr (V::width == 16) {
          if (block == 6) {
            constexpr auto k6 = std::integral_constant<int, 6>();
            with_vectors<V>(k6, width, go);
          } else {
            constexpr auto k8 = std::integral_constant<int, 8>();
            with_vectors<V>(k8, width, go);
          }
        } else if constexpr (V::width == 8) {
          go(&multiply_taps<V, 6, 2>);
        } else {
          go(&multiply_taps<V, 2, 16>);
        }
      }
      const int64_t row = rows.count == 1 ? scratch.pitch : rows.pixels;
      finish<V, T>(problem, unit, room, done, py, Sums<F>{sums, phase_sums, row, width});
    }
  }
}

RoomSize room(Format format, const Problem& problem, const Unit& unit) {
  switch (format) {
    case Format::kFloat64:
      return room_of<Scalar<double>, double>(problem, unit);
    case Format::kFloat16:
    case Format::kBfloat16:
      return room_of<Vector, float16>(problem, unit);
    default:
      return room_of<Vector, float>(problem, unit);
  }
}

void run(Format format, const Problem& problem, const Unit& unit, const Room& room) {
  switch (format) {
    case Format::kFloat64:
      return run_unit<Scalar<double>, double>(problem, unit, room);
    case Format::kFloat16:
      return run_unit<Vector, float16>(problem, unit, room);
    case Format::kBfloat16:
      return run_unit<Vector, bfloat16>(problem, unit, room);
    default:
      return run_unit<Vector, float>(problem, unit, room);
  }
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
