#include "playability_rules.h"

#include <cstdlib>

namespace aigc_assets::playability {

std::string text(Cell cell) {
  return "(" + std::to_string(cell.x) + ", " + std::to_string(cell.y) + ")";
}

Reasons Walk::enter(const Cell* before, Cell cell, const std::set<int>&) {
  Reasons reasons;
  if (before != nullptr && std::abs(cell.x - before->x) + std::abs(cell.y - before->y) != 1) {
    reasons.push_back(text(*before) + " to " + text(cell) + " is not one cell");
  }
  if (!inside(map_, cell)) {
    reasons.push_back(text(cell) + " is outside the map");
    return reasons;
  }
  if (solid(map_, cell)) reasons.push_back(text(cell) + " is solid");
  if ((flags_of(map_, cell) & kHazard) != 0) reasons.push_back(text(cell) + " is a hazard");
  return reasons;
}

Push::Push(const Map& map) : Walk(map) {
  for (const Object& object : map.objects) {
    if (object.cls != kBox) continue;
    const std::string name = "box " + std::to_string(object.id);
    const auto [other, alone] = boxes_.emplace(key(object.cell), object.id);
    if (!alone) {
      stacked_.push_back(name + " stands on box " + std::to_string(other->second));
    } else if (!inside(map, object.cell) || solid(map, object.cell)) {
      stacked_.push_back(name + " stands in a solid cell");
    }
  }
}

Reasons Push::enter(const Cell* before, Cell cell, const std::set<int>& opened) {
  Reasons reasons = Walk::enter(before, cell, opened);
  const auto box = boxes_.find(key(cell));
  if (box == boxes_.end()) return reasons;
  const int id = box->second;
  if (before == nullptr || !reasons.empty()) {
    reasons.push_back("box " + std::to_string(id) + " is in the way");
    return reasons;
  }
  const Cell beyond{2 * cell.x - before->x, 2 * cell.y - before->y};
  const std::string why = barrier(beyond, opened);
  if (!why.empty()) {
    return {"box " + std::to_string(id) + " cannot be pushed to " + text(beyond) + ": " + why};
  }
  boxes_.erase(box);
  boxes_.emplace(key(beyond), id);
  return {};
}

std::string Push::barrier(Cell cell, const std::set<int>& opened) const {
  if (!inside(map_, cell)) return "outside the map";
  if (solid(map_, cell)) return "solid";
  const auto box = boxes_.find(key(cell));
  if (box != boxes_.end()) return "box " + std::to_string(box->second);
  for (const Object& object : map_.objects) {
    if (object.cls == kDoor && object.cell == cell && opened.count(object.id) == 0) {
      return "door " + std::to_string(object.id) + " is shut";
    }
  }
  return "";
}

Reasons Push::finish() {
  Reasons reasons;
  for (const Object& object : map_.objects) {
    if (object.cls == kGoal && boxes_.count(key(object.cell)) == 0) {
      reasons.push_back("goal " + std::to_string(object.id) + " has no box");
    }
  }
  return reasons;
}

std::unique_ptr<Walk> rules_of(const Map& map) {
  if (map.movement == "walk") return std::make_unique<Walk>(map);
  if (map.movement == "push") return std::make_unique<Push>(map);
  if (map.movement == "jump") return std::make_unique<Jump>(map);
  return nullptr;
}

}  // namespace aigc_assets::playability
