// The resampling kernels for AVX2.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>

#include "fir_task.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx2.h"
//
#include "fir_kernels.h"

namespace aigc_assets::fir {

const Kernels kAvx2Kernels = {&up_planes, &down_planes, &up_pixels, &down_pixels};

}  // namespace aigc_assets::fir

#include "target_end.h"

#endif  // __x86_64__
