// What the files of the module _host add to it.
#pragma once

#include <pybind11/pybind11.h>

namespace aigc_assets {

void bind_grid(pybind11::module_& m);
void bind_jump(pybind11::module_& m);
void bind_relief(pybind11::module_& m);

}  // namespace aigc_assets
