// Gates: cells between two walls that every walk has to pass, found and built.
// aigc_assets/pipelines/maps/indoor/gates.py is the same in Python and states what is meant.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace aigc_assets::grid {

// A terrain that is changed; everything has one value per cell. Cells are numbers y * width + x.
struct Canvas {
  std::uint8_t* terrain;
  int size, width;
  const bool* pinned;
  const bool* inside;
  const std::int64_t* twin;  // of each cell, in the other half
};

// Whether a terrain can be walked on.
std::vector<std::uint8_t> walkable_cells(const std::uint8_t* terrain, int size);

// (cell, cells before it) of every cell of a walk where a door could stand, of one if `only` >= 0.
std::vector<std::pair<int, int>> gates(const std::uint8_t* terrain, int size, int width,
                                       const std::vector<int>& path, int only);

// Makes a cell of the walk a gate with as few walls as possible; how many cells changed, -1 and
// none if it cannot be done. `within` may be null.
int build_gate(const Canvas& canvas, const std::vector<int>& path, int index, const bool* kept,
               const bool* within);

}  // namespace aigc_assets::grid
