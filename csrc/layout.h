// How a tensor lies in memory.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace aigc_assets {

// Whether an image lies in the order of NHWC and not in that of NCHW as well; axes of size 1 may
// have any step. False for everything that is no image, and for an empty one.
inline bool is_channels_last(const torch::stable::Tensor& x) {
  if (x.dim() != 4 || x.is_contiguous()) return false;
  std::int64_t step = 1;
  for (const int axis : {1, 3, 2, 0}) {
    if (x.size(axis) != 1 && x.stride(axis) != step) return false;
    step *= x.size(axis);
  }
  return true;
}

}  // namespace aigc_assets
