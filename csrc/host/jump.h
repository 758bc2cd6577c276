// Searches over the states of a jumping walker: where it gets, how, and what to change so that it
// gets there. aigc_assets/pipelines/maps/platformer/physics.py states the rules and has a twin of
// every function with equal results.
#pragma once

#include <cstdint>
#include <vector>

namespace aigc_assets::jump {

enum Flag : std::uint8_t {
  kSolid = 1,
  kOneWay = 2,
  kHazard = 4,
  kLadder = 8,
  kShut = 16,  // a door that is shut
  kDoor = 32,  // any door, open or shut
};

struct Edit {
  int cell;  // row * width + column
  int code;  // 0 air, 1 solid, 2 one-way, 4 ladder
};

struct Level {
  int width, height;
  const std::uint8_t* flags;  // [height, width]
};

// Ticks from the sources to every cell, -1 where none leads.
std::vector<std::int32_t> explore(const Level& level, const std::vector<int>& sources);

// Cells of a quickest way, both ends included; empty if there is none.
std::vector<int> route(const Level& level, int start, int goal);

// 1 for every cell that one can come to stand on from `start` and from which none of the goals
// [height, width] can be reached any more.
std::vector<std::uint8_t> trapped(const Level& level, int start, const std::uint8_t* goals);

// The cheapest changes after which a way from the sources to one of the goals is likely.
std::vector<Edit> mend(const Level& level, const std::vector<int>& sources,
                       const std::uint8_t* goals);

}  // namespace aigc_assets::jump
