// The phase convolutions for any processor.
#include "phase_convolution_kernels.h"

namespace aigc_assets::phase_convolution {

const Kernels kPortableKernels = {&room, &run};

}  // namespace aigc_assets::phase_convolution
