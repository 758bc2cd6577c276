// The checker of a map's witness; aigc_assets/metrics/playability states the rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aigc_assets::playability {

enum Action { kStart = 0, kTake = 1, kOpen = 2, kExit = 3 };
enum Class {
  kStartObject = 0,
  kExitObject = 1,
  kKey = 2,
  kDoor = 3,
  kBox = 4,
  kGoal = 5,
  kOther = 6,
};

enum CellFlag { kSolid = 1, kOneWay = 2, kHazard = 4, kLadder = 8 };

struct Cell {
  int x, y;
  bool operator==(const Cell& other) const { return x == other.x && y == other.y; }
};

struct Event {
  int step, action, object;
};

struct Object {
  int id, cls;
  Cell cell;
  std::string colour;
};

struct Map {
  std::string movement;  // "walk", "push" or "jump"
  int width = 0, height = 0;
  std::vector<std::uint8_t> cells;  // [height, width], flags of CellFlag
  std::vector<Cell> path;
  std::vector<Event> events;
  std::vector<Object> objects;
};

// Reasons in the order in which the walk meets them; empty means accepted. A movement that is not
// known is a reason.
std::vector<std::string> verify(const Map& map);

}  // namespace aigc_assets::playability
