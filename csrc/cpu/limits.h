// What the processor can do at most: the yardstick of the benchmarks.
#pragma once

#include <cstdint>

namespace aigc_assets::limits {

// Each adds up what it did in operations or bytes and returns that; `sink` is 3 floats {0, 1, -}.
struct Kernels {
  double (*multiply_add)(int64_t rounds, float* sink);
  double (*tile_products)(int64_t rounds, float* sink);  // null without tiles
  double (*read)(const float* from, int64_t count, float* sink);
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

}  // namespace aigc_assets::limits
