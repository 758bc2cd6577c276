// Half-width floating-point formats as they lie in memory, for host and device, without torch.
// Arithmetic is never done in them: kernels widen to float, compute, and round once on the way out.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define AIGC_INLINE __host__ __device__ __forceinline__
#else
// Forced, so that no copy compiled for one instruction set can be linked into code for another.
#define AIGC_INLINE inline __attribute__((always_inline))
#endif

namespace aigc_assets {

struct bfloat16 {
  std::uint16_t bits;
};

struct float16 {
  std::uint16_t bits;
};

AIGC_INLINE std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

AIGC_INLINE float float_of(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

AIGC_INLINE float widen(float value) { return value; }
AIGC_INLINE double widen(double value) { return value; }
AIGC_INLINE float widen(bfloat16 value) {
  return float_of(static_cast<std::uint32_t>(value.bits) << 16);
}

AIGC_INLINE float widen(float16 value) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(value.bits));
#else
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return float_of(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  // 2^112 moves the exponent's bias from 15 to 127, and makes subnormals normal on the way.
  const float scaled = float_of(magnitude << 13) * float_of(0x77800000u);
  return float_of(sign | bits_of(scaled));
#endif
}

AIGC_INLINE void narrow(float value, float* out) { *out = value; }
AIGC_INLINE void narrow(double value, double* out) { *out = value; }
AIGC_INLINE void narrow(double value, float* out) { *out = static_cast<float>(value); }

// Round to nearest, ties to even; every NaN stays a NaN.
AIGC_INLINE void narrow(float value, bfloat16* out) {
#if defined(__CUDA_ARCH__)
  out->bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
  const std::uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    out->bits = static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  } else {
    out->bits = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
#endif
}

AIGC_INLINE void narrow(float value, float16* out) {
#if defined(__CUDA_ARCH__)
  out->bits = __half_as_ushort(__float2half_rn(value));
#else
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t rounded;
  if (magnitude > 0x7f800000u) {
    rounded = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // 65520 and more become infinite
    rounded = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: the adder of 0.5 rounds to a subnormal
    rounded = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    rounded = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  out->bits = static_cast<std::uint16_t>(sign | rounded);
#endif
}

}  // namespace aigc_assets
