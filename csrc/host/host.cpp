// The module aigc_assets._host: C++ that is not about tensors.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "playability.h"

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
                                const Array<std::uint8_t>& solid,    // [H, W]
                                const Array<std::int32_t>& path,     // [N, 2] column, row
                                const Array<std::int32_t>& events,   // [M, 3] step, action, object
                                const Array<std::int32_t>& objects,  // [K, 4] id, class, x, y
                                const std::vector<std::string>& colours  // [K]
) {
  if (solid.ndim() != 2) throw py::value_error("solid: expected [H, W]");
  expect_columns(path, "path", 2);
  expect_columns(events, "events", 3);
  expect_columns(objects, "objects", 4);
  if (static_cast<py::ssize_t>(colours.size()) != objects.shape(0)) {
    throw py::value_error("colours: expected one for every object");
  }
  playability::Map map;
  map.movement = movement;
  map.width = static_cast<int>(solid.shape(1));
  map.height = static_cast<int>(solid.shape(0));
  map.solid.assign(solid.data(), solid.data() + solid.size());
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

}  // namespace
}  // namespace aigc_assets

PYBIND11_MODULE(_host, m) {
  m.doc() = "C++ that is not about tensors.";
  m.def("verify", &aigc_assets::verify, py::arg("movement"), py::arg("solid"), py::arg("path"),
        py::arg("events"), py::arg("objects"), py::arg("colours"),
        "Reasons why a witness does not prove that a map can be finished; empty if it does.\n\n"
        "Movements: walk, push. Actions: 0 start, 1 take, 2 open, 3 exit. Classes: 0 start, "
        "1 exit, 2 key, 3 door, 4 box, 5 goal, 6 other.");
}
