// grid.h for Python: checks of what comes in, arrays of what goes out.
#include "bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "gates.h"
#include "grid.h"

namespace py = pybind11;

namespace aigc_assets {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
using Bytes = Array<std::uint8_t>;
using Cells = Array<std::int32_t>;

grid::Ground ground_of(const Bytes& walkable, int width) {
  const auto size = static_cast<int>(walkable.size());
  if (width < 1 || size % width != 0) throw py::value_error("walkable: expected whole rows");
  const std::uint8_t* cells = walkable.data();
  const int rows = size / width;
  for (int x = 0; x < width; ++x) {
    if (cells[x] || cells[size - 1 - x]) throw py::value_error("walkable: the border is open");
  }
  for (int y = 0; y < rows; ++y) {
    if (cells[y * width] || cells[y * width + width - 1]) {
      throw py::value_error("walkable: the border is open");
    }
  }
  return {cells, size, width};
}

std::vector<int> cells_of(const Cells& cells, int size, const char* name) {
  std::vector<int> found(cells.data(), cells.data() + cells.size());
  for (int cell : found) {
    if (cell < 0 || cell >= size) throw py::value_error(std::string(name) + ": no such cell");
  }
  return found;
}

template <class T>
void expect_size(const Array<T>& array, int size, const char* name) {
  if (array.size() != size) throw py::value_error(std::string(name) + ": expected one per cell");
}

void expect_cell(int cell, int size, const char* name) {
  if (cell < 0 || cell >= size) throw py::value_error(std::string(name) + ": no such cell");
}

Cells array_of(const std::vector<std::int32_t>& cells) {
  return Cells(static_cast<py::ssize_t>(cells.size()), cells.data());
}

Cells distances(const Bytes& walkable, int width, const Cells& sources, const Cells& shut) {
  const grid::Ground ground = ground_of(walkable, width);
  return array_of(grid::distances(ground, cells_of(sources, ground.size, "sources"),
                                  cells_of(shut, ground.size, "shut")));
}

Cells shortest_path(const Bytes& walkable, int width, int start, int goal, const Cells& shut) {
  const grid::Ground ground = ground_of(walkable, width);
  expect_cell(start, ground.size, "start");
  expect_cell(goal, ground.size, "goal");
  return array_of(grid::shortest_path(ground, start, goal, cells_of(shut, ground.size, "shut")));
}

Cells components(const Bytes& walkable, int width) {
  return array_of(grid::components(ground_of(walkable, width)));
}

std::vector<std::pair<int, int>> separators(const Bytes& walkable, int width, const Cells& path) {
  const grid::Ground ground = ground_of(walkable, width);
  return grid::separators(ground, cells_of(path, ground.size, "path"));
}

Cells cut_depth(const Bytes& walkable, int width, const Bytes& gate, int start) {
  const grid::Ground ground = ground_of(walkable, width);
  expect_size(gate, ground.size, "gate");
  expect_cell(start, ground.size, "start");
  return array_of(grid::cut_depth(ground, gate.data(), start));
}

Cells cheapest_way(const Cells& price, int width, int start, int goal, int neighbours) {
  const auto size = static_cast<int>(price.size());
  if (width < 1 || size % width != 0) throw py::value_error("price: expected whole rows");
  if (neighbours != 4 && neighbours != 8) throw py::value_error("neighbours: 4 or 8");
  expect_cell(start, size, "start");
  expect_cell(goal, size, "goal");
  return array_of(grid::cheapest_way(price.data(), size, width, start, goal, neighbours));
}

py::list joins(const Bytes& walkable, int width, const Cells& price) {
  const grid::Ground ground = ground_of(walkable, width);
  expect_size(price, ground.size, "price");
  for (int cell = 0; cell < ground.size; ++cell) {
    const int x = cell % width;
    const int y = cell / width;
    const bool border = x == 0 || y == 0 || x == width - 1 || y == ground.size / width - 1;
    if (border && price.data()[cell] >= 0) throw py::value_error("price: the border is open");
  }
  py::list found;
  for (const grid::Link& link : grid::joins(ground, price.data())) {
    found.append(py::make_tuple(link.first, link.second, link.cells));
  }
  return found;
}

int rows_of(const py::array& terrain, int width) {
  const auto size = static_cast<int>(terrain.size());
  if (width < 1 || size % width != 0) throw py::value_error("terrain: expected whole rows");
  return size;
}

// Cells of a walk: inside the border, where every cell has all its neighbours.
std::vector<int> walk_of(const Cells& path, int size, int width) {
  std::vector<int> cells = cells_of(path, size, "path");
  for (const int cell : cells) {
    const int x = cell % width, y = cell / width;
    if (x < 1 || y < 1 || x > width - 2 || y > size / width - 2) {
      throw py::value_error("path: a cell on the border");
    }
  }
  return cells;
}

std::vector<std::pair<int, int>> gates(const Bytes& terrain, int width, const Cells& path,
                                       int only) {
  const int size = rows_of(terrain, width);
  return grid::gates(terrain.data(), size, width, walk_of(path, size, width), only);
}

// The terrain is changed where it lies.
int build_gate(py::array_t<std::uint8_t, py::array::c_style> terrain, int width,
               const Array<bool>& pinned, const Array<bool>& inside,
               const Array<std::int64_t>& twin, const Cells& path, int index,
               const Array<bool>& kept, const std::optional<Array<bool>>& within) {
  const int size = rows_of(terrain, width);
  expect_size(pinned, size, "pinned");
  expect_size(inside, size, "inside");
  expect_size(twin, size, "twin");
  expect_size(kept, size, "kept");
  if (within) expect_size(*within, size, "within");
  for (int cell = 0; cell < size; ++cell) {
    if (twin.data()[cell] < 0 || twin.data()[cell] >= size) throw py::value_error("twin: cells");
  }
  const std::vector<int> walk = walk_of(path, size, width);
  const grid::Canvas canvas{terrain.mutable_data(), size,          width,
                            pinned.data(),          inside.data(), twin.data()};
  return grid::build_gate(canvas, walk, index, kept.data(), within ? within->data() : nullptr);
}

}  // namespace

void bind_grid(py::module_& m) {
  m.def("distances", &distances, "Steps from the nearest source, -1 where none leads.");
  m.def("shortest_path", &shortest_path, "Cells of a shortest walk, empty when there is none.");
  m.def("components", &components, "Number of the connected area of each cell, -1 where solid.");
  m.def("separators", &separators, "(index, cells before) of what every walk has to pass.");
  m.def("cut_depth", &cut_depth, "How many gates every walk to a cell has to pass.");
  m.def("cheapest_way", &cheapest_way, "Cells of the cheapest way, empty when there is none.");
  m.def("gates", &gates, "(cell, cells before) of every cell of a walk where a door could stand.");
  m.def("build_gate", &build_gate, py::arg("terrain").noconvert(), py::arg("width"),
        py::arg("pinned"), py::arg("inside"), py::arg("twin"), py::arg("path"), py::arg("index"),
        py::arg("kept"), py::arg("within"), "Walls that make a cell a gate; cells changed or -1.");
  m.def("joins", &joins, "The cheapest tree of ways between all areas.");
}

}  // namespace aigc_assets
