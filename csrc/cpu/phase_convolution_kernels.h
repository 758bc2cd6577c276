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

// Rows of pixels whose sums are wanted, in blocks of pixels: the rows of a unit, or one long row
// that takes the margins in, whichever are fewer.
struct Rows {
  int64_t count, pixels;  // rows, and pixels of each with what fills its last block
  int64_t pitch;          // pixels from one row to the next in the scratch image
  int64_t row;            // pixels from one row of the unit to the next in the sums

  Rows(const Unit& unit, const Scratch& scratch, int block) {
    const int64_t whole = rounded(scratch.span, block), each = rounded(scratch.row, block);
    const bool one = whole < unit.rows * each;
    count = one ? 1 : unit.rows;
    pixels = one ? whole : each;
    pitch = scratch.pitch;
    row = one ? pitch : each;
  }
  int64_t total() const { return count * pixels; }

 private:
  static int64_t rounded(int64_t number, int64_t to) { return (number + to - 1) / to * to; }
};

// Weights of one tap, a chunk of output channels, and as many input channels as the first-level
// cache holds while all pixels pass by.
template <class F>
struct Panel {
  const F* weights;
  int64_t channel;  // numbers from one input channel to the next
  int64_t inputs;
  const F* pixels;
  int64_t pixel;  // numbers from one to the next
  bool first;     // whether the sums begin here
};

template <class V, int kRows, int kVectors>
void multiply_rows(const Panel<typename V::value_type>& panel, const Rows& rows,
                   typename V::value_type* sums, int64_t width) {
  for (int64_t i = 0; i < rows.count; ++i) {
    const auto* const from = panel.pixels + i * rows.pitch * panel.pixel;
    auto* const to = sums + i * rows.row * width;
    for (int64_t j = 0; j < rows.pixels; j += kRows) {
      multiply<V, kRows, kVectors>(from + j * panel.pixel, panel.pixel, panel.weights,
                                   panel.channel, panel.inputs, to + j * width, width, panel.first);
    }
  }
}

// Channels of the result that are summed up together: parts of at most kChunk, nearly equal.
AIGC_INLINE int64_t part(int64_t channels, int64_t most) {
  const int64_t blocks = channels / kLanes, parts = (channels + most - 1) / most;
  return (blocks + parts - 1) / parts * kLanes;
}

// All rows and one panel of `width` output channels.
template <class V, int kRows>
void multiply_wide(const Panel<typename V::value_type>& panel, const Rows& rows, int64_t width,
                   typename V::value_type* sums) {
  if (width == 4 * V::width) {
    if constexpr (kRows < 8) multiply_rows<V, kRows, 4>(panel, rows, sums, width);
  } else if (width == 3 * V::width) {
    multiply_rows<V, kRows, 3>(panel, rows, sums, width);
  } else if (width == 2 * V::width) {
    multiply_rows<V, kRows, 2>(panel, rows, sums, width);
  } else {
    multiply_rows<V, kRows, 1>(panel, rows, sums, width);
  }
}

template <class V>
void multiply_panel(const Panel<typename V::value_type>& panel, const Rows& rows, int block,
                    int64_t width, typename V::value_type* sums) {
  if constexpr (V::width < 8) {
    multiply_rows<V, 2, 16>(panel, rows, sums, width);
  } else if constexpr (V::width == 8) {
    multiply_rows<V, 6, 2>(panel, rows, sums, width);
  } else if (block == 6) {
    multiply_wide<V, 6>(panel, rows, width, sums);
  } else {
    multiply_wide<V, 8>(panel, rows, width, sums);
  }
}

template <class V>
int64_t scratch_width(const Problem& problem) {
  const int64_t width = (problem.inputs + V::width - 1) / V::width * V::width;
  // Pixels that are a multiple of 1 KiB apart would push each other out of the cache.
  return width % 256 == 0 ? width + kLanes : width;
}

constexpr int64_t kMostInputs = 160;  // of a panel
constexpr int64_t kMostBlock = 8;     // pixels

// Whether so many blocks of pixels are worth gathering the weights of a panel first.
AIGC_INLINE bool pays_to_gather(int64_t outputs, int64_t blocks) {
  // Rows of weights that are a multiple of 512 bytes apart push each other out of the cache.
  return blocks >= (outputs % 128 == 0 ? 4 : 24);
}

// Input channels of a panel: nearly equal parts of all.
AIGC_INLINE int64_t panel_inputs(int64_t inputs) {
  const int64_t parts = (inputs + kMostInputs - 1) / kMostInputs;
  return (inputs + parts - 1) / parts;
}

// Pixels of one column phase that there must be sums for.
AIGC_INLINE int64_t sums_of(const Unit& unit, const Scratch& scratch) {
  const int64_t rows = unit.rows * (scratch.row + kMostBlock);
  return (rows > scratch.span ? rows : scratch.span) + kSlack;
}

template <class V, class T>
RoomSize room_of(const Problem& problem, const Unit& unit) {
  using F = typename V::value_type;
  const Scratch scratch(problem, unit);
  const Shape shape = shape_of(problem.kind);
  const int64_t number = sizeof(F), width = scratch_width<V>(problem);
  return {scratch.pixels * width * number,
          shape.column_rate * sums_of(unit, scratch) * kChunk * number,
          panel_inputs(problem.inputs) * kChunk * number, width * number,
          unit.images * unit.channels * number};
}

// Weights of input channels [first, first + inputs) and output channels [0, count) side by side:
// half-width ones are widened, and in their own order, the other channels lie in between.
template <class V, class T>
void gather_weights(const T* weights, int64_t first, int64_t inputs, int64_t outputs, int64_t count,
                    typename V::value_type* to) {
  for (int64_t c = first; c < first + inputs; ++c, to += count) {
    if constexpr (sizeof(T) == 2) {
      const T* const from = weights + c / 2 * outputs * 2 + c % 2;
      for (int64_t o = 0; o < count; ++o) to[o] = widen(from[2 * o]);
    } else {
      const T* const from = weights + c * outputs;
      for (int64_t o = 0; o < count; o += V::width) V::load(from + o).store(to + o);
    }
  }
}

template <class V, class T>
void run_unit(const Problem& problem, const Unit& unit, const Room& room) {
  using F = typename V::value_type;
  const Scratch scratch(problem, unit);
  const Shape shape = shape_of(problem.kind);
  const int64_t inputs = problem.inputs, outputs = problem.padded_outputs();
  const int64_t pixel = scratch_width<V>(problem);
  InputCopy<V, T, F>(problem, unit, pixel, room).run();
  read_affine<F, T>(problem, unit, room);
  const F* const input = static_cast<const F*>(room.input);
  F* const sums = static_cast<F*>(room.sums);
  const int taps = shape.taps();
  // Sums of 6 pixels times 4 vectors, or of 8 times 3, just fit the registers of AVX-512.
  const Rows sixes(unit, scratch, 6), eights(unit, scratch, kMostBlock);
  const int block = V::width < 8 ? 2 : V::width == 16 && eights.total() < sixes.total() ? 8 : 6;
  const int64_t most = block == 8 ? kChunk * 3 / 4 : V::width == 16 ? kChunk : kLanes;
  const int64_t step = part(unit.channels, most), depth = panel_inputs(inputs);
  const Rows rows(unit, scratch, block);
  const int64_t rows_of_weights =
      sizeof(T) == 2 ? (inputs + kPaired - 1) / kPaired * kPaired : inputs;
  for (int64_t done = 0; done < unit.channels; done += step) {
    const int64_t channel = unit.channel + done;
    const int64_t width = unit.channels - done < step ? unit.channels - done : step;
    const int64_t phase_sums = sums_of(unit, scratch) * width;
    const bool gather =
        sizeof(T) == 2 || (outputs > width && pays_to_gather(outputs, rows.total() / block));
    for (int py = 0; py < shape.row_rate; ++py) {
      for (int px = 0; px < shape.column_rate; ++px) {
        for (int t = 0; t < taps; ++t) {
          const int64_t row = t / shape.column_taps, column = t % shape.column_taps;
          const int64_t first =
              (py + row) * scratch.pitch + (px + column * problem.dilation) * scratch.column;
          const int64_t tap = (py * shape.column_rate + px) * taps + t;
          const int64_t pair = sizeof(T) == 2 ? 2 : 1;
          const T* const weights = static_cast<const T*>(problem.weights) +
                                   tap * rows_of_weights * outputs + channel * pair;
          for (int64_t c = 0; c < inputs; c += depth) {
            const int64_t count = inputs - c < depth ? inputs - c : depth;
            Panel<F> panel = {nullptr, width,           count, input + first * pixel + c,
                              pixel,   t == 0 && c == 0};
            if (gather) {
              F* const to = static_cast<F*>(room.weights);
              gather_weights<V>(weights, c, count, outputs, width, to);
              panel.weights = to;
            } else if constexpr (sizeof(T) > 2) {
              panel.weights = weights + c * outputs;
              panel.channel = outputs;
            }
            multiply_panel<V>(panel, rows, block, width, sums + px * phase_sums);
          }
        }
      }
      finish<V, T>(problem, unit, room, done, py, Sums<F>{sums, phase_sums, rows.row, width});
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
