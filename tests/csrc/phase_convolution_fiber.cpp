// A C function that runs the CUDA kernels of phase_convolution under fiber.h,
// for tests/ops.
#include "../../csrc/cuda/phase_convolution.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::phase_convolution;

// Order of tests/ops/test_phase_convolution_cuda.py.
struct Numbers {
  std::int64_t format, kind, dilation, batch, inputs, outputs, height, width, circular, activation,
      channels_last, x_batch, x_channel, x_row, x_column, bias_is_float, style_is_float,
      gain_is_float, noise_is_float, bias_batch, noise_batch, plain, processors, seed;
};

struct Pointers {
  const void *x, *packed, *bias, *style, *gain, *noise, *residual;
  void* y;
};

Problem problem_of(const Numbers& n, const Pointers& d, double slope) {
  Problem p{};
  p.batch = n.batch;
  p.inputs = static_cast<int>(n.inputs);
  p.outputs = static_cast<int>(n.outputs);
  p.padded_outputs = (p.outputs + 15) / 16 * 16;
  p.height = static_cast<int>(n.height);
  p.width = static_cast<int>(n.width);
  set_kind(&p, static_cast<int>(n.kind), static_cast<int>(n.dilation));
  p.circular = n.circular != 0;
  p.activation = static_cast<int>(n.activation);
  p.slope = slope;
  p.x = d.x;
  p.x_batch = n.x_batch;
  p.x_channel = n.x_channel;
  p.x_row = n.x_row;
  p.x_column = n.x_column;
  p.packed = d.packed;
  p.bias = {d.bias, n.bias_is_float != 0};
  p.style = {d.style, n.style_is_float != 0};
  p.gain = {d.gain, n.gain_is_float != 0};
  p.noise = {d.noise, n.noise_is_float != 0};
  p.bias_batch = n.bias_batch;
  p.noise_batch = n.noise_batch;
  p.residual = d.residual;
  p.y = d.y;
  p.channels_last = n.channels_last != 0;
  return p;
}

template <class T>
void run_product(const Problem& p, const Tiling& t, unsigned seed) {
  fiber::launch(static_cast<unsigned>(t.blocks), kThreads, t.shared, seed, [&] {
    if (t.columns == 32) {
      product_kernel<T, 32>(p, t);
    } else if constexpr (widest(sizeof(T)) == 64) {
      product_kernel<T, 64>(p, t);
    }
  });
}

}  // namespace

// The number of output channels of a block, 0 for the plain kernel. Formats: 0
// float32, 1 float64, 2 float16, 3 bfloat16.
extern "C" int run_phase_convolution(const Numbers* n, const Pointers* d, double slope) {
  const Problem p = problem_of(*n, *d, slope);
  const auto seed = static_cast<unsigned>(n->seed);
  Tiling t{};
  const int element = n->format == 0 ? 4 : 2;
  if (n->plain != 0 || n->format == 1 ||
      !make_tiling(p, element, static_cast<int>(n->processors), &t)) {
    fiber::launch(3, 64, 0, seed, [&] {
      if (n->format == 0) plain_kernel<float, float>(p);
      if (n->format == 1) plain_kernel<double, double>(p);
      if (n->format == 2) plain_kernel<float16, float>(p);
      if (n->format == 3) plain_kernel<bfloat16, float>(p);
    });
    return 0;
  }
  if (n->format == 0) run_product<float>(p, t, seed);
  if (n->format == 2) run_product<float16>(p, t, seed);
  if (n->format == 3) run_product<bfloat16>(p, t, seed);
  return t.columns;
}
