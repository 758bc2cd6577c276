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

// Sums of kRows times 16 pixels and kColumns times 16 output channels. The tiles are busy for much
// longer than it takes to ask them, so that `meanwhile()`, called between products, is for free.
template <int kRows, int kColumns, class Meanwhile>
AIGC_INLINE void multiply(const Panel& panel, const char* pixels0, const char* pixels1,
                          const char* weights, char* sums, const Meanwhile& meanwhile) {
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
      meanwhile();
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

// Where a pixel lies in the result, and in which image of the unit; -1 for what is a margin.
struct Place {
  int64_t pixel, image;
};

// Where tiles of 16 pixels begin: each within one row if rows are multiples of 16, else one after
// another over the rows and the margins between them.
struct Tiles {
  int64_t count, row, pitch;  // pixels of a row of sums, and of the scratch image
  const Place* places;        // of the result, in its first phase

  Tiles(const Unit& unit, const Scratch& scratch) {
    const bool aligned = scratch.row % 16 == 0;
    row = aligned ? scratch.row : scratch.pitch;
    pitch = scratch.pitch;
    count = count_of(unit, scratch);
  }
  static int64_t count_of(const Unit& unit, const Scratch& scratch) {
    return scratch.row % 16 == 0 ? unit.rows * scratch.row / 16 : (scratch.span + 15) / 16;
  }
  void find_places(const Problem& problem, const Unit& unit, Place* to) {
    const Shape shape = shape_of(problem.kind);
    const int64_t width = problem.width * shape.column_rate;
    const int64_t image = problem.height * shape.row_rate * width;
    const Place* const end = to + count * 16;
    places = to;
    for (int64_t i = 0; i < unit.rows; ++i) {
      const int64_t first = unit.image * image + (unit.row + i) * shape.row_rate * width +
                            unit.column * shape.column_rate;
      for (int64_t j = 0; j < unit.columns; ++j) {
        for (int64_t b = 0; b < unit.images; ++b) {
          *to++ = {b * image + first + j * shape.column_rate, b};
        }
      }
      for (int64_t j = unit.columns * unit.images; j < row && to < end; ++j) *to++ = {-1, 0};
    }
    while (to < end) *to++ = {-1, 0};
  }
  int64_t first_pixel(int64_t tile) const {
    const int64_t pixel = tile * 16;
    return row == pitch ? pixel : pixel / row * pitch + pixel % row;
  }
};

// Sums of tiles `tile` and, if kRows is 2, the next one, for one or two times 16 channels.
template <int kRows, class Meanwhile>
AIGC_INLINE void multiply_rows(const Panel& panel, const Tiles& tiles, int64_t tile, bool two,
                               float* sums, const Meanwhile& meanwhile) {
  const char* const input = reinterpret_cast<const char*>(panel.input);
  const char* const pixels0 = input + tiles.first_pixel(tile) * panel.pixel;
  const char* const pixels1 = input + tiles.first_pixel(tile + kRows - 1) * panel.pixel;
  char* const to = reinterpret_cast<char*>(sums);
  if (two) {
    multiply<kRows, 2>(panel, pixels0, pixels1, panel.weights, to, meanwhile);
  } else {
    multiply<kRows, 1>(panel, pixels0, pixels1, panel.weights, to, meanwhile);
  }
}

template <class Meanwhile>
void multiply_tiles(const Panel& panel, const Tiles& tiles, int64_t tile, bool two, float* sums,
                    const Meanwhile& meanwhile) {
  if (tile + 1 < tiles.count) {
    multiply_rows<2>(panel, tiles, tile, two, sums, meanwhile);
  } else {
    multiply_rows<1>(panel, tiles, tile, two, sums, meanwhile);
  }
}

// Finishes the sums of two tiles of pixels and up to 32 channels, pixel by pixel.
template <Activation activation>
class PixelFinish {
 public:
  PixelFinish(const Problem& problem, const Unit& unit, const Room& room, int64_t channel)
      : p_(problem), unit_(unit), shape_(shape_of(problem.kind)) {
    gain_ = static_cast<const float*>(room.gain) + channel;
    bias_ = static_cast<const float*>(room.bias) + channel;
    y_ = static_cast<bfloat16*>(problem.y) + unit.channel + channel;
    residual_ = static_cast<const bfloat16*>(problem.residual);
    if (residual_ != nullptr) residual_ += unit.channel + channel;
    const int64_t there = problem.outputs - unit.channel - channel;
    const int64_t here = unit.channels - channel;
    const int64_t channels = there < here ? there : here;
    keep_ = channels >= 32 ? 0xffffffffu : (1u << channels) - 1u;
    const int64_t steps = shape_.taps() * ((problem.inputs + kPaired - 1) / kPaired);
    each_ = (32 + steps - 1) / steps;
  }

  // Takes the sums of some tiles of a phase; those taken before are done with.
  AIGC_INLINE void take(const Tiles& tiles, int64_t tile, int py, int px, const float* sums,
                        int64_t width) {
    sums_ = sums;
    width_ = width;
    places_ = tiles.places + tile * 16;
    phase_ = py * p_.width * shape_.column_rate + px;
    count_ = tile + 1 < tiles.count ? 32 : 16;
    done_ = 0;
  }

  // A part of it, such that all is done when a product of tiles is.
  AIGC_INLINE void some() {
    const int64_t end = done_ + each_ < count_ ? done_ + each_ : count_;
    for (; done_ < end; ++done_) one(done_);
  }
  AIGC_INLINE void rest() {
    for (; done_ < count_; ++done_) one(done_);
  }

 private:
  AIGC_INLINE void one(int64_t n) const {
    if (places_[n].pixel < 0) return;
    const float* const sums = sums_ + n * width_;
    const int64_t pixel = places_[n].pixel + phase_, at = pixel * p_.outputs;
    const float* const gain = gain_ + places_[n].image * unit_.channels;
    const float* const bias = bias_ + places_[n].image * unit_.channels;
    Vector shift0 = Vector::load(bias), shift1 = Vector::load(bias + 16);
    if (p_.noise.data != nullptr) {
      const int64_t area = p_.height * p_.width * shape_.phases();
      const int64_t image = unit_.image + places_[n].image;
      const int64_t own = pixel + image * (p_.noise.batch_stride - area);
      const Vector noise(value_at<float, bfloat16>(p_.noise, own));
      shift0 = shift0 + noise;
      shift1 = shift1 + noise;
    }
    const Vector slope(p_.slope);
    Vector low = multiply_add(Vector::load(sums), Vector::load(gain), shift0);
    Vector high = multiply_add(Vector::load(sums + 16), Vector::load(gain + 16), shift1);
    low = activate(low, activation, slope);
    high = activate(high, activation, slope);
    if (residual_ != nullptr) {
      const __m512i both = _mm512_maskz_loadu_epi16(keep_, residual_ + at);
      low = low + widened(_mm512_castsi512_si256(both));
      high = high + widened(_mm512_extracti64x4_epi64(both, 1));
    }
    const __m512bh both = _mm512_cvtne2ps_pbh(high.v, low.v);
    _mm512_mask_storeu_epi16(y_ + at, keep_, reinterpret_cast<const __m512i&>(both));
  }

  static AIGC_INLINE Vector widened(__m256i bits) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }

  const Problem& p_;
  const Unit& unit_;
  const Shape shape_;
  const float *gain_, *bias_;
  bfloat16* y_;
  const bfloat16* residual_;
  __mmask32 keep_;
  int64_t each_;  // pixels between two products of tiles
  const float* sums_ = nullptr;
  const Place* places_ = nullptr;
  int64_t width_ = 0, phase_ = 0, count_ = 0, done_ = 0;
};

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

constexpr int64_t kBuffer = 33 * 2 * kLanes;  // sums of two tiles of pixels, and one row behind
constexpr int64_t kFirstLevel = 40 << 10;     // bytes of weights that stay in the first-level cache
constexpr int64_t kGather = 16;               // tiles for which to gather weights first

int64_t gathered(const Problem& problem) {
  const int64_t blocks = (problem.inputs + kPaired - 1) / kPaired;
  return shape_of(problem.kind).taps() * blocks * 16 * 128;
}

RoomSize room(Format format, const Problem& problem, const Unit& unit) {
  if (format != Format::kBfloat16) return kAvx512Kernels.room(format, problem, unit);
  const Scratch scratch(problem, unit);
  const int64_t width = scratch_width(problem), phases = shape_of(problem.kind).column_rate;
  const int64_t sums = problem.pixels ? kBuffer : phases * (scratch.span + kSlack) * 32;
  return {scratch.pixels * width * 2,
          sums * 4,
          gathered(problem),
          width * 4,
          unit.images * unit.channels * 4,
          Tiles::count_of(unit, scratch) * 16 * int64_t{sizeof(Place)}};
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
  Tiles tiles(unit, scratch);
  if (problem.pixels) tiles.find_places(problem, unit, static_cast<Place*>(room.places));
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
    const bool two = unit.channels - channel > kLanes;
    const int64_t width = two ? 2 * kLanes : kLanes;
    const int64_t phase_sums = (scratch.span + kSlack) * width;
    panel.width = width * 4;
    PixelFinish<activation> finish(problem, unit, room, channel);
    for (int py = 0; py < shape.row_rate; ++py) {
      for (int px = 0; px < shape.column_rate; ++px) {
        for (int t = 0; t < panel.taps; ++t) {
          const int64_t row = t / shape.column_taps, column = t % shape.column_taps;
          panel.first[t] =
              ((py + row) * scratch.pitch + (px + column * problem.dilation) * scratch.column) *
              panel.pixel;
        }
        const int64_t phase = py * shape.column_rate + px;
        panel.pairs = outputs * 4;
        panel.tap = blocks * 16 * panel.pairs;
        panel.weights = static_cast<const char*>(problem.weights) + phase * panel.taps * panel.tap +
                        (unit.channel + channel) * 4;
        if (gather && two) gather_weights(panel, room.weights);
        for (int64_t tile = 0; tile < tiles.count; tile += 2) {
          if (!problem.pixels) {
            float* const to = sums + px * phase_sums + tile * 16 * width;
            multiply_tiles(panel, tiles, tile, two, to, [] {});
            continue;
          }
          // The sums before these are finished when the tiles are stored over them: a buffer of
          // their own for these would push weights out of the first-level cache.
          multiply_tiles(panel, tiles, tile, two, sums, [&] { finish.some(); });
          finish.take(tiles, tile, py, px, sums, width);
        }
      }
      if (!problem.pixels) {
        const Sums<float> found = {sums, phase_sums, tiles.row, width};
        for (int64_t b = 0; b < unit.images; ++b) {
          Result<Vector, bfloat16, activation>(problem, unit, room, b, channel).run(py, found);
        }
      }
    }
    finish.rest();
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
