// Small kernels with one planted mistake each: fiber.h must not let them
// through. The argument names the mistake; without one the kernel is right.
// Exit code 0 means that nothing was found.
#include "fiber.h"

#include <string>

namespace {

std::string mistake;

// Every thread hands its number to its right neighbour through shared memory.
__global__ void rotate_kernel(const float* from, float* to) {
  float* const shared = aigc_assets::shared_memory<float>();
  const unsigned i = threadIdx.x, count = blockDim.x;
  const unsigned at = mistake == "overflow" ? i + 1 : i;
  if (mistake != "unwritten" || i % 5 != 0) shared[at] = from[i];
  if (mistake == "partial barrier") {
    if (i < count / 2) __syncthreads();
  } else if (mistake == "barrier of a warp") {
    __syncwarp();
  } else if (mistake != "missing barrier") {
    __syncthreads();
  }
  to[i] = shared[(i + count - 1) % count];
}

// Sums a warp; in the mistaken version every lane reads after its neighbour
// moved on.
__global__ void sum_kernel(const float* from, float* to) {
  float value = from[threadIdx.x];
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_down_sync(0xffffffffu, value, mistake == "wrong lane" ? offset - 1 : offset);
  }
  if (threadIdx.x == 0) *to = value;
}

}  // namespace

int main(int argc, char** argv) {
  mistake = argc > 1 ? argv[1] : "";
  constexpr unsigned count = 64;
  float from[count], to[count], sum = 0, expected = 0;
  for (unsigned i = 0; i < count; ++i) from[i] = static_cast<float>(i * i + 1);
  fiber::launch(1, count, count * sizeof(float), 7, [&] { rotate_kernel(from, to); });
  for (unsigned i = 0; i < count; ++i) {
    if (!(to[(i + 1) % count] == from[i])) return 1;
  }
  for (unsigned i = 0; i < 32; ++i) expected += from[i];
  fiber::launch(1, 32, 0, 7, [&] { sum_kernel(from, &sum); });
  return sum == expected ? 0 : 1;
}
