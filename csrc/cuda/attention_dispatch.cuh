// Which kernel takes an attention, with how many threads and how much shared memory.
#pragma once

#include <type_traits>

#include "attention_fma.cuh"
#include "attention_mma.cuh"
#include "attention_plain.cuh"

namespace aigc_assets::attention_gpu {

constexpr int kPassing = 64;   // keys that arrive while others are multiplied
constexpr int kStaying = 128;  // keys that stay, for as many queries as there are

constexpr int kMostShared = 99 * 1024;  // of a block, on the smallest GPUs that run code for sm_80
static_assert(mma_shared<128, kPassing>(2, kMostStaged) <= kMostShared);
static_assert(mma_shared<128, kStaying>(1, 0) <= kMostShared);
static_assert(fma_shared<128>(kMostStaged) <= kMostShared);

// Calls launch(kernel, blocks, threads, bytes of shared memory, arguments of the kernel...), maybe
// twice. scratch(count) is global memory for so many floats.
template <class T, class Geometry, class Launch, class Scratch>
void dispatch(Arguments<T> a, const Geometry& geometry, int64_t batch, const Launch& launch,
              const Scratch& scratch) {
  const int64_t blocks = geometry.blocks(batch);
  const int staged = geometry.entries() <= kMostStaged ? geometry.entries() : 0;
  const auto expand = [&](float unit) {
    if constexpr (Geometry::kBiased && sizeof(T) <= 4) {
      if (staged > 0) return;
      const int64_t count = static_cast<int64_t>(geometry.heads) * geometry.limit();
      float* const expanded = scratch(count);
      a.expanded = expanded;
      launch(expand_table_kernel<T, Geometry>, (count + kExpandThreads - 1) / kExpandThreads,
             kExpandThreads, 0, a, geometry, unit, expanded);
    }
  };
  const auto with_head = [&](auto head) {
    constexpr int kHead = decltype(head)::value;
    if constexpr (std::is_same_v<T, float>) {
      expand(1.0f);
      launch(attention_fma_kernel<kHead, Geometry>, blocks, kFmaThreads, fma_shared<kHead>(staged),
             a, geometry, staged);
    } else {
      expand(kLog2E);
      if constexpr (Geometry::kFewKeys) {
        if (geometry.few_keys()) {
          launch(attention_mma_kernel<T, kHead, kStaying, true, Geometry>, blocks, kMmaThreads,
                 mma_shared<kHead, kStaying>(1, staged), a, geometry, 1, staged);
          return;
        }
      }
      const int stages = geometry.keys() > kPassing ? 2 : 1;
      launch(attention_mma_kernel<T, kHead, kPassing, false, Geometry>, blocks, kMmaThreads,
             mma_shared<kHead, kPassing>(stages, staged), a, geometry, stages, staged);
    }
  };
  if constexpr (!std::is_same_v<T, double>) {
    if (a.head <= 32) return with_head(std::integral_constant<int, 32>());
    if (a.head <= 64) return with_head(std::integral_constant<int, 64>());
    if (a.head <= 128) return with_head(std::integral_constant<int, 128>());
  }
  launch(attention_plain_kernel<T, Geometry>, blocks, kPlainThreads, plain_shared<T>(), a,
         geometry);
}

}  // namespace aigc_assets::attention_gpu
