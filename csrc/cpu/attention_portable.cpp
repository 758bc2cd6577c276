// The attention kernels for any processor.
#include <cmath>
#include <limits>

#include "attention_kernels.h"

namespace aigc_assets::attention {

const Kernels kPortableKernels = {&nothing, &nothing, &scratch, &run, 1.0, 0.0};

}  // namespace aigc_assets::attention
