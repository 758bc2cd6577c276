// Playing backwards. States lie in flat arrays; where a pull leaves the player's area as it was but
// for two cells, which eight cells around the box tell, nothing is flooded.
#include <algorithm>
#include <array>
#include <utility>

#include "sokoban.h"

namespace aigc_assets::sokoban {
namespace {

using Cell = std::uint16_t;

// For each set of open cells around a cell (clockwise from above, bit 0 first) whether those of its
// four neighbours that are open hang together without it.
const std::array<bool, 256>& hangs_together() {
  static const std::array<bool, 256> table = [] {
    std::array<bool, 256> found{};
    for (unsigned open = 0; open < 256; ++open) {
      int runs = 0;
      for (unsigned i = 0; i < 8; ++i) {
        const auto bit = [open](unsigned at) { return (open >> (at % 8) & 1U) != 0; };
        if (!bit(i) || bit(i + 7)) continue;
        bool beside = false;  // a run of diagonal cells alone is no neighbour
        for (unsigned j = i; j < i + 8 && bit(j); ++j) beside = beside || j % 2 == 0;
        runs += beside ? 1 : 0;
      }
      found[open] = open == 255 || runs <= 1;
    }
    return found;
  }();
  return table;
}

class Search {
 public:
  Search(const Board& board, int start, std::uint64_t seed, int walk, int bend, std::size_t limit)
      : blocked_(board.wall),
        is_goal_(board.wall.size()),
        mark_(board.wall.size()),
        steps_after_(board.wall.size()),
        steps_{-board.width, 1, board.width, -1},
        ring_{-board.width, 1 - board.width, 1,  board.width + 1,
              board.width,  board.width - 1, -1, -board.width - 1},
        count_(board.goals.size()),
        start_(start),
        walk_(walk),
        bend_(bend),
        seed_(seed),
        limit_(limit) {
    for (int goal : board.goals) is_goal_[at(goal)] = 1;
    std::size_t slots = 64;
    while (slots < 2 * limit) slots *= 2;
    table_.assign(slots, -1);
  }

  std::vector<Position> run(const Board& board, int end, int beam) {
    std::vector<Cell> solved(board.goals.begin(), board.goals.end());
    std::sort(solved.begin(), solved.end());
    block(solved.data(), 1);
    flood(end);
    block(solved.data(), 0);
    place(solved.data(), lowest_, mix(solved.data(), lowest_));
    add(solved.data(), {lowest_, -1, {-1, 0}, 0, 0, 0});
    std::vector<int> layer{0};
    bool exact = walk_ < 0;
    std::vector<Position> found;
    while (!layer.empty() && nodes_.size() < limit_) {
      after_.clear();
      best_ = -1;
      for (int index : layer) expand(index);
      if (best_ >= 0) found.push_back(position(best_, exact));
      if (static_cast<int>(after_.size()) > beam) {
        exact = false;
        std::sort(after_.begin(), after_.end(), [this](int a, int b) {
          const int one = nodes_[at(a)].score, other = nodes_[at(b)].score;
          return one != other ? one > other : a < b;
        });
        after_.resize(at(std::max(beam, 0)));
      }
      layer.swap(after_);
    }
    return found;
  }

 private:
  struct Node {
    int player, parent;  // lowest cell of the player's area; with `walk_` where the player stands
    Push push;
    int lines, moves, score;
  };

  static std::size_t at(int cell) { return static_cast<std::size_t>(cell); }
  const Cell* boxes_of(int index) const { return boxes_.data() + at(index) * count_; }
  bool holds(int cell) const { return mark_[at(cell)] == stamp_; }

  void block(const Cell* boxes, std::uint8_t value) {
    for (std::size_t i = 0; i < count_; ++i) blocked_[boxes[i]] = value;
  }

  // The player's area: which cells, in how many steps, and the two lowest ones.
  void flood(int player) {
    ++stamp_;
    queue_.clear();
    queue_.push_back(player);
    mark_[at(player)] = stamp_;
    steps_after_[at(player)] = 0;
    lowest_ = second_ = kNone;
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      const int cell = queue_[i];
      if (cell < lowest_) {
        second_ = lowest_;
        lowest_ = cell;
      } else {
        second_ = std::min(second_, cell);
      }
      for (int step : steps_) {
        const std::size_t other = at(cell + step);
        if (blocked_[other] != 0 || mark_[other] == stamp_) continue;
        mark_[other] = stamp_;
        steps_after_[other] = steps_after_[at(cell)] + 1;
        queue_.push_back(cell + step);
      }
    }
  }

  std::uint64_t mix(const Cell* boxes, int player) const {
    std::uint64_t value = seed_;
    const auto add_part = [&value](int part) {
      value += static_cast<std::uint64_t>(part) + 0x9E3779B97F4A7C15ULL;
      value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
      value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
      value ^= value >> 31;
    };
    for (std::size_t i = 0; i < count_; ++i) add_part(boxes[i]);
    add_part(player);
    return value;
  }

  // Puts the next node's state into the table; false where it is known.
  bool place(const Cell* boxes, int player, std::uint64_t hash) {
    const std::size_t last = table_.size() - 1;
    for (std::size_t slot = hash & last;; slot = (slot + 1) & last) {
      const int known = table_[slot];
      if (known < 0) {
        table_[slot] = static_cast<int>(nodes_.size());
        return true;
      }
      if (nodes_[at(known)].player == player &&
          std::equal(boxes, boxes + count_, boxes_of(known))) {
        return false;
      }
    }
  }

  void add(const Cell* boxes, const Node& node) {
    boxes_.insert(boxes_.end(), boxes, boxes + count_);
    nodes_.push_back(node);
  }

  void expand(int index) {
    const Node node = nodes_[at(index)];
    now_.assign(boxes_of(index), boxes_of(index) + count_);
    block(now_.data(), 1);
    flood(node.player);
    const int low = lowest_, second = second_;
    for (std::size_t i = 0; i < count_; ++i) {
      for (int step : steps_) {
        const int box = now_[i], near = box + step, far = near + step;
        if (!holds(near) || !holds(far) || nodes_.size() >= limit_) continue;
        int moves = -1;
        if (walk_ >= 0) {
          moves = index == 0 ? 1 : node.moves + steps_after_[at(near)] + 1;
          if (moves > walk_) continue;
        }
        pull(i, near);
        int player = far, starts = -1;  // -1: not known yet
        if (walk_ < 0) {
          if (same_area(box, near)) {
            player = std::min(box, low == near ? second : low);
            starts = start_ == box || (start_ != near && start_ >= 0 && holds(start_)) ? 1 : 0;
          } else {
            player = flood_pulled(box, near, far, &starts);
          }
        }
        const std::uint64_t hash = mix(pulled_.data(), player);
        if (!place(pulled_.data(), player, hash)) continue;
        const bool goes_on = node.push.cell == box && node.push.step == -step;
        const int lines = node.lines + (goes_on ? 0 : 1);
        int away = 0;
        for (Cell cell : pulled_) away += is_goal_[cell] == 0 ? 1 : 0;
        const int score =
            8 * away + bend_ * lines - 2 * std::max(moves, 0) + static_cast<int>(hash % 8);
        const int number = static_cast<int>(nodes_.size());
        add(pulled_.data(), {player, index, {near, -step}, lines, moves, score});
        after_.push_back(number);
        if (away < static_cast<int>(count_)) continue;
        if (best_ >= 0 && score <= nodes_[at(best_)].score) continue;
        if (start_ >= 0) {
          if (starts < 0) flood_pulled(box, near, far, &starts);
          if (starts == 0) continue;
        }
        best_ = number;
      }
    }
    block(now_.data(), 0);
  }

  // `now_` with box `index` on `target`, in order.
  void pull(std::size_t index, int target) {
    pulled_ = now_;
    const auto cell = static_cast<Cell>(target);
    for (; index + 1 < count_ && pulled_[index + 1] < cell; ++index) {
      pulled_[index] = pulled_[index + 1];
    }
    for (; index > 0 && pulled_[index - 1] > cell; --index) pulled_[index] = pulled_[index - 1];
    pulled_[index] = cell;
  }

  // Whether a pull only swaps `box` for `near` in the area that was flooded last.
  bool same_area(int box, int near) const {
    for (int step : steps_) {
      const int other = box + step;
      if (other != near && blocked_[at(other)] == 0 && !holds(other)) return false;
    }
    unsigned open = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const int other = near + ring_[i];
      open |= (other == box || holds(other) ? 1U : 0U) << i;
    }
    return hangs_together()[open];
  }

  // The lowest cell of the area after a pull; the marks of the flood before it stay valid.
  int flood_pulled(int box, int near, int far, int* starts) {
    blocked_[at(box)] = 0;
    blocked_[at(near)] = 1;
    seen_.clear();
    seen_.push_back(far);
    blocked_[at(far)] = 1;
    int low = far;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const int cell = seen_[i];
      low = std::min(low, cell);
      for (int step : steps_) {
        if (blocked_[at(cell + step)] != 0) continue;
        blocked_[at(cell + step)] = 1;
        seen_.push_back(cell + step);
      }
    }
    *starts = start_ >= 0 && std::find(seen_.begin(), seen_.end(), start_) != seen_.end() ? 1 : 0;
    for (int cell : seen_) blocked_[at(cell)] = 0;
    blocked_[at(near)] = 0;
    blocked_[at(box)] = 1;
    return low;
  }

  Position position(int index, bool exact) {
    const Node& top = nodes_[at(index)];
    const Cell* boxes = boxes_of(index);
    Position found{{boxes, boxes + count_}, top.player, top.lines, top.moves, exact, {}};
    if (walk_ >= 0) {
      block(boxes, 1);
      flood(top.player);
      block(boxes, 0);
      found.player = lowest_;
    }
    for (; nodes_[at(index)].parent >= 0; index = nodes_[at(index)].parent) {
      found.pushes.push_back(nodes_[at(index)].push);
    }
    return found;
  }

  static constexpr int kNone = 1'000'000;

  std::vector<std::uint8_t> blocked_, is_goal_;  // walls and boxes; goals
  std::vector<std::uint32_t> mark_;              // stamp of the last flood that came here
  std::vector<int> steps_after_;
  std::array<int, 4> steps_;
  std::array<int, 8> ring_;
  std::size_t count_;
  int start_, walk_, bend_;
  std::uint64_t seed_;
  std::size_t limit_;
  std::uint32_t stamp_ = 0;
  int lowest_ = 0, second_ = 0, best_ = -1;
  std::vector<int> queue_, seen_, after_, table_;  // table_: nodes by hash of their state
  std::vector<Cell> boxes_, now_, pulled_;
  std::vector<Node> nodes_;
};

}  // namespace

std::vector<Position> retreat(const Board& board, int end, int start, std::uint64_t seed, int beam,
                              int max_states, int walk, int bend) {
  const auto limit = static_cast<std::size_t>(std::max(max_states, 0));
  return Search(board, start, seed, walk, bend, limit).run(board, end, beam);
}

}  // namespace aigc_assets::sokoban
