// A C function that runs the CUDA kernels of decode_attention under fiber.h,
// for tests/ops.
#include "../../csrc/cuda/cached_attention_split.cuh"

namespace {

using namespace aigc_assets;
using namespace aigc_assets::decode_gpu;

struct Scratch {
  std::vector<float> sums, statistics;
};

template <int kVectors, int kHeads>
void vector(const Attention& a, unsigned blocks, unsigned seed) {
  fiber::launch(blocks, kAttentionThreads, vector_shared(kVectors, kHeads), seed,
                [&] { attend_vector_kernel<kVectors, kHeads>(a); });
}

template <class T, int kDim>
void tile(const Attention& a, unsigned blocks, unsigned seed) {
  fiber::launch(blocks, kAttentionThreads, tile_shared(kDim), seed,
                [&] { attend_tile_kernel<T, kDim>(a); });
}

template <class T>
void tile(const Attention& a, unsigned blocks, unsigned seed) {
  if (a.dim <= 32) return tile<T, 32>(a, blocks, seed);
  if (a.dim <= 64) return tile<T, 64>(a, blocks, seed);
  if (a.dim <= 128) return tile<T, 128>(a, blocks, seed);
  tile<T, 256>(a, blocks, seed);
}

template <class T, class F>
void any(Attention a, unsigned rows, unsigned seed) {
  const unsigned queries = static_cast<unsigned>(a.heads * a.group);
  std::vector<F> query(rows * queries * static_cast<unsigned>(a.dim));
  std::memset(query.data(), fiber::kPoison, query.size() * sizeof(F));
  a.query = query.data();
  a.splits = 1;
  fiber::launch(rows * (queries + static_cast<unsigned>(a.heads)), 32, 0, seed,
                [&] { prepare_kernel<T, F>(a); });
  const std::size_t shared = (kAttentionThreads + static_cast<std::size_t>(a.dim)) * sizeof(F);
  fiber::launch(rows * queries, kAttentionThreads, shared, seed,
                [&] { attend_any_kernel<T, F>(a); });
}

}  // namespace

// Formats: 0 float32, 1 float64, 2 float16, 3 bfloat16; those of queries and
// results, of the caches, of the vectors (scales, slopes) and of the angles.
// Caches are contiguous. splits 0: the kernel for any shape.
extern "C" void run_attention(const int* formats, const int* sizes, const void* q, const void* k,
                              const void* v, void* k_cache, void* v_cache, const int64_t* counts,
                              const void* rope, int rope_rows, const void* q_scale,
                              const void* k_scale, const void* slopes, double eps, int window,
                              int splits, unsigned seed, void* y) {
  const auto format = [&](int i) { return static_cast<Format>(formats[i]); };
  const int rows = sizes[0], heads = sizes[1], shared = sizes[2], room = sizes[3], dim = sizes[4];
  Attention a{};
  a.q = {q, format(0)};
  a.k = {k, format(0)};
  a.v = {v, format(0)};
  a.q_stride = static_cast<int64_t>(heads) * dim;
  a.k_stride = a.v_stride = static_cast<int64_t>(shared) * dim;
  a.k_cache = k_cache;
  a.v_cache = v_cache;
  a.k_at =
      a.v_at = {static_cast<int64_t>(shared) * room * dim, static_cast<int64_t>(room) * dim, dim};
  a.counts = counts;
  a.append = rope != nullptr;
  a.rope = {rope, format(3)};
  a.rope_rows = rope_rows;
  a.q_scale = {q_scale, format(2)};
  a.k_scale = {k_scale, format(2)};
  a.slopes = {slopes, format(2)};
  a.eps = {static_cast<float>(eps), eps};
  a.window = window;
  a.room = room;
  a.heads = shared;
  a.group = heads / shared;
  a.dim = dim;
  a.splits = splits;
  a.y = {y, format(0)};
  const auto count = static_cast<unsigned>(rows);
  if (splits == 0) {
    switch (formats[1]) {
      case 0:
        return any<float, float>(a, count, seed);
      case 1:
        return any<double, double>(a, count, seed);
      case 2:
        return any<float16, float>(a, count, seed);
      default:
        return any<bfloat16, float>(a, count, seed);
    }
  }
  Scratch scratch;
  scratch.sums.assign(static_cast<std::size_t>(rows * heads * splits * dim), NAN);
  scratch.statistics.assign(static_cast<std::size_t>(rows * heads * splits * 2), NAN);
  a.sums = scratch.sums.data();
  a.statistics = scratch.statistics.data();
  const int together = formats[1] != 0 ? kTileHeads : a.group == 1 ? 1 : 4;
  a.tiles = (a.group + together - 1) / together;
  const auto blocks = static_cast<unsigned>(rows * shared * a.tiles * splits);
  if (formats[1] == 0) {
    const int vectors = dim <= vector_width(1) ? 1 : 2;
    a.lanes = 1;
    while (a.lanes * 4 * vectors < dim) a.lanes *= 2;
    if (vectors == 1) {
      together == 1 ? vector<1, 1>(a, blocks, seed) : vector<1, 4>(a, blocks, seed);
    } else {
      together == 1 ? vector<2, 1>(a, blocks, seed) : vector<2, 4>(a, blocks, seed);
    }
  } else if (formats[1] == 2) {
    tile<float16>(a, blocks, seed);
  } else {
    tile<bfloat16>(a, blocks, seed);
  }
  if (splits > 1) {
    fiber::launch(static_cast<unsigned>(rows * heads), kAttentionThreads, 0, seed,
                  [&] { combine_splits_kernel<float>(a); });
  }
}
