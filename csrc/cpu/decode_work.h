// Work items of the decode kernels on the CPU, and the table of functions that run them.
//
// All of them compute in `compute`, float32 or float64, whatever the tensors hold. Work is cut at
// fixed places, and a sum runs in the same order wherever it is cut and whatever else is computed
// beside it: bytes depend neither on the number of threads nor on the other rows of a batch.
// Strides count elements; where none is given for the last dimension, it is 1.
#pragma once

#include <cstdint>

#include "format.h"

namespace aigc_assets::decode {

constexpr int64_t kUnit = 16;    // results of a product that are computed together
constexpr int64_t kChunk = 256;  // keys between two corrections of the softmax

// Elements of a row of `compute` that kernels read past its end: zeros.
constexpr int64_t padded(int64_t width) { return (width + kUnit - 1) / kUnit * kUnit; }

constexpr int64_t size_of(Format format) {
  switch (format) {
    case Format::kFloat64:
      return 8;
    case Format::kFloat32:
      return 4;
    case Format::kFloat16:
    case Format::kBfloat16:
      return 2;
    case Format::kInt8:
      break;
  }
  return 1;
}

// Rows become rows of `compute`, [count, padded(width)], normalised where there is a scale; `out`
// has room for one row more.
struct Rows {
  Format compute;
  const void* x;  // [count, width]
  Format format;
  int64_t stride;
  int64_t count, width;
  const void* scale;  // [width] or null
  Format scale_format;
  double eps;
  void* out;
};

enum class Ending { kPlain, kResidual, kGated };

// y[b, n] = sum_k weight[n, k] x[b, k], scaled and ended; for kGated of the rows n and count + n.
struct Product {
  Format compute;
  const void* weight;  // [count or 2 count, width]
  Format format;
  int64_t stride;
  const float* weight_scale;  // [count or 2 count] or null
  const void* x;              // [batch, padded(width)] of `compute`
  int64_t batch, width, count;
  Ending ending;
  const void* residual;  // [batch, count]
  Format residual_format;
  int64_t residual_stride;
  void* y;  // [batch, count]
  Format y_format;
  int64_t y_stride;
};

// One row of q, k and v: k and v go to the cache, q becomes a query for `Attention`.
struct Heads {
  Format compute;
  const void *q, *k, *v;  // [heads, dim], [shared, dim] x 2
  Format format;
  int64_t q_stride, k_stride, v_stride;
  int64_t heads, shared, dim;
  const void *cosines, *sines;  // [dim / 2] or null: not turned
  Format rope_format;
  const void *q_scale, *k_scale;  // [dim] or null: not normalised
  Format q_scale_format, k_scale_format;
  double eps;
  void *k_to, *v_to;  // [shared, dim] of the cache at the position of the row
  Format cache_format;
  int64_t k_to_stride, v_to_stride, k_to_step, v_to_step;  // of heads, of elements
  void* query;  // [heads, padded(dim)] of `compute`, times dim^-0.5
};

// Unit (b * shared + s) * chunks + c is chunk c of the keys of head s of row b.
struct Attention {
  Format compute;
  const void* query;  // [batch, heads, padded(dim)] of `compute`, as `Heads` makes it
  const void *keys, *values;
  Format format;
  int64_t key_batch, key_head, key_stride, value_batch, value_head, value_stride;
  int64_t shared, group, dim, room, window;
  const int64_t* lengths;  // [batch]
  const double* slopes;    // [shared * group] or null
  int64_t chunks;          // at most, for any row
  void* partial;           // [units, group, 2 + padded(dim)] of `compute`; unused for one chunk
  void* y;                 // [batch, shared * group, dim]
  Format y_format;
  int64_t y_batch, y_head;
};

constexpr int64_t product_scratch(int64_t batch) { return batch * 9 * kUnit; }
constexpr int64_t attention_scratch(int64_t group, int64_t dim) {
  return group * (kChunk + kUnit + padded(dim));
}
constexpr int64_t heads_scratch(int64_t dim) { return 6 * padded(dim) + 2 * kUnit; }

// `scratch` is room for as many numbers of `compute` as the function above says.
struct Kernels {
  void (*rows)(const Rows& rows);
  void (*product)(const Product& product, int64_t first_unit, int64_t last_unit, void* scratch);
  void (*heads)(const Heads& heads, void* scratch);
  void (*attend)(const Attention& attention, int64_t unit, void* scratch);
  void (*combine)(const Attention& attention, int64_t head, void* scratch);  // b * shared + s
};

// The best ones for this processor that compute in `compute`.
const Kernels& kernels(Format compute);

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::decode
