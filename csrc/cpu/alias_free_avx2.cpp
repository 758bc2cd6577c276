// The alias-free kernels for AVX2.
#if defined(__x86_64__)

// Everything that is shared with other files comes first, compiled for any processor.
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "alias_free_tile.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif
#define AIGC_TARGET_AVX2
#include "alias_free_kernels.h"

namespace aigc_assets::alias_free {

const Kernels kAvx2Kernels = {&forward, &backward};

}  // namespace aigc_assets::alias_free

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif  // __x86_64__
