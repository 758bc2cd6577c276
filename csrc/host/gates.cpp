#include "gates.h"

#include <algorithm>

#include "grid.h"

namespace aigc_assets::grid {
namespace {

enum Terrain : std::uint8_t { kWall, kFloor, kOutdoor, kLiquid, kBridge };

constexpr std::int32_t kWallPrice = 4;

// The direction across the way where it goes straight on, else 0.
int across(const std::vector<int>& path, int index, int width) {
  if (index < 1 || index + 1 >= static_cast<int>(path.size())) return 0;
  const int* at = path.data() + index;
  const int step = at[1] - at[0];
  if (step != at[0] - at[-1]) return 0;
  return step == 1 || step == -1 ? width : 1;
}

// Walls on cells and their twins; false where a pin forbids it.
bool put_walls(const Canvas& canvas, const std::vector<int>& cells) {
  for (const int cell : cells) {
    if (canvas.terrain[cell] != kWall && (canvas.pinned[cell] || !canvas.inside[cell]))
      return false;
  }
  std::vector<int> changed;
  for (const int cell : cells) {
    if (canvas.terrain[cell] != kWall) changed.push_back(cell);
  }
  for (const int cell : changed) {
    canvas.terrain[cell] = kWall;
    canvas.terrain[canvas.twin[cell]] = kWall;
  }
  return true;
}

// Fills what no walk from `start` reaches; false where a pin or the symmetry forbids it.
bool fill_unreached(const Canvas& canvas, int start) {
  const std::vector<std::uint8_t> walkable = walkable_cells(canvas.terrain, canvas.size);
  const auto reached = distances({walkable.data(), canvas.size, canvas.width}, {start}, {});
  const auto lost = [&](std::int64_t cell) { return walkable[cell] != 0 && reached[cell] < 0; };
  for (int cell = 0; cell < canvas.size; ++cell) {
    if (lost(cell) && (canvas.pinned[cell] || !lost(canvas.twin[cell]))) return false;
  }
  for (int cell = 0; cell < canvas.size; ++cell) {
    if (lost(cell)) canvas.terrain[cell] = canvas.terrain[cell] == kBridge ? kLiquid : kWall;
  }
  return true;
}

}  // namespace

std::vector<std::uint8_t> walkable_cells(const std::uint8_t* terrain, int size) {
  std::vector<std::uint8_t> walkable(static_cast<std::size_t>(size));
  for (int cell = 0; cell < size; ++cell) {
    const std::uint8_t kind = terrain[cell];
    walkable[cell] = kind == kFloor || kind == kOutdoor || kind == kBridge ? 1 : 0;
  }
  return walkable;
}

std::vector<std::pair<int, int>> gates(const std::uint8_t* terrain, int size, int width,
                                       const std::vector<int>& path, int only) {
  const std::vector<std::uint8_t> walkable = walkable_cells(terrain, size);
  std::vector<std::pair<int, int>> found;
  for (const auto& [index, before] : separators({walkable.data(), size, width}, path)) {
    const int cell = path[index];
    if (only >= 0 && cell != only) continue;
    const int side = across(path, index, width);
    if (side != 0 && terrain[cell - side] == kWall && terrain[cell + side] == kWall) {
      found.emplace_back(cell, before);
    }
  }
  return found;
}

int build_gate(const Canvas& canvas, const std::vector<int>& path, int index, const bool* kept,
               const bool* within) {
  const int side = across(path, index, canvas.width);
  if (side == 0) return -1;
  const std::vector<std::uint8_t> walkable = walkable_cells(canvas.terrain, canvas.size);
  std::vector<std::uint8_t> closed(static_cast<std::size_t>(canvas.size));
  for (int cell = 0; cell < canvas.size; ++cell) {
    closed[cell] = kept[cell] || (walkable[cell] != 0 && canvas.pinned[cell]) ? 1 : 0;
  }
  for (const int cell : path) closed[cell] = 1;
  std::vector<std::int32_t> price(static_cast<std::size_t>(canvas.size));
  for (int cell = 0; cell < canvas.size; ++cell) {
    const bool shut = closed[cell] != 0 || closed[canvas.twin[cell]] != 0;
    const bool outside = within != nullptr && !within[cell];
    price[cell] = shut || outside ? -1 : walkable[cell] != 0 ? kWallPrice : 0;
  }
  const int ends[] = {path[index] - side, path[index] + side};
  for (const int end : ends) {
    if (canvas.terrain[end] != kWall && canvas.pinned[end]) return -1;
  }
  const auto chain = cheapest_way(price.data(), canvas.size, canvas.width, ends[0], ends[1], 8);
  if (chain.empty()) return -1;
  std::vector<int> walls;
  for (const int cell : chain) {
    if (walkable[cell] != 0) walls.push_back(cell);
  }
  walls.insert(walls.end(), ends, ends + 2);
  const std::vector<std::uint8_t> before(canvas.terrain, canvas.terrain + canvas.size);
  if (!put_walls(canvas, walls) || !fill_unreached(canvas, path.front())) {
    std::copy(before.begin(), before.end(), canvas.terrain);
    return -1;
  }
  int changed = 0;
  for (int cell = 0; cell < canvas.size; ++cell) changed += before[cell] != canvas.terrain[cell];
  return changed;
}

}  // namespace aigc_assets::grid
