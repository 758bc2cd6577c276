// The resampling kernels for any processor.
#include "fir_kernels.h"

namespace aigc_assets::fir {

const Kernels kPortableKernels = {&up_planes, &down_planes, &up_pixels, &down_pixels};

}  // namespace aigc_assets::fir
