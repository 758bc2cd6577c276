// window_attention and neighborhood_attention on the GPU: checks, launches, registration.
#include "spatial_attention.cuh"

#include <algorithm>
#include <limits>

#include "attention_launch.h"

namespace aigc_assets::attention_gpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kMostWindow = 2048, kMostReach = 8000;  // what the codes of tokens can tell apart

void check_grid(const char* op, const Tensor& qkv, const std::optional<Tensor>& table,
                int64_t side) {
  check_devices(op, qkv, table);
  STD_TORCH_CHECK(qkv.dim() == 6 && qkv.size(3) == 3, op,
                  ": expected qkv of shape [B, H, W, 3, heads, D]");
  STD_TORCH_CHECK(qkv.size(4) * qkv.size(5) <= std::numeric_limits<int>::max(), op,
                  ": qkv has too many heads");
  if (!table.has_value()) return;
  STD_TORCH_CHECK(table->dim() == 3 && table->size(0) == qkv.size(4) && table->size(1) == side &&
                      table->size(2) == side,
                  op, ": expected bias_table of shape [heads, ", side, ", ", side, "]");
  STD_TORCH_CHECK(
      table->scalar_type() == qkv.scalar_type() || table->scalar_type() == ScalarType::Float, op,
      ": expected bias_table of the dtype of qkv or float32");
}

std::optional<Tensor> contiguous_table(const std::optional<Tensor>& table) {
  if (!table.has_value()) return std::nullopt;
  return torch::stable::contiguous(*table);
}

Grid grid_of(const Tensor& qkv) {
  Grid grid{};
  grid.height = qkv.size(1);
  grid.width = qkv.size(2);
  grid.strides = {qkv.stride(0), qkv.stride(1), qkv.stride(2), qkv.stride(4)};
  grid.heads = static_cast<int>(qkv.size(4));
  grid.head = static_cast<int>(qkv.size(5));
  return grid;
}

Parts parts_of(const Tensor& qkv) {
  const int64_t part = qkv.stride(3);
  return {qkv, qkv, qkv, part, 2 * part, rows_aligned(qkv)};
}

Tensor output_for(const Tensor& qkv) {
  return torch::stable::new_empty(
      qkv, {qkv.size(0), qkv.size(1), qkv.size(2), qkv.size(4), qkv.size(5)});
}

Tensor window_attention_cuda(const Tensor& qkv_,                        // [B, H, W, 3, heads, D]
                             const std::optional<Tensor>& bias_table_,  // [heads, 2w - 1, 2w - 1]
                             int64_t window, int64_t shift) {
  const char* const op = "window_attention";
  check_grid(op, qkv_, bias_table_, 2 * window - 1);
  STD_TORCH_CHECK(window >= 1 && window <= kMostWindow && shift >= 0 && shift < window, op,
                  ": expected 0 <= shift < window <= ", kMostWindow);
  STD_TORCH_CHECK(qkv_.size(1) % window == 0 && qkv_.size(2) % window == 0, op,
                  ": expected H and W to be multiples of window");
  const torch::stable::accelerator::DeviceGuard guard(qkv_.get_device_index());
  Tensor y = output_for(qkv_);
  if (y.numel() == 0) return y;
  const Tensor qkv = with_whole_rows(qkv_);
  Grid grid = grid_of(qkv);
  grid.cut(static_cast<int>(window), static_cast<int>(shift));
  launch_attention(op, parts_of(qkv), contiguous_table(bias_table_), grid, qkv.size(0), y);
  return y;
}

Tensor neighborhood_attention_cuda(
    const Tensor& qkv_,                        // [B, H, W, 3, heads, D]
    const std::optional<Tensor>& bias_table_,  // [heads, 2r + 1, 2r + 1]
    int64_t reach, bool circular) {
  const char* const op = "neighborhood_attention";
  check_grid(op, qkv_, bias_table_, 2 * reach + 1);
  const int64_t shortest = std::min(qkv_.size(1), qkv_.size(2));
  // Without biases it makes no difference how far beyond the map a reach goes.
  const int64_t useful =
      bias_table_.has_value() ? reach : std::min(reach, std::max(qkv_.size(1), qkv_.size(2)));
  STD_TORCH_CHECK(useful >= 0 && useful <= std::numeric_limits<int>::max() / 2 &&
                      (!circular || qkv_.numel() == 0 || shortest >= 2 * reach + 1),
                  op, ": expected 0 <= reach, and on a torus at most (min(H, W) - 1) / 2");
  const torch::stable::accelerator::DeviceGuard guard(qkv_.get_device_index());
  Tensor y = output_for(qkv_);
  if (y.numel() == 0) return y;
  const Tensor qkv = with_whole_rows(qkv_);
  Grid grid = grid_of(qkv);
  grid.look(static_cast<int>(useful), circular);
  STD_TORCH_CHECK(grid.reach <= kMostReach, op, ": expected a reach of at most ", kMostReach);
  launch_attention(op, parts_of(qkv), contiguous_table(bias_table_), grid, qkv.size(0), y);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CUDA, m) {
  m.impl("window_attention", TORCH_BOX(&window_attention_cuda));
  m.impl("neighborhood_attention", TORCH_BOX(&neighborhood_attention_cuda));
}

}  // namespace aigc_assets::attention_gpu
