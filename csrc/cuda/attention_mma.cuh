// Attention on tensor cores, for bfloat16 and float16: scores, softmax and output stay in
// registers.
//
// Each of four warps holds 16 queries. It multiplies them with a block of keys, bends the scores
// into weights where they lie, and uses them as left factor of the product with the values. Keys
// and values of the next block arrive meanwhile. What was summed is rescaled when a later block
// brings a larger score; where all keys fit one block, that never happens.
#pragma once

#include "attention_tile.cuh"

namespace aigc_assets::attention_gpu {

constexpr int kMmaThreads = 128;
constexpr float kLog2E = 1.44269504088896340736f;  // powers of two are what the hardware computes

template <int kHead, int kBlock>
AIGC_INLINE constexpr int mma_shared(int stages, int staged) {
  return stages * kBlock * (2 * pitch<bfloat16, kHead>() + static_cast<int>(sizeof(int))) +
         staged * static_cast<int>(sizeof(float));
}

__device__ inline float power_of_two(float x) {
#if defined(__CUDACC__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

// Four lanes t = lane % 4 hold a 4x4 matrix, words[i] of lane t being element (i, t): transposes
// it.
__device__ inline void transpose_words(std::uint32_t (&words)[4]) {
  const unsigned t = threadIdx.x % 4;
#pragma unroll
  for (int distance = 1; distance <= 2; distance *= 2) {
    const bool upper = (t & static_cast<unsigned>(distance)) != 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if ((i & distance) != 0) continue;
      const std::uint32_t sent = upper ? words[i] : words[i + distance];
      const std::uint32_t got = __shfl_xor_sync(0xffffffffu, sent, distance);
      if (upper) {
        words[i] = got;
      } else {
        words[i + distance] = got;
      }
    }
  }
}

struct alignas(16) Words {
  std::uint32_t v[4];
};

struct alignas(8) Codes {  // of two keys side by side
  int v[2];
};

// The 16 queries of a warp as left factors, from two rows per lane.
template <int kHead, class T>
__device__ inline void load_queries(const Arguments<T>& a, const Query (&rows)[2],
                                    std::uint32_t (&q)[kHead / 16][4]) {
  const int t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int part = 0; part < kHead / 32; ++part) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      Words words = {};
      const T* const row = a.q + rows[r].from;
      if (a.aligned) {
        const int column = 32 * part + 8 * t;
        if (rows[r].from >= 0 && column < a.head) {
          words = *reinterpret_cast<const Words*>(row + column);
        }
        transpose_words(words.v);
      } else if (rows[r].from >= 0) {
        for (int i = 0; i < 4; ++i) {
          const int column = 32 * part + 8 * i + 2 * t;
          const std::uint32_t low = column < a.head ? row[column].bits : 0u;
          const std::uint32_t high = column + 1 < a.head ? row[column + 1].bits : 0u;
          words.v[i] = low | high << 16;
        }
      }
      q[2 * part][r] = words.v[0];
      q[2 * part][r + 2] = words.v[1];
      q[2 * part + 1][r] = words.v[2];
      q[2 * part + 1][r + 2] = words.v[3];
    }
  }
}

// Rounds and writes two rows per lane, each number times the factor of its row.
template <int kHead, class T>
__device__ inline void write_outputs(const Arguments<T>& a, const Query (&rows)[2],
                                     const float (&o)[kHead / 8][4], const float (&factor)[2]) {
  const int t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int part = 0; part < kHead / 32; ++part) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      Words words;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        words.v[i] = pack_pair<T>(o[4 * part + i][2 * r] * factor[r],
                                  o[4 * part + i][2 * r + 1] * factor[r]);
      }
      T* const row = a.y + rows[r].to;
      if (a.aligned) {
        transpose_words(words.v);
        const int column = 32 * part + 8 * t;
        if (rows[r].from >= 0 && column < a.head) *reinterpret_cast<Words*>(row + column) = words;
      } else if (rows[r].from >= 0) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int column = 32 * part + 8 * i + 2 * t;
          if (column < a.head) row[column].bits = static_cast<std::uint16_t>(words.v[i]);
          if (column + 1 < a.head) {
            row[column + 1].bits = static_cast<std::uint16_t>(words.v[i] >> 16);
          }
        }
      }
    }
  }
}

// With kOneBlock all keys fit one block and stay there for several tiles of queries. `staged` is
// the number of biases in shared memory, or 0: they stay in global memory.
template <class T, int kHead, int kBlock, bool kOneBlock, class Geometry>
__global__ void __launch_bounds__(kMmaThreads, blocks_per_processor<kHead>())
    attention_mma_kernel(const Arguments<T> a, const Geometry geometry, int stages, int staged) {
  constexpr int kTiles = kBlock / 8, kPitch = pitch<T, kHead>();
  unsigned char* const keys = shared_memory<unsigned char>();  // [stages, k and v, kBlock, kPitch]
  int* const codes =
      reinterpret_cast<int*>(keys + stages * 2 * kBlock * kPitch);         // [stages, kBlock]
  float* const table = reinterpret_cast<float*>(codes + stages * kBlock);  // [staged]
  const typename Geometry::Place place(geometry, blockIdx.x);
  const int group = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4;
  const float scale = a.scale * kLog2E;
  const unsigned limit = static_cast<unsigned>(geometry.limit());
  const int own_head = place.head(group);
  const Range range = place.range(group);
  const int blocks = kOneBlock ? 1 : (place.keys() + kBlock - 1) / kBlock;

  const auto load = [&](int block) {
    unsigned char* const to = keys + block % 2 * 2 * kBlock * kPitch;
    load_keys<kHead, kBlock, 16, kMmaThreads>(a, place, block * kBlock, to, to + kBlock * kPitch,
                                              codes + block % 2 * kBlock);
  };
  load(0);
  if constexpr (Geometry::kBiased) {
    stage_table<kMmaThreads>(a, geometry, place.first_head(), staged, kLog2E, table);
  }
  const float* const own_table = table + own_head * geometry.limit();
  const float* const far_table =
      a.expanded + static_cast<int64_t>(place.first_head() + own_head) * geometry.limit();

  for (int tile = 0; tile < (kOneBlock ? place.tiles() : 1); ++tile) {
    Query rows[2];
    rows[0] = place.query(tile * kTile + group * kGroup + g);
    rows[1] = place.query(tile * kTile + group * kGroup + g + 8);
    std::uint32_t q[kHead / 16][4];
    load_queries<kHead>(a, rows, q);
    float o[kHead / 8][4] = {};
    float most[2] = {minus_infinity<float>(), minus_infinity<float>()}, sum[2] = {};

    for (int block = 0; block < blocks; ++block) {
      if (!kOneBlock || tile == 0) {
        wait_for_copies<0>();
        __syncthreads();  // the block is there, and nobody reads the one before any more
        if (block + 1 < blocks) load(block + 1);
      }
      const int begin = block * kBlock;
      if (begin >= range.last || begin + kBlock <= range.first) continue;
      const unsigned char* const k = keys + block % 2 * 2 * kBlock * kPitch;
      const unsigned char* const v = k + kBlock * kPitch;
      const int* const key_codes = codes + block % 2 * kBlock;
      const auto looked_at = [&](int step) {
        return begin + 16 * step < range.last && begin + 16 * step + 16 > range.first;
      };

      float s[kTiles][4] = {};
      float block_most[2] = {minus_infinity<float>(), minus_infinity<float>()};
      const unsigned char* const k_lane =
          k + (lane / 16 * 8 + lane % 8) * kPitch + lane / 8 % 2 * 16;
#pragma unroll
      for (int step = 0; step < kTiles / 2; ++step) {
        if (!looked_at(step)) continue;
#pragma unroll
        for (int part = 0; part < kHead / 16; ++part) {
          std::uint32_t b[4];
          load_matrices(b, k_lane + step * 16 * kPitch + part * 32);
          const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
          mma_16x8x16<T>(s[2 * step], q[part], left);
          mma_16x8x16<T>(s[2 * step + 1], q[part], right);
        }
        const auto finish = [&](auto read) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const Codes code =
                *reinterpret_cast<const Codes*>(key_codes + 16 * step + 8 * half + 2 * t);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              float& score = s[2 * step + half][i];
              const unsigned difference = difference_of(code.v[i % 2], rows[i / 2].code);
              score = difference < limit ? score * scale + read(static_cast<int>(difference))
                                         : minus_infinity<float>();
              block_most[i / 2] = fmaxf(block_most[i / 2], score);
            }
          }
        };
        if constexpr (!Geometry::kBiased) {
          finish([](int) { return 0.0f; });
        } else if (staged > 0) {
          finish([&](int difference) { return own_table[difference]; });
        } else {
          finish([&](int difference) { return far_table[difference]; });
        }
      }

      float base[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        block_most[r] = fmaxf(block_most[r], __shfl_xor_sync(0xffffffffu, block_most[r], 1));
        block_most[r] = fmaxf(block_most[r], __shfl_xor_sync(0xffffffffu, block_most[r], 2));
        const float now = fmaxf(most[r], block_most[r]);
        base[r] = now == minus_infinity<float>() ? 0.0f : now;
        if (!kOneBlock && block > 0) {
          const float factor = power_of_two(most[r] - base[r]);
          sum[r] *= factor;
#pragma unroll
          for (int i = 0; i < kHead / 8; ++i) {
            o[i][2 * r] *= factor;
            o[i][2 * r + 1] *= factor;
          }
        }
        most[r] = now;
      }

      const unsigned char* const v_lane = v + lane % 16 * kPitch + lane / 16 * 16;
#pragma unroll
      for (int step = 0; step < kTiles / 2; ++step) {
        if (!looked_at(step)) continue;
        std::uint32_t p[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int r = i % 2;
          const float low = power_of_two(s[2 * step + i / 2][2 * r] - base[r]);
          const float high = power_of_two(s[2 * step + i / 2][2 * r + 1] - base[r]);
          sum[r] += low + high;
          p[i] = pack_pair<T>(low, high);
        }
#pragma unroll
        for (int part = 0; part < kHead / 16; ++part) {
          std::uint32_t b[4];
          load_matrices_transposed(b, v_lane + step * 16 * kPitch + part * 32);
          const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
          mma_16x8x16<T>(o[2 * part], p, left);
          mma_16x8x16<T>(o[2 * part + 1], p, right);
        }
      }
    }

    float factor[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 1);
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 2);
      factor[r] = 1.0f / sum[r];
    }
    write_outputs<kHead>(a, rows, o, factor);
  }
}

}  // namespace aigc_assets::attention_gpu
