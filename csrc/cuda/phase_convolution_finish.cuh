// What follows the sums of a phase convolution: gain, bias, noise, activation, residual, and one
// rounding. Sums lie in shared memory, [output pixels of the block, channels], phase by phase.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../activation.h"
#include "phase_convolution_plan.h"
#include "tensor_core.cuh"

namespace aigc_assets::phase_convolution {

template <class T>
constexpr bool is_half = sizeof(T) == 2;

template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));  // elements of a move of 16 bytes

template <class T>
struct alignas(16) Pack {
  T v[kVector<T>];
};

template <class F, class T>
__device__ __forceinline__ F read(const Operand& operand, std::int64_t i) {
  if (operand.is_float) return static_cast<F>(static_cast<const float*>(operand.data)[i]);
  return static_cast<F>(widen(static_cast<const T*>(operand.data)[i]));
}

template <class T>
__device__ __forceinline__ Pack<T> narrow_all(const float (&values)[kVector<T>]) {
  Pack<T> pack;
  if constexpr (is_half<T>) {
    std::uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) pairs[i] = pack_pair<T>(values[2 * i], values[2 * i + 1]);
    memcpy(&pack, pairs, sizeof pack);
  } else {
#pragma unroll
    for (int i = 0; i < kVector<T>; ++i) narrow(values[i], pack.v + i);
  }
  return pack;
}

// The kind is looked at once for all values.
template <int kCount>
__device__ __forceinline__ void activate_all(float (&values)[kCount], int kind, float slope) {
  const auto run = [&](auto constant) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = activate(values[i], constant(), slope);
  };
  switch (static_cast<Activation>(kind)) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return run([] { return Activation::kRelu; });
    case Activation::kLeakyRelu:
      return run([] { return Activation::kLeakyRelu; });
    case Activation::kSilu:
      return run([] { return Activation::kSilu; });
    case Activation::kTanh:
      return run([] { return Activation::kTanh; });
  }
}

// Factor and summand of an output channel, the latter with the bias alone.
struct Scale {
  float gain, bias;
};

template <class T>
__device__ __forceinline__ Scale scale_of(const Problem& p, std::int64_t b, int channel) {
  Scale scale{1.0f, 0.0f};
  if (channel < p.outputs) {
    if (p.gain.data != nullptr) scale.gain = read<float, T>(p.gain, b * p.outputs + channel);
    if (p.bias.data != nullptr) scale.bias = read<float, T>(p.bias, b * p.bias_batch + channel);
  }
  return scale;
}

// Activation, residual, rounding and the write of `count` neighbours in memory, from `at` on.
template <class T>
__device__ __forceinline__ void write_vector(const Problem& p, float (&values)[kVector<T>],
                                             std::int64_t at, int count, bool whole) {
  activate_all(values, p.activation, static_cast<float>(p.slope));
  const T* const residual = static_cast<const T*>(p.residual);
  T* const y = static_cast<T*>(p.y) + at;
  if (whole && count == kVector<T>) {
    if (residual != nullptr) {
      const Pack<T> more = *reinterpret_cast<const Pack<T>*>(residual + at);
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) values[i] += widen(more.v[i]);
    }
    *reinterpret_cast<Pack<T>*>(y) = narrow_all<T>(values);
    return;
  }
#pragma unroll
  for (int i = 0; i < kVector<T>; ++i) {
    if (i < count) {
      narrow(residual != nullptr ? values[i] + widen(residual[at + i]) : values[i], y + i);
    }
  }
}

// Where a block works.
struct Place {
  std::int64_t batch;  // first of the block
  int y, x;            // first input pixel
  int outputs;         // first output channel

  __device__ __forceinline__ explicit Place(const Tiling& t) {
    // Blocks that share input pixels follow each other.
    auto rest = static_cast<int>(blockIdx.x);
    outputs = rest % t.tiles_outputs * t.columns;
    rest /= t.tiles_outputs;
    x = rest % t.tiles_x << t.log_width;
    rest /= t.tiles_x;
    y = rest % t.tiles_y << t.log_height;
    batch = static_cast<std::int64_t>(rest / t.tiles_y) << t.log_batch;
  }
};

// Vectors of neighbouring channels of one pixel.
template <class T, int kColumns>
__device__ inline void finish_channels_last(const Problem& p, const Tiling& t, const Place& place,
                                            const float* sums) {
  constexpr int vectors = kColumns / kVector<T>;
  static_assert(kThreads % vectors == 0);
  const int thread = static_cast<int>(threadIdx.x);
  const int column = thread % vectors * kVector<T>, channel = place.outputs + column;
  const int log_pixels = t.log_width + t.log_height + t.log_batch;
  const int count = p.outputs - channel < kVector<T> ? p.outputs - channel : kVector<T>;
  if (count <= 0) return;
  std::int64_t known = -1;
  Scale scales[kVector<T>];
  for (int m = thread / vectors; m < kBlockPixels; m += kThreads / vectors) {
    const int phase = m >> log_pixels, pixel = m & ((1 << log_pixels) - 1);
    const int x = place.x + (pixel & ((1 << t.log_width) - 1));
    const int y = place.y + ((pixel >> t.log_width) & ((1 << t.log_height) - 1));
    const std::int64_t b = place.batch + (pixel >> (t.log_width + t.log_height));
    if (x >= p.width || y >= p.height || b >= p.batch) continue;
    if (b != known) {
      known = b;
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) scales[i] = scale_of<T>(p, b, channel + i);
    }
    const std::int64_t row = static_cast<std::int64_t>(y) * p.rate_y + phase / p.rate_x;
    const std::int64_t width = static_cast<std::int64_t>(p.width) * p.rate_x;
    const std::int64_t at = row * width + static_cast<std::int64_t>(x) * p.rate_x +
                            phase % p.rate_x;  // of all the pixels of an image
    const std::int64_t pixels = width * p.height * p.rate_y;
    float noise = 0.0f;
    if (p.noise.data != nullptr) noise = read<float, T>(p.noise, b * p.noise_batch + at);
    float values[kVector<T>];
    const float* const from = sums + m * sum_pitch(kColumns) + column;
#pragma unroll
    for (int q = 0; q < kVector<T> / 4; ++q) {
      const Quad<float> quad = reinterpret_cast<const Quad<float>*>(from)[q];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Scale& scale = scales[4 * q + i];
        values[4 * q + i] = quad.v[i] * scale.gain + (scale.bias + noise);
      }
    }
    write_vector<T>(p, values, (b * pixels + at) * p.outputs + channel, count, t.output_vectors);
  }
}

// Vectors of neighbouring pixels of one channel.
template <class T, int kColumns>
__device__ inline void finish_rows(const Problem& p, const Tiling& t, const Place& place,
                                   const float* sums) {
  const int log_run = t.log_width + (p.rate_x == 2 ? 1 : 0);  // output pixels side by side
  const int segments = (1 << log_run) > kVector<T> ? (1 << log_run) / kVector<T> : 1;
  const int log_pixels = t.log_width + t.log_height + t.log_batch;
  const int rows = (p.rate_y << t.log_height) << t.log_batch;
  const std::int64_t width = static_cast<std::int64_t>(p.width) * p.rate_x;
  const std::int64_t pixels = width * p.height * p.rate_y;
  for (int v = static_cast<int>(threadIdx.x); v < rows * kColumns * segments; v += kThreads) {
    const int segment = v % segments, column = v / segments % kColumns;
    const int row = v / (segments * kColumns);
    const int phase_y = row % p.rate_y, row_in = row / p.rate_y;  // over all of the batch
    const int y = place.y + (row_in & ((1 << t.log_height) - 1));
    const std::int64_t b = place.batch + (row_in >> t.log_height);
    const int first = segment * kVector<T>;  // output pixel within the block
    const std::int64_t x = static_cast<std::int64_t>(place.x) * p.rate_x + first;
    const int channel = place.outputs + column;
    if (channel >= p.outputs || x >= width || y >= p.height || b >= p.batch) continue;
    int count = (1 << log_run) - first < kVector<T> ? (1 << log_run) - first : kVector<T>;
    if (width - x < count) count = static_cast<int>(width - x);
    const Scale scale = scale_of<T>(p, b, channel);
    const std::int64_t at = (static_cast<std::int64_t>(y) * p.rate_y + phase_y) * width + x;
    float values[kVector<T>];
#pragma unroll
    for (int i = 0; i < kVector<T>; ++i) {
      const int x_out = i < count ? first + i : first;
      const int phase = phase_y * p.rate_x + x_out % p.rate_x;
      const int m = (phase << log_pixels) + (row_in << t.log_width) + x_out / p.rate_x;
      float shift = scale.bias;
      if (p.noise.data != nullptr && i < count) {
        shift += read<float, T>(p.noise, b * p.noise_batch + at + i);
      }
      values[i] = sums[m * sum_pitch(kColumns) + column] * scale.gain + shift;
    }
    write_vector<T>(p, values, (b * p.outputs + channel) * pixels + at, count, t.output_vectors);
  }
}

}  // namespace aigc_assets::phase_convolution
