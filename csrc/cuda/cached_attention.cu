// decode_attention and decode_attention_append on the GPU: checks, launches, registration.
#include "cached_attention.h"

#include <cstdint>
#include <optional>

#include "cached_attention_split.cuh"

namespace aigc_assets::decode_gpu {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

namespace {

constexpr int64_t kFillingBlocks = 264;  // two for every multiprocessor of the largest GPU
constexpr int64_t kLeastKeys = 128;      // of a split
constexpr int64_t kUnsplitKeys = 256;    // that are not worth a second kernel
constexpr int64_t kMostSplits = 64;
constexpr int64_t kLargestDim = 4096;  // that has a kernel at all
constexpr int64_t kLargestRoom = 1 << 30;
constexpr int64_t kLargestFastDim = 256;

CacheStrides strides_of(const Tensor& cache) {
  return {cache.stride(0), cache.stride(1), cache.stride(2)};
}

bool has_fast_kernel(const Tensor& cache) {
  const int64_t dim = cache.size(3), width = static_cast<int64_t>(cache.element_size());
  return width <= 4 && dim <= kLargestFastDim && dim * width % 16 == 0;
}

// Whether a kernel can read the cache: the numbers of a position side by side, and for the fast
// ones every position at a multiple of 16 bytes.
bool usable(const Tensor& cache) {
  if (cache.size(3) > 1 && cache.stride(3) != 1) return false;
  if (!has_fast_kernel(cache)) return true;
  const int64_t width = static_cast<int64_t>(cache.element_size());
  bool aligned = reinterpret_cast<std::uintptr_t>(cache.const_data_ptr()) % 16 == 0;
  for (int d = 0; d < 3; ++d) aligned &= cache.size(d) == 1 || cache.stride(d) * width % 16 == 0;
  return aligned;
}

unsigned grid_of(int64_t blocks, const char* op) {
  STD_TORCH_CHECK(blocks <= 0x7fffffff, op, ": too many rows for one launch");
  return static_cast<unsigned>(blocks);
}

template <int kVectors>
void launch_vector(const Attention& a, unsigned blocks, cudaStream_t stream) {
  if (a.group == 1) {
    attend_vector_kernel<kVectors, 1>
        <<<blocks, kAttentionThreads, vector_shared(kVectors, 1), stream>>>(a);
  } else {
    attend_vector_kernel<kVectors, 4>
        <<<blocks, kAttentionThreads, vector_shared(kVectors, 4), stream>>>(a);
  }
}

template <class T>
void launch_tile(const Attention& a, unsigned blocks, cudaStream_t stream) {
  if (a.dim <= 32) {
    attend_tile_kernel<T, 32><<<blocks, kAttentionThreads, tile_shared(32), stream>>>(a);
  } else if (a.dim <= 64) {
    attend_tile_kernel<T, 64><<<blocks, kAttentionThreads, tile_shared(64), stream>>>(a);
  } else if (a.dim <= 128) {
    attend_tile_kernel<T, 128><<<blocks, kAttentionThreads, tile_shared(128), stream>>>(a);
  } else {
    attend_tile_kernel<T, 256><<<blocks, kAttentionThreads, tile_shared(256), stream>>>(a);
  }
}

}  // namespace

Tensor usable_cache(const Tensor& cache) {
  if (usable(cache)) return cache;
  const Tensor dense = torch::stable::contiguous(cache);
  return usable(dense) ? dense : torch::stable::clone(dense);
}

void copy_back(const Tensor& used, const Tensor& cache) {
  if (used.const_data_ptr() == cache.const_data_ptr()) return;
  Tensor to = cache;
  torch::stable::copy_(to, used);
}

int splits_of(int64_t keys, int64_t units) {
  if (keys <= kUnsplitKeys || units == 0) return 1;
  const int64_t wanted = (kFillingBlocks + units - 1) / units;
  const int64_t possible = keys / kLeastKeys;
  int64_t splits = wanted < possible ? wanted : possible;
  if (splits > kMostSplits) splits = kMostSplits;
  return static_cast<int>(splits);
}

void launch_attention(Attention a, const Tensor& k_cache, const Tensor& v_cache,
                      int64_t query_heads, cudaStream_t stream, const char* op) {
  const int64_t rows = k_cache.size(0), heads = k_cache.size(1), dim = k_cache.size(3);
  STD_TORCH_CHECK(dim <= kLargestDim, op, ": no CUDA kernel for heads of more than 4096 numbers");
  STD_TORCH_CHECK(k_cache.size(2) <= kLargestRoom, op, ": no CUDA kernel for caches so long");
  a.k_cache = const_cast<void*>(k_cache.const_data_ptr());
  a.v_cache = const_cast<void*>(v_cache.const_data_ptr());
  a.k_at = strides_of(k_cache);
  a.v_at = strides_of(v_cache);
  a.room = static_cast<int>(k_cache.size(2));
  a.heads = static_cast<int>(heads);
  a.group = static_cast<int>(query_heads / heads);
  a.dim = static_cast<int>(dim);
  const ScalarType kind = k_cache.scalar_type();
  if (!has_fast_kernel(k_cache)) {
    const Tensor query = torch::stable::new_empty(
        k_cache, {rows, query_heads, dim},
        kind == ScalarType::Double ? ScalarType::Double : ScalarType::Float);
    a.query = query.mutable_data_ptr();
    a.splits = 1;
    const unsigned blocks = grid_of(rows * query_heads, op);
    const unsigned preparing = grid_of(rows * (query_heads + heads), op);
    with_format(k_cache, op, [&](auto tag) {
      using T = decltype(tag);
      using F = typename ComputeType<T>::type;
      const std::size_t shared = (kAttentionThreads + static_cast<std::size_t>(dim)) * sizeof(F);
      prepare_kernel<T, F><<<preparing, 32, 0, stream>>>(a);
      attend_any_kernel<T, F><<<blocks, kAttentionThreads, shared, stream>>>(a);
    });
    return check_launch(op);
  }
  const int tile_heads = kind == ScalarType::Float ? (a.group == 1 ? 1 : 4) : kTileHeads;
  a.tiles = (a.group + tile_heads - 1) / tile_heads;
  const int64_t keys = a.window > 0 && a.window < a.room ? a.window : a.room;
  const int64_t units = rows * heads * a.tiles;
  a.splits = splits_of(keys, units);
  std::optional<Tensor> sums, statistics;
  if (a.splits > 1) {
    sums = torch::stable::new_empty(k_cache, {rows, query_heads, a.splits, dim}, ScalarType::Float);
    statistics =
        torch::stable::new_empty(k_cache, {rows, query_heads, a.splits, 2}, ScalarType::Float);
    a.sums = static_cast<float*>(sums->mutable_data_ptr());
    a.statistics = static_cast<float*>(statistics->mutable_data_ptr());
  }
  const unsigned blocks = grid_of(units * a.splits, op);
  if (kind == ScalarType::Float) {
    const int vectors = dim <= vector_width(1) ? 1 : 2;
    a.lanes = 1;
    while (a.lanes * 4 * vectors < dim) a.lanes *= 2;
    vectors == 1 ? launch_vector<1>(a, blocks, stream) : launch_vector<2>(a, blocks, stream);
  } else if (kind == ScalarType::Half) {
    launch_tile<float16>(a, blocks, stream);
  } else {
    launch_tile<bfloat16>(a, blocks, stream);
  }
  check_launch(op);
  if (a.splits > 1) {
    combine_splits_kernel<float>
        <<<grid_of(rows * query_heads, op), kAttentionThreads, 0, stream>>>(a);
    check_launch(op);
  }
}

namespace {

void check_arguments(const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                     const Tensor& counts, const std::optional<Tensor>& slopes, const char* op) {
  bool fits = q.dim() == 3 && k_cache.dim() == 4 && v_cache.dim() == 4;
  STD_TORCH_CHECK(fits, op, ": expected q [B, Hq, D] and caches [B, Hkv, T, D]");
  for (int d = 0; d < 4; ++d) fits &= k_cache.size(d) == v_cache.size(d);
  fits &= q.size(0) == k_cache.size(0) && q.size(2) == k_cache.size(3) && k_cache.size(2) > 0 &&
          q.size(2) > 0 && k_cache.size(1) > 0 && q.size(1) % k_cache.size(1) == 0;
  STD_TORCH_CHECK(fits, op, ": expected q [B, Hq, D] and caches [B, Hkv, T, D]");
  STD_TORCH_CHECK(
      q.scalar_type() == k_cache.scalar_type() && q.scalar_type() == v_cache.scalar_type(), op,
      ": expected caches of the dtype of q");
  STD_TORCH_CHECK(
      counts.dim() == 1 && counts.size(0) == q.size(0) && counts.scalar_type() == ScalarType::Long,
      op, ": expected [B] int64");
  STD_TORCH_CHECK(!slopes || (slopes->dim() == 1 && slopes->size(0) == q.size(1)), op,
                  ": expected slopes of shape [Hq]");
}

// What both ops set in the same way. The tensors must outlive the launch.
Attention arguments_of(const Tensor& q, const Tensor& counts, const std::optional<Tensor>& slopes,
                       int64_t window, const Tensor& y, const char* op) {
  Attention a{};
  a.q = numbers_of(q, op);
  a.q_stride = q.size(1) * q.size(2);
  a.counts = static_cast<const int64_t*>(counts.const_data_ptr());
  if (slopes) a.slopes = numbers_of(*slopes, op);
  a.window = window;
  a.y = {y.mutable_data_ptr(), format_of(y, op)};
  return a;
}

std::optional<Tensor> contiguous(const std::optional<Tensor>& tensor) {
  if (!tensor) return std::nullopt;
  return torch::stable::contiguous(*tensor);
}

Tensor decode_attention_cuda(const Tensor& q_,        // [B, Hq, D]
                             const Tensor& k_cache_,  // [B, Hkv, T, D]
                             const Tensor& v_cache_,  // [B, Hkv, T, D]
                             const Tensor& lengths_,  // [B]
                             int64_t window,
                             const std::optional<Tensor>& slopes_  // [Hq]
) {
  constexpr const char* op = "decode_attention";
  check_devices(op, q_, k_cache_, v_cache_, lengths_, slopes_);
  check_arguments(q_, k_cache_, v_cache_, lengths_, slopes_, op);
  const torch::stable::accelerator::DeviceGuard guard(q_.get_device_index());
  const Tensor q = torch::stable::contiguous(q_), lengths = torch::stable::contiguous(lengths_);
  const std::optional<Tensor> slopes = contiguous(slopes_);
  const Tensor y = torch::stable::new_empty(q, {q.size(0), q.size(1), q.size(2)});
  if (y.numel() == 0) return y;
  const Tensor k_cache = usable_cache(k_cache_), v_cache = usable_cache(v_cache_);
  launch_attention(arguments_of(q, lengths, slopes, window, y, op), k_cache, v_cache, q.size(1),
                   current_stream(q, op), op);
  return y;
}

void check_scale(const std::optional<Tensor>& scale, int64_t dim, const char* op) {
  STD_TORCH_CHECK(!scale || (scale->dim() == 1 && scale->size(0) == dim), op,
                  ": expected scales of shape [D]");
}

Tensor decode_attention_append_cuda(const Tensor& q_,          // [B, Hq, D]
                                    const Tensor& k_,          // [B, Hkv, D]
                                    const Tensor& v_,          // [B, Hkv, D]
                                    const Tensor& k_cache_,    // [B, Hkv, T, D], written
                                    const Tensor& v_cache_,    // [B, Hkv, T, D], written
                                    const Tensor& positions_,  // [B]
                                    const Tensor& rope_,       // [2, L, D / 2]
                                    const std::optional<Tensor>& q_scale_,  // [D]
                                    const std::optional<Tensor>& k_scale_,  // [D]
                                    double eps, int64_t window,
                                    const std::optional<Tensor>& slopes_  // [Hq]
) {
  constexpr const char* op = "decode_attention_append";
  check_devices(op, q_, k_, v_, k_cache_, v_cache_, positions_, rope_, q_scale_, k_scale_, slopes_);
  check_arguments(q_, k_cache_, v_cache_, positions_, slopes_, op);
  const int64_t dim = q_.size(2);
  for (const Tensor& fresh : {k_, v_}) {
    STD_TORCH_CHECK(fresh.dim() == 3 && fresh.size(0) == q_.size(0) &&
                        fresh.size(1) == k_cache_.size(1) && fresh.size(2) == dim &&
                        fresh.scalar_type() == q_.scalar_type(),
                    op, ": expected k and v of shape [B, Hkv, D] and the dtype of q");
  }
  STD_TORCH_CHECK(
      dim % 2 == 0 && rope_.dim() == 3 && rope_.size(0) == 2 && rope_.size(2) == dim / 2, op,
      ": expected rope of shape [2, L, D / 2]");
  check_scale(q_scale_, dim, op);
  check_scale(k_scale_, dim, op);
  const torch::stable::accelerator::DeviceGuard guard(q_.get_device_index());
  const Tensor q = torch::stable::contiguous(q_), k = torch::stable::contiguous(k_),
               v = torch::stable::contiguous(v_), rope = torch::stable::contiguous(rope_),
               positions = torch::stable::contiguous(positions_);
  const std::optional<Tensor> slopes = contiguous(slopes_), q_scale = contiguous(q_scale_),
                              k_scale = contiguous(k_scale_);
  const Tensor y = torch::stable::new_empty(q, {q.size(0), q.size(1), dim});
  if (y.numel() == 0) return y;
  Attention a = arguments_of(q, positions, slopes, window, y, op);
  a.append = true;
  a.k = numbers_of(k, op);
  a.v = numbers_of(v, op);
  a.k_stride = a.v_stride = k.size(1) * dim;
  a.rope = numbers_of(rope, op);
  a.rope_rows = rope.size(1);
  if (q_scale) a.q_scale = numbers_of(*q_scale, op);
  if (k_scale) a.k_scale = numbers_of(*k_scale, op);
  a.eps = {static_cast<float>(eps), eps};
  const Tensor k_cache = usable_cache(k_cache_), v_cache = usable_cache(v_cache_);
  launch_attention(a, k_cache, v_cache, q.size(1), current_stream(q, op), op);
  copy_back(k_cache, k_cache_);
  copy_back(v_cache, v_cache_);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("decode_attention", TORCH_BOX(&decode_attention_cuda));
  m.impl("decode_attention_append", TORCH_BOX(&decode_attention_append_cuda));
}

}  // namespace aigc_assets::decode_gpu
