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

// Weights in a line of memory.
template <class W>
constexpr int kLine = 128 / static_cast<int>(sizeof(W));

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

// On the ordinary units, any dtype of x. A warp computes kPairs pairs at a time, its lanes share
// the depth, 16 bytes of weights each.

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
  const int head = p.depth < kChunk ? p.depth : kChunk;
  for (int i = 0; i < 2 * kPairs && begin < pairs; ++i) {
    for (int at = lane * kLine<W>; at < head; at += 32 * kLine<W>) prefetch(weights[i] + at);
  }

  F factor[kRows];  // of the norm
  if (p.scale) {
    F squares[kRows] = {};
    with_type<F>(p.x, [&](auto* x) {
      for (int i = thread; i < p.depth; i += kProductThreads) {
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          if (r >= rows) continue;
          const F value =
              static_cast<F>(widen(x[static_cast<int64_t>(first_row + r) * p.depth + i]));
          squares[r] += value * value;
        }
      }
    });
    scatter_sums<kRows>(squares);
    if (lane % (32 / kRows) == 0) parts[lane / (32 / kRows) * kProductWarps + warp] = squares[0];
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

  F sums[2 * kPairs * kRows] = {};  // [pair][one or other][row]
  for (int chunk = 0; chunk < p.depth; chunk += kChunk) {
    const int width = p.depth - chunk < kChunk ? p.depth - chunk : kChunk;
    const int padded = (width + kStep - 1) / kStep * kStep;
    __syncthreads();
    with_type<F>(p.x, [&](auto* x) {
      for (int i = thread; i < padded; i += kProductThreads) {
        const int step = i / kStep, of_lane = i % kStep / kVector, rest = i % kVector;
        F* const to = staged + step * kStep + (rest / kQuad * 32 + of_lane) * kQuad + rest % kQuad;
        const F scale = p.scale && i < width ? p.scale.at<F>(chunk + i) : F(1);
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          if (r >= rows) continue;
          const int64_t at = static_cast<int64_t>(first_row + r) * p.depth + chunk + i;
          to[r * kChunk] = i < width ? static_cast<F>(widen(x[at])) * factor[r] * scale : F(0);
        }
      }
    });
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

}  // namespace aigc_assets::decode_gpu
