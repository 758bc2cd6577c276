// The module aigc_assets._C. It has no Python functions: importing it loads the shared library,
// whose static initialisers register the kernels with torch's dispatcher.
#include <Python.h>

extern "C" PyMODINIT_FUNC PyInit__C(void) {
  static PyModuleDef module = {
      PyModuleDef_HEAD_INIT, "_C", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
  return PyModule_Create(&module);
}
