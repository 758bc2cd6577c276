// rms_norm_linear, linear_residual, rms_norm_gated and decode_block on the CPU.
#include <algorithm>
#include <cstring>

#include "decode_caches.h"
#include "decode_run.h"

namespace aigc_assets::decode {
namespace {

// What one product takes: rows, a norm or none, weights, an ending.
struct Step {
  const char* op;
  const Tensor& x;      // [B, K]
  const Tensor* scale;  // [K] or null
  double eps;
  const Tensor& weight;  // [N, K]
  const std::optional<Tensor>& weight_scale;
  Ending ending;
  const Tensor* residual;  // [B, N] or null
};

Tensor run_step(const Step& step) {
  const char* const op = step.op;
  STD_TORCH_CHECK(step.x.dim() == 2, op, ": expected x of shape [B, K]");
  const int64_t batch = step.x.size(0), width = step.x.size(1);
  const Format format = format_of(step.x, op), compute = compute_format(format);
  STD_TORCH_CHECK(format != Format::kInt8, op, ": expected a floating x");
  const Weight weight = read_weight(step.weight, step.weight_scale, width, format, op);
  const int64_t rows = step.weight.size(0);
  const bool gated = step.ending == Ending::kGated;
  STD_TORCH_CHECK(!gated || rows % 2 == 0, op, ": expected an even number of rows");
  const int64_t count = gated ? rows / 2 : rows;
  const Tensor x = with_dense_rows(step.x);
  Tensor y = torch::stable::new_empty(step.x, {batch, count});
  Parts parts(compute);
  parts.add(rows_room(batch, width));
  Rows input{};
  input.compute = compute;
  input.x = x.const_data_ptr();
  input.format = format;
  input.stride = x.stride(0);
  input.count = batch;
  input.width = width;
  input.eps = step.eps;
  input.out = parts.take();
  Tensor scale = x, residual = x;
  if (step.scale != nullptr) {
    scale = read_vector(*step.scale, width, format, op);
    input.scale = scale.const_data_ptr();
    input.scale_format = format_of(scale, op);
  }
  kernels(compute).rows(input);
  Product product{};
  product.compute = compute;
  set_weight(product, weight);
  product.x = input.out;
  product.batch = batch;
  product.count = count;
  product.ending = step.ending;
  product.y = y.mutable_data_ptr();
  product.y_format = format;
  product.y_stride = count;
  if (step.residual != nullptr) {
    STD_TORCH_CHECK(step.residual->dim() == 2 && step.residual->size(0) == batch &&
                        step.residual->size(1) == count && format_of(*step.residual, op) == format,
                    op, ": expected residual of the shape and dtype of the result");
    residual = with_dense_rows(*step.residual);
    product.residual = residual.const_data_ptr();
    product.residual_format = format;
    product.residual_stride = residual.stride(0);
  }
  run_product(product);
  return y;
}

Tensor rms_norm_linear_cpu(const Tensor& x,                            // [B, D]
                           const Tensor& scale,                        // [D]
                           const Tensor& weight,                       // [N, D]
                           const std::optional<Tensor>& weight_scale,  // [N]
                           double eps) {
  return run_step(
      {"rms_norm_linear", x, &scale, eps, weight, weight_scale, Ending::kPlain, nullptr});
}

Tensor rms_norm_gated_cpu(const Tensor& x,                            // [B, D]
                          const Tensor& scale,                        // [D]
                          const Tensor& weight,                       // [2H, D]
                          const std::optional<Tensor>& weight_scale,  // [2H]
                          double eps) {
  return run_step(
      {"rms_norm_gated", x, &scale, eps, weight, weight_scale, Ending::kGated, nullptr});
}

Tensor linear_residual_cpu(const Tensor& x,                            // [B, K]
                           const Tensor& weight,                       // [N, K]
                           const std::optional<Tensor>& weight_scale,  // [N]
                           const Tensor& residual                      // [B, N]
) {
  return run_step(
      {"linear_residual", x, nullptr, 0, weight, weight_scale, Ending::kResidual, &residual});
}

void clear_padding(char* rows, int64_t batch, int64_t width, int64_t size) {
  if (padded(width) == width) return;
  for (int64_t b = 0; b < batch; ++b) {
    std::memset(rows + (b * padded(width) + width) * size, 0, (padded(width) - width) * size);
  }
}

Tensor decode_block_cpu(const Tensor& x,               // [B, D]
                        const Tensor& k_cache,         // [B, Hkv, T, F]
                        const Tensor& v_cache,         // [B, Hkv, T, F]
                        const Tensor& positions,       // [B]
                        const Tensor& rope,            // [2, L, F / 2]
                        const Tensor& norm_attention,  // [D]
                        const Tensor& qkv,             // [(Hq + 2 Hkv) F, D]
                        const std::optional<Tensor>& qkv_scale,
                        const std::optional<Tensor>& q_scale,  // [F]
                        const std::optional<Tensor>& k_scale,  // [F]
                        const Tensor& out,                     // [D, Hq F]
                        const std::optional<Tensor>& out_scale,
                        const Tensor& norm_gated,  // [D]
                        const Tensor& gated,       // [2H, D]
                        const std::optional<Tensor>& gated_scale,
                        const Tensor& down,  // [D, H]
                        const std::optional<Tensor>& down_scale, double eps, int64_t window) {
  const char* const op = "decode_block";
  STD_TORCH_CHECK(x.dim() == 2, op, ": expected x of shape [B, D]");
  STD_TORCH_CHECK(k_cache.dim() == 4 && out.dim() == 2 && down.dim() == 2, op,
                  ": expected k_cache [B, Hkv, T, F], out [D, Hq F] and down [D, H]");
  const int64_t batch = x.size(0), width = x.size(1), dim = k_cache.size(3);
  const int64_t inner = out.size(1), hidden = down.size(1);
  Caches caches(k_cache, v_cache, batch, dim, op);
  const int64_t shared = caches.shared(), heads = inner / dim;
  STD_TORCH_CHECK(heads * dim == inner && heads % shared == 0 && heads > 0, op,
                  ": expected out [D, Hq F] with a multiple of ", shared, " heads");
  const Format format = format_of(x, op), compute = compute_format(format);
  STD_TORCH_CHECK(format == caches.format(), op, ": expected one dtype");
  caches.check_written(op);
  const Rotation rotation(rope, q_scale, k_scale, dim, format, op);
  const std::vector<int64_t> places =
      read_positions(positions, batch, caches.room(), rotation.length(), op);
  std::vector<int64_t> counts = places;
  for (int64_t& count : counts) ++count;
  const Weight to_heads = read_weight(qkv, qkv_scale, width, format, op),
               from_heads = read_weight(out, out_scale, inner, format, op),
               to_hidden = read_weight(gated, gated_scale, width, format, op),
               from_hidden = read_weight(down, down_scale, hidden, format, op);
  const int64_t rows = (heads + 2 * shared) * dim;
  STD_TORCH_CHECK(qkv.size(0) == rows && out.size(0) == width && gated.size(0) == 2 * hidden &&
                      down.size(0) == width,
                  op, ": expected weights that fit each other");
  const Tensor first_scale = read_vector(norm_attention, width, format, op),
               second_scale = read_vector(norm_gated, width, format, op),
               source = with_dense_rows(x);
  Tensor y = torch::stable::new_empty(x, {batch, width});
  if (batch == 0) return y;

  Attention a{};
  caches.describe(a);
  a.compute = compute;
  a.group = heads / shared;
  a.window = window;
  a.lengths = counts.data();
  a.chunks = count_chunks(counts, a.room, window);
  Parts parts(compute);
  const int64_t size = size_of(compute);
  const int64_t normed_at = parts.add(rows_room(batch, width)), heads_at = parts.add(batch * rows),
                query_at = parts.add(batch * heads * padded(dim)),
                partial_at = parts.add(partial_room(a, batch)),
                attended_at = parts.add(batch * padded(inner)),
                middle_at = parts.add(batch * width), hidden_at = parts.add(batch * padded(hidden));
  char* const memory = parts.take();

  Rows input{};
  input.compute = compute;
  input.x = source.const_data_ptr();
  input.format = format;
  input.stride = source.stride(0);
  input.count = batch;
  input.width = width;
  input.scale = first_scale.const_data_ptr();
  input.scale_format = format_of(first_scale, op);
  input.eps = eps;
  input.out = memory + normed_at;
  kernels(compute).rows(input);
  Product product{};
  product.compute = compute;
  set_weight(product, to_heads);
  product.x = input.out;
  product.batch = batch;
  product.count = rows;
  product.y = memory + heads_at;
  product.y_format = compute;
  product.y_stride = rows;
  run_product(product);

  for (int64_t b = 0; b < batch; ++b) {
    Heads h{};
    h.compute = h.format = compute;
    h.q = memory + heads_at + b * rows * size;
    h.k = static_cast<const char*>(h.q) + inner * size;
    h.v = static_cast<const char*>(h.k) + shared * dim * size;
    h.q_stride = h.k_stride = h.v_stride = dim;
    h.heads = heads;
    h.eps = eps;
    h.query = memory + query_at + b * heads * padded(dim) * size;
    rotation.describe(h, places[b]);
    caches.describe(h, b, places[b]);
    run_heads(h);
  }
  caches.make_dense();
  caches.describe(a);
  a.query = memory + query_at;
  a.partial = memory + partial_at;
  a.y = memory + attended_at;
  a.y_format = compute;
  a.y_batch = padded(inner);
  a.y_head = dim;
  clear_padding(memory + attended_at, batch, inner, size);
  run_attention(a, batch);

  product.ending = Ending::kResidual;
  set_weight(product, from_heads);
  product.x = memory + attended_at;
  product.count = width;
  product.residual = source.const_data_ptr();
  product.residual_format = format;
  product.residual_stride = source.stride(0);
  product.y = memory + middle_at;
  product.y_stride = width;
  run_product(product);

  input.x = memory + middle_at;
  input.format = compute;
  input.stride = width;
  input.scale = second_scale.const_data_ptr();
  input.scale_format = format_of(second_scale, op);
  kernels(compute).rows(input);
  product.ending = Ending::kGated;
  set_weight(product, to_hidden);
  product.x = input.out;
  product.count = hidden;
  product.y = memory + hidden_at;
  product.y_stride = padded(hidden);
  clear_padding(memory + hidden_at, batch, hidden, size);
  run_product(product);

  product.ending = Ending::kResidual;
  set_weight(product, from_hidden);
  product.x = memory + hidden_at;
  product.count = width;
  product.residual = memory + middle_at;
  product.residual_format = compute;
  product.residual_stride = width;
  product.y = y.mutable_data_ptr();
  product.y_format = format;
  product.y_stride = width;
  run_product(product);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("rms_norm_linear", TORCH_BOX(&rms_norm_linear_cpu));
  m.impl("rms_norm_gated", TORCH_BOX(&rms_norm_gated_cpu));
  m.impl("linear_residual", TORCH_BOX(&linear_residual_cpu));
  m.impl("decode_block", TORCH_BOX(&decode_block_cpu));
}

}  // namespace aigc_assets::decode
