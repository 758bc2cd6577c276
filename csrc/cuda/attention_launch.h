// What spatial_attention.cu and attention.cu share: checks of tensors, and the launch.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "attention_dispatch.cuh"
#include "launch.h"

namespace aigc_assets::attention_gpu {

using torch::stable::Tensor;

// As it is if the last dimension is contiguous, else a copy.
inline Tensor with_whole_rows(const Tensor& tensor) {
  const int64_t last = tensor.dim() - 1;
  if (tensor.stride(last) == 1 || tensor.size(last) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

// Whether every row, [.., D] of whatever strides, begins at a multiple of 16 bytes and is whole.
inline bool rows_aligned(const Tensor& tensor) {
  const int64_t width = static_cast<int64_t>(tensor.element_size()), last = tensor.dim() - 1;
  bool aligned = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % 16 == 0 &&
                 tensor.size(last) * width % 16 == 0;
  for (int64_t i = 0; i < last; ++i) {
    aligned = aligned && (tensor.size(i) == 1 || tensor.stride(i) * width % 16 == 0);
  }
  return aligned;
}

struct Parts {  // queries, keys and values: first elements, in the dtype of y
  const Tensor &q, &k, &v;
  int64_t k_offset, v_offset;
  bool aligned;
};

template <class Geometry>
void launch_attention(const char* op, const Parts& parts, const std::optional<Tensor>& table,
                      const Geometry& geometry, int64_t batch, Tensor& y) {
  using torch::headeronly::ScalarType;
  std::optional<Tensor> scratch;
  const cudaStream_t stream = current_stream(y, op);
  with_format(y, op, [&](auto tag) {
    using T = decltype(tag);
    Arguments<T> a{};
    a.q = static_cast<const T*>(parts.q.const_data_ptr());
    a.k = static_cast<const T*>(parts.k.const_data_ptr()) + parts.k_offset;
    a.v = static_cast<const T*>(parts.v.const_data_ptr()) + parts.v_offset;
    a.table = table.has_value() ? table->const_data_ptr() : nullptr;
    a.float_table = table.has_value() && table->scalar_type() == ScalarType::Float;
    a.aligned = parts.aligned;
    a.head = geometry.head;
    a.scale = static_cast<Compute<T>>(1.0 / std::sqrt(static_cast<double>(geometry.head)));
    a.y = static_cast<T*>(y.mutable_data_ptr());
    const auto launch = [&](auto kernel, int64_t count, int threads, int shared,
                            const auto&... arguments) {
      STD_TORCH_CHECK(count <= 0x7fffffff, op, ": too many tokens for one launch");
      if (shared > 48 * 1024) {  // what a kernel gets unasked
        const cudaError_t error =
            cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
        STD_TORCH_CHECK(error == cudaSuccess, op, ": ", cudaGetErrorString(error));
      }
      kernel<<<static_cast<unsigned>(count), static_cast<unsigned>(threads),
               static_cast<std::size_t>(shared), stream>>>(arguments...);
    };
    dispatch(a, geometry, batch, launch, [&](int64_t count) {
      scratch = torch::stable::new_empty(y, {count}, ScalarType::Float);
      return static_cast<float*>(scratch->mutable_data_ptr());
    });
  });
  check_launch(op);
}

}  // namespace aigc_assets::attention_gpu
