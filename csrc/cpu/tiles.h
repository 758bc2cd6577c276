// Configuring the tile registers of AMX.
#pragma once

#if defined(AIGC_TARGET_AMX)

#include <cstdint>

#include "../storage.h"

namespace aigc_assets {
namespace {

// All eight tiles with 16 rows of 64 bytes: 16 x 16 floats, or 16 x 32 numbers of bfloat16. Each
// thread needs it before its first tile instruction, and _tile_release() after the last.
AIGC_INLINE void configure_tiles() {
  alignas(64) std::uint8_t configuration[64] = {1};
  for (int i = 0; i < 8; ++i) {
    configuration[16 + 2 * i] = 64;  // bytes of a row
    configuration[48 + i] = 16;      // rows
  }
  // GCC 12 declares that the intrinsic reads 8 of the 64 bytes, and drops what it takes for dead.
  asm volatile("" : : "r"(configuration) : "memory");
  _tile_loadconfig(configuration);
}

}  // namespace
}  // namespace aigc_assets

#endif
