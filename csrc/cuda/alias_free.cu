// aa_snake1d and its backward on the GPU: checks, launches, registration.
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "alias_free.cuh"
#include "launch.h"

namespace aigc_assets::alias_free {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int kSmallThreads = 64;  // for rows that would leave most of a large block idle

void check_arguments(const Tensor& x, const Tensor& alpha, const Tensor& beta) {
  check_devices("aa_snake1d", x, alpha, beta);
  STD_TORCH_CHECK(x.dim() == 3 && x.size(2) > 0, "aa_snake1d: expected x of shape [B, C, T > 0]");
  STD_TORCH_CHECK(alpha.dim() == 1 && alpha.size(0) == x.size(1) && beta.dim() == 1 &&
                      beta.size(0) == x.size(1),
                  "aa_snake1d: expected alpha and beta of shape [C]");
  const ScalarType kind = alpha.scalar_type();
  STD_TORCH_CHECK(
      kind == beta.scalar_type() && (kind == x.scalar_type() || kind == ScalarType::Float),
      "aa_snake1d: expected alpha and beta of the dtype of x or float32");
}

struct Shape {
  int64_t batch, channels, length, tiles;
  int threads;
  unsigned blocks;
};

Shape shape_of(const Tensor& x) {
  Shape s{x.size(0), x.size(1), x.size(2), 0, kMaxThreads, 0};
  if (s.length <= tile_of(kSmallThreads) || x.scalar_type() == ScalarType::Double) {
    s.threads = kSmallThreads;
  }
  const int64_t tile = tile_of(s.threads);
  s.tiles = (s.length + tile - 1) / tile;
  const int64_t blocks = s.batch * s.channels * s.tiles;
  STD_TORCH_CHECK(blocks <= 0x7fffffff, "aa_snake1d: x is too large for one launch");
  s.blocks = static_cast<unsigned>(blocks);
  return s;
}

template <class T>
bool rows_aligned(const Shape& s, const void* first, const void* second, const void* third) {
  const auto bits = reinterpret_cast<std::uintptr_t>(first) |
                    reinterpret_cast<std::uintptr_t>(second) |
                    reinterpret_cast<std::uintptr_t>(third);
  return bits % 16 == 0 && s.length * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

Tensor aa_snake1d_cuda(const Tensor& x_,      // [B, C, T]
                       const Tensor& alpha_,  // [C]
                       const Tensor& beta_    // [C]
) {
  check_arguments(x_, alpha_, beta_);
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Tensor x = torch::stable::contiguous(x_), alpha = torch::stable::contiguous(alpha_),
               beta = torch::stable::contiguous(beta_);
  Tensor y = torch::stable::new_empty(x, {x.size(0), x.size(1), x.size(2)});
  const Shape s = shape_of(x);
  if (s.blocks == 0) return y;
  const cudaStream_t stream = current_stream(x, "aa_snake1d");
  const bool float_parameters = alpha.scalar_type() == ScalarType::Float;
  with_format(x, "aa_snake1d", [&](auto tag) {
    using T = decltype(tag);
    using F = typename ComputeType<T>::type;
    const T* const from = static_cast<const T*>(x.const_data_ptr());
    T* const to = static_cast<T*>(y.mutable_data_ptr());
    snake_forward_kernel<T, F>
        <<<s.blocks, s.threads, forward_shared(s.threads) * sizeof(F), stream>>>(
            from, alpha.const_data_ptr(), beta.const_data_ptr(), float_parameters, s.channels,
            s.length, s.tiles, rows_aligned<T>(s, from, to, to), to);
  });
  check_launch("aa_snake1d");
  return y;
}

std::tuple<Tensor, Tensor, Tensor> aa_snake1d_backward_cuda(const Tensor& grad_,   // [B, C, T]
                                                            const Tensor& x_,      // [B, C, T]
                                                            const Tensor& alpha_,  // [C]
                                                            const Tensor& beta_    // [C]
) {
  check_arguments(x_, alpha_, beta_);
  check_devices("aa_snake1d_backward", x_, grad_);
  STD_TORCH_CHECK(grad_.dim() == 3 && grad_.size(0) == x_.size(0) && grad_.size(1) == x_.size(1) &&
                      grad_.size(2) == x_.size(2) && grad_.scalar_type() == x_.scalar_type(),
                  "aa_snake1d_backward: expected grad of the shape and dtype of x");
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Tensor grad = torch::stable::contiguous(grad_), x = torch::stable::contiguous(x_),
               alpha = torch::stable::contiguous(alpha_), beta = torch::stable::contiguous(beta_);
  Tensor dx = torch::stable::new_empty(x, {x.size(0), x.size(1), x.size(2)});
  const Shape s = shape_of(x);
  if (s.blocks == 0) {
    return {dx, torch::stable::new_zeros(alpha, {s.channels}),
            torch::stable::new_zeros(beta, {s.channels})};
  }
  Tensor dalpha = torch::stable::new_empty(alpha, {s.channels});
  Tensor dbeta = torch::stable::new_empty(beta, {s.channels});
  const cudaStream_t stream = current_stream(x, "aa_snake1d");
  const bool float_parameters = alpha.scalar_type() == ScalarType::Float;
  const bool wide = x.scalar_type() == ScalarType::Double;
  Tensor partial = torch::stable::new_empty(x, {static_cast<int64_t>(s.blocks), 2},
                                            wide ? ScalarType::Double : ScalarType::Float);
  with_format(x, "aa_snake1d", [&](auto tag) {
    using T = decltype(tag);
    using F = typename ComputeType<T>::type;
    const T* const outer = static_cast<const T*>(grad.const_data_ptr());
    const T* const from = static_cast<const T*>(x.const_data_ptr());
    T* const to = static_cast<T*>(dx.mutable_data_ptr());
    snake_backward_kernel<T, F>
        <<<s.blocks, s.threads, backward_shared(s.threads) * sizeof(F), stream>>>(
            outer, from, alpha.const_data_ptr(), beta.const_data_ptr(), float_parameters,
            s.channels, s.length, s.tiles, rows_aligned<T>(s, outer, from, to), to,
            static_cast<F*>(partial.mutable_data_ptr()));
  });
  check_launch("aa_snake1d_backward");
  const auto reduce = [&](auto tag, auto number) {
    using P = decltype(tag);
    using F = decltype(number);
    snake_reduce_kernel<P, F><<<static_cast<unsigned>(s.channels), 128, 4 * sizeof(F), stream>>>(
        static_cast<const F*>(partial.const_data_ptr()), s.batch, s.tiles,
        static_cast<P*>(dalpha.mutable_data_ptr()), static_cast<P*>(dbeta.mutable_data_ptr()));
  };
  if (wide) {
    if (float_parameters) {
      reduce(float(), double());
    } else {
      reduce(double(), double());
    }
  } else {
    with_format(alpha, "aa_snake1d", [&](auto tag) {
      if constexpr (!std::is_same_v<decltype(tag), double>) reduce(tag, float());
    });
  }
  check_launch("aa_snake1d_backward");
  return {dx, dalpha, dbeta};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("aa_snake1d", TORCH_BOX(&aa_snake1d_cuda));
  m.impl("aa_snake1d_backward", TORCH_BOX(&aa_snake1d_backward_cuda));
}

}  // namespace aigc_assets::alias_free
