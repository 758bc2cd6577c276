// The phase convolutions in floating-point vectors, once for every instruction set: include this
// after the target was switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "phase_convolution_minimal.h"

namespace aigc_assets::phase_convolution {
namespace {

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
  const Blocks<V> blocks(unit.rows, scratch.row, scratch.pitch, unit.channels);
  const int block = blocks.pixels;
  const int64_t step = blocks.channels;
  const Rows rows(unit, scratch, block);
  const int64_t rows_of_weights =
      sizeof(T) == 2 ? (inputs + kPaired - 1) / kPaired * kPaired : inputs;
  for (int64_t done = 0; done < unit.channels; done += step) {
    const int64_t channel = unit.channel + done;
    const int64_t width = unit.channels - done < step ? unit.channels - done : step;
    const int64_t phase_sums = sums_of(unit, scratch) * width;
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
          multiply_tap<V>(weights, inputs, outputs, width, input + first * pixel, pixel, rows,
                          block, t == 0, room, sums + px * phase_sums);
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
      return problem.form == Form::kDirect ? room_of<Vector, float>(problem, unit)
                                           : minimal_room_of<Vector>(problem, unit);
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
      if (problem.form == Form::kDirect) return run_unit<Vector, float>(problem, unit, room);
      return with_axes(problem.form, [&](auto rows, auto columns) {
        run_minimal<Vector, float, decltype(rows), decltype(columns)>(problem, unit, room);
      });
  }
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
