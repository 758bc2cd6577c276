// Runs CUDA kernels on the CPU: every thread of a block is a fiber that gives
// way at barriers.
//
// What it shows: wrong indices, missing barriers (the order of the threads is
// drawn anew between any two barriers, from a seed), barriers that not all
// threads reach, reads of memory that nobody wrote (shared memory starts as
// NaN), writes behind the end of shared memory, asynchronous copies that nobody
// waited for. What it cannot show: anything about speed, faults of alignment
// other than those of the collective moves, or what instructions that only a
// GPU has do beyond their manual.
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

// An asynchronous copy to shared memory that has not arrived yet; `bytes` of 0:
// zeros arrive.
struct Copy {
  void* to;
  const void* from;
  std::size_t bytes, room;
};

constexpr std::size_t kMailboxBytes = 64;

struct Thread {
  ucontext_t context;
  Dim3 index;
  Wait wait = Wait::kNothing;
  unsigned exchanges = 0;  // collective operations of the warp so far
  alignas(16) unsigned char mailbox[2][kMailboxBytes];
  std::vector<Copy> issued;               // since the last commit
  std::vector<std::vector<Copy>> groups;  // committed, oldest first
};

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kGuardBytes = 64;
constexpr unsigned char kPoison = 0xff;  // NaN, as float and as every half-width format
constexpr unsigned char kGuard = 0xa5;

// The block that runs now. Blocks run one after the other, in an order drawn
// from the seed.
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
    thread.exchanges = 0;
    thread.issued.clear();
    thread.groups.clear();
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks.data() + i * kStackBytes;
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, run_thread, 0);
  }
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  // Some warps are slower than others, or they would all meet at the barriers
  // of their own.
  std::vector<unsigned> pace((count + 31) / 32);
  for (unsigned& rounds : pace) rounds = 1u << random() % 4;
  std::vector<bool> goes(pace.size());
  for (;;) {
    for (std::size_t i = 0; i < pace.size(); ++i) goes[i] = random() % pace[i] == 0;
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    bool ran = false;
    for (std::size_t i : order) {
      Thread& thread = b.threads[i];
      if (thread.wait != Wait::kNothing) continue;
      ran = true;  // in this round or one to come
      if (!goes[i / 32]) continue;
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

// What every lane of a warp hands to the others; all lanes have to take part.
// The two mailboxes take turns, so that a lane may go on to its next exchange
// while others still read.
template <class T>
class Exchange {
 public:
  explicit Exchange(const T& value) {
    static_assert(sizeof(T) <= kMailboxBytes);
    Thread& self = *block().current;
    box_ = self.exchanges++ % 2;
    lane_ = self.index.x % 32;
    first_ = self.index.x - lane_;
    std::memcpy(self.mailbox[box_], &value, sizeof value);
    give_way(Wait::kWarp);
  }

  unsigned lane() const { return lane_; }
  bool has(unsigned lane) const { return lane < 32 && first_ + lane < block().threads.size(); }

  const T& operator[](unsigned lane) const {
    if (!has(lane)) fail("an exchange with a lane that does not exist");
    return *reinterpret_cast<const T*>(block().threads[first_ + lane].mailbox[box_]);
  }

  // Of lane `other`, or the lane's own value where there is no such lane.
  T of(unsigned other) const { return (*this)[has(other) ? other : lane_]; }

 private:
  unsigned box_, lane_, first_;
};

inline void check_aligned(const void* address, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0) fail("a misaligned address");
}

inline void check_shared(const void* address, std::size_t bytes) {
  const Block& b = block();
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto begin = reinterpret_cast<std::uintptr_t>(b.shared_begin);
  const auto end = reinterpret_cast<std::uintptr_t>(b.shared.data()) + b.shared.size();
  if (at < begin || at + bytes > end) fail("an address outside shared memory");
}

// The bytes arrive when the thread waits, not before: until then the target is
// poison.
inline void copy_async(void* to, const void* from, std::size_t bytes, std::size_t room) {
  check_shared(to, room);
  check_aligned(to, room);
  check_aligned(from, bytes > 0 ? room : 1);
  std::memset(to, kPoison, room);
  block().current->issued.push_back({to, from, bytes, room});
}

inline void commit_copies() {
  Thread& self = *block().current;
  self.groups.push_back(std::move(self.issued));
  self.issued.clear();
}

// Until at most `pending` of the committed groups have not arrived.
inline void wait_for_copies(std::size_t pending) {
  std::vector<std::vector<Copy>>& groups = block().current->groups;
  while (groups.size() > pending) {
    for (const Copy& copy : groups.front()) {
      std::memset(copy.to, 0, copy.room);
      std::memcpy(copy.to, copy.from, copy.bytes);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace fiber

#define threadIdx (fiber::block().current->index)
#define blockIdx (fiber::block().index)
#define blockDim (fiber::block().dim)
#define gridDim (fiber::block().grid)

inline void __syncthreads() { fiber::give_way(fiber::Wait::kBlock); }

// Collectives of a warp. Masks are not looked at: all lanes have to take part.
inline void __syncwarp(unsigned = 0xffffffffu) { fiber::give_way(fiber::Wait::kWarp); }

template <class F>
F __shfl_down_sync(unsigned, F value, int offset) {
  const fiber::Exchange<F> all(value);
  return all.of(all.lane() + static_cast<unsigned>(offset));
}

template <class F>
F __shfl_up_sync(unsigned, F value, int offset) {
  const fiber::Exchange<F> all(value);
  return all.of(all.lane() - static_cast<unsigned>(offset));  // below lane 0 wraps to no lane
}

template <class F>
F __shfl_sync(unsigned, F value, int lane) {
  const fiber::Exchange<F> all(value);
  return all.of(static_cast<unsigned>(lane) % 32);
}

template <class F>
F __shfl_xor_sync(unsigned, F value, int mask) {
  const fiber::Exchange<F> all(value);
  return all.of(all.lane() ^ static_cast<unsigned>(mask));
}

inline unsigned __ballot_sync(unsigned, bool vote) {
  const fiber::Exchange<bool> all(vote);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (all.has(lane) && all[lane]) votes |= 1u << lane;
  }
  return votes;
}

inline bool __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0; }
inline bool __all_sync(unsigned mask, bool vote) { return __ballot_sync(mask, !vote) == 0; }

namespace aigc_assets {

template <class T>
T* shared_memory() {
  return reinterpret_cast<T*>(fiber::block().shared_begin);
}

}  // namespace aigc_assets
