// Queues of (paid, cell), the cheapest first and of equally cheap ones the smallest cell.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace aigc_assets::grid {

using Entry = std::pair<std::int64_t, int>;
using HeapQueue = std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>>;

// A set of cells with the smallest at hand: a bit for each, one for each 64 of those, and so on.
class CellSet {
 public:
  void insert(int cell, int size) {
    auto at = static_cast<std::size_t>(cell);
    for (auto& words : levels_) {
      size = (size + 63) / 64;
      if (words.empty()) words.assign(static_cast<std::size_t>(size), 0);
      words[at / 64] |= std::uint64_t{1} << (at % 64);
      at /= 64;
    }
  }

  // -1 where there is none.
  int take_smallest() {
    std::size_t at = 0;
    while (at < levels_.back().size() && levels_.back()[at] == 0) ++at;
    if (at == levels_.back().size()) return -1;
    for (std::size_t i = kLevels; i-- > 0;) {
      at = at * 64 + static_cast<std::size_t>(std::countr_zero(levels_[i][at]));
    }
    const int cell = static_cast<int>(at);
    for (auto& words : levels_) {
      std::uint64_t& word = words[at / 64];
      word &= word - 1;  // the smallest of all is the smallest of its word
      if (word != 0) break;
      at /= 64;
    }
    return cell;
  }

 private:
  static constexpr std::size_t kLevels = 3;
  std::array<std::vector<std::uint64_t>, kLevels> levels_;
};

// For whole prices up to `dearest`: nothing in the queue is dearer than the cheapest by more, so a
// ring of sets holds them all, as long as nothing is put in that is cheaper than what was taken.
class LevelQueue {
 public:
  static constexpr int kDearest = 63;

  LevelQueue(int dearest, int size) : sets_(static_cast<std::size_t>(dearest) + 1), size_(size) {}

  bool empty() const { return count_ == 0; }

  void emplace(std::int64_t paid, int cell) {
    ++count_;
    sets_[at(paid)].insert(cell, size_);
  }

  Entry take() {
    for (;; ++paid_) {
      const int cell = sets_[at(paid_)].take_smallest();
      if (cell < 0) continue;
      --count_;
      return {paid_, cell};
    }
  }

 private:
  std::size_t at(std::int64_t paid) const { return static_cast<std::size_t>(paid) % sets_.size(); }

  std::vector<CellSet> sets_;
  int size_;
  std::int64_t paid_ = 0;
  int count_ = 0;
};

}  // namespace aigc_assets::grid
