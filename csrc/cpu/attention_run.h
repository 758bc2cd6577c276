// Running units of attention on torch's threads. For the .cpp files of the attention ops; kernels
// include no torch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "attention_unit.h"
#include "capability.h"
#include "tensors.h"

namespace aigc_assets::attention {

constexpr int kEverything = 1 << 29;  // a band that leaves nothing out

// Tiles multiply bfloat16 alone; the other formats take the vectors.
inline const Kernels& kernels_for(Format format) {
  return best_of(kKernels, format == Format::kBfloat16 ? Capability::kAmx : Capability::kAvx512);
}

// Memory that a thread keeps from one call to the next.
class Buffer {
 public:
  char* reserve(std::size_t bytes) {
    if (bytes > size_) {
      size_ = (bytes + 63) / 64 * 64;
      memory_.reset(static_cast<char*>(std::aligned_alloc(64, size_)));
      STD_TORCH_CHECK(memory_ != nullptr, "attention: out of memory");
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
};

// What all units of a call have in common: sizes, and the kernels that run them.
struct Plan {
  const Kernels& kernels;
  Format format;
  int queries, keys, depth;  // the most of any unit

  double work() const { return 4.0 * queries * keys * depth; }
  // Units below which a second thread costs more than it gives, some 50 µs.
  std::int64_t grain() const {
    const double cheap = format == Format::kBfloat16 ? 2e7 : 4e6;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(cheap / (work() + 1)));
  }
};

// A thread with memory for the offsets, the bias and the kernels of one unit at a time.
struct Worker {
  const Plan& plan;
  std::vector<std::int64_t> queries{}, keys{}, values{}, out{};  // offsets of rows in bytes
  std::vector<float> bias{};
  std::vector<double> wide_bias{};
  char* scratch = nullptr;
  std::int64_t place = -1;    // on a grid, that the offsets are for
  std::vector<Span> ahead{};  // what is read for the place after it

  template <class F>
  std::vector<F>& own_bias() {
    if constexpr (sizeof(F) == 8) {
      return wide_bias;
    } else {
      return bias;
    }
  }
};

// Calls run(worker, unit) for every unit, on torch's threads, each of them in ascending order.
template <class Run>
void for_each_unit(const Plan& plan, std::int64_t units, const Run& run) {
  torch::stable::parallel_for(0, units, plan.grain(), [&](std::int64_t first, std::int64_t last) {
    static thread_local Buffer buffer;
    Worker worker{plan};
    worker.scratch =
        buffer.reserve(plan.kernels.scratch(plan.format, plan.queries, plan.keys, plan.depth));
    plan.kernels.begin();
    for (std::int64_t unit = first; unit < last; ++unit) run(worker, unit);
    plan.kernels.end();
  });
}

// The channels of a row lie together; the gap between rows may be anything.
inline torch::stable::Tensor with_dense_rows(const torch::stable::Tensor& tensor) {
  const std::int64_t last = tensor.dim() - 1;
  if (tensor.size(last) == 1 || tensor.stride(last) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

inline std::int64_t byte_stride(const torch::stable::Tensor& tensor, std::int64_t dim) {
  return tensor.stride(dim) * static_cast<std::int64_t>(tensor.element_size());
}

}  // namespace aigc_assets::attention
