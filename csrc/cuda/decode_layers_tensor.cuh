// Products of a few rows with large weights on the tensor cores, for x of at most 16 bits.
//
// The left factor of a product is 8 pairs of rows of the weight, the right one 8 rows of x, each as
// the sum of two halves, so that only the weights' storage costs precision. The depth may be summed
// in any order: a lane reads 16 bytes of a weight where they lie, and takes the matching numbers of
// x. Warps share the depth; their sums are added in the order of the warps. For float16 and int8,
// rows of x are multiplied by a power of two that brings their numbers into range.
#pragma once

#include "decode_layers.cuh"

namespace aigc_assets::decode_gpu {

constexpr int kTensorWarps = 8;
constexpr int kTensorThreads = 32 * kTensorWarps;

template <class W>
using HalfOf = std::conditional_t<std::is_same_v<W, std::int8_t>, float16, W>;

// Depth that is staged at once, a multiple of what a warp reads in one step; so much that all of
// shared memory stays below the 48 KiB that a launch gets without asking.
AIGC_INLINE constexpr int tensor_chunk(int columns) { return columns == 1 ? 1024 : 512; }

// Numbers between rows of x in shared memory, so that reads of 16 bytes meet in no bank.
template <class W>
AIGC_INLINE constexpr int tensor_stride(int columns) {
  return tensor_chunk(columns) + (sizeof(W) == 1 ? 8 : 32);
}

constexpr int kSumWarps = 2;  // whose sums find room at once

// Shared memory, in bytes: the halves of x, sums, what the norm needs.
template <class W>
AIGC_INLINE constexpr int tensor_staged(int columns) {
  return 2 * 8 * columns * tensor_stride<W>(columns) * 2;
}
AIGC_INLINE constexpr int tensor_sums(int columns) { return kSumWarps * columns * 4 * 32 * 4; }
template <class W>
AIGC_INLINE constexpr int tensor_shared(int columns) {
  return tensor_staged<W>(columns) + tensor_sums(columns) +
         4 * 8 * columns * 2 * (kTensorWarps + 1);
}

constexpr int kTogether = 4;

// Eight numbers side by side, as they lie in memory.
template <class T>
struct Eight {
  static constexpr int kWords = 2 * static_cast<int>(sizeof(T));
  std::uint32_t v[kWords] = {};

  __device__ __forceinline__ void load(const T* from) {
    if (reinterpret_cast<std::uintptr_t>(from) % 16 == 0) {
#pragma unroll
      for (int q = 0; q < kWords / 4; ++q) {
        const Quad<std::uint32_t> words = reinterpret_cast<const Quad<std::uint32_t>*>(from)[q];
#pragma unroll
        for (int i = 0; i < 4; ++i) v[4 * q + i] = words.v[i];
      }
    } else {
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        if constexpr (sizeof(T) == 4) {
          v[k] = bits_of(from[k]);
        } else {
          const std::uint32_t bits = from[k].bits;
          v[k / 2] = k % 2 == 0 ? bits : v[k / 2] | bits << 16;
        }
      }
    }
  }

  __device__ __forceinline__ float number(int k) const {
    if constexpr (sizeof(T) == 4) {
      return float_of(v[k]);
    } else {
      return unpack_half<T>(v[k / 2], k % 2);
    }
  }
};

// W: type of the weights; kColumns * 8: rows of x.
template <class W, int kColumns>
__global__ void __launch_bounds__(kTensorThreads, 2) tensor_product_kernel(Product p) {
  using T = HalfOf<W>;
  constexpr int kRows = 8 * kColumns, kChunk = tensor_chunk(kColumns);
  constexpr int kStride = tensor_stride<W>(kColumns);
  constexpr int kVector = WeightVector<W>::kCount, kStep = 4 * kVector;
  unsigned char* const bytes = shared_memory<unsigned char>();
  std::uint32_t* const staged = reinterpret_cast<std::uint32_t*>(bytes);  // [2][kRows][kStride / 2]
  float* const sums = reinterpret_cast<float*>(bytes + tensor_staged<W>(kColumns));
  float* const parts = sums + tensor_sums(kColumns) / 4;    // [kRows][warps][2]
  float* const factors = parts + kRows * kTensorWarps * 2;  // [kRows][2]
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int g = lane / 4, t = lane % 4;
  const int shares = static_cast<int>(gridDim.x) / ((p.rows + kRows - 1) / kRows);
  const int first_row = static_cast<int>(blockIdx.x) / shares * kRows;
  const int rows = p.rows - first_row < kRows ? p.rows - first_row : kRows;
  const auto row_of = [&](int r) { return static_cast<int64_t>(first_row + r) * p.depth; };

  const W* const weight = static_cast<const W*>(p.weight);
  const auto first_of = [&](int tile) { return static_cast<int64_t>(tile) * (p.gated ? 8 : 16); };
  const auto prefetch_tile = [&](int tile) {  // a row for every 16 threads
    const int side = thread / 16 % 2, row = thread / 32;
    const int64_t output = first_of(tile) + row + (p.gated ? 0 : 8 * side);
    if (tile >= p.tiles || output >= p.outputs) return;
    const W* const from = weight + (output + (p.gated ? side * p.outputs : 0)) * p.depth;
    const int head = p.depth < kChunk ? p.depth : kChunk;
    for (int at = thread % 16 * kLine<W>; at < head; at += 16 * kLine<W>) prefetch(from + at);
  };
  prefetch_tile(static_cast<int>(blockIdx.x) % shares);

  // Sum of squares and largest number of every row, four rows at a time so that their loads
  // overlap.
  with_type<float>(p.x, [&](auto* x) {
    using Stored = std::remove_cv_t<std::remove_pointer_t<decltype(x)>>;
    for (int r = 0; r < rows; r += kTogether) {
      float squares[kTogether] = {}, largest[kTogether] = {};
      for (int i = thread * 8; i < p.depth; i += kTensorThreads * 8) {
        Eight<Stored> numbers[kTogether];
        float scale[8];
#pragma unroll
        for (int k = 0; k < kTogether; ++k) {
          if (r + k < rows) numbers[k].load(x + row_of(r + k) + i);
        }
        if (p.scale) p.scale.eight(i, scale);
#pragma unroll
        for (int k = 0; k < kTogether; ++k) {
#pragma unroll
          for (int e = 0; e < 8; ++e) {
            const float value = numbers[k].number(e);
            squares[k] += value * value;
            largest[k] = fmaxf(largest[k], fabsf(p.scale ? value * scale[e] : value));
          }
        }
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        squares[k] = warp_sum(squares[k]);
        largest[k] = warp_max(largest[k]);
        if (lane == 0 && r + k < rows) {
          parts[2 * ((r + k) * kTensorWarps + warp)] = squares[k];
          parts[2 * ((r + k) * kTensorWarps + warp) + 1] = largest[k];
        }
      }
    }
  });
  __syncthreads();
  if (thread < rows) {
    float squares = 0.0f, largest = 0.0f;
    for (int w = 0; w < kTensorWarps; ++w) {
      squares += parts[2 * (thread * kTensorWarps + w)];
      largest = fmaxf(largest, parts[2 * (thread * kTensorWarps + w) + 1]);
    }
    const float norm =
        p.scale ? inverse_root(squares / static_cast<float>(p.depth) + p.eps.single) : 1.0f;
    const float shrink = std::is_same_v<T, bfloat16> ? 1.0f : shrink_factor(largest * norm);
    factors[2 * thread] = norm * shrink;
    factors[2 * thread + 1] = inverse_power(shrink);
  }
  __syncthreads();

  const auto stage = [&](int chunk) {
    const int width = p.depth - chunk < kChunk ? p.depth - chunk : kChunk;
    const int padded = (width + kStep - 1) / kStep * kStep;
    for (int item = thread; item < rows * (padded / 8); item += kTensorThreads) {
      const int r = item / (padded / 8), i = item % (padded / 8) * 8;
      float x[8] = {}, scale[8];
      Quad<std::uint32_t> high, low;
      if (i < width) {
        p.x.eight(row_of(r) + chunk + i, x);
        if (p.scale) p.scale.eight(chunk + i, scale);
#pragma unroll
        for (int k = 0; k < 8; ++k) x[k] *= p.scale ? scale[k] * factors[2 * r] : factors[2 * r];
      }
#pragma unroll
      for (int k = 0; k < 4; ++k) split_pair<T>(x[2 * k], x[2 * k + 1], &high.v[k], &low.v[k]);
      std::uint32_t* const to = staged + r * (kStride / 2) + i / 2;
      *reinterpret_cast<Quad<std::uint32_t>*>(to) = high;
      *reinterpret_cast<Quad<std::uint32_t>*>(to + kRows * (kStride / 2)) = low;
    }
  };

  const bool whole = p.depth <= kChunk;  // then x stays where it is for all tiles
  for (int tile = static_cast<int>(blockIdx.x) % shares; tile < p.tiles; tile += shares) {
    prefetch_tile(tile + shares);
    const int64_t first = first_of(tile) + g;
    const int64_t second = first + (p.gated ? p.outputs : 8);
    const bool has_first = first < p.outputs, has_second = p.gated ? has_first : second < p.outputs;
    float sum[kColumns][4] = {};
    for (int chunk = 0; chunk < p.depth; chunk += kChunk) {
      if (!whole || tile < shares) {
        __syncthreads();
        stage(chunk);
        __syncthreads();
      }
      const int width = p.depth - chunk < kChunk ? p.depth - chunk : kChunk;
#pragma unroll 4
      for (int at = warp * kStep + t * kVector; at - t * kVector < width;
           at += kTensorWarps * kStep) {
        WeightVector<W> one{}, other{};
        const int here = chunk + at;
        if (has_first && at < width) one.load(weight + first * p.depth, here, p.depth, p.aligned);
        if (has_second && at < width)
          other.load(weight + second * p.depth, here, p.depth, p.aligned);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
#pragma unroll
            for (int q = 0; q < kVector / 8; ++q) {
              Quad<std::uint32_t> x = {};
              if (8 * c + g < rows) {
                x = *reinterpret_cast<const Quad<std::uint32_t>*>(
                    staged + (half * kRows + 8 * c + g) * (kStride / 2) + at / 2 + 4 * q);
              }
#pragma unroll
              for (int s = 0; s < 2; ++s) {
                const std::uint32_t left[4] = {one.pair(4 * q + 2 * s), other.pair(4 * q + 2 * s),
                                               one.pair(4 * q + 2 * s + 1),
                                               other.pair(4 * q + 2 * s + 1)};
                const std::uint32_t right[2] = {x.v[2 * s], x.v[2 * s + 1]};
                mma_16x8x16<T>(sum[c], left, right);
              }
            }
          }
        }
      }
    }
    const auto sum_at = [&](int w, int c, int k) -> float& {
      return sums[((w % kSumWarps * kColumns + c) * 4 + k) * 32 + lane];
    };
    for (int turn = 0; turn < kTensorWarps / kSumWarps; ++turn) {
      if (warp / kSumWarps == turn) {
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
#pragma unroll
          for (int k = 0; k < 4; ++k) {
            sum_at(warp, c, k) = turn == 0 ? sum[c][k] : sum_at(warp, c, k) + sum[c][k];
          }
        }
      }
      __syncthreads();
    }
    // Warp `warp` adds registers k and k + 2, the two sides of the pairs, of some of the columns.
    for (int item = warp; item < 2 * kColumns; item += kTensorWarps) {
      const int c = item / 2, k = item % 2, row = 8 * c + 2 * t + k;
      float low = 0.0f, high = 0.0f;
      for (int w = 0; w < kSumWarps; ++w) {
        low += sum_at(w, c, k);
        high += sum_at(w, c, k + 2);
      }
      if (row >= rows || !has_first) continue;
      low *= factors[2 * row + 1];
      high *= factors[2 * row + 1];
      if (p.weight_scale != nullptr) {
        low *= p.weight_scale[first];
        if (has_second) high *= p.weight_scale[second];
      }
      if (p.gated) {
        put_product(p, first_row + row, first, sigmoid_product(low, high));
      } else {
        put_product(p, first_row + row, first, low);
        if (has_second) put_product(p, first_row + row, second, high);
      }
    }
    __syncthreads();
  }
}

}  // namespace aigc_assets::decode_gpu
