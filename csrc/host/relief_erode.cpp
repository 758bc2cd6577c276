// Erosion, round after round on one grid. Hardly any water changes its way from one round to the
// next, so cells are looked at in the order of the round before, from the mouths up: nearly all of
// them find a lower neighbour that is known already and keep their level. Only the bottoms of
// hollows go through a queue. Fillings do not depend on the order, so they equal those of `fill`.
#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "relief.h"

namespace aigc_assets::relief {
namespace {

constexpr std::int32_t kUnknown = 1 << 30;  // above all levels, with room for a rise
constexpr std::int8_t kDone = -1;

// Round half to even, as the twin does: below 2^51 a double of this size has no room for a
// fraction.
inline std::int32_t rounded(double value) {
  constexpr double kNoFraction = 6755399441055744.0;  // 1.5 * 2^52
  return static_cast<std::int32_t>((value + kNoFraction) - kNoFraction);
}

// Arrays have a ring around the grid, higher than all, which spares every test for its edge.
class Erosion {
 public:
  Erosion(const Grid& grid, const double* height, const std::uint8_t* base)
      : grid_(grid),
        width_(grid.width + 2),
        height_(cells()),
        level_(cells(), kUnknown),
        filled_(cells(), kUnknown),
        rise_(cells()),
        receiver_(cells()),
        flow_(cells()),
        donors_(cells()) {
    for (int k = 0; k < 8; ++k) steps_[k] = kDown[k] * width_ + kRight[k];
    std::vector<std::int32_t> level(grid.size()), filled(grid.size()), order(grid.size());
    for (int cell = 0; cell < grid.size(); ++cell) level[cell] = rounded(height[cell] * kUnits);
    LevelQueue queue;
    fill(grid, level.data(), base, filled.data(), order.data(), queue);
    for (int cell = 0; cell < grid.size(); ++cell) {
      const int to = inside(cell);
      height_[to] = height[cell];
      level_[to] = level[cell];
      filled_[to] = filled[cell];
      rise_[to] = rise(cell);
      (base[cell] != 0 ? base_ : land_).push_back(to);
    }
    order_.resize(land_.size());
  }

  void round(double strength) {
    if (!first_) refill();
    first_ = false;
    route();
    for (const int cell : order_) {
      // No fused operations here: the twin in Python rounds after each.
      const double before = std::max(height_[cell], filled_[cell] / kUnits);
      const double factor = strength * std::sqrt(static_cast<double>(flow_[cell]));
      const double carried = factor * height_[receiver_[cell]];
      height_[cell] = (before + carried) / (1.0 + factor);
    }
  }

  void result(double* height) const {
    for (int y = 0; y < grid_.height; ++y) {
      const double* row = height_.data() + inside(y * grid_.width);
      std::copy(row, row + grid_.width, height + y * grid_.width);
    }
  }

 private:
  std::size_t cells() const {
    return static_cast<std::size_t>(grid_.height + 2) * static_cast<std::size_t>(width_);
  }

  int inside(int cell) const { return cell + width_ + 1 + cell / grid_.width * 2; }

  // The level of a cell as its neighbours have it now; never below the one it ends with.
  std::int32_t looked_up(int cell) const {
    const std::int32_t* here = filled_.data() + cell;
    std::int32_t low = here[steps_[0]];
    for (int k = 1; k < 8; ++k) low = std::min(low, here[steps_[k]]);
    return std::max(low + rise_[cell], level_[cell]);
  }

  void refill() {
    for (const int cell : land_) {
      level_[cell] = rounded(height_[cell] * kUnits);
      filled_[cell] = kUnknown;
    }
    raised_.clear();
    for (const int cell : order_) {
      filled_[cell] = looked_up(cell);
      if (filled_[cell] > level_[cell]) raised_.push_back(cell);
    }
    // Those that keep their level are done; the others may lie lower by way of later ones.
    for (const int cell : raised_) lower(cell, looked_up(cell));
    while (!queue_.empty()) {
      const auto [filled, cell] = queue_.top();
      queue_.pop();
      if (filled > filled_[cell]) continue;
      for (const int step : steps_) {
        const int other = cell + step;
        if (filled_[other] > level_[other]) {
          lower(other, std::max(filled + rise_[other], level_[other]));
        }
      }
    }
  }

  void lower(int cell, std::int32_t filled) {
    if (filled >= filled_[cell]) return;
    filled_[cell] = filled;
    queue_.push({filled, cell});
  }

  // Receivers, flow, and the order: ways from their heads down, as far as no other joins them.
  void route() {
    std::fill(donors_.begin(), donors_.end(), std::int8_t{0});
    for (const int cell : land_) {
      receiver_[cell] = steepest(cell);
      ++donors_[receiver_[cell]];
      flow_[cell] = 1;
    }
    for (const int cell : base_) donors_[cell] = kDone;  // every way ends there
    std::size_t free = order_.size();
    for (const int head : land_) {
      for (int cell = head; donors_[cell] == 0;) {
        order_[--free] = cell;
        donors_[cell] = kDone;
        const int to = receiver_[cell];
        flow_[to] += flow_[cell];
        if (donors_[to] != kDone) --donors_[to];
        cell = to;
      }
    }
  }

  // The neighbour down the steepest slope, the first of equal ones, as `receivers` has it.
  int steepest(int cell) const {
    const std::int32_t* here = filled_.data() + cell;
    std::int64_t low[2];  // the lowest of the straight and of the diagonal ones, with its number
    for (int group = 0; group < 2; ++group) {
      const int* steps = steps_ + 4 * group;
      low[group] = std::int64_t{here[steps[0]]} * 4;
      for (int k = 1; k < 4; ++k) {
        low[group] = std::min(low[group], std::int64_t{here[steps[k]]} * 4 + k);
      }
    }
    const std::int64_t straight = std::max<std::int64_t>(*here - (low[0] >> 2), 0);
    const std::int64_t diagonal = std::max<std::int64_t>(*here - (low[1] >> 2), 0);
    // Squares of slopes, twice; where equal, straight on.
    const int group = 2 * straight * straight >= diagonal * diagonal ? 0 : 1;
    return cell + steps_[4 * group + (low[group] & 3)];
  }

  using Entry = std::pair<std::int32_t, int>;

  const Grid grid_;
  const int width_;
  int steps_[8];
  std::vector<double> height_;
  std::vector<std::int32_t> level_, filled_, rise_, receiver_, flow_;
  std::vector<std::int8_t> donors_;  // that are not in the order yet
  std::vector<int> base_, land_;     // in rows
  std::vector<int> order_;           // the land, every cell behind its receiver
  std::vector<int> raised_;
  bool first_ = true;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace

void erode(const Grid& grid, double* height, const std::uint8_t* base, double strength,
           int iterations) {
  Erosion erosion(grid, height, base);
  for (int round = 0; round < iterations; ++round) erosion.round(strength);
  erosion.result(height);
}

}  // namespace aigc_assets::relief
