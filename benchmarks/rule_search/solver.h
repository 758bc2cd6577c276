// The order in which a plain solver finds its solution: breadth first, then best first by steps
// plus distance, by half the steps plus distance, by distance alone, 5,000 positions each.
// Positions in which a box stands where it can never leave are left out. Which of several solutions
// comes first follows from the order of the moves (left, right, up, down) and from the heap's ties.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "room.h"

class Solver {
 public:
  /// Moves, 0..3 each; empty where no search finds a solution.
  ///
  /// `hasty` gives rooms of three boxes and more up where the last search fails: most that no
  /// search solves, and a few that another would.
  std::string solve(const Room& room, bool hasty) {
    room_ = room;
    boxes_ = 0;
    for (int cell = 0; cell < kArea; cell++) {
      if (room.goal & bit(cell)) goals_[boxes_++] = cell;
    }
    mark_dead();
    if ((room.box & dead_) || hopeless()) return "";
    if (hasty && boxes_ > 2 && best_first(0).empty()) return "";
    std::string way = breadth_first();
    for (int balance = 2; balance >= 0 && way.empty() && cut_; balance--) way = best_first(balance);
    return way;
  }

 private:
  static constexpr int kLooks = 5000;
  static constexpr int kMostNodes = 4 * kLooks + 8;
  static constexpr int kTable = 1 << 13;
  static constexpr int kKeyBits = 42;

  // Key: the player's cell and those of the boxes, six bits each, boxes in the order of the start.
  struct Node {
    uint64_t key;
    Cells box;
    int parent;
    int16_t depth;
    int8_t distance, move;
  };

  Room room_;
  Cells dead_ = 0;
  int boxes_ = 0, goals_[kSide * kSide];
  std::vector<Node> nodes_ = std::vector<Node>(kMostNodes);
  int used_ = 0;
  std::vector<uint64_t> table_ = std::vector<uint64_t>(kTable);
  uint64_t round_ = 0;
  std::vector<uint32_t> heap_ = std::vector<uint32_t>(kMostNodes);  // cost << 16 | node
  int heap_size_ = 0;
  bool cut_ = false;  // the breadth-first search ended for lack of looks

  static int box_of(uint64_t key, int i) { return key >> 6 * (i + 1) & 63; }

  bool wall(int cell) const { return room_.wall & bit(cell); }

  /// Corners without a goal, and walls between two corners along which there is none.
  void mark_dead() {
    dead_ = 0;
    std::vector<int> corners;
    for (int cell = 0; cell < kArea; cell++) {
      if (!(kInside & bit(cell)) || wall(cell) || (room_.goal & bit(cell))) continue;
      if ((wall(cell - kWidth) || wall(cell + kWidth)) && (wall(cell - 1) || wall(cell + 1))) {
        corners.push_back(cell);
        dead_ |= bit(cell);
      }
    }
    for (int a : corners) {
      for (int b : corners) {
        const bool row = a / kWidth == b / kWidth;
        if (a <= b || (!row && a % kWidth != b % kWidth)) continue;
        const int step = row ? 1 : kWidth, side = row ? kWidth : 1;
        Cells line = 0;
        for (int cell = b + step; cell != a; cell += step) {
          const bool open = !wall(cell - side) && !wall(cell + side);
          if (wall(cell) || open || (room_.goal & bit(cell))) {
            line = 0;
            break;
          }
          line |= bit(cell);
        }
        dead_ |= line;
      }
    }
  }

  /// Whether some goal or box has no partner even if all other boxes were gone.
  bool hopeless() const {
    Cells served = 0;
    for (Cells left = room_.goal; left; left &= left - 1) {
      Cells live = left & -left;
      for (Cells todo = live; todo;) {
        const int cell = __builtin_ctzll(todo);
        todo &= todo - 1;
        for (int step : kStep) {
          const int from = cell + step;
          if (wall(from) || (live & bit(from)) || wall(from + step)) continue;
          live |= bit(from);
          todo |= bit(from);
        }
      }
      if (!(live & room_.box)) return true;
      served |= live;
    }
    return room_.box & ~served;
  }

  /// Distance of each box, in their order, from the nearest goal that is left.
  int distance(uint64_t key) const {
    int left[kSide * kSide], sum = 0;
    std::copy(goals_, goals_ + boxes_, left);
    for (int i = 0, n = boxes_; i < boxes_; i++, n--) {
      const int cell = box_of(key, i), y = cell / kWidth, x = cell % kWidth;
      int best = 2 * kWidth, at = 0;
      for (int j = 0; j < n; j++) {
        const int far = std::abs(y - left[j] / kWidth) + std::abs(x - left[j] % kWidth);
        if (far < best) best = far, at = j;
      }
      sum += best;
      std::copy(left + at + 1, left + n, left + at);
    }
    return sum;
  }

  bool is_new(uint64_t key) {
    const uint64_t mark = key | round_ << kKeyBits;
    uint64_t at = key * 0x9E3779B97F4A7C15u >> 51;
    for (; table_[at] >> kKeyBits == round_; at = (at + 1) & (kTable - 1)) {
      if (table_[at] == mark) return false;
    }
    table_[at] = mark;
    return true;
  }

  void begin() {
    if (++round_ >> (64 - kKeyBits)) {
      round_ = 1;
      std::fill(table_.begin(), table_.end(), 0);
    }
    used_ = heap_size_ = 0;
    uint64_t key = room_.player;
    int i = 0;
    for (int cell = 0; cell < kArea; cell++) {
      if (room_.box & bit(cell)) key |= uint64_t(cell) << 6 * ++i;
    }
    nodes_[used_++] = {key, room_.box, -1, 0, int8_t(distance(key)), -1};
  }

  void expand(int at, bool with_distance) {
    const Node node = nodes_[at];
    const int player = node.key & 63;
    for (int move = 0; move < 4; move++) {
      const int step = kStep[move], to = player + step;
      if (wall(to)) continue;
      Node next{node.key + to - player,  node.box,      at,
                int16_t(node.depth + 1), node.distance, int8_t(move)};
      if (node.box & bit(to)) {
        if ((room_.wall | node.box) & bit(to + step)) continue;
        next.box ^= bit(to) | bit(to + step);
        if (next.box & dead_) continue;
        int i = 0;
        while (box_of(node.key, i) != to) i++;
        next.key += (uint64_t(to + step) << 6 * (i + 1)) - (uint64_t(to) << 6 * (i + 1));
        if (with_distance) next.distance = int8_t(distance(next.key));
      }
      nodes_[used_++] = next;
    }
  }

  std::string way(int at) const {
    std::string moves;
    for (; nodes_[at].parent >= 0; at = nodes_[at].parent) moves += nodes_[at].move;
    return {moves.rbegin(), moves.rend()};
  }

  std::string breadth_first() {
    begin();
    int at = 0;
    for (; at < kLooks && at < used_; at++) {
      if (nodes_[at].box == room_.goal) return way(at);
      if (is_new(nodes_[at].key)) expand(at, false);
    }
    cut_ = at < used_;
    return "";
  }

  /// By distance plus `balance` halves of the steps.
  std::string best_first(int balance) {
    begin();
    push(0);
    for (int looks = 0; looks < kLooks && heap_size_; looks++) {
      const int at = pop() & 0xffff;
      if (nodes_[at].box == room_.goal) return way(at);
      if (!is_new(nodes_[at].key)) continue;
      int child = used_;
      expand(at, true);
      for (; child < used_; child++) {
        const Node& node = nodes_[child];
        push(uint32_t(2 * node.distance + balance * node.depth) << 16 | uint32_t(child));
      }
    }
    return "";
  }

  /// Bring a value up to its place from `at`; equal costs stay where they are.
  void rise(int at, uint32_t value) {
    while (at > 0) {
      const int parent = (at - 1) >> 1;
      if (value >> 16 >= heap_[parent] >> 16) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = value;
  }

  void push(uint32_t value) { rise(heap_size_++, value); }

  /// The first value; the last one sinks to a leaf along the smaller children, the right one of
  /// equals, and rises from there.
  uint32_t pop() {
    const uint32_t last = heap_[--heap_size_];
    if (!heap_size_) return last;
    const uint32_t first = heap_[0];
    int at = 0, child = 1;
    for (; child + 1 < heap_size_; child = 2 * at + 1) {
      child += heap_[child] >> 16 >= heap_[child + 1] >> 16;
      heap_[at] = heap_[child];
      at = child;
    }
    if (child < heap_size_) {
      heap_[at] = heap_[child];
      at = child;
    }
    rise(at, last);
    return first;
  }
};
