// Which token of a grid is meant: index arithmetic of the attention ops, for host and device,
// without torch.
#pragma once

#include <cstdint>

#include "storage.h"

namespace aigc_assets::attention {

// `at` on an axis of `size` that wraps around; -size <= at < 2·size.
AIGC_INLINE std::int64_t wrapped(std::int64_t at, std::int64_t size) {
  return at < 0 ? at + size : at >= size ? at - size : at;
}

// Shifted windows: place `i` of window number `n` of an axis lies at wrapped(n·window + shift + i).
// In the last window of the axis the places from window - shift on come from beyond the edge; they
// and the others do not see each other.
AIGC_INLINE bool from_beyond(int i, int window, int shift) { return i >= window - shift; }

}  // namespace aigc_assets::attention
