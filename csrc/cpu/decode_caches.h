// The caches, positions and rotary tables of the decode ops, checked and described for kernels.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>

#include "decode_run.h"

namespace aigc_assets::decode {

inline char* at(const Tensor& tensor, int64_t b) {
  return static_cast<char*>(tensor.mutable_data_ptr()) +
         b * tensor.stride(0) * static_cast<int64_t>(tensor.element_size());
}

inline std::vector<int64_t> read_counts(const Tensor& counts, int64_t batch, const char* op) {
  STD_TORCH_CHECK(counts.dim() == 1 && counts.size(0) == batch &&
                      counts.scalar_type() == torch::headeronly::ScalarType::Long,
                  op, ": expected an int64 number for every row");
  const auto* const data = static_cast<const int64_t*>(counts.const_data_ptr());
  std::vector<int64_t> found(batch);
  for (int64_t b = 0; b < batch; ++b) found[b] = data[b * counts.stride(0)];
  return found;
}

inline std::vector<int64_t> read_positions(const Tensor& positions, int64_t batch, int64_t room,
                                           int64_t length, const char* op) {
  std::vector<int64_t> found = read_counts(positions, batch, op);
  const int64_t limit = std::min(room, length);
  for (const int64_t position : found) {
    STD_TORCH_CHECK(position >= 0 && position < limit, op, ": positions: expected 0..", limit - 1,
                    ", got ", position);
  }
  return found;
}

// Keys and values, [B, Hkv, T, D] each.
class Caches {
 public:
  Caches(const Tensor& keys, const Tensor& values, int64_t batch, int64_t dim, const char* op)
      : keys_(keys), values_(values), format_(format_of(keys, op)) {
    STD_TORCH_CHECK(keys.dim() == 4 && keys.size(0) == batch && keys.size(1) > 0 &&
                        keys.size(2) > 0 && keys.size(3) == dim && dim > 0 && values.dim() == 4,
                    op, ": expected k_cache of shape [B, Hkv, T, D]");
    for (int64_t i = 0; i < 4; ++i) {
      STD_TORCH_CHECK(values.size(i) == keys.size(i), op,
                      ": expected v_cache of the shape of k_cache");
    }
    STD_TORCH_CHECK(format_ != Format::kInt8 && format_of(values, op) == format_, op,
                    ": expected one dtype");
    read_keys_ = with_dense_rows(keys);
    read_values_ = with_dense_rows(values);
  }

  // Before they are written: every element has a place in memory of its own, as the public
  // functions say it.
  void check_written(const char* op) const {
    int64_t extents[2], starts[2];
    for (int i = 0; i < 2; ++i) {
      const Tensor& cache = i == 0 ? keys_ : values_;
      std::array<Step, 5> steps = steps_of(cache);
      STD_TORCH_CHECK(!overlap(steps), op, ": ", i == 0 ? "k_cache" : "v_cache",
                      ": expected no two elements in one place");
      extents[i] = size_of(format_);
      for (const Step& step : steps) extents[i] += (step.size - 1) * step.stride * size_of(format_);
      starts[i] = reinterpret_cast<std::intptr_t>(cache.const_data_ptr());
    }
    if (keys_.numel() == 0 || starts[0] + extents[0] <= starts[1] ||
        starts[1] + extents[1] <= starts[0]) {
      return;
    }
    // Side by side in one tensor, as in [B, H, T, 2, D]: one more dimension, of size 2.
    const int64_t bytes = std::abs(starts[1] - starts[0]);
    std::array<Step, 5> steps = steps_of(keys_);
    steps[4] = {bytes / size_of(format_), 2};
    bool apart = bytes % size_of(format_) == 0 && !overlap(steps);
    for (int i = 0; i < 4; ++i) apart &= keys_.stride(i) == values_.stride(i);
    STD_TORCH_CHECK(apart, op, ": v_cache: expected memory of its own, got some of k_cache");
  }

  void check_heads(int64_t heads, const char* op) const {
    STD_TORCH_CHECK(heads % shared() == 0, op, ": expected a multiple of ", shared(), " heads");
  }

  Format format() const { return format_; }
  int64_t shared() const { return keys_.size(1); }
  int64_t room() const { return keys_.size(2); }

  // Where a row appends.
  void describe(Heads& h, int64_t b, int64_t position) const {
    h.shared = shared();
    h.dim = keys_.size(3);
    h.cache_format = format_;
    const int64_t size = size_of(format_);
    h.k_to = at(keys_, b) + position * keys_.stride(2) * size;
    h.v_to = at(values_, b) + position * values_.stride(2) * size;
    h.k_to_stride = keys_.stride(1);
    h.v_to_stride = values_.stride(1);
    h.k_to_step = h.dim > 1 ? keys_.stride(3) : 1;
    h.v_to_step = h.dim > 1 ? values_.stride(3) : 1;
  }

  // After appending: where the elements of a position do not lie side by side, copies are read.
  void make_dense() {
    read_keys_ = with_dense_rows(keys_);
    read_values_ = with_dense_rows(values_);
  }

  void describe(Attention& a) const {
    a.keys = read_keys_.const_data_ptr();
    a.values = read_values_.const_data_ptr();
    a.format = format_;
    a.key_batch = read_keys_.stride(0);
    a.key_head = read_keys_.stride(1);
    a.key_stride = read_keys_.stride(2);
    a.value_batch = read_values_.stride(0);
    a.value_head = read_values_.stride(1);
    a.value_stride = read_values_.stride(2);
    a.shared = shared();
    a.dim = keys_.size(3);
    a.room = room();
  }

 private:
  struct Step {
    int64_t stride, size;
  };

  static std::array<Step, 5> steps_of(const Tensor& cache) {
    std::array<Step, 5> steps{};
    for (int i = 0; i < 4; ++i) steps[i] = {cache.stride(i), cache.size(i)};
    steps[4] = {0, 1};
    return steps;
  }

  // Whether two elements may share a place: no for all layouts whose dimensions nest.
  static bool overlap(std::array<Step, 5> steps) {
    for (const Step& step : steps) {
      if (step.size == 0) return false;
    }
    std::sort(steps.begin(), steps.end(),
              [](const Step& a, const Step& b) { return a.stride < b.stride; });
    int64_t reach = 0;
    for (const Step& step : steps) {
      if (step.size > 1 && step.stride <= reach) return true;
      reach += (step.size - 1) * step.stride;
    }
    return false;
  }

  Tensor keys_, values_, read_keys_, read_values_;
  Format format_;
};

// The rotary table [2, L, D / 2], and the scales of the norms of query and key.
class Rotation {
 public:
  Rotation(const Tensor& rope, const std::optional<Tensor>& q_scale,
           const std::optional<Tensor>& k_scale, int64_t dim, Format dtype, const char* op)
      : rope_(with_dense_rows(rope)), format_(format_of(rope, op)) {
    STD_TORCH_CHECK(dim % 2 == 0 && rope.dim() == 3 && rope.size(0) == 2 && rope.size(2) == dim / 2,
                    op, ": expected rope of shape [2, L, D / 2]");
    STD_TORCH_CHECK(format_ == dtype || format_ == Format::kFloat32, op,
                    ": expected rope in the dtype of the op or float32");
    if (q_scale.has_value()) q_scale_ = read_vector(*q_scale, dim, dtype, op);
    if (k_scale.has_value()) k_scale_ = read_vector(*k_scale, dim, dtype, op);
  }

  int64_t length() const { return rope_.size(1); }

  void describe(Heads& h, int64_t position) const {
    h.cosines = at(rope_, 0) + position * rope_.stride(1) * size_of(format_);
    h.sines = at(rope_, 1) + position * rope_.stride(1) * size_of(format_);
    h.rope_format = format_;
    if (q_scale_.has_value()) {
      h.q_scale = q_scale_->const_data_ptr();
      h.q_scale_format = format_of(*q_scale_, "q_scale");
    }
    if (k_scale_.has_value()) {
      h.k_scale = k_scale_->const_data_ptr();
      h.k_scale_format = format_of(*k_scale_, "k_scale");
    }
  }

 private:
  Tensor rope_;
  Format format_;
  std::optional<Tensor> q_scale_, k_scale_;
};

}  // namespace aigc_assets::decode
