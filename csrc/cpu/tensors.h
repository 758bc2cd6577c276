// Between torch's tensors and the kernels of the CPU. For <family>.cpp; kernels include no torch.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>

#include "../storage.h"
#include "format.h"

namespace aigc_assets {

inline Format format_of(const torch::stable::Tensor& tensor, const char* op) {
  using torch::headeronly::ScalarType;
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return Format::kFloat32;
    case ScalarType::Double:
      return Format::kFloat64;
    case ScalarType::Half:
      return Format::kFloat16;
    case ScalarType::BFloat16:
      return Format::kBfloat16;
    case ScalarType::Char:
      return Format::kInt8;
    default:
      STD_TORCH_CHECK(false, op, ": expected a floating dtype of 16, 32 or 64 bits, or int8");
  }
}

// The same without int8, which is for stored weights alone.
inline Format floating_format_of(const torch::stable::Tensor& tensor, const char* op) {
  const Format format = format_of(tensor, op);
  STD_TORCH_CHECK(format != Format::kInt8, op,
                  ": expected a floating dtype of 16, 32 or 64 bits, got int8");
  return format;
}

// One number as float64; for parameters, not for inner loops.
inline double read(const void* data, Format format, int64_t i) {
  switch (format) {
    case Format::kFloat32:
      return static_cast<const float*>(data)[i];
    case Format::kFloat64:
      return static_cast<const double*>(data)[i];
    case Format::kFloat16:
      return widen(static_cast<const float16*>(data)[i]);
    case Format::kBfloat16:
      return widen(static_cast<const bfloat16*>(data)[i]);
    case Format::kInt8:
      return static_cast<const std::int8_t*>(data)[i];
  }
  return 0;
}

inline void write(void* data, Format format, int64_t i, double value) {
  switch (format) {
    case Format::kFloat32:
      static_cast<float*>(data)[i] = static_cast<float>(value);
      break;
    case Format::kFloat64:
      static_cast<double*>(data)[i] = value;
      break;
    case Format::kFloat16:
      narrow(static_cast<float>(value), static_cast<float16*>(data) + i);
      break;
    case Format::kBfloat16:
      narrow(static_cast<float>(value), static_cast<bfloat16*>(data) + i);
      break;
    case Format::kInt8:
      static_cast<std::int8_t*>(data)[i] = static_cast<std::int8_t>(value);
      break;
  }
}

}  // namespace aigc_assets
