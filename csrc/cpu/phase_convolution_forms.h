// Minimal forms of the phase convolutions: fewer products, of differences of neighbouring pixels.
//
// Along an axis, pixels are taken in cells of one or two. A form makes planes of them, each the sum
// or difference of two pixels of a cell and its neighbours, and sums up products of planes and
// weights of its own; results are sums of few such products. In an image, both axes do this.
//
//  - Repeated pixels (nearest x2, then 3 taps a, b, c): with d[i] = x[i-1] - x[i],
//      y[2i]     = a·d[i] + (a+b+c)·x[i]
//      y[2i + 1] =          (a+b+c)·x[i] - c·d[i+1]        3 products of 4; 9 of 16 in an image.
//  - Transposed, 4 taps of stride 2: each phase is a·x[i-1] + b·x[i], two neighbours of which are
//      y[0] = a·d[0] + (a+b)·x[0]
//      y[1] =          (a+b)·x[0] - b·d[1]                 3 products of 4; 9 of 16 in an image.
//  - Three taps: F(2, 3) of Winograd's, 4 products of 6; 16 of 36 in an image.
//
// Lavin and Gray, "Fast algorithms for convolutional neural networks", arXiv:1509.09308. Weights
// are those of aigc_assets/ops/phase_convolution_minimal.py.
#pragma once

#include <cstdint>

#include "../phase_convolution.h"

namespace aigc_assets::phase_convolution {

enum class Form : int { kDirect, kRepeated, kTransposed, kSame, kTransposedSignal, kSameSignal };

struct AxisForm {
  // x[first] + sign · x[second], counted from the first pixel of the cell.
  struct Plane {
    int first, second, sign;
  };
  // A product is one with the plane, `shift` cells further on.
  struct Product {
    int plane, shift;
  };
  // The sum of `terms` products, the last of three times `sign`.
  struct Output {
    int product[3];
    int sign;
  };
  int step;            // input pixels of a cell
  int before, inputs;  // pixels before the cell that are read, and all that are read for it
  int more;            // cells past the last that are shifted to
  int planes, products, outputs, terms;
  Plane plane[4];
  Product product[6];
  Output output[4];
};

struct OneAxis {
  static constexpr AxisForm form = {
      .step = 1,
      .before = 0,
      .inputs = 1,
      .more = 0,
      .planes = 1,
      .products = 1,
      .outputs = 1,
      .terms = 1,
      .plane = {{0, 0, 0}},
      .product = {{0, 0}},
      .output = {{{0}, 0}},
  };
};

struct RepeatedAxis {
  static constexpr AxisForm form = {
      .step = 1,
      .before = 1,
      .inputs = 2,
      .more = 1,
      .planes = 2,
      .products = 3,
      .outputs = 2,
      .terms = 2,
      .plane = {{-1, 0, -1}, {0, 0, 0}},
      .product = {{0, 0}, {1, 0}, {0, 1}},
      .output = {{{0, 1}, 0}, {{1, 2}, 0}},
  };
};

struct TransposedAxis {
  static constexpr AxisForm form = {
      .step = 2,
      .before = 1,
      .inputs = 3,
      .more = 1,
      .planes = 4,
      .products = 6,
      .outputs = 4,
      .terms = 2,
      .plane = {{-1, 0, -1}, {0, 1, -1}, {0, 0, 0}, {1, 1, 0}},
      .product = {{0, 0}, {2, 0}, {1, 0}, {1, 0}, {3, 0}, {0, 1}},
      .output = {{{0, 1}, 0}, {{3, 4}, 0}, {{1, 2}, 0}, {{4, 5}, 0}},
  };
};

struct SameAxis {
  static constexpr AxisForm form = {
      .step = 2,
      .before = 1,
      .inputs = 4,
      .more = 0,
      .planes = 4,
      .products = 4,
      .outputs = 2,
      .terms = 3,
      .plane = {{-1, 1, -1}, {0, 1, 1}, {1, 0, -1}, {0, 2, -1}},
      .product = {{0, 0}, {1, 0}, {2, 0}, {3, 0}},
      .output = {{{0, 1, 2}, 1}, {{3, 1, 2}, -1}},
  };
};

// Calls use(rows, columns) with the axes of a form other than the direct one.
template <class Use>
auto with_axes(Form form, const Use& use) {
  switch (form) {
    case Form::kRepeated:
      return use(RepeatedAxis(), RepeatedAxis());
    case Form::kTransposed:
      return use(TransposedAxis(), TransposedAxis());
    case Form::kTransposedSignal:
      return use(OneAxis(), TransposedAxis());
    case Form::kSameSignal:
      return use(OneAxis(), SameAxis());
    default:
      return use(SameAxis(), SameAxis());
  }
}

struct AxisForms {
  const AxisForm &rows, &columns;
  int products() const { return rows.products * columns.products; }
  int planes() const { return rows.planes * columns.planes; }
};

inline AxisForms axes_of(Form form) {
  return with_axes(form, [](auto rows, auto columns) -> AxisForms {
    return {decltype(rows)::form, decltype(columns)::form};
  });
}

// The minimal form of a kind whose packed weights have so many matrices, or the direct one. There
// is but one for each number.
inline Form form_of(Kind kind, int64_t matrices) {
  const int64_t more = matrices - shape_of(kind).phases() * shape_of(kind).taps();
  switch (kind) {
    case Kind::kUp2Image:
      return more == 9 ? Form::kRepeated : more == 36 ? Form::kTransposed : Form::kDirect;
    case Kind::kSameImage:
      return more == 16 ? Form::kSame : Form::kDirect;
    case Kind::kUp2Signal:
      return more == 6 ? Form::kTransposedSignal : Form::kDirect;
    case Kind::kSameSignal:
      break;
  }
  return more == 4 ? Form::kSameSignal : Form::kDirect;
}

}  // namespace aigc_assets::phase_convolution
