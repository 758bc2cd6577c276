#include "jump.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace aigc_assets::jump {
namespace {

constexpr int kPhases = 7;
enum Phase { kStand = 0, kRise1, kRise2, kRise3, kLevel, kFall, kDrifted };

struct Move {
  int dx, dy;
};
// The order decides between ways of equal length; walking comes first.
constexpr Move kMoves[] = {{1, 0}, {-1, 0}, {0, -1}, {1, -1}, {-1, -1}, {0, 1}, {1, 1}, {-1, 1}};

constexpr int kNever = 1 << 30;
constexpr int kEdit = 1000;  // an edit outweighs any detour of a few cells

// The level in a ring that nobody enters; below it lies an abyss.
class Space {
 public:
  explicit Space(const Level& level)
      : width(level.width), stride(level.width + 2), flags(stride * (level.height + 2), kSolid) {
    for (int y = 0; y < level.height; ++y) {
      std::copy_n(level.flags + y * width, width, flags.begin() + inner(y * width));
    }
    std::fill(flags.end() - stride, flags.end(), static_cast<std::uint8_t>(kHazard));
    firm.resize(flags.size());
    for (int i = 0; i + stride < static_cast<int>(flags.size()); ++i) {
      firm[i] =
          (flags[i] & kLadder) != 0 || (flags[i + stride] & (kSolid | kOneWay | kLadder)) != 0;
    }
  }

  int inner(int cell) const { return (cell / width + 1) * stride + cell % width + 1; }
  int outer(int place) const { return (place / stride - 1) * width + place % stride - 1; }
  int states() const { return static_cast<int>(flags.size()) * kPhases; }
  int landed(int place) const { return place * kPhases + (firm[place] ? kStand : kFall); }

  // The state after a move, or -1 if the rules forbid it.
  int after(int state, Move move) const {
    const int place = state / kPhases, phase = state % kPhases;
    int next;
    if (move.dy == 0) {
      if (phase > kRise3) return -1;
      next = phase == kStand ? kFall : kLevel;
    } else if (move.dy < 0) {
      if (phase > kRise2) return -1;
      next = phase + 1;
    } else {
      if (move.dx != 0 && (phase == kStand || phase == kDrifted)) return -1;
      next = move.dx != 0 ? kDrifted : kFall;
    }
    const int to = place + move.dx + move.dy * stride;
    if (flags[to] & (kSolid | kHazard | kShut)) return -1;
    if (move.dy > 0 && (flags[to] & (kOneWay | kLadder)) == kOneWay) return -1;
    if (move.dx != 0 && move.dy != 0) {
      const int by = move.dy < 0 ? place - stride : place + move.dx;
      if (flags[by] & (kSolid | kHazard | kDoor)) return -1;
    }
    return to * kPhases + (firm[to] ? kStand : next);
  }

  const int width, stride;
  std::vector<std::uint8_t> flags;
  std::vector<std::uint8_t> firm;  // whether one stands there
};

std::vector<int> places(const Space& space, const std::vector<int>& cells) {
  std::vector<int> found;
  for (int cell : cells) found.push_back(space.inner(cell));
  return found;
}

}  // namespace

std::vector<std::int32_t> explore(const Level& level, const std::vector<int>& sources) {
  const Space space(level);
  std::vector<std::int32_t> ticks(static_cast<std::size_t>(level.width) * level.height, -1);
  std::vector<std::uint8_t> seen(space.states(), 0);
  std::vector<int> now, next;
  for (int place : places(space, sources)) {
    const int state = space.landed(place);
    if (!seen[state]) now.push_back(state);
    seen[state] = 1;
  }
  for (std::int32_t tick = 0; !now.empty(); ++tick, now.swap(next), next.clear()) {
    for (int state : now) {
      std::int32_t& first = ticks[space.outer(state / kPhases)];
      if (first < 0) first = tick;
      for (Move move : kMoves) {
        const int to = space.after(state, move);
        if (to >= 0 && !seen[to]) {
          seen[to] = 1;
          next.push_back(to);
        }
      }
    }
  }
  return ticks;
}

std::vector<int> route(const Level& level, int start, int goal) {
  const Space space(level);
  std::vector<int> parent(space.states(), -1);
  std::vector<int> queue{space.landed(space.inner(start))};
  parent[queue[0]] = queue[0];
  const int wanted = space.inner(goal);
  for (std::size_t i = 0; i < queue.size(); ++i) {
    int state = queue[i];
    if (state / kPhases == wanted) {
      std::vector<int> cells{goal};
      for (; parent[state] != state; state = parent[state]) {
        cells.push_back(space.outer(parent[state] / kPhases));
      }
      std::reverse(cells.begin(), cells.end());
      return cells;
    }
    for (Move move : kMoves) {
      const int to = space.after(state, move);
      if (to >= 0 && parent[to] < 0) {
        parent[to] = state;
        queue.push_back(to);
      }
    }
  }
  return {};
}

std::vector<std::uint8_t> trapped(const Level& level, int start, const std::uint8_t* goals) {
  const Space space(level);
  std::vector<int> number(space.states(), -1);  // order of discovery
  std::vector<int> queue{space.landed(space.inner(start))};
  number[queue[0]] = 0;
  std::vector<std::pair<int, int>> edges;  // from, to, both in order of discovery
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (Move move : kMoves) {
      const int to = space.after(queue[i], move);
      if (to < 0) continue;
      if (number[to] < 0) {
        number[to] = static_cast<int>(queue.size());
        queue.push_back(to);
      }
      edges.emplace_back(static_cast<int>(i), number[to]);
    }
  }
  std::vector<int> begin(queue.size() + 1, 0), before(edges.size());
  for (const auto& [from, to] : edges) ++begin[to + 1];
  for (std::size_t i = 0; i < queue.size(); ++i) begin[i + 1] += begin[i];
  std::vector<int> fill(begin.begin(), begin.end() - 1);
  for (const auto& [from, to] : edges) before[fill[to]++] = from;

  std::vector<std::uint8_t> safe(queue.size(), 0);
  std::vector<int> todo;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    if (goals[space.outer(queue[i] / kPhases)]) {
      safe[i] = 1;
      todo.push_back(static_cast<int>(i));
    }
  }
  while (!todo.empty()) {
    const int at = todo.back();
    todo.pop_back();
    for (int k = begin[at]; k < begin[at + 1]; ++k) {
      if (!safe[before[k]]) {
        safe[before[k]] = 1;
        todo.push_back(before[k]);
      }
    }
  }
  std::vector<std::uint8_t> lost(static_cast<std::size_t>(level.width) * level.height, 0);
  for (std::size_t i = 0; i < queue.size(); ++i) {
    if (!safe[i] && queue[i] % kPhases == kStand) lost[space.outer(queue[i] / kPhases)] = 1;
  }
  return lost;
}

namespace {

// What it costs to make a cell free to enter, and to be stood upon.
int clearing(std::uint8_t flags) {
  if (flags & kShut) return kNever;
  if (flags & kSolid) return 6 * kEdit;
  return flags & kHazard ? 4 * kEdit : 0;
}

}  // namespace

std::vector<Edit> mend(const Level& level, const std::vector<int>& sources,
                       const std::uint8_t* goals) {
  const Space space(level);
  const int stride = space.stride, rows = level.height;
  const auto inside = [&](int place) {
    const int y = place / stride, x = place % stride;
    return y >= 1 && y <= rows && x >= 1 && x <= level.width;
  };
  std::vector<int> cost(space.states(), kNever), parent(space.states(), -1);
  using Entry = std::pair<int, int>;  // cost, state
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap;
  const auto offer = [&](int state, int price, int from) {
    if (price < cost[state]) {
      cost[state] = price;
      parent[state] = from;
      heap.emplace(price, state);
    }
  };
  for (int place : places(space, sources)) {
    const int state = space.landed(place);
    offer(state, 0, state);
  }
  int last = -1;
  while (!heap.empty()) {
    const auto [price, state] = heap.top();
    heap.pop();
    if (price > cost[state]) continue;
    const int place = state / kPhases;
    if (goals[space.outer(place)]) {
      last = state;
      break;
    }
    for (Move move : kMoves) {
      const int to = space.after(state, move);
      if (to >= 0) offer(to, price + 1, state);
    }
    if (state % kPhases != kStand) continue;
    // With edits one walks and climbs, from standing to standing.
    for (int dx : {1, -1}) {
      const int to = place + dx;
      const int clear = clearing(space.flags[to]);
      if (!inside(to) || clear >= kNever) continue;
      const bool low = to / stride == rows;  // nothing can be laid below the last row
      if (!space.firm[to] && (low || (space.flags[to + stride] & kDoor))) continue;
      offer(to * kPhases, price + 1 + clear + (space.firm[to] ? 0 : 3 * kEdit), state);
    }
    const int up = place - stride;
    if (inside(up) && clearing(space.flags[up]) < kNever) {
      const int rung = space.flags[place] & kLadder ? 0 : 3 * kEdit;
      offer(up * kPhases, price + 1 + clearing(space.flags[up]) + rung, state);
    }
    const int down = place + stride;
    if (inside(down) && clearing(space.flags[down]) < kNever) {
      const int rung = space.flags[down] & kLadder ? 0 : 3 * kEdit;
      offer(down * kPhases, price + 1 + clearing(space.flags[down]) + rung, state);
    }
  }
  std::vector<Edit> edits;
  if (last < 0) return edits;
  std::vector<int> way{last};
  while (parent[way.back()] != way.back()) way.push_back(parent[way.back()]);
  std::reverse(way.begin(), way.end());
  for (std::size_t i = 1; i < way.size(); ++i) {
    if (cost[way[i]] - cost[way[i - 1]] < kEdit) continue;
    const int from = way[i - 1] / kPhases, to = way[i] / kPhases;
    const bool blocked = (space.flags[to] & (kSolid | kHazard)) != 0;
    if (to == from + stride) {
      edits.push_back({space.outer(to), 4});
    } else if (to == from - stride) {
      if (!(space.flags[from] & kLadder)) edits.push_back({space.outer(from), 4});
      if (blocked) edits.push_back({space.outer(to), 0});
    } else {
      if (blocked) edits.push_back({space.outer(to), 0});
      if (!space.firm[to]) {
        const bool deadly = (space.flags[to + stride] & kHazard) != 0;
        edits.push_back({space.outer(to + stride), deadly ? 1 : 2});
      }
    }
  }
  return edits;
}

}  // namespace aigc_assets::jump
