// The alias-free kernels for AVX2.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "alias_free_tile.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx2.h"
//
#include "alias_free_kernels.h"

namespace aigc_assets::alias_free {

const Kernels kAvx2Kernels = {&forward, &backward};

}  // namespace aigc_assets::alias_free

#include "target_end.h"

#endif  // __x86_64__
