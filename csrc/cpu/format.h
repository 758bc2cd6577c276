// In which format numbers lie in a tensor: what kernels of the CPU are told instead of a type.
#pragma once

namespace aigc_assets {

enum class Format { kFloat32, kFloat64, kFloat16, kBfloat16, kInt8 };

}  // namespace aigc_assets
