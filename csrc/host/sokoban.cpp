#include "sokoban.h"

#include <algorithm>
#include <array>
#include <queue>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace aigc_assets::sokoban {
namespace {

constexpr int kFar = 1'000'000;

using Boxes = std::vector<int>;
// The boxes in order, then the lowest cell of the player's area.
using Key = std::u16string;

Key key_of(const Boxes& boxes, int player) {
  Key key;
  for (int box : boxes) key.push_back(static_cast<char16_t>(box));
  key.push_back(static_cast<char16_t>(player));
  return key;
}

std::array<int, 4> steps_of(const Board& board) { return {-board.width, 1, board.width, -1}; }

// Which cells a player reaches.
class Area {
 public:
  explicit Area(const Board& board)
      : board_(board), steps_(steps_of(board)), free_(board.wall), reached(board.wall.size()) {}

  void flood(const Boxes& boxes, int player) {
    std::fill(reached.begin(), reached.end(), std::uint8_t{0});
    lowest = flood(boxes, player, &reached);
  }

  // The lowest cell alone. Marks are taken back, which is quicker than fresh ones.
  int flood_lowest(const Boxes& boxes, int player) { return flood(boxes, player, nullptr); }

  bool holds(int cell) const { return reached[static_cast<std::size_t>(cell)] != 0; }

 private:
  int flood(const Boxes& boxes, int player, std::vector<std::uint8_t>* marks) {
    for (int box : boxes) free_[static_cast<std::size_t>(box)] = 1;
    visited_.clear();
    visited_.push_back(player);
    free_[static_cast<std::size_t>(player)] = 1;
    int low = player;
    for (std::size_t i = 0; i < visited_.size(); ++i) {
      const int cell = visited_[i];
      low = std::min(low, cell);
      for (int step : steps_) {
        const auto other = static_cast<std::size_t>(cell + step);
        if (free_[other] == 0) {
          free_[other] = 1;
          visited_.push_back(cell + step);
        }
      }
    }
    for (int cell : visited_) {
      free_[static_cast<std::size_t>(cell)] = board_.wall[static_cast<std::size_t>(cell)];
      if (marks != nullptr) (*marks)[static_cast<std::size_t>(cell)] = 1;
    }
    for (int box : boxes) {
      free_[static_cast<std::size_t>(box)] = board_.wall[static_cast<std::size_t>(box)];
    }
    return low;
  }

  const Board& board_;
  std::array<int, 4> steps_;
  std::vector<std::uint8_t> free_;  // 1 where one cannot go
  std::vector<int> visited_;

 public:
  std::vector<std::uint8_t> reached;
  int lowest = 0;
};

Boxes moved(const Boxes& boxes, std::size_t index, int target) {
  Boxes after = boxes;
  after[index] = target;
  std::sort(after.begin(), after.end());
  return after;
}

// Deadlocks and the lower bound of one board.
class Solver {
 public:
  explicit Solver(const Board& board)
      : board_(board), steps_(steps_of(board)), is_goal_(board.wall.size()) {
    const std::size_t cells = board.wall.size();
    dead.assign(cells, 1);
    for (int goal : board.goals) {
      is_goal_[static_cast<std::size_t>(goal)] = 1;
      std::vector<int> distance(cells, kFar);
      distance[static_cast<std::size_t>(goal)] = 0;
      std::vector<int> queue{goal};
      for (std::size_t i = 0; i < queue.size(); ++i) {
        const int cell = queue[i];
        dead[static_cast<std::size_t>(cell)] = 0;
        for (int step : steps_) {
          const int before = cell - step;
          if (wall(before) || distance[static_cast<std::size_t>(before)] < kFar ||
              wall(before - step)) {
            continue;
          }
          distance[static_cast<std::size_t>(before)] = distance[static_cast<std::size_t>(cell)] + 1;
          queue.push_back(before);
        }
      }
      distance_.push_back(std::move(distance));
    }
  }

  // The cheapest matching of boxes and goals, by shortest augmenting paths.
  int bound(const Boxes& boxes) {
    const std::size_t count = boxes.size();
    const int huge = 4 * kFar * static_cast<int>(count);
    rows_.assign(count + 1, 0);
    columns_.assign(count + 1, 0);
    match_.assign(count + 1, 0);
    way_.assign(count + 1, 0);
    for (std::size_t i = 1; i <= count; ++i) {
      match_[0] = i;
      std::size_t column = 0;
      least_.assign(count + 1, huge);
      used_.assign(count + 1, 0);
      do {
        used_[column] = 1;
        const std::size_t row = match_[column];
        int delta = huge;
        std::size_t following = 0;
        for (std::size_t j = 1; j <= count; ++j) {
          if (used_[j] != 0) continue;
          const int cost =
              distance_[j - 1][static_cast<std::size_t>(boxes[row - 1])] - rows_[row] - columns_[j];
          if (cost < least_[j]) {
            least_[j] = cost;
            way_[j] = column;
          }
          if (least_[j] < delta) {
            delta = least_[j];
            following = j;
          }
        }
        for (std::size_t j = 0; j <= count; ++j) {
          if (used_[j] != 0) {
            rows_[match_[j]] += delta;
            columns_[j] -= delta;
          } else {
            least_[j] -= delta;
          }
        }
        column = following;
      } while (match_[column] != 0);
      while (column != 0) {
        match_[column] = match_[way_[column]];
        column = way_[column];
      }
    }
    return -columns_[0];
  }

  // Whether the box just pushed to `cell`, or one beside it, is stuck off a goal.
  bool frozen(const std::vector<std::uint8_t>& occupied, int cell) {
    for (int step : {0, steps_[0], steps_[1], steps_[2], steps_[3]}) {
      const auto other = static_cast<std::size_t>(cell + step);
      if (occupied[other] == 0 || is_goal_[other] != 0) continue;
      assumed_.clear();
      if (stuck(occupied, cell + step)) return true;
    }
    return false;
  }

  std::vector<std::uint8_t> dead;  // 1 where a box comes to no goal

 private:
  bool wall(int cell) const { return board_.wall[static_cast<std::size_t>(cell)] != 0; }

  bool is_assumed(int cell) const {
    return std::find(assumed_.begin(), assumed_.end(), cell) != assumed_.end();
  }

  // Whether the box on `cell` can never move while those assumed stand still.
  bool stuck(const std::vector<std::uint8_t>& occupied, int cell) {
    const std::size_t known = assumed_.size();
    assumed_.push_back(cell);
    for (int axis : {1, board_.width}) {
      const int one = cell - axis, other = cell + axis;
      if (wall(one) || is_assumed(one) || wall(other) || is_assumed(other)) continue;
      if (dead[static_cast<std::size_t>(one)] != 0 && dead[static_cast<std::size_t>(other)] != 0) {
        continue;
      }
      if (occupied[static_cast<std::size_t>(one)] != 0 && stuck(occupied, one)) continue;
      if (occupied[static_cast<std::size_t>(other)] != 0 && stuck(occupied, other)) continue;
      assumed_.resize(known);
      return false;
    }
    return true;
  }

  const Board& board_;
  std::array<int, 4> steps_;
  std::vector<std::uint8_t> is_goal_;
  std::vector<std::vector<int>> distance_;  // [goal][cell]
  std::vector<int> rows_, columns_, least_, assumed_;
  std::vector<std::size_t> match_, way_;
  std::vector<std::uint8_t> used_;
};

}  // namespace

Solution solve(const Board& board, const std::vector<int>& boxes, int player, int end,
               int max_nodes, int weight) {
  struct Node {
    Boxes boxes;
    int player, parent;
    Push push;
    int pushed;
  };
  using Entry = std::tuple<int, int, int>;  // estimate, lower bound, node

  Solver solver(board);
  Solution solution;
  const auto steps = steps_of(board);
  Area reach(board), after_push(board);
  Boxes first = boxes;
  std::sort(first.begin(), first.end());
  const int first_bound = solver.bound(first);
  if (first_bound >= kFar) return solution;
  std::vector<Node> nodes{{first, reach.flood_lowest(first, player), -1, {-1, 0}, 0}};
  std::unordered_map<Key, int> depth{{key_of(first, nodes[0].player), 0}};
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap;
  heap.emplace(weight * first_bound, first_bound, 0);
  std::vector<std::uint8_t> occupied(board.wall.size());
  while (!heap.empty()) {
    const auto [estimate, bound, index] = heap.top();
    heap.pop();
    const Node node = nodes[static_cast<std::size_t>(index)];
    if (depth[key_of(node.boxes, node.player)] < node.pushed) continue;
    reach.flood(node.boxes, node.player);
    if (bound == 0 && (end < 0 || reach.holds(end))) {
      solution.found = true;
      for (int i = index; nodes[static_cast<std::size_t>(i)].parent >= 0;
           i = nodes[static_cast<std::size_t>(i)].parent) {
        solution.pushes.push_back(nodes[static_cast<std::size_t>(i)].push);
      }
      std::reverse(solution.pushes.begin(), solution.pushes.end());
      return solution;
    }
    if (solution.nodes == max_nodes) return solution;
    ++solution.nodes;
    for (int box : node.boxes) occupied[static_cast<std::size_t>(box)] = 1;
    for (std::size_t i = 0; i < node.boxes.size(); ++i) {
      for (int step : steps) {
        const int box = node.boxes[i], target = box + step;
        const auto to = static_cast<std::size_t>(target);
        if (!reach.holds(box - step) || board.wall[to] != 0 || occupied[to] != 0) continue;
        if (solver.dead[to] != 0) continue;
        occupied[static_cast<std::size_t>(box)] = 0;
        occupied[to] = 1;
        const bool stuck = solver.frozen(occupied, target);
        occupied[static_cast<std::size_t>(box)] = 1;
        occupied[to] = 0;
        if (stuck) continue;
        Boxes pushed = moved(node.boxes, i, target);
        const int lowest = after_push.flood_lowest(pushed, box);
        const Key key = key_of(pushed, lowest);
        const auto known = depth.find(key);
        if (known != depth.end() && known->second <= node.pushed + 1) continue;
        const int left = solver.bound(pushed);
        if (left >= kFar) continue;
        depth[key] = node.pushed + 1;
        heap.emplace(node.pushed + 1 + weight * left, left, static_cast<int>(nodes.size()));
        nodes.push_back({std::move(pushed), lowest, index, {box, step}, node.pushed + 1});
      }
    }
    for (int box : node.boxes) occupied[static_cast<std::size_t>(box)] = 0;
  }
  return solution;
}

std::vector<int> walk(const Board& board, const std::vector<int>& boxes, int player,
                      int max_looks) {
  struct Look {
    Boxes boxes;
    int player, parent, step;
  };
  Boxes goals = board.goals;
  std::sort(goals.begin(), goals.end());
  Boxes first = boxes;
  std::sort(first.begin(), first.end());
  std::vector<Look> queue{{first, player, -1, 0}};
  std::unordered_set<Key> seen;
  for (std::size_t i = 0; i < queue.size() && static_cast<int>(i) < max_looks; ++i) {
    const Look look = queue[i];
    if (!seen.insert(key_of(look.boxes, look.player)).second) continue;
    if (look.boxes == goals) {
      std::vector<int> path;
      for (int at = static_cast<int>(i); queue[static_cast<std::size_t>(at)].parent >= 0;
           at = queue[static_cast<std::size_t>(at)].parent) {
        path.push_back(queue[static_cast<std::size_t>(at)].step);
      }
      std::reverse(path.begin(), path.end());
      return path;
    }
    for (int step : {-1, 1, -board.width, board.width}) {
      const int to = look.player + step;
      if (board.wall[static_cast<std::size_t>(to)] != 0) continue;
      Boxes after = look.boxes;
      const auto pushed = std::find(after.begin(), after.end(), to);
      if (pushed != after.end()) {
        const int beyond = to + step;
        if (board.wall[static_cast<std::size_t>(beyond)] != 0 ||
            std::find(after.begin(), after.end(), beyond) != after.end()) {
          continue;
        }
        *pushed = beyond;
        std::sort(after.begin(), after.end());
      }
      queue.push_back({std::move(after), to, static_cast<int>(i), step});
    }
  }
  return {};
}

}  // namespace aigc_assets::sokoban
