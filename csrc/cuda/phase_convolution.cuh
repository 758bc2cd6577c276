// Phase convolutions on the GPU: kernels over raw pointers, without torch.
//
// One block computes 256 output pixels (all phases of 64 input pixels, where the input doubles) by
// 64 or 32 output channels as a product of matrices on tensor cores; each of its 4 warps has 64 of
// the pixels. Input pixels with their halo are staged once for every 64 bytes of channels, and
// serve all taps and phases; the weights of one tap and all phases follow through a ring of three
// stages. Halves multiply as they are. Float32 is split in two numbers of 11 bits, whose three
// larger products are taken: sums are as exact as those of float32, but infinity turns into NaN.
#pragma once

#include <cstdint>
#include <cstring>

#include "phase_convolution_finish.cuh"

namespace aigc_assets::phase_convolution {

// The registers of a matrix as the tensor core takes them: as they are, or split in two.
template <class T, int kCount>
struct Factor {
  std::uint32_t high[kCount];

  __device__ __forceinline__ explicit Factor(const std::uint32_t (&words)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) high[i] = words[i];
  }
};

template <int kCount>
struct Factor<float, kCount> {
  std::uint32_t high[kCount], low[kCount];

  __device__ __forceinline__ explicit Factor(const std::uint32_t (&words)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      high[i] = round_tf32(float_of(words[i]));
      low[i] = round_tf32(float_of(words[i]) - float_of(high[i]));
    }
  }
};

template <class T>
__device__ __forceinline__ void multiply_add(float (&sum)[4], const Factor<T, 4>& a,
                                             const Factor<T, 2>& b) {
  if constexpr (is_half<T>) {
    mma_16x8x16<T>(sum, a.high, b.high);
  } else {
    // Tensor cores cut what they add instead of rounding it, which adds up over many products; so
    // each starts from zero, and the long sum is one of ordinary additions.
    float part[4] = {};
    mma_16x8x8_tf32(part, a.low, b.high);
    mma_16x8x8_tf32(part, a.high, b.low);
    mma_16x8x8_tf32(part, a.high, b.high);
#pragma unroll
    for (int i = 0; i < 4; ++i) sum[i] += part[i];
  }
}

// Moves of 16 bytes from x to shared memory: input channels of one pixel of the halo.
template <class T>
class InputStage {
 public:
  static constexpr int kChunk = kChunkWords * 4 / static_cast<int>(sizeof(T));  // channels

  __device__ InputStage(const Problem& p, const Tiling& t, const Place& place,
                        unsigned char* shared)
      : p_(p), t_(t), batch_(place.batch) {
    sources_ = reinterpret_cast<std::int64_t*>(shared);
    buffers_ = shared + t.sources_bytes();
    const int per_image = t.halo_width * t.halo_height;
    for (int row = static_cast<int>(threadIdx.x); row < t.halo_rows; row += kThreads) {
      const std::int64_t b = place.batch + row / per_image;
      int y = place.y + row % per_image / t.halo_width - p.margin_y;
      int x = place.x + row % t.halo_width - p.margin_x;
      if (p.circular) {
        y = (y % p.height + p.height) % p.height;
        x = (x % p.width + p.width) % p.width;
      }
      const bool exists = b < p.batch && y >= 0 && y < p.height && x >= 0 && x < p.width;
      sources_[row] = exists ? b * p.x_batch + y * p.x_row + x * p.x_column : -1;
    }
  }

  __device__ int vectors() const { return 4 * t_.halo_rows; }
  __device__ bool asynchronous() const { return t_.input_vectors && p_.style.data == nullptr; }
  __device__ const unsigned char* buffer(int chunk) const {
    return buffers_ + chunk % 2 * (t_.halo_rows * kRowBytes);
  }

  __device__ void copy(int chunk, int vector) const {
    const Spot spot = locate(chunk, vector);
    const T* const x = static_cast<const T*>(p_.x);
    const bool exists = spot.source >= 0 && spot.channel < p_.inputs;
    copy_async<16>(spot.to, exists ? x + (spot.source + spot.channel) : x, exists);
  }

  __device__ __forceinline__ Pack<T> load(int chunk, int vector) const {
    const Spot spot = locate(chunk, vector);
    Pack<T> pack{};
    if (spot.source < 0) return pack;
    const T* const x = static_cast<const T*>(p_.x) + spot.source;
    if (t_.input_vectors) {
      if (spot.channel < p_.inputs) pack = *reinterpret_cast<const Pack<T>*>(x + spot.channel);
    } else {
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) {
        if (spot.channel + i < p_.inputs) pack.v[i] = x[(spot.channel + i) * p_.x_channel];
      }
    }
    return pack;
  }

  __device__ __forceinline__ void store(int chunk, int vector, Pack<T> pack) const {
    const Spot spot = locate(chunk, vector);
    if (p_.style.data != nullptr && spot.source >= 0) {
      const std::int64_t b = batch_ + spot.row / (t_.halo_width * t_.halo_height);
      float values[kVector<T>];
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) {
        const int channel = spot.channel + i;
        values[i] = channel < p_.inputs
                        ? widen(pack.v[i]) * read<float, T>(p_.style, b * p_.inputs + channel)
                        : 0.0f;
      }
      pack = narrow_all<T>(values);
    }
    *reinterpret_cast<Pack<T>*>(spot.to) = pack;
  }

 private:
  struct Spot {
    int row, channel;
    std::int64_t source;
    unsigned char* to;
  };

  // Neighbouring lanes take neighbours in memory: channels of a pixel, or else pixels.
  __device__ __forceinline__ Spot locate(int chunk, int vector) const {
    const bool channels_first = !t_.input_vectors;
    const int row = channels_first ? vector % t_.halo_rows : vector / 4;
    const int piece = channels_first ? vector / t_.halo_rows : vector % 4;
    return {row, chunk * kChunk + piece * kVector<T>, sources_[row],
            buffers_ + (chunk % 2 * t_.halo_rows + row) * kRowBytes + piece * 16};
  }

  const Problem& p_;
  const Tiling& t_;
  std::int64_t batch_;
  std::int64_t* sources_;   // [halo_rows], offset into x or -1
  unsigned char* buffers_;  // [2, halo_rows, kRowBytes]
};

// Starts the copies of one tap's weights of a chunk, [phases, kChunkWords, kColumns] words.
template <int kColumns>
__device__ __forceinline__ void copy_weights(const Problem& p, int rows, int chunk, int tap,
                                             int first, std::uint32_t* to) {
  constexpr int vectors = kColumns / 4, lines = kThreads / vectors;  // moved by all threads at once
  const int thread = static_cast<int>(threadIdx.x);
  const int column = thread % vectors * 4;
  const std::int64_t between = static_cast<std::int64_t>(p.taps()) * rows * p.padded_outputs;
#pragma unroll
  for (int line = thread / vectors; line < kChunkWords; line += lines) {
    const int row = chunk * kChunkWords + line;
    const bool exists = row < rows && first + column < p.padded_outputs;
    const std::int64_t at =
        (static_cast<std::int64_t>(tap) * rows + row) * p.padded_outputs + first + column;
    const std::uint32_t* from = static_cast<const std::uint32_t*>(p.packed) + (exists ? at : 0);
    std::uint32_t* target = to + line * weight_pitch(kColumns) + column;
    for (int phase = 0; phase < p.phases(); ++phase) {
      copy_async<16>(target, from, exists);
      from += between;
      target += kChunkWords * weight_pitch(kColumns);
    }
  }
}

// Sums of a warp: [32 columns, column within four, 16 pixels, register]. The columns that one
// product has are every fourth, so that a lane's weights and sums are neighbours in memory.
template <int kColumns>
using Sums = float[kColumns / 32][4][4][4];

// One tap of a chunk. `rows` are offsets of the lane's rows of shared memory into `input`.
template <class T, int kColumns>
__device__ __forceinline__ void multiply(Sums<kColumns>& sums, const unsigned char* input,
                                         const int (&rows)[4], const std::uint32_t* weights) {
  const int lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
#pragma unroll(is_half<T> ? 2 : 1)  // split numbers take too many registers for more
  for (int k = 0; k < kChunkWords / 8; ++k) {
    std::uint32_t words[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) load_matrices(words[i], input + rows[i] + 32 * k);
    const Factor<T, 4> a[4] = {Factor<T, 4>(words[0]), Factor<T, 4>(words[1]),
                               Factor<T, 4>(words[2]), Factor<T, 4>(words[3])};
    const std::uint32_t* const line = weights + (8 * k + t) * weight_pitch(kColumns) + 4 * g;
#pragma unroll
    for (int group = 0; group < kColumns / 32; ++group) {
      using Words = Quad<std::uint32_t>;
      const Words near = *reinterpret_cast<const Words*>(line + 32 * group);
      const Words far =
          *reinterpret_cast<const Words*>(line + 4 * weight_pitch(kColumns) + 32 * group);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const Factor<T, 2> b({near.v[j], far.v[j]});
#pragma unroll
        for (int i = 0; i < 4; ++i) multiply_add<T>(sums[group][j][i], a[i], b);
      }
    }
  }
}

template <class T, int kColumns>
__global__ void __launch_bounds__(kThreads, is_half<T>&& kColumns == 32 ? 3 : 2)
    product_kernel(const Problem p, const Tiling t) {
  constexpr int deferred = 2;  // moves through registers that a thread has under way
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const Place place(t);
  unsigned char* const shared = shared_memory<unsigned char>();
  const InputStage<T> input(p, t, place, shared);
  auto* const weights =
      reinterpret_cast<std::uint32_t*>(shared + t.sources_bytes() + 2 * t.halo_rows * kRowBytes);
  const int stage_words = p.phases() * kChunkWords * weight_pitch(kColumns);
  const int chunks = (p.inputs + InputStage<T>::kChunk - 1) / InputStage<T>::kChunk;
  const int rows = is_half<T> ? chunks * kChunkWords : p.inputs;  // of the packed weights, in words
  const int taps = p.taps(), steps = chunks * taps;
  const bool asynchronous = input.asynchronous();
  __syncthreads();

  // The lane's row of shared memory for each 16 of the warp's pixels, for the first tap.
  const int warps_per_phase = 4 / p.phases(), phase = warp / warps_per_phase;
  int offsets[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int pixel = warp % warps_per_phase * 64 + i * 16 + lane % 16;
    const int x = pixel & ((1 << t.log_width) - 1);
    const int y = (pixel >> t.log_width) & ((1 << t.log_height) - 1);
    const int b = pixel >> (t.log_width + t.log_height);
    const int row = (b * t.halo_height + y + phase / p.rate_x) * t.halo_width + x;
    offsets[i] = (row + phase % p.rate_x) * kRowBytes + lane / 16 * 16;
  }

  for (int v = thread; v < input.vectors(); v += kThreads) {
    if (asynchronous) {
      input.copy(0, v);
    } else {
      input.store(0, v, input.load(0, v));
    }
  }
  int next_chunk = 0, next_tap = 0;  // whose weights are fetched next
  const auto fetch_weights = [&](int step) {
    if (step < steps) {
      copy_weights<kColumns>(p, rows, next_chunk, next_tap, place.outputs,
                             weights + step % kStages * stage_words);
    }
    if (++next_tap == taps) {
      next_tap = 0;
      ++next_chunk;
    }
  };
  for (int step = 0; step < kStages - 1; ++step) {
    fetch_weights(step);
    commit_copies();
  }

  Sums<kColumns> sums = {};
  const int part = (input.vectors() + taps - 1) / taps;
  for (int step = 0, chunk = 0, tap = 0; step < steps; ++step) {
    wait_for_copies<kStages - 2>();
    __syncthreads();  // weights are there; what the step before read may be overwritten
    fetch_weights(step + kStages - 1);
    const bool more = chunk + 1 < chunks;
    if (more && asynchronous && tap == 0) {
      for (int v = thread; v < input.vectors(); v += kThreads) input.copy(chunk + 1, v);
    }
    commit_copies();

    // Without asynchronous copies each tap brings its part of the next chunk, before and after.
    const int begin = tap * part + thread;
    const int end = (tap + 1) * part < input.vectors() ? (tap + 1) * part : input.vectors();
    const bool by_hand = more && !asynchronous;
    Pack<T> packs[deferred];
#pragma unroll
    for (int i = 0; i < deferred; ++i) {
      const int v = begin + i * kThreads;
      if (by_hand && v < end) packs[i] = input.load(chunk + 1, v);
    }
    const int tap_row = tap / p.taps_x * t.halo_width + tap % p.taps_x * p.dilation;
    multiply<T, kColumns>(
        sums, input.buffer(chunk) + tap_row * kRowBytes, offsets,
        weights + step % kStages * stage_words + phase * kChunkWords * weight_pitch(kColumns));
#pragma unroll
    for (int i = 0; i < deferred; ++i) {
      const int v = begin + i * kThreads;
      if (by_hand && v < end) input.store(chunk + 1, v, packs[i]);
    }
    if (by_hand) {
      for (int v = begin + deferred * kThreads; v < end; v += kThreads) {
        input.store(chunk + 1, v, input.load(chunk + 1, v));
      }
    }
    if (++tap == taps) {
      tap = 0;
      ++chunk;
    }
  }
  wait_for_copies<0>();
  __syncthreads();

  // The sums take the place of everything else in shared memory.
  float* const finished = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const int m = warp * 64 + i * 16 + lane / 4 + r / 2 * 8;
#pragma unroll
      for (int group = 0; group < kColumns / 32; ++group) {
        const int column = group * 32 + 8 * (lane % 4) + r % 2 * 4;
        Quad<float> quad;
#pragma unroll
        for (int j = 0; j < 4; ++j) quad.v[j] = sums[group][j][i][r];
        *reinterpret_cast<Quad<float>*>(finished + m * sum_pitch(kColumns) + column) = quad;
      }
    }
  }
  __syncthreads();
  if (p.channels_last) {
    finish_channels_last<T, kColumns>(p, t, place, finished);
  } else {
    finish_rows<T, kColumns>(p, t, place, finished);
  }
}

// For float64, and for what the kernel above does not take: one thread per output element, in the
// order of memory.
template <class T, class F>
__global__ void __launch_bounds__(256) plain_kernel(const Problem p) {
  const std::int64_t width = static_cast<std::int64_t>(p.width) * p.rate_x;
  const std::int64_t pixels = width * p.height * p.rate_y;
  const std::int64_t count = p.batch * p.outputs * pixels;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const std::int64_t b = i / (p.outputs * pixels);
    const auto channel = static_cast<int>(p.channels_last ? i % p.outputs : i / pixels % p.outputs);
    const std::int64_t at = p.channels_last ? i / p.outputs % pixels : i % pixels;
    const auto row = static_cast<int>(at / width);
    const std::int64_t column = at % width;
    const int phase_y = row % p.rate_y, phase_x = static_cast<int>(column % p.rate_x);
    const std::int64_t phase = phase_y * p.rate_x + phase_x;
    const int padded_inputs = (p.inputs + 31) / 32 * 32;
    F sum = F(0);
    for (int tap = 0; tap < p.taps(); ++tap) {
      std::int64_t y = row / p.rate_y - p.margin_y + phase_y + tap / p.taps_x;
      std::int64_t x = column / p.rate_x - p.margin_x + phase_x +
                       static_cast<std::int64_t>(tap % p.taps_x) * p.dilation;
      if (p.circular) {
        y = (y % p.height + p.height) % p.height;
        x = (x % p.width + p.width) % p.width;
      }
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
      const T* const from =
          static_cast<const T*>(p.x) + (b * p.x_batch + y * p.x_row + x * p.x_column);
      const T* const packed = static_cast<const T*>(p.packed);
      const std::int64_t matrix = phase * p.taps() + tap;
      for (int k = 0; k < p.inputs; ++k) {
        F value = static_cast<F>(widen(from[k * p.x_channel]));
        if (p.style.data != nullptr) value *= read<F, T>(p.style, b * p.inputs + k);
        const std::int64_t weight =
            is_half<T>
                ? ((matrix * padded_inputs + k / 2 * 2) * p.padded_outputs + 2 * channel + k % 2)
                : (matrix * p.inputs + k) * p.padded_outputs + channel;
        sum += value * static_cast<F>(widen(packed[weight]));
      }
    }
    if (p.gain.data != nullptr) sum *= read<F, T>(p.gain, b * p.outputs + channel);
    if (p.bias.data != nullptr) sum += read<F, T>(p.bias, b * p.bias_batch + channel);
    if (p.noise.data != nullptr) sum += read<F, T>(p.noise, b * p.noise_batch + at);
    sum = activate(sum, static_cast<Activation>(p.activation), F(p.slope));
    if (p.residual != nullptr) sum += static_cast<F>(widen(static_cast<const T*>(p.residual)[i]));
    narrow(sum, static_cast<T*>(p.y) + i);
  }
}

}  // namespace aigc_assets::phase_convolution
