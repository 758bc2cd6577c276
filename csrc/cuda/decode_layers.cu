// rms_norm_linear, linear_residual, rms_norm_gated and decode_block on the GPU: checks, launches,
// registration.
#include "decode_layers_tensor.cuh"

#include <cstdint>
#include <optional>
#include <type_traits>

#include "cached_attention.h"

namespace aigc_assets::decode_gpu {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr int64_t kMostTensorBlocks = 528;  // four for every multiprocessor of the largest GPU
constexpr int64_t kManyWarps = 132 * 32;    // more than that, and a warp takes two pairs

// A weight as stored, with the scales of its rows; both must outlive the launch.
struct Weight {
  Tensor values;         // [N, depth]
  OptionalTensor scale;  // [N]

  Weight(const Tensor& values_, const OptionalTensor& scale_, const char* op)
      : values(torch::stable::contiguous(values_)) {
    const bool is_int8 = values.scalar_type() == ScalarType::Char;
    STD_TORCH_CHECK(values.dim() == 2 && scale_.has_value() == is_int8, op,
                    ": expected a weight [N, K], with scales if it is int8");
    STD_TORCH_CHECK(values.size(0) < 1 << 30 && values.size(1) < 1 << 30, op,
                    ": no CUDA kernel for a weight so large");
    if (!scale_) return;
    STD_TORCH_CHECK(scale_->dim() == 1 && scale_->size(0) == values.size(0) &&
                        scale_->scalar_type() == ScalarType::Float,
                    op, ": expected float32 scales, one for each row of the weight");
    scale = torch::stable::contiguous(*scale_);
  }
};

template <class W, class F, int kRows, int kPairs>
void launch_plain(Product p, cudaStream_t stream) {
  const int64_t pairs = p.gated ? p.outputs : (p.outputs + 1) / 2;
  p.tiles = static_cast<int>((pairs + kProductWarps * kPairs - 1) / (kProductWarps * kPairs));
  const unsigned blocks = static_cast<unsigned>(p.tiles) * ((p.rows + kRows - 1) / kRows);
  product_kernel<W, F, kRows, kPairs>
      <<<blocks, kProductThreads, product_shared<W, F>(kRows), stream>>>(p);
}

template <class W>
void launch_single(const Product& p, cudaStream_t stream) {
  if (p.rows == 1) return launch_plain<W, float, 1, 1>(p, stream);
  const int64_t pairs = p.gated ? p.outputs : (p.outputs + 1) / 2;
  if (pairs < kManyWarps) return launch_plain<W, float, 8, 1>(p, stream);
  launch_plain<W, float, 8, 2>(p, stream);
}

template <class W, int kColumns>
void launch_columns(Product p, cudaStream_t stream) {
  const int64_t tile = p.gated ? 8 : 16, tiles = (p.outputs + tile - 1) / tile;
  p.tiles = static_cast<int>(tiles);
  const int64_t shares = tiles < kMostTensorBlocks ? tiles : kMostTensorBlocks;
  const unsigned blocks =
      static_cast<unsigned>(shares) * ((p.rows + 8 * kColumns - 1) / (8 * kColumns));
  tensor_product_kernel<W, kColumns>
      <<<blocks, kTensorThreads, tensor_shared<W>(kColumns), stream>>>(p);
}

template <class W>
void launch_tensor(const Product& p, cudaStream_t stream) {
  p.rows <= 8 ? launch_columns<W, 1>(p, stream) : launch_columns<W, 2>(p, stream);
}

// What the caller sets of `p`: x, scale, eps, residual, y, rows, gated. `dtype` is that of the op,
// which says how precise sums must be: x itself may be wider.
void launch_product(Product p, const Weight& weight, ScalarType dtype, cudaStream_t stream,
                    const char* op) {
  const int64_t rows_of_weight = weight.values.size(0), depth = weight.values.size(1);
  p.weight = weight.values.const_data_ptr();
  p.weight_scale =
      weight.scale ? static_cast<const float*>(weight.scale->const_data_ptr()) : nullptr;
  p.outputs = p.gated ? rows_of_weight / 2 : rows_of_weight;
  p.depth = static_cast<int>(depth);
  const int64_t width = static_cast<int64_t>(weight.values.element_size());
  const bool whole_vectors = depth > 0 && depth * width % 16 == 0;
  p.aligned = whole_vectors && reinterpret_cast<std::uintptr_t>(p.weight) % 16 == 0;
  if (p.outputs == 0 || p.rows == 0) return;
  STD_TORCH_CHECK(p.rows <= 1 << 12, op, ": no CUDA kernel for so many rows");
  const ScalarType stored = weight.values.scalar_type();
  const bool half = dtype == ScalarType::Half || dtype == ScalarType::BFloat16;
  const auto run = [&](auto tag) {
    using W = decltype(tag);
    if constexpr (std::is_same_v<W, double>) {
      launch_plain<W, double, 8, 1>(p, stream);
    } else if (dtype == ScalarType::Double) {
      if constexpr (!std::is_same_v<W, float>) launch_plain<W, double, 8, 1>(p, stream);
    } else if constexpr (std::is_same_v<W, float>) {
      launch_single<W>(p, stream);
    } else {
      if (half && whole_vectors) return launch_tensor<W>(p, stream);
      launch_single<W>(p, stream);
    }
  };
  const bool fits = stored == dtype || stored == ScalarType::Half ||
                    stored == ScalarType::BFloat16 || stored == ScalarType::Char;
  STD_TORCH_CHECK(fits, op, ": expected a weight in the dtype of x, float16, bfloat16 or int8");
  if (stored == ScalarType::Char) {
    run(std::int8_t());
  } else {
    with_format(weight.values, op, run);
  }
  check_launch(op);
}

void check_rows(const Tensor& x, const Weight& weight, const char* op) {
  STD_TORCH_CHECK(x.dim() == 2 && x.size(1) == weight.values.size(1), op,
                  ": expected x of shape [B, K] and a weight [N, K]");
}

void check_scale(const Tensor& scale, const Tensor& x, const char* op) {
  STD_TORCH_CHECK(scale.dim() == 1 && scale.size(0) == x.size(1), op,
                  ": expected a scale of shape [D]");
}

Product product_of(const Tensor& x, const Tensor& y, const char* op) {
  Product p{};
  p.x = numbers_of(x, op);
  p.y = {y.mutable_data_ptr(), format_of(y, op)};
  p.rows = static_cast<int>(x.size(0));
  return p;
}

// With a norm before, into y; all tensors contiguous.
void run_normed(const Tensor& x, const Tensor& scale, const Weight& weight, double eps, bool gated,
                ScalarType dtype, const Tensor& y, cudaStream_t stream, const char* op) {
  Product p = product_of(x, y, op);
  p.scale = numbers_of(scale, op);
  p.eps = {static_cast<float>(eps), eps};
  p.gated = gated;
  launch_product(p, weight, dtype, stream, op);
}

void run_residual(const Tensor& x, const Weight& weight, const Tensor& residual, ScalarType dtype,
                  const Tensor& y, cudaStream_t stream, const char* op) {
  Product p = product_of(x, y, op);
  p.residual = numbers_of(residual, op);
  launch_product(p, weight, dtype, stream, op);
}

Tensor normed(const Tensor& x_, const Tensor& scale_, const Tensor& weight_,
              const OptionalTensor& weight_scale_, double eps, bool gated, const char* op) {
  check_devices(op, x_, scale_, weight_, weight_scale_);
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Weight weight(weight_, weight_scale_, op);
  check_rows(x_, weight, op);
  check_scale(scale_, x_, op);
  const int64_t rows_of_weight = weight.values.size(0);
  STD_TORCH_CHECK(!gated || rows_of_weight % 2 == 0, op, ": expected an even number of rows");
  const Tensor x = torch::stable::contiguous(x_), scale = torch::stable::contiguous(scale_);
  const Tensor y =
      torch::stable::new_empty(x, {x.size(0), gated ? rows_of_weight / 2 : rows_of_weight});
  run_normed(x, scale, weight, eps, gated, x.scalar_type(), y, current_stream(x, op), op);
  return y;
}

Tensor rms_norm_linear_cuda(const Tensor& x,                     // [B, D]
                            const Tensor& scale,                 // [D]
                            const Tensor& weight,                // [N, D]
                            const OptionalTensor& weight_scale,  // [N]
                            double eps) {
  return normed(x, scale, weight, weight_scale, eps, false, "rms_norm_linear");
}

Tensor rms_norm_gated_cuda(const Tensor& x,                     // [B, D]
                           const Tensor& scale,                 // [D]
                           const Tensor& weight,                // [2H, D]
                           const OptionalTensor& weight_scale,  // [2H]
                           double eps) {
  return normed(x, scale, weight, weight_scale, eps, true, "rms_norm_gated");
}

Tensor linear_residual_cuda(const Tensor& x_,                     // [B, K]
                            const Tensor& weight_,                // [N, K]
                            const OptionalTensor& weight_scale_,  // [N]
                            const Tensor& residual_               // [B, N]
) {
  constexpr const char* op = "linear_residual";
  check_devices(op, x_, weight_, weight_scale_, residual_);
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Weight weight(weight_, weight_scale_, op);
  check_rows(x_, weight, op);
  STD_TORCH_CHECK(residual_.dim() == 2 && residual_.size(0) == x_.size(0) &&
                      residual_.size(1) == weight.values.size(0),
                  op, ": expected a residual [B, N]");
  const Tensor x = torch::stable::contiguous(x_), residual = torch::stable::contiguous(residual_);
  const Tensor y = torch::stable::new_empty(x, {x.size(0), weight.values.size(0)});
  run_residual(x, weight, residual, x.scalar_type(), y, current_stream(x, op), op);
  return y;
}

// What passes from one step to the next is float32 (float64 for float64), whatever the dtype of x.
Tensor decode_block_cuda(const Tensor& x_,                    // [B, D]
                         const Tensor& k_cache_,              // [B, Hkv, T, F], written
                         const Tensor& v_cache_,              // [B, Hkv, T, F], written
                         const Tensor& positions_,            // [B]
                         const Tensor& rope_,                 // [2, L, F / 2]
                         const Tensor& norm_attention_,       // [D]
                         const Tensor& qkv_,                  // [(Hq + 2 Hkv) F, D]
                         const OptionalTensor& qkv_scale_,    //
                         const OptionalTensor& q_scale_,      // [F]
                         const OptionalTensor& k_scale_,      // [F]
                         const Tensor& out_,                  // [D, Hq F]
                         const OptionalTensor& out_scale_,    //
                         const Tensor& norm_gated_,           // [D]
                         const Tensor& gated_,                // [2H, D]
                         const OptionalTensor& gated_scale_,  //
                         const Tensor& down_,                 // [D, H]
                         const OptionalTensor& down_scale_,   //
                         double eps, int64_t window) {
  constexpr const char* op = "decode_block";
  check_devices(op, x_, k_cache_, v_cache_, positions_, rope_, norm_attention_, qkv_, qkv_scale_,
                q_scale_, k_scale_, out_, out_scale_, norm_gated_, gated_, gated_scale_, down_,
                down_scale_);
  const torch::stable::accelerator::DeviceGuard guard(x_.get_device_index());
  const Weight qkv(qkv_, qkv_scale_, op), out(out_, out_scale_, op),
      gated(gated_, gated_scale_, op), down(down_, down_scale_, op);
  STD_TORCH_CHECK(x_.dim() == 2 && k_cache_.dim() == 4 && v_cache_.dim() == 4, op,
                  ": expected x [B, D] and caches [B, Hkv, T, F]");
  const int64_t rows = x_.size(0), width = x_.size(1), heads = k_cache_.size(1),
                dim = k_cache_.size(3), inner = out.values.size(1), hidden = down.values.size(1);
  bool fits =
      k_cache_.size(0) == rows && k_cache_.size(2) > 0 && heads > 0 && dim > 0 && dim % 2 == 0;
  STD_TORCH_CHECK(fits, op, ": expected caches [B, Hkv, T, F], F even");
  for (int d = 0; d < 4; ++d) fits &= k_cache_.size(d) == v_cache_.size(d);
  const ScalarType dtype = x_.scalar_type();
  fits &= k_cache_.scalar_type() == dtype && v_cache_.scalar_type() == dtype;
  STD_TORCH_CHECK(fits, op, ": expected caches alike, in the dtype of x");
  fits &= qkv.values.size(0) == inner + 2 * heads * dim && qkv.values.size(1) == width &&
          inner % (heads * dim) == 0 && out.values.size(0) == width &&
          gated.values.size(0) == 2 * hidden && gated.values.size(1) == width &&
          down.values.size(0) == width;
  STD_TORCH_CHECK(fits, op, ": the weights do not fit x and the caches");
  STD_TORCH_CHECK(positions_.dim() == 1 && positions_.size(0) == rows &&
                      positions_.scalar_type() == ScalarType::Long,
                  op, ": expected positions [B] int64");
  STD_TORCH_CHECK(rope_.dim() == 3 && rope_.size(0) == 2 && rope_.size(2) == dim / 2, op,
                  ": expected rope of shape [2, L, F / 2]");
  check_scale(norm_attention_, x_, op);
  check_scale(norm_gated_, x_, op);
  for (const OptionalTensor* scale : {&q_scale_, &k_scale_}) {
    STD_TORCH_CHECK(!*scale || ((*scale)->dim() == 1 && (*scale)->size(0) == dim), op,
                    ": expected scales of the heads of shape [F]");
  }
  const Tensor x = torch::stable::contiguous(x_);
  const Tensor y = torch::stable::new_empty(x, {rows, width});
  if (rows == 0 || width == 0) return y;
  const Tensor positions = torch::stable::contiguous(positions_),
               rope = torch::stable::contiguous(rope_),
               norm_attention = torch::stable::contiguous(norm_attention_),
               norm_gated = torch::stable::contiguous(norm_gated_);
  OptionalTensor q_scale, k_scale;
  if (q_scale_) q_scale = torch::stable::contiguous(*q_scale_);
  if (k_scale_) k_scale = torch::stable::contiguous(*k_scale_);
  const Tensor k_cache = usable_cache(k_cache_), v_cache = usable_cache(v_cache_);
  const cudaStream_t stream = current_stream(x, op);
  const ScalarType between = dtype == ScalarType::Double ? dtype : ScalarType::Float;
  const auto scratch = [&](int64_t columns) {
    return torch::stable::new_empty(x, {rows, columns}, between);
  };

  const int64_t projected = inner + 2 * heads * dim;
  const Tensor fresh = scratch(projected);
  run_normed(x, norm_attention, qkv, eps, false, dtype, fresh, stream, op);

  Tensor attended = scratch(inner);
  if (inner > 0) {
    const Format format = format_of(fresh, op);
    const int64_t number = static_cast<int64_t>(fresh.element_size());
    const char* const base = static_cast<const char*>(fresh.const_data_ptr());
    Attention a{};
    a.q = {base, format};
    a.k = {base + inner * number, format};
    a.v = {base + (inner + heads * dim) * number, format};
    a.q_stride = a.k_stride = a.v_stride = projected;
    a.counts = static_cast<const int64_t*>(positions.const_data_ptr());
    a.append = true;
    a.rope = numbers_of(rope, op);
    a.rope_rows = rope.size(1);
    if (q_scale) a.q_scale = numbers_of(*q_scale, op);
    if (k_scale) a.k_scale = numbers_of(*k_scale, op);
    a.eps = {static_cast<float>(eps), eps};
    a.window = window;
    a.y = {attended.mutable_data_ptr(), format};
    launch_attention(a, k_cache, v_cache, inner / dim, stream, op);
  }

  const Tensor middle = scratch(width);
  run_residual(attended, out, x, dtype, middle, stream, op);
  const Tensor bent = scratch(hidden);
  run_normed(middle, norm_gated, gated, eps, true, dtype, bent, stream, op);
  run_residual(bent, down, middle, dtype, y, stream, op);

  copy_back(k_cache, k_cache_);
  copy_back(v_cache, v_cache_);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("rms_norm_linear", TORCH_BOX(&rms_norm_linear_cuda));
  m.impl("linear_residual", TORCH_BOX(&linear_residual_cuda));
  m.impl("rms_norm_gated", TORCH_BOX(&rms_norm_gated_cuda));
  m.impl("decode_block", TORCH_BOX(&decode_block_cuda));
}

}  // namespace aigc_assets::decode_gpu
