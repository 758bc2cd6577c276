// What a step may be, for each movement; one class and one file for each.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "playability.h"

namespace aigc_assets::playability {

using Reasons = std::vector<std::string>;

std::string text(Cell cell);

inline bool inside(const Map& map, Cell cell) {
  return cell.x >= 0 && cell.y >= 0 && cell.x < map.width && cell.y < map.height;
}

inline int flags_of(const Map& map, Cell cell) {
  return map.cells[static_cast<std::size_t>(cell.y) * static_cast<std::size_t>(map.width) +
                   static_cast<std::size_t>(cell.x)];
}

inline bool solid(const Map& map, Cell cell) { return (flags_of(map, cell) & kSolid) != 0; }

// A cell as a number, also one that is not on the map.
inline long long key(Cell cell) { return static_cast<long long>(cell.y) * (1LL << 32) + cell.x; }

// Walking; also the base of related movements.
class Walk {
 public:
  explicit Walk(const Map& map) : map_(map) {}
  virtual ~Walk() = default;

  // Why the map itself is against the rules.
  virtual Reasons begin() { return {}; }
  // Why `cell` cannot be entered from `before` (none at step 0) with the doors opened so far.
  virtual Reasons enter(const Cell* before, Cell cell, const std::set<int>& opened);
  // What is missing after the last step.
  virtual Reasons finish() { return {}; }

 protected:
  const Map& map_;
};

// Pushing boxes.
class Push : public Walk {
 public:
  explicit Push(const Map& map);
  Reasons begin() override { return stacked_; }
  Reasons enter(const Cell* before, Cell cell, const std::set<int>& opened) override;
  Reasons finish() override;

 private:
  std::string barrier(Cell cell, const std::set<int>& opened) const;

  std::unordered_map<long long, int> boxes_;  // cell -> id
  Reasons stacked_;
};

// Jumping, under gravity.
class Jump : public Walk {
 public:
  explicit Jump(const Map& map);
  Reasons enter(const Cell* before, Cell cell, const std::set<int>& opened) override;

 private:
  bool is(Cell cell, int flags) const;

  std::set<long long> doors_;  // cells
  int phase_;
};

// Null for a movement that is not known.
std::unique_ptr<Walk> rules_of(const Map& map);

}  // namespace aigc_assets::playability
