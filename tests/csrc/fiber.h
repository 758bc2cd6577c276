// Runs CUDA kernels on the CPU: every thread of a block is a fiber that gives way at barriers.
//
// What it shows: wrong indices, missing barriers (the order of the threads is drawn anew between
// any two barriers, from a seed), barriers that not all threads reach, reads of memory that nobody
// wrote (shared memory starts as NaN), writes behind the end of shared memory. What it cannot show:
// anything about speed, alignment faults, or instructions that only a GPU has.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace fiber {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

enum class Wait { kNothing, kWarp, kBlock, kDone };

struct Thread {
  ucontext_t context;
  Dim3 index;
  Wait wait = Wait::kNothing;
  std::uint64_t mailbox = 0;  // what a shuffle hands to the other lanes of the warp
};

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kGuardBytes = 64;
constexpr unsigned char kPoison = 0xff;  // NaN, as float and as every half-width format
constexpr unsigned char kGuard = 0xa5;

// The block that runs now. Blocks run one after the other, in an order drawn from the seed.
struct Block {
  Dim3 index, dim, grid;
  std::vector<Thread> threads;
  Thread* current = nullptr;
  ucontext_t scheduler;
  std::vector<unsigned char> shared;
  unsigned char* shared_begin = nullptr;
  const std::function<void()>* kernel = nullptr;
};

inline Block& block() {
  static Block value;
  return value;
}

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "fiber: %s (block %u, thread %u)\n", what, block().index.x,
               block().current != nullptr ? block().current->index.x : 0u);
  std::abort();
}

inline void give_way(Wait wait) {
  Thread& self = *block().current;
  self.wait = wait;
  swapcontext(&self.context, &block().scheduler);
}

inline void run_thread() {
  (*block().kernel)();
  give_way(Wait::kDone);
}

// Lets go the threads first .. last if all of them wait for the same barrier.
inline bool release(std::size_t first, std::size_t last, Wait barrier) {
  std::vector<Thread>& threads = block().threads;
  for (std::size_t i = first; i < last; ++i) {
    if (threads[i].wait != barrier) return false;
  }
  for (std::size_t i = first; i < last; ++i) threads[i].wait = Wait::kNothing;
  return true;
}

inline void run_block(std::mt19937& random, std::vector<unsigned char>& stacks) {
  Block& b = block();
  const std::size_t count = b.dim.x;
  for (std::size_t i = 0; i < count; ++i) {
    Thread& thread = b.threads[i];
    thread.index = {static_cast<unsigned>(i), 0, 0};
    thread.wait = Wait::kNothing;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks.data() + i * kStackBytes;
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, run_thread, 0);
  }
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  for (;;) {
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    bool ran = false;
    for (std::size_t i : order) {
      Thread& thread = b.threads[i];
      if (thread.wait != Wait::kNothing) continue;
      ran = true;
      b.current = &thread;
      swapcontext(&b.scheduler, &thread.context);
    }
    bool released = false;
    for (std::size_t i = 0; i < count; i += 32) {
      released |= release(i, i + 32 < count ? i + 32 : count, Wait::kWarp);
    }
    released |= release(0, count, Wait::kBlock);
    if (ran || released) continue;
    for (const Thread& thread : b.threads) {
      if (thread.wait != Wait::kDone) fail("a barrier was not reached by all threads");
    }
    return;
  }
}

// Runs kernel() for every thread of grid x threads; `shared` is in bytes.
inline void launch(unsigned grid, unsigned threads, std::size_t shared, unsigned seed,
                   const std::function<void()>& kernel) {
  Block& b = block();
  b.dim = {threads, 1, 1};
  b.grid = {grid, 1, 1};
  b.threads.resize(threads);
  b.kernel = &kernel;
  b.shared.resize(shared + 2 * kGuardBytes + 16);
  const auto address = reinterpret_cast<std::uintptr_t>(b.shared.data()) + kGuardBytes;
  b.shared_begin = b.shared.data() + kGuardBytes + (16 - address % 16) % 16;
  std::vector<unsigned char> stacks(threads * kStackBytes);
  std::mt19937 random(seed);
  std::vector<unsigned> blocks(grid);
  for (unsigned i = 0; i < grid; ++i) blocks[i] = i;
  for (unsigned i = grid; i > 1; --i) std::swap(blocks[i - 1], blocks[random() % i]);
  for (unsigned index : blocks) {
    b.index = {index, 0, 0};
    std::memset(b.shared.data(), kGuard, b.shared.size());
    std::memset(b.shared_begin, kPoison, shared);
    run_block(random, stacks);
    const unsigned char* const end = b.shared.data() + b.shared.size();
    for (const unsigned char* p = b.shared.data(); p < end; ++p) {
      const bool outside = p < b.shared_begin || p >= b.shared_begin + shared;
      if (outside && *p != kGuard) fail("a write outside shared memory");
    }
  }
}

}  // namespace fiber

#define threadIdx (fiber::block().current->index)
#define blockIdx (fiber::block().index)
#define blockDim (fiber::block().dim)
#define gridDim (fiber::block().grid)

inline void __syncthreads() { fiber::give_way(fiber::Wait::kBlock); }

template <class F>
F __shfl_down_sync(unsigned, F value, int offset) {
  fiber::Thread& self = *fiber::block().current;
  std::memcpy(&self.mailbox, &value, sizeof value);
  fiber::give_way(fiber::Wait::kWarp);
  const std::size_t lane = self.index.x % 32, other = self.index.x + static_cast<unsigned>(offset);
  F result = value;
  if (lane + static_cast<std::size_t>(offset) < 32 && other < fiber::block().threads.size()) {
    std::memcpy(&result, &fiber::block().threads[other].mailbox, sizeof result);
  }
  fiber::give_way(fiber::Wait::kWarp);
  return result;
}

namespace aigc_assets {

template <class T>
T* shared_memory() {
  return reinterpret_cast<T*>(fiber::block().shared_begin);
}

}  // namespace aigc_assets
