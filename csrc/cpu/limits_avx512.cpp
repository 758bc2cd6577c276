// The limits of AVX-512.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>

#include "limits.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx512.h"
//
#include "limits_kernels.h"

namespace aigc_assets::limits {

const Kernels kAvx512Kernels = {&multiply_add_chains, nullptr, &read_all};

}  // namespace aigc_assets::limits

#include "target_end.h"

#endif  // __x86_64__
