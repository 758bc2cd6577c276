// The part of aigc_assets._host that knows height fields.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>

#include "bindings.h"
#include "relief.h"

namespace py = pybind11;

namespace aigc_assets {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

relief::Grid grid_of(const py::array& array, const char* name) {
  if (array.ndim() != 2 || array.size() == 0 || array.size() > (1 << 28)) {
    throw py::value_error(std::string(name) + ": expected [H, W] with at most 2^28 cells");
  }
  return {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1))};
}

void expect_same(const relief::Grid& grid, const py::array& array, const char* name) {
  if (array.ndim() != 2 || array.shape(0) != grid.height || array.shape(1) != grid.width) {
    throw py::value_error(std::string(name) + ": expected the shape of the first array");
  }
}

void expect_base(const relief::Grid& grid, const Array<std::uint8_t>& base) {
  expect_same(grid, base, "base");
  const std::uint8_t* values = base.data();
  for (int i = 0; i < grid.size(); ++i) {
    if (values[i] != 0) return;
  }
  throw py::value_error("base: expected at least one cell that water runs to");
}

void expect_levels(const relief::Grid& grid, const Array<std::int32_t>& level) {
  const std::int32_t* values = level.data();
  for (int i = 0; i < grid.size(); ++i) {
    if (values[i] < -(1 << 24) || values[i] > (1 << 24)) {
      throw py::value_error("level: expected -2^24..2^24");
    }
  }
}

py::tuple drain(const Array<std::int32_t>& level, const Array<std::uint8_t>& base) {
  const relief::Grid grid = grid_of(level, "level");
  expect_base(grid, base);
  expect_levels(grid, level);
  Array<std::int32_t> filled({grid.height, grid.width}), receiver({grid.height, grid.width}),
      flow({grid.height, grid.width});
  {
    std::vector<std::int32_t> order(grid.size());
    const std::int32_t* from = level.data();
    const std::uint8_t* sinks = base.data();
    std::int32_t *to = filled.mutable_data(), *next = receiver.mutable_data(),
                 *sum = flow.mutable_data();
    py::gil_scoped_release release;
    relief::LevelQueue queue;
    relief::fill(grid, from, sinks, to, order.data(), queue);
    relief::receivers(grid, to, sinks, next);
    relief::accumulate(grid, order.data(), next, sum);
  }
  return py::make_tuple(filled, receiver, flow);
}

Array<double> erode(const Array<double>& height, const Array<std::uint8_t>& base, double strength,
                    int iterations) {
  const relief::Grid grid = grid_of(height, "height");
  expect_base(grid, base);
  Array<double> result({grid.height, grid.width});
  const double* from = height.data();
  for (int i = 0; i < grid.size(); ++i) {
    if (!(from[i] > -60000.0 && from[i] < 60000.0)) {
      throw py::value_error("height: expected metres within +-60000");
    }
  }
  double* to = result.mutable_data();
  const std::uint8_t* sinks = base.data();
  py::gil_scoped_release release;
  std::copy(from, from + grid.size(), to);
  relief::erode(grid, to, sinks, strength, iterations);
  return result;
}

std::vector<std::int32_t> road(const Array<std::int32_t>& cost, const Array<std::int32_t>& level,
                               const std::vector<std::int32_t>& sources,
                               const std::vector<std::int32_t>& goals) {
  const relief::Grid grid = grid_of(cost, "cost");
  expect_same(grid, level, "level");
  if (grid.width < relief::kBridge + 3) throw py::value_error("cost: expected 6 columns or more");
  for (const auto* cells : {&sources, &goals}) {
    for (const std::int32_t cell : *cells) {
      if (cell < 0 || cell >= grid.size()) throw py::value_error("sources, goals: expected cells");
    }
  }
  const std::int32_t *costs = cost.data(), *levels = level.data();
  py::gil_scoped_release release;
  return relief::road(grid, costs, levels, sources, goals);
}

}  // namespace

void bind_relief(py::module_& m) {
  m.def("drain", &drain, py::arg("level"), py::arg("base"),
        "Filled level, receiver (-1 at base cells) and cells drained through each cell, [H, W].");
  m.def("erode", &erode, py::arg("height"), py::arg("base"), py::arg("strength"),
        py::arg("iterations"), "Implicit stream-power erosion, [H, W] metres.");
  m.def("road", &road, py::arg("cost"), py::arg("level"), py::arg("sources"), py::arg("goals"),
        "Cells of the cheapest road to the nearest goal, empty where none leads.");
}

}  // namespace aigc_assets
