// A C function that runs the CUDA kernels of fir_resample under fiber.h, for
// tests/ops.
#include "../../csrc/cuda/fir.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::fir;

struct Case {
  const void *x, *fir, *bias, *noise;
  void* y;
  int taps;
  bool up, channels_last, float_parameters, aligned;
  int64_t batch, channels, height, width, noise_step;
  int activation;
  double slope, gain, bound;
  int threads, columns;
  unsigned seed;
};

template <class T, class F>
void run(const Case& c) {
  Call<T, F> call;
  call.x = static_cast<const T*>(c.x);
  call.fir = c.fir;
  call.bias = c.bias;
  call.noise = static_cast<const T*>(c.noise);
  call.y = static_cast<T*>(c.y);
  call.float_fir = call.float_bias = c.float_parameters;
  call.taps = c.taps;
  call.batch = c.batch;
  call.channels = c.channels;
  call.height = c.height;
  call.width = c.width;
  call.noise_step = c.noise_step;
  call.activation = c.activation;
  call.slope = static_cast<F>(c.slope);
  call.gain = static_cast<F>(c.gain);
  call.bound = static_cast<F>(c.bound);
  const auto threads = static_cast<unsigned>(c.threads);
  const int64_t height = c.up ? c.height : c.height / 2, width = c.up ? c.width : c.width / 2;
  if (c.channels_last) {
    constexpr int kCount = sizeof(T) == 8 ? 2 : 4;
    const int count = c.channels % kCount == 0 && c.aligned ? kCount : 1;
    const int64_t items = c.batch * height * width * (c.channels / count);
    fiber::launch(static_cast<unsigned>((items + c.threads - 1) / c.threads), threads,
                  kTable * sizeof(F), c.seed, [&] {
                    if (count == 1) {
                      c.up ? up_pixels_kernel<T, F, 1>(call) : down_pixels_kernel<T, F, 1>(call);
                    } else {
                      c.up ? up_pixels_kernel<T, F, kCount>(call)
                           : down_pixels_kernel<T, F, kCount>(call);
                    }
                  });
    return;
  }
  const int rows = c.threads / c.columns, wide = c.columns * (c.up ? 2 : 4);
  const int64_t down = (height + rows - 1) / rows, across = (width + wide - 1) / wide;
  const int shared = c.up ? shared_up(c.threads, c.columns) : shared_down(c.threads, c.columns);
  fiber::launch(static_cast<unsigned>(c.batch * c.channels * down * across), threads,
                static_cast<std::size_t>(shared) * sizeof(F), c.seed, [&] {
                  if (c.up) {
                    up_planes_kernel<T, F>(call, c.columns, down, across, c.aligned);
                  } else {
                    down_planes_kernel<T, F>(call, c.columns, down, across, c.aligned);
                  }
                });
}

}  // namespace

// Formats: 0 float32, 1 float64, 2 float16, 3 bfloat16.
extern "C" void run_fir(int format, const Case* c) {
  switch (format) {
    case 0:
      return run<float, float>(*c);
    case 1:
      return run<double, double>(*c);
    case 2:
      return run<float16, float>(*c);
    default:
      return run<bfloat16, float>(*c);
  }
}
