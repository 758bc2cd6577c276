// Products of a few rows with large weights on the GPU, with what comes before (a norm) and after
// (a residual, a gate): kernels over raw pointers.
//
// Every kernel computes pairs of outputs, from rows `first` and `first + pair` of the weight: those
// of up and gate where the results are gated, otherwise two of the same matrix. The rows of x, up
// to 8 or 16 at a time, wait in shared memory, so that a weight is read once for all of them. Sums
// run in an order that depends on the width of the weights alone, never on the number of rows.
#pragma once

#include <type_traits>

#include "decode.cuh"

namespace aigc_assets::decode_gpu {

struct Product {
  Numbers x;      // [rows, depth]
  Numbers scale;  // [depth] of the norm; none without a norm
  Constant eps;
  const void* weight;         // [outputs, depth], or [2 * outputs, depth] where gated
  const float* weight_scale;  // of int8 weights, one for each row
  Numbers residual;           // [rows, outputs], or none
  Results y;                  // [rows, outputs]
  int64_t outputs;
  int rows, depth;
  int tiles;  // of outputs, that blocks share out among themselves
  bool gated;
  bool aligned;  // every row of the weight starts at a multiple of 16 bytes
};

template <class F>
__device__ __forceinline__ F sigmoid_product(F up, F gate) {
  return up * activate(gate, Activation::kSilu, F(0));
}

// Adds a residual, or nothing, and writes.
template <class F>
__device__ __forceinline__ void put_product(const Product& p, int row, int64_t output, F value) {
  const int64_t at = row * p.outputs + output;
  p.y.put(at, p.residual ? value + p.residual.at<F>(at) : value);
}

// 16 bytes of one row of a weight.
template <class W>
struct WeightVector {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(W));
  std::uint32_t v[4];

  // From `at` on; zero beyond the depth.
  __device__ __forceinline__ void load(const W* row, int at, int depth, bool aligned) {
    if (aligned && at + kCount <= depth) {
      const Quad<std::uint32_t> words = *reinterpret_cast<const Quad<std::uint32_t>*>(row + at);
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = words.v[i];
      return;
    }
    using Bits = std::conditional_t<
        sizeof(W) == 8, std::uint64_t,
        std::conditional_t<sizeof(W) == 4, std::uint32_t,
                           std::conditional_t<sizeof(W) == 2, std::uint16_t, std::uint8_t>>>;
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = 0;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const std::uint64_t bits =
          at + i < depth ? reinterpret_cast<const Bits*>(row)[at + i] : Bits(0);
      if constexpr (sizeof(W) == 8) {
        v[2 * i] = static_cast<std::uint32_t>(bits);
        v[2 * i + 1] = static_cast<std::uint32_t>(bits >> 32);
      } else {
        constexpr int kPerWord = 4 / static_cast<int>(sizeof(W));
        v[i / kPerWord] |= static_cast<std::uint32_t>(bits) << (32 / kPerWord * (i % kPerWord));
      }
    }
  }

  template <class F>
  __device__ __forceinline__ F number(int i) const {
    if constexpr (std::is_same_v<W, std::int8_t>) {
      // 2^23 + byte is a float whose last bits are the byte; 2^23 + 128 less makes it signed.
      const std::uint32_t byte = (v[i / 4] ^ 0x80808080u) >> (8 * (i % 4)) & 0xffu;
      return static_cast<F>(float_of(0x4b000000u | byte) - 8388736.0f);
    } else if constexpr (std::is_same_v<W, double>) {
      const std::uint64_t bits = static_cast<std::uint64_t>(v[2 * i + 1]) << 32 | v[2 * i];
      double value;
      std::memcpy(&value, &bits, sizeof value);
      return static_cast<F>(value);
    } else if constexpr (std::is_same_v<W, float>) {
      return static_cast<F>(float_of(v[i]));
    } else {
      return static_cast<F>(unpack_half<W>(v[i / 2], i % 2));
    }
  }

  // Numbers 2 * i and 2 * i + 1 as a register of a left factor; int8 becomes float16.
  __device__ __forceinline__ std::uint32_t pair(int i) const {
    if constexpr (sizeof(W) == 1) {
      // The same with 1024 and the ten bits of a float16.
      const std::uint32_t bytes = (v[i / 2] ^ 0x80808080u) >> (16 * (i % 2));
      const std::uint32_t raised = 0x64006400u | (bytes & 0xffu) | (bytes & 0xff00u) << 8;
#if defined(__CUDA_ARCH__)
      std::uint32_t result;
      asm("sub.f16x2 %0, %1, %2;" : "=r"(result) : "r"(raised), "r"(0x64806480u));
      return result;
#else
      return pack_pair<float16>(unpack_half<float16>(raised, 0) - 1152.0f,
                                unpack_half<float16>(raised, 1) - 1152.0f);
#endif
    } else {
      return v[i];
    }
  }
};

// ---------------------------------------------------------------------------- any dtype of x
//
// On the ordinary units. A warp computes kPairs pairs at a time, its lanes share the depth, 16
// bytes of weights each.

constexpr int kProductWarps = 4;
constexpr int kProductThreads = 32 * kProductWarps;

// Depth that is staged at once: a multiple of what a warp reads in one step.
template <class W, class F>
AIGC_INLINE constexpr int product_chunk() {
  return sizeof(F) == 8 ? 512 : 1024;
}

template <class W, class F>
AIGC_INLINE constexpr int product_shared(int rows) {  // bytes
  return static_cast<int>(sizeof(F)) * (rows * product_chunk<W, F>() + rows * kProductWarps);
}

// Sums over the warp of the first kCount numbers of each lane, a power of two of at most 32:
// afterwards numbers[0] of a lane is the sum of all numbers[lane / (32 / kCount)].
template <int kCount, int kOffset = 16, class F, int kRoom>
__device__ __forceinline__ void scatter_sums(F (&numbers)[kRoom]) {
  if constexpr (kOffset > 0) {
    if constexpr (kCount > 1) {
      const bool upper = (threadIdx.x & kOffset) != 0;
#pragma unroll
      for (int i = 0; i < kCount / 2; ++i) {
        const F given = upper ? numbers[i] : numbers[i + kCount / 2];
        const F kept = upper ? numbers[i + kCount / 2] : numbers[i];
        numbers[i] = kept + __shfl_xor_sync(0xffffffffu, given, kOffset);
      }
    } else {
      numbers[0] += __shfl_xor_sync(0xffffffffu, numbers[0], kOffset);
    }
    scatter_sums<(kCount > 1 ? kCount / 2 : 1), kOffset / 2>(numbers);
  }
}

// W: type of the weights, F: type of the sums.
template <class W, class F, int kRows, int kPairs>
__global__ void __launch_bounds__(kProductThreads, sizeof(F) == 8 || kPairs > 1 ? 3 : 4)
    product_kernel(Product p) {
  constexpr int kVector = WeightVector<W>::kCount, kStep = 32 * kVector;
  constexpr int kChunk = product_chunk<W, F>();
  constexpr int kQuads = kVector < 4 ? 1 : kVector / 4, kQuad = kVector / kQuads;
  static_assert(kChunk % kStep == 0);
  struct alignas(sizeof(F) * kQuad < 16 ? sizeof(F) * kQuad : 16) Pack {
    F v[kQuad];
  };
  F* const staged = shared_memory<F>();      // [kRows][kChunk], in the order in which lanes read
  F* const parts = staged + kRows * kChunk;  // [kRows][warps]
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int tile = static_cast<int>(blockIdx.x) % p.tiles;
  const int first_row = static_cast<int>(blockIdx.x) / p.tiles * kRows;
  const int rows = p.rows - first_row < kRows ? p.rows - first_row : kRows;

  F factor[kRows];  // of the norm
  if (p.scale) {
    for (int r = 0; r < rows; ++r) {
      F squares = F(0);
      for (int i = thread; i < p.depth; i += kProductThreads) {
        const F value = p.x.at<F>(static_cast<int64_t>(first_row + r) * p.depth + i);
        squares += value * value;
      }
      squares = warp_sum(squares);
      if (lane == 0) parts[r * kProductWarps + warp] = squares;
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    factor[r] = F(1);
    if (p.scale && r < rows) {
      F squares = F(0);
      for (int w = 0; w < kProductWarps; ++w) squares += parts[r * kProductWarps + w];
      factor[r] = inverse_root(squares / static_cast<F>(p.depth) + p.eps.as<F>());
    }
  }

  // Output and row of the weight of pair i: plain pairs are neighbours.
  const int64_t begin = (static_cast<int64_t>(tile) * kProductWarps + warp) * kPairs;
  const int64_t pairs = p.gated ? p.outputs : (p.outputs + 1) / 2;
  const W* weights[2 * kPairs];
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const int64_t pair = begin + i < pairs ? begin + i : pairs - 1;
    const int64_t one = p.gated ? pair : 2 * pair;
    const int64_t other = p.gated ? pair + p.outputs : one + 1 < p.outputs ? one + 1 : one;
    weights[2 * i] = static_cast<const W*>(p.weight) + one * p.depth;
    weights[2 * i + 1] = static_cast<const W*>(p.weight) + other * p.depth;
  }
  F sums[2 * kPairs * kRows] = {};  // [pair][one or other][row]
  for (int chunk = 0; chunk < p.depth; chunk += kChunk) {
    const int width = p.depth - chunk < kChunk ? p.depth - chunk : kChunk;
    const int padded = (width + kStep - 1) / kStep * kStep;
    __syncthreads();
    for (int i = thread; i < padded; i += kProductThreads) {
      const int step = i / kStep, of_lane = i % kStep / kVector, rest = i % kVector;
      F* const to = staged + step * kStep + (rest / kQuad * 32 + of_lane) * kQuad + rest % kQuad;
      const F scale = p.scale && i < width ? p.scale.at<F>(chunk + i) : F(1);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (r >= rows) continue;
        const int64_t at = static_cast<int64_t>(first_row + r) * p.depth + chunk + i;
        to[r * kChunk] = i < width ? p.x.at<F>(at) * factor[r] * scale : F(0);
      }
    }
    __syncthreads();
    if (begin >= pairs) continue;
#pragma unroll 2
    for (int step = 0; step < padded; step += kStep) {
      WeightVector<W> w[2 * kPairs];
#pragma unroll
      for (int i = 0; i < 2 * kPairs; ++i) {
        w[i].load(weights[i], chunk + step + lane * kVector, p.depth, p.aligned);
      }
#pragma unroll
      for (int q = 0; q < kQuads; ++q) {
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          if (r >= rows) continue;
          const Pack x =
              *reinterpret_cast<const Pack*>(staged + r * kChunk + step + (q * 32 + lane) * kQuad);
#pragma unroll
          for (int i = 0; i < 2 * kPairs; ++i) {
#pragma unroll
            for (int e = 0; e < kQuad; ++e) {
              sums[i * kRows + r] += w[i].template number<F>(q * kQuad + e) * x.v[e];
            }
          }
        }
      }
    }
  }
  if (begin >= pairs) return;
  constexpr int kCount = 2 * kPairs * kRows, kLanes = 32 / kCount;
  scatter_sums<kCount>(sums);
  const int mine = lane / kLanes, row = mine % kRows, side = mine / kRows % 2;
  const int64_t pair = begin + mine / (2 * kRows);
  const int64_t output = p.gated ? pair : 2 * pair + side;
  if (p.weight_scale != nullptr && pair < pairs && output < p.outputs) {
    sums[0] *= static_cast<F>(p.weight_scale[p.gated ? pair + side * p.outputs : output]);
  }
  const F gate = __shfl_xor_sync(0xffffffffu, sums[0], kRows * kLanes);
  if (lane % kLanes != 0 || row >= rows || pair >= pairs || output >= p.outputs) return;
  if (!p.gated) {
    put_product(p, first_row + row, output, sums[0]);
  } else if (side == 0) {
    put_product(p, first_row + row, output, sigmoid_product(sums[0], gate));
  }
}

// ---------------------------------------------------------------------- x of at most 16 bits
//
// On the tensor cores. The left factor of a product is 8 pairs of rows of the weight, the right one
// 8 rows of x, each as the sum of two halves, so that only the weights' storage costs precision.
// The depth may be summed in any order: a lane reads 16 bytes of a weight where they lie, and takes
// the matching numbers of x. Warps share the depth; their sums are added in the order of the warps.
// For float16 and int8, rows of x are multiplied by a power of two that brings their numbers into
// range.

constexpr int kTensorWarps = 8;
constexpr int kTensorThreads = 32 * kTensorWarps;
constexpr int kTensorPairs = 8;

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

  // Sum of squares and largest number of every row, each warp over its share of the depth.
  for (int r = 0; r < rows; ++r) {
    float squares = 0.0f, largest = 0.0f;
    for (int i = thread * 8; i < p.depth; i += kTensorThreads * 8) {
      float x[8], scale[8];
      p.x.eight(row_of(r) + i, x);
      if (p.scale) p.scale.eight(i, scale);
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        squares += x[k] * x[k];
        largest = fmaxf(largest, fabsf(p.scale ? x[k] * scale[k] : x[k]));
      }
    }
    squares = warp_sum(squares);
    largest = warp_max(largest);
    if (lane == 0) {
      parts[2 * (r * kTensorWarps + warp)] = squares;
      parts[2 * (r * kTensorWarps + warp) + 1] = largest;
    }
  }
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
  const W* const weight = static_cast<const W*>(p.weight);
  for (int tile = static_cast<int>(blockIdx.x) % shares; tile < p.tiles; tile += shares) {
    const int64_t first = static_cast<int64_t>(tile) * (p.gated ? 8 : 16) + g;
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
        if (has_first && at < width) one.load(weight + first * p.depth, here, p.depth, true);
        if (has_second && at < width) other.load(weight + second * p.depth, here, p.depth, true);
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
