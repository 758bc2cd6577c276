// A C function that runs the CUDA kernels of decode_block under fiber.h, for
// tests/ops.
#include "../../csrc/cuda/decode_layers_tensor.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::decode_gpu;

template <class W, class F, int kRows, int kPairs>
void plain(Product p, unsigned seed) {
  const int64_t pairs = p.gated ? p.outputs : (p.outputs + 1) / 2;
  p.tiles = static_cast<int>((pairs + kProductWarps * kPairs - 1) / (kProductWarps * kPairs));
  const unsigned blocks = static_cast<unsigned>(p.tiles * ((p.rows + kRows - 1) / kRows));
  fiber::launch(blocks, kProductThreads, product_shared<W, F>(kRows), seed,
                [&] { product_kernel<W, F, kRows, kPairs>(p); });
}

template <class W, int kColumns>
void tensor(Product p, int shares, unsigned seed) {
  const int64_t tile = p.gated ? 8 : 16, tiles = (p.outputs + tile - 1) / tile;
  p.tiles = static_cast<int>(tiles);
  if (shares > p.tiles) shares = p.tiles;
  const unsigned blocks =
      static_cast<unsigned>(shares * ((p.rows + 8 * kColumns - 1) / (8 * kColumns)));
  fiber::launch(blocks, kTensorThreads, tensor_shared<W>(kColumns), seed,
                [&] { tensor_product_kernel<W, kColumns>(p); });
}

// variant: 0 one row and one pair, 1 eight rows and one pair, 2 eight rows and
// two pairs, 3 and 4 tensor cores with 8 and 16 rows.
template <class W>
void single(const Product& p, int variant, int shares, unsigned seed) {
  switch (variant) {
    case 0:
      return plain<W, float, 1, 1>(p, seed);
    case 1:
      return plain<W, float, 8, 1>(p, seed);
    case 2:
      return plain<W, float, 8, 2>(p, seed);
    default:
      if constexpr (!std::is_same_v<W, float>) {
        variant == 3 ? tensor<W, 1>(p, shares, seed) : tensor<W, 2>(p, shares, seed);
      }
  }
}

}  // namespace

// Formats of x and y, of the weight (4: int8), of the scale and residual.
// double_sums: x is float64.
extern "C" void run_product(const int* formats, const int* sizes, const void* x, const void* scale,
                            const void* weight, const float* weight_scale, const void* residual,
                            double eps, bool gated, bool aligned, int variant, int shares,
                            unsigned seed, void* y) {
  const auto format = [&](int i) { return static_cast<Format>(formats[i]); };
  Product p{};
  p.x = {x, format(0)};
  p.scale = {scale, format(2)};
  p.eps = {static_cast<float>(eps), eps};
  p.weight = weight;
  p.weight_scale = weight_scale;
  p.residual = {residual, format(0)};
  p.y = {y, format(0)};
  p.rows = sizes[0];
  p.outputs = sizes[1];
  p.depth = sizes[2];
  p.gated = gated;
  p.aligned = aligned;
  const bool wide = format(0) == Format::kDouble;
  switch (formats[1]) {
    case 0:
      return single<float>(p, variant, shares, seed);
    case 1:
      return plain<double, double, 8, 1>(p, seed);
    case 2:
      return wide ? plain<float16, double, 8, 1>(p, seed)
                  : single<float16>(p, variant, shares, seed);
    case 3:
      return wide ? plain<bfloat16, double, 8, 1>(p, seed)
                  : single<bfloat16>(p, variant, shares, seed);
    default:
      return wide ? plain<std::int8_t, double, 8, 1>(p, seed)
                  : single<std::int8_t>(p, variant, shares, seed);
  }
}
