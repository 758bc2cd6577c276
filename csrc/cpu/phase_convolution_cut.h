// How the work of the phase convolutions is cut into units on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "phase_convolution_unit.h"
#include "tensors.h"

namespace aigc_assets::phase_convolution {

// The cut may depend on the number of threads, as no result depends on it.
struct Cut {
  int64_t images, rows, columns, channels;  // of a unit

  // For the direct form: `number` bytes each, in tiles or not.
  Cut(const Problem& problem, int64_t batch, int64_t number, bool tiles) {
    const Shape shape = shape_of(problem.kind);
    const int64_t pixels = problem.height * problem.width;
    const int64_t most = tiles ? kTiledPixels : kPixels;
    columns = std::min(problem.width, kMaxColumns);
    rows = std::clamp<int64_t>(most / columns, 1, problem.height);
    int64_t fit = 1;
    if (columns == problem.width && rows == problem.height) {
      const int64_t ringed = (problem.height + 2) * (problem.width + 2) * problem.inputs * number;
      fit = std::min((tiles ? kTiledPixels : kGroupedPixels) / pixels, kGroupedBytes / ringed);
    }
    share(problem, batch, fit, shape.phases() * shape.taps() * pixels,
          tiles ? int64_t{1} << 23 : int64_t{1} << 20, 1);
  }

  // For a minimal form.
  Cut(const Problem& problem, int64_t batch, const AxisForms& axes) {
    const int64_t down = axes.rows.step, across = axes.columns.step;
    const int64_t cell = ((axes.planes() + down * across) * problem.inputs +
                          axes.products() * std::min(problem.padded_outputs(), kChunk)) *
                         int64_t{sizeof(float)};
    const int64_t cells = std::max(kLeastCells, kCache / cell);
    const int64_t all_rows = divided(problem.height, down);
    columns = std::min(problem.width, kMaxColumns);
    const int64_t fit_rows = std::clamp<int64_t>(cells / divided(columns, across), 1, all_rows);
    rows = std::min(problem.height, divided(all_rows, divided(all_rows, fit_rows)) * down);
    const int64_t of_image = all_rows * divided(problem.width, across);
    const bool whole = columns == problem.width && rows == problem.height;
    share(problem, batch, whole ? cells / of_image : 1, axes.products() * of_image,
          int64_t{1} << 20, down);
  }

 private:
  static constexpr int64_t kPixels = 256;  // of a unit: its sums stay in the second-level cache
  static constexpr int64_t kTiledPixels = 1024;
  static constexpr int64_t kGroupedPixels = 384;     // of several images
  static constexpr int64_t kGroupedBytes = 5 << 18;  // of their scratch images
  static constexpr int64_t kFewPixels = 192;         // of an image
  // Bytes of planes and sums of a minimal form: what the second-level cache of a laptop holds.
  static constexpr int64_t kCache = 1 << 19;
  static constexpr int64_t kLeastCells = 96;  // for which all weights pass by

  static int64_t divided(int64_t a, int64_t b) { return (a + b - 1) / b; }

  // Puts up to `fit` images into a unit, then makes as many units as threads. An image takes
  // `products` for a pair of channels; `worthwhile` take about as long as to wake a thread twice.
  void share(const Problem& problem, int64_t batch, int64_t fit, int64_t products,
             int64_t worthwhile, int64_t step) {
    const int64_t outputs = problem.padded_outputs(), pixels = problem.height * problem.width;
    channels = outputs;
    images = std::clamp<int64_t>(fit, 1, batch);
    const int64_t groups = divided(batch, images);
    images = divided(batch, groups);
    const int64_t threads = torch::stable::get_num_threads();
    const int64_t all = std::min(threads, batch * products * problem.inputs * outputs / worthwhile);
    if (groups >= all) return;
    if (pixels < kFewPixels && outputs >= 4 * kLanes) {
      // All weights pass by for few pixels: each unit takes its own part of them.
      channels = divided(outputs / kLanes, divided(all, groups)) * kLanes;
    } else if (images > 1) {
      images = divided(batch, std::min(batch, all));
    } else if (problem.height > 1) {
      rows = std::min(rows, divided(divided(problem.height, divided(all, groups)), step) * step);
    } else {
      columns = std::min(columns, divided(divided(problem.width, divided(all, groups)), 16) * 16);
    }
  }
};

}  // namespace aigc_assets::phase_convolution
