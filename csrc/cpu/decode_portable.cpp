// The decode kernels for any processor.
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "decode_kernels.h"

namespace aigc_assets::decode {

const Kernels kPortableKernels = {&rows, &product, &heads, &attend, &combine};

}  // namespace aigc_assets::decode
