// Attention without tensor cores, for float32.
//
// A thread holds 4 queries. The 8 lanes that share them split 32 keys for the scores, and the
// columns of the output for the product with the values; the weights pass between through shared
// memory. Queries are read from global memory, where they stay in the first cache.
#pragma once

#include "../activation.h"
#include "attention_tile.cuh"

namespace aigc_assets::attention_gpu {

constexpr int kFmaThreads = 128;
constexpr int kFmaBlock = 64;  // keys in shared memory
constexpr int kChunk = 32;     // keys between two looks at the largest score

template <int kHead>
AIGC_INLINE constexpr int fma_shared(int staged) {
  return kFmaBlock * (2 * pitch<float, kHead>() + static_cast<int>(sizeof(int))) +
         kTile * pitch<float, kChunk>() + staged * static_cast<int>(sizeof(float));
}

// Numbers `column` .. `column` + 3 of a row; zeros behind `head`.
__device__ inline Pack<float> read_row(const float* row, int column, int head, bool aligned) {
  if (aligned) return *reinterpret_cast<const Pack<float>*>(row + column);
  Pack<float> pack;
#pragma unroll
  for (int i = 0; i < 4; ++i) pack.v[i] = column + i < head ? row[column + i] : 0.0f;
  return pack;
}

template <int kHead, class Geometry>
__global__ void __launch_bounds__(kFmaThreads, blocks_per_processor<kHead>())
    attention_fma_kernel(const Arguments<float> a, const Geometry geometry, int staged) {
  constexpr int kLanes = 8, kStride = 4;  // lanes with the same queries, queries of a lane
  constexpr int kVector = 4, kPitch = pitch<float, kHead>(), kWeightPitch = pitch<float, kChunk>();
  constexpr int kParts = kHead / (kLanes * kVector);        // of the columns, in a lane
  constexpr int kKeys = kChunk / kLanes;                    // of a chunk, in a lane
  unsigned char* const k = shared_memory<unsigned char>();  // [kFmaBlock, kPitch]
  unsigned char* const v = k + kFmaBlock * kPitch;          // [kFmaBlock, kPitch]
  unsigned char* const weights = v + kFmaBlock * kPitch;    // [kTile, pitch of kChunk]
  float* const table = reinterpret_cast<float*>(weights + kTile * kWeightPitch);  // [staged]
  int* const codes = reinterpret_cast<int*>(table + staged);                      // [kFmaBlock]

  const typename Geometry::Place place(geometry, blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % 32, column = lane % kLanes;
  const int group = static_cast<int>(threadIdx.x) / 32, first = group * kGroup + lane / kLanes;
  const float scale = a.scale;
  const unsigned limit = static_cast<unsigned>(geometry.limit());
  const int own_head = place.head(group);
  const Range range = place.range(group);
  const int blocks = (place.keys() + kFmaBlock - 1) / kFmaBlock;
  if constexpr (Geometry::kBiased) {
    stage_table<kFmaThreads>(a, geometry, place.first_head(), staged, 1.0f, table);
  }
  const float* const own_table = table + own_head * geometry.limit();
  const float* const far_table =
      a.expanded + static_cast<int64_t>(place.first_head() + own_head) * geometry.limit();

  for (int tile = 0; tile < place.tiles(); ++tile) {
    int row_codes[4];
    int64_t to[4];  // negative where there is no query
    const float* q[4];
    float o[4][kParts][kVector] = {};
    float most[4], sum[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Query query = place.query(tile * kTile + first + kStride * i);
      row_codes[i] = query.code;
      to[i] = query.to;
      q[i] = a.q + (query.from < 0 ? 0 : query.from);
      most[i] = minus_infinity<float>();
    }

    for (int block = 0; block < blocks; ++block) {
      const int begin = block * kFmaBlock;
      if (blocks > 1 || tile == 0) {
        __syncthreads();  // nobody reads the block before any more
        load_keys<kHead, kFmaBlock, kChunk, kFmaThreads>(a, place, begin, k, v, codes);
        wait_for_copies<0>();
        __syncthreads();
      }
#pragma unroll 1
      for (int chunk = 0; chunk < kFmaBlock; chunk += kChunk) {
        if (begin + chunk >= range.last || begin + chunk + kChunk <= range.first) continue;
        float s[4][kKeys] = {};
        const unsigned char* const k_lane = k + (chunk + column) * kPitch;
#pragma unroll 1
        for (int d = 0; d < a.head; d += kVector) {
          Pack<float> q_part[4], k_part[kKeys];
#pragma unroll
          for (int i = 0; i < 4; ++i) q_part[i] = read_row(q[i], d, a.head, a.aligned);
#pragma unroll
          for (int j = 0; j < kKeys; ++j) {
            k_part[j] = *reinterpret_cast<const Pack<float>*>(k_lane + j * kLanes * kPitch +
                                                              d * static_cast<int>(sizeof(float)));
          }
#pragma unroll
          for (int e = 0; e < kVector; ++e) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
#pragma unroll
              for (int j = 0; j < kKeys; ++j) s[i][j] += q_part[i].v[e] * k_part[j].v[e];
            }
          }
        }

        const auto finish = [&](auto read) {
#pragma unroll
          for (int j = 0; j < kKeys; ++j) {
            const int code = codes[chunk + column + kLanes * j];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              const unsigned difference = difference_of(code, row_codes[i]);
              s[i][j] = difference < limit ? s[i][j] * scale + read(static_cast<int>(difference))
                                           : minus_infinity<float>();
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

#pragma unroll
        for (int i = 0; i < 4; ++i) {
          float chunk_most = s[i][0];
#pragma unroll
          for (int j = 1; j < kKeys; ++j) chunk_most = s[i][j] > chunk_most ? s[i][j] : chunk_most;
#pragma unroll
          for (int distance = 1; distance < kLanes; distance *= 2) {
            const float other = __shfl_xor_sync(0xffffffffu, chunk_most, distance);
            chunk_most = other > chunk_most ? other : chunk_most;
          }
          const float now = chunk_most > most[i] ? chunk_most : most[i];
          const float base = now == minus_infinity<float>() ? 0.0f : now;
          const float factor = exponential(most[i] - base);
          most[i] = now;
          sum[i] *= factor;
#pragma unroll
          for (int part = 0; part < kParts; ++part) {
#pragma unroll
            for (int e = 0; e < kVector; ++e) o[i][part][e] *= factor;
          }
          float* const weight_row =
              reinterpret_cast<float*>(weights + (first + kStride * i) * kWeightPitch) + column;
#pragma unroll
          for (int j = 0; j < kKeys; ++j) {
            const float weight = exponential(s[i][j] - base);
            sum[i] += weight;
            weight_row[kLanes * j] = weight;
          }
        }
        __syncwarp();

#pragma unroll 1
        for (int j = 0; j < kChunk; j += kVector) {
          Pack<float> weight[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            weight[i] = *reinterpret_cast<const Pack<float>*>(weights +
                                                              (first + kStride * i) * kWeightPitch +
                                                              j * static_cast<int>(sizeof(float)));
          }
#pragma unroll
          for (int e = 0; e < kVector; ++e) {
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
              const Pack<float> value = *reinterpret_cast<const Pack<float>*>(
                  v + (chunk + j + e) * kPitch + (part * kLanes + column) * 16);
#pragma unroll
              for (int i = 0; i < 4; ++i) {
#pragma unroll
                for (int n = 0; n < kVector; ++n) {
                  o[i][part][n] += weight[i].v[e] * value.v[n];
                }
              }
            }
          }
        }
        __syncwarp();  // before the next chunk's weights
      }
    }

#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int distance = 1; distance < kLanes; distance *= 2) {
        sum[i] += __shfl_xor_sync(0xffffffffu, sum[i], distance);
      }
      if (to[i] < 0) continue;
#pragma unroll
      for (int part = 0; part < kParts; ++part) {
        Pack<float> pack;
#pragma unroll
        for (int n = 0; n < kVector; ++n) pack.v[n] = o[i][part][n] / sum[i];
        const int at = (part * kLanes + column) * kVector;
        float* const column_to = a.y + to[i] + at;
        if (a.aligned && at < a.head) {
          *reinterpret_cast<Pack<float>*>(column_to) = pack;
        } else if (!a.aligned) {
#pragma unroll
          for (int n = 0; n < kVector; ++n) {
            if (at + n < a.head) column_to[n] = pack.v[n];
          }
        }
      }
    }
  }
}

}  // namespace aigc_assets::attention_gpu
