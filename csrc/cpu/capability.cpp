#include "capability.h"

#include <torch/csrc/stable/library.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace aigc_assets {
namespace {

Capability detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return Capability::kAvx512;
  if (avx2) return Capability::kAvx2;
#endif
  return Capability::kPortable;
}

int initial_limit() {
  const char* text = std::getenv("AIGC_ASSETS_CPU");
  if (text == nullptr || *text == '\0') return static_cast<int>(Capability::kAvx512);
  const std::string_view name(text);
  if (name == "portable") return static_cast<int>(Capability::kPortable);
  if (name == "avx2") return static_cast<int>(Capability::kAvx2);
  STD_TORCH_CHECK(name == "avx512", "AIGC_ASSETS_CPU: expected portable, avx2 or avx512, got ",
                  text);
  return static_cast<int>(Capability::kAvx512);
}

std::atomic<int>& limit() {
  static std::atomic<int> value(initial_limit());
  return value;
}

// Sets the limit unless it is negative, and returns what is in effect.
int64_t cpu_capability_op(int64_t new_limit) {
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
