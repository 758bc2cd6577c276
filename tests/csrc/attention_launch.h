// Runs a dispatched attention under fiber.h; shared by the fiber programs of
// the attention ops.
#pragma once

#include <cmath>

#include "../../csrc/cuda/attention_dispatch.cuh"

namespace aigc_assets::attention_gpu {

struct Inputs {
  const void *q, *k, *v, *table;
  bool float_table, aligned;
  void* y;
};

template <class T, class Geometry>
void run_as(const Inputs& inputs, std::int64_t k_offset, std::int64_t v_offset,
            const Geometry& geometry, std::int64_t batch, unsigned seed) {
  Arguments<T> a{};
  a.q = static_cast<const T*>(inputs.q);
  a.k = static_cast<const T*>(inputs.k) + k_offset;
  a.v = static_cast<const T*>(inputs.v) + v_offset;
  a.table = inputs.table;
  a.float_table = inputs.float_table;
  a.aligned = inputs.aligned;
  a.head = geometry.head;
  a.scale = static_cast<Compute<T>>(1.0 / std::sqrt(static_cast<double>(geometry.head)));
  a.y = static_cast<T*>(inputs.y);
  std::vector<float> expanded;
  const auto launch = [&](auto kernel, std::int64_t blocks, int threads, int shared,
                          const auto&... arguments) {
    fiber::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads),
                  static_cast<std::size_t>(shared), seed, [&] { kernel(arguments...); });
  };
  dispatch(a, geometry, batch, launch, [&](std::int64_t count) {
    expanded.resize(static_cast<std::size_t>(count), NAN);
    return expanded.data();
  });
}

// Formats: 0 float32, 1 float64, 2 float16, 3 bfloat16.
template <class Geometry>
void run(int format, const Inputs& inputs, std::int64_t k_offset, std::int64_t v_offset,
         const Geometry& geometry, std::int64_t batch, unsigned seed) {
  switch (format) {
    case 0:
      return run_as<float>(inputs, k_offset, v_offset, geometry, batch, seed);
    case 1:
      return run_as<double>(inputs, k_offset, v_offset, geometry, batch, seed);
    case 2:
      return run_as<float16>(inputs, k_offset, v_offset, geometry, batch, seed);
    default:
      return run_as<bfloat16>(inputs, k_offset, v_offset, geometry, batch, seed);
  }
}

}  // namespace aigc_assets::attention_gpu
