// The phase convolutions for AVX2.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "phase_convolution_unit.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx2.h"
//
#include "phase_convolution_kernels.h"

namespace aigc_assets::phase_convolution {

const Kernels kAvx2Kernels = {&room, &run};

}  // namespace aigc_assets::phase_convolution

#include "target_end.h"

#endif  // __x86_64__
