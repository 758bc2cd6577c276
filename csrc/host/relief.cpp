#include "relief.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

namespace aigc_assets::relief {
namespace {

template <class Visit>
void around(const Grid& grid, int cell, Visit visit) {
  const int y = cell / grid.width, x = cell % grid.width;
  for (int k = 0; k < 8; ++k) {
    const int down = y + kDown[k], right = x + kRight[k];
    if (down >= 0 && right >= 0 && down < grid.height && right < grid.width) {
      visit(k, down * grid.width + right);
    }
  }
}

// A queue of cells by level whose front never falls: one list per level.
class LevelQueue {
 public:
  LevelQueue(int low, int high, int cells)
      : low_(low), heads_(static_cast<std::size_t>(high - low) + 1, -1), next_(cells) {}

  void push(int level, int cell) {
    const std::size_t slot = static_cast<std::size_t>(level - low_);
    if (slot >= heads_.size()) heads_.resize(slot + slot / 2 + 1, -1);
    next_[cell] = heads_[slot];
    heads_[slot] = cell;
    ++count_;
  }

  // The next cell, -1 when there is none.
  int pop() {
    if (count_ == 0) return -1;
    while (heads_[front_] < 0) ++front_;
    const int cell = heads_[front_];
    heads_[front_] = next_[cell];
    --count_;
    return cell;
  }

 private:
  int low_;
  std::vector<int> heads_, next_;
  std::size_t front_ = 0;
  int count_ = 0;
};

}  // namespace

void fill(const Grid& grid, const std::int32_t* level, const std::uint8_t* base,
          std::int32_t* filled, std::int32_t* order) {
  const int size = grid.size();
  const auto [low, high] = std::minmax_element(level, level + size);
  LevelQueue queue(*low, *high, size);
  std::vector<std::uint8_t> seen(size, 0);
  for (int cell = 0; cell < size; ++cell) {
    if (base[cell] == 0) continue;
    seen[cell] = 1;
    filled[cell] = level[cell];
    queue.push(level[cell], cell);
  }
  int count = 0;
  for (int cell = queue.pop(); cell >= 0; cell = queue.pop()) {
    order[count++] = cell;
    const std::int32_t here = filled[cell];
    const auto visit = [&](int other) {
      if (seen[other] != 0) return;
      seen[other] = 1;
      filled[other] = std::max(level[other], here + rise(other));
      queue.push(filled[other], other);
    };
    const int y = cell / grid.width, x = cell % grid.width;
    if (y > 0 && x > 0 && y + 1 < grid.height && x + 1 < grid.width) {
      for (int k = 0; k < 8; ++k) visit(cell + kDown[k] * grid.width + kRight[k]);
    } else {
      around(grid, cell, [&](int, int other) { visit(other); });
    }
  }
}

void receivers(const Grid& grid, const std::int32_t* filled, const std::uint8_t* base,
               std::int32_t* receiver) {
  for (int cell = 0; cell < grid.size(); ++cell) {
    std::int64_t best = 0;
    int lowest = -1;
    if (base[cell] == 0) {
      around(grid, cell, [&](int k, int other) {
        const std::int64_t drop = static_cast<std::int64_t>(filled[cell]) - filled[other];
        if (drop <= 0) return;
        const std::int64_t steep = drop * drop * (k < 4 ? 2 : 1);  // the square of the slope, twice
        if (steep > best) {
          best = steep;
          lowest = other;
        }
      });
    }
    receiver[cell] = lowest;
  }
}

void accumulate(const Grid& grid, const std::int32_t* order, const std::int32_t* receiver,
                std::int32_t* flow) {
  const int size = grid.size();
  std::fill(flow, flow + size, 1);
  for (int i = size - 1; i >= 0; --i) {
    const int cell = order[i];
    if (receiver[cell] >= 0) flow[receiver[cell]] += flow[cell];
  }
}

void erode(const Grid& grid, double* height, const std::uint8_t* base, double strength,
           int iterations) {
  const int size = grid.size();
  std::vector<std::int32_t> level(size), filled(size), order(size), receiver(size), flow(size);
  for (int round = 0; round < iterations; ++round) {
    for (int i = 0; i < size; ++i) {
      level[i] = static_cast<std::int32_t>(std::nearbyint(height[i] * kUnits));
    }
    fill(grid, level.data(), base, filled.data(), order.data());
    receivers(grid, filled.data(), base, receiver.data());
    accumulate(grid, order.data(), receiver.data(), flow.data());
    for (int i = 0; i < size; ++i) {
      const int cell = order[i];
      if (receiver[cell] < 0) continue;
      // No fused operations here: the twin in Python rounds after each.
      const double before = std::max(height[cell], filled[cell] / kUnits);
      const double factor = strength * std::sqrt(static_cast<double>(flow[cell]));
      const double carried = factor * height[receiver[cell]];
      height[cell] = (before + carried) / (1.0 + factor);
    }
  }
}

void least_cost(const Grid& grid, const std::int32_t* cost, const std::int32_t* level, int source,
                std::int64_t* distance) {
  std::fill(distance, distance + grid.size(), -1);
  if (cost[source] < 1) return;
  using Entry = std::pair<std::int64_t, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
  std::vector<std::uint8_t> done(grid.size(), 0);
  distance[source] = 0;
  queue.push({0, source});
  while (!queue.empty()) {
    const auto [far, cell] = queue.top();
    queue.pop();
    if (done[cell] != 0) continue;
    done[cell] = 1;
    around(grid, cell, [&, far = far, cell = cell](int k, int other) {
      if (cost[other] < 1 || done[other] != 0) return;
      if (k >= 4 && (cost[cell + kDown[k] * grid.width] < 1 || cost[cell + kRight[k]] < 1)) return;
      const std::int64_t climb = static_cast<std::int64_t>(level[cell]) - level[other];
      const std::int64_t step =
          (k < 4 ? 5 : 7) * (static_cast<std::int64_t>(cost[cell]) + cost[other]);
      const std::int64_t there = far + step + climb * climb / 16;
      if (distance[other] < 0 || there < distance[other]) {
        distance[other] = there;
        queue.push({there, other});
      }
    });
  }
}

}  // namespace aigc_assets::relief
