// The attention kernels that compute in vectors of floats, once for every instruction set: include
// this after the target was switched on. All of it is in a nameless namespace; see vector.h.
//
// A few queries at a time: scores against panels of keys, which lie transposed, so that the lanes
// are keys; the softmax over whole rows; then the weighted sum of values, where lanes are channels.
#pragma once

#include "attention_transpose.h"
#include "attention_unit.h"
#include "vector.h"

namespace aigc_assets::attention {
namespace {

template <class V>
struct Shape {
  static constexpr int rows = 4;                         // queries in registers
  static constexpr int vectors = V::width == 8 ? 2 : 4;  // vectors of keys or channels
  static constexpr int panel = vectors * V::width;       // keys
  static constexpr int block = 4 * rows;                 // queries in the first-level cache
};

// Room for one unit; every array begins at a multiple of 64 bytes.
template <class F, class V>
struct Room {
  F *keys, *values, *queries, *scores, *row;
  int panels, wide;  // panels of keys; channels rounded up to whole vectors

  AIGC_INLINE Room(char* scratch, int key_count, int depth) {
    using S = Shape<V>;
    panels = (key_count + S::panel - 1) / S::panel;
    wide = round_up(depth, V::width);
    std::size_t used = 0;
    const auto take = [&](std::size_t count) {
      F* const at = reinterpret_cast<F*>(scratch + used);
      used += (count * sizeof(F) + 63) / 64 * 64;
      return at;
    };
    keys = take(std::size_t(panels) * S::panel * depth);
    values = take(std::size_t(key_count) * wide);
    queries = take(std::size_t(S::block) * wide);
    scores = take(std::size_t(S::block) * panels * S::panel);
    row = take(wide);
    bytes = used;
  }
  std::size_t bytes;
};

// One row as numbers of type F, followed by zeros up to `wide`.
template <class V, class T, class F>
AIGC_INLINE void read_row(const Rows& rows, int i, int depth, int wide, F* to) {
  int d = 0;
  if (rows.offsets[i] != kNoRow) {
    const T* from = reinterpret_cast<const T*>(rows.base + rows.offsets[i]);
    for (; d + V::width <= depth; d += V::width) V::load(from + d).store(to + d);
    for (; d < depth; ++d) to[d] = widen(from[d]);
  }
  for (; d < wide; ++d) to[d] = 0;
}

// Keys [first, first + width) into a panel, transposed: lane j of row d is channel d of key j.
template <class V, class T, class F>
AIGC_INLINE void read_transposed(const Unit& unit, int first, int wide, F* row, F* panel) {
  constexpr int stride = Shape<V>::panel;
#if defined(AIGC_TARGET_AVX512)
  if constexpr (V::width == 16) {
    for (int d = 0; d < unit.depth; d += 16) {
      const int rest = unit.depth - d < 16 ? unit.depth - d : 16;
      __m512i x[16];
#pragma GCC unroll 16
      for (int j = 0; j < 16; ++j) {
        x[j] = _mm512_setzero_si512();
        if (first + j >= unit.keys || unit.k.offsets[first + j] == kNoRow) continue;
        const T* const from = reinterpret_cast<const T*>(unit.k.base + unit.k.offsets[first + j]);
        if (rest == 16) {
          x[j] = _mm512_castps_si512(V::load(from + d).v);
        } else {
          for (int i = 0; i < 16; ++i) row[i] = i < rest ? widen(from[d + i]) : 0;
          x[j] = _mm512_loadu_si512(row);
        }
      }
      transpose(x);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (i < rest) _mm512_storeu_si512(panel + (d + i) * stride, x[i]);
      }
    }
    return;
  }
#endif
  for (int j = 0; j < V::width; ++j) {
    if (first + j < unit.keys) {
      read_row<V, T>(unit.k, first + j, unit.depth, wide, row);
    } else {
      for (int d = 0; d < wide; ++d) row[d] = 0;
    }
    for (int d = 0; d < unit.depth; ++d) panel[d * stride + j] = row[d];
  }
}

template <class V, class T, class F>
void read_keys(const Unit& unit, const Room<F, V>& room) {
  using S = Shape<V>;
  for (int first = 0; first < unit.keys; first += V::width) {
    F* const panel = room.keys + std::size_t(first / S::panel) * S::panel * unit.depth;
    read_transposed<V, T>(unit, first, room.wide, room.row, panel + first % S::panel);
  }
  for (int j = 0; j < unit.keys; ++j) {
    read_row<V, T>(unit.v, j, unit.depth, room.wide, room.values + std::size_t(j) * room.wide);
  }
}

// out[r][j] = sum over i of a[r][i] · b[i][j], for a few rows r and `N` vectors of columns j.
template <class V, int N, int R, class F>
AIGC_INLINE void multiply(const F* a, std::int64_t a_stride, const F* b, std::int64_t b_stride,
                          int count, F* out, std::int64_t out_stride) {
  V sum[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sum[r][n] = V(0.0);
  }
  for (int i = 0; i < count; ++i) {
    V column[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) column[n] = V::load(b + i * b_stride + n * V::width);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const V one(a[r * a_stride + i]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[r][n] = multiply_add(one, column[n], sum[r][n]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sum[r][n].store(out + r * out_stride + n * V::width);
  }
}

// The same for `rows` rows and 1 to 4 vectors of columns, with as many sums in registers as fit:
// one that is added to again at once would be waited for.
template <class V, int N, class F>
AIGC_INLINE void multiply_rows(const F* a, std::int64_t a_stride, const F* b, std::int64_t b_stride,
                               int count, F* out, std::int64_t out_stride, int rows) {
  constexpr int few = Shape<V>::rows, many = V::width == 16 && N <= 3 || N == 1 ? 2 * few : few;
  int r = 0;
  for (; r + many <= rows; r += many) {
    multiply<V, N, many>(a + r * a_stride, a_stride, b, b_stride, count, out + r * out_stride,
                         out_stride);
  }
  for (; r < rows; r += few) {
    multiply<V, N, few>(a + r * a_stride, a_stride, b, b_stride, count, out + r * out_stride,
                        out_stride);
  }
}

template <class V, class F>
AIGC_INLINE void multiply_some(int vectors, const F* a, std::int64_t a_stride, const F* b,
                               std::int64_t b_stride, int count, F* out, std::int64_t out_stride,
                               int rows) {
  if constexpr (Shape<V>::vectors == 4) {
    if (vectors == 4) {
      return multiply_rows<V, 4>(a, a_stride, b, b_stride, count, out, out_stride, rows);
    }
    if (vectors == 3) {
      return multiply_rows<V, 3>(a, a_stride, b, b_stride, count, out, out_stride, rows);
    }
  }
  if (vectors == 2) {
    return multiply_rows<V, 2>(a, a_stride, b, b_stride, count, out, out_stride, rows);
  }
  multiply_rows<V, 1>(a, a_stride, b, b_stride, count, out, out_stride, rows);
}

// e^x, but zero below e^-87, which float32 holds only in a format that is slow to compute with.
template <class V>
AIGC_INLINE V weight_of(V x) {
  const V low(-87.0);
  return select_negative(x - low, V(0.0), exponential(maximum(low, x)));
}

// Turns the scores of keys [begin, end) into weights that do not yet sum to 1; returns their sum.
// Both ends are multiples of the width, and keys from `keys` on are none: `bounds` is infinite,
// from there on in the last vector negative.
template <class V, class F>
AIGC_INLINE F soften(F* score, const F* bias, F scale, int begin, int end, int keys,
                     const F* bounds) {
  const V factor(scale);
  V most(-std::numeric_limits<F>::infinity());
  for (int j = begin; j < end; j += V::width) {
    V x = multiply_add(V::load(score + j), factor, V::load(bias + j));
    if (j + V::width > keys) x = minimum(x, V::load(bounds));  // not a NaN of what lies behind
    x.store(score + j);
    most = maximum(x, most);
  }
  const V largest(most.largest());
  V sum(0.0);
  for (int j = begin; j < end; j += V::width) {
    const V weight = weight_of(V::load(score + j) - largest);
    weight.store(score + j);
    sum = sum + weight;
  }
  return static_cast<F>(sum.sum());
}

// Numbers from one row to the next where they can be read in place: of the type that is computed
// with, at even steps. Otherwise 0.
template <class T, class F>
std::int64_t step_between(const Rows& rows, int count) {
  if (!std::is_same_v<T, F> || count < 2) return 0;
  const std::int64_t step = rows.offsets[1] - rows.offsets[0];
  for (int i = 2; i < count; ++i) {
    if (rows.offsets[i] - rows.offsets[i - 1] != step) return 0;
  }
  return step / static_cast<std::int64_t>(sizeof(F));
}

template <class V, class T>
void run_unit(const Unit& unit, char* scratch) {
  using F = typename V::value_type;
  using S = Shape<V>;
  const Room<F, V> room(scratch, unit.keys, unit.depth);
  read_keys<V, T>(unit, room);
  const int depth = unit.depth, wide = room.wide;
  const std::int64_t stride = std::int64_t(room.panels) * S::panel;
  const F* const bias = static_cast<const F*>(unit.bias);
  const F scale = static_cast<F>(unit.scale);
  const std::int64_t query_step = unit.complete ? step_between<T, F>(unit.q, unit.queries) : 0;
  F bounds[V::width];
  for (int i = 0; i < V::width; ++i) {
    const bool key = unit.keys / V::width * V::width + i < unit.keys;
    bounds[i] = std::numeric_limits<F>::infinity() * (key ? 1 : -1);
  }

  for (int first = 0; first < unit.queries; first += S::block) {
    const int count = unit.queries - first < S::block ? unit.queries - first : S::block;
    const int rows = round_up(count, S::rows);
    const bool in_place = query_step != 0 && count == rows;
    const F* queries = room.queries;
    if (in_place) queries = reinterpret_cast<const F*>(unit.q.base + unit.q.offsets[first]);
    for (int r = 0; r < rows && !in_place; ++r) {
      F* const to = room.queries + r * wide;
      if (r < count) {
        read_row<V, T>(unit.q, first + r, depth, wide, to);
      } else {
        for (int d = 0; d < wide; ++d) to[d] = 0;
      }
    }
    // Of all of these queries together; what one of them alone does not see, its bias says.
    int begin = first + unit.band_begin, end = first + count - 1 + unit.band_end;
    begin = begin < 0 ? 0 : begin / S::panel * S::panel;
    end = end > unit.keys ? unit.keys : end;
    const int whole = round_up(end, V::width);
    for (int panel = begin / S::panel; panel * S::panel < end; ++panel) {
      const F* const keys = room.keys + std::size_t(panel) * S::panel * depth;
      const int rest = (whole - panel * S::panel) / V::width;
      multiply_some<V>(rest < S::vectors ? rest : S::vectors, queries, in_place ? query_step : wide,
                       keys, S::panel, depth, room.scores + panel * S::panel, stride, rows);
    }
    F sums[S::block];
    for (int r = 0; r < count; ++r) {
      sums[r] = soften<V>(room.scores + r * stride, bias + (first + r) * unit.bias_stride, scale,
                          begin, whole, unit.keys, bounds);
    }
    // The weighted sums go where the queries were.
    for (int d = 0; d < wide; d += S::panel) {
      const int rest = (wide - d) / V::width;
      multiply_some<V>(rest < S::vectors ? rest : S::vectors, room.scores + begin, stride,
                       room.values + std::int64_t(begin) * wide + d, wide, end - begin,
                       room.queries + d, wide, rows);
    }
    for (int r = 0; r < count; ++r) {
      if (unit.out.offsets[first + r] == kNoRow) continue;
      T* const to = reinterpret_cast<T*>(unit.out.base + unit.out.offsets[first + r]);
      F* const from = room.queries + r * wide;
      const V share(F(1) / sums[r]);
      int d = 0;
      for (; d + V::width <= depth; d += V::width) (V::load(from + d) * share).store(to + d);
      for (; d < wide; d += V::width) (V::load(from + d) * share).store(from + d);
      for (d = depth / V::width * V::width; d < depth; ++d) narrow(from[d], to + d);
    }
  }
}

void run(Format format, const Unit& unit, char* scratch) {
  switch (format) {
    case Format::kFloat32:
      return run_unit<Vector, float>(unit, scratch);
    case Format::kFloat16:
      return run_unit<Vector, float16>(unit, scratch);
    case Format::kBfloat16:
      return run_unit<Vector, bfloat16>(unit, scratch);
    case Format::kFloat64:
      return run_unit<Scalar<double>, double>(unit, scratch);
    case Format::kInt8:
      break;
  }
}

std::size_t scratch(Format format, int, int keys, int depth) {
  if (format == Format::kFloat64) return Room<double, Scalar<double>>(nullptr, keys, depth).bytes;
  return Room<float, Vector>(nullptr, keys, depth).bytes;
}

void nothing() {}

}  // namespace
}  // namespace aigc_assets::attention
