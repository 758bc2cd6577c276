// Products of a few rows with a large weight: y[q, r] = sum_k w[r, k] x[q, k].
//
// Every row of the weight is read once for as many rows of x as registers have room for. Rows that
// are read side by side come from units that lie far apart, so that memory sees a few streams, each
// of them in order: where the weight comes from memory that is up to half as fast again as one.
// Every result is one sum in the lanes of one vector, in order, so that it does not depend on what
// is computed beside it; the lanes of sixteen results are added up together.
#pragma once

#include "decode_lanes.h"
#include "decode_work.h"

namespace aigc_assets::decode {
namespace {

constexpr int kLine = 64;  // bytes that memory hands out at once
// Bytes between what is fetched and what is computed, of one of four streams and of a single one.
constexpr int64_t kAhead = 1024, kAheadAlone = 8 << 10;
constexpr int kMostRows = kVectors ? Wide<float>::width * 5 / 8 : 4;  // of x, read at once

// Rows of the weight that are read side by side: with Q rows of x, their sums stay in registers.
constexpr int rows_beside(int64_t q) { return q <= kMostRows / 2 && kMostRows > 5 ? 4 : 2; }

// Rows of x in the first pass over `batch` rows.
constexpr int64_t rows_at_once(int64_t batch) {
  const int64_t parts = (batch + kMostRows - 1) / kMostRows;
  return parts == 0 ? 0 : (batch + parts - 1) / parts;
}

// kUnit rows of a weight: as many streams as there are starts, each of the same number of rows.
template <class T>
struct Streams {
  const T* start[4];
  int shift;  // log2 of the rows of a stream
  int64_t stride;
  const T* last;  // of all rows: beyond it, this one is read
  int64_t width;
  int64_t ahead;  // bytes between what is read and what is fetched

  AIGC_INLINE const T* row(int i) const {
    const T* const found = start[i >> shift] + (i & ((1 << shift) - 1)) * stride;
    return found < last ? found : last;
  }
};

// The kUnit rows from `w` on, of which `rows` exist.
template <class T>
AIGC_INLINE Streams<T> rows_from(const T* w, int64_t stride, int rows, int64_t width,
                                 int64_t ahead) {
  return {{w}, 4, stride, w + (rows - 1) * stride, width, ahead};
}

// Rows of the weight times Q rows of x, lane by lane: sums [Q, kUnit].
template <class V, class T, int Q>
AIGC_INLINE void sum_lanes(const Streams<T>& w, const typename V::value_type* x, int64_t x_stride,
                           int64_t ahead, V* sums) {
  constexpr int R = rows_beside(Q), kSteps = static_cast<int>(kUnit) / R;
  for (int step = 0; step < kSteps; ++step) {
    const T* row[R];
    V sum[Q][R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) row[r] = w.row(r * kSteps + step);
#pragma GCC unroll 20
    for (int i = 0; i < Q * R; ++i) sum[i / R][i % R] = V(0.0);
    const auto add = [&](int64_t k, auto load) {
      V weight[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) weight[r] = hold(load(row[r] + k));
#pragma GCC unroll 10
      for (int q = 0; q < Q; ++q) {
        const V factor = hold(V::load(x + q * x_stride + k));
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) sum[q][r] = multiply_add(weight[r], factor, sum[q][r]);
      }
    };
    constexpr int kInLine = kLine / static_cast<int>(sizeof(T)) / V::width;
    constexpr int kStep = (kVectors && kInLine > 1 ? kInLine : 1) * V::width;
    int64_t k = 0;
    for (; k + kStep <= w.width; k += kStep) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        __builtin_prefetch(reinterpret_cast<const char*>(row[r] + k) + ahead, 0, 3);
      }
#pragma GCC unroll 8
      for (int i = 0; i < kStep; i += V::width) {
        add(k + i, [](const T* from) { return load_lanes<V>(from); });
      }
    }
    for (; k + V::width <= w.width; k += V::width) {
      add(k, [](const T* from) { return load_lanes<V>(from); });
    }
    if (k < w.width) {
      const int rest = static_cast<int>(w.width - k);
      add(k, [rest](const T* from) { return load_first<V>(from, rest); });
    }
#pragma GCC unroll 20
    for (int i = 0; i < Q * R; ++i) {
      sums[i / R * kUnit + i % R * kSteps + step] = sum[i / R][i % R];
    }
  }
}

// y [Q, kUnit] of kUnit rows of the weight; of rows that do not exist it is undefined.
template <class V, class T, int Q>
void product_rows(const Streams<T>& w, const typename V::value_type* x, int64_t x_stride,
                  int64_t ahead, typename V::value_type* y, int64_t y_stride) {
  V sums[Q * kUnit];
  sum_lanes<V, T, Q>(w, x, x_stride, ahead, sums);
  for (int q = 0; q < Q; ++q) {
    for (int r = 0; r < kUnit; r += V::width) {
      sum_each(sums + q * kUnit + r).store(y + q * y_stride + r);
    }
  }
}

// y [batch, kUnit] of x [batch, padded(width)] and kUnit rows of the weight.
template <class V, class T>
void product_block(const Streams<T>& w, const typename V::value_type* x, int64_t batch,
                   typename V::value_type* y, int64_t y_stride) {
  const int64_t x_stride = padded(w.width);
  for (int64_t b = 0; b < batch;) {
    const int64_t count = rows_at_once(batch - b);
    const auto run = [&](auto rows) {
      constexpr int Q = decltype(rows)::value;
      if constexpr (Q <= kMostRows) {
        product_rows<V, T, Q>(w, x + b * x_stride, x_stride, b == 0 ? w.ahead : 0, y + b * y_stride,
                              y_stride);
      }
    };
    switch (count) {
      case 1:
        run(std::integral_constant<int, 1>());
        break;
      case 2:
        run(std::integral_constant<int, 2>());
        break;
      case 3:
        run(std::integral_constant<int, 3>());
        break;
      case 4:
        run(std::integral_constant<int, 4>());
        break;
      case 5:
        run(std::integral_constant<int, 5>());
        break;
      case 6:
        run(std::integral_constant<int, 6>());
        break;
      case 7:
        run(std::integral_constant<int, 7>());
        break;
      case 8:
        run(std::integral_constant<int, 8>());
        break;
      case 9:
        run(std::integral_constant<int, 9>());
        break;
      default:
        run(std::integral_constant<int, 10>());
    }
    b += count;
  }
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

// The same of all rows where nothing is rounded, scaled or cut off.
template <class F>
void end_rows(const Product& product, int64_t first, const F* found) {
  using V = Wide<F>;
  F* const y = static_cast<F*>(product.y) + first;
  const F* const residual = static_cast<const F*>(product.residual);
  for (int64_t b = 0; b < product.batch; ++b, found += 2 * kUnit) {
    for (int i = 0; i < kUnit; i += V::width) {
      V value = V::load(found + i);
      if (product.ending == Ending::kGated) {
        value = gate_by(value, V::load(found + kUnit + i));
      } else if (product.ending == Ending::kResidual) {
        value = value + V::load(residual + b * product.residual_stride + first + i);
      }
      value.store(y + b * product.y_stride + i);
    }
  }
}

template <class F>
void end_unit(const Product& product, int64_t first, F* found) {
  const int64_t left = product.count - first;
  const bool as_it_is =
      product.weight_scale == nullptr && product.y_format == product.compute &&
      (product.ending != Ending::kResidual || product.residual_format == product.compute);
  if (as_it_is && left >= kUnit) return end_rows(product, first, found);
  const int count = static_cast<int>(left < kUnit ? left : kUnit);
  for (int64_t b = 0; b < product.batch; ++b, found += 2 * kUnit) {
    end_row(product, b, first, count, found);
  }
}

// Four streams of the weight: units that lie `apart` units from each other, the first at row
// `first`; for kGated two of them, each with its gate.
template <class F, class T>
void product_of_streams(const Product& product, int64_t first, int64_t apart, F* scratch) {
  const T* const weight = static_cast<const T*>(product.weight);
  const int halves = product.ending == Ending::kGated ? 2 : 1;
  const int64_t unit_room = product.batch * 2 * kUnit;
  F* const found = scratch + 4 * unit_room;  // [batch, kUnit]
  const T* const last = weight + (halves * product.count - 1) * product.stride;
  Streams<T> w{{}, 2, product.stride, last, product.width, kAhead};
  for (int part = 0; part < 4; ++part) {
    for (int i = 0; i < 4; ++i) {
      const int64_t row = first + i / halves * apart * kUnit + i % halves * product.count;
      w.start[i] = weight + (row + part * 4) * product.stride;
    }
    product_block<Wide<F>, T>(w, static_cast<const F*>(product.x), product.batch, found, kUnit);
    for (int i = 0; i < 4; ++i) {
      F* const to = scratch + i / halves * unit_room + i % halves * kUnit + part * 4;
      for (int64_t b = 0; b < product.batch; ++b) {
        __builtin_memcpy(to + b * 2 * kUnit, found + b * kUnit + i * 4, 4 * sizeof(F));
      }
    }
  }
  for (int i = 0; i < 4 / halves; ++i) {
    end_unit(product, first + i * apart * kUnit, scratch + i * unit_room);
  }
}

template <class F, class T>
void product_units(const Product& product, int64_t first_unit, int64_t last_unit, F* scratch) {
  int64_t unit = first_unit;
  if (rows_beside(rows_at_once(product.batch)) == 4) {
    const int units = product.ending == Ending::kGated ? 2 : 4;
    const int64_t apart = (last_unit - first_unit) / units;
    for (; unit < first_unit + apart; ++unit) {
      product_of_streams<F, T>(product, unit * kUnit, apart, scratch);
    }
    unit = first_unit + units * apart;
  }
  const T* const weight = static_cast<const T*>(product.weight);
  const F* const x = static_cast<const F*>(product.x);
  // Whole rows, so that what is fetched is what is read a little later.
  const int64_t row = product.stride * static_cast<int64_t>(sizeof(T));
  const int64_t ahead = row > 0 ? (kAheadAlone + row - 1) / row * row : 0;
  for (; unit < last_unit; ++unit) {
    const int64_t first = unit * kUnit, left = product.count - first;
    const int count = static_cast<int>(left < kUnit ? left : kUnit);
    for (int half = 0; half < (product.ending == Ending::kGated ? 2 : 1); ++half) {
      const T* const from = weight + (first + half * product.count) * product.stride;
      product_block<Wide<F>, T>(rows_from(from, product.stride, count, product.width, ahead), x,
                                product.batch, scratch + half * kUnit, 2 * kUnit);
    }
    end_unit(product, first, scratch);
  }
}

}  // namespace
}  // namespace aigc_assets::decode
