// phase_convolution on the GPU: checks, launches, registration.
#include "phase_convolution.cuh"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "../layout.h"
#include "launch.h"

namespace aigc_assets::phase_convolution {
namespace {

using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Maybe = std::optional<Tensor>;

constexpr const char* kOp = "phase_convolution";
constexpr int64_t kMostSize = 1 << 30;  // of an axis, so that coordinates fit an int with room

void check_shape(const Maybe& tensor, std::initializer_list<int64_t> shape, const Tensor& x,
                 bool may_be_float, const char* name) {
  if (!tensor.has_value()) return;
  bool fits = tensor->dim() == static_cast<int64_t>(shape.size());
  int64_t axis = 0;
  for (const int64_t size : shape) {
    if (fits) fits = tensor->size(axis) == size;
    ++axis;
  }
  STD_TORCH_CHECK(fits, kOp, ": ", name, " has a wrong shape");
  const ScalarType kind = tensor->scalar_type();
  STD_TORCH_CHECK(kind == x.scalar_type() || (may_be_float && kind == ScalarType::Float), kOp, ": ",
                  name, " has a wrong dtype");
}

Tensor dense(const Tensor& tensor) {
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

Maybe dense(const Maybe& tensor) { return tensor.has_value() ? Maybe(dense(*tensor)) : Maybe(); }

Operand operand(const Maybe& tensor) {
  if (!tensor.has_value()) return {};
  return {tensor->const_data_ptr(), tensor->scalar_type() == ScalarType::Float};
}

template <class T, int kColumns>
void launch_product(const Problem& p, const Tiling& t, cudaStream_t stream) {
  const auto kernel = product_kernel<T, kColumns>;
  // Per device, and cheap: more shared memory than a kernel gets without asking.
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(t.shared));
  kernel<<<static_cast<unsigned>(t.blocks), kThreads, t.shared, stream>>>(p, t);
}

template <class T>
void launch(const Problem& p, int processors, cudaStream_t stream) {
  if constexpr (sizeof(T) <= 4) {
    Tiling t{};
    if (make_tiling(p, sizeof(T), processors, &t) && t.blocks <= 0x7fffffff) {
      if constexpr (widest(sizeof(T)) == 64) {
        if (t.columns == 64) return launch_product<T, 64>(p, t, stream);
      }
      return launch_product<T, 32>(p, t, stream);
    }
  }
  const int64_t count = p.batch * p.outputs * p.height * p.rate_y * p.width * p.rate_x;
  const int64_t blocks = (count + 255) / 256;
  const auto grid = static_cast<unsigned>(blocks < 1 << 20 ? blocks : 1 << 20);
  plain_kernel<T, typename ComputeType<T>::type><<<grid, 256, 0, stream>>>(p);
}

Tensor phase_convolution_cuda(const Tensor& x,         // [B, Ci, H, W] or [B, Ci, T]
                              const Tensor& packed_,   // see phase_convolution_plan.h
                              const Maybe& bias_,      // [Co] or [B, Co]
                              const Maybe& style_,     // [B, Ci]
                              const Maybe& gain_,      // [B, Co]
                              const Maybe& noise_,     // [B or 1, 1, H', W']
                              const Maybe& residual_,  // like the result
                              int64_t kind, int64_t channels, int64_t dilation, bool circular,
                              int64_t activation, double slope) {
  check_devices(kOp, x, packed_, bias_, style_, gain_, noise_, residual_);
  STD_TORCH_CHECK(kind >= 0 && kind < 4, kOp, ": kind must be 0, 1, 2 or 3");
  STD_TORCH_CHECK(activation >= 0 && activation < 5, kOp, ": there is no such activation");
  STD_TORCH_CHECK(dilation > 0, kOp, ": dilation must be positive");
  const bool image = kind < 2;
  STD_TORCH_CHECK((image || !circular) && (kind == 3 || dilation == 1), kOp,
                  ": only images wrap around, only signals are dilated");
  STD_TORCH_CHECK(x.dim() == (image ? 4 : 3), kOp, ": x has a wrong number of dimensions");
  const int64_t batch = x.size(0), inputs = x.size(1);
  const int64_t height = image ? x.size(2) : 1, width = x.size(image ? 3 : 2);
  for (const int64_t size : {inputs, height, width, channels}) {
    STD_TORCH_CHECK(size > 0 && size < kMostSize, kOp, ": an axis is empty or too long");
  }
  Problem p{};
  // From the length on, the outer taps see nothing but zeros.
  set_kind(&p, static_cast<int>(kind), static_cast<int>(std::min(dilation, width)));
  const int64_t rows = height * p.rate_y, columns = width * p.rate_x;
  const int64_t padded_inputs = (inputs + 31) / 32 * 32, padded_outputs = (channels + 15) / 16 * 16;
  const bool half = x.scalar_type() == ScalarType::Half || x.scalar_type() == ScalarType::BFloat16;
  if (half) {
    check_shape(packed_, {p.phases(), p.taps(), padded_inputs / 2, padded_outputs, 2}, x, false,
                "packed");
  } else {
    check_shape(packed_, {p.phases(), p.taps(), inputs, padded_outputs}, x, false, "packed");
  }
  const bool shared_bias = bias_.has_value() && bias_->dim() == 1;
  const bool shared_noise = noise_.has_value() && noise_->dim() == 4 && noise_->size(0) == 1;
  if (shared_bias) {
    check_shape(bias_, {channels}, x, true, "bias");
  } else {
    check_shape(bias_, {batch, channels}, x, true, "bias");
  }
  check_shape(style_, {batch, inputs}, x, true, "style");
  check_shape(gain_, {batch, channels}, x, true, "gain");
  check_shape(noise_, {shared_noise ? 1 : batch, 1, rows, columns}, x, true, "noise");
  if (image) {
    check_shape(residual_, {batch, channels, rows, columns}, x, false, "residual");
  } else {
    STD_TORCH_CHECK(!noise_.has_value(), kOp, ": noise is for images");
    check_shape(residual_, {batch, channels, columns}, x, false, "residual");
  }

  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  p.channels_last = is_channels_last(x);
  const auto order = p.channels_last ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous;
  const Tensor packed = dense(packed_);
  const Maybe bias = dense(bias_), style = dense(style_), gain = dense(gain_),
              noise = dense(noise_);
  const Maybe residual =
      residual_.has_value() ? Maybe(torch::stable::contiguous(*residual_, order)) : Maybe();
  const std::array<int64_t, 4> shape = {batch, channels, image ? rows : columns, columns};
  Tensor y = torch::stable::empty({shape.data(), image ? 4u : 3u}, x.scalar_type(), std::nullopt,
                                  x.device(), std::nullopt, order);
  if (batch == 0) return y;

  const auto stride = [&](int64_t axis) { return x.size(axis) == 1 ? 0 : x.stride(axis); };
  p.batch = batch;
  p.inputs = static_cast<int>(inputs);
  p.outputs = static_cast<int>(channels);
  p.padded_outputs = static_cast<int>(padded_outputs);
  p.height = static_cast<int>(height);
  p.width = static_cast<int>(width);
  p.circular = circular;
  p.activation = static_cast<int>(activation);
  p.slope = slope;
  p.x = x.const_data_ptr();
  p.x_batch = stride(0);
  p.x_channel = inputs == 1 ? 1 : x.stride(1);
  p.x_row = image ? stride(2) : 0;
  p.x_column = stride(image ? 3 : 2);
  p.packed = packed.const_data_ptr();
  p.bias = operand(bias);
  p.style = operand(style);
  p.gain = operand(gain);
  p.noise = operand(noise);
  p.bias_batch = shared_bias ? 0 : channels;
  p.noise_batch = shared_noise ? 0 : rows * columns;
  p.residual = residual.has_value() ? residual->const_data_ptr() : nullptr;
  p.y = y.mutable_data_ptr();

  const cudaStream_t stream = current_stream(x, kOp);
  int processors = 1;
  cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, x.get_device_index());
  with_format(x, kOp, [&](auto tag) { launch<decltype(tag)>(p, processors, stream); });
  check_launch(kOp);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("phase_convolution", TORCH_BOX(&phase_convolution_cuda));
}

}  // namespace aigc_assets::phase_convolution
