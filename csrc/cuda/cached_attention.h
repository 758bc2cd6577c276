// How other families of kernels call the attention of one token: on tensors that they have checked.
#pragma once

#include "cached_attention.cuh"
#include "launch.h"

namespace aigc_assets::decode_gpu {

inline Format format_of(const torch::stable::Tensor& tensor, const char* op) {
  using torch::headeronly::ScalarType;
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return Format::kFloat;
    case ScalarType::Double:
      return Format::kDouble;
    case ScalarType::Half:
      return Format::kHalf;
    case ScalarType::BFloat16:
      return Format::kBfloat;
    default:
      STD_TORCH_CHECK(false, op, ": expected a floating dtype of 16, 32 or 64 bits");
  }
}

// `tensor` must outlive what is read from it.
inline Numbers numbers_of(const torch::stable::Tensor& tensor, const char* op) {
  return {tensor.const_data_ptr(), format_of(tensor, op)};
}

// The cache itself if the kernels can read it where it lies, otherwise a copy: which kernel runs,
// and so which bytes come out, never depends on strides.
torch::stable::Tensor usable_cache(const torch::stable::Tensor& cache);

// Into the cache what was written to usable_cache(cache).
void copy_back(const torch::stable::Tensor& used, const torch::stable::Tensor& cache);

// Splits that a key range of at most `keys` is cut into, for `units` blocks per split.
int splits_of(int64_t keys, int64_t units);

// Runs attention, and appends before it, over all rows. What the caller sets of `a`: everything
// about queries, new keys, counts, rope, scales, slopes, eps, window and y. The rest comes from the
// caches, [B, Hkv, T, D], which usable_cache returned. Several kernels, no
// synchronisation; scratch from torch's allocator.
void launch_attention(Attention a, const torch::stable::Tensor& k_cache,
                      const torch::stable::Tensor& v_cache, int64_t query_heads,
                      cudaStream_t stream, const char* op);

}  // namespace aigc_assets::decode_gpu
