// The kernels between the products of a Transformer for AVX-512.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "token_layers_task.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx512.h"
//
#include "token_layers_kernels.h"

namespace aigc_assets::token_layers {

const Kernels kAvx512Kernels = {&rms_norm, &qk_norm_rotary, &gated_silu};

}  // namespace aigc_assets::token_layers

#include "target_end.h"

#endif  // __x86_64__
