// Attention of one token to a cache on the GPU: what all its kernels share, over raw pointers.
//
// A block takes one split of the keys of one key head, for a tile of the query heads that share it.
// Its warps keep maxima and sums of their own keys, which are then added in the order of the warps,
// and the splits in the order of the splits by a second kernel: no atomics, the same bytes always.
// With `append`, every block prepares its own queries (norm, rotation), and the block whose split
// holds the newest position puts the new key and value into the cache before it reads them.
#pragma once

#include "decode.cuh"

namespace aigc_assets::decode_gpu {

constexpr int kAttentionWarps = 4;
constexpr int kAttentionThreads = 32 * kAttentionWarps;
constexpr int kSplitQuantum = 64;  // a split is a multiple of so many keys

struct CacheStrides {
  int64_t row, head, position;  // in numbers; the D numbers of a position lie side by side
};

struct Attention {
  Numbers q, k, v;                       // [B, Hq, D], [B, Hkv, D] x 2; k and v only with `append`
  int64_t q_stride, k_stride, v_stride;  // from one of B to the next
  void* k_cache;                         // [B, Hkv, T, D]
  void* v_cache;
  CacheStrides k_at, v_at;
  const int64_t* counts;  // [B], lengths, or with `append` positions
  bool append;
  Numbers rope;  // [2, rope_rows, D / 2]
  int64_t rope_rows;
  Numbers q_scale, k_scale;  // [D]
  Numbers slopes;            // [Hq]
  Constant eps;
  int64_t window;  // 0: none
  int room;        // T
  int heads;       // Hkv
  int group;       // Hq / Hkv
  int dim;         // D
  int tiles;       // of query heads, for each key head
  int splits;
  int lanes;          // that hold one key together, in attend_vector_kernel
  float* sums;        // [B, Hq, splits, D], where there are several splits
  float* statistics;  // [B, Hq, splits, 2], maximum and sum of exponentials
  void* query;        // [B, Hq, D], prepared, in attend_any_kernel
  Results y;          // [B, Hq, D]
};

// Exponents are to the base 2 in the fast kernels.
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kInfinity = __builtin_huge_valf();

// The keys of a row that count: first .. last - 1. None if a position has no place in the cache.
struct KeyRange {
  int first, last;

  __device__ KeyRange(const Attention& a, int64_t row) {
    const int64_t count = a.counts[row];
    if (a.append) {
      const int64_t limit = a.room < a.rope_rows ? a.room : a.rope_rows;
      last = count >= 0 && count < limit ? static_cast<int>(count) + 1 : 0;
    } else {
      last = count < 0 ? 0 : count > a.room ? a.room : static_cast<int>(count);
    }
    first = a.window > 0 && last > a.window ? last - static_cast<int>(a.window) : 0;
  }

  __device__ void narrow_to(int split, int splits) {
    int64_t part = (last - first + splits - 1) / splits;
    part = (part + kSplitQuantum - 1) / kSplitQuantum * kSplitQuantum;
    const int64_t begin = first + split * part, end = begin + part;
    first = begin < last ? static_cast<int>(begin) : last;
    last = end < last ? static_cast<int>(end) : last;
  }
};

// Where a block of the fast kernels works.
struct Place {
  int64_t row;
  int head;   // of the keys
  int query;  // first query head, among all of the row
  int count;  // query heads of the tile
  int split;

  __device__ Place(const Attention& a, int tile_heads) {
    int64_t index = blockIdx.x;
    split = static_cast<int>(index % a.splits);
    index /= a.splits;
    const int tile = static_cast<int>(index % a.tiles);
    index /= a.tiles;
    head = static_cast<int>(index % a.heads);
    row = index / a.heads;
    query = head * a.group + tile * tile_heads;
    count = a.group - tile * tile_heads;
    if (count > tile_heads) count = tile_heads;
  }
};

// One head of a query or a key, by a warp: normalised where there is a scale, then turned where
// there are angles. put(i, value) gets the results.
template <class F, class Put>
__device__ inline void prepare_head(const Attention& a, const Numbers& from, int64_t begin,
                                    const Numbers& scale, int64_t position, Put put) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  F factor = F(1);
  if (scale) {
    F squares = F(0);
    for (int i = lane; i < a.dim; i += 32) {
      const F value = from.at<F>(begin + i);
      squares += value * value;
    }
    factor = inverse_root(warp_sum(squares) / static_cast<F>(a.dim) + a.eps.as<F>());
  }
  const auto read = [&](int i) {
    const F value = from.at<F>(begin + i) * factor;
    return scale ? value * scale.at<F>(i) : value;
  };
  if (a.append) {
    const int half = a.dim / 2;
    const int64_t cosines = position * half, sines = (a.rope_rows + position) * half;
    for (int i = lane; i < half; i += 32) {
      const F first = read(i), second = read(i + half);
      const F c = a.rope.at<F>(cosines + i), s = a.rope.at<F>(sines + i);
      put(i, first * c - second * s);
      put(i + half, first * s + second * c);
    }
  } else {
    for (int i = lane; i < a.dim; i += 32) put(i, read(i));
  }
}

// The new key and value of one key head, into the cache; by a warp.
template <class T, class F>
__device__ inline void append_key(const Attention& a, int64_t row, int head, int64_t position) {
  T* const to = static_cast<T*>(a.k_cache) + row * a.k_at.row + head * a.k_at.head +
                position * a.k_at.position;
  prepare_head<F>(a, a.k, row * a.k_stride + static_cast<int64_t>(head) * a.dim, a.k_scale,
                  position, [&](int i, F value) { narrow(value, to + i); });
}

template <class T, class F>
__device__ inline void append_value(const Attention& a, int64_t row, int head, int64_t position) {
  T* const to = static_cast<T*>(a.v_cache) + row * a.v_at.row + head * a.v_at.head +
                position * a.v_at.position;
  const int64_t from = row * a.v_stride + static_cast<int64_t>(head) * a.dim;
  for (int i = static_cast<int>(threadIdx.x) % 32; i < a.dim; i += 32) {
    narrow(a.v.at<F>(from + i), to + i);
  }
}

// Fills queries [tile_heads][width] in shared memory, scaled for exponents to the base 2 and zero
// where there is no head or dimension, and appends where this block is the one that has to.
template <class T>
__device__ inline void begin_block(const Attention& a, const Place& place, const KeyRange& all,
                                   const KeyRange& own, float* queries, int tile_heads, int width) {
  for (int i = static_cast<int>(threadIdx.x); i < tile_heads * width; i += kAttentionThreads) {
    queries[i] = 0.0f;
  }
  __syncthreads();
  const float scale = kLog2E / sqrtf(static_cast<float>(a.dim));
  const bool appends = a.append && own.last == all.last;
  const int64_t newest = all.last - 1;
  for (int item = static_cast<int>(threadIdx.x) / 32; item < place.count + 2 * appends;
       item += kAttentionWarps) {
    if (item < place.count) {
      prepare_head<float>(a, a.q,
                          place.row * a.q_stride + static_cast<int64_t>(place.query + item) * a.dim,
                          a.q_scale, newest,
                          [&](int i, float value) { queries[item * width + i] = value * scale; });
    } else if (item == place.count) {
      append_key<T, float>(a, place.row, place.head, newest);
    } else {
      append_value<T, float>(a, place.row, place.head, newest);
    }
  }
  __syncthreads();
}

// Shared memory of finish_block, in floats.
AIGC_INLINE constexpr int finish_shared(int tile_heads) {
  return 2 * (kAttentionWarps + 1) * tile_heads;
}

// Adds what the warps found and writes it. Before, every warp has put maximum and sum of each head
// into statistics[warp][head]; own(visit) calls visit(head, i, value) for the sums of a lane.
template <class Own>
__device__ inline void finish_block(const Attention& a, const Place& place, float* sums,
                                    float* statistics, int tile_heads, int width, Own own) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  float* const totals = statistics + 2 * kAttentionWarps * tile_heads;
  __syncthreads();
  if (thread < tile_heads) {
    float top = -kInfinity, total = 0.0f;
    for (int w = 0; w < kAttentionWarps; ++w) {
      top = fmaxf(top, statistics[2 * (w * tile_heads + thread)]);
    }
    for (int w = 0; w < kAttentionWarps; ++w) {
      float* const pair = statistics + 2 * (w * tile_heads + thread);
      pair[0] = top == -kInfinity ? 1.0f : exp2f(pair[0] - top);
      total += pair[0] * pair[1];
    }
    totals[2 * thread] = top;
    totals[2 * thread + 1] = total;
  }
  __syncthreads();
  for (int w = 0; w < kAttentionWarps; ++w) {
    if (w == warp) {
      own([&](int head, int i, float value) {
        float* const to = sums + head * width + i;
        const float scaled = statistics[2 * (w * tile_heads + head)] * value;
        *to = w == 0 ? scaled : *to + scaled;
      });
    }
    __syncthreads();
  }
  const int64_t first = place.row * a.heads * a.group + place.query;
  for (int i = thread; i < place.count * a.dim; i += kAttentionThreads) {
    const int head = i / a.dim, at = i % a.dim;
    const float sum = sums[head * width + at], total = totals[2 * head + 1];
    if (a.splits == 1) {
      a.y.put((first + head) * a.dim + at, total == 0.0f ? 0.0f : sum / total);
    } else {
      a.sums[((first + head) * a.splits + place.split) * a.dim + at] = sum;
    }
  }
  if (a.splits > 1 && thread < 2 * place.count) {
    const int64_t head = first + thread / 2;
    a.statistics[(head * a.splits + place.split) * 2 + thread % 2] = totals[thread];
  }
}

// A block without keys.
__device__ inline void leave_empty(const Attention& a, const Place& place) {
  const int64_t first = place.row * a.heads * a.group + place.query;
  const int thread = static_cast<int>(threadIdx.x);
  if (a.splits == 1) {
    for (int i = thread; i < place.count * a.dim; i += kAttentionThreads) {
      a.y.put(first * a.dim + i, 0.0f);
    }
  } else if (thread < 2 * place.count) {
    const int64_t head = first + thread / 2;
    a.statistics[(head * a.splits + place.split) * 2 + thread % 2] =
        thread % 2 == 0 ? -kInfinity : 0.0f;
  }
}

// One block for each of B * Hq heads: adds the splits. Sums of a split without keys are not read.
template <class F>
__global__ void __launch_bounds__(kAttentionThreads) combine_splits_kernel(Attention a) {
  const int64_t head = blockIdx.x;
  const float* const statistics = a.statistics + head * a.splits * 2;
  F top = -kInfinity, total = F(0);
  for (int s = 0; s < a.splits; ++s) top = fmaxf(top, statistics[2 * s]);
  for (int s = 0; s < a.splits; ++s) {
    if (statistics[2 * s + 1] == 0.0f) continue;
    total += statistics[2 * s + 1] * (top == -kInfinity ? 1.0f : exp2f(statistics[2 * s] - top));
  }
  for (int i = static_cast<int>(threadIdx.x); i < a.dim; i += kAttentionThreads) {
    F sum = F(0);
    for (int s = 0; s < a.splits; ++s) {
      if (statistics[2 * s + 1] == 0.0f) continue;
      sum += a.sums[(head * a.splits + s) * a.dim + i] *
             (top == -kInfinity ? 1.0f : exp2f(statistics[2 * s] - top));
    }
    a.y.put(head * a.dim + i, total == 0.0f ? 0.0f : sum / total);
  }
}

// Any dtype and head dimension, slowly. First this kernel, a warp for each of B * (Hq + Hkv) heads:
// prepares the queries, and appends.
template <class T, class F>
__global__ void __launch_bounds__(32) prepare_kernel(Attention a) {
  const int all = a.heads * a.group + a.heads;
  const int64_t row = blockIdx.x / all;
  const int head = static_cast<int>(blockIdx.x % all), queries = a.heads * a.group;
  const KeyRange range(a, row);
  if (range.last == 0) return;
  if (head < queries) {
    F* const to = static_cast<F*>(a.query) + (row * queries + head) * a.dim;
    prepare_head<F>(a, a.q, row * a.q_stride + static_cast<int64_t>(head) * a.dim, a.q_scale,
                    range.last - 1, [&](int i, F value) { to[i] = value; });
  } else if (a.append) {
    append_key<T, F>(a, row, head - queries, range.last - 1);
    append_value<T, F>(a, row, head - queries, range.last - 1);
  }
}

// Then this one, a block for each of B * Hq heads. Shared memory: kAttentionThreads + D numbers.
template <class T, class F>
__global__ void __launch_bounds__(kAttentionThreads, 4) attend_any_kernel(Attention a) {
  F* const weights = shared_memory<F>();
  F* const sums = weights + kAttentionThreads;
  const int queries = a.heads * a.group, thread = static_cast<int>(threadIdx.x);
  const int64_t row = blockIdx.x / queries;
  const int query = static_cast<int>(blockIdx.x % queries), head = query / a.group;
  const KeyRange range(a, row);
  const T* const keys = static_cast<const T*>(a.k_cache) + row * a.k_at.row + head * a.k_at.head;
  const T* const values = static_cast<const T*>(a.v_cache) + row * a.v_at.row + head * a.v_at.head;
  const F* const q = static_cast<const F*>(a.query) + (row * queries + query) * a.dim;
  const F scale = inverse_root(static_cast<F>(a.dim));
  const F slope = a.slopes ? a.slopes.at<F>(query) : F(0);
  F top = -static_cast<F>(kInfinity), total = F(0);
  for (int i = thread; i < a.dim; i += kAttentionThreads) sums[i] = F(0);
  for (int base = range.first; base < range.last; base += kAttentionThreads) {
    F score = -static_cast<F>(kInfinity);
    if (base + thread < range.last) {
      const T* const key = keys + static_cast<int64_t>(base + thread) * a.k_at.position;
      F sum = F(0);
      for (int i = 0; i < a.dim; ++i) sum += q[i] * static_cast<F>(widen(key[i]));
      score = sum * scale - slope * static_cast<F>(range.last - 1 - base - thread);
    }
    weights[thread] = score;
    __syncthreads();
    F higher = top;
    for (int j = 0; j < kAttentionThreads; ++j) higher = weights[j] > higher ? weights[j] : higher;
    const F shift = higher == -static_cast<F>(kInfinity) ? F(0) : higher;
    const F fade = exponential(top - shift);
    top = higher;
    __syncthreads();
    weights[thread] = exponential(score - shift);
    __syncthreads();
    total *= fade;
    for (int j = 0; j < kAttentionThreads; ++j) total += weights[j];
    const int left = range.last - base;
    const int count = left < kAttentionThreads ? left : kAttentionThreads;
    for (int i = thread; i < a.dim; i += kAttentionThreads) {
      F sum = sums[i] * fade;
      for (int j = 0; j < count; ++j) {
        sum += weights[j] *
               static_cast<F>(widen(values[static_cast<int64_t>(base + j) * a.v_at.position + i]));
      }
      sums[i] = sum;
    }
    __syncthreads();
  }
  for (int i = thread; i < a.dim; i += kAttentionThreads) {
    a.y.put((row * queries + query) * a.dim + i, total == F(0) ? F(0) : sums[i] / total);
  }
}

}  // namespace aigc_assets::decode_gpu
