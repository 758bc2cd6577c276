// Which instruction sets the CPU kernels may use.
#pragma once

namespace aigc_assets {

// kAvx512 is F, BW, DQ and VL. kAmx adds tiles (bf16, int8), the bf16 and int8 dot products,
// and VBMI.
enum class Capability { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAmx = 3 };

// The best one that both this processor and the limit (AIGC_ASSETS_CPU, or set later) allow.
Capability cpu_capability();

}  // namespace aigc_assets
