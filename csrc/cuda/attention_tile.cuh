// What the attention kernels share: which queries and keys a block works on, and how the keys come
// to shared memory.
//
// A block computes a tile of 64 queries, of one head or of a few heads with few queries each; 16 of
// them, a group, look at the same range of the block's keys. A geometry (spatial_attention.cuh,
// attention.cuh) says where queries and keys lie; its Place is what one block works on:
//
//   keys()           the keys of the block
//   query(i)         query i of the tile
//   key(i)           key i of the block
//   range(group)     the keys that 16 queries look at; all others are masked for them
//   head(group)      their head, counted from first_head(), the first one of the block
//
// Masks and biases are one subtraction: a key counts for a query if `key.code - query.code`, taken
// as unsigned, is below the geometry's limit(). The difference then finds the bias: the geometry's
// entry(head, difference) is its element of the bias table, or -1 if the key is masked after all.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "../storage.h"
#include "device.cuh"
#include "tensor_core.cuh"

namespace aigc_assets::attention_gpu {

constexpr int kTile = 64;                              // queries of a block
constexpr int kGroup = 16;                             // queries with one range of keys
constexpr int kNoKey = static_cast<int>(0x80000000u);  // farther than any limit from every query
constexpr int kMostStaged = 4096;                      // biases that are copied to shared memory

struct Query {
  int64_t from, to;  // its first number in q and in y; from is negative where there is no query
  int code;
};

struct Key {
  int64_t k, v;  // its first number in k and in v; negative where there is no key
  int code;
};

__device__ inline unsigned difference_of(int key_code, int query_code) {
  return static_cast<unsigned>(key_code) - static_cast<unsigned>(query_code);
}

struct Range {
  int first, last;
};

template <class T>
using Compute = std::conditional_t<sizeof(T) == 8, double, float>;

template <class T>
struct Arguments {
  const T *q, *k, *v;
  const void* table;      // of biases, of T or of float32; null: no bias
  const float* expanded;  // biases by head and difference, where they are too many to be staged
  bool float_table;
  bool aligned;  // heads begin at multiples of 16 bytes, in q, k, v and y
  int head;      // numbers of a query, a key, a value
  Compute<T> scale;
  T* y;
};

template <class F>
__device__ inline F minus_infinity() {
  return -static_cast<F>(INFINITY);
}

// Bytes between the rows of keys in shared memory: 16 more than a row has, so that eight rows
// begin in different banks.
template <class T, int kHead>
AIGC_INLINE constexpr int pitch() {
  return kHead * static_cast<int>(sizeof(T)) + 16;
}

// Blocks of 128 threads that must fit a multiprocessor at once: 128, 168 or 255 registers a thread.
template <int kHead>
AIGC_INLINE constexpr int blocks_per_processor() {
  return kHead <= 32 ? 4 : kHead <= 64 ? 3 : 2;
}

template <class T>
struct alignas(16) Pack {
  T v[16 / sizeof(T)];
};

// Starts to copy a block of keys and values. Rows are zero behind `head`, and where there is no
// key; of rows that no range touches, in steps of kStep, nothing is written.
template <int kHead, int kBlock, int kStep, int kThreads, class T, class Place>
__device__ inline void load_keys(const Arguments<T>& a, const Place& place, int begin,
                                 unsigned char* k, unsigned char* v, int* codes) {
  constexpr int kVector = 16 / static_cast<int>(sizeof(T)), kParts = kHead / kVector;
  const int part = static_cast<int>(threadIdx.x) % kParts;
  const int stop = (place.keys() - begin + kStep - 1) / kStep * kStep;
  for (int row = static_cast<int>(threadIdx.x) / kParts; row < kBlock && row < stop;
       row += kThreads / kParts) {
    const Key key = place.key(begin + row);
    if (part == 0) codes[row] = key.code;
    const int column = part * kVector, to = row * pitch<T, kHead>() + part * 16;
    if (a.aligned) {
      const bool valid = key.k >= 0 && column < a.head;
      copy_async<16>(k + to, valid ? a.k + key.k + column : a.k, valid);
      copy_async<16>(v + to, valid ? a.v + key.v + column : a.v, valid);
    } else {
      Pack<T> k_pack, v_pack;
      for (int i = 0; i < kVector; ++i) {
        const bool valid = key.k >= 0 && column + i < a.head;
        k_pack.v[i] = valid ? a.k[key.k + column + i] : T{};
        v_pack.v[i] = valid ? a.v[key.v + column + i] : T{};
      }
      *reinterpret_cast<Pack<T>*>(k + to) = k_pack;
      *reinterpret_cast<Pack<T>*>(v + to) = v_pack;
    }
  }
  commit_copies();
}

// Bias of a difference, in units of `unit`; minus infinity where it is masked.
template <class T, class Geometry>
__device__ inline Compute<T> bias(const Arguments<T>& a, const Geometry& geometry, int head,
                                  int difference, Compute<T> unit) {
  const int64_t entry = head < geometry.heads ? geometry.entry(head, difference) : -1;
  if (entry < 0) return minus_infinity<Compute<T>>();
  if (a.table == nullptr) return 0;
  if (a.float_table) return static_cast<const float*>(a.table)[entry] * unit;
  return widen(static_cast<const T*>(a.table)[entry]) * unit;
}

// Copies the biases of the block's heads to shared memory, limit() of each.
template <int kThreads, class T, class Geometry>
__device__ inline void stage_table(const Arguments<T>& a, const Geometry& geometry, int first_head,
                                   int count, float unit, float* table) {
  const int limit = geometry.limit();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) {
    table[i] = bias(a, geometry, first_head + i / limit, i % limit, unit);
  }
}

constexpr int kExpandThreads = 256;

// The same of all heads, to global memory.
template <class T, class Geometry>
__global__ void __launch_bounds__(kExpandThreads)
    expand_table_kernel(const Arguments<T> a, const Geometry geometry, float unit,
                        float* expanded) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kExpandThreads + threadIdx.x;
  const int limit = geometry.limit(), head = static_cast<int>(i / limit);
  if (head >= geometry.heads) return;
  expanded[i] = bias(a, geometry, head, static_cast<int>(i % limit), unit);
}

}  // namespace aigc_assets::attention_gpu
