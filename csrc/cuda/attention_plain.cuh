// Attention without assumptions, for float64 and for heads of more than 128 numbers.
//
// Each of four warps takes its 16 queries one after the other. Every lane computes the whole score
// of one of 32 keys; the weighted values are summed 128 columns at a time, and the scores computed
// again for the next 128.
#pragma once

#include <type_traits>

#include "../activation.h"
#include "attention_tile.cuh"

namespace aigc_assets::attention_gpu {

constexpr int kPlainThreads = 128;

template <class F>
struct WeightedValue {
  F weight;
  int64_t from;  // negative: none
};

template <class T>
AIGC_INLINE constexpr int plain_shared() {
  return kPlainThreads * static_cast<int>(sizeof(WeightedValue<Compute<T>>));
}

template <class F>
__device__ inline F warp_max(F value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const F other = __shfl_xor_sync(0xffffffffu, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

template <class T, class Geometry>
__global__ void __launch_bounds__(kPlainThreads, 4)
    attention_plain_kernel(const Arguments<T> a, const Geometry geometry) {
  using F = Compute<T>;
  constexpr int kColumns = 4;  // of a lane
  const typename Geometry::Place place(geometry, blockIdx.x);
  const int group = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  WeightedValue<F>* const values = shared_memory<WeightedValue<F>>() + 32 * group;  // [32]
  const F scale = a.scale;
  const auto limit = static_cast<unsigned>(geometry.limit());
  const int head = place.first_head() + place.head(group);
  const Range range = place.range(group);

  for (int i = 0; i < kGroup * place.tiles(); ++i) {
    const Query query = place.query(i / kGroup * kTile + group * kGroup + i % kGroup);
    if (query.from < 0) continue;  // the same for all lanes
    for (int left = 0; left < a.head; left += 32 * kColumns) {
      F o[kColumns] = {}, most = minus_infinity<F>(), sum = F(0);
      for (int first = range.first; first < range.last; first += 32) {
        const Key key = first + lane < range.last ? place.key(first + lane) : Key{-1, -1, kNoKey};
        const unsigned difference = difference_of(key.code, query.code);
        F score = minus_infinity<F>();
        if (difference < limit) {
          F product = F(0);
          for (int d = 0; d < a.head; ++d) {
            product +=
                static_cast<F>(widen(a.q[query.from + d])) * static_cast<F>(widen(a.k[key.k + d]));
          }
          score = product * scale;
          if constexpr (Geometry::kBiased) {
            score += bias(a, geometry, head, static_cast<int>(difference), F(1));
          }
        }
        const F chunk_most = warp_max(score), now = chunk_most > most ? chunk_most : most;
        const F base = now == minus_infinity<F>() ? F(0) : now;
        const F factor = exponential(most - base), weight = exponential(score - base);
        most = now;
        sum = sum * factor + weight;
#pragma unroll
        for (int c = 0; c < kColumns; ++c) o[c] *= factor;
        values[lane] = {weight, key.v};
        __syncwarp();
        for (int j = 0; j < 32; ++j) {
          const auto [key_weight, from] = values[j];
          if (from < 0) continue;  // the same for all lanes
#pragma unroll
          for (int c = 0; c < kColumns; ++c) {
            const int column = left + lane + 32 * c;
            if (column < a.head) {
              o[c] += key_weight * static_cast<F>(widen(a.v[from + column]));
            }
          }
        }
        __syncwarp();  // before the next keys
      }
#pragma unroll
      for (int distance = 16; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
      }
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        const int column = left + lane + 32 * c;
        if (column < a.head) narrow(o[c] / sum, a.y + query.to + column);
      }
    }
  }
}

}  // namespace aigc_assets::attention_gpu
