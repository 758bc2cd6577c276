// Work items of the phase convolutions on the CPU, and the table of functions that run them.
//
// A unit is a block of rows and columns of one image, or several whole small images, and a range of
// output channels. It is computed in three steps: its input, with a ring of neighbours, is copied
// to a scratch image that lies pixel by pixel; products of pixels and weights are summed up there,
// tap by tap, where a tap is nothing but another first pixel; and the sums are finished (gain,
// bias, noise, activation, residual) on their way to the result. The pixels that several images
// have at one place lie side by side, which makes one image of them, as wide as all together: short
// rows would not fill the blocks of pixels. Every output is the same sum in the same order whatever
// the unit, so the bytes depend neither on the cut nor on the number of threads.
#pragma once

#include <cstdint>

#include "../phase_convolution.h"
#include "format.h"
#include "phase_convolution_forms.h"

namespace aigc_assets::phase_convolution {

constexpr int64_t kMaxColumns = 512;  // of a unit
constexpr int64_t kChunk = 64;        // output channels that are summed up at a time
constexpr int64_t kSlack = 64;        // pixels past the end that are read, and rows of sums

// Numbers per channel, or per pixel of the result, with the same dtype as x or float32.
struct Values {
  const void* data = nullptr;
  bool is_float32 = false;
  int64_t batch_stride = 0;  // elements
};

struct Problem {
  Kind kind;
  int64_t inputs, outputs;  // channels
  int64_t height, width;    // of the input
  int64_t dilation;
  bool circular;
  const void* x;
  int64_t x_batch, x_channel, x_row, x_column;  // strides in elements; one of the last three is 1
  const void* weights;                          // packed
  Form form;
  const void* minimal;  // packed weights of that form, [products, Co16 / 16, Ci, 16]
  Values bias, style, gain, noise;
  const void* residual;  // laid out as y, or null
  void* y;
  bool pixels;     // whether y lies pixel by pixel
  int activation;  // one of enum Activation
  double slope;

  int64_t padded_outputs() const { return (outputs + kLanes - 1) / kLanes * kLanes; }
  int64_t margin() const { return kind == Kind::kSameSignal ? dilation : 1; }  // of columns
  int64_t row_margin() const { return kind == Kind::kUp2Image || kind == Kind::kSameImage; }
};

struct Unit {
  int64_t image, images;      // more than one only with all rows and columns
  int64_t row, rows;          // of the input
  int64_t column, columns;    // of the input
  int64_t channel, channels;  // of the output; multiples of kLanes, may end beyond `outputs`
};

// Where the pixels of a unit lie in its scratch image.
struct Scratch {
  int64_t column;  // pixels from one column to the next
  int64_t row;     // pixels of a row of the unit
  int64_t pitch;   // pixels from one row to the next
  int64_t pixels;  // in all, with what is read past the end
  int64_t span;    // of the pixels in the rows of the unit

  Scratch(const Problem& problem, const Unit& unit) {
    const int64_t margin = problem.margin();
    // Zeros at the end of a row serve as those before the next one.
    const bool shared = !problem.circular && unit.columns == problem.width;
    column = unit.images;
    row = unit.columns * column;
    pitch = row + (shared ? margin : 2 * margin) * column;
    pixels = (unit.rows + 2 * problem.row_margin()) * pitch + 2 * margin * column + kSlack;
    // With the margins between the rows.
    span = (unit.rows - 1) * pitch + row;
  }
};

// Memory of one thread, aligned to 64 bytes.
struct Room {
  void* input;    // the scratch image
  void* sums;     // [column phases, pixels, channels of a chunk]
  void* weights;  // those of a phase and a chunk, or a part of them, in an order of the kernel
  void* style;    // one number per input channel
  void* gain;     // one number per image and output channel of the unit
  void* bias;     // likewise
  void* places;   // where each pixel of the unit lies in the result
  void* planes;   // of a minimal form
};

// Bytes of a Room for a unit.
struct RoomSize {
  int64_t input, sums, weights, style;
  int64_t affine;  // of gain, and of bias
  int64_t places = 0, planes = 0;
};

struct Kernels {
  RoomSize (*room)(Format format, const Problem& problem, const Unit& unit);
  void (*run)(Format format, const Problem& problem, const Unit& unit, const Room& room);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAmxKernels;
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels,
                                              &kAmxKernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::phase_convolution
