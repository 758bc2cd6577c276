// Work items of the attention kernels on the CPU, and the table of functions that run them.
//
// All attention ops are cut into units at fixed places: some queries, all keys that any of them may
// see, one head. The ops differ in which rows of memory these are and in what is added to the
// scores; a unit names both, and the kernels know of nothing else. Which thread runs which unit
// changes nothing in its result, so the bytes do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "format.h"

namespace aigc_assets::attention {

constexpr std::int64_t kNoRow = std::numeric_limits<std::int64_t>::min();
constexpr int kKeyBlock = 64;  // rows of a bias are readable up to a multiple of this many keys

constexpr int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }

// Row i lies `offsets[i]` bytes after `base`, dense; where the offset is kNoRow there is none: it
// is read as zeros and never written.
struct Rows {
  char* base;
  const std::int64_t* offsets;
};

// Bytes that lie together.
struct Span {
  const char* begin;
  std::int64_t bytes;
};

struct Unit {
  Rows q, k, v, out;
  int queries, keys, depth;
  bool complete;  // no offset is kNoRow
  double scale;   // of the scores, before anything is added

  // Added to the score of query i and key j: bias[i·bias_stride + j], in the type that is computed
  // with, times Kernels::bias_factor plus Kernels::bias_offset; -infinity for keys that are not
  // seen. The stride may be 0 (all queries alike) or -1 (a band).
  const void* bias;
  std::int64_t bias_stride;
  double bias_limit;  // no finite bias is larger in magnitude, before factor and offset

  // Query i sees no key outside band_begin <= j - i < band_end, so that these need no work.
  int band_begin, band_end;

  // What the thread reads next, where memory does not lie in an order that a processor foresees: to
  // be fetched meanwhile.
  const Span *ahead, *ahead_end;
};

struct Kernels {
  void (*begin)();  // on a thread, before its first unit
  void (*end)();    // and after its last
  std::size_t (*scratch)(Format format, int queries, int keys, int depth);  // bytes
  void (*run)(Format format, const Unit& unit, char* scratch);              // scratch: 64-aligned
  double bias_factor, bias_offset;
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAmxKernels;  // bfloat16 alone
inline constexpr const Kernels* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels,
                                              &kAmxKernels};
#else
inline constexpr const Kernels* kKernels[] = {&kPortableKernels};
#endif

}  // namespace aigc_assets::attention
