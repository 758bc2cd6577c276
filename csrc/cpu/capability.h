// Which instruction sets the CPU kernels may use.
#pragma once

#include <algorithm>
#include <cstddef>

namespace aigc_assets {

// kAvx512 is F, BW, DQ and VL. kAmx adds tiles (bf16, int8), the bf16 and int8 dot products,
// and VBMI.
enum class Capability { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAmx = 3 };

// The best one that both this processor and the limit (AIGC_ASSETS_CPU, or set later) allow.
Capability cpu_capability();

// Of a family's kernels, from portable up (the index is a Capability), the best that this call may
// use; where a family has none for the last capability, those of the one before.
template <class Kernels, std::size_t count>
const Kernels& best_of(const Kernels* const (&kernels)[count],
                       Capability at_most = Capability::kAmx) {
  const auto best = static_cast<std::size_t>(std::min(cpu_capability(), at_most));
  return *kernels[std::min(best, count - 1)];
}

}  // namespace aigc_assets
