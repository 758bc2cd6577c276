// sliding_attention and cross_attention_small on the CPU: checks, units, registration.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "attention_run.h"

namespace aigc_assets::attention {
namespace {

using torch::stable::Tensor;

constexpr int64_t kFewest = 64, kMost = 512;  // queries of a unit

// One of q, k, v or the result, [B, heads, L, D].
struct Sequence {
  explicit Sequence(const Tensor& tensor)
      : data(static_cast<char*>(const_cast<void*>(tensor.const_data_ptr()))),
        batch(byte_stride(tensor, 0)),
        head(byte_stride(tensor, 1)),
        position(byte_stride(tensor, 2)) {}

  char* of(int64_t b, int64_t h) const { return data + b * batch + h * head; }
  // Offsets of the positions [first, first + count).
  void rows(int64_t first, int64_t count, std::vector<int64_t>* to) const {
    to->resize(count);
    for (int64_t i = 0; i < count; ++i) (*to)[i] = (first + i) * position;
  }

  char* data;
  int64_t batch, head, position;  // bytes
};

void check_inputs(const char* op, const Tensor& q, const Tensor& k, const Tensor& v) {
  bool fits = q.dim() == 4 && k.dim() == 4 && v.dim() == 4;
  for (int64_t i = 0; fits && i < 4; ++i) {
    fits = k.size(i) == v.size(i) && (i == 2 || q.size(i) == k.size(i));
  }
  STD_TORCH_CHECK(fits, op, ": expected q, k and v of shapes that fit each other");
  STD_TORCH_CHECK(q.size(3) < kEverything, op, ": expected a smaller D");
  STD_TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), op,
                  ": expected q, k and v of one dtype");
}

// bias[j - i] for unit.bias_stride = -1: `one` within the band, -infinity outside; `room` readable
// numbers before and behind.
template <class F>
const F* band(int begin, int end, F one, int before, int behind, std::vector<F>* to) {
  to->assign(before + behind, -std::numeric_limits<F>::infinity());
  F* const zero = to->data() + before;
  std::fill(zero + std::max(begin, -before), zero + std::min(end, behind), one);
  return zero;
}

Tensor sliding_attention_cpu(const Tensor& q,  // [B, heads, L, D]
                             const Tensor& k,  // [B, heads, L, D]
                             const Tensor& v,  // [B, heads, L, D]
                             int64_t window, bool causal) {
  check_inputs("sliding_attention", q, k, v);
  STD_TORCH_CHECK(q.size(2) == k.size(2) && window >= 1,
                  "sliding_attention: expected as many keys as queries, and a window");
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), depth = q.size(3);
  Tensor y = torch::stable::new_empty(q, {batch, heads, length, depth});
  if (y.numel() == 0) return y;
  window = std::min(window, length);
  // Wide windows want many queries for one set of keys, narrow ones no more keys than need be.
  const int64_t block = std::min(std::clamp((2 * window + 63) / 64 * 64, kFewest, kMost), length);
  const int64_t blocks = (length + block - 1) / block;
  const int64_t span = std::min(length, block + (causal ? 1 : 2) * (window - 1));
  STD_TORCH_CHECK(span < kEverything, "sliding_attention: the window is too large");
  const Tensor dense[] = {with_dense_rows(q), with_dense_rows(k), with_dense_rows(v)};
  const Sequence from_q(dense[0]), from_k(dense[1]), from_v(dense[2]), to(y);
  const Format format = floating_format_of(q, "sliding_attention");
  const Plan plan{kernels_for(format), format, static_cast<int>(block), static_cast<int>(span),
                  static_cast<int>(depth)};
  const double scale = 1 / std::sqrt(static_cast<double>(depth)), one = plan.kernels.bias_offset;

  for_each_unit(plan, batch * heads * blocks, [&](Worker& worker, int64_t number) {
    const int64_t head = number / blocks, first = number % blocks * block;
    const int64_t last = std::min(first + block, length);
    const int64_t first_key = std::max<int64_t>(0, first - window + 1);
    const int64_t last_key = causal ? last : std::min(length, last + window - 1);
    const int64_t b = head / heads, h = head % heads;
    from_q.rows(first, last - first, &worker.queries);
    from_k.rows(first_key, last_key - first_key, &worker.keys);
    from_v.rows(first_key, last_key - first_key, &worker.values);
    to.rows(first, last - first, &worker.out);
    Unit unit{};
    unit.q = {from_q.of(b, h), worker.queries.data()};
    unit.k = {from_k.of(b, h), worker.keys.data()};
    unit.v = {from_v.of(b, h), worker.values.data()};
    unit.out = {to.of(b, h), worker.out.data()};
    unit.queries = static_cast<int>(last - first);
    unit.keys = static_cast<int>(last_key - first_key);
    unit.depth = static_cast<int>(depth);
    unit.complete = true;
    unit.scale = scale;
    const int64_t own = first - first_key;  // the key that is the first query's own
    unit.band_begin = static_cast<int>(own - window + 1);
    unit.band_end = static_cast<int>(own + (causal ? 1 : window));
    unit.bias_stride = -1;
    const int before = round_up(unit.queries, kKeyBlock), behind = round_up(unit.keys, kKeyBlock);
    if (format == Format::kFloat64) {
      unit.bias = band(unit.band_begin, unit.band_end, one, before, behind, &worker.wide_bias);
    } else {
      unit.bias = band(unit.band_begin, unit.band_end, static_cast<float>(one), before, behind,
                       &worker.bias);
    }
    plan.kernels.run(format, unit, worker.scratch);
  });
  return y;
}

Tensor cross_attention_small_cpu(const Tensor& q,  // [B, heads, L, D]
                                 const Tensor& k,  // [B, heads, S, D]
                                 const Tensor& v   // [B, heads, S, D]
) {
  check_inputs("cross_attention_small", q, k, v);
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), depth = q.size(3);
  const int64_t keys = k.size(2);
  STD_TORCH_CHECK(keys >= 1 && keys < kEverything, "cross_attention_small: expected keys");
  Tensor y = torch::stable::new_empty(q, {batch, heads, length, depth});
  if (y.numel() == 0) return y;
  const int64_t block = std::min(kMost, length), blocks = (length + block - 1) / block;
  const Tensor dense[] = {with_dense_rows(q), with_dense_rows(k), with_dense_rows(v)};
  const Sequence from_q(dense[0]), from_k(dense[1]), from_v(dense[2]), to(y);
  const Format format = floating_format_of(q, "cross_attention_small");
  const Plan plan{kernels_for(format), format, static_cast<int>(block), static_cast<int>(keys),
                  static_cast<int>(depth)};
  const double scale = 1 / std::sqrt(static_cast<double>(depth));
  const std::size_t room = round_up(static_cast<int>(keys), kKeyBlock);
  const std::vector<double> wide_bias(room, plan.kernels.bias_offset);
  const std::vector<float> bias(wide_bias.begin(), wide_bias.end());

  for_each_unit(plan, batch * heads * blocks, [&](Worker& worker, int64_t number) {
    const int64_t head = number / blocks, first = number % blocks * block;
    const int64_t last = std::min(first + block, length);
    const int64_t b = head / heads, h = head % heads;
    from_q.rows(first, last - first, &worker.queries);
    from_k.rows(0, keys, &worker.keys);
    from_v.rows(0, keys, &worker.values);
    to.rows(first, last - first, &worker.out);
    Unit unit{};
    unit.q = {from_q.of(b, h), worker.queries.data()};
    unit.k = {from_k.of(b, h), worker.keys.data()};
    unit.v = {from_v.of(b, h), worker.values.data()};
    unit.out = {to.of(b, h), worker.out.data()};
    unit.queries = static_cast<int>(last - first);
    unit.keys = static_cast<int>(keys);
    unit.depth = static_cast<int>(depth);
    unit.complete = true;
    unit.scale = scale;
    unit.bias = format == Format::kFloat64 ? static_cast<const void*>(wide_bias.data())
                                           : static_cast<const void*>(bias.data());
    unit.bias_stride = 0;
    unit.band_begin = -kEverything;
    unit.band_end = kEverything;
    plan.kernels.run(format, unit, worker.scratch);
  });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("sliding_attention", TORCH_BOX(&sliding_attention_cpu));
  m.impl("cross_attention_small", TORCH_BOX(&cross_attention_small_cpu));
}

}  // namespace aigc_assets::attention
