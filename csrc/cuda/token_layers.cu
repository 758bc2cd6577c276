// rms_norm, qk_norm_rotary and gated_silu on the GPU: checks, launches, registration.
#include <cstdint>
#include <tuple>
#include <vector>

#include "launch.h"
#include "token_layers.cuh"

namespace aigc_assets::token_layers {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

unsigned blocks_of(int64_t count, int64_t each, const char* op) {
  const int64_t blocks = (count + each - 1) / each;
  STD_TORCH_CHECK(blocks <= 0x7fffffff, op, ": too large for one launch");
  return static_cast<unsigned>(blocks);
}

decode_gpu::Format format_of(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return decode_gpu::Format::kFloat;
    case ScalarType::Half:
      return decode_gpu::Format::kHalf;
    case ScalarType::BFloat16:
      return decode_gpu::Format::kBfloat;
    default:
      return decode_gpu::Format::kDouble;
  }
}

// Parameters, contiguous, of the dtype of x or float32.
Numbers numbers_of(const Tensor& tensor, const Tensor& x, const char* op) {
  STD_TORCH_CHECK(
      tensor.scalar_type() == x.scalar_type() || tensor.scalar_type() == ScalarType::Float, op,
      ": expected parameters in the dtype of x or float32");
  return {tensor.const_data_ptr(), format_of(tensor)};
}

Constant constant(double value) { return {static_cast<float>(value), value}; }

// Calls run(T(), F(), number of elements moved as one): `width` of them lie together everywhere.
template <class Run>
void with_packs(const Tensor& x, int64_t width, std::uintptr_t addresses, const char* op,
                const Run& run) {
  with_format(x, op, [&](auto tag) {
    using T = decltype(tag);
    using F = typename ComputeType<T>::type;
    constexpr int kCount = sizeof(T) == 8 ? 2 : 4;
    if (width % kCount == 0 && addresses % (kCount * sizeof(T)) == 0) {
      run(T(), F(), std::integral_constant<int, kCount>());
    } else {
      run(T(), F(), std::integral_constant<int, 1>());
    }
  });
}

std::uintptr_t address(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
}

Tensor empty_of(const Tensor& x, int64_t last) {
  std::vector<int64_t> shape;
  for (int64_t i = 0; i + 1 < x.dim(); ++i) shape.push_back(x.size(i));
  shape.push_back(last);
  return torch::stable::new_empty(x, shape);
}

Tensor rms_norm_cuda(const Tensor& x_,      // [.., D]
                     const Tensor& scale_,  // [D]
                     double eps) {
  const char* const op = "rms_norm";
  check_devices(op, x_, scale_);
  STD_TORCH_CHECK(x_.dim() >= 1 && scale_.dim() == 1 && scale_.size(0) == x_.size(x_.dim() - 1), op,
                  ": expected x of shape [.., D] and scale of shape [D]");
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Tensor x = torch::stable::contiguous(x_), scale = torch::stable::contiguous(scale_);
  const int64_t width = scale.size(0);
  STD_TORCH_CHECK(width < 0x7fffff00, op, ": expected a smaller D");
  const Numbers scales = numbers_of(scale, x, op);
  Tensor y = empty_of(x, width);
  if (y.numel() == 0) return y;
  const int64_t rows = y.numel() / width;
  const Norm norm{x.const_data_ptr(),      y.mutable_data_ptr(), scales, rows,
                  static_cast<int>(width), constant(eps)};
  const unsigned blocks = blocks_of(rows, kWarps, op);
  const cudaStream_t stream = current_stream(x, op);
  with_packs(x, width, address(x) | address(y), op, [&](auto t, auto f, auto count) {
    rms_norm_kernel<decltype(t), decltype(f), decltype(count)::value>
        <<<blocks, kThreads, 0, stream>>>(norm);
  });
  check_launch(op);
  return y;
}

std::tuple<Tensor, Tensor, Tensor> qk_norm_rotary_cuda(const Tensor& qkv_,     // [B, L, 3, h, D]
                                                       const Tensor& q_scale,  // [D]
                                                       const Tensor& k_scale,  // [D]
                                                       const Tensor& rope_,    // [2, L, D / 2]
                                                       double eps) {
  const char* const op = "qk_norm_rotary";
  check_devices(op, qkv_, q_scale, k_scale, rope_);
  STD_TORCH_CHECK(qkv_.dim() == 5 && qkv_.size(2) == 3, op,
                  ": expected qkv of shape [B, L, 3, heads, D]");
  const int64_t batch = qkv_.size(0), length = qkv_.size(1), heads = qkv_.size(3);
  const int64_t dim = qkv_.size(4);
  for (const Tensor* scale : {&q_scale, &k_scale}) {
    STD_TORCH_CHECK(scale->dim() == 1 && scale->size(0) == dim, op,
                    ": expected scales of shape [D]");
  }
  STD_TORCH_CHECK(dim % 2 == 0 && rope_.dim() == 3 && rope_.size(0) == 2 &&
                      rope_.size(1) == length && rope_.size(2) == dim / 2,
                  op, ": expected an even D and rope of shape [2, L, D / 2]");
  STD_TORCH_CHECK(dim < 0x7fffff00 && heads < 0x7fffff00, op,
                  ": expected fewer heads or a smaller D");
  const torch::stable::accelerator::DeviceGuard guard(qkv_.get_device_index());
  const Tensor qkv = torch::stable::contiguous(qkv_), rope = torch::stable::contiguous(rope_);
  const Tensor of_q = torch::stable::contiguous(q_scale), of_k = torch::stable::contiguous(k_scale);
  const auto make = [&] { return torch::stable::new_empty(qkv, {batch, heads, length, dim}); };
  Tensor q = make(), k = make(), v = make();
  Heads task{};
  task.x = qkv.const_data_ptr();
  task.q = q.mutable_data_ptr();
  task.k = k.mutable_data_ptr();
  task.v = v.mutable_data_ptr();
  task.q_scale = numbers_of(of_q, qkv, op);
  task.k_scale = numbers_of(of_k, qkv, op);
  task.rope = numbers_of(rope, qkv, op);
  task.rows = batch * length * 3 * heads;
  task.length = length;
  task.heads = static_cast<int>(heads);
  task.dim = static_cast<int>(dim);
  task.eps = constant(eps);
  if (q.numel() == 0) return {q, k, v};
  const unsigned blocks = blocks_of(task.rows, kWarps, op);
  const cudaStream_t stream = current_stream(qkv, op);
  const auto addresses = address(qkv) | address(q) | address(k) | address(v);
  with_packs(qkv, dim / 2, addresses, op, [&](auto t, auto f, auto count) {
    qk_norm_rotary_kernel<decltype(t), decltype(f), decltype(count)::value>
        <<<blocks, kThreads, 0, stream>>>(task);
  });
  check_launch(op);
  return {q, k, v};
}

Tensor gated_silu_cuda(const Tensor& x_,  // [.., 2 H]
                       bool gate_first) {
  const char* const op = "gated_silu";
  check_devices(op, x_);
  STD_TORCH_CHECK(x_.dim() >= 1 && x_.size(x_.dim() - 1) % 2 == 0, op,
                  ": expected x of shape [.., 2 H]");
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Tensor x = torch::stable::contiguous(x_);
  const int64_t width = x.size(x.dim() - 1) / 2;
  Tensor y = empty_of(x, width);
  if (y.numel() == 0) return y;
  const Gate gate{x.const_data_ptr(), y.mutable_data_ptr(), y.numel() / width, width, gate_first};
  const cudaStream_t stream = current_stream(x, op);
  with_packs(x, width, address(x) | address(y), op, [&](auto t, auto f, auto count) {
    constexpr int kCount = decltype(count)::value;
    gated_silu_kernel<decltype(t), decltype(f), kCount>
        <<<blocks_of(y.numel(), kThreads * kCount, op), kThreads, 0, stream>>>(gate);
  });
  check_launch(op);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("rms_norm", TORCH_BOX(&rms_norm_cuda));
  m.impl("qk_norm_rotary", TORCH_BOX(&qk_norm_rotary_cuda));
  m.impl("gated_silu", TORCH_BOX(&gated_silu_cuda));
}

}  // namespace aigc_assets::token_layers
