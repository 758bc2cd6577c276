// What the kernels between the products of a Transformer are told, and the table of functions that
// run them.
//
// Every row is computed alone and in the same order, so the bytes depend neither on the number of
// threads nor on the other rows.
#pragma once

#include <cstdint>

#include "format.h"

namespace aigc_assets::token_layers {

// Vectors of parameters and the table of angles are float64 for float64, float32 otherwise.
struct Norm {
  const void* x;  // [rows, width]
  void* y;
  const void* scale;  // [width]
  int64_t width;
  double eps;
};

struct Heads {
  const void* x;                  // [batch, length, 3, heads, dim]
  void *q, *k, *v;                // [batch, heads, length, dim]
  const void *q_scale, *k_scale;  // [dim]
  const void *cosines, *sines;    // [length, dim / 2]
  int64_t length, heads, dim;
  double eps;
};

struct Gate {
  const void* x;  // [rows, 2 * width]
  void* y;        // [rows, width]
  int64_t width;
  bool gate_first;
};

struct Kernels {
  // Rows or tokens [begin, end), the tokens of all sequences one after the other.
  void (*rms_norm)(Format format, const Norm& norm, int64_t begin, int64_t end);
  void (*qk_norm_rotary)(Format format, const Heads& heads, int64_t begin, int64_t end);
  void (*gated_silu)(Format format, const Gate& gate, int64_t begin, int64_t end);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAmxKernels;
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels,
                                              &kAmxKernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::token_layers
