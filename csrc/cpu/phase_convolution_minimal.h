// The minimal forms of the phase convolutions (see phase_convolution_forms.h) in floating-point
// vectors. Include after the target was switched on.
//
// The scratch image of a unit becomes planes that also lie pixel by pixel, one pixel for a cell.
// Products of a plane and its weights are those of the direct form's taps, but each has sums of its
// own. They are combined row by row on their way to the result.
#pragma once

#include "phase_convolution_forms.h"
#include "phase_convolution_product.h"

namespace aigc_assets::phase_convolution {
namespace {

// Arrays of this many numbers each start in another set of the caches.
AIGC_INLINE int64_t apart(int64_t numbers) { return ((numbers + 15) / 16 | 1) * 16; }

// Where the cells of a unit lie in its planes.
struct Cells {
  int64_t rows, columns;  // cells of the unit
  int64_t row, pitch;     // pixels of a row of the unit, and from one row of a plane to the next
  int64_t plane;          // numbers from one plane to the next

  Cells(const AxisForms& axes, const Unit& unit, int64_t pixel) {
    rows = (unit.rows + axes.rows.step - 1) / axes.rows.step;
    columns = (unit.columns + axes.columns.step - 1) / axes.columns.step;
    row = columns * unit.images;
    pitch = row + axes.columns.more * unit.images;
    plane = apart((rows + axes.rows.more) * pitch * pixel);
  }
};

// Makes the planes of a unit from its scratch image.
template <class V, class RowAxis, class ColumnAxis>
void make_planes(const Problem& problem, const Unit& unit, const Cells& cells, int64_t pixel,
                 const Room& room) {
  using F = typename V::value_type;
  constexpr const AxisForm &down = RowAxis::form, &across = ColumnAxis::form;
  const Scratch scratch(problem, unit);
  const auto within = [](int64_t i, int64_t most) { return i < most ? i : most; };
  F* to = static_cast<F*>(room.planes);
  for (int64_t i = 0; i < cells.rows + down.more; ++i) {
    const F* rows[down.inputs];
    for (int r = 0; r < down.inputs; ++r) {
      // What lies beyond the margins goes into no result.
      const int64_t row = within(i * down.step - down.before + problem.row_margin() + r,
                                 unit.rows + 2 * problem.row_margin() - 1);
      rows[r] = static_cast<const F*>(room.input) + row * scratch.pitch * pixel;
    }
    for (int64_t j = 0; j < cells.columns + across.more; ++j) {
      int64_t first[across.inputs];
      for (int k = 0; k < across.inputs; ++k) {
        first[k] = within(j * across.step - across.before + 1 + k, unit.columns + 1) *
                   scratch.column * pixel;
      }
      for (int64_t c = 0; c < unit.images * pixel; c += V::width, to += V::width) {
        V found[down.inputs][across.planes];
#pragma GCC unroll 4
        for (int r = 0; r < down.inputs; ++r) {
          V x[across.inputs];
#pragma GCC unroll 4
          for (int k = 0; k < across.inputs; ++k) x[k] = V::load(rows[r] + first[k] + c);
#pragma GCC unroll 4
          for (int q = 0; q < across.planes; ++q) {
            constexpr int before = across.before;
            const auto& plane = across.plane[q];
            const V a = x[plane.first + before], b = x[plane.second + before];
            found[r][q] = plane.sign == 0 ? a : plane.sign > 0 ? a + b : a - b;
          }
        }
#pragma GCC unroll 4
        for (int p = 0; p < down.planes; ++p) {
#pragma GCC unroll 4
          for (int q = 0; q < across.planes; ++q) {
            constexpr int before = down.before;
            const auto& plane = down.plane[p];
            const V a = found[plane.first + before][q], b = found[plane.second + before][q];
            (plane.sign == 0  ? a
             : plane.sign > 0 ? a + b
                              : a - b)
                .store(to + (p * across.planes + q) * cells.plane);
          }
        }
      }
    }
  }
}

// Input channels of a panel. Longer sums of differences, one number after another, would be less
// exact than plain torch's; shorter ones cost up to 4 % of the time.
constexpr int64_t kMinimalInputs = 64;

// All input channels of all rows of pixels times weights in the order [Co16 / 16, Ci, 16].
template <class V>
void multiply_packed(const typename V::value_type* weights, int64_t inputs, int64_t width,
                     const typename V::value_type* pixels, int64_t pixel, const Rows& rows,
                     int block, typename V::value_type* sums) {
  const int64_t depth = panel_inputs(inputs, kMinimalInputs);
  for (int64_t c = 0; c < inputs; c += depth) {
    const int64_t count = inputs - c < depth ? inputs - c : depth;
    multiply_panel<V>(
        {weights + c * kLanes, inputs * kLanes, kLanes, count, pixels + c, pixel, c == 0}, rows,
        block, width, sums);
  }
}

// The sums of one row of results, [column phases, `count` numbers], from those of all products.
template <class V, class RowAxis, class ColumnAxis>
void combine(const typename V::value_type* sums, int64_t product, int output, int64_t count,
             typename V::value_type* to, int64_t phase) {
  using F = typename V::value_type;
  constexpr const AxisForm &down = RowAxis::form, &across = ColumnAxis::form;
  const F* rows[3];
  for (int k = 0; k < down.terms; ++k) {
    rows[k] = sums + down.output[output].product[k] * across.products * product;
  }
  const V sign(static_cast<double>(down.output[output].sign));
  for (int64_t i = 0; i < count; i += V::width) {
    V total[across.products];
#pragma GCC unroll 6
    for (int q = 0; q < across.products; ++q) {
      total[q] = V::load(rows[0] + q * product + i);
      if constexpr (down.terms > 1) total[q] = total[q] + V::load(rows[1] + q * product + i);
      if constexpr (down.terms > 2) {
        total[q] = multiply_add(sign, V::load(rows[2] + q * product + i), total[q]);
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < across.outputs; ++p) {
      const auto& one = across.output[p];
      V value = total[one.product[0]];
      if constexpr (across.terms > 1) value = value + total[one.product[1]];
      if constexpr (across.terms > 2) {
        const V last = total[one.product[2]];
        value = one.sign > 0 ? value + last : value - last;
      }
      value.store(to + p * phase + i);
    }
  }
}

template <class V>
RoomSize minimal_room_of(const Problem& problem, const Unit& unit) {
  using F = typename V::value_type;
  const AxisForms axes = axes_of(problem.form);
  const Scratch scratch(problem, unit);
  const int64_t number = sizeof(F), pixel = scratch_width<V>(problem);
  const Cells cells(axes, unit, pixel);
  const Blocks<V> blocks(cells.rows, cells.row, cells.pitch, unit.channels);
  const Rows rows(cells.rows, cells.row, cells.pitch, blocks.pixels);
  const int64_t row = apart(cells.row * blocks.channels);
  RoomSize size;
  size.input = scratch.pixels * pixel * number;
  size.sums = (axes.products() * apart(rows.total() * blocks.channels) +
               axes.columns.outputs * row + kSlack * blocks.channels) *
              number;
  size.weights = 0;
  size.style = pixel * number;
  size.affine = unit.images * unit.channels * number;
  size.planes = (axes.planes() * cells.plane + kSlack * pixel) * number;
  return size;
}

template <class V, class T, class RowAxis, class ColumnAxis>
void run_minimal(const Problem& problem, const Unit& unit, const Room& room) {
  using F = typename V::value_type;
  constexpr const AxisForm &down = RowAxis::form, &across = ColumnAxis::form;
  const int64_t inputs = problem.inputs, outputs = problem.padded_outputs();
  const int64_t pixel = scratch_width<V>(problem);
  const Cells cells({RowAxis::form, ColumnAxis::form}, unit, pixel);
  InputCopy<V, T, F>(problem, unit, pixel, room).run();
  make_planes<V, RowAxis, ColumnAxis>(problem, unit, cells, pixel, room);
  read_affine<F, T>(problem, unit, room);
  const F* const planes = static_cast<const F*>(room.planes);
  const Blocks<V> blocks(cells.rows, cells.row, cells.pitch, unit.channels);
  const Rows rows(cells.rows, cells.row, cells.pitch, blocks.pixels);
  const Shape shape = shape_of(problem.kind);
  const Rates rates = {down.outputs, across.outputs};
  for (int64_t done = 0; done < unit.channels; done += blocks.channels) {
    const int64_t channel = unit.channel + done;
    const int64_t width =
        unit.channels - done < blocks.channels ? unit.channels - done : blocks.channels;
    const int64_t each = apart(rows.total() * width), row = apart(cells.row * width);
    F* const combined = static_cast<F*>(room.sums);
    F* const sums = combined + across.outputs * row;
    for (int a = 0; a < down.products; ++a) {
      for (int b = 0; b < across.products; ++b) {
        const auto &by_row = down.product[a], &by_column = across.product[b];
        const F* const from = planes +
                              (by_row.plane * across.planes + by_column.plane) * cells.plane +
                              (by_row.shift * cells.pitch + by_column.shift * unit.images) * pixel;
        const int product = a * across.products + b;
        multiply_packed<V>(
            static_cast<const T*>(problem.minimal) + (product * outputs + channel) * inputs, inputs,
            width, from, pixel, rows, blocks.pixels, sums + product * each);
      }
    }
    const Sums<F> found = {combined, row, 0, width};
    with_activation(problem.activation, [&](auto activation) {
      for (int64_t i = 0; i < cells.rows; ++i) {
        for (int phase = 0; phase < down.outputs; ++phase) {
          if (i * down.outputs + phase >= unit.rows * shape.row_rate) break;
          combine<V, RowAxis, ColumnAxis>(sums + i * rows.row * width, each, phase,
                                          cells.row * width, combined, row);
          for (int64_t b = 0; b < unit.images; ++b) {
            Result<V, T, activation.value>(problem, unit, room, b, done, rates)
                .row(i, phase, combined, found);
          }
        }
      }
    });
  }
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
