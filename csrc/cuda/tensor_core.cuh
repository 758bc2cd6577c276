// Matrix products of a warp, and the moves that feed them, behind small functions.
//
// With nvcc these are the instructions mma.sync, ldmatrix and cp.async (sm_80 and newer). With a
// host compiler the lanes of tests/csrc/fiber.h exchange their registers and compute the same by
// hand, from the layouts that the PTX manual documents, with checks of alignment and bounds.
//
// Layouts, for lane = 4 * g + t; a register holds two halves, the one with the lower index low:
//   A of 16x16   a[0]: row g, columns 2t, 2t+1    a[1]: row g+8    a[2], a[3]: columns 8 further
//   B of 16x8    b[0]: rows 2t, 2t+1, column g    b[1]: rows 8 further
//   C of 16x8    c[0], c[1]: row g, columns 2t, 2t+1    c[2], c[3]: row g+8
//   in tf32, of which a register holds one: A of 16x8 a[0]: row g, column t, a[1]: row g+8,
//   a[2], a[3]: columns 4 further; B of 8x8 b[0]: row t, column g, b[1]: row 4 further
// load_matrices with the rows of A's four 8x8 quarters (upper left, lower left, upper right, lower
// right) yields A; load_matrices_transposed with rows of B stored [k][n] yields B.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../storage.h"
#include "device.cuh"

namespace aigc_assets {

// c += a · b over 16x8x16; T is bfloat16 or float16.
template <class T>
__device__ __forceinline__ void mma_16x8x16(float (&c)[4], const std::uint32_t (&a)[4],
                                            const std::uint32_t (&b)[2]);

// Two numbers rounded to T, side by side in a register.
template <class T>
__device__ __forceinline__ std::uint32_t pack_pair(float low, float high);

// The number in one half of a register.
template <class T>
__device__ __forceinline__ float unpack_half(std::uint32_t pair, int half) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    return float_of(half == 0 ? pair << 16 : pair & 0xffff0000u);
  } else {
    return widen(T{static_cast<std::uint16_t>(pair >> (16 * half))});
  }
}

#if defined(__CUDACC__)

template <>
__device__ __forceinline__ void mma_16x8x16<bfloat16>(float (&c)[4], const std::uint32_t (&a)[4],
                                                      const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ __forceinline__ void mma_16x8x16<float16>(float (&c)[4], const std::uint32_t (&a)[4],
                                                     const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// c += a · b over 16x8x8, with numbers that round_tf32 made.
__device__ __forceinline__ void mma_16x8x8_tf32(float (&c)[4], const std::uint32_t (&a)[4],
                                                const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// To 10 bits of mantissa, halves away from zero.
__device__ __forceinline__ std::uint32_t round_tf32(float value) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

template <>
__device__ __forceinline__ std::uint32_t pack_pair<bfloat16>(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

template <>
__device__ __forceinline__ std::uint32_t pack_pair<float16>(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Four 8x8 matrices of halves. Lanes 8i .. 8i+7 name the rows of matrix i, 16 bytes of shared
// memory each; registers[i] gets elements 2t and 2t+1 of its row g.
__device__ __forceinline__ void load_matrices(std::uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}

// The same of the transposed matrices: registers[i] gets column g of rows 2t and 2t+1.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&registers)[4],
                                                         const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}

// Starts a copy of 4, 8 or 16 bytes to shared memory, both addresses aligned to that; where not
// `valid`, zeros arrive and `from` is not read.
template <int bytes>
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(valid ? 16 : 0)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)),
                 "l"(from), "n"(bytes), "r"(valid ? bytes : 0)
                 : "memory");
  }
}

// Closes the group of the copies that this thread started.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most `pending` of this thread's groups are under way. Copies of other threads are
// there after a barrier.
template <int pending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

#else

template <class T>
inline std::uint32_t pack_pair(float low, float high) {
  T halves[2];
  narrow(low, halves);
  narrow(high, halves + 1);
  return static_cast<std::uint32_t>(halves[1].bits) << 16 | halves[0].bits;
}

template <class T>
inline void mma_16x8x16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  struct Registers {
    std::uint32_t a[4], b[2];
  };
  const fiber::Exchange<Registers> all({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
  const unsigned g = all.lane() / 4, t = all.lane() % 4;
  for (unsigned k = 0; k < 16; ++k) {
    const Registers rows = all[4 * g + k % 8 / 2];
    for (unsigned column = 0; column < 2; ++column) {
      const Registers columns = all[4 * (2 * t + column) + k % 8 / 2];
      const float right = unpack_half<T>(columns.b[k / 8], k % 2);
      c[column] += unpack_half<T>(rows.a[k / 8 * 2], k % 2) * right;
      c[2 + column] += unpack_half<T>(rows.a[k / 8 * 2 + 1], k % 2) * right;
    }
  }
}

inline std::uint32_t round_tf32(float value) { return (bits_of(value) + 0x1000u) & ~0x1fffu; }

inline void mma_16x8x8_tf32(float (&c)[4], const std::uint32_t (&a)[4],
                            const std::uint32_t (&b)[2]) {
  struct Registers {
    std::uint32_t a[4], b[2];
  };
  const fiber::Exchange<Registers> all({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
  const unsigned g = all.lane() / 4, t = all.lane() % 4;
  const auto number = [](std::uint32_t bits) { return float_of(bits & ~0x1fffu); };
  for (unsigned k = 0; k < 8; ++k) {
    const Registers rows = all[4 * g + k % 4];
    for (unsigned column = 0; column < 2; ++column) {
      const float right = number(all[4 * (2 * t + column) + k % 4].b[k / 4]);
      c[column] += number(rows.a[k / 4 * 2]) * right;
      c[2 + column] += number(rows.a[k / 4 * 2 + 1]) * right;
    }
  }
}

// Halves of the 8x8 matrices, read where the lanes say.
template <class Element>
inline void load_matrices_by(std::uint32_t (&registers)[4], const void* row, Element element) {
  fiber::check_shared(row, 16);
  fiber::check_aligned(row, 16);
  const fiber::Exchange<const std::uint16_t*> rows(static_cast<const std::uint16_t*>(row));
  for (unsigned i = 0; i < 4; ++i) {
    const auto at = [&](unsigned r, unsigned column) -> std::uint32_t {
      return rows[8 * i + r][column];
    };
    registers[i] = element(at, rows.lane() / 4, rows.lane() % 4);
  }
  __syncwarp();  // on a GPU, too, no lane goes on before all have read
}

inline void load_matrices(std::uint32_t (&registers)[4], const void* row) {
  load_matrices_by(registers, row, [](auto at, unsigned g, unsigned t) {
    return at(g, 2 * t) | at(g, 2 * t + 1) << 16;
  });
}

inline void load_matrices_transposed(std::uint32_t (&registers)[4], const void* row) {
  load_matrices_by(registers, row, [](auto at, unsigned g, unsigned t) {
    return at(2 * t, g) | at(2 * t + 1, g) << 16;
  });
}

template <int bytes>
inline void copy_async(void* to, const void* from, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  fiber::copy_async(to, from, valid ? bytes : 0, bytes);
}

inline void commit_copies() { fiber::commit_copies(); }

template <int pending>
inline void wait_for_copies() {
  fiber::wait_for_copies(pending);
}

#endif

}  // namespace aigc_assets
