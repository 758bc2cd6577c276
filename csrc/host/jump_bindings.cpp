// aigc_assets._host: the searches of jump.h over numpy arrays.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.h"
#include "jump.h"

namespace py = pybind11;

namespace aigc_assets {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

jump::Level level_of(const Array<std::uint8_t>& flags) {
  if (flags.ndim() != 2 || flags.size() == 0) throw py::value_error("flags: expected [H, W]");
  return {static_cast<int>(flags.shape(1)), static_cast<int>(flags.shape(0)), flags.data()};
}

void expect_cells(const std::vector<int>& cells, const jump::Level& level) {
  for (int cell : cells) {
    if (cell < 0 || cell >= level.width * level.height) {
      throw py::value_error("expected cells of the level, got " + std::to_string(cell));
    }
  }
}

void expect_like(const Array<std::uint8_t>& goals, const jump::Level& level) {
  if (goals.ndim() != 2 || goals.shape(0) != level.height || goals.shape(1) != level.width) {
    throw py::value_error("goals: expected [H, W] like flags");
  }
}

template <class T>
py::array_t<T> grid(const std::vector<T>& values, const jump::Level& level) {
  py::array_t<T> result({level.height, level.width});
  std::copy(values.begin(), values.end(), result.mutable_data());
  return result;
}

py::array_t<std::int32_t> explore(const Array<std::uint8_t>& flags, const std::vector<int>& from) {
  const jump::Level level = level_of(flags);
  expect_cells(from, level);
  return grid(jump::explore(level, from), level);
}

std::vector<int> route(const Array<std::uint8_t>& flags, int start, int goal) {
  const jump::Level level = level_of(flags);
  expect_cells({start, goal}, level);
  return jump::route(level, start, goal);
}

py::array_t<std::uint8_t> trapped(const Array<std::uint8_t>& flags, int start,
                                  const Array<std::uint8_t>& goals) {
  const jump::Level level = level_of(flags);
  expect_cells({start}, level);
  expect_like(goals, level);
  return grid(jump::trapped(level, start, goals.data()), level);
}

std::vector<std::pair<int, int>> mend(const Array<std::uint8_t>& flags,
                                      const std::vector<int>& from,
                                      const Array<std::uint8_t>& goals) {
  const jump::Level level = level_of(flags);
  expect_cells(from, level);
  expect_like(goals, level);
  std::vector<std::pair<int, int>> edits;
  for (const jump::Edit& edit : jump::mend(level, from, goals.data())) {
    edits.emplace_back(edit.cell, edit.code);
  }
  return edits;
}

}  // namespace

void bind_jump(py::module_& m) {
  m.def("jump_explore", &explore, py::arg("flags"), py::arg("sources"),
        "Ticks from the sources to every cell of a level, [H, W] int32, -1 where none leads.");
  m.def("jump_route", &route, py::arg("flags"), py::arg("start"), py::arg("goal"),
        "Cells of a quickest way; empty if there is none.");
  m.def("jump_trapped", &trapped, py::arg("flags"), py::arg("start"), py::arg("goals"),
        "Where one can come to stand and never get to a goal again, [H, W] uint8.");
  m.def("jump_mend", &mend, py::arg("flags"), py::arg("sources"), py::arg("goals"),
        "Cheapest changes (cell, code) that lead to a goal.");
}

}  // namespace aigc_assets
