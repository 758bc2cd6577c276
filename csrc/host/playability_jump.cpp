#include <cstdlib>

#include "playability_rules.h"

namespace aigc_assets::playability {
namespace {

enum Step { kUp = 0, kUpAside, kLevelStep, kDown, kDownAside, kSteps };
enum Phase { kStanding = 0, kRising1, kRising2, kRising3, kLevel, kFalling, kDrifting, kPhases };

const char* const kPhaseNames[kPhases] = {"standing", "rising 1", "rising 2", "rising 3",
                                          "level",    "falling",  "drifting"};

// The phase after each step, -1 where the phase does not allow it.
constexpr int kTable[kPhases][kSteps] = {
    {kRising1, kRising1, kFalling, kFalling, -1},
    {kRising2, kRising2, kLevel, kFalling, kDrifting},
    {kRising3, kRising3, kLevel, kFalling, kDrifting},
    {-1, -1, kLevel, kFalling, kDrifting},
    {-1, -1, -1, kFalling, kDrifting},
    {-1, -1, -1, kFalling, kDrifting},
    {-1, -1, -1, kFalling, -1},
};

}  // namespace

Jump::Jump(const Map& map) : Walk(map), phase_(kFalling) {
  for (const Object& object : map.objects) {
    if (object.cls == kDoor) doors_.insert(key(object.cell));
  }
}

bool Jump::is(Cell cell, int flags) const {
  return inside(map_, cell) && (flags_of(map_, cell) & flags) != 0;
}

Reasons Jump::enter(const Cell* before, Cell cell, const std::set<int>&) {
  Reasons reasons;
  int after = kFalling;
  if (before != nullptr) {
    const std::string way = text(*before) + " to " + text(cell);
    const int dx = cell.x - before->x, dy = cell.y - before->y;
    const bool aside = dx != 0 && dy != 0;
    if (std::abs(dx) > 1 || std::abs(dy) > 1 || (dx == 0 && dy == 0)) {
      reasons.push_back(way + " is not one cell");
    } else {
      const int step = dy < 0 ? kUp + aside : dy > 0 ? kDown + aside : kLevelStep;
      if (kTable[phase_][step] < 0) {
        reasons.push_back(way + " is no step while " + kPhaseNames[phase_]);
      } else {
        after = kTable[phase_][step];
      }
      const Cell by = dy < 0 ? Cell{before->x, cell.y} : Cell{cell.x, before->y};
      if (aside && (is(by, kSolid | kHazard) || doors_.count(key(by)) != 0)) {
        reasons.push_back(way + " is blocked by " + text(by));
      }
    }
    if (dy == 1 && is(cell, kOneWay) && !is(cell, kLadder)) {
      reasons.push_back(text(cell) + " is a one-way platform, entered from above");
    }
  }
  if (!inside(map_, cell)) reasons.push_back(text(cell) + " is outside the map");
  if (is(cell, kSolid)) reasons.push_back(text(cell) + " is solid");
  if (is(cell, kHazard)) reasons.push_back(text(cell) + " is a hazard");
  const bool stands = is(cell, kLadder) || is(Cell{cell.x, cell.y + 1}, kSolid | kOneWay | kLadder);
  phase_ = stands ? kStanding : after;
  return reasons;
}

}  // namespace aigc_assets::playability
