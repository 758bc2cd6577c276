// decode_attention and decode_attention_append on the CPU.
#include "decode_caches.h"
#include "decode_run.h"

namespace aigc_assets::decode {
namespace {

std::vector<double> read_slopes(const std::optional<Tensor>& slopes, int64_t heads, Format dtype,
                                const char* op) {
  std::vector<double> found;
  if (!slopes.has_value()) return found;
  STD_TORCH_CHECK(slopes->dim() == 1 && slopes->size(0) == heads, op,
                  ": expected one slope for every head");
  const Format format = format_of(*slopes, op);
  STD_TORCH_CHECK(format == dtype || format == Format::kFloat32, op,
                  ": expected slopes in the dtype of q or float32");
  for (int64_t h = 0; h < heads; ++h) {
    found.push_back(read(slopes->const_data_ptr(), format, h * slopes->stride(0)));
  }
  return found;
}

// Everything but the query and the memory for it.
Attention attention_of(const Caches& caches, int64_t heads, int64_t dim,
                       const std::vector<int64_t>& lengths, int64_t window,
                       const std::vector<double>& slopes, const Tensor& y) {
  Attention a{};
  caches.describe(a);
  a.compute = compute_format(a.format);
  a.group = heads / a.shared;
  a.window = window;
  a.lengths = lengths.data();
  a.slopes = slopes.empty() ? nullptr : slopes.data();
  a.chunks = count_chunks(lengths, a.room, window);
  a.y = y.mutable_data_ptr();
  a.y_format = a.format;
  a.y_batch = heads * dim;
  a.y_head = dim;
  return a;
}

Tensor decode_attention_cpu(const Tensor& q,        // [B, Hq, D]
                            const Tensor& k_cache,  // [B, Hkv, T, D]
                            const Tensor& v_cache,  // [B, Hkv, T, D]
                            const Tensor& lengths,  // [B]
                            int64_t window,
                            const std::optional<Tensor>& slopes  // [Hq]
) {
  const char* const op = "decode_attention";
  STD_TORCH_CHECK(q.dim() == 3, op, ": expected q of shape [B, Hq, D]");
  const int64_t batch = q.size(0), heads = q.size(1), dim = q.size(2);
  const Caches caches(k_cache, v_cache, batch, dim, op);
  caches.check_heads(heads, op);
  const std::vector<int64_t> counts = read_counts(lengths, batch, op);
  const std::vector<double> slope = read_slopes(slopes, heads, caches.format(), op);
  STD_TORCH_CHECK(format_of(q, op) == caches.format(), op, ": expected one dtype");
  Tensor y = torch::stable::new_empty(q, {batch, heads, dim});
  Attention a = attention_of(caches, heads, dim, counts, window, slope, y);
  Parts parts(a.compute);
  const int64_t query = parts.add(batch * heads * padded(dim)),
                partial = parts.add(partial_room(a, batch));
  char* const memory = parts.take();
  a.query = memory + query;
  a.partial = memory + partial;
  const Tensor rows = with_dense_rows(q);
  for (int64_t b = 0; b < batch; ++b) {
    Heads h{};
    h.compute = a.compute;
    h.q = at(rows, b);
    h.format = a.format;
    h.q_stride = rows.stride(1);
    h.heads = heads;
    h.dim = dim;
    h.query = memory + query + b * heads * padded(dim) * size_of(a.compute);
    run_heads(h);
  }
  run_attention(a, batch);
  return y;
}

Tensor decode_attention_append_cpu(const Tensor& q,                       // [B, Hq, D]
                                   const Tensor& k,                       // [B, Hkv, D]
                                   const Tensor& v,                       // [B, Hkv, D]
                                   const Tensor& k_cache,                 // [B, Hkv, T, D]
                                   const Tensor& v_cache,                 // [B, Hkv, T, D]
                                   const Tensor& positions,               // [B]
                                   const Tensor& rope,                    // [2, L, D / 2]
                                   const std::optional<Tensor>& q_scale,  // [D]
                                   const std::optional<Tensor>& k_scale,  // [D]
                                   double eps, int64_t window,
                                   const std::optional<Tensor>& slopes  // [Hq]
) {
  const char* const op = "decode_attention_append";
  STD_TORCH_CHECK(q.dim() == 3, op, ": expected q of shape [B, Hq, D]");
  const int64_t batch = q.size(0), heads = q.size(1), dim = q.size(2);
  Caches caches(k_cache, v_cache, batch, dim, op);
  caches.check_heads(heads, op);
  caches.check_written(op);
  const Rotation rotation(rope, q_scale, k_scale, dim, caches.format(), op);
  const std::vector<int64_t> places =
      read_positions(positions, batch, caches.room(), rotation.length(), op);
  std::vector<int64_t> counts = places;
  for (int64_t& count : counts) ++count;
  const std::vector<double> slope = read_slopes(slopes, heads, caches.format(), op);
  for (const Tensor* const added : {&k, &v}) {
    STD_TORCH_CHECK(added->dim() == 3 && added->size(0) == batch &&
                        added->size(1) == caches.shared() && added->size(2) == dim,
                    op, ": expected k and v of shape [B, Hkv, D]");
    STD_TORCH_CHECK(format_of(*added, op) == caches.format(), op, ": expected one dtype");
  }
  STD_TORCH_CHECK(format_of(q, op) == caches.format(), op, ": expected one dtype");
  Tensor y = torch::stable::new_empty(q, {batch, heads, dim});
  const Format compute = compute_format(caches.format());
  const Tensor q_rows = with_dense_rows(q), k_rows = with_dense_rows(k),
               v_rows = with_dense_rows(v);
  Attention sized{};
  sized.shared = caches.shared();
  sized.group = heads / caches.shared();
  sized.dim = dim;
  sized.chunks = count_chunks(counts, caches.room(), window);
  Parts parts(compute);
  const int64_t query = parts.add(batch * heads * padded(dim)),
                partial = parts.add(partial_room(sized, batch));
  char* const memory = parts.take();
  for (int64_t b = 0; b < batch; ++b) {
    Heads h{};
    h.compute = compute;
    h.q = at(q_rows, b);
    h.k = at(k_rows, b);
    h.v = at(v_rows, b);
    h.format = caches.format();
    h.q_stride = q_rows.stride(1);
    h.k_stride = k_rows.stride(1);
    h.v_stride = v_rows.stride(1);
    h.heads = heads;
    h.eps = eps;
    h.query = memory + query + b * heads * padded(dim) * size_of(compute);
    rotation.describe(h, places[b]);
    caches.describe(h, b, places[b]);
    run_heads(h);
  }
  caches.make_dense();
  Attention a = attention_of(caches, heads, dim, counts, window, slope, y);
  a.query = memory + query;
  a.partial = memory + partial;
  run_attention(a, batch);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("decode_attention", TORCH_BOX(&decode_attention_cpu));
  m.impl("decode_attention_append", TORCH_BOX(&decode_attention_append_cpu));
}

}  // namespace aigc_assets::decode
