// The alias-free kernels for any processor.
#include <type_traits>

#include "alias_free_kernels.h"

namespace aigc_assets::alias_free {

const Kernels kPortableKernels = {&forward, &backward};

}  // namespace aigc_assets::alias_free
