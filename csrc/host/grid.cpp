#include "grid.h"

#include "cell_queue.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace aigc_assets::grid {
namespace {

using Cells = std::vector<std::int32_t>;
constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

// Up, right, down, left, then the diagonals.
void offsets(int width, int (&around)[8]) {
  const int values[] = {-width, 1, width, -1, 1 - width, 1 + width, width - 1, -1 - width};
  std::copy(values, values + 8, around);
}

Entry take(LevelQueue& queue) { return queue.take(); }

Entry take(HeapQueue& queue) {
  const Entry first = queue.top();
  queue.pop();
  return first;
}

template <class Queue>
Cells cheapest_way(Queue& queue, const std::int32_t* price, int size, int width, int start,
                   int goal, int neighbours) {
  std::vector<std::int64_t> spent(static_cast<std::size_t>(size), kFar);
  Cells before(static_cast<std::size_t>(size), -1);
  int around[8];
  offsets(width, around);
  constexpr int kRight[] = {0, 1, 0, -1, 1, 1, -1, -1};
  spent[static_cast<std::size_t>(start)] = price[start];
  queue.emplace(price[start], start);
  while (!queue.empty()) {
    const auto [paid, cell] = take(queue);
    if (paid > spent[static_cast<std::size_t>(cell)]) continue;
    if (cell == goal) break;
    const int column = cell % width;
    for (int k = 0; k < neighbours; ++k) {
      const int other = cell + around[k], beside = column + kRight[k];
      if (other < 0 || other >= size || beside < 0 || beside >= width) continue;
      if (price[other] < 0) continue;
      const std::int64_t cost = paid + price[other];
      if (cost < spent[static_cast<std::size_t>(other)]) {
        spent[static_cast<std::size_t>(other)] = cost;
        before[static_cast<std::size_t>(other)] = cell;
        queue.emplace(cost, other);
      }
    }
  }
  if (spent[static_cast<std::size_t>(goal)] == kFar) return {};
  Cells way{goal};
  while (way.back() != start) way.push_back(before[static_cast<std::size_t>(way.back())]);
  std::reverse(way.begin(), way.end());
  return way;
}

}  // namespace

Cells distances(const Ground& ground, const std::vector<int>& sources,
                const std::vector<int>& shut) {
  Cells distance(static_cast<std::size_t>(ground.size), -1);
  for (int cell : shut) distance[static_cast<std::size_t>(cell)] = -2;
  Cells queue;
  queue.reserve(static_cast<std::size_t>(ground.size) + sources.size());
  for (int cell : sources) {
    distance[static_cast<std::size_t>(cell)] = 0;
    queue.push_back(cell);
  }
  int around[8];
  offsets(ground.width, around);
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const int cell = queue[i];
    const int after = distance[static_cast<std::size_t>(cell)] + 1;
    for (int k = 0; k < 4; ++k) {
      const int other = cell + around[k];
      if (other < 0 || other >= ground.size) continue;
      if (distance[static_cast<std::size_t>(other)] == -1 && ground.walkable[other]) {
        distance[static_cast<std::size_t>(other)] = after;
        queue.push_back(other);
      }
    }
  }
  for (int cell : shut) distance[static_cast<std::size_t>(cell)] = -1;
  return distance;
}

Cells shortest_path(const Ground& ground, int start, int goal, const std::vector<int>& shut) {
  std::vector<int> closed;
  for (int cell : shut) {
    if (cell != goal) closed.push_back(cell);
  }
  const Cells distance = distances(ground, {goal}, closed);
  if (distance[static_cast<std::size_t>(start)] < 0) return {};
  int around[8];
  offsets(ground.width, around);
  Cells path{start};
  int heading = 0;
  while (path.back() != goal) {
    const int cell = path.back();
    const int wanted = distance[static_cast<std::size_t>(cell)] - 1;
    const auto leads = [&](int step) {
      const int other = cell + step;
      return other >= 0 && other < ground.size &&
             distance[static_cast<std::size_t>(other)] == wanted;
    };
    if (heading == 0 || !leads(heading)) heading = *std::find_if(around, around + 4, leads);
    path.push_back(cell + heading);
  }
  return path;
}

Cells components(const Ground& ground) {
  Cells label(static_cast<std::size_t>(ground.size), -1);
  int around[8];
  offsets(ground.width, around);
  Cells area;
  int number = 0;
  for (int first = 0; first < ground.size; ++first) {
    if (!ground.walkable[first] || label[static_cast<std::size_t>(first)] >= 0) continue;
    area.assign(1, first);
    label[static_cast<std::size_t>(first)] = number;
    for (std::size_t i = 0; i < area.size(); ++i) {
      for (int k = 0; k < 4; ++k) {
        const int other = area[i] + around[k];
        if (other < 0 || other >= ground.size) continue;
        if (ground.walkable[other] && label[static_cast<std::size_t>(other)] < 0) {
          label[static_cast<std::size_t>(other)] = number;
          area.push_back(other);
        }
      }
    }
    ++number;
  }
  return label;
}

std::vector<std::pair<int, int>> separators(const Ground& ground, const std::vector<int>& path) {
  Cells place(static_cast<std::size_t>(ground.size), -1);
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(ground.size), 0);
  for (std::size_t i = 0; i < path.size(); ++i) {
    place[static_cast<std::size_t>(path[i])] = static_cast<std::int32_t>(i);
    seen[static_cast<std::size_t>(path[i])] = 1;
  }
  int around[8];
  offsets(ground.width, around);
  int furthest = 0;
  int near = 0;
  std::vector<std::pair<int, int>> found;
  Cells todo;
  for (int i = 0; i < static_cast<int>(path.size()); ++i) {
    if (furthest <= i) found.emplace_back(i, near);
    furthest = std::max(furthest, i + 1);
    todo.assign(1, path[static_cast<std::size_t>(i)]);
    ++near;
    while (!todo.empty()) {
      const int cell = todo.back();
      todo.pop_back();
      for (int k = 0; k < 4; ++k) {
        const int other = cell + around[k];
        if (other < 0 || other >= ground.size || !ground.walkable[other]) continue;
        const int at = place[static_cast<std::size_t>(other)];
        if (at >= 0) {
          furthest = std::max(furthest, at);
        } else if (!seen[static_cast<std::size_t>(other)]) {
          seen[static_cast<std::size_t>(other)] = 1;
          ++near;
          todo.push_back(other);
        }
      }
    }
  }
  return found;
}

Cells cut_depth(const Ground& ground, const std::uint8_t* gate, int start) {
  const auto count = static_cast<std::size_t>(ground.size);
  Cells found(count, 0), lowest(count, 0), parent(count, -1), depth(count, 0), order;
  int around[8];
  offsets(ground.width, around);
  std::vector<std::pair<int, int>> todo{{start, 0}};
  found[static_cast<std::size_t>(start)] = lowest[static_cast<std::size_t>(start)] = 1;
  while (!todo.empty()) {
    const auto [cell, turn] = todo.back();
    todo.pop_back();
    const auto at = static_cast<std::size_t>(cell);
    if (turn == 0) order.push_back(cell);
    bool deeper = false;
    for (int k = turn; k < 4 && !deeper; ++k) {
      const int other = cell + around[k];
      if (other < 0 || other >= ground.size || !ground.walkable[other]) continue;
      const auto next = static_cast<std::size_t>(other);
      if (found[next] == 0) {
        found[next] = lowest[next] = static_cast<std::int32_t>(order.size()) + 1;
        parent[next] = cell;
        todo.emplace_back(cell, k + 1);
        todo.emplace_back(other, 0);
        deeper = true;
      } else if (other != parent[at]) {
        lowest[at] = std::min(lowest[at], found[next]);
      }
    }
    if (!deeper && parent[at] >= 0) {
      const auto above = static_cast<std::size_t>(parent[at]);
      lowest[above] = std::min(lowest[above], lowest[at]);
    }
  }
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto cell = static_cast<std::size_t>(order[i]);
    const int above = parent[cell];
    const bool cuts =
        above != start && gate[above] && lowest[cell] >= found[static_cast<std::size_t>(above)];
    depth[cell] = depth[static_cast<std::size_t>(above)] + (cuts ? 1 : 0);
  }
  return depth;
}

Cells cheapest_way(const std::int32_t* price, int size, int width, int start, int goal,
                   int neighbours) {
  if (price[start] < 0 || price[goal] < 0) return {};
  const int dearest = *std::max_element(price, price + size);
  if (dearest > LevelQueue::kDearest) {
    HeapQueue queue;
    return cheapest_way(queue, price, size, width, start, goal, neighbours);
  }
  LevelQueue queue(dearest, size);
  return cheapest_way(queue, price, size, width, start, goal, neighbours);
}

std::vector<Link> joins(const Ground& ground, const std::int32_t* price) {
  const auto count = static_cast<std::size_t>(ground.size);
  Cells owner = components(ground);
  const int areas = owner.empty() ? 0 : *std::max_element(owner.begin(), owner.end()) + 1;
  if (areas < 2) return {};
  Cells before(count, -1);
  std::vector<std::int64_t> spent(count, kFar);
  HeapQueue queue;
  for (int cell = 0; cell < ground.size; ++cell) {
    if (owner[static_cast<std::size_t>(cell)] >= 0) {
      spent[static_cast<std::size_t>(cell)] = 0;
      queue.emplace(0, cell);
    }
  }
  int around[8];
  offsets(ground.width, around);
  while (!queue.empty()) {
    const auto [paid, cell] = queue.top();
    queue.pop();
    if (paid > spent[static_cast<std::size_t>(cell)]) continue;
    for (int k = 0; k < 4; ++k) {
      const int other = cell + around[k];
      if (other < 0 || other >= ground.size || price[other] < 0) continue;
      const std::int64_t cost = paid + price[other];
      if (cost < spent[static_cast<std::size_t>(other)]) {
        spent[static_cast<std::size_t>(other)] = cost;
        owner[static_cast<std::size_t>(other)] = owner[static_cast<std::size_t>(cell)];
        before[static_cast<std::size_t>(other)] = cell;
        queue.emplace(cost, other);
      }
    }
  }
  std::vector<std::tuple<std::int64_t, int, int>> meetings;
  for (int cell = 0; cell < ground.size; ++cell) {
    const auto at = static_cast<std::size_t>(cell);
    for (int other : {cell + 1, cell + ground.width}) {
      if (other >= ground.size) continue;
      const auto next = static_cast<std::size_t>(other);
      if (owner[at] >= 0 && owner[next] >= 0 && owner[at] != owner[next]) {
        meetings.emplace_back(spent[at] + spent[next], cell, other);
      }
    }
  }
  std::sort(meetings.begin(), meetings.end());
  Cells group(static_cast<std::size_t>(areas));
  std::iota(group.begin(), group.end(), 0);
  const auto root = [&](int i) {
    while (group[static_cast<std::size_t>(i)] != i) {
      group[static_cast<std::size_t>(i)] =
          group[static_cast<std::size_t>(group[static_cast<std::size_t>(i)])];
      i = group[static_cast<std::size_t>(i)];
    }
    return i;
  };
  std::vector<Link> links;
  for (const auto& [cost, one, two] : meetings) {
    Link link{owner[static_cast<std::size_t>(one)], owner[static_cast<std::size_t>(two)], {}};
    const int first = root(link.first);
    const int second = root(link.second);
    if (first == second) continue;
    group[static_cast<std::size_t>(first)] = second;
    for (int cell : {one, two}) {
      while (before[static_cast<std::size_t>(cell)] >= 0) {
        link.cells.push_back(cell);
        cell = before[static_cast<std::size_t>(cell)];
      }
    }
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace aigc_assets::grid
