// sliding_attention and cross_attention_small on the GPU: checks, launches, registration.
#include "attention.cuh"

#include <algorithm>
#include <limits>

#include "attention_launch.h"

namespace aigc_assets::attention_gpu {
namespace {

constexpr int64_t kLongest = int64_t{1} << 30;  // so that positions in a band fit 32 bits

void check_inputs(const char* op, const Tensor& q, const Tensor& k, const Tensor& v, int64_t keys) {
  check_devices(op, q, k, v);
  STD_TORCH_CHECK(q.dim() == 4, op, ": expected q of shape [B, heads, L, D]");
  STD_TORCH_CHECK(q.size(1) * q.size(3) <= std::numeric_limits<int>::max(), op,
                  ": q has too many heads");
  for (const Tensor* part : {&k, &v}) {
    STD_TORCH_CHECK(part->dim() == 4 && part->size(0) == q.size(0) && part->size(1) == q.size(1) &&
                        part->size(2) == keys && part->size(3) == q.size(3),
                    op, ": expected k and v of shape [B, heads, ", keys, ", D]");
    STD_TORCH_CHECK(part->scalar_type() == q.scalar_type(), op,
                    ": expected k and v of the dtype of q");
  }
}

Strides strides_of(const Tensor& tensor) {
  return {tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

Tensor attend(const char* op, const Tensor& q_, const Tensor& k_, const Tensor& v_, int64_t before,
              int64_t after, int tiles) {
  const torch::stable::accelerator::DeviceGuard guard(q_.get_device_index());
  Tensor y = torch::stable::new_empty(q_, {q_.size(0), q_.size(1), q_.size(2), q_.size(3)});
  if (y.numel() == 0) return y;
  const Tensor q = with_whole_rows(q_), k = with_whole_rows(k_), v = with_whole_rows(v_);
  Sequences sequences{};
  sequences.queries = q.size(2);
  sequences.all_keys = k.size(2);
  sequences.heads = static_cast<int>(q.size(1));
  sequences.head = static_cast<int>(q.size(3));
  sequences.q = strides_of(q);
  sequences.k = strides_of(k);
  sequences.v = strides_of(v);
  sequences.before = before;
  sequences.after = after;
  sequences.tiles = tiles;
  const bool aligned = rows_aligned(q) && rows_aligned(k) && rows_aligned(v);
  launch_attention(op, {q, k, v, 0, 0, aligned}, std::nullopt, sequences, q.size(0), y);
  return y;
}

Tensor sliding_attention_cuda(const Tensor& q,  // [B, heads, L, D]
                              const Tensor& k,  // [B, heads, L, D]
                              const Tensor& v,  // [B, heads, L, D]
                              int64_t window, bool causal) {
  const char* const op = "sliding_attention";
  check_inputs(op, q, k, v, q.dim() == 4 ? q.size(2) : 0);
  STD_TORCH_CHECK(window >= 1, op, ": expected a window of at least 1");
  STD_TORCH_CHECK(q.size(2) < kLongest, op, ": expected fewer than ", kLongest, " tokens");
  const int64_t before = std::min(window, std::max(q.size(2), int64_t{1})) - 1;
  return attend(op, q, k, v, before, causal ? 0 : before, 1);
}

Tensor cross_attention_small_cuda(const Tensor& q,  // [B, heads, L, D]
                                  const Tensor& k,  // [B, heads, S, D]
                                  const Tensor& v   // [B, heads, S, D]
) {
  const char* const op = "cross_attention_small";
  STD_TORCH_CHECK(k.dim() == 4 && k.size(2) >= 1 && k.size(2) <= kStaying, op, ": expected 1 to ",
                  kStaying, " keys");
  check_inputs(op, q, k, v, k.size(2));
  // Keys serve several tiles of queries where enough blocks remain for every multiprocessor.
  const int64_t tiles = q.size(0) * q.size(1) * ((q.size(2) + kTile - 1) / kTile);
  const auto together = static_cast<int>(std::clamp<int64_t>(tiles / 1024, 1, 8));
  return attend(op, q, k, v, -1, 0, together);
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("sliding_attention", TORCH_BOX(&sliding_attention_cuda));
  m.impl("cross_attention_small", TORCH_BOX(&cross_attention_small_cuda));
}

}  // namespace aigc_assets::attention_gpu
