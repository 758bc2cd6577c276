// Products of pixels and weights in floating-point vectors. Include after the target was switched
// on.
#pragma once

#include "phase_convolution_result.h"

namespace aigc_assets::phase_convolution {
namespace {

// Weights of one tap, a chunk of output channels, and as many input channels as the first-level
// cache holds while all pixels pass by.
template <class F>
struct Panel {
  const F* weights;
  int64_t group;    // numbers from one group of kLanes output channels to the next
  int64_t channel;  // numbers from one input channel to the next
  int64_t inputs;
  const F* pixels;
  int64_t pixel;  // numbers from one to the next
  bool first;     // whether the sums begin here
};

// Sums of kRows pixels times kVectors vectors of output channels. Those of a panel are added up
// before they are added to the others: long sums of one number after another lose digits.
template <class V, int kRows, int kVectors>
void multiply(const Panel<typename V::value_type>& panel, const typename V::value_type* pixels,
              typename V::value_type* sums, int64_t width) {
  const auto* weights = panel.weights;
  V total[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) total[r][v] = V(0.0);
  }
  for (int64_t c = 0; c < panel.inputs; ++c, weights += panel.channel) {
    V weight[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const int at = v * V::width;
      weight[v] = V::load(weights + at / kLanes * panel.group + at % kLanes);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V number(pixels[r * panel.pixel + c]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) total[r][v] = multiply_add(number, weight[v], total[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      auto* const to = sums + r * width + v * V::width;
      if (!panel.first) total[r][v] = V::load(to) + total[r][v];
      total[r][v].store(to);
    }
  }
}

// Rows of pixels whose sums are wanted, in blocks of pixels: the rows of a unit, or one long row
// that takes the margins in, whichever are fewer.
struct Rows {
  int64_t count, pixels;  // rows, and pixels of each with what fills its last block
  int64_t pitch;          // pixels from one row to the next in the scratch image
  int64_t row;            // pixels from one row of the unit to the next in the sums

  Rows(const Unit& unit, const Scratch& scratch, int block)
      : Rows(unit.rows, scratch.row, scratch.pitch, block) {}

  // `rows` rows of `width` pixels, `from_row` pixels apart.
  Rows(int64_t rows, int64_t width, int64_t from_row, int block) {
    const int64_t whole = rounded((rows - 1) * from_row + width, block);
    const int64_t each = rounded(width, block);
    const bool one = whole < rows * each;
    count = one ? 1 : rows;
    pixels = one ? whole : each;
    pitch = from_row;
    row = one ? pitch : each;
  }
  int64_t total() const { return count * pixels; }

 private:
  static int64_t rounded(int64_t number, int64_t to) { return (number + to - 1) / to * to; }
};

template <class V, int kRows, int kVectors>
void multiply_rows(const Panel<typename V::value_type>& panel, const Rows& rows,
                   typename V::value_type* sums, int64_t width) {
  for (int64_t i = 0; i < rows.count; ++i) {
    const auto* const from = panel.pixels + i * rows.pitch * panel.pixel;
    auto* const to = sums + i * rows.row * width;
    for (int64_t j = 0; j < rows.pixels; j += kRows) {
      multiply<V, kRows, kVectors>(panel, from + j * panel.pixel, to + j * width, width);
    }
  }
}

// Channels of the result that are summed up together: parts of at most kChunk, nearly equal.
AIGC_INLINE int64_t part(int64_t channels, int64_t most) {
  const int64_t blocks = channels / kLanes, parts = (channels + most - 1) / most;
  return (blocks + parts - 1) / parts * kLanes;
}

// All rows and one panel of `width` output channels.
template <class V, int kRows>
void multiply_wide(const Panel<typename V::value_type>& panel, const Rows& rows, int64_t width,
                   typename V::value_type* sums) {
  if (width == 4 * V::width) {
    if constexpr (kRows <= 6) multiply_rows<V, kRows, 4>(panel, rows, sums, width);
  } else if (width == 3 * V::width) {
    if constexpr (kRows <= 8) multiply_rows<V, kRows, 3>(panel, rows, sums, width);
  } else if (width == 2 * V::width) {
    multiply_rows<V, kRows, 2>(panel, rows, sums, width);
  } else {
    multiply_rows<V, kRows, 1>(panel, rows, sums, width);
  }
}

template <class V>
void multiply_panel(const Panel<typename V::value_type>& panel, const Rows& rows, int block,
                    int64_t width, typename V::value_type* sums) {
  if constexpr (V::width < 8) {
    multiply_rows<V, 2, 16>(panel, rows, sums, width);
  } else if constexpr (V::width == 8) {
    multiply_rows<V, 6, 2>(panel, rows, sums, width);
  } else if (block == 6) {
    multiply_wide<V, 6>(panel, rows, width, sums);
  } else if (block == 8) {
    multiply_wide<V, 8>(panel, rows, width, sums);
  } else {
    multiply_wide<V, 12>(panel, rows, width, sums);
  }
}

template <class V>
int64_t scratch_width(const Problem& problem) {
  const int64_t width = (problem.inputs + V::width - 1) / V::width * V::width;
  // Pixels that are a multiple of 1 KiB apart would push each other out of the cache.
  return width % 256 == 0 ? width + kLanes : width;
}

constexpr int64_t kMostInputs = 160;  // of a panel
constexpr int64_t kMostBlock = 12;    // pixels

// Whether so many blocks of pixels are worth gathering the weights of a panel first.
AIGC_INLINE bool pays_to_gather(int64_t outputs, int64_t blocks) {
  // Rows of weights that are a multiple of 512 bytes apart push each other out of the cache.
  return blocks >= (outputs % 128 == 0 ? 4 : 24);
}

// Input channels of a panel: nearly equal parts of all.
AIGC_INLINE int64_t panel_inputs(int64_t inputs, int64_t most = kMostInputs) {
  const int64_t parts = (inputs + most - 1) / most;
  return (inputs + parts - 1) / parts;
}

// Weights of input channels [first, first + inputs) and output channels [0, count) side by side:
// half-width ones are widened, and in their own order, the other channels lie in between.
template <class V, class T>
void gather_weights(const T* weights, int64_t first, int64_t inputs, int64_t outputs, int64_t count,
                    typename V::value_type* to) {
  for (int64_t c = first; c < first + inputs; ++c, to += count) {
    if constexpr (sizeof(T) == 2) {
      const T* const from = weights + c / 2 * outputs * 2 + c % 2;
      for (int64_t o = 0; o < count; ++o) to[o] = widen(from[2 * o]);
    } else {
      const T* const from = weights + c * outputs;
      for (int64_t o = 0; o < count; o += V::width) V::load(from + o).store(to + o);
    }
  }
}

// The pixels of a block, and the output channels that are summed up at a time: with as many sums as
// the registers of AVX-512 hold, whichever leaves fewer of them unused.
template <class V>
struct Blocks {
  int pixels = V::width < 8 ? 2 : 6;
  int64_t channels = kLanes;

  // For `rows` rows of `width` pixels, `from_row` pixels apart.
  Blocks(int64_t rows, int64_t width, int64_t from_row, int64_t outputs) {
    if (V::width < 16) return;
    int64_t least = 0;
    for (int block = 6; block <= kMostBlock; block += block == 6 ? 2 : 4) {
      const int64_t step = part(outputs, 24 / block * kLanes);
      const int64_t blocks = Rows(rows, width, from_row, block).total() / block;
      int64_t cost = 0;
      for (int64_t done = 0; done < outputs; done += step) {
        const int64_t vectors = (outputs - done < step ? outputs - done : step) / kLanes;
        // Half cycles: of products, of which eight are under way at a time, and of loads.
        const int64_t products = block * vectors < 8 ? 8 : block * vectors;
        cost += blocks * (4 * products + block + vectors);
      }
      if (least != 0 && cost >= least) continue;
      least = cost;
      pixels = block;
      channels = step;
    }
  }
};

// One tap: `inputs` channels of all rows of pixels times the weights of `width` output channels,
// which are some of `outputs`. The first tap begins the sums.
template <class V, class T>
void multiply_tap(const T* weights, int64_t inputs, int64_t outputs, int64_t width,
                  const typename V::value_type* pixels, int64_t pixel, const Rows& rows, int block,
                  bool first, const Room& room, typename V::value_type* sums) {
  using F = typename V::value_type;
  const bool gather =
      sizeof(T) == 2 || (outputs > width && pays_to_gather(outputs, rows.total() / block));
  const int64_t depth = panel_inputs(inputs);
  for (int64_t c = 0; c < inputs; c += depth) {
    const int64_t count = inputs - c < depth ? inputs - c : depth;
    Panel<F> panel = {nullptr, kLanes, width, count, pixels + c, pixel, first && c == 0};
    if (gather) {
      F* const to = static_cast<F*>(room.weights);
      gather_weights<V>(weights, c, count, outputs, width, to);
      panel.weights = to;
    } else if constexpr (sizeof(T) > 2) {
      panel.weights = weights + c * outputs;
      panel.channel = outputs;
    }
    multiply_panel<V>(panel, rows, block, width, sums);
  }
}

}  // namespace
}  // namespace aigc_assets::phase_convolution
