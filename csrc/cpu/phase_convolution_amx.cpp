// The phase convolutions in bfloat16 for the tiles of AMX; other dtypes take the way of AVX-512.
//
// A tile of pixels is 16 rows of 32 channels, read where they lie in the scratch image: a tap is
// another first pixel. A tile of weights is 16 pairs of input channels times 16 output channels,
// the order that they are packed in.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "phase_convolution_unit.h"
// Not before: what stands above is compiled for any processor.
#include "target_amx.h"
//
#include "phase_convolution_result.h"

namespace aigc_assets::phase_convolution {
namespace {

struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// What all tiles of one phase and chunk have in common.
struct Panel {
  const bfloat16* input;
  int64_t pixel;     // bytes between pixels
  int64_t first[9];  // of each tap, bytes
  int taps;
  const char* weights;
  int64_t tap;     // bytes between taps
  int64_t pairs;   // bytes between pairs of input channels
  int64_t blocks;  // of 32 input channels
  int64_t width;   // bytes between rows of sums
};

// Sums of kRows times 16 pixels and kColumns times 16 output channels.
template <int kRows, int kColumns>
AIGC_INLINE void multiply(const Panel& panel, const char* pixels0, const char* pixels1,
                          const char* weights, char* sums) {
  _tile_zero(0);
  if constexpr (kColumns == 2) _tile_zero(1);
  if constexpr (kRows == 2) _tile_zero(2);
  if constexpr (kRows == 2 && kColumns == 2) _tile_zero(3);
  for (int t = 0; t < panel.taps; ++t) {
    const char* a0 = pixels0 + panel.first[t];
    const char* a1 = pixels1 + panel.first[t];
    const char* b = weights + t * panel.tap;
    for (int64_t k = 0; k < panel.blocks; ++k) {
      _tile_loadd(4, a0, panel.pixel);
      _tile_loadd(6, b, panel.pairs);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (kColumns == 2) {
        _tile_loadd(7, b + 64, panel.pairs);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (kRows == 2) {
        _tile_loadd(5, a1, panel.pixel);
        _tile_dpbf16ps(2, 5, 6);
        if constexpr (kColumns == 2) _tile_dpbf16ps(3, 5, 7);
      }
      a0 += 64;
      a1 += 64;
      b += 16 * panel.pairs;
    }
  }
  _tile_stored(0, sums, panel.width);
  if constexpr (kColumns == 2) _tile_stored(1, sums + 64, panel.width);
  if constexpr (kRows == 2) _tile_stored(2, sums + 16 * panel.width, panel.width);
  if constexpr (kRows == 2 && kColumns == 2) {
    _tile_stored(3, sums + 16 * panel.width + 64, panel.width);
  }
}

// Where tiles of 16 pixels begin: each within one row if rows are multiples of 16, else one after
// another over the rows and the margins between them.
struct Tiles {
  int64_t count, row, pitch;  // pixels of a row of sums, and of the scratch image

  Tiles(const Unit& unit, const Scratch& scratch) {
    const bool aligned = unit.columns % 16 == 0;
    row = aligned ? unit.columns : scratch.pitch;
    pitch = scratch.pitch;
    count = aligned ? unit.rows * unit.columns / 16 : (scratch.span(unit) + 15) / 16;
  }
  int64_t first_pixel(int64_t tile) const {
    const int64_t pixel = tile * 16;
    return row == pitch ? pixel : pixel / row * pitch + pixel % row;
  }
};

// Sums of tiles `tile` and, if kRows is 2, the next one, for one or two times 16 channels.
template <int kRows>
AIGC_INLINE void multiply_rows(const Panel& panel, const Tiles& tiles, int64_t tile, bool two,
                               float* sums) {
  const char* const input = reinterpret_cast<const char*>(panel.input);
  const char* const pixels0 = input + tiles.first_pixel(tile) * panel.pixel;
  const char* const pixels1 = input + tiles.first_pixel(tile + kRows - 1) * panel.pixel;
  char* const to = reinterpret_cast<char*>(sums);
  if (two) {
    multiply<kRows, 2>(panel, pixels0, pixels1, panel.weights, to);
  } else {
    multiply<kRows, 1>(panel, pixels0, pixels1, panel.weights, to);
  }
}

int64_t scratch_width(const Problem& problem) {
  const int64_t width = (problem.inputs + kPaired - 1) / kPaired * kPaired;
  // Rows of a tile that are a multiple of 1 KiB apart would push each other out of the cache.
  return width % 512 == 0 ? width + kPaired : width;
}

// Weights of one phase and of 32 output channels side by side, so that they fill the first-level
// cache evenly: in their own order, the other channels lie in between.
void gather_weights(Panel& panel, void* to) {
  char* out = static_cast<char*>(to);
  for (int t = 0; t < panel.taps; ++t) {
    const char* from = panel.weights + t * panel.tap;
    for (int64_t k = 0; k < 16 * panel.blocks; ++k, from += panel.pairs, out += 128) {
      _mm512_store_si512(out, _mm512_loadu_si512(from));
      _mm512_store_si512(out + 64, _mm512_loadu_si512(from + 64));
    }
  }
  panel.weights = static_cast<const char*>(to);
  panel.pairs = 128;
  panel.tap = 16 * panel.blocks * 128;
}

constexpr int64_t kFirstLevel = 40 << 10;  // bytes of weights that stay in the first-level cache
constexpr int64_t kGather = 16;            // tiles for which to gather weights first

int64_t gathered(const Problem& problem) {
  const int64_t blocks = (problem.inputs + kPaired - 1) / kPaired;
  return shape_of(problem.kind).taps() * blocks * 16 * 128;
}

RoomSize room(Format format, const Problem& problem, const Unit& unit) {
  if (format != Format::kBfloat16) return kAvx512Kernels.room(format, problem, unit);
  const Scratch scratch(problem, unit);
  const int64_t width = scratch_width(problem);
  const int64_t pixels =
      problem.pixels ? 2 * 16 : shape_of(problem.kind).column_rate * (scratch.span(unit) + kSlack);
  return {scratch.pixels * width * 2, pixels * 2 * kLanes * 4, gathered(problem), width * 4,
          unit.channels * 4};
}

template <Activation activation>
void run_tiles(const Problem& problem, const Unit& unit, const Room& room) {
  const Scratch scratch(problem, unit);
  const Shape shape = shape_of(problem.kind);
  const int64_t outputs = problem.padded_outputs();
  const int64_t blocks = (problem.inputs + kPaired - 1) / kPaired;
  const int64_t pixel = scratch_width(problem);
  InputCopy<Vector, bfloat16, bfloat16>(problem, unit, pixel, room).run();
  read_affine<float, bfloat16>(problem, unit, room);
  float* const sums = static_cast<float*>(room.sums);
  const Tiles tiles(unit, scratch);
  const bool gather =
      outputs > 2 * kLanes && tiles.count >= kGather && gathered(problem) <= kFirstLevel;
  const TileShapes tile_shapes;
  _tile_loadconfig(&tile_shapes);
  Panel panel;
  panel.input = static_cast<const bfloat16*>(room.input);
  panel.pixel = pixel * 2;
  panel.taps = shape.taps();
  panel.blocks = blocks;
  for (int64_t channel = 0; channel < unit.channels; channel += 2 * kLanes) {
    const int64_t rest = unit.channels - channel;
    const bool two = rest > kLanes;
    const int64_t width = two ? 2 * kLanes : kLanes;
    panel.width = width * 4;
    const Result<Vector, bfloat16, activation> result(problem, unit, room, channel);
    for (int py = 0; py < shape.row_rate; ++py) {
      const int64_t phase_sums = (scratch.span(unit) + kSlack) * width;
      for (int px = 0; px < shape.column_rate; ++px) {
        for (int t = 0; t < panel.taps; ++t) {
          const int64_t row = t / shape.column_taps, column = t % shape.column_taps;
          panel.first[t] =
              ((py + row) * scratch.pitch + px + column * problem.dilation) * panel.pixel;
        }
        const int64_t phase = py * shape.column_rate + px;
        panel.pairs = outputs * 4;
        panel.tap = blocks * 16 * panel.pairs;
        panel.weights = static_cast<const char*>(problem.weights) + phase * panel.taps * panel.tap +
                        (unit.channel + channel) * 4;
        if (gather && two) gather_weights(panel, room.weights);
        for (int64_t tile = 0; tile < tiles.count; tile += 2) {
          const int64_t count = tiles.count - tile < 2 ? 1 : 2;
          float* const to = problem.pixels ? sums : sums + px * phase_sums + tile * 16 * width;
          if (count == 2) {
            multiply_rows<2>(panel, tiles, tile, two, to);
          } else {
            multiply_rows<1>(panel, tiles, tile, two, to);
          }
          if (!problem.pixels) continue;
          // The rows that these pixels belong to, without the margins between them.
          const int64_t begin = tile * 16, end = begin + count * 16;
          for (int64_t m = begin; m < end;) {
            const int64_t i = m / tiles.row, j = m % tiles.row, next = (i + 1) * tiles.row;
            if (i >= unit.rows) break;
            const int64_t stop = end < next ? end : next;
            const int64_t real = unit.columns - j < stop - m ? unit.columns - j : stop - m;
            if (real > 0) result.pixels(i, j, real, py, px, sums + (m - begin) * width, width);
            m = stop;
          }
        }
      }
      if (!problem.pixels) result.run(py, Sums<float>{sums, phase_sums, tiles.row, width});
    }
  }
  _tile_release();
}

void run(Format format, const Problem& problem, const Unit& unit, const Room& room) {
  if (format != Format::kBfloat16) return kAvx512Kernels.run(format, problem, unit, room);
  with_activation(problem.activation,
                  [&](auto activation) { run_tiles<activation.value>(problem, unit, room); });
}

}  // namespace

const Kernels kAmxKernels = {&room, &run};

}  // namespace aigc_assets::phase_convolution

#include "target_end.h"

#endif  // __x86_64__
