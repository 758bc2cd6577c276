// The kernels between the products of a Transformer for any processor.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "token_layers_kernels.h"

namespace aigc_assets::token_layers {

const Kernels kPortableKernels = {&rms_norm, &qk_norm_rotary, &gated_silu};

}  // namespace aigc_assets::token_layers
