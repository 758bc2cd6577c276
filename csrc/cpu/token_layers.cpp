// rms_norm, qk_norm_rotary and gated_silu on the CPU: checks, parameters, threads, registration.
#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "capability.h"
#include "tensors.h"
#include "token_layers_task.h"

namespace aigc_assets::token_layers {
namespace {

using torch::stable::Tensor;

constexpr int64_t kGrain = 32768;  // numbers below which a second thread costs more than it gives

// Parameters in the type that is computed with: where they lie, or copied.
class Numbers {
 public:
  Numbers(const Tensor& tensor, Format of_x, const char* op)
      : wide_(of_x == Format::kFloat64), dense_(torch::stable::contiguous(tensor)) {
    const Format format = floating_format_of(dense_, op);
    STD_TORCH_CHECK(format == of_x || format == Format::kFloat32, op,
                    ": expected parameters in the dtype of x or float32");
    if (format == (wide_ ? Format::kFloat64 : Format::kFloat32)) return;
    const void* const from = dense_.const_data_ptr();
    const int64_t count = dense_.numel();
    (wide_ ? doubles_.resize(count) : floats_.resize(count));
    for (int64_t i = 0; i < count; ++i) {
      const double value = read(from, format, i);
      wide_ ? doubles_[i] = value : floats_[i] = static_cast<float>(value);
    }
  }
  // From number i on.
  const void* at(int64_t i) const {
    if (!doubles_.empty()) return doubles_.data() + i;
    if (!floats_.empty()) return floats_.data() + i;
    return static_cast<const char*>(dense_.const_data_ptr()) + i * (wide_ ? 8 : 4);
  }

 private:
  bool wide_;
  Tensor dense_;
  std::vector<double> doubles_;
  std::vector<float> floats_;
};

// Runs rows [0, rows), each of so many numbers, on as many threads as that is worth.
template <class Run>
void for_rows(int64_t rows, int64_t numbers, const Run& run) {
  torch::stable::parallel_for(0, rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, numbers)),
                              run);
}

Tensor empty_of(const Tensor& x, int64_t last) {
  std::vector<int64_t> shape;
  for (int64_t i = 0; i + 1 < x.dim(); ++i) shape.push_back(x.size(i));
  shape.push_back(last);
  return torch::stable::new_empty(x, shape);
}

Tensor rms_norm_cpu(const Tensor& x_,     // [.., D]
                    const Tensor& scale,  // [D]
                    double eps) {
  const char* const op = "rms_norm";
  STD_TORCH_CHECK(x_.dim() >= 1 && scale.dim() == 1 && scale.size(0) == x_.size(x_.dim() - 1), op,
                  ": expected x of shape [.., D] and scale of shape [D]");
  const Format format = floating_format_of(x_, op);
  const Tensor x = torch::stable::contiguous(x_);
  const Numbers scales(scale, format, op);
  const int64_t width = scale.size(0);
  Tensor y = empty_of(x, width);
  if (y.numel() == 0) return y;
  const Norm norm{x.const_data_ptr(), y.mutable_data_ptr(), scales.at(0), width, eps};
  const Kernels& use = best_of(kKernels);
  for_rows(y.numel() / width, width,
           [&](int64_t begin, int64_t end) { use.rms_norm(format, norm, begin, end); });
  return y;
}

std::tuple<Tensor, Tensor, Tensor> qk_norm_rotary_cpu(const Tensor& qkv_,     // [B, L, 3, heads, D]
                                                      const Tensor& q_scale,  // [D]
                                                      const Tensor& k_scale,  // [D]
                                                      const Tensor& rope,     // [2, L, D / 2]
                                                      double eps) {
  const char* const op = "qk_norm_rotary";
  STD_TORCH_CHECK(qkv_.dim() == 5 && qkv_.size(2) == 3, op,
                  ": expected qkv of shape [B, L, 3, heads, D]");
  const int64_t batch = qkv_.size(0), length = qkv_.size(1), heads = qkv_.size(3);
  const int64_t dim = qkv_.size(4);
  for (const Tensor* scale : {&q_scale, &k_scale}) {
    STD_TORCH_CHECK(scale->dim() == 1 && scale->size(0) == dim, op,
                    ": expected scales of shape [D]");
  }
  STD_TORCH_CHECK(dim % 2 == 0 && rope.dim() == 3 && rope.size(0) == 2 && rope.size(1) == length &&
                      rope.size(2) == dim / 2,
                  op, ": expected an even D and rope of shape [2, L, D / 2]");
  const Format format = floating_format_of(qkv_, op);
  const Tensor qkv = torch::stable::contiguous(qkv_);
  const Numbers of_q(q_scale, format, op), of_k(k_scale, format, op), angles(rope, format, op);
  const auto make = [&] { return torch::stable::new_empty(qkv, {batch, heads, length, dim}); };
  Tensor q = make(), k = make(), v = make();
  if (q.numel() == 0) return {q, k, v};
  Heads task{};
  task.x = qkv.const_data_ptr();
  task.q = q.mutable_data_ptr();
  task.k = k.mutable_data_ptr();
  task.v = v.mutable_data_ptr();
  task.q_scale = of_q.at(0);
  task.k_scale = of_k.at(0);
  task.cosines = angles.at(0);
  task.sines = angles.at(length * (dim / 2));
  task.length = length;
  task.heads = heads;
  task.dim = dim;
  task.eps = eps;
  const Kernels& use = best_of(kKernels);
  for_rows(batch * length, 3 * heads * dim,
           [&](int64_t begin, int64_t end) { use.qk_norm_rotary(format, task, begin, end); });
  return {q, k, v};
}

Tensor gated_silu_cpu(const Tensor& x_,  // [.., 2 H]
                      bool gate_first) {
  const char* const op = "gated_silu";
  STD_TORCH_CHECK(x_.dim() >= 1 && x_.size(x_.dim() - 1) % 2 == 0, op,
                  ": expected x of shape [.., 2 H]");
  const Format format = floating_format_of(x_, op);
  const Tensor x = torch::stable::contiguous(x_);
  const int64_t width = x.size(x.dim() - 1) / 2;
  Tensor y = empty_of(x, width);
  if (y.numel() == 0) return y;
  const Gate gate{x.const_data_ptr(), y.mutable_data_ptr(), width, gate_first};
  const Kernels& use = best_of(kKernels);
  for_rows(y.numel() / width, 2 * width,
           [&](int64_t begin, int64_t end) { use.gated_silu(format, gate, begin, end); });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("rms_norm", TORCH_BOX(&rms_norm_cpu));
  m.impl("qk_norm_rotary", TORCH_BOX(&qk_norm_rotary_cpu));
  m.impl("gated_silu", TORCH_BOX(&gated_silu_cpu));
}

}  // namespace aigc_assets::token_layers
