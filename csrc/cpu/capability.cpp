#include "capability.h"

#include <torch/csrc/stable/library.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace aigc_assets {
namespace {

#if defined(__x86_64__)

// Tiles, and the bfloat16 and int8 dot products and permutations of bytes that every processor with
// tiles has. GCC 12 knows no names for some of these, so CPUID is asked: leaf 7 (EDX 22 amx-bf16,
// 24 amx-tile, 25 amx-int8; ECX 1 avx512-vbmi, 11 avx512-vnni) and its subleaf 1 (EAX 5
// avx512-bf16). Linux hands out the tile registers on request only: arch_prctl(ARCH_REQ_XCOMP_PERM,
// XFEATURE_XTILEDATA), once for all threads.
bool has_amx() {
#if defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned tiles = (1u << 22) | (1u << 24) | (1u << 25);
  constexpr unsigned vectors = (1u << 1) | (1u << 11);
  if ((d & tiles) != tiles || (c & vectors) != vectors) return false;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & (1u << 5)) == 0) return false;
  constexpr long request = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
#else
  return false;
#endif
}

#endif

Capability detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return has_amx() ? Capability::kAmx : Capability::kAvx512;
  if (avx2) return Capability::kAvx2;
#endif
  return Capability::kPortable;
}

int initial_limit() {
  const char* text = std::getenv("AIGC_ASSETS_CPU");
  if (text == nullptr || *text == '\0') return static_cast<int>(Capability::kAmx);
  const std::string_view name(text);
  if (name == "portable") return static_cast<int>(Capability::kPortable);
  if (name == "avx2") return static_cast<int>(Capability::kAvx2);
  if (name == "avx512") return static_cast<int>(Capability::kAvx512);
  STD_TORCH_CHECK(name == "amx", "AIGC_ASSETS_CPU: expected portable, avx2, avx512 or amx, got ",
                  text);
  return static_cast<int>(Capability::kAmx);
}

std::atomic<int>& limit() {
  static std::atomic<int> value(initial_limit());
  return value;
}

// Sets the limit unless it is negative, and returns what is in effect.
int64_t cpu_capability_op(int64_t new_limit) {
  STD_TORCH_CHECK(new_limit <= static_cast<int64_t>(Capability::kAmx),
                  "cpu_capability: expected at most 3, got ", new_limit);
  if (new_limit >= 0) limit() = static_cast<int>(new_limit);
  return static_cast<int64_t>(cpu_capability());
}

}  // namespace

Capability cpu_capability() {
  static const int detected = static_cast<int>(detect());
  const int allowed = limit();
  return static_cast<Capability>(detected < allowed ? detected : allowed);
}

STABLE_TORCH_LIBRARY_FRAGMENT(aigc_assets, m) { m.def("cpu_capability(int limit) -> int"); }

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CompositeExplicitAutograd, m) {
  m.impl("cpu_capability", TORCH_BOX(&cpu_capability_op));
}

}  // namespace aigc_assets
