#include "relief.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>
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

constexpr std::uint8_t kEdge = 1;  // marks of a cell while hollows are filled
constexpr std::uint8_t kSeen = 2;

}  // namespace

void LevelQueue::start(std::int32_t low, std::int32_t high, int cells) {
  low_ = low;
  front_ = 0;
  count_ = 0;
  reserve(static_cast<std::size_t>(high - low) + 1);
  if (next_.size() < static_cast<std::size_t>(cells)) next_.resize(cells);
}

void LevelQueue::reserve(std::size_t slots) {
  if (heads_.size() < slots) heads_.resize(slots);
  if (used_.size() < slots / 64 + 1) used_.resize(slots / 64 + 1, 0);
}

void LevelQueue::push(std::int32_t level, int cell) {
  const std::size_t slot = static_cast<std::size_t>(level - low_);
  if (slot >= heads_.size()) reserve(slot + slot / 2 + 1);
  std::uint64_t& word = used_[slot / 64];
  const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
  next_[cell] = (word & bit) != 0 ? heads_[slot] : -1;
  word |= bit;
  heads_[slot] = cell;
  ++count_;
}

int LevelQueue::pop() {
  if (count_ == 0) return -1;
  while (used_[front_] == 0) ++front_;
  const std::size_t slot = front_ * 64 + std::countr_zero(used_[front_]);
  const int cell = heads_[slot];
  heads_[slot] = next_[cell];
  if (next_[cell] < 0) used_[front_] &= used_[front_] - 1;
  --count_;
  return cell;
}

void fill(const Grid& grid, const std::int32_t* level, const std::uint8_t* base,
          std::int32_t* filled, std::int32_t* order, LevelQueue& queue) {
  const int size = grid.size();
  const auto [low, high] = std::minmax_element(level, level + size);
  queue.start(*low, *high, size);
  std::vector<std::uint8_t> marks(size, 0);
  for (int x = 0; x < grid.width; ++x) marks[x] = marks[size - 1 - x] = kEdge;
  for (int y = 0; y < size; y += grid.width) marks[y] = marks[y + grid.width - 1] = kEdge;
  for (int cell = 0; cell < size; ++cell) {
    if (base[cell] == 0) continue;
    marks[cell] |= kSeen;
    filled[cell] = level[cell];
    queue.push(level[cell], cell);
  }
  int steps[8];
  for (int k = 0; k < 8; ++k) steps[k] = kDown[k] * grid.width + kRight[k];
  int count = 0;
  for (int cell = queue.pop(); cell >= 0; cell = queue.pop()) {
    order[count++] = cell;
    const std::int32_t here = filled[cell];
    const auto visit = [&](int other) {
      if ((marks[other] & kSeen) != 0) return;
      marks[other] |= kSeen;
      filled[other] = std::max(level[other], here + rise(other));
      queue.push(filled[other], other);
    };
    if ((marks[cell] & kEdge) == 0) {
      for (const int step : steps) visit(cell + step);
    } else {
      around(grid, cell, [&](int, int other) { visit(other); });
    }
  }
}

void receivers(const Grid& grid, const std::int32_t* filled, const std::uint8_t* base,
               std::int32_t* receiver) {
  const int width = grid.width;
  for (int y = 0; y < grid.height; ++y) {
    const bool inner = y > 0 && y + 1 < grid.height;
    for (int x = 0; x < width; ++x) {
      const int cell = y * width + x;
      if (base[cell] != 0) {
        receiver[cell] = -1;
        continue;
      }
      // The lowest of the straight and of the diagonal neighbours, the first of equal ones.
      std::int32_t low[2] = {filled[cell], filled[cell]};
      int to[2] = {-1, -1};
      const auto look = [&](int k, int other) {
        const int group = k / 4;
        if (filled[other] < low[group]) {
          low[group] = filled[other];
          to[group] = other;
        }
      };
      if (inner && x > 0 && x + 1 < width) {
        for (int k = 0; k < 8; ++k) look(k, cell + kDown[k] * width + kRight[k]);
      } else {
        around(grid, cell, look);
      }
      const std::int64_t straight = static_cast<std::int64_t>(filled[cell]) - low[0];
      const std::int64_t diagonal = static_cast<std::int64_t>(filled[cell]) - low[1];
      // Squares of slopes, twice; where equal, straight on.
      receiver[cell] = 2 * straight * straight >= diagonal * diagonal ? to[0] : to[1];
    }
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

std::vector<std::int32_t> road(const Grid& grid, const std::int32_t* cost,
                               const std::int32_t* level, const std::vector<std::int32_t>& sources,
                               const std::vector<std::int32_t>& goals) {
  const int size = grid.size();
  std::vector<std::uint8_t> wanted(size, 0), done(size, 0);
  for (const int goal : goals) wanted[goal] = 1;
  std::vector<std::int64_t> distance(size, -1);
  std::vector<std::int32_t> before(size, -1);
  using Entry = std::pair<std::int64_t, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
  for (const int source : sources) {
    if (cost[source] < 1 || distance[source] == 0) continue;
    distance[source] = 0;
    queue.push({0, source});
  }
  while (!queue.empty()) {
    const auto [far, cell] = queue.top();
    queue.pop();
    if (done[cell] != 0) continue;
    done[cell] = 1;
    if (wanted[cell] != 0) {
      std::vector<std::int32_t> way{cell};
      while (before[way.back()] >= 0) {
        const int here = way.back(), from = before[here];
        const int apart = std::abs(here - from);
        // A bridge leads straight along its row or its column over the cells between.
        const int along = apart >= 2 * grid.width             ? grid.width
                          : apart > 1 && apart <= kBridge + 1 ? 1
                                                              : apart;
        const int step = here > from ? -along : along;
        for (int over = here + step; over != from; over += step) way.push_back(over);
        way.push_back(from);
      }
      std::reverse(way.begin(), way.end());
      return way;
    }
    const auto reach = [&, far = far, cell = cell](int other, std::int64_t price) {
      if (done[other] != 0) return;
      const std::int64_t climb = static_cast<std::int64_t>(level[cell]) - level[other];
      const std::int64_t there = far + price + climb * climb / 16;
      if (distance[other] < 0 || there < distance[other]) {
        distance[other] = there;
        before[other] = cell;
        queue.push({there, other});
      }
    };
    const int y = cell / grid.width, x = cell % grid.width;
    for (int k = 0; k < 8; ++k) {
      int v = y + kDown[k], u = x + kRight[k];
      if (v < 0 || u < 0 || v >= grid.height || u >= grid.width) continue;
      int other = v * grid.width + u;
      const int factor = k < 4 ? 5 : 7;
      if (cost[other] >= 1) {
        if (k >= 4 && (cost[y * grid.width + u] < 1 || cost[v * grid.width + x] < 1)) continue;
        reach(other, factor * (static_cast<std::int64_t>(cost[cell]) + cost[other]));
        continue;
      }
      if (k >= 4) continue;
      std::int64_t price = 0;
      for (int span = 0; span < kBridge && cost[other] < 0; ++span) {
        price -= cost[other];
        v += kDown[k];
        u += kRight[k];
        if (v < 0 || u < 0 || v >= grid.height || u >= grid.width) break;
        other = v * grid.width + u;
        if (cost[other] >= 1) {
          reach(other, price + factor * (static_cast<std::int64_t>(cost[cell]) + cost[other]));
          break;
        }
      }
    }
  }
  return {};
}

}  // namespace aigc_assets::relief
