// The decode kernels for AVX2.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "decode_work.h"
// Not before: what stands above is compiled for any processor.
#include "target_avx2.h"
//
#include "decode_kernels.h"

namespace aigc_assets::decode {

const Kernels kAvx2Kernels = {&rows, &product, &heads, &attend, &combine};

}  // namespace aigc_assets::decode

#include "target_end.h"

#endif  // __x86_64__
