// The alias-free kernels for AVX-512.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "alias_free_tile.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx512.h"
//
#include "alias_free_kernels.h"

namespace aigc_assets::alias_free {

const Kernels kAvx512Kernels = {&forward, &backward};

}  // namespace aigc_assets::alias_free

#include "target_end.h"

#endif  // __x86_64__
