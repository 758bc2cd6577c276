// Windows and neighbourhoods of two-dimensional maps on the GPU, without torch: where their queries
// and keys lie. Rolling, cutting into windows and putting back together are addresses alone.
//
// Queries, keys and values are [B, height, width, heads, head] each, the last dimension contiguous,
// with the same strides; so is the output, contiguous.
#pragma once

#include "attention_dispatch.cuh"

namespace aigc_assets::attention_gpu {

struct GridStrides {
  int64_t batch, row, column, head;
};

// Squares of queries, next to each other, with squares of keys around them. As windows both are the
// same square, shifted and continued on the other side of the map; a block takes a few heads of a
// small one, or 64 queries of a large one. As neighbourhoods the squares of queries have a side of
// 8, those of keys reach farther, and what is too far for a query is masked by its bias.
struct Grid {
  static constexpr bool kBiased = true, kFewKeys = false;
  int64_t height, width;
  GridStrides strides;
  int heads, head;
  int side;   // of a square of queries
  int reach;  // the keys' square is larger by this, on each side
  int shift;
  bool windows, circular;
  int together;     // heads in a block: 1, 2 or 4, with room for 64, 32 or 16 queries each
  int tiles;        // of 64 queries, in a square
  int log_pitch;    // of the biases by difference, a row of which holds any two of a square
  int margin;       // of these differences, that are masked
  int table_reach;  // of the bias table, which may be larger than the map

  void cut(int window, int shift_by) {
    side = window;
    reach = margin = 0;
    shift = shift_by;
    windows = circular = true;
    table_reach = window - 1;
    const int most = queries() <= kTile / 4 ? 4 : queries() <= kTile / 2 ? 2 : 1;
    together = heads >= most ? most : heads >= 2 ? 2 : 1;
    finish();
  }

  void look(int far, bool around) {
    const int64_t longest = height > width ? height : width;
    side = 8;
    margin = side - 1;
    reach = far < longest ? far : static_cast<int>(longest) - 1;
    shift = 0;
    windows = false;
    circular = around;
    table_reach = far;
    together = 1;
    finish();
  }

  AIGC_INLINE int queries() const { return side * side; }
  AIGC_INLINE int key_side() const { return side + 2 * reach; }
  AIGC_INLINE int keys() const { return together > 1 ? kTile : key_side() * key_side(); }
  AIGC_INLINE int limit() const { return (side - 1 + key_side()) << log_pitch; }
  AIGC_INLINE int entries() const { return together * limit(); }
  AIGC_INLINE int room() const { return kTile / together; }
  AIGC_INLINE int groups() const { return (heads + together - 1) / together; }
  AIGC_INLINE int64_t rows() const { return (height + side - 1) / side; }
  AIGC_INLINE int64_t columns() const { return (width + side - 1) / side; }
  AIGC_INLINE int64_t blocks(int64_t batch) const {
    return batch * rows() * columns() * tiles * groups();
  }

  AIGC_INLINE int64_t entry(int head_index, int difference) const {
    const int dy = (difference >> log_pitch) - margin;
    const int dx = (difference & ((1 << log_pitch) - 1)) - margin;
    const int size = 2 * (windows ? side - 1 : reach) + 1;
    if (dy < 0 || dy >= size || dx < 0 || dx >= size) return -1;
    const int64_t row = 2 * static_cast<int64_t>(table_reach) + 1, beyond = (row - size) / 2;
    return (head_index * row + dy + beyond) * row + dx + beyond;
  }

  class Place {
   public:
    __device__ Place(const Grid& grid, unsigned block) : grid_(grid) {
      const auto groups = static_cast<unsigned>(grid.groups());
      const auto tiles = static_cast<unsigned>(grid.tiles);
      const auto rows = static_cast<unsigned>(grid.rows());
      const auto columns = static_cast<unsigned>(grid.columns());
      first_head_ = static_cast<int>(block % groups) * grid.together;
      block /= groups;
      first_query_ = static_cast<int>(block % tiles) * kTile;
      block /= tiles;
      left_ = static_cast<int64_t>(block % columns) * grid.side;
      block /= columns;
      top_ = static_cast<int64_t>(block % rows) * grid.side;
      image_ = block / rows;
    }

    __device__ int tiles() const { return 1; }
    __device__ int keys() const { return grid_.keys(); }
    __device__ int first_head() const { return first_head_; }
    __device__ int head(int group) const { return group * kGroup / grid_.room(); }

    __device__ Range range(int group) const {
      const int own = head(group), query = first_query_ + group * kGroup - own * grid_.room();
      const int row = query / grid_.side;
      if (query >= grid_.queries() || top_ + row >= grid_.height ||
          first_head_ + own >= grid_.heads) {
        return {0, 0};
      }
      if (grid_.windows) {
        const int begin = grid_.together > 1 ? own * grid_.room() : 0;
        return {begin, begin + grid_.queries()};
      }
      const int rows = kGroup / grid_.side + 2 * grid_.reach;
      return {row * grid_.key_side(), (row + rows) * grid_.key_side()};
    }

    __device__ Query query(int i) const {
      const int own = i / grid_.room(), at = first_query_ + i - own * grid_.room();
      const int row = at / grid_.side, column = at - row * grid_.side;
      if (at >= grid_.queries() || top_ + row >= grid_.height || left_ + column >= grid_.width ||
          first_head_ + own >= grid_.heads) {
        return {-1, -1, 0};
      }
      int64_t y = top_ + row + grid_.shift, x = left_ + column + grid_.shift;
      const int code = (row << grid_.log_pitch) + column + part(y, x, own);
      y = y < grid_.height ? y : y - grid_.height;
      x = x < grid_.width ? x : x - grid_.width;
      const int64_t pixel = (image_ * grid_.height + y) * grid_.width + x;
      return {from(y, x, own), (pixel * grid_.heads + first_head_ + own) * grid_.head, code};
    }

    __device__ Key key(int j) const {
      const int own = grid_.together > 1 ? j / grid_.room() : 0, at = j - own * grid_.room();
      const int row = at / grid_.key_side(), column = at - row * grid_.key_side();
      int64_t y = top_ + row + grid_.shift - grid_.reach;
      int64_t x = left_ + column + grid_.shift - grid_.reach;
      const int code =
          ((row + grid_.side - 1) << grid_.log_pitch) + column + grid_.side - 1 + part(y, x, own);
      if (grid_.circular) {
        y = wrapped(y, grid_.height);
        x = wrapped(x, grid_.width);
      }
      if (row >= grid_.key_side() || y < 0 || y >= grid_.height || x < 0 || x >= grid_.width ||
          first_head_ + own >= grid_.heads) {
        return {-1, -1, kNoKey};
      }
      return {from(y, x, own), from(y, x, own), code};
    }

   private:
    // Tokens from different sides of the edges of a shifted map, and those of different heads, are
    // farther apart in their codes than any difference that counts.
    __device__ int part(int64_t y, int64_t x, int own) const {
      const int sides = grid_.shift == 0 ? 0 : (y >= grid_.height ? 2 : 0) + (x >= grid_.width);
      return (own * 4 + sides) * kApart;
    }

    __device__ static int64_t wrapped(int64_t at, int64_t size) {
      while (at < 0) at += size;
      while (at >= size) at -= size;
      return at;
    }

    __device__ int64_t from(int64_t y, int64_t x, int own) const {
      return image_ * grid_.strides.batch + y * grid_.strides.row + x * grid_.strides.column +
             (first_head_ + own) * grid_.strides.head;
    }

    static constexpr int kApart = 1 << 24;
    const Grid& grid_;
    int first_head_, first_query_;
    int64_t image_, top_, left_;
  };

 private:
  void finish() {
    tiles = (queries() + kTile - 1) / kTile;
    log_pitch = 0;
    while ((1 << log_pitch) < side - 1 + key_side()) ++log_pitch;
  }
};

}  // namespace aigc_assets::attention_gpu
