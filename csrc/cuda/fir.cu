// fir_resample on the GPU: checks, launches, registration.
#include <cstdint>
#include <limits>
#include <optional>

#include "../layout.h"
#include "fir.cuh"
#include "launch.h"

namespace aigc_assets::fir {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

unsigned blocks_of(int64_t blocks) {
  STD_TORCH_CHECK(blocks <= 0x7fffffff, "fir_resample: x is too large for one launch");
  return static_cast<unsigned>(blocks);
}

template <class T, class F>
void launch_planes(const Call<T, F>& call, bool up, cudaStream_t stream) {
  const int threads = sizeof(F) == 8 ? 64 : kMaxThreads, wide = up ? 2 : 4;
  const int64_t height = up ? call.height : call.height / 2;
  const int64_t width = up ? call.width : call.width / 2;
  int columns = 4;
  while (columns < 32 && columns * wide < width) columns *= 2;
  const int64_t down = (height + threads / columns - 1) / (threads / columns);
  const int64_t across = (width + columns * wide - 1) / (columns * wide);
  const auto bits =
      reinterpret_cast<std::uintptr_t>(call.x) | reinterpret_cast<std::uintptr_t>(call.y);
  const bool aligned = bits % 16 == 0 && call.width * static_cast<int64_t>(sizeof(T)) % 16 == 0;
  const unsigned blocks = blocks_of(call.batch * call.channels * down * across);
  if (up) {
    up_planes_kernel<T, F><<<blocks, threads, shared_up(threads, columns) * sizeof(F), stream>>>(
        call, columns, static_cast<unsigned>(down), static_cast<unsigned>(across), aligned);
  } else {
    down_planes_kernel<T, F>
        <<<blocks, threads, shared_down(threads, columns) * sizeof(F), stream>>>(
            call, columns, static_cast<unsigned>(down), static_cast<unsigned>(across), aligned);
  }
}

template <int count, class T, class F>
void launch_pixels(const Call<T, F>& call, bool up, cudaStream_t stream) {
  const int64_t pixels = up ? call.height * call.width : (call.height / 2) * (call.width / 2);
  const int64_t items = call.batch * pixels * (call.channels / count);
  STD_TORCH_CHECK(items <= 0xffffff00, "fir_resample: x is too large for one launch");
  const unsigned blocks = blocks_of((items + kMaxThreads - 1) / kMaxThreads);
  if (up) {
    up_pixels_kernel<T, F, count><<<blocks, kMaxThreads, kTable * sizeof(F), stream>>>(call);
  } else {
    down_pixels_kernel<T, F, count><<<blocks, kMaxThreads, kTable * sizeof(F), stream>>>(call);
  }
}

Tensor fir_resample_cuda(const Tensor& x_,                     // [B, C, H, W]
                         const Tensor& fir_,                   // [taps]
                         const std::optional<Tensor>& bias_,   // [C]
                         const std::optional<Tensor>& noise_,  // [B or 1, 1, H', W']
                         bool up, int64_t activation, double slope, double gain,
                         std::optional<double> clamp) {
  check_devices("fir_resample", x_, fir_, bias_, noise_);
  STD_TORCH_CHECK(x_.dim() == 4, "fir_resample: expected x of shape [B, C, H, W]");
  const auto fits = [&](const Tensor& t) {
    return t.scalar_type() == x_.scalar_type() || t.scalar_type() == ScalarType::Float;
  };
  STD_TORCH_CHECK(activation >= 0 && activation <= 4, "fir_resample: expected activation 0 .. 4");
  STD_TORCH_CHECK(fir_.dim() == 1 && fir_.size(0) >= 1 && fir_.size(0) <= kMaxTaps && fits(fir_),
                  "fir_resample: expected fir of 1 to 8 taps");
  const int64_t batch = x_.size(0), channels = x_.size(1), height = x_.size(2), width = x_.size(3);
  const int64_t out_height = up ? 2 * height : height / 2, out_width = up ? 2 * width : width / 2;
  STD_TORCH_CHECK(!bias_ || (bias_->dim() == 1 && bias_->size(0) == channels && fits(*bias_)),
                  "fir_resample: expected bias of shape [C]");
  STD_TORCH_CHECK(
      !noise_ || (noise_->dim() == 4 && (noise_->size(0) == batch || noise_->size(0) == 1) &&
                  noise_->size(1) == 1 && noise_->size(2) == out_height &&
                  noise_->size(3) == out_width && noise_->scalar_type() == x_.scalar_type()),
      "fir_resample: expected noise of shape [B or 1, 1, H', W'] and the dtype of x");
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const bool channels_last = is_channels_last(x_);
  const Tensor x = channels_last ? x_ : torch::stable::contiguous(x_);
  const Tensor fir = torch::stable::contiguous(fir_);
  std::optional<Tensor> bias, noise;
  if (bias_) bias = torch::stable::contiguous(*bias_);
  if (noise_) noise = torch::stable::contiguous(*noise_);
  Tensor y = channels_last ? torch::stable::new_empty(x, {batch, out_height, out_width, channels})
                           : torch::stable::new_empty(x, {batch, channels, out_height, out_width});
  if (channels_last) y = torch::stable::transpose(torch::stable::transpose(y, 2, 3), 1, 2);
  if (y.numel() == 0) return y;
  const cudaStream_t stream = current_stream(x, "fir_resample");
  with_format(x, "fir_resample", [&](auto tag) {
    using T = decltype(tag);
    using F = typename ComputeType<T>::type;
    Call<T, F> call;
    call.x = static_cast<const T*>(x.const_data_ptr());
    call.fir = fir.const_data_ptr();
    call.bias = bias ? bias->const_data_ptr() : nullptr;
    call.noise = noise ? static_cast<const T*>(noise->const_data_ptr()) : nullptr;
    call.y = static_cast<T*>(y.mutable_data_ptr());
    call.float_fir = fir.scalar_type() == ScalarType::Float;
    call.float_bias = bias && bias->scalar_type() == ScalarType::Float;
    call.taps = static_cast<int>(fir.size(0));
    call.batch = batch;
    call.channels = channels;
    call.height = height;
    call.width = width;
    call.noise_step = noise && noise->size(0) == batch ? out_height * out_width : 0;
    call.activation = static_cast<int>(activation);
    call.slope = static_cast<F>(slope);
    call.gain = static_cast<F>(gain);
    call.bound = static_cast<F>(clamp.value_or(std::numeric_limits<double>::infinity()));
    const auto bits =
        reinterpret_cast<std::uintptr_t>(call.x) | reinterpret_cast<std::uintptr_t>(call.y);
    constexpr int count = sizeof(T) == 8 ? 2 : 4;
    if (!channels_last) {
      launch_planes(call, up, stream);
    } else if (channels % count == 0 && bits % (count * sizeof(T)) == 0) {
      launch_pixels<count>(call, up, stream);
    } else {
      launch_pixels<1>(call, up, stream);
    }
  });
  check_launch("fir_resample");
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("fir_resample", TORCH_BOX(&fir_resample_cuda));
}

}  // namespace aigc_assets::fir
