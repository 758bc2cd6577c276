// What the kernels of one-token decoding share: numbers whose format is known at run time, sums of
// a warp, and numbers as a sum of two halves for the tensor cores.
#pragma once

#include <cmath>
#include <cstdint>

#include "../activation.h"
#include "../storage.h"
#include "device.cuh"
#include "tensor_core.cuh"

namespace aigc_assets::decode_gpu {

enum class Format : int { kFloat, kDouble, kHalf, kBfloat };

// Numbers that are read a few times per row, where a switch costs less than one more kernel per
// format. Without `data` there are none.
struct Numbers {
  const void* data;
  Format format;

  __device__ explicit operator bool() const { return data != nullptr; }

  template <class F>
  __device__ __forceinline__ F at(int64_t i) const {
    switch (format) {
      case Format::kFloat:
        return static_cast<F>(static_cast<const float*>(data)[i]);
      case Format::kHalf:
        return static_cast<F>(widen(static_cast<const float16*>(data)[i]));
      case Format::kBfloat:
        return static_cast<F>(widen(static_cast<const bfloat16*>(data)[i]));
      default:
        if constexpr (sizeof(F) == 8) return static_cast<const double*>(data)[i];
        return F(0);
    }
  }

  // Numbers i .. i + 7, in moves of 16 bytes where they lie right for that.
  __device__ __forceinline__ void eight(int64_t i, float (&to)[8]) const {
    const int width = format == Format::kFloat ? 4 : 2;
    const char* const from = static_cast<const char*>(data) + i * width;
    if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0) {
#pragma unroll
      for (int k = 0; k < 8; ++k) to[k] = at<float>(i + k);
    } else if (format == Format::kFloat) {
      const Quad<float> low = reinterpret_cast<const Quad<float>*>(from)[0];
      const Quad<float> high = reinterpret_cast<const Quad<float>*>(from)[1];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        to[k] = low.v[k];
        to[4 + k] = high.v[k];
      }
    } else {
      const Quad<std::uint32_t> pairs = *reinterpret_cast<const Quad<std::uint32_t>*>(from);
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        to[k] = format == Format::kHalf ? unpack_half<float16>(pairs.v[k / 2], k % 2)
                                        : unpack_half<bfloat16>(pairs.v[k / 2], k % 2);
      }
    }
  }
};

// Calls run(pointer) with the type that the numbers have in memory, for loops whose loads must not
// wait for each other.
template <class F, class Run>
__device__ __forceinline__ void with_type(const Numbers& numbers, Run run) {
  switch (numbers.format) {
    case Format::kFloat:
      return run(static_cast<const float*>(numbers.data));
    case Format::kHalf:
      return run(static_cast<const float16*>(numbers.data));
    case Format::kBfloat:
      return run(static_cast<const bfloat16*>(numbers.data));
    default:
      if constexpr (sizeof(F) == 8) run(static_cast<const double*>(numbers.data));
  }
}

// Asks for a line of memory that will be read soon.
__device__ __forceinline__ void prefetch([[maybe_unused]] const void* address) {
#if defined(__CUDA_ARCH__)
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
#endif
}

// Where results go.
struct Results {
  void* data;
  Format format;

  template <class F>
  __device__ __forceinline__ void put(int64_t i, F value) const {
    switch (format) {
      case Format::kFloat:
        static_cast<float*>(data)[i] = static_cast<float>(value);
        break;
      case Format::kHalf:
        narrow(static_cast<float>(value), static_cast<float16*>(data) + i);
        break;
      case Format::kBfloat:
        narrow(static_cast<float>(value), static_cast<bfloat16*>(data) + i);
        break;
      default:
        if constexpr (sizeof(F) == 8) static_cast<double*>(data)[i] = value;
    }
  }
};

// A number of the host, in the types that kernels compute in.
struct Constant {
  float single;
  double wide;

  template <class F>
  __device__ __forceinline__ F as() const {
    if constexpr (sizeof(F) == 8) return wide;
    return single;
  }
};

__device__ __forceinline__ float inverse_root(float x) { return 1.0f / std::sqrt(x); }
__device__ __forceinline__ double inverse_root(double x) { return 1.0 / std::sqrt(x); }

// Sum over a warp; every lane gets it.
template <class F>
__device__ __forceinline__ F warp_sum(F value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

// The power of two that brings a row whose largest number is `largest` to about 1, so that float16
// can hold it; 1 for a row of zeros and for one that is not finite.
__device__ __forceinline__ float shrink_factor(float largest) {
  const std::uint32_t exponent = bits_of(largest) >> 23 & 0xffu;
  if (exponent == 0 || exponent == 255) return 1.0f;
  return float_of((exponent < 253 ? 253u - exponent : 1u) << 23);
}

// The inverse of a power of two.
__device__ __forceinline__ float inverse_power(float power) {
  return float_of((254u << 23) - bits_of(power));
}

// Two numbers as the sum of two pairs of halves: products with them keep the precision of float32
// to 16 (bfloat16) or 22 (float16) bits.
template <class T>
__device__ __forceinline__ void split_pair(float first, float second, std::uint32_t* high,
                                           std::uint32_t* low) {
  *high = pack_pair<T>(first, second);
  const float rest = first - unpack_half<T>(*high, 0);
  const float other = second - unpack_half<T>(*high, 1);
  // Infinities have no rest.
  *low =
      pack_pair<T>(fabsf(first) <= 3.0e38f ? rest : 0.0f, fabsf(second) <= 3.0e38f ? other : 0.0f);
}

}  // namespace aigc_assets::decode_gpu
