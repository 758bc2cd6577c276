// What every <family>.cu needs of torch: the device and its stream, the check after a launch, the
// storage types.
#pragma once

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <optional>

#include "../storage.h"
#include "device.cuh"

// Lives in the CUDA half of torch. Declared weak, so that this library also loads without it.
extern "C" __attribute__((weak)) AOTITorchError
aoti_torch_get_current_cuda_stream(int32_t device_index, void** stream);

namespace aigc_assets {

// The type in which sums over numbers stored as T run.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};

inline cudaStream_t current_stream(const torch::stable::Tensor& tensor, const char* op) {
  STD_TORCH_CHECK(aoti_torch_get_current_cuda_stream != nullptr, op,
                  ": this torch was built without CUDA");
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(
      aoti_torch_get_current_cuda_stream(tensor.get_device_index(), &stream));
  return static_cast<cudaStream_t>(stream);
}

// Whether the GPU of `tensor` can read `other`, or there is none to be read.
inline bool on_device_of(const torch::stable::Tensor& tensor, const torch::stable::Tensor& other) {
  return tensor.is_cuda() && other.is_cuda() &&
         tensor.get_device_index() == other.get_device_index();
}
inline bool on_device_of(const torch::stable::Tensor& tensor,
                         const std::optional<torch::stable::Tensor>& other) {
  return !other || on_device_of(tensor, *other);
}

// Before anything is read: all arguments on the device of the first. Torch calls a kernel of the
// GPU as soon as any of them lies on one.
template <class... Tensors>
void check_devices(const char* op, const torch::stable::Tensor& first, const Tensors&... others) {
  STD_TORCH_CHECK((on_device_of(first, others) && ... && first.is_cuda()), op,
                  ": expected all tensors on one GPU");
}

inline void check_launch(const char* op) {
  const cudaError_t error = cudaGetLastError();
  STD_TORCH_CHECK(error == cudaSuccess, op, ": ", cudaGetErrorString(error));
}

// Calls run(T()) with the type in which the tensor lies in memory.
template <class Run>
void with_format(const torch::stable::Tensor& tensor, const char* op, const Run& run) {
  using torch::headeronly::ScalarType;
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return run(float());
    case ScalarType::Double:
      return run(double());
    case ScalarType::Half:
      return run(float16());
    case ScalarType::BFloat16:
      return run(bfloat16());
    default:
      STD_TORCH_CHECK(false, op, ": expected a floating dtype of 16, 32 or 64 bits");
  }
}

}  // namespace aigc_assets
