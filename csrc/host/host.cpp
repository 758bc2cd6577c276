// The module aigc_assets._host: C++ that is not about tensors.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <set>

#include "bindings.h"
#include "playability.h"
#include "sokoban.h"

namespace py = pybind11;

namespace aigc_assets {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

void expect_columns(const py::array& array, const char* name, py::ssize_t columns) {
  if (array.ndim() != 2 || array.shape(1) != columns) {
    throw py::value_error(std::string(name) + ": expected [N, " + std::to_string(columns) + "]");
  }
}

std::vector<std::string> verify(const std::string& movement,
                                const Array<std::uint8_t>& cells,    // [H, W] flags
                                const Array<std::int32_t>& path,     // [N, 2] column, row
                                const Array<std::int32_t>& events,   // [M, 3] step, action, object
                                const Array<std::int32_t>& objects,  // [K, 4] id, class, x, y
                                const std::vector<std::string>& colours  // [K]
) {
  if (cells.ndim() != 2) throw py::value_error("cells: expected [H, W]");
  expect_columns(path, "path", 2);
  expect_columns(events, "events", 3);
  expect_columns(objects, "objects", 4);
  if (static_cast<py::ssize_t>(colours.size()) != objects.shape(0)) {
    throw py::value_error("colours: expected one for every object");
  }
  playability::Map map;
  map.movement = movement;
  map.width = static_cast<int>(cells.shape(1));
  map.height = static_cast<int>(cells.shape(0));
  map.cells.assign(cells.data(), cells.data() + cells.size());
  for (py::ssize_t i = 0; i < path.shape(0); ++i) {
    map.path.push_back({path.at(i, 0), path.at(i, 1)});
  }
  for (py::ssize_t i = 0; i < events.shape(0); ++i) {
    map.events.push_back({events.at(i, 0), events.at(i, 1), events.at(i, 2)});
  }
  for (py::ssize_t i = 0; i < objects.shape(0); ++i) {
    map.objects.push_back({objects.at(i, 0),
                           objects.at(i, 1),
                           {objects.at(i, 2), objects.at(i, 3)},
                           colours[static_cast<size_t>(i)]});
  }
  py::gil_scoped_release release;
  return playability::verify(map);
}

// A board whose ring is wall, with everything asked about it inside: the searches do not look.
sokoban::Board board_of(int width, const std::string& wall, const std::vector<int>& goals,
                        const std::vector<int>& boxes, const std::vector<int>& cells) {
  const auto area = static_cast<int>(wall.size());
  if (width < 3 || area < 3 * width || area % width != 0 || area > 65536) {
    throw py::value_error("wall: expected whole rows of `width`, at most 65536 cells");
  }
  sokoban::Board board;
  board.width = width;
  board.wall.assign(wall.begin(), wall.end());
  board.goals = goals;
  for (int i = 0; i < area; ++i) {
    const int x = i % width;
    const bool ring = x == 0 || x == width - 1 || i < width || i >= area - width;
    if (ring && wall[static_cast<std::size_t>(i)] == 0) throw py::value_error("the ring is open");
  }
  for (const std::vector<int>* list : {&goals, &boxes, &cells}) {
    for (int cell : *list) {
      if (cell < 0 || cell >= area || wall[static_cast<std::size_t>(cell)] != 0) {
        throw py::value_error("expected free cells of the board");
      }
    }
    if (list != &cells && std::set<int>(list->begin(), list->end()).size() != list->size()) {
      throw py::value_error("expected one box and one goal per cell");
    }
  }
  return board;
}

py::list pairs(const std::vector<sokoban::Push>& pushes) {
  py::list list;
  for (const sokoban::Push& push : pushes) list.append(py::make_tuple(push.cell, push.step));
  return list;
}

py::list sokoban_retreat(int width, const py::bytes& wall, const std::vector<int>& goals, int end,
                         int start, std::uint64_t seed, int beam, int max_states, int walk,
                         int bend) {
  std::vector<int> cells{end};
  if (start >= 0) cells.push_back(start);
  const sokoban::Board board = board_of(width, wall, goals, {}, cells);
  std::vector<sokoban::Position> found;
  {
    py::gil_scoped_release release;
    found = sokoban::retreat(board, end, start, seed, beam, max_states, walk, bend);
  }
  py::list list;
  for (const sokoban::Position& position : found) {
    // Bytes: of many positions only one is played.
    const py::bytes pushes(reinterpret_cast<const char*>(position.pushes.data()),
                           position.pushes.size() * sizeof(sokoban::Push));
    list.append(py::make_tuple(py::tuple(py::cast(position.boxes)), position.player, position.lines,
                               position.moves, position.exact, pushes));
  }
  return list;
}

std::vector<int> sokoban_walk(int width, const py::bytes& wall, const std::vector<int>& goals,
                              const std::vector<int>& boxes, int player, int max_looks) {
  const sokoban::Board board = board_of(width, wall, goals, boxes, {player});
  py::gil_scoped_release release;
  return sokoban::walk(board, boxes, player, max_looks);
}

py::object sokoban_solve(int width, const py::bytes& wall, const std::vector<int>& goals,
                         const std::vector<int>& boxes, int player, int end, int max_nodes,
                         int weight) {
  std::vector<int> cells{player};
  if (end >= 0) cells.push_back(end);
  const sokoban::Board board = board_of(width, wall, goals, boxes, cells);
  if (boxes.size() != goals.size()) throw py::value_error("expected as many boxes as goals");
  sokoban::Solution solution;
  {
    py::gil_scoped_release release;
    solution = sokoban::solve(board, boxes, player, end, max_nodes, weight);
  }
  if (!solution.found) return py::none();
  return pairs(solution.pushes);
}

}  // namespace
}  // namespace aigc_assets

PYBIND11_MODULE(_host, m) {
  m.doc() = "C++ that is not about tensors.";
  m.def("verify", &aigc_assets::verify, py::arg("movement"), py::arg("cells"), py::arg("path"),
        py::arg("events"), py::arg("objects"), py::arg("colours"),
        "Reasons why a witness does not prove that a map can be finished; empty if it does.\n\n"
        "Movements: walk, push, jump. Cells: 1 solid, 2 one-way, 4 hazard, 8 ladder. Actions: 0 "
        "start, 1 take, 2 open, 3 exit. Classes: 0 start, "
        "1 exit, 2 key, 3 door, 4 box, 5 goal, 6 other.");
  m.def("sokoban_retreat", &aigc_assets::sokoban_retreat, py::arg("width"), py::arg("wall"),
        py::arg("goals"), py::arg("end"), py::arg("start"), py::arg("seed"), py::arg("beam"),
        py::arg("max_states"), py::arg("walk"), py::arg("bend"),
        "The best position of each number of pushes, played backwards: (boxes, player, lines, "
        "moves, exact, pushes as int32 pairs) each.");
  m.def("sokoban_walk", &aigc_assets::sokoban_walk, py::arg("width"), py::arg("wall"),
        py::arg("goals"), py::arg("boxes"), py::arg("player"), py::arg("max_looks"),
        "Steps of a shortest solution in moves; empty where none was found.");
  m.def("sokoban_solve", &aigc_assets::sokoban_solve, py::arg("width"), py::arg("wall"),
        py::arg("goals"), py::arg("boxes"), py::arg("player"), py::arg("end"), py::arg("max_nodes"),
        py::arg("weight"), "Pushes (cell, step) that put all boxes on goals, or None.");
  aigc_assets::bind_jump(m);
  aigc_assets::bind_grid(m);
  aigc_assets::bind_relief(m);
}
