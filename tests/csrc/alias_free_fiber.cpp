// C functions that run the CUDA kernels of aa_snake1d under fiber.h, for
// tests/ops.
#include "../../csrc/cuda/alias_free.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::alias_free;

template <class T, class F>
void forward(const void* x, const void* alpha, const void* beta, bool float_parameters,
             int64_t batch, int64_t channels, int64_t length, int threads, bool aligned,
             unsigned seed, void* y) {
  const int64_t tiles = (length + tile_of(threads) - 1) / tile_of(threads);
  fiber::launch(static_cast<unsigned>(batch * channels * tiles), static_cast<unsigned>(threads),
                static_cast<std::size_t>(forward_shared(threads)) * sizeof(F), seed, [&] {
                  snake_forward_kernel<T, F>(static_cast<const T*>(x), alpha, beta,
                                             float_parameters, channels, length, tiles, aligned,
                                             static_cast<T*>(y));
                });
}

template <class T, class P, class F>
void backward(const void* grad, const void* x, const void* alpha, const void* beta, int64_t batch,
              int64_t channels, int64_t length, int threads, bool aligned, unsigned seed, void* dx,
              void* dalpha, void* dbeta) {
  const int64_t tiles = (length + tile_of(threads) - 1) / tile_of(threads);
  const auto blocks = static_cast<unsigned>(batch * channels * tiles);
  std::vector<F> partial(2 * static_cast<std::size_t>(blocks));
  std::memset(partial.data(), fiber::kPoison, partial.size() * sizeof(F));
  const bool float_parameters = sizeof(P) == 4;
  fiber::launch(blocks, static_cast<unsigned>(threads),
                static_cast<std::size_t>(backward_shared(threads)) * sizeof(F), seed, [&] {
                  snake_backward_kernel<T, F>(static_cast<const T*>(grad), static_cast<const T*>(x),
                                              alpha, beta, float_parameters, channels, length,
                                              tiles, aligned, static_cast<T*>(dx), partial.data());
                });
  fiber::launch(static_cast<unsigned>(channels), 128, 4 * sizeof(F), seed, [&] {
    snake_reduce_kernel<P, F>(partial.data(), batch, tiles, static_cast<P*>(dalpha),
                              static_cast<P*>(dbeta));
  });
}

}  // namespace

// Formats: 0 float32, 1 float64, 2 float16, 3 bfloat16; parameters have the
// format of x or float32.
extern "C" void run_forward(int format, const void* x, const void* alpha, const void* beta,
                            bool float_parameters, int64_t batch, int64_t channels, int64_t length,
                            int threads, bool aligned, unsigned seed, void* y) {
  switch (format) {
    case 0:
      return forward<float, float>(x, alpha, beta, true, batch, channels, length, threads, aligned,
                                   seed, y);
    case 1:
      return forward<double, double>(x, alpha, beta, float_parameters, batch, channels, length,
                                     threads, aligned, seed, y);
    case 2:
      return forward<float16, float>(x, alpha, beta, float_parameters, batch, channels, length,
                                     threads, aligned, seed, y);
    default:
      return forward<bfloat16, float>(x, alpha, beta, float_parameters, batch, channels, length,
                                      threads, aligned, seed, y);
  }
}

extern "C" void run_backward(int format, const void* grad, const void* x, const void* alpha,
                             const void* beta, bool float_parameters, int64_t batch,
                             int64_t channels, int64_t length, int threads, bool aligned,
                             unsigned seed, void* dx, void* dalpha, void* dbeta) {
  const auto run = [&](auto kernel) {
    kernel(grad, x, alpha, beta, batch, channels, length, threads, aligned, seed, dx, dalpha,
           dbeta);
  };
  switch (format) {
    case 0:
      return run(backward<float, float, float>);
    case 1:
      return float_parameters ? run(backward<double, float, double>)
                              : run(backward<double, double, double>);
    case 2:
      return float_parameters ? run(backward<float16, float, float>)
                              : run(backward<float16, float16, float>);
    default:
      return float_parameters ? run(backward<bfloat16, float, float>)
                              : run(backward<bfloat16, bfloat16, float>);
  }
}
