// From here to target_end.h, code is compiled for AVX2. Include first whatever is shared with other
// files, the standard library above all: a copy of it compiled for one instruction set could be
// linked into code for another.
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define AIGC_TARGET_AVX2
