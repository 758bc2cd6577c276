// Work items of the alias-free kernels on the CPU, and the table of functions that run them.
//
// A row (one channel of one batch entry) is cut into tiles at fixed places. Which thread runs which
// tile changes nothing in its result, so the bytes do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "format.h"

namespace aigc_assets::alias_free {

constexpr int64_t kTile = 1024;  // samples; the buffers of a tile stay in the first-level cache

struct ForwardTile {
  const void* x;       // the row, [length]
  void* y;             // the row, [length]
  int64_t length;      // samples of the row
  int64_t begin, end;  // the part to compute
  double alpha;
  double inverse_beta;
};

struct BackwardTile {
  const void* grad;  // the row, [length]
  const void* x;     // the row, [length]
  void* dx;          // the row, [length]
  int64_t length;
  int64_t begin, end;
  double alpha;
  double inverse_beta;
  double* dalpha;  // sum over the tile
  double* dbeta;   // sum over the tile
};

struct Kernels {
  void (*forward)(Format format, const ForwardTile& tile);
  void (*backward)(Format format, const BackwardTile& tile);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::alias_free
