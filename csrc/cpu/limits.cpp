// cpu_limit: runs one of the limits on torch's threads.
#include "limits.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <string>
#include <vector>

#include "capability.h"

namespace aigc_assets::limits {
namespace {

// Operations (of "fma" and "amx", `rounds` on every thread) or bytes ("read": the buffer once) that
// the call has done. 0 where the processor lacks the unit.
double cpu_limit(std::string what, const torch::stable::Tensor& buffer, int64_t rounds) {
  STD_TORCH_CHECK(what == "fma" || what == "amx" || what == "read",
                  "cpu_limit: expected fma, amx or read, got ", what);
  STD_TORCH_CHECK(
      buffer.is_contiguous() && buffer.scalar_type() == torch::headeronly::ScalarType::Float,
      "cpu_limit: expected a contiguous float32 buffer");
  const Kernels& use = best_of(kKernels);
  if (what == "amx" && use.tile_products == nullptr) return 0;
  const auto* const from = static_cast<const float*>(buffer.const_data_ptr());
  const int64_t parts = torch::stable::get_num_threads(), count = buffer.numel();
  std::vector<double> done(parts);
  torch::stable::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      float sink[3] = {0, 1, 0};
      if (what == "fma") {
        done[part] = use.multiply_add(rounds, sink);
      } else if (what == "amx") {
        done[part] = use.tile_products(rounds, sink);
      } else {
        const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
        done[part] = use.read(from + begin, end - begin, sink);
      }
    }
  });
  double total = 0;
  for (const double amount : done) total += amount;
  return total;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(aigc_assets, m) {
  m.def("cpu_limit(str what, Tensor buffer, int rounds) -> float");
}

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) { m.impl("cpu_limit", TORCH_BOX(&cpu_limit)); }

}  // namespace aigc_assets::limits
