// The two fast kernels of one-token attention: for float32 on the ordinary units, for halves on the
// tensor cores. Both read every key and value once for a tile of query heads, 16 bytes at a time.
#pragma once

#include "cached_attention.cuh"

namespace aigc_assets::decode_gpu {

// ------------------------------------------------------------------------------------- float32
//
// `lanes` lanes hold one key, kVectors quads each; a warp works on kUnroll * 32 / lanes keys at a
// time. Each group of lanes keeps a maximum and sums of its own.

constexpr int kUnroll = 4;

AIGC_INLINE constexpr int vector_width(int vectors) { return 128 * vectors; }  // D at most
AIGC_INLINE constexpr int vector_shared(int vectors, int heads) {              // bytes
  return 4 * (heads * vector_width(vectors) + finish_shared(heads));
}

template <int kVectors, int kHeads>
__global__ void __launch_bounds__(kAttentionThreads, kVectors* kHeads <= 2 ? 4 : 2)
    attend_vector_kernel(Attention a) {
  constexpr int kWidth = vector_width(kVectors);
  float* const shared = shared_memory<float>();  // [kHeads][kWidth], queries, then sums
  float* const statistics = shared + kHeads * kWidth;
  const Place place(a, kHeads);
  const KeyRange all(a, place.row);
  KeyRange own = all;
  own.narrow_to(place.split, a.splits);
  if (own.first >= own.last) return leave_empty(a, place);
  begin_block<float>(a, place, all, own, shared, kHeads, kWidth);

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int lanes = a.lanes, group = lane / lanes, together = 32 / lanes;
  int at[kVectors];  // dimensions of this lane
  Quad<float> q[kHeads][kVectors], sum[kHeads][kVectors];
  float top[kHeads], total[kHeads], slope[kHeads];
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    at[v] = (v * lanes + lane % lanes) * 4;
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      q[h][v] = *reinterpret_cast<const Quad<float>*>(shared + h * kWidth + at[v]);
      sum[h][v] = Quad<float>{};
    }
  }
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    top[h] = -kInfinity;
    total[h] = 0.0f;
    slope[h] = a.slopes && h < place.count ? a.slopes.at<float>(place.query + h) * kLog2E : 0.0f;
  }
  const float* const keys =
      static_cast<const float*>(a.k_cache) + place.row * a.k_at.row + place.head * a.k_at.head;
  const float* const values =
      static_cast<const float*>(a.v_cache) + place.row * a.v_at.row + place.head * a.v_at.head;

  for (int base = own.first + warp * kUnroll * together; base < own.last;
       base += kAttentionWarps * kUnroll * together) {
    Quad<float> k[kUnroll][kVectors], v[kUnroll][kVectors];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int key = base + u * together + group;
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
        const bool valid = key < own.last && at[i] < a.dim;
        k[u][i] = v[u][i] = Quad<float>{};
        if (valid) {
          k[u][i] = *reinterpret_cast<const Quad<float>*>(
              keys + static_cast<int64_t>(key) * a.k_at.position + at[i]);
          v[u][i] = *reinterpret_cast<const Quad<float>*>(
              values + static_cast<int64_t>(key) * a.v_at.position + at[i]);
        }
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      float score[kUnroll], higher = top[h];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        float dot = 0.0f;
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e) dot += q[h][i].v[e] * k[u][i].v[e];
        }
        for (int offset = lanes / 2; offset > 0; offset /= 2) {
          dot += __shfl_xor_sync(0xffffffffu, dot, offset);
        }
        const int key = base + u * together + group;
        dot -= slope[h] * static_cast<float>(all.last - 1 - key);
        score[u] = key < own.last ? dot : -kInfinity;
        higher = fmaxf(higher, score[u]);
      }
      const float shift = higher == -kInfinity ? 0.0f : higher;
      const float fade = exp2f(top[h] - shift);
      top[h] = higher;
      total[h] *= fade;
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sum[h][i].v[e] *= fade;
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const float weight = exp2f(score[u] - shift);
        total[h] += weight;
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e) sum[h][i].v[e] += weight * v[u][i].v[e];
        }
      }
    }
  }

  // The groups of the warp, pairwise: both sides compute the same sum.
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    for (int offset = lanes; offset < 32; offset *= 2) {
      const float other = __shfl_xor_sync(0xffffffffu, top[h], offset);
      const float higher = fmaxf(top[h], other);
      const float shift = higher == -kInfinity ? 0.0f : higher;
      const float mine = exp2f(top[h] - shift);
      const auto add = [&](float& value) {
        value *= mine;
        value += __shfl_xor_sync(0xffffffffu, value, offset);
      };
      add(total[h]);
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) add(sum[h][i].v[e]);
      }
      top[h] = higher;
    }
    if (lane == 0) {
      statistics[2 * (warp * kHeads + h)] = top[h];
      statistics[2 * (warp * kHeads + h) + 1] = total[h];
    }
  }
  finish_block(a, place, shared, statistics, kHeads, kWidth, [&](auto visit) {
    if (lane >= lanes) return;
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          if (at[i] < a.dim) visit(h, at[i] + e, sum[h][i].v[e]);
        }
      }
    }
  });
}

// -------------------------------------------------------------------------------------- halves
//
// A warp works on 16 keys at a time, for 8 query heads. Rows 0 .. 7 of the left factors of its
// products hold a number of each head rounded to T, rows 8 .. 15 what was lost in that: the sum of
// both rows is as exact as float32 needs. Sums over dimensions or keys may run in any order, so
// each lane reads 16 bytes of a key where they lie, and takes them for whatever columns its
// registers stand for: keys go to the tensor cores as they are, values after pairs of halves were
// exchanged.

constexpr int kTileHeads = 8;

template <int n>
struct alignas(4 * n) Words {
  std::uint32_t v[n];
};

AIGC_INLINE constexpr int tile_shared(int dim) {  // bytes
  return 2 * dim * 16 + 4 * (kTileHeads * dim + finish_shared(kTileHeads) + 2 * kTileHeads);
}

template <class T, int kDim>
__global__ void __launch_bounds__(kAttentionThreads, kDim <= 64 ? 4 : 2)
    attend_tile_kernel(Attention a) {
  constexpr int kChunks = kDim / 32;             // of a key, 8 dimensions for each of 4 lanes
  constexpr int kWords = kDim == 32 ? 2 : 4;     // of a value, that a lane reads at once
  constexpr int kBlocks = kDim / (16 * kWords);  // of a value, 2 * kWords dimensions for 8 lanes
  constexpr bool kAhead = kDim <= 128;           // enough registers to start all loads at once
  Words<4>* const fragments = shared_memory<Words<4>>();  // [kDim / 16][32], left factors
  float* const shared = reinterpret_cast<float*>(fragments + 2 * kDim);  // [8][kDim]
  float* const statistics = shared + kTileHeads * kDim;
  float* const shrink = statistics + finish_shared(kTileHeads);  // [8], then its inverse
  float* const slopes = shrink + kTileHeads;                     // [8]
  const Place place(a, kTileHeads);
  const KeyRange all(a, place.row);
  KeyRange own = all;
  own.narrow_to(place.split, a.splits);
  if (own.first >= own.last) return leave_empty(a, place);
  begin_block<T>(a, place, all, own, shared, kTileHeads, kDim);

  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int g = lane / 4, t = lane % 4;
  for (int head = warp; head < kTileHeads; head += kAttentionWarps) {
    float largest = 0.0f;
    for (int i = lane; i < kDim; i += 32) largest = fmaxf(largest, fabsf(shared[head * kDim + i]));
    largest = warp_max(largest);
    if (lane == 0) shrink[head] = shrink_factor(largest);
  }
  __syncthreads();
  for (int step = warp; step < kDim / 16; step += kAttentionWarps) {
    const Quad<float> q = *reinterpret_cast<const Quad<float>*>(
        shared + g * kDim + 32 * (step / 2) + 8 * t + 4 * (step % 2));
    const float factor = shrink[g];
    Words<4> fragment;
    split_pair<T>(q.v[0] * factor, q.v[1] * factor, &fragment.v[0], &fragment.v[1]);
    split_pair<T>(q.v[2] * factor, q.v[3] * factor, &fragment.v[2], &fragment.v[3]);
    fragments[step * 32 + lane] = fragment;
  }
  __syncthreads();
  if (thread < kTileHeads) {
    shrink[thread] = inverse_power(shrink[thread]);
    const bool has = a.slopes && thread < place.count;
    slopes[thread] = has ? a.slopes.at<float>(place.query + thread) * kLog2E : 0.0f;
  }
  __syncthreads();

  const T* const keys =
      static_cast<const T*>(a.k_cache) + place.row * a.k_at.row + place.head * a.k_at.head;
  const T* const values =
      static_cast<const T*>(a.v_cache) + place.row * a.v_at.row + place.head * a.v_at.head;
  float sum[kBlocks][2 * kWords][4] = {};
  float top = -kInfinity, total = 0.0f;  // of head g; the total of this lane's keys alone
  for (int base = own.first + 16 * warp; base < own.last; base += 16 * kAttentionWarps) {
    constexpr int kPart = kAhead ? kChunks : kChunks / 2;
    Words<4> k[kAhead ? 2 : 1][kPart];
    Words<kWords> v[4][kAhead ? kBlocks : 1];
    // Chunks of a tile of 8 keys from `from` on, as many as there is room for.
    const auto load_keys = [&](int tile, int from) {
      const int key = base + 8 * tile + g;
#pragma unroll
      for (int c = 0; c < kPart; ++c) {
        const int at = 32 * (from + c) + 8 * t;
        k[tile * kAhead][c] = Words<4>{};
        if (key < own.last && at < a.dim) {
          k[tile * kAhead][c] = *reinterpret_cast<const Words<4>*>(
              keys + static_cast<int64_t>(key) * a.k_at.position + at);
        }
      }
    };
    const auto load_values = [&](int b) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int key = base + 2 * t + j % 2 + 8 * (j / 2);
        const int at = 2 * kWords * (8 * b + g);
        v[j][b * kAhead] = Words<kWords>{};
        if (key < own.last && at < a.dim) {
          v[j][b * kAhead] = *reinterpret_cast<const Words<kWords>*>(
              values + static_cast<int64_t>(key) * a.v_at.position + at);
        }
      }
    };
    float score[2][4] = {};
    const auto multiply = [&](int tile, int from) {
#pragma unroll
      for (int step = 0; step < 2 * kPart; ++step) {
        const Words<4> fragment = fragments[(2 * from + step) * 32 + lane];
        const Words<4>& pairs = k[tile * kAhead][step / 2];
        const std::uint32_t right[2] = {pairs.v[step % 2 * 2], pairs.v[step % 2 * 2 + 1]};
        mma_16x8x16<T>(score[tile], fragment.v, right);
      }
    };
    if constexpr (kAhead) {
      load_keys(0, 0);
      load_keys(1, 0);
#pragma unroll
      for (int b = 0; b < kBlocks; ++b) load_values(b);
      multiply(0, 0);
      multiply(1, 0);
    } else {
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        __syncwarp();  // keeps the compiler from starting loads that it has no registers for
        load_keys(part / 2, part % 2 * kPart);
        multiply(part / 2, part % 2 * kPart);
      }
    }
    const float grow = shrink[g], slope = slopes[g];
    float higher = top;
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int key = base + 8 * tile + 2 * t + j;
        float& s = score[tile][j];
        s = (s + score[tile][2 + j]) * grow - slope * static_cast<float>(all.last - 1 - key);
        if (key >= own.last) s = -kInfinity;
        higher = fmaxf(higher, s);
      }
    }
    higher = fmaxf(higher, __shfl_xor_sync(0xffffffffu, higher, 1));
    higher = fmaxf(higher, __shfl_xor_sync(0xffffffffu, higher, 2));
    const float shift = higher == -kInfinity ? 0.0f : higher;
    const float fade = exp2f(top - shift);
    top = higher;
    total *= fade;
    std::uint32_t left[4];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
      const float first = exp2f(score[tile][0] - shift), second = exp2f(score[tile][1] - shift);
      total += first + second;
      split_pair<T>(first, second, &left[2 * tile], &left[2 * tile + 1]);
    }
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
      if constexpr (!kAhead) {
        __syncwarp();
        load_values(b);
      }
#pragma unroll
      for (int n = 0; n < 2 * kWords; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sum[b][n][e] *= fade;
        std::uint32_t right[2];
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const std::uint32_t one = v[2 * j][b * kAhead].v[n / 2],
                              other = v[2 * j + 1][b * kAhead].v[n / 2];
          right[j] = n % 2 == 0 ? (one & 0xffffu) | other << 16 : one >> 16 | (other & 0xffff0000u);
        }
        mma_16x8x16<T>(sum[b][n], left, right);
      }
    }
  }

  total += __shfl_xor_sync(0xffffffffu, total, 1);
  total += __shfl_xor_sync(0xffffffffu, total, 2);
  if (t == 0) {
    statistics[2 * (warp * kTileHeads + g)] = top;
    statistics[2 * (warp * kTileHeads + g) + 1] = total;
  }
  finish_block(a, place, shared, statistics, kTileHeads, kDim, [&](auto visit) {
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
#pragma unroll
      for (int n = 0; n < 2 * kWords; ++n) {
        if constexpr (!kAhead) __syncwarp();
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          visit(g, 2 * kWords * (8 * b + 2 * t + j) + n, sum[b][n][j] + sum[b][n][2 + j]);
        }
      }
    }
  });
}

}  // namespace aigc_assets::decode_gpu
