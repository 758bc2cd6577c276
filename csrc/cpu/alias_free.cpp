// aa_snake1d and its backward on the CPU: checks, tiles, threads, registration.
#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "../alias_free.h"
#include "alias_free_tile.h"
#include "capability.h"
#include "tensors.h"

namespace aigc_assets::alias_free {
namespace {

using torch::stable::Tensor;

constexpr int64_t kGrain = 65536;  // samples below which a second thread costs more than it gives

// Rows without gaps inside; the gap between rows may be anything.
Tensor with_dense_rows(const Tensor& tensor) {
  if (tensor.size(2) == 1 || tensor.stride(2) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

// Alpha and beta of a channel, read where they are.
struct Parameters {
  const void *alphas, *betas;  // [C]
  int64_t alpha_step, beta_step;
  Format format;

  double alpha(int64_t c) const { return read(alphas, format, c * alpha_step); }
  double inverse_beta(int64_t c) const { return 1.0 / (read(betas, format, c * beta_step) + 1e-9); }
};

Parameters check_arguments(const Tensor& x,      // [B, C, T]
                           const Tensor& alpha,  // [C]
                           const Tensor& beta    // [C]
) {
  STD_TORCH_CHECK(x.dim() == 3 && x.size(2) > 0, "aa_snake1d: expected x of shape [B, C, T > 0]");
  const int64_t channels = x.size(1);
  STD_TORCH_CHECK(
      alpha.dim() == 1 && alpha.size(0) == channels && beta.dim() == 1 && beta.size(0) == channels,
      "aa_snake1d: expected alpha and beta of shape [C]");
  STD_TORCH_CHECK(alpha.scalar_type() == beta.scalar_type(),
                  "aa_snake1d: expected alpha and beta of one dtype");
  return {alpha.const_data_ptr(), beta.const_data_ptr(), alpha.stride(0), beta.stride(0),
          floating_format_of(alpha, "aa_snake1d")};
}

// Where the rows of a tensor begin; asking the tensor for every tile would cost more than the tile.
struct Rows {
  const char* data;
  int64_t batch_step, channel_step;  // bytes

  explicit Rows(const Tensor& tensor)
      : data(static_cast<const char*>(tensor.const_data_ptr())),
        batch_step(tensor.stride(0) * static_cast<int64_t>(tensor.element_size())),
        channel_step(tensor.stride(1) * static_cast<int64_t>(tensor.element_size())) {}
  const char* operator()(int64_t b, int64_t c) const {
    return data + b * batch_step + c * channel_step;
  }
};

// Calls run(unit, b, c, begin, end) for every tile of every row, on torch's threads.
template <class Run>
void for_each_tile(int64_t batch, int64_t channels, int64_t length, int64_t tiles, const Run& run) {
  const int64_t grain = std::max<int64_t>(1, kGrain / std::min(length, kTile));
  torch::stable::parallel_for(0, batch * channels * tiles, grain, [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t row = unit / tiles, begin = unit % tiles * kTile;
      run(unit, row / channels, row % channels, begin, std::min(begin + kTile, length));
    }
  });
}

Tensor aa_snake1d_cpu(const Tensor& x,      // [B, C, T]
                      const Tensor& alpha,  // [C]
                      const Tensor& beta    // [C]
) {
  const Parameters parameters = check_arguments(x, alpha, beta);
  const int64_t batch = x.size(0), channels = x.size(1), length = x.size(2);
  const int64_t tiles = (length + kTile - 1) / kTile;
  const Format format = floating_format_of(x, "aa_snake1d");
  const Tensor source = with_dense_rows(x);
  const Rows rows(source);
  Tensor y = torch::stable::new_empty(x, {batch, channels, length});
  char* const out = static_cast<char*>(y.mutable_data_ptr());
  const int64_t row_bytes = length * static_cast<int64_t>(x.element_size());
  const Kernels& use = best_of(kKernels);
  for_each_tile(batch, channels, length, tiles,
                [&](int64_t, int64_t b, int64_t c, int64_t begin, int64_t end) {
                  use.forward(format,
                              {rows(b, c), out + (b * channels + c) * row_bytes, length, begin, end,
                               parameters.alpha(c), parameters.inverse_beta(c)});
                });
  return y;
}

std::tuple<Tensor, Tensor, Tensor> aa_snake1d_backward_cpu(const Tensor& grad,   // [B, C, T]
                                                           const Tensor& x,      // [B, C, T]
                                                           const Tensor& alpha,  // [C]
                                                           const Tensor& beta    // [C]
) {
  const Parameters parameters = check_arguments(x, alpha, beta);
  const int64_t batch = x.size(0), channels = x.size(1), length = x.size(2);
  STD_TORCH_CHECK(grad.dim() == 3 && grad.size(0) == batch && grad.size(1) == channels &&
                      grad.size(2) == length && grad.scalar_type() == x.scalar_type(),
                  "aa_snake1d_backward: expected grad of the shape and dtype of x");
  const int64_t tiles = (length + kTile - 1) / kTile;
  const Format format = floating_format_of(x, "aa_snake1d");
  const Tensor source = with_dense_rows(x), outer = with_dense_rows(grad);
  const Rows rows(source), outer_rows(outer);
  Tensor dx = torch::stable::new_empty(x, {batch, channels, length});
  Tensor dalpha = torch::stable::new_empty(alpha, {channels});
  Tensor dbeta = torch::stable::new_empty(beta, {channels});
  char* const out = static_cast<char*>(dx.mutable_data_ptr());
  const int64_t row_bytes = length * static_cast<int64_t>(x.element_size());
  std::vector<double> alpha_sums(batch * channels * tiles), beta_sums(alpha_sums.size());
  const Kernels& use = best_of(kKernels);
  for_each_tile(batch, channels, length, tiles,
                [&](int64_t unit, int64_t b, int64_t c, int64_t begin, int64_t end) {
                  use.backward(format,
                               {outer_rows(b, c), rows(b, c), out + (b * channels + c) * row_bytes,
                                length, begin, end, parameters.alpha(c), parameters.inverse_beta(c),
                                &alpha_sums[unit], &beta_sums[unit]});
                });
  for (int64_t c = 0; c < channels; ++c) {
    double a = 0, b = 0;
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t first = (n * channels + c) * tiles;
      for (int64_t unit = first; unit < first + tiles; ++unit) {
        a += alpha_sums[unit];
        b += beta_sums[unit];
      }
    }
    write(dalpha.mutable_data_ptr(), format_of(alpha, "aa_snake1d"), c, a);
    write(dbeta.mutable_data_ptr(), format_of(beta, "aa_snake1d"), c, b);
  }
  return {dx, dalpha, dbeta};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("aa_snake1d", TORCH_BOX(&aa_snake1d_cpu));
  m.impl("aa_snake1d_backward", TORCH_BOX(&aa_snake1d_backward_cpu));
}

}  // namespace aigc_assets::alias_free
