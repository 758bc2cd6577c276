// Water and roads on height fields; aigc_assets/pipelines/maps/relief/water.py is the twin in
// Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace aigc_assets::relief {

struct Grid {
  int height, width;
  int size() const { return height * width; }
};

// Offsets of the eight neighbours, the order in which ties are broken: straight before diagonal.
constexpr int kDown[8] = {-1, 0, 1, 0, -1, -1, 1, 1};
constexpr int kRight[8] = {0, 1, 0, -1, -1, 1, 1, -1};

// Cells by level, lowest first, where nothing that is pushed lies below what was popped: a list per
// level, and a bit for each that is not empty. Keeps its memory from one use to the next.
class LevelQueue {
 public:
  void start(std::int32_t low, std::int32_t high, int cells);
  void push(std::int32_t level, int cell);
  int pop();  // -1 when there is none

 private:
  void reserve(std::size_t slots);

  std::int32_t low_ = 0;
  std::vector<std::int32_t> heads_, next_;
  std::vector<std::uint64_t> used_;
  std::size_t front_ = 0;
  int count_ = 0;
};

// Raises every cell to `rise` above its lowest neighbour on the way to a base cell, so that all
// water runs off. `order` lists the cells by rising level. Base cells keep their level. 1..8 by a
// hash of the cell: on ground that was level, water winds instead of running straight.
inline std::int32_t rise(int cell) {
  return 1 + static_cast<std::int32_t>((static_cast<std::uint32_t>(cell) * 2654435761u) >> 29);
}
void fill(const Grid& grid, const std::int32_t* level, const std::uint8_t* base,
          std::int32_t* filled, std::int32_t* order, LevelQueue& queue);

// The neighbour down the steepest slope, -1 for base cells.
void receivers(const Grid& grid, const std::int32_t* filled, const std::uint8_t* base,
               std::int32_t* receiver);

// Cells whose water passes through each cell, itself included.
void accumulate(const Grid& grid, const std::int32_t* order, const std::int32_t* receiver,
                std::int32_t* flow);

// Implicit stream-power erosion of `height` in place; units of `fill` per metre are kUnits.
constexpr double kUnits = 256.0;
void erode(const Grid& grid, double* height, const std::uint8_t* base, double strength,
           int iterations);

// The cheapest road from any source to the first goal it reaches, cells in order; empty if there is
// none. Cells of cost >= 1 are open, 0 is shut, negative ones are water: a bridge leads straight
// over at most kBridge of them, from bank to bank, and costs what they cost. A step costs
// (5 straight, 7 diagonal) * (sum of both costs) + (difference of level)^2 / 16. Diagonal steps
// need both cells beside them open. The grid is at least kBridge + 3 cells wide.
constexpr int kBridge = 3;
std::vector<std::int32_t> road(const Grid& grid, const std::int32_t* cost,
                               const std::int32_t* level, const std::vector<std::int32_t>& sources,
                               const std::vector<std::int32_t>& goals);

}  // namespace aigc_assets::relief
