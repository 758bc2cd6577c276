// Floods, distances and cheapest ways on a map; aigc_assets/pipelines/maps/floods.py is the same in
// Python, result for result.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace aigc_assets::grid {

// Cells are numbers y * width + x. The outermost ring of `walkable` is 0, so that no neighbour of a
// walkable cell leaves the map.
struct Ground {
  const std::uint8_t* walkable;
  int size;
  int width;
};

// Steps from the nearest source to every cell, -1 where none leads.
std::vector<std::int32_t> distances(const Ground& ground, const std::vector<int>& sources,
                                    const std::vector<int>& shut);

// Cells of a shortest walk that prefers to go on straight; empty when there is none.
std::vector<std::int32_t> shortest_path(const Ground& ground, int start, int goal,
                                        const std::vector<int>& shut);

// Number of the connected area of every cell in the order of first cells, -1 where solid.
std::vector<std::int32_t> components(const Ground& ground);

// (index in the path, cells on the near side) of each cell of a path that every walk must pass.
std::vector<std::pair<int, int>> separators(const Ground& ground, const std::vector<int>& path);

// How many cells of `gate` every walk from the start to a cell has to pass.
std::vector<std::int32_t> cut_depth(const Ground& ground, const std::uint8_t* gate, int start);

// Cells of the cheapest way over cells of price >= 0 with 4 or 8 neighbours, both ends included and
// paid for; empty when there is none.
std::vector<std::int32_t> cheapest_way(const std::int32_t* price, int size, int width, int start,
                                       int goal, int neighbours);

// The cheapest tree of ways that joins all areas of walkable cells, one vector of cells to open for
// each way, over cells of price >= 0.
struct Link {
  int first, second;  // areas
  std::vector<std::int32_t> cells;
};
std::vector<Link> joins(const Ground& ground, const std::int32_t* price);

}  // namespace aigc_assets::grid
