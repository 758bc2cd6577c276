// The attention kernels for AVX2.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "attention_unit.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx2.h"
//
#include "attention_kernels.h"

namespace aigc_assets::attention {

const Kernels kAvx2Kernels = {&nothing, &nothing, &scratch, &run, 1.0, 0.0};

}  // namespace aigc_assets::attention

#include "target_end.h"

#endif  // __x86_64__
