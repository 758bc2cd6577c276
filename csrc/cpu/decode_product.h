// Products of a few rows with a large weight: y[q, r] = sum_k w[r, k] x[q, k].
//
// The weight is what costs: every row of it is read once for all rows of x, several rows of it at
// a time, while those that come next are fetched. Every result is one sum in the lanes of one
// vector, in order, so that it does not depend on what is computed beside it.
#pragma once

#include "decode_lanes.h"
#include "decode_work.h"

namespace aigc_assets::decode {
namespace {

constexpr int kLine = 64;            // bytes that memory hands out at once
constexpr int64_t kAhead = 8 << 10;  // bytes between what is fetched and what is computed
constexpr int kTogether = 4;         // rows read side by side; more of them are no one stream

// R rows of the weight times Q rows of x; as many sums as a vector has lanes.
template <class V, class T, int R, int Q>
AIGC_INLINE void product_tile(const T* w, int64_t stride, int rows, const typename V::value_type* x,
                              int64_t x_stride, int64_t width, int64_t ahead,
                              typename V::value_type* y, int64_t y_stride) {
  static_assert(R * Q == V::width);
  using F = typename V::value_type;
  constexpr int S = R < kTogether ? R : kTogether;
  V sums[R * Q];
#pragma GCC unroll 16
  for (int first = 0; first < R; first += S) {
    const T* row[S];
#pragma GCC unroll 8
    for (int r = 0; r < S; ++r) row[r] = w + (first + r < rows ? first + r : rows - 1) * stride;
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 8
      for (int r = 0; r < S; ++r) sums[q * R + first + r] = V(0.0);
    }
    const auto add = [&](int64_t k, auto load) {
      V factor[Q];
#pragma GCC unroll 8
      for (int q = 0; q < Q; ++q) {
        const V value = V::load(x + q * x_stride + k);
        factor[q] = S > 1 ? hold(value) : value;
      }
#pragma GCC unroll 8
      for (int r = 0; r < S; ++r) {
        const V weight = load(row[r] + k);
#pragma GCC unroll 8
        for (int q = 0; q < Q; ++q) {
          V& sum = sums[q * R + first + r];
          sum = multiply_add(weight, factor[q], sum);
        }
      }
    };
    constexpr int kInLine = kLine / static_cast<int>(sizeof(T)) / V::width;
    constexpr int kStep = (kVectors && kInLine > 1 ? kInLine : 1) * V::width;
    int64_t k = 0;
    for (; k + kStep <= width; k += kStep) {
#pragma GCC unroll 8
      for (int r = 0; r < S; ++r) __builtin_prefetch(row[r] + k + ahead, 0, 2);
#pragma GCC unroll 8
      for (int i = 0; i < kStep; i += V::width) {
        add(k + i, [](const T* from) { return load_lanes<V>(from); });
      }
    }
    for (; k + V::width <= width; k += V::width) {
      add(k, [](const T* from) { return load_lanes<V>(from); });
    }
    if (k < width) {
      const int rest = static_cast<int>(width - k);
      add(k, [rest](const T* from) { return load_first<V>(from, rest); });
    }
  }
  alignas(64) F found[V::width];
  sum_each(sums).store(found);
  if (rows >= R) {
    for (int q = 0; q < Q; ++q) {
      for (int r = 0; r < R; ++r) y[q * y_stride + r] = found[q * R + r];
    }
  } else {
    for (int q = 0; q < Q; ++q) {
      for (int r = 0; r < rows; ++r) y[q * y_stride + r] = found[q * R + r];
    }
  }
}

template <class V, class T, int Q>
void product_rows(const T* w, int64_t stride, int rows, const typename V::value_type* x,
                  int64_t x_stride, int64_t width, typename V::value_type* y, int64_t y_stride) {
  constexpr int R = V::width / Q;
  const int64_t tile = R * stride * static_cast<int64_t>(sizeof(T));
  const int64_t ahead = (kAhead / (tile > 0 ? tile : 1) + 1) * R * stride;
  for (int r = 0; r < rows; r += R) {
    product_tile<V, T, R, Q>(w + r * stride, stride, rows - r, x, x_stride, width, ahead, y + r,
                             y_stride);
  }
}

// y [batch, rows] of x [batch, padded(width)] and w [rows, width].
template <class V, class T>
void product_block(const T* w, int64_t stride, int rows, const typename V::value_type* x,
                   int64_t batch, int64_t width, typename V::value_type* y, int64_t y_stride) {
  const int64_t x_stride = padded(width);
  int64_t b = 0;
  const auto run = [&](auto rows_at_once) {
    constexpr int Q = decltype(rows_at_once)::value;
    product_rows<V, T, Q>(w, stride, rows, x + b * x_stride, x_stride, width, y + b * y_stride,
                          y_stride);
    b += Q;
  };
  while (batch - b >= 8) run(std::integral_constant<int, 8>());
  if (batch - b >= 4) run(std::integral_constant<int, 4>());
  if (batch - b >= 2) run(std::integral_constant<int, 2>());
  if (batch - b >= 1) run(std::integral_constant<int, 1>());
}

// Numbers of any format to and from numbers that are computed with.
template <class F>
void widen_some(Format format, const void* from, int64_t count, F* to) {
  using V = Wide<F>;
  with_type(format, [=](auto* type) {
    if constexpr (sizeof(*type) <= sizeof(F)) {
      const auto* const source = static_cast<decltype(type)>(from);
      int64_t i = 0;
      for (; i + V::width <= count; i += V::width) load_lanes<V>(source + i).store(to + i);
      if (i < count) {
        F rest[V::width];
        load_first<V>(source + i, static_cast<int>(count - i)).store(rest);
        for (int j = 0; i < count; ++i, ++j) to[i] = rest[j];
      }
    }
  });
}

template <class F>
void narrow_some(Format format, const F* from, int64_t count, void* to) {
  using V = Wide<F>;
  const auto run = [=](auto* target) {
    int64_t i = 0;
    for (; i + V::width <= count; i += V::width) V::load(from + i).store(target + i);
    for (; i < count; ++i) narrow(from[i], target + i);
  };
  switch (format) {
    case Format::kFloat32:
      return run(static_cast<float*>(to));
    case Format::kFloat64:
      if constexpr (sizeof(F) == 8) return run(static_cast<double*>(to));
      break;
    case Format::kFloat16:
      return run(static_cast<float16*>(to));
    case Format::kBfloat16:
      return run(static_cast<bfloat16*>(to));
    case Format::kInt8:
      break;
  }
}

// x / rms(x) * scale, in place; zeros follow up to the padding.
template <class F>
void normalise(F* x, int64_t width, const F* scale, double eps) {
  using V = Wide<F>;
  V squares(0.0);
  for (int64_t i = 0; i < padded(width); i += V::width) {
    const V value = V::load(x + i);
    squares = multiply_add(value, value, squares);
  }
  const double mean = squares.sum() / static_cast<double>(width);
  const V factor(1.0 / __builtin_sqrt(mean + eps));
  for (int64_t i = 0; i < padded(width); i += V::width) {
    (V::load(x + i) * factor * V::load(scale + i)).store(x + i);
  }
}

// A row of `width` numbers and zeros after it.
template <class F>
void widen_row(Format format, const void* from, int64_t width, F* to) {
  widen_some(format, from, width, to);
  for (int64_t i = width; i < padded(width); ++i) to[i] = 0;
}

template <class F>
void widen_rows(const Rows& rows) {
  const int64_t room = padded(rows.width), size = size_of(rows.format) * rows.stride;
  F* const out = static_cast<F*>(rows.out);
  F* const scale = out + rows.count * room;  // one row more than there are
  if (rows.scale != nullptr) widen_row(rows.scale_format, rows.scale, rows.width, scale);
  for (int64_t b = 0; b < rows.count; ++b) {
    F* const to = out + b * room;
    widen_row(rows.format, static_cast<const char*>(rows.x) + b * size, rows.width, to);
    if (rows.scale != nullptr) normalise(to, rows.width, scale, rows.eps);
  }
}

// The end of one row of a unit: `found` are its sums, for kGated followed by those of the gate.
template <class F>
void end_row(const Product& product, int64_t b, int64_t first, int count, F* found) {
  using V = Wide<F>;
  F other[kUnit] = {};
  const auto scale = [&](F* sums, int64_t row) {
    if (product.weight_scale == nullptr) return;
    for (int i = 0; i < count; ++i) sums[i] *= static_cast<F>(product.weight_scale[row + i]);
  };
  scale(found, first);
  if (product.ending == Ending::kGated) {
    F* const gate = found + kUnit;
    scale(gate, product.count + first);
    for (int i = 0; i < kUnit; i += V::width) {
      gate_by(V::load(found + i), V::load(gate + i)).store(found + i);
    }
  } else if (product.ending == Ending::kResidual) {
    const int64_t at = (b * product.residual_stride + first) * size_of(product.residual_format);
    widen_some(product.residual_format, static_cast<const char*>(product.residual) + at, count,
               other);
    for (int i = 0; i < kUnit; i += V::width) {
      (V::load(found + i) + V::load(other + i)).store(found + i);
    }
  }
  const int64_t at = (b * product.y_stride + first) * size_of(product.y_format);
  narrow_some(product.y_format, found, count, static_cast<char*>(product.y) + at);
}

template <class F, class T>
void product_units(const Product& product, int64_t first_unit, int64_t last_unit, F* scratch) {
  const T* const weight = static_cast<const T*>(product.weight);
  const F* const x = static_cast<const F*>(product.x);
  const int64_t room = 2 * kUnit;
  const bool gated = product.ending == Ending::kGated;
  for (int64_t i = 0; i < product_scratch(product.batch); ++i) scratch[i] = 0;
  for (int64_t unit = first_unit; unit < last_unit; ++unit) {
    const int64_t first = unit * kUnit, left = product.count - first;
    const int count = static_cast<int>(left < kUnit ? left : kUnit);
    product_block<Wide<F>, T>(weight + first * product.stride, product.stride, count, x,
                              product.batch, product.width, scratch, room);
    if (gated) {
      product_block<Wide<F>, T>(weight + (product.count + first) * product.stride, product.stride,
                                count, x, product.batch, product.width, scratch + kUnit, room);
    }
    for (int64_t b = 0; b < product.batch; ++b) {
      end_row(product, b, first, count, scratch + b * room);
    }
  }
}

}  // namespace
}  // namespace aigc_assets::decode
