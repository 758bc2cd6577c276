// The alias-free kernels for AVX-512.
#if defined(__x86_64__)

// GCC 12 takes the undefined operand inside its own intrinsics for a mistake of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// Everything that is shared with other files comes first, compiled for any processor.
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "alias_free_tile.h"

#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#define AIGC_TARGET_AVX512
#include "alias_free_kernels.h"

namespace aigc_assets::alias_free {

const Kernels kAvx512Kernels = {&forward, &backward};

}  // namespace aigc_assets::alias_free

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif  // __x86_64__
