// Which instruction sets the CPU kernels may use.
#pragma once

namespace aigc_assets {

enum class Capability { kPortable = 0, kAvx2 = 1, kAvx512 = 2 };

// The best one that both this processor and the limit (AIGC_ASSETS_CPU, or set later) allow.
Capability cpu_capability();

}  // namespace aigc_assets
