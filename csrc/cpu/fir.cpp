// fir_resample on the CPU: checks, the filter's phases, threads, registration.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "../layout.h"
#include "capability.h"
#include "fir_task.h"
#include "tensors.h"

namespace aigc_assets::fir {
namespace {

using torch::stable::Tensor;

constexpr int64_t kGrain = 32768;  // results below which a second thread costs more than it gives

// Whether the result is written past the caches: then no line of it is read before, and none is
// evicted. Smaller ones are better kept for whoever reads them next. Every row of so many numbers
// has to begin with a line.
bool goes_past_caches(const Tensor& y, int64_t row) {
  constexpr int64_t kLine = 64, kLarge = int64_t{1} << 24;
  const int64_t size = static_cast<int64_t>(y.element_size());
  return y.numel() * size >= kLarge && row * size % kLine == 0 &&
         reinterpret_cast<std::uintptr_t>(y.const_data_ptr()) % kLine == 0;
}

// A new tensor in the order of NHWC where wanted.
Tensor make_result(const Tensor& like, int64_t batch, int64_t channels, int64_t height,
                   int64_t width, bool channels_last) {
  if (!channels_last) return torch::stable::new_empty(like, {batch, channels, height, width});
  const Tensor memory = torch::stable::new_empty(like, {batch, height, width, channels});
  return torch::stable::transpose(torch::stable::transpose(memory, 2, 3), 1, 2);
}

// The numbers of a vector as float64.
std::vector<double> numbers(const Tensor& vector) {
  std::vector<double> values(static_cast<std::size_t>(vector.size(0)));
  const Format format = floating_format_of(vector, "fir_resample");
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = read(vector.const_data_ptr(), format, static_cast<int64_t>(i) * vector.stride(0));
  }
  return values;
}

Tensor fir_resample_cpu(const Tensor& x_,                     // [B, C, H, W]
                        const Tensor& fir,                    // [taps]
                        const std::optional<Tensor>& bias,    // [C]
                        const std::optional<Tensor>& noise_,  // [B or 1, 1, H', W']
                        bool up, int64_t activation, double slope, double gain,
                        std::optional<double> clamp) {
  STD_TORCH_CHECK(x_.dim() == 4, "fir_resample: expected x of shape [B, C, H, W]");
  STD_TORCH_CHECK(fir.dim() == 1 && fir.size(0) >= 1 && fir.size(0) <= kMaxTaps,
                  "fir_resample: expected fir of 1 to 8 taps");
  STD_TORCH_CHECK(activation >= 0 && activation <= 4, "fir_resample: expected activation 0 .. 4");
  const int64_t batch = x_.size(0), channels = x_.size(1), height = x_.size(2), width = x_.size(3);
  const int64_t out_height = up ? 2 * height : height / 2, out_width = up ? 2 * width : width / 2;
  STD_TORCH_CHECK(!bias || (bias->dim() == 1 && bias->size(0) == channels),
                  "fir_resample: expected bias of shape [C]");
  STD_TORCH_CHECK(
      !noise_ || (noise_->dim() == 4 && (noise_->size(0) == batch || noise_->size(0) == 1) &&
                  noise_->size(1) == 1 && noise_->size(2) == out_height &&
                  noise_->size(3) == out_width && noise_->scalar_type() == x_.scalar_type()),
      "fir_resample: expected noise of shape [B or 1, 1, H', W'] and the dtype of x");
  const bool channels_last = is_channels_last(x_);
  const Tensor x = channels_last || x_.is_contiguous() ? x_ : torch::stable::contiguous(x_);
  std::optional<Tensor> noise = noise_;
  if (noise && !noise->is_contiguous()) noise = torch::stable::contiguous(*noise);
  const Format format = floating_format_of(x, "fir_resample");
  Tensor y = make_result(x, batch, channels, out_height, out_width, channels_last);

  Task task;
  task.x = x.const_data_ptr();
  task.y = y.mutable_data_ptr();
  task.noise = noise ? noise->const_data_ptr() : nullptr;
  task.noise_step = noise && noise->size(0) == batch ? out_height * out_width : 0;
  task.channels = channels;
  task.height = height;
  task.width = width;
  split_filter(numbers(fir).data(), static_cast<int>(fir.size(0)), up, task.phase);
  task.half = half_of(static_cast<int>(fir.size(0)));
  task.activation = static_cast<int>(activation);
  task.slope = slope;
  task.gain = gain;
  task.past_caches = up && goes_past_caches(y, channels_last ? channels : out_width);
  task.bound = clamp.value_or(std::numeric_limits<double>::infinity());

  const Format computed = format == Format::kFloat64 ? Format::kFloat64 : Format::kFloat32;
  std::vector<double> wide;
  std::vector<float> narrow_bias;
  if (bias && bias->is_contiguous() && floating_format_of(*bias, "fir_resample") == computed) {
    task.bias = bias->const_data_ptr();
  } else {
    wide = bias ? numbers(*bias) : std::vector<double>(static_cast<std::size_t>(channels));
    narrow_bias.assign(wide.begin(), wide.end());
    task.bias = computed == Format::kFloat64 ? static_cast<const void*>(wide.data())
                                             : static_cast<const void*>(narrow_bias.data());
  }

  const int64_t rows = up ? height : out_height;  // of the smaller image
  const int64_t bands = (rows + kBand - 1) / kBand;
  const int64_t units = channels_last ? batch * rows : batch * channels * bands;
  if (y.numel() == 0) return y;
  const int64_t grain = std::max<int64_t>(1, kGrain / (y.numel() / units));
  const Kernels& use = best_of(kKernels);
  const auto run = channels_last ? (up ? use.up_pixels : use.down_pixels)
                                 : (up ? use.up_planes : use.down_planes);
  torch::stable::parallel_for(0, units, grain,
                              [&](int64_t first, int64_t last) { run(format, task, first, last); });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("fir_resample", TORCH_BOX(&fir_resample_cpu));
}

}  // namespace aigc_assets::fir
