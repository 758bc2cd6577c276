#include "playability.h"

#include <set>
#include <unordered_map>
#include <utility>

#include "playability_rules.h"

namespace aigc_assets::playability {
namespace {

const char* const kActionNames[] = {"start", "take", "open", "exit"};
const char* const kWantedNames[] = {"start", "key", "door", "exit"};
constexpr int kWanted[] = {kStartObject, kKey, kDoor, kExitObject};

std::string text(const std::vector<int>& numbers) {
  std::string joined;
  for (int number : numbers) joined += (joined.empty() ? "" : ", ") + std::to_string(number);
  return "[" + joined + "]";
}

class Checker {
 public:
  Checker(const Map& map, Walk* rules) : map_(map), rules_(rules) {
    for (std::size_t i = 0; i < map.objects.size(); ++i) {
      const Object& object = map.objects[i];
      by_id_.emplace(object.id, &object);
      if (object.cls == kDoor) doors_[key(object.cell)].push_back(&object);
    }
    for (const Event& event : map.events) by_step_[event.step].push_back(&event);
  }

  std::vector<std::string> run() {
    check_ends();
    add(rules_->begin());
    for (std::size_t step = 0; step < map_.path.size(); ++step) check_step(static_cast<int>(step));
    add(rules_->finish());
    return reasons_;
  }

 private:
  void add(const Reasons& reasons) {
    reasons_.insert(reasons_.end(), reasons.begin(), reasons.end());
  }

  void reject(int step, const std::string& why) {
    reasons_.push_back("step " + std::to_string(step) + ": " + why);
  }

  void check_ends() {
    const int last = static_cast<int>(map_.path.size()) - 1;
    if (map_.path.empty()) reasons_.push_back("the path is empty");
    for (const auto& [action, step] : {std::pair{kStart, 0}, std::pair{kExit, last}}) {
      std::vector<int> steps;
      for (const Event& event : map_.events) {
        if (event.action == action) steps.push_back(event.step);
      }
      if (steps != std::vector<int>{step}) {
        reasons_.push_back(std::string("expected one event '") + kActionNames[action] +
                           "' at step " + std::to_string(step) + ", got steps " + text(steps));
      }
    }
    for (const Event& event : map_.events) {
      if (event.action < kStart || event.action > kExit) {
        reasons_.push_back("unknown action " + std::to_string(event.action));
      } else if (event.step < 0 || event.step > last) {
        reasons_.push_back("an event at step " + std::to_string(event.step) + " of " +
                           std::to_string(last + 1));
      }
    }
  }

  void check_step(int step) {
    const Cell cell = map_.path[static_cast<std::size_t>(step)];
    const Cell* before = step > 0 ? &map_.path[static_cast<std::size_t>(step) - 1] : nullptr;
    for (const std::string& why : rules_->enter(before, cell, opened_)) reject(step, why);
    std::vector<std::string> taken;
    const auto events = by_step_.find(step);
    if (events != by_step_.end()) {
      for (const Event* event : events->second) {
        if (event->action >= kStart && event->action <= kExit) {
          check_event(step, cell, *event, &taken);
        }
      }
    }
    const auto doors = doors_.find(key(cell));
    if (doors != doors_.end()) {
      for (const Object* door : doors->second) {
        if (opened_.count(door->id) == 0) {
          reject(step, "door " + std::to_string(door->id) + " is shut");
        }
      }
    }
    // A key opens doors from the next step on.
    colours_.insert(taken.begin(), taken.end());
  }

  void check_event(int step, Cell cell, const Event& event, std::vector<std::string>* taken) {
    const std::string action = kActionNames[event.action];
    const auto found = by_id_.find(event.object);
    if (found == by_id_.end()) {
      return reject(step, action + ": there is no object " + std::to_string(event.object));
    }
    const Object& object = *found->second;
    const std::string name = "object " + std::to_string(object.id);
    if (object.cls != kWanted[event.action]) {
      return reject(step, action + ": " + name + " is no " + kWantedNames[event.action]);
    }
    if (!(object.cell == cell)) {
      return reject(step, action + ": " + name + " is not on " + text(cell));
    }
    if (event.action == kTake) taken->push_back(object.colour);
    if (event.action == kOpen) {
      if (colours_.count(object.colour) == 0) {
        return reject(step,
                      "open: no key for door " + std::to_string(object.id) + " was taken before");
      }
      opened_.insert(object.id);
    }
  }

  const Map& map_;
  Walk* rules_;
  std::unordered_map<int, const Object*> by_id_;
  std::unordered_map<long long, std::vector<const Object*>> doors_;
  std::unordered_map<int, std::vector<const Event*>> by_step_;
  std::set<std::string> colours_;
  std::set<int> opened_;
  std::vector<std::string> reasons_;
};

}  // namespace

std::vector<std::string> verify(const Map& map) {
  const std::unique_ptr<Walk> rules = rules_of(map);
  if (rules == nullptr) return {"unknown movement '" + map.movement + "'"};
  return Checker(map, rules.get()).run();
}

}  // namespace aigc_assets::playability
