// A C function that runs the CUDA kernels between the products of a Transformer
// under fiber.h, for tests/ops.
#include "../../csrc/cuda/token_layers.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::token_layers;

struct Case {
  const void *x, *first_scale, *second_scale, *rope;
  void *y, *k, *v;
  int op, parameters, count;  // op: 0 norm, 1 heads, 2 gate
  int64_t rows, length, heads, width;
  bool gate_first;
  double eps;
  unsigned seed;
};

template <class T, class F, int kCount>
void run(const Case& c) {
  const auto format = static_cast<decode_gpu::Format>(c.parameters);
  const decode_gpu::Constant eps{static_cast<float>(c.eps), c.eps};
  const auto blocks = [](int64_t count, int64_t each) {
    return static_cast<unsigned>((count + each - 1) / each);
  };
  if (c.op == 0) {
    const Norm norm{c.x, c.y, {c.first_scale, format}, c.rows, static_cast<int>(c.width), eps};
    fiber::launch(blocks(c.rows, kWarps), kThreads, 0, c.seed,
                  [&] { rms_norm_kernel<T, F, kCount>(norm); });
  } else if (c.op == 1) {
    const int64_t rows = c.rows * 3 * c.heads;
    const Heads heads{c.x,
                      c.y,
                      c.k,
                      c.v,
                      {c.first_scale, format},
                      {c.second_scale, format},
                      {c.rope, format},
                      rows,
                      c.length,
                      static_cast<int>(c.heads),
                      static_cast<int>(c.width),
                      eps};
    fiber::launch(blocks(rows, kWarps), kThreads, 0, c.seed,
                  [&] { qk_norm_rotary_kernel<T, F, kCount>(heads); });
  } else {
    const Gate gate{c.x, c.y, c.rows, c.width, c.gate_first};
    fiber::launch(blocks(c.rows * c.width, kThreads * kCount), kThreads, 0, c.seed,
                  [&] { gated_silu_kernel<T, F, kCount>(gate); });
  }
}

template <class T, class F>
void run(const Case& c) {
  c.count == 1 ? run<T, F, 1>(c) : run<T, F, sizeof(T) == 8 ? 2 : 4>(c);
}

}  // namespace

// Formats: 0 float32, 1 float64, 2 float16, 3 bfloat16.
extern "C" void run_token_layer(int format, const Case* c) {
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
