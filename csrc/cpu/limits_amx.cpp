// The limits of AMX.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>

#include "limits.h"
// Not before: what stands above is compiled for any processor.
#include "target_amx.h"
//
#include "limits_kernels.h"

namespace aigc_assets::limits {

const Kernels kAmxKernels = {&multiply_add_chains, &tile_products, &read_all};

}  // namespace aigc_assets::limits

#include "target_end.h"

#endif  // __x86_64__
