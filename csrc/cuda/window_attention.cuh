// Windows and neighbourhoods of two-dimensional maps on the GPU, without torch: where their queries
// and keys lie. Rolling, cutting into windows and putting back together are addresses alone.
//
// Queries, keys and values are [B, height, width, heads, head] each, the last dimension contiguous,
// with the same strides; so is the output, contiguous.
#pragma once

#include "attention_dispatch.cuh"

namespace aigc_assets::attention {

struct GridStrides {
  int64_t batch, row, column, head;
};

// Shifted windows. A block takes `together` heads of a window, or a tile of one.
struct Windows {
  static constexpr bool kBiased = true, kFewKeys = false;
  int64_t height, width;
  GridStrides strides;
  int heads, head;
  int window, shift;
  int together;  // 1, 2 or 4 heads in a block, with room for 64, 32 or 16 tokens each
  int tiles;     // of 64 queries, in a window

  // Sets what follows from the size of the windows.
  void cut(int window_size, int shift_by) {
    window = window_size;
    shift = shift_by;
    tiles = (tokens() + kTile - 1) / kTile;
    const int most = tokens() <= kTile / 4 ? 4 : tokens() <= kTile / 2 ? 2 : 1;
    together = heads >= most ? most : heads >= 2 ? 2 : 1;
  }

  AIGC_INLINE int tokens() const { return window * window; }
  AIGC_INLINE int limit() const { return (2 * window - 1) * (2 * window - 1); }
  AIGC_INLINE int room() const { return kTile / together; }
  AIGC_INLINE int keys() const { return together > 1 ? kTile : tokens(); }
  AIGC_INLINE int entries() const { return together * limit(); }
  AIGC_INLINE int64_t entry(int head_index, int difference) const {
    return static_cast<int64_t>(head_index) * limit() + difference;
  }
  AIGC_INLINE int groups() const { return (heads + together - 1) / together; }
  AIGC_INLINE int64_t blocks(int64_t batch) const {
    return batch * (height / window) * (width / window) * tiles * groups();
  }

  class Place {
   public:
    __device__ Place(const Windows& windows, unsigned block) : w_(windows) {
      first_head_ = static_cast<int>(block % w_.groups()) * w_.together;
      block /= w_.groups();
      first_token_ = static_cast<int>(block % w_.tiles) * kTile;
      block /= w_.tiles;
      const auto columns = static_cast<unsigned>(w_.width / w_.window);
      const auto rows = static_cast<unsigned>(w_.height / w_.window);
      left_ = static_cast<int64_t>(block % columns) * w_.window;
      block /= columns;
      top_ = static_cast<int64_t>(block % rows) * w_.window;
      image_ = block / rows;
    }

    __device__ int tiles() const { return 1; }
    __device__ int keys() const { return w_.keys(); }
    __device__ int first_head() const { return first_head_; }
    __device__ int head(int group) const { return group * kGroup / w_.room(); }

    __device__ Range range(int group) const {
      const int own = head(group), begin = w_.together > 1 ? own * w_.room() : 0;
      const int token = first_token_ + group * kGroup - own * w_.room();
      const bool any = first_head_ + own < w_.heads && token < w_.tokens();
      return {begin, any ? begin + w_.tokens() : begin};
    }

    __device__ Query query(int i) const {
      const int own = i / w_.room(), token = first_token_ + i - own * w_.room();
      if (first_head_ + own >= w_.heads || token >= w_.tokens()) return {-1, -1, 0};
      const Position at = position(token, own);
      const int64_t pixel = (image_ * w_.height + at.y) * w_.width + at.x;
      return {from(at, own), (pixel * w_.heads + first_head_ + own) * w_.head, at.code};
    }

    __device__ Key key(int j) const {
      const int own = w_.together > 1 ? j / w_.room() : 0, token = j - own * w_.room();
      if (first_head_ + own >= w_.heads || token >= w_.tokens()) return {-1, -1, kNoKey};
      const Position at = position(token, own);
      return {from(at, own), from(at, own), at.code + 2 * w_.window * (w_.window - 1)};
    }

   private:
    struct Position {
      int64_t y, x;
      int code;
    };

    // Where a token of the window lies in the map. Tokens from different sides of its edges, and of
    // different heads, differ by at least 2^24 in their codes; all others by their distance.
    __device__ Position position(int token, int own) const {
      const int row = token / w_.window, column = token - row * w_.window;
      Position at{top_ + row + w_.shift, left_ + column + w_.shift, 0};
      const bool below = at.y >= w_.height, right = at.x >= w_.width;
      if (below) at.y -= w_.height;
      if (right) at.x -= w_.width;
      const int side = own * 4 + (below ? 2 : 0) + (right ? 1 : 0);
      at.code = side * (1 << 24) + row * (2 * w_.window - 1) + column;
      return at;
    }

    __device__ int64_t from(const Position& at, int own) const {
      return image_ * w_.strides.batch + at.y * w_.strides.row + at.x * w_.strides.column +
             (first_head_ + own) * w_.strides.head;
    }

    const Windows& w_;
    int first_head_, first_token_;
    int64_t image_, top_, left_;
  };
};

// Keys at most `reach` away in both directions, on a torus or clipped at the borders. A block takes
// 8x8 queries of a head with their surroundings; a group of 16 queries, two rows of these.
struct Neighborhoods {
  static constexpr bool kBiased = true, kFewKeys = false;
  static constexpr int kSide = 8;
  int64_t height, width;
  GridStrides strides;
  int heads, head;
  int reach;
  int table_reach;  // of the bias table, which may be larger than the map
  bool circular;
  int log_pitch;  // of the bias table with masked surroundings, wide enough for any two of a tile

  // Sets what follows from the reach.
  void look(int far, bool around) {
    const int64_t longest = height > width ? height : width;
    reach = far < longest ? far : static_cast<int>(longest) - 1;
    table_reach = far;
    circular = around;
    log_pitch = 4;
    while ((1 << log_pitch) < 2 * kSide - 1 + 2 * reach) ++log_pitch;
  }

  AIGC_INLINE int side() const { return kSide + 2 * reach; }
  AIGC_INLINE int keys() const { return side() * side(); }
  AIGC_INLINE int limit() const { return (2 * kSide - 1 + 2 * reach) << log_pitch; }
  AIGC_INLINE int entries() const { return limit(); }
  AIGC_INLINE int64_t entry(int head_index, int difference) const {
    const int dy = (difference >> log_pitch) - (kSide - 1);
    const int dx = (difference & ((1 << log_pitch) - 1)) - (kSide - 1);
    if (dy < 0 || dy > 2 * reach || dx < 0 || dx > 2 * reach) return -1;
    const int64_t beyond = table_reach - reach, row = 2 * static_cast<int64_t>(table_reach) + 1;
    return (head_index * row + dy + beyond) * row + dx + beyond;
  }
  AIGC_INLINE int64_t rows() const { return (height + kSide - 1) / kSide; }
  AIGC_INLINE int64_t columns() const { return (width + kSide - 1) / kSide; }
  AIGC_INLINE int64_t blocks(int64_t batch) const { return batch * rows() * columns() * heads; }

  class Place {
   public:
    __device__ Place(const Neighborhoods& neighborhoods, unsigned block) : n_(neighborhoods) {
      head_ = static_cast<int>(block % n_.heads);
      block /= n_.heads;
      const auto columns = static_cast<unsigned>(n_.columns());
      const auto rows = static_cast<unsigned>(n_.rows());
      left_ = static_cast<int64_t>(block % columns) * kSide;
      block /= columns;
      top_ = static_cast<int64_t>(block % rows) * kSide;
      image_ = block / rows;
    }

    __device__ int tiles() const { return 1; }
    __device__ int keys() const { return n_.keys(); }
    __device__ int first_head() const { return head_; }
    __device__ int head(int) const { return 0; }

    __device__ Range range(int group) const {
      const int row = group * kGroup / kSide;
      if (top_ + row >= n_.height) return {0, 0};
      return {row * n_.side(), (row + kGroup / kSide + 2 * n_.reach) * n_.side()};
    }

    __device__ Query query(int i) const {
      const int row = i / kSide, column = i % kSide;
      const int64_t y = top_ + row, x = left_ + column;
      if (y >= n_.height || x >= n_.width) return {-1, -1, 0};
      const int64_t pixel = (image_ * n_.height + y) * n_.width + x;
      return {from(y, x), (pixel * n_.heads + head_) * n_.head, (row << n_.log_pitch) + column};
    }

    __device__ Key key(int j) const {
      const int row = j / n_.side(), column = j - row * n_.side();
      int64_t y = top_ + row - n_.reach, x = left_ + column - n_.reach;
      if (n_.circular) {
        y = wrapped(y, n_.height);
        x = wrapped(x, n_.width);
      }
      if (row >= n_.side() || y < 0 || y >= n_.height || x < 0 || x >= n_.width) {
        return {-1, -1, kNoKey};
      }
      const int code = ((row + kSide - 1) << n_.log_pitch) + column + kSide - 1;
      return {from(y, x), from(y, x), code};
    }

   private:
    __device__ int64_t from(int64_t y, int64_t x) const {
      return image_ * n_.strides.batch + y * n_.strides.row + x * n_.strides.column +
             head_ * n_.strides.head;
    }

    __device__ static int64_t wrapped(int64_t at, int64_t size) {
      while (at < 0) at += size;
      while (at >= size) at -= size;
      return at;
    }

    const Neighborhoods& n_;
    int head_;
    int64_t image_, top_, left_;
  };
};

}  // namespace aigc_assets::attention
