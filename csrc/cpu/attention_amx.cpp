// The attention kernels for AMX: products of bfloat16 in tiles, everything between in AVX-512.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "attention_unit.h"
// Not before: what stands above is compiled for any processor.
#include "target_amx.h"
//
#include "attention_tiles.h"

namespace aigc_assets::attention {

const Kernels kAmxKernels = {&begin, &end, &scratch, &run, kPerLog, kOne};

}  // namespace aigc_assets::attention

#include "target_end.h"

#endif  // __x86_64__
