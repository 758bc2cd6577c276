// What a phase convolution on the GPU is told, and how it is cut into blocks; host and device.
//
// A kind is a number of phases, each a small convolution with its own taps: output pixel
// (rate_y * i + py, rate_x * j + px) sums over taps (ty, tx) of input pixel (i - margin_y + py +
// ty, j - margin_x + px + tx * dilation). A signal is an image of height 1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../storage.h"

namespace aigc_assets::phase_convolution {

// A tensor that comes in the dtype of x or in float32, or does not come at all.
struct Operand {
  const void* data = nullptr;
  bool is_float = false;
};

struct Problem {
  std::int64_t batch;
  int inputs, outputs, padded_outputs;  // channels; the last one is that of the packed weights
  int height, width;                    // of the input
  int rate_y, rate_x, taps_y, taps_x, margin_y, margin_x, dilation;
  bool circular;
  int activation;
  double slope;
  const void* x;
  std::int64_t x_batch, x_channel, x_row, x_column;  // strides
  const void* packed;
  Operand bias, style, gain, noise;
  std::int64_t bias_batch, noise_batch;  // strides; 0 where all of the batch share
  const void* residual;                  // lies like y
  void* y;
  bool channels_last;

  AIGC_INLINE int phases() const { return rate_y * rate_x; }
  AIGC_INLINE int taps() const { return taps_y * taps_x; }
};

// Kinds as in aigc_assets/ops/phase_convolution_phases.py.
AIGC_INLINE void set_kind(Problem* p, int kind, int dilation) {
  const bool image = kind < 2, doubles = kind % 2 == 0;
  p->rate_x = p->taps_x = 2;
  if (!doubles) {
    p->rate_x = 1;
    p->taps_x = 3;
  }
  p->rate_y = image ? p->rate_x : 1;
  p->taps_y = image ? p->taps_x : 1;
  p->dilation = kind == 3 ? dilation : 1;
  p->margin_x = p->dilation;
  p->margin_y = image ? 1 : 0;
}

// Layout of one block of the tensor-core kernel. Everything is counted in words of 4 bytes: a word
// is one float32, or two neighbouring halves, of both the input and the packed weights.
constexpr int kThreads = 128;
constexpr int kBlockPixels = 256;      // output pixels of a block: 64 for each of its 4 warps
constexpr int kChunkWords = 16;        // of input channels that are multiplied between barriers
constexpr int kRowBytes = 80;          // of an input pixel in shared memory; 16 against conflicts
constexpr int kStages = 3;             // chunks of weights that are there or on their way
constexpr int kMostShared = 99 << 10;  // what every GPU since sm_80 can give to a block

struct Tiling {
  int log_width, log_height, log_batch;  // input pixels of a block
  int halo_width, halo_height, halo_rows;
  int tiles_x, tiles_y, tiles_outputs;
  int columns;  // output channels of a block
  std::int64_t blocks;
  std::size_t shared;  // bytes
  bool input_vectors;  // input channels lie side by side, in whole aligned moves of 16 bytes
  bool output_vectors;

  AIGC_INLINE std::size_t sources_bytes() const {
    return (static_cast<std::size_t>(halo_rows) * sizeof(std::int64_t) + 15) / 16 * 16;
  }
};

// The most output channels of a block. The two parts of split numbers leave no registers for 64.
AIGC_INLINE constexpr int widest(int element) { return element == 2 ? 64 : 32; }

AIGC_INLINE constexpr int weight_pitch(int columns) { return columns + 8; }
AIGC_INLINE constexpr int sum_pitch(int columns) { return columns + 4; }

inline std::size_t shared_bytes(const Problem& p, const Tiling& t) {
  const auto rows = static_cast<std::size_t>(t.halo_rows);
  const auto weights = static_cast<std::size_t>(p.phases() * kChunkWords * weight_pitch(t.columns));
  const std::size_t pipeline = t.sources_bytes() + 2 * rows * kRowBytes + kStages * weights * 4;
  const auto sums = static_cast<std::size_t>(kBlockPixels * sum_pitch(t.columns) * 4);
  return pipeline > sums ? pipeline : sums;
}

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Cuts the problem so that the fewest blocks are needed, and among those cuts the smallest halo.
// False if no cut fits, as with a very large dilation. `element` is the size of T in bytes,
// `processors` how many blocks should at least be there for a GPU to be busy.
inline bool make_tiling(const Problem& p, int element, int processors, Tiling* best) {
  const int pixels = kBlockPixels / p.phases();
  best->blocks = -1;
  for (int columns = widest(element); columns >= 32; columns /= 2) {
    if (best->blocks >= processors) break;  // wide enough blocks keep the GPU busy
    if (columns == 64 && p.padded_outputs <= 32) continue;
    Tiling found{};
    found.blocks = -1;
    for (int log_width = 0; 1 << log_width <= pixels; ++log_width) {
      for (int log_height = 0; 1 << (log_width + log_height) <= pixels; ++log_height) {
        Tiling t{};
        t.log_width = log_width;
        t.log_height = log_height;
        while (1 << (log_width + log_height + t.log_batch) < pixels) ++t.log_batch;
        t.columns = columns;
        // Up to 256 + 2 * dilation: with the largest dilation that can fit at all no overflow.
        if (p.margin_x > kMostShared) return false;
        t.halo_width = (1 << log_width) + 2 * p.margin_x;
        t.halo_height = (1 << log_height) + 2 * p.margin_y;
        const std::int64_t rows = static_cast<std::int64_t>(t.halo_width) * t.halo_height
                                  << t.log_batch;
        if (rows > kMostShared) continue;
        t.halo_rows = static_cast<int>(rows);
        t.shared = shared_bytes(p, t);
        if (t.shared > static_cast<std::size_t>(kMostShared)) continue;
        t.tiles_x = static_cast<int>(divide_up(p.width, 1 << log_width));
        t.tiles_y = static_cast<int>(divide_up(p.height, 1 << log_height));
        t.tiles_outputs = static_cast<int>(divide_up(p.padded_outputs, columns));
        t.blocks = divide_up(p.batch, 1 << t.log_batch) * t.tiles_x * t.tiles_y * t.tiles_outputs;
        const bool better = found.blocks < 0 || t.blocks < found.blocks ||
                            (t.blocks == found.blocks && t.halo_rows < found.halo_rows);
        if (better) found = t;
      }
    }
    if (found.blocks >= 0) *best = found;
  }
  if (best->blocks < 0) return false;
  const auto whole = [&](const void* data) {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
  };
  const auto strides = p.x_batch | p.x_row | p.x_column | p.inputs;
  best->input_vectors = p.x_channel == 1 && whole(p.x) && strides * element % 16 == 0;
  const int run = p.channels_last ? p.outputs : p.width * p.rate_x;
  best->output_vectors = whole(p.y) && whole(p.residual) && run * element % 16 == 0;
  return whole(p.packed);
}

}  // namespace aigc_assets::phase_convolution
