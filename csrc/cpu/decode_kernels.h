// The CPU kernels for decoding one token, once for every instruction set: include this after the
// target was switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "../decode.h"
#include "decode_product.h"

namespace aigc_assets::decode {
namespace {

constexpr int kStreams = 4;
// Query heads that share the keys they read.
constexpr int kMostHeads = kVectors && Wide<float>::width == 16 ? 4 : 2;

template <class F>
void prepare_heads(const Heads& heads, F* scratch) {
  const int64_t dim = heads.dim, half = dim / 2, room = padded(dim);
  F *const cosines = scratch, *const sines = cosines + room / 2 + kUnit;
  F *const q_scale = sines + room / 2 + kUnit, *const k_scale = q_scale + room;
  F *const row = k_scale + room, *const narrowed = row + room;
  if (heads.cosines != nullptr) {
    widen_some(heads.rope_format, heads.cosines, half, cosines);
    widen_some(heads.rope_format, heads.sines, half, sines);
  }
  if (heads.q_scale != nullptr) widen_row(heads.q_scale_format, heads.q_scale, dim, q_scale);
  if (heads.k_scale != nullptr) widen_row(heads.k_scale_format, heads.k_scale, dim, k_scale);
  const auto turn = [&](F* x) {
    if (heads.cosines == nullptr) return;
    using V = Wide<F>;
    int64_t i = 0;
    for (; i + V::width <= half; i += V::width) {
      const Pair<V> turned = rotate(Pair<V>{V::load(x + i), V::load(x + half + i)},
                                    V::load(cosines + i), V::load(sines + i));
      turned.first.store(x + i);
      turned.second.store(x + half + i);
    }
    for (; i < half; ++i) {
      const Pair<F> turned = rotate(Pair<F>{x[i], x[half + i]}, cosines[i], sines[i]);
      x[i] = turned.first;
      x[half + i] = turned.second;
    }
  };
  const int64_t size = size_of(heads.format), cache_size = size_of(heads.cache_format);
  const auto keep = [&](const F* from, void* to, int64_t at, int64_t step) {
    char* const target = static_cast<char*>(to) + at * cache_size;
    if (step == 1) return narrow_some(heads.cache_format, from, dim, target);
    narrow_some(heads.cache_format, from, dim, narrowed);
    for (int64_t i = 0; i < dim; ++i) {
      __builtin_memcpy(target + i * step * cache_size,
                       reinterpret_cast<const char*>(narrowed) + i * cache_size, cache_size);
    }
  };
  for (int64_t h = 0; h < heads.shared; ++h) {
    widen_row(heads.format, static_cast<const char*>(heads.k) + h * heads.k_stride * size, dim,
              row);
    if (heads.k_scale != nullptr) normalise(row, dim, k_scale, heads.eps);
    turn(row);
    keep(row, heads.k_to, h * heads.k_to_stride, heads.k_to_step);
    widen_row(heads.format, static_cast<const char*>(heads.v) + h * heads.v_stride * size, dim,
              row);
    keep(row, heads.v_to, h * heads.v_to_stride, heads.v_to_step);
  }
  const F factor = static_cast<F>(1.0 / __builtin_sqrt(static_cast<double>(dim)));
  for (int64_t h = 0; h < heads.heads; ++h) {
    F* const query = static_cast<F*>(heads.query) + h * room;
    widen_row(heads.format, static_cast<const char*>(heads.q) + h * heads.q_stride * size, dim,
              query);
    if (heads.q_scale != nullptr) normalise(query, dim, q_scale, heads.eps);
    turn(query);
    for (int64_t i = 0; i < dim; ++i) query[i] *= factor;
  }
}

// How `count` keys are read: as four streams of `each` keys, then what is left. Score i belongs to
// key_of(i), so that the scores of keys that are read together lie side by side.
struct KeyOrder {
  int64_t count, each;

  AIGC_INLINE int64_t key_of(int64_t i) const {
    return i < kStreams * each ? i % kStreams * each + i / kStreams : i;
  }
};

// o[q, d] = sum_t p[q, t] v[t, d] for Q rows of p and D vectors of v, in P sums that are added
// last. The keys are read as four streams, like the rows of a weight.
template <class V, class T, int Q, int D, int P>
AIGC_INLINE void weigh_tile(const typename V::value_type* p, int64_t p_stride, const T* v,
                            int64_t v_stride, KeyOrder keys, int lanes, typename V::value_type* o,
                            int64_t o_stride) {
  V sums[P][Q][D];
#pragma GCC unroll 16
  for (int i = 0; i < P * Q * D; ++i) sums[i / (Q * D)][i / D % Q][i % D] = V(0.0);
  const auto add = [&](int64_t i, int64_t key, int part) {
    V value[D];
#pragma GCC unroll 4
    for (int d = 0; d < D; ++d) {
      const T* const from = v + key * v_stride + d * V::width;
      value[d] = D == 1 && lanes < V::width ? load_first<V>(from, lanes) : load_lanes<V>(from);
    }
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const V weight(p[q * p_stride + i]);
#pragma GCC unroll 4
      for (int d = 0; d < D; ++d) {
        sums[part][q][d] = multiply_add(weight, value[d], sums[part][q][d]);
      }
    }
  };
  for (int64_t t = 0; t < keys.each; ++t) {
#pragma GCC unroll 4
    for (int stream = 0; stream < kStreams; ++stream) {
      const int64_t key = stream * keys.each + t;
      const char* const next = reinterpret_cast<const char*>(v + key * v_stride) + kAhead;
#pragma GCC unroll 4
      for (int i = 0; i < D * V::width * static_cast<int>(sizeof(T)); i += kLine) {
        __builtin_prefetch(next + i, 0, 3);
      }
      add(t * kStreams + stream, key, stream % P);
    }
  }
  for (int64_t t = kStreams * keys.each; t < keys.count; ++t) add(t, t, 0);
#pragma GCC unroll 4
  for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 4
    for (int d = 0; d < D; ++d) {
      V total = sums[0][q][d];
      for (int part = 1; part < P; ++part) total = total + sums[part][q][d];
      total.store(o + q * o_stride + d * V::width);
    }
  }
}

template <class V, class T, int Q>
void weigh_rows(const typename V::value_type* p, int64_t p_stride, const T* v, int64_t v_stride,
                KeyOrder keys, int64_t dim, typename V::value_type* o, int64_t o_stride) {
  constexpr int kSums = V::width == 16 ? 16 : 8;
  constexpr int P4 = kSums / (4 * Q) > 4 ? 4 : kSums / (4 * Q) > 0 ? kSums / (4 * Q) : 1;
  constexpr int P2 = kSums / (2 * Q) > 4 ? 4 : kSums / (2 * Q);
  constexpr int P1 = kSums / Q > 4 ? 4 : kSums / Q;
  int64_t d = 0;
  constexpr int64_t w = V::width;
  for (; d + 4 * w <= dim && 4 * Q <= kSums; d += 4 * w) {
    weigh_tile<V, T, Q, 4, P4>(p, p_stride, v + d, v_stride, keys, w, o + d, o_stride);
  }
  for (; d + 2 * w <= dim; d += 2 * w) {
    weigh_tile<V, T, Q, 2, P2>(p, p_stride, v + d, v_stride, keys, w, o + d, o_stride);
  }
  for (; d < dim; d += w) {
    const int lanes = static_cast<int>(dim - d < w ? dim - d : w);
    weigh_tile<V, T, Q, 1, P1>(p, p_stride, v + d, v_stride, keys, lanes, o + d, o_stride);
  }
}

// Scores of Q queries that one pass of `score_keys` finds, for each of the streams.
template <class V, int Q>
constexpr int kKeysAtOnce = V::width / (kStreams * Q);

// V::width scores at once: those of Q queries with the keys row(n, stream).
template <class V, class T, int Q, class Row>
AIGC_INLINE V score_tile(const Row& row, const typename V::value_type* query, int64_t dim) {
  constexpr int N = kKeysAtOnce<V, Q>, kInLine = kLine / static_cast<int>(sizeof(T));
  const int64_t room = padded(dim);
  const T* key[N * kStreams];
  V sums[Q * N * kStreams];
#pragma GCC unroll 16
  for (int i = 0; i < N * kStreams; ++i) key[i] = row(i / kStreams, i % kStreams);
#pragma GCC unroll 16
  for (int i = 0; i < Q * N * kStreams; ++i) sums[i] = V(0.0);
  const auto add = [&](int64_t d, auto load) {
    V factor[Q];
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) factor[q] = hold(V::load(query + q * room + d));
#pragma GCC unroll 16
    for (int i = 0; i < N * kStreams; ++i) {
      const V value = Q > 1 ? hold(load(key[i] + d)) : load(key[i] + d);
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) {
        V& sum = sums[q * N * kStreams + i];
        sum = multiply_add(value, factor[q], sum);
      }
    }
  };
  int64_t d = 0;
  for (; d + V::width <= dim; d += V::width) {
    if (V::width >= kInLine || d % kInLine == 0) {
#pragma GCC unroll 16
      for (int i = 0; i < N * kStreams; ++i) {
        __builtin_prefetch(reinterpret_cast<const char*>(key[i] + d) + kAhead, 0, 3);
      }
    }
    add(d, [](const T* from) { return load_lanes<V>(from); });
  }
  if (d < dim) {
    const int rest = static_cast<int>(dim - d);
    add(d, [rest](const T* from) { return load_first<V>(from, rest); });
  }
  return sum_each(sums);
}

// Scores of Q queries with all keys, in KeyOrder.
template <class V, class T, int Q>
KeyOrder score_keys(const T* k, int64_t stride, int64_t keys, const typename V::value_type* query,
                    int64_t dim, typename V::value_type* scores, int64_t room) {
  constexpr int N = kKeysAtOnce<V, Q>, kPiece = N * kStreams;
  using F = typename V::value_type;
  const KeyOrder order{keys, keys / (kStreams * N) * N};
  F found[V::width];
  int64_t i = 0;
  for (; i < kStreams * order.each; i += kPiece) {
    const T* const from = k + i / kStreams * stride;
    const auto row = [=](int n, int stream) { return from + (stream * order.each + n) * stride; };
    score_tile<V, T, Q>(row, query, dim).store(found);
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      __builtin_memcpy(scores + q * room + i, found + q * kPiece, kPiece * sizeof(F));
    }
  }
  for (; i < keys; i += kPiece) {
    const auto row = [=](int n, int stream) {
      const int64_t key = i + n * kStreams + stream;
      return k + (key < keys ? key : keys - 1) * stride;
    };
    score_tile<V, T, Q>(row, query, dim).store(found);
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      __builtin_memcpy(scores + q * room + i, found + q * kPiece, kPiece * sizeof(F));
    }
  }
  return order;
}

// Fetches the beginnings of the streams, up to where the loops over them fetch by themselves.
template <class T>
AIGC_INLINE void fetch_streams(const T* from, int64_t stride, int64_t each) {
  for (int stream = 0; stream < kStreams; ++stream, from += each * stride) {
    const char* const start = reinterpret_cast<const char*>(from);
    for (int64_t i = 0; i < kAhead; i += kLine) __builtin_prefetch(start + i, 0, 3);
  }
}

// Scores become weights e^(score - largest); returns the largest, and the sum through `total`.
template <class F>
F soften(F* scores, KeyOrder keys, double slope, int64_t behind, double* total) {
  using V = Wide<F>;
  constexpr int w = V::width;
  const int64_t count = keys.count;
  F step[w];
  if (slope != 0) {
    // The first of the keys lies `behind` positions behind the newest.
    for (int64_t i = 0; i < count; ++i)
      scores[i] -= static_cast<F>(slope) * static_cast<F>(behind - keys.key_of(i));
  }
  const F lowest = static_cast<F>(-__builtin_inff());
  for (int64_t i = count; i < (count + w - 1) / w * w; ++i) scores[i] = lowest;
  V largest(lowest);
  for (int64_t i = 0; i < count; i += w) largest = maximum(V::load(scores + i), largest);
  const F top = largest.largest();
  V sum(0.0);
  const V shift(top);
  for (int64_t i = 0; i < count; i += w) {
    const V weight = exponential(V::load(scores + i) - shift);
    if (i + w <= count) {
      weight.store(scores + i);
      sum = sum + weight;
    } else {
      weight.store(step);
      for (int j = 0; j < w; ++j) step[j] = i + j < count ? step[j] : F(0);
      V::load(step).store(scores + i);
      sum = sum + V::load(step);
    }
  }
  *total = sum.sum();
  return top;
}

template <class F, class T>
void attend_chunk(const Attention& a, int64_t unit, F* scratch) {
  using V = Wide<F>;
  const int64_t head = unit / a.chunks, b = head / a.shared, s = head % a.shared;
  const int64_t dim = a.dim, room = padded(dim), group = a.group;
  const int64_t length = a.lengths[b];
  const KeyRange range = keys_of(length, a.room, a.window);
  const int64_t first = range.begin + unit % a.chunks * kChunk;
  const int64_t keys = range.end - first < kChunk ? range.end - first : kChunk;
  const int64_t y_size = size_of(a.y_format);
  char* const y = static_cast<char*>(a.y) + (b * a.y_batch + s * group * a.y_head) * y_size;
  const bool alone = range.end - range.begin <= kChunk;
  constexpr int64_t score_room = kChunk + kUnit;
  F *const scores = scratch, *const sums = scratch + group * score_room;
  if (keys <= 0) {
    if (unit % a.chunks != 0) return;
    for (int64_t i = 0; i < room; ++i) sums[i] = 0;
    for (int64_t g = 0; g < group; ++g) {
      narrow_some(a.y_format, sums, dim, y + g * a.y_head * y_size);
    }
    return;
  }
  const F* const query = static_cast<const F*>(a.query) + head * group * room;
  const T* const k = static_cast<const T*>(a.keys) + b * a.key_batch + s * a.key_head;
  const T* const v = static_cast<const T*>(a.values) + b * a.value_batch + s * a.value_head;
  F* const partial = static_cast<F*>(a.partial) + unit * group * (2 + room);
  // Heads g .. g + Q - 1 of the group, which share what they read.
  const auto attend_heads = [&](int64_t g, auto heads_at_once) {
    constexpr int Q = decltype(heads_at_once)::value;
    F* const o = sums + g * room;
    const T* const values = v + first * a.value_stride;
    fetch_streams(values, a.value_stride, keys / kStreams);
    const KeyOrder order = score_keys<V, T, Q>(k + first * a.key_stride, a.key_stride, keys,
                                               query + g * room, dim, scores, score_room);
    if (g + Q == group) {  // what comes next, most likely: a chunk as long as this one
      const bool is_last = (unit + 1) % a.chunks == 0;
      const T* const next = is_last ? k + range.begin * a.key_stride + a.key_head
                                    : k + (first + kChunk) * a.key_stride;
      fetch_streams(next, a.key_stride, order.each);
    }
    double total[Q];
    F top[Q];
    for (int i = 0; i < Q; ++i) {
      const double slope = a.slopes == nullptr ? 0.0 : a.slopes[s * group + g + i];
      const int64_t behind = range.end - 1 - first;
      top[i] = soften(scores + i * score_room, order, slope, behind, &total[i]);
    }
    weigh_rows<V, T, Q>(scores, score_room, values, a.value_stride, order, dim, o, room);
    for (int i = 0; i < Q; ++i, ++g) {
      F* const found = sums + g * room;
      if (alone) {
        const V factor(1.0 / total[i]);
        for (int64_t d = 0; d < room; d += V::width) (V::load(found + d) * factor).store(found + d);
        narrow_some(a.y_format, found, dim, y + g * a.y_head * y_size);
        continue;
      }
      F* const to = partial + g * (2 + room);
      to[0] = top[i];
      to[1] = static_cast<F>(total[i]);
      for (int64_t d = 0; d < dim; ++d) to[2 + d] = found[d];
    }
  };
  int64_t g = 0;
  if constexpr (kMostHeads == 4) {
    for (; g + 4 <= group; g += 4) attend_heads(g, std::integral_constant<int, 4>());
  }
  for (; g + 2 <= group; g += 2) attend_heads(g, std::integral_constant<int, 2>());
  if (g < group) attend_heads(g, std::integral_constant<int, 1>());
}

// Puts the chunks of one key head together, in order.
template <class F>
void combine_chunks(const Attention& a, int64_t head, F* scratch) {
  const int64_t b = head / a.shared, s = head % a.shared;
  const KeyRange range = keys_of(a.lengths[b], a.room, a.window);
  const int64_t chunks = (range.end - range.begin + kChunk - 1) / kChunk;
  if (chunks <= 1) return;
  const int64_t room = padded(a.dim), size = 2 + room, y_size = size_of(a.y_format);
  char* const y = static_cast<char*>(a.y) + (b * a.y_batch + s * a.group * a.y_head) * y_size;
  for (int64_t g = 0; g < a.group; ++g) {
    const F* const from = static_cast<const F*>(a.partial) + (head * a.chunks * a.group + g) * size;
    const int64_t step = a.group * size;
    F top = from[0];
    for (int64_t c = 1; c < chunks; ++c) top = from[c * step] > top ? from[c * step] : top;
    double total = 0;
    for (int64_t d = 0; d < a.dim; ++d) scratch[d] = 0;
    for (int64_t c = 0; c < chunks; ++c) {
      const F* const chunk = from + c * step;
      const double weight = __builtin_exp(static_cast<double>(chunk[0]) - top);
      total += weight * chunk[1];
      const F factor = static_cast<F>(weight);
      for (int64_t d = 0; d < a.dim; ++d) scratch[d] += factor * chunk[2 + d];
    }
    const F factor = static_cast<F>(1.0 / total);
    for (int64_t d = 0; d < a.dim; ++d) scratch[d] *= factor;
    narrow_some(a.y_format, scratch, a.dim, y + g * a.y_head * y_size);
  }
}

// Runs with a null pointer of the type that is computed with. No instruction set has vectors of
// float64 here, so one copy of that code is enough: the one for any processor.
template <class Run>
void with_compute(Format compute, const Run& run) {
  if (compute == Format::kFloat32) return run(static_cast<float*>(nullptr));
  if constexpr (!kVectors) run(static_cast<double*>(nullptr));
}

void rows(const Rows& work) {
  with_compute(work.compute,
               [&](auto* type) { widen_rows<std::remove_pointer_t<decltype(type)>>(work); });
}

void product(const Product& work, int64_t first, int64_t last, void* scratch) {
  with_compute(work.compute, [&](auto* type) {
    using F = std::remove_pointer_t<decltype(type)>;
    with_type(work.format, [&](auto* stored) {
      using T = std::remove_const_t<std::remove_pointer_t<decltype(stored)>>;
      if constexpr (sizeof(T) <= sizeof(F)) {
        product_units<F, T>(work, first, last, static_cast<F*>(scratch));
      }
    });
  });
}

void heads(const Heads& work, void* scratch) {
  with_compute(work.compute,
               [&](auto* type) { prepare_heads(work, static_cast<decltype(type)>(scratch)); });
}

void attend(const Attention& work, int64_t unit, void* scratch) {
  float* const numbers = static_cast<float*>(scratch);
  switch (work.format) {
    case Format::kFloat64:
      if constexpr (!kVectors) {
        attend_chunk<double, double>(work, unit, static_cast<double*>(scratch));
      }
      break;
    case Format::kFloat32:
      return attend_chunk<float, float>(work, unit, numbers);
    case Format::kFloat16:
      return attend_chunk<float, float16>(work, unit, numbers);
    case Format::kBfloat16:
      return attend_chunk<float, bfloat16>(work, unit, numbers);
    case Format::kInt8:
      break;
  }
}

void combine(const Attention& work, int64_t head, void* scratch) {
  with_compute(work.compute, [&](auto* type) {
    combine_chunks(work, head, static_cast<decltype(type)>(scratch));
  });
}

}  // namespace
}  // namespace aigc_assets::decode
