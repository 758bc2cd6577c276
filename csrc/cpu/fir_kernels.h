// The CPU kernels themselves, once for every instruction set: include this after the target was
// switched on. All of it is in a nameless namespace; see vector.h.
#pragma once

#include "fir_pixels.h"
#include "fir_planes.h"

namespace aigc_assets::fir {
namespace {

#define AIGC_FOR_EVERY_FILTER(function, V, T)     \
  switch (task.half) {                            \
    case 1:                                       \
      return function<V, T, 1>(task, begin, end); \
    case 2:                                       \
      return function<V, T, 2>(task, begin, end); \
    case 3:                                       \
      return function<V, T, 3>(task, begin, end); \
    default:                                      \
      return function<V, T, 4>(task, begin, end); \
  }
#define AIGC_FOR_EVERY_FORMAT(function)                                        \
  void function(Format format, const Task& task, int64_t begin, int64_t end) { \
    switch (format) {                                                          \
      case Format::kFloat32:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Vector, float)                         \
      case Format::kFloat16:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Vector, float16)                       \
      case Format::kBfloat16:                                                  \
        AIGC_FOR_EVERY_FILTER(function, Vector, bfloat16)                      \
      case Format::kFloat64:                                                   \
        AIGC_FOR_EVERY_FILTER(function, Scalar<double>, double)                \
      case Format::kInt8:                                                      \
        break;                                                                 \
    }                                                                          \
  }

AIGC_FOR_EVERY_FORMAT(up_planes)
AIGC_FOR_EVERY_FORMAT(down_planes)
AIGC_FOR_EVERY_FORMAT(up_pixels)
AIGC_FOR_EVERY_FORMAT(down_pixels)

#undef AIGC_FOR_EVERY_FORMAT
#undef AIGC_FOR_EVERY_FILTER

}  // namespace
}  // namespace aigc_assets::fir
