// What the resampling kernels of the CPU are told, and the table of functions that run them.
//
// A call is cut into units at fixed places. Which thread runs which unit changes nothing in its
// result, so the bytes do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "../fir.h"
#include "format.h"

namespace aigc_assets::fir {

// Rows of the smaller image that a unit has in NCHW: few enough that one plane keeps threads busy.
constexpr int64_t kBand = 64;
// Columns of the smaller image that run at once in NCHW: the rows in between stay in the
// first-level cache.
constexpr int kColumns = 256;

struct Task {
  const void* x;                    // [B, C, H, W] in NCHW or, for the functions on pixels, NHWC
  void* y;                          // the same, H and W doubled or halved
  const void* noise;                // [B or 1, H', W'], or null
  const void* bias;                 // [C] in the type that is computed with
  int64_t channels, height, width;  // of x
  int64_t noise_step;               // from the noise of one image to the next; may be 0
  double phase[2][kMaxHalf];
  int half;        // n of fir.h
  int activation;  // of activation.h
  double slope, gain, bound;
  bool past_caches;  // whether whole lines of y, which then begin its rows, go to memory directly
};

struct Kernels {
  // Units [begin, end): bands of kBand rows of planes in NCHW, of the smaller image.
  void (*up_planes)(Format format, const Task& task, int64_t begin, int64_t end);
  void (*down_planes)(Format format, const Task& task, int64_t begin, int64_t end);
  // Units [begin, end): rows of the smaller image in NHWC.
  void (*up_pixels)(Format format, const Task& task, int64_t begin, int64_t end);
  void (*down_pixels)(Format format, const Task& task, int64_t begin, int64_t end);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::fir
