// The limits of any processor, one number at a time.
#include <cmath>

#include "limits_kernels.h"

namespace aigc_assets::limits {

const Kernels kPortableKernels = {&multiply_add_chains, nullptr, &read_all};

}  // namespace aigc_assets::limits
