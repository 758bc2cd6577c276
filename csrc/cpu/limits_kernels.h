// Work that does nothing but reach a limit, once for every instruction set: include this after the
// target was switched on.
#pragma once

#include "limits.h"
#include "tiles.h"
#include "vector.h"

namespace aigc_assets::limits {
namespace {

// Independent chains of multiply-adds, enough of them to hide the latency; returns operations.
double multiply_add_chains(int64_t rounds, float* sink) {
  constexpr int kChains = 12;
  Vector sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vector(i + sink[0]);
  const Vector a(1.0 - 1e-7 * sink[1]), b(1e-7 * sink[1]);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = multiply_add(sums[i], a, b);
  }
  Vector total = sums[0];
  for (int i = 1; i < kChains; ++i) total = total + sums[i];
  sink[2] = static_cast<float>(total.sum());
  return 2.0 * static_cast<double>(rounds) * kChains * Vector::width;
}

// Reads a buffer once; returns bytes.
double read_all(const float* from, int64_t count, float* sink) {
  constexpr int kSums = 8;
  Vector sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = Vector(0.0);
  constexpr int64_t kStep = kSums * Vector::width;
  int64_t at = 0;
  for (; at + kStep <= count; at += kStep) {
    for (int i = 0; i < kSums; ++i) sums[i] = sums[i] + Vector::load(from + at + i * Vector::width);
  }
  Vector total = sums[0];
  for (int i = 1; i < kSums; ++i) total = total + sums[i];
  sink[2] = static_cast<float>(total.sum());
  return static_cast<double>(at) * sizeof(float);
}

#if defined(AIGC_TARGET_AMX)

// Products of bfloat16 tiles that stay in their registers: 16 x 16 results of 32 products each.
double tile_products(int64_t rounds, float* sink) {
  configure_tiles();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  sink[2] = 0;
  return 4.0 * static_cast<double>(rounds) * 2 * 16 * 16 * 32;
}

#endif

}  // namespace
}  // namespace aigc_assets::limits
