// Attention in the tiles of AMX, for bfloat16: include this after the target was switched on.
//
// Sixteen queries at a time, a chunk of up to 64 keys after the other:
//   scores   Q·K^T into float32, 16 x 64
//   weights  2^(score·scale·log2(e) + bias), rounded to bfloat16; the bias holds log2(e) already
//   sums     P·V into float32, over all keys of the unit
// A channel of ones behind those of the values makes the sum of the rounded weights, so that what
// is divided by is exactly what was added up.
//
// The largest score need not be known where no score can be larger than 64 in magnitude, as the
// lengths of queries and keys promise nearly always (Cauchy-Schwarz): then weights, sums and
// results stay within the range of float32, and the division removes the common factor. Sixteen
// queries for which that is not certain are done again, with the largest score of each row
// subtracted.
//
// While the vector unit works on one chunk, the tiles of the next are under way.
#pragma once

#include "attention_transpose.h"
#include "attention_unit.h"
#include "tiles.h"

namespace aigc_assets::attention {
namespace {

// A weight as bfloat16 is, but for its mantissa, 128·log2(weight) + 127·128 rounded to an integer:
// seven bits of fraction and the exponent above them.
constexpr double kPerLog = 128 * 1.4426950408889634;
constexpr double kOne = 127 * 128;  // the weight 1
constexpr float kSafe = 64 * 128;   // how far from 1 is still safe
constexpr int kTileBytes = 1024;

struct Room {
  char *keys, *values, *ones, *queries, *weights, *scores, *all_scores, *sums;
  int steps;          // of 32 channels, for Q·K^T
  int value_columns;  // of 16 channels, for P·V
  int columns;        // the same with the sum, which has one of its own if they are full
  int key_pairs;      // tiles of 32 keys
  std::size_t bytes;

  AIGC_INLINE Room(char* scratch, int key_count, int depth) {
    steps = (depth + 31) / 32;
    value_columns = (depth + 15) / 16;
    columns = depth / 16 + 1;
    key_pairs = (key_count + 31) / 32;
    bytes = 0;
    const auto take = [&](std::size_t tiles) {
      char* const at = scratch + bytes;
      bytes += tiles * kTileBytes;
      return at;
    };
    keys = take(std::size_t(2) * key_pairs * steps);
    values = take(std::size_t(key_pairs) * value_columns);
    ones = take(1);
    queries = take(std::size_t(2) * steps);      // of two sets of sixteen
    weights = take(std::size_t(2) * key_pairs);  // of two sets of sixteen
    scores = take(2 * 4);                        // of two chunks
    sums = take(std::size_t(2) * columns);       // of two sets of sixteen
    all_scores = take(std::size_t(2) * key_pairs);
  }
};

// Half a row of a tile: 32 channels from `first` on, zero where there are none.
AIGC_INLINE __m512i read_channels(const Rows& rows, int i, int count, int first, int depth) {
  if (i >= count || rows.offsets[i] == kNoRow) return _mm512_setzero_si512();
  const char* const from = rows.base + rows.offsets[i] + 2 * first;
  if (depth - first >= 32) return _mm512_loadu_si512(from);
  return _mm512_maskz_loadu_epi16((1u << (depth - first)) - 1u, from);
}

// The same where it is known that nothing is missing.
AIGC_INLINE __m512i read_whole(const Rows& rows, int i, int first) {
  return _mm512_loadu_si512(rows.base + rows.offsets[i] + 2 * first);
}

// Square of the length, in 16 parts, which a NaN anywhere turns into something larger than any
// number when compared as integers.
AIGC_INLINE __m512 add_squares(__m512 sum, __m512i channels) {
  return _mm512_dpbf16_ps(sum, (__m512bh)channels, (__m512bh)channels);
}
AIGC_INLINE __m512i larger(__m512i most, __m512 squares) {
  return _mm512_max_epu32(most, _mm512_castps_si512(squares));
}

// Keys as the second factor of Q·K^T: pairs of channels in rows, keys in columns. Returns the
// square of the longest.
float pack_keys(const Unit& unit, const Room& room) {
  __m512i longest = _mm512_setzero_si512();
  char* to = room.keys;
  for (int first = 0; first < 32 * room.key_pairs; first += 16) {
    __m512 squares = _mm512_setzero_ps(), more = squares;
    for (int step = 0; step < room.steps; ++step, to += kTileBytes) {
      __m512i x[16];
      if (unit.complete && first + 16 <= unit.keys && 32 * step + 32 <= unit.depth) {
        const char* rows[16];
#pragma GCC unroll 16
        for (int j = 0; j < 16; ++j) rows[j] = unit.k.base + unit.k.offsets[first + j] + 64 * step;
        read_transposed(rows, x);
      } else {
#pragma GCC unroll 16
        for (int j = 0; j < 16; ++j) {
          x[j] = read_channels(unit.k, first + j, unit.keys, 32 * step, unit.depth);
        }
        transpose(x);
      }
#pragma GCC unroll 8
      for (int j = 0; j < 16; j += 2) {
        squares = add_squares(squares, x[j]);
        more = add_squares(more, x[j + 1]);
        _mm512_store_si512(to + 64 * j, x[j]);
        _mm512_store_si512(to + 64 * j + 64, x[j + 1]);
      }
    }
    longest = larger(longest, _mm512_add_ps(squares, more));
  }
  return _mm_cvtss_f32(
      _mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(_mm512_reduce_max_epu32(longest)))));
}

// Values as the second factor of P·V: pairs of keys in rows, channels in columns. The rows are in
// the order in which `soften` leaves the keys. One more column is 1.
void pack_values(const Unit& unit, const Room& room) {
  const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
  const __m512i ones = _mm512_set1_epi32(0x3f803f80);
  const int columns = room.value_columns;
  for (int pair = 0; pair < room.key_pairs; ++pair) {
    char* const tiles = room.values + std::size_t(pair) * columns * kTileBytes;
    const bool whole = unit.complete && 32 * pair + 32 <= unit.keys && unit.depth % 32 == 0;
    if (whole && unit.depth == 32) {
      const std::int64_t* const offsets = unit.v.offsets + 32 * pair;
#pragma GCC unroll 16
      for (int row = 0; row < 16; ++row) {
        const int j = 4 * (row / 4) + 2 * (row % 2) + (row % 4 < 2 ? 0 : 16);
        __m512i a = _mm512_loadu_si512(unit.v.base + offsets[j]);
        __m512i b = _mm512_loadu_si512(unit.v.base + offsets[j + 1]);
        a = _mm512_permutexvar_epi64(order, a);
        b = _mm512_permutexvar_epi64(order, b);
        _mm512_store_si512(tiles + 64 * row, _mm512_unpacklo_epi16(a, b));
        _mm512_store_si512(tiles + kTileBytes + 64 * row, _mm512_unpackhi_epi16(a, b));
      }
      continue;
    }
#pragma GCC unroll 4
    for (int row = 0; row < 16; ++row) {
      const int j = 32 * pair + 4 * (row / 4) + 2 * (row % 2) + (row % 4 < 2 ? 0 : 16);
      char* to = tiles + 64 * row;
      for (int first = 0; first < unit.depth; first += 32, to += 2 * kTileBytes) {
        __m512i a, b;
        if (whole) {
          a = read_whole(unit.v, j, first);
          b = read_whole(unit.v, j + 1, first);
        } else {
          a = read_channels(unit.v, j, unit.keys, first, unit.depth);
          b = read_channels(unit.v, j + 1, unit.keys, first, unit.depth);
        }
        a = _mm512_permutexvar_epi64(order, a);
        b = _mm512_permutexvar_epi64(order, b);
        __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
        const int one = unit.depth - first;  // the column of ones
        if (one < 16) low = _mm512_mask_mov_epi32(low, 1u << one, ones);
        _mm512_store_si512(to, low);
        if (one <= 16) break;
        if (one < 32) high = _mm512_mask_mov_epi32(high, 1u << (one - 16), ones);
        _mm512_store_si512(to + kTileBytes, high);
      }
    }
  }
  if (room.columns > columns) {
    const __m512i first = _mm512_maskz_mov_epi32(1, ones);
    for (int row = 0; row < 16; ++row) _mm512_store_si512(room.ones + 64 * row, first);
  }
}

// Sixteen queries as the first factor of Q·K^T; returns an upper bound for the square of the
// longest.
float pack_queries(const Unit& unit, const Room& room, int first, char* to) {
  __m512i longest = _mm512_setzero_si512();
  if (unit.complete && first + 16 <= unit.queries && unit.depth == 32) {
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      const __m512i x = read_whole(unit.q, first + r, 0);
      longest = larger(longest, add_squares(_mm512_setzero_ps(), x));
      _mm512_store_si512(to + 64 * r, x);
    }
  } else {
    for (int r = 0; r < 16; ++r) {
      __m512 squares = _mm512_setzero_ps();
      for (int step = 0; step < room.steps; ++step) {
        const __m512i x = read_channels(unit.q, first + r, unit.queries, 32 * step, unit.depth);
        squares = add_squares(squares, x);
        _mm512_store_si512(to + step * kTileBytes + 64 * r, x);
      }
      longest = larger(longest, squares);
    }
  }
  return _mm512_reduce_add_ps(_mm512_castsi512_ps(longest));
}

// Scores of sixteen queries and 32 or 64 keys, [16, 64].
AIGC_INLINE void multiply_keys(const Room& room, const char* queries, int pair, bool two,
                               char* scores, int stride) {
  const char* const keys = room.keys + std::size_t(2) * pair * room.steps * kTileBytes;
  const std::size_t next = std::size_t(room.steps) * kTileBytes;
  _tile_zero(0);
  _tile_zero(1);
  if (two) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int step = 0; step < room.steps; ++step) {
    const char* const b = keys + step * kTileBytes;
    _tile_loadd(4, queries + step * kTileBytes, 64);
    _tile_loadd(5, b, 64);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, b + next, 64);
    _tile_dpbf16ps(1, 4, 6);
    if (two) {
      _tile_loadd(7, b + 2 * next, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, b + 3 * next, 64);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  _tile_stored(0, scores, stride);
  _tile_stored(1, scores + 64, stride);
  if (two) {
    _tile_stored(2, scores + 128, stride);
    _tile_stored(3, scores + 192, stride);
  }
}

// The mantissas of 2^(i/128), without their leading one.
struct Mantissas {
  __m512i low, high;
};

AIGC_INLINE Mantissas load_mantissas() {
  alignas(64) static constexpr std::uint8_t table[128] = {
      0,   1,   1,   2,   3,   4,   4,   5,   6,   6,   7,   8,   9,   9,   10,  11,  12,  12,  13,
      14,  15,  15,  16,  17,  18,  19,  19,  20,  21,  22,  23,  23,  24,  25,  26,  27,  28,  28,
      29,  30,  31,  32,  33,  34,  34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  43,  44,  45,
      46,  47,  48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  62,  63,  64,
      65,  66,  67,  68,  69,  70,  72,  73,  74,  75,  76,  77,  78,  79,  80,  82,  83,  84,  85,
      86,  87,  88,  90,  91,  92,  93,  94,  96,  97,  98,  99,  100, 102, 103, 104, 105, 107, 108,
      109, 111, 112, 113, 115, 116, 117, 118, 120, 121, 123, 124, 125, 127,
  };
  return {_mm512_load_si512(table), _mm512_load_si512(table + 64)};
}

// 32 weights from 2 x 16 logarithms as above, in the order of lanes that packing gives them. What
// is far below becomes exactly zero, -infinity too.
AIGC_INLINE __m512i exponentials(__m512 first, __m512 second, const Mantissas& mantissas) {
  const __m512i whole = _mm512_packus_epi32(_mm512_cvtps_epi32(first), _mm512_cvtps_epi32(second));
  const __m512i mantissa = _mm512_permutex2var_epi8(mantissas.low, whole, mantissas.high);
  return _mm512_ternarylogic_epi32(mantissa, whole, _mm512_set1_epi16(0x7f), 0xe4);
}

// Lanes that are keys, of 16 from `first` on.
AIGC_INLINE __mmask16 lanes(int first, int keys) {
  const int count = keys - first;
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

struct Bias {
  const float* at;  // of the first of sixteen queries
  std::int64_t stride;
  float factor;  // of the scores
};

// Weights of sixteen queries and 32 keys from their scores; `whole`: all 32 are keys.
template <bool whole>
AIGC_INLINE void soften(const char* scores, int stride, const Bias& bias, int first, int keys,
                        char* weights) {
  const Mantissas mantissas = load_mantissas();
  const __m512 factor = _mm512_set1_ps(bias.factor);
  const __mmask16 left = lanes(first, keys), right = lanes(first + 16, keys);
  const float* b = bias.at + first;
#pragma GCC unroll 4
  for (int r = 0; r < 16; ++r, b += bias.stride) {
    const __m512 s0 = _mm512_loadu_ps(scores + r * stride);
    const __m512 s1 = _mm512_loadu_ps(scores + r * stride + 64);
    __m512 x0 = _mm512_fmadd_ps(s0, factor, _mm512_loadu_ps(b));
    __m512 x1 = _mm512_fmadd_ps(s1, factor, _mm512_loadu_ps(b + 16));
    if (!whole) {
      x0 = _mm512_maskz_mov_ps(left, x0);
      x1 = _mm512_maskz_mov_ps(right, x1);
    }
    _mm512_store_si512(weights + 64 * r, exponentials(x0, x1, mantissas));
  }
}

// The same from the scores of all keys [16, stride], with the largest score of each row taken as 1.
// Returns one bit for each row that holds a NaN or infinity and so has no weights.
unsigned soften_safely(char* scores, int stride, const Bias& bias, int first, int end, int keys,
                       char* weights) {
  const Mantissas mantissas = load_mantissas();
  const __m512 factor = _mm512_set1_ps(bias.factor);
  const __m512 infinity = _mm512_set1_ps(std::numeric_limits<float>::infinity());
  const __m512 nothing = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  unsigned broken = 0;
  for (int r = 0; r < 16; ++r) {
    float* const row = reinterpret_cast<float*>(scores + std::int64_t(r) * stride);
    const float* const b = bias.at + r * bias.stride;
    __m512 most = nothing;
    __mmask16 bad = 0;
    for (int j = first; j < end; j += 16) {
      __m512 x = _mm512_fmadd_ps(_mm512_loadu_ps(row + j - first), factor, _mm512_loadu_ps(b + j));
      x = _mm512_mask_mov_ps(nothing, lanes(j, keys), x);
      bad |= _mm512_cmp_ps_mask(x, infinity, _CMP_NLT_UQ);
      most = _mm512_max_ps(x, most);
      _mm512_storeu_ps(row + j - first, x);
    }
    const float largest = _mm512_reduce_max_ps(most);
    if (bad != 0 || largest == -std::numeric_limits<float>::infinity()) broken |= 1u << r;
    const __m512 shift = _mm512_set1_ps(largest), one = _mm512_set1_ps(static_cast<float>(kOne));
    for (int j = first; j < end; j += 32) {
      const float* const at = row + j - first;
      const __m512 x0 = _mm512_add_ps(_mm512_sub_ps(_mm512_loadu_ps(at), shift), one);
      const __m512 x1 = _mm512_add_ps(_mm512_sub_ps(_mm512_loadu_ps(at + 16), shift), one);
      _mm512_store_si512(weights + (j - first) * 32 + 64 * r, exponentials(x0, x1, mantissas));
    }
  }
  return broken;
}

// Weighted sums of values into [16, 16·columns] floats.
AIGC_INLINE void multiply_values(const Room& room, const char* weights, int pair, int end_pair,
                                 char* sums) {
  const std::size_t next = std::size_t(room.value_columns) * kTileBytes;
  const int stride = 64 * room.columns;
  const char* const values = room.values + pair * next;
  const int count = end_pair - pair;
  for (int column = 0; column < room.columns; column += 3) {
    char* const to = sums + 64 * column;
    const int rest = room.columns - column;
    // The column of ones may be one tile for all keys.
    const char* b[3];
    std::size_t b_next[3];
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      const bool own = column + i < room.value_columns;
      b[i] = own ? values + std::size_t(column + i) * kTileBytes : room.ones;
      b_next[i] = own ? next : 0;
    }
    const char* a = weights;
    _tile_zero(0);
    if (rest > 1) _tile_zero(1);
    if (rest > 2) _tile_zero(2);
    for (int i = 0; i < count; ++i, a += kTileBytes) {
      _tile_loadd(4, a, 64);
      _tile_loadd(5, b[0], 64);
      _tile_dpbf16ps(0, 4, 5);
      b[0] += b_next[0];
      if (rest > 1) {
        _tile_loadd(6, b[1], 64);
        _tile_dpbf16ps(1, 4, 6);
        b[1] += b_next[1];
      }
      if (rest > 2) {
        _tile_loadd(7, b[2], 64);
        _tile_dpbf16ps(2, 4, 7);
        b[2] += b_next[2];
      }
    }
    _tile_stored(0, to, stride);
    if (rest > 1) _tile_stored(1, to + 64, stride);
    if (rest > 2) _tile_stored(2, to + 128, stride);
  }
}

// One over the sums of sixteen rows' weights comes from an estimate and one step of Newton's, which
// leave an error far below that of bfloat16; a row without weights becomes NaN.
AIGC_INLINE __m512 reciprocal(float sum) {
  const __m512 x = _mm512_set1_ps(sum), estimate = _mm512_rcp14_ps(x);
  const __m512 error = _mm512_fnmadd_ps(x, estimate, _mm512_set1_ps(1.0f));
  return _mm512_fmadd_ps(estimate, error, estimate);
}

// Divides by the sums of the weights, rounds, and writes sixteen rows.
AIGC_INLINE void write_rows(const Unit& unit, const Room& room, const char* sums, int first,
                            unsigned broken) {
  const int stride = 16 * room.columns;
  const int count = unit.queries - first < 16 ? unit.queries - first : 16;
  const float* row = reinterpret_cast<const float*>(sums);
  if (unit.complete && count == 16 && unit.depth == 32 && broken == 0) {
    const std::int64_t* const offsets = unit.out.offsets + first;
#pragma GCC unroll 4
    for (int r = 0; r < 16; ++r, row += 48) {
      const __m512 share = reciprocal(row[32]);
      const __m512 low = _mm512_mul_ps(_mm512_load_ps(row), share);
      const __m512 high = _mm512_mul_ps(_mm512_load_ps(row + 16), share);
      _mm512_storeu_si512(unit.out.base + offsets[r], (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return;
  }
  for (int r = 0; r < count; ++r, row += stride) {
    const std::int64_t offset = unit.out.offsets[first + r];
    if (offset == kNoRow) continue;
    char* const to = unit.out.base + offset;
    __m512 share = reciprocal(row[unit.depth]);
    if (broken >> r & 1) share = _mm512_set1_ps(std::numeric_limits<float>::quiet_NaN());
    for (int d = 0; d < unit.depth; d += 32) {
      const int rest = unit.depth - d;
      const __m512 low = _mm512_mul_ps(_mm512_loadu_ps(row + d), share);
      const __m512 high =
          rest > 16 ? _mm512_mul_ps(_mm512_loadu_ps(row + d + 16), share) : _mm512_setzero_ps();
      const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
      if (rest >= 32) {
        _mm512_storeu_si512(to + 2 * d, both);
      } else {
        _mm512_mask_storeu_epi16(to + 2 * d, (1u << rest) - 1u, both);
      }
    }
  }
}

// Sixteen queries on their way through the three stages.
struct Sixteen {
  int first;           // query
  int pair, end_pair;  // tiles of 32 keys that any of them sees
  bool safe;           // no score can be too large
  unsigned broken;     // rows without weights
  char *queries, *weights, *sums;
};

struct Runner {
  const Unit& unit;
  Room room;
  float key_square, factor;
  int count;  // of sets of sixteen queries

  AIGC_INLINE Runner(const Unit& of, char* scratch)
      : unit(of),
        room(scratch, of.keys, of.depth),
        factor(static_cast<float>(of.scale * kPerLog)),
        count((of.queries + 15) / 16) {
    key_square = pack_keys(unit, room);
    pack_values(unit, room);
  }

  AIGC_INLINE Sixteen take(int number) const {
    Sixteen set;
    set.first = 16 * number;
    const int last = set.first + 15 < unit.queries ? set.first + 15 : unit.queries - 1;
    const int begin = set.first + unit.band_begin, end = last + unit.band_end;
    set.pair = begin < 0 ? 0 : begin / 32;
    set.end_pair = end >= unit.keys ? room.key_pairs : (end + 31) / 32;
    set.queries = room.queries + number % 2 * room.steps * kTileBytes;
    set.weights = room.weights + std::size_t(number % 2) * room.key_pairs * kTileBytes;
    set.sums = room.sums + number % 2 * room.columns * kTileBytes;
    const float square = pack_queries(unit, room, set.first, set.queries) * key_square;
    const float most = std::sqrt(square) * factor + static_cast<float>(unit.bias_limit * kPerLog);
    set.safe = most < kSafe;  // not with a NaN
    set.broken = 0;
    return set;
  }

  AIGC_INLINE char* scores(int chunk) const { return room.scores + chunk % 2 * 4 * kTileBytes; }

  AIGC_INLINE Bias bias(const Sixteen& set) const {
    const float* const at = static_cast<const float*>(unit.bias);
    return {at + set.first * unit.bias_stride, unit.bias_stride, factor};
  }

  AIGC_INLINE void score(const Sixteen& set, int pair, char* to) const {
    if (pair + 1 < set.end_pair) {
      multiply_keys(room, set.queries, pair, true, to, 256);
    } else {
      multiply_keys(room, set.queries, pair, false, to, 256);
    }
  }

  AIGC_INLINE void weigh(const Sixteen& set, int pair, const char* from) const {
    char* to = set.weights + (pair - set.pair) * kTileBytes;
    const Bias added = bias(set);
    for (int half = 0; half < 2 && pair + half < set.end_pair; ++half) {
      const int first = 32 * (pair + half);
      if (first + 32 <= unit.keys) {
        soften<true>(from + 128 * half, 256, added, first, unit.keys, to);
      } else {
        soften<false>(from + 128 * half, 256, added, first, unit.keys, to);
      }
      to += kTileBytes;
    }
  }

  void weigh_safely(Sixteen* set) const {
    const int stride = 128 * (set->end_pair - set->pair);
    for (int pair = set->pair; pair < set->end_pair; ++pair) {
      multiply_keys(room, set->queries, pair, false, room.all_scores + 128 * (pair - set->pair),
                    stride);
    }
    set->broken = soften_safely(room.all_scores, stride, bias(*set), 32 * set->pair,
                                32 * set->end_pair, unit.keys, set->weights);
  }

  // One part in `count` of what comes next.
  AIGC_INLINE void fetch_ahead(int number) const {
    for (const Span* span = unit.ahead; span != unit.ahead_end; ++span) {
      const std::int64_t part = (span->bytes / count + 63) / 64 * 64, begin = number * part;
      const std::int64_t end = begin + part < span->bytes ? begin + part : span->bytes;
      for (std::int64_t i = begin; i < end; i += 64) _mm_prefetch(span->begin + i, _MM_HINT_T1);
    }
  }

  AIGC_INLINE void add_up(const Sixteen& set) const {
    multiply_values(room, set.weights, set.pair, set.end_pair, set.sums);
  }

  AIGC_INLINE void write(const Sixteen& set) const {
    write_rows(unit, room, set.sums, set.first, set.broken);
  }

  // Scores of one set, weights of the one before it, sums of the one before that, and so on.
  void run() const {
    Sixteen set = take(0), before{}, done{};
    int chunk = 0;
    score(set, set.pair, scores(0));
    for (int number = 0; number < count; ++number) {
      Sixteen next{};
      fetch_ahead(number);
      if (!set.safe) weigh_safely(&set);
      for (int pair = set.pair; pair < set.end_pair; pair += 2, ++chunk) {
        if (pair + 2 < set.end_pair) {
          score(set, pair + 2, scores(chunk + 1));
        } else if (number + 1 < count) {
          next = take(number + 1);
          score(next, next.pair, scores(chunk + 1));
        }
        if (set.safe) weigh(set, pair, scores(chunk));
      }
      if (number > 0) add_up(before);
      if (number > 1) write(done);
      done = before;
      before = set;
      set = next;
    }
    add_up(before);
    if (count > 1) write(done);
    write(before);
  }
};

void run(Format, const Unit& unit, char* scratch) { Runner(unit, scratch).run(); }

std::size_t scratch(Format, int, int keys, int depth) { return Room(nullptr, keys, depth).bytes; }

void begin() { configure_tiles(); }
void end() { _tile_release(); }

}  // namespace
}  // namespace aigc_assets::attention
