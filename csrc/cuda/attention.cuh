// Sequences on the GPU, without torch: where the queries and keys of sliding_attention and
// cross_attention_small lie.
#pragma once

#include "attention_dispatch.cuh"

namespace aigc_assets::attention_gpu {

struct Strides {
  int64_t batch, head, token;
};

// Queries [B, heads, queries], and the keys of [B, heads, all_keys] that they look at: a band, or
// all. A block takes `tiles` tiles of queries of a head, one if there is a band.
struct Sequences {
  static constexpr bool kBiased = false, kFewKeys = true;
  int64_t queries, all_keys;
  int heads, head;
  Strides q, k, v;  // y is contiguous
  int64_t before,
      after;  // query i looks at keys i - before .. i + after; negative `before`: at all
  int tiles;

  AIGC_INLINE bool banded() const { return before >= 0; }
  AIGC_INLINE bool few_keys() const { return !banded(); }
  // At most so many keys for any block.
  AIGC_INLINE int64_t keys() const {
    const int64_t most = before + kTile + after;
    return banded() && most < all_keys ? most : all_keys;
  }
  AIGC_INLINE int limit() const { return banded() ? static_cast<int>(before + after + 1) : 1; }
  AIGC_INLINE int entries() const { return 0; }
  AIGC_INLINE int64_t columns() const { return (queries + kTile * tiles - 1) / (kTile * tiles); }
  AIGC_INLINE int64_t blocks(int64_t batch) const { return batch * heads * columns(); }

  class Place {
   public:
    __device__ Place(const Sequences& sequences, unsigned block) : s_(sequences) {
      const auto columns = static_cast<unsigned>(s_.columns());
      first_ = static_cast<int64_t>(block % columns) * kTile * s_.tiles;
      block /= columns;
      row_ = block;
      const int64_t batch = block / s_.heads, head = block % s_.heads;
      q_ = batch * s_.q.batch + head * s_.q.head;
      k_ = batch * s_.k.batch + head * s_.k.head;
      v_ = batch * s_.v.batch + head * s_.v.head;
      first_key_ = 0;
      int64_t last = s_.all_keys;
      if (s_.banded()) {
        const int64_t end = first_ + kTile + s_.after;
        first_key_ = first_ > s_.before ? first_ - s_.before : 0;
        last = end < last ? end : last;
      }
      keys_ = static_cast<int>(last - first_key_);
    }

    __device__ int tiles() const {
      const int64_t left = (s_.queries - first_ + kTile - 1) / kTile;
      return left < s_.tiles ? static_cast<int>(left) : s_.tiles;
    }
    __device__ int keys() const { return keys_; }
    __device__ int first_head() const { return 0; }
    __device__ int head(int) const { return 0; }

    __device__ Range range(int group) const {
      if (!s_.banded()) return {0, keys_};
      const int64_t query = first_ + group * kGroup;
      if (query >= s_.queries) return {0, 0};
      const int64_t begin = query - s_.before - first_key_;
      const int64_t end = query + kGroup + s_.after - first_key_;
      return {begin < 0 ? 0 : static_cast<int>(begin), end < keys_ ? static_cast<int>(end) : keys_};
    }

    __device__ Query query(int i) const {
      const int64_t at = first_ + i;
      if (at >= s_.queries) return {-1, -1, 0};
      const int code = s_.banded() ? static_cast<int>(at - s_.before - first_key_) : 0;
      return {q_ + at * s_.q.token, (row_ * s_.queries + at) * s_.head, code};
    }

    __device__ Key key(int j) const {
      if (j >= keys_) return {-1, -1, kNoKey};
      const int64_t at = first_key_ + j;
      return {k_ + at * s_.k.token, v_ + at * s_.v.token, s_.banded() ? j : 0};
    }

   private:
    const Sequences& s_;
    int64_t first_, first_key_, row_, q_, k_, v_;
    int keys_;
  };
};

}  // namespace aigc_assets::attention_gpu
