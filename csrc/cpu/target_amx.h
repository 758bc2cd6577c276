// From here to target_end.h, code is compiled for AVX-512 with its bfloat16 and int8 dot products
// and permutations of bytes, and for the tiles of AMX; see target_avx2.h for what comes before.
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                              \
    __attribute__((target("amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512dq,avx512vl," \
                          "avx512bf16,avx512vnni,avx512vbmi,avx2,fma,f16c"))),             \
    apply_to = function)
#else
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512dq,avx512vl")
#pragma GCC target("avx512bf16,avx512vnni,avx512vbmi,avx2,fma,f16c")
#endif
#define AIGC_TARGET_AVX512
#define AIGC_TARGET_AMX
