#include "decode_run.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "../decode.h"
#include "capability.h"

namespace aigc_assets::decode {
namespace {

// Estimates, to decide about threads: a thread is worth it from some tens of microseconds on.
constexpr double kBytesPerMicrosecond = 20000, kProductsPerMicrosecond = 30000;
constexpr double kWorthAThread = 20;

int64_t grain_of(double microseconds_per_unit) {
  return std::max<int64_t>(1, static_cast<int64_t>(kWorthAThread / microseconds_per_unit));
}

struct Room {
  char* memory = nullptr;
  int64_t size = 0;
  ~Room() { std::free(memory); }
};

}  // namespace

const Kernels& kernels(Format compute) {
  return compute == Format::kFloat64 ? kPortableKernels : best_of(kKernels);
}

char* room_for(Place place, int64_t bytes) {
  static thread_local Room rooms[2];
  Room& room = rooms[static_cast<int>(place)];
  if (room.size < bytes) {
    std::free(room.memory);
    room.size = (bytes + 4095) / 4096 * 4096;
    room.memory = static_cast<char*>(std::aligned_alloc(64, room.size));
    STD_TORCH_CHECK(room.memory != nullptr, "decode: no memory for ", room.size, " bytes");
  }
  return room.memory;
}

Tensor with_dense_rows(const Tensor& tensor) {
  const int64_t last = tensor.dim() - 1;
  if (tensor.size(last) <= 1 || tensor.stride(last) == 1) return tensor;
  return torch::stable::contiguous(tensor);
}

Weight read_weight(const Tensor& matrix, const std::optional<Tensor>& scale, int64_t width,
                   Format dtype, const char* op) {
  STD_TORCH_CHECK(matrix.dim() == 2 && matrix.size(1) == width, op, ": expected weights of ", width,
                  " columns");
  const Format format = format_of(matrix, op);
  STD_TORCH_CHECK(format == dtype || format == Format::kFloat16 || format == Format::kBfloat16 ||
                      format == Format::kInt8,
                  op, ": expected weights in the dtype of x, float16, bfloat16 or int8");
  STD_TORCH_CHECK((format == Format::kInt8) == scale.has_value(), op,
                  ": expected scales for int8 weights, and only for these");
  Weight weight{with_dense_rows(matrix), scale, format};
  if (scale.has_value()) {
    STD_TORCH_CHECK(scale->dim() == 1 && scale->size(0) == matrix.size(0) &&
                        format_of(*scale, op) == Format::kFloat32,
                    op, ": expected a float32 scale for every row of the weights");
    weight.scale = torch::stable::contiguous(*scale);
  }
  return weight;
}

Tensor read_vector(const Tensor& vector, int64_t width, Format dtype, const char* op) {
  STD_TORCH_CHECK(vector.dim() == 1 && vector.size(0) == width, op, ": expected a vector of ",
                  width);
  const Format format = format_of(vector, op);
  STD_TORCH_CHECK(format == dtype || format == Format::kFloat32, op,
                  ": expected a vector in the dtype of x or float32");
  return with_dense_rows(vector);
}

void set_weight(Product& product, const Weight& weight) {
  product.weight = weight.matrix.const_data_ptr();
  product.format = weight.format;
  product.stride = weight.matrix.stride(0);
  product.weight_scale = weight.scale.has_value()
                             ? static_cast<const float*>(weight.scale->const_data_ptr())
                             : nullptr;
  product.width = weight.matrix.size(1);
}

int64_t rows_room(int64_t count, int64_t width) { return (count + 1) * padded(width); }

int64_t partial_room(const Attention& attention, int64_t batch) {
  if (attention.chunks <= 1) return 0;
  return batch * attention.shared * attention.chunks * attention.group *
         (2 + padded(attention.dim));
}

int64_t count_chunks(const std::vector<int64_t>& lengths, int64_t room, int64_t window) {
  int64_t most = 1;
  for (const int64_t length : lengths) {
    const KeyRange range = keys_of(length, room, window);
    most = std::max(most, (range.end - range.begin + kChunk - 1) / kChunk);
  }
  return most;
}

void run_product(const Product& product) {
  if (product.batch == 0 || product.count == 0) return;
  const Kernels& use = kernels(product.compute);
  const int64_t units = (product.count + kUnit - 1) / kUnit;
  const double elements =
      static_cast<double>(product.width * kUnit) * (product.ending == Ending::kGated ? 2 : 1);
  const double bytes = elements * static_cast<double>(size_of(product.format));
  const double time =
      std::max(bytes / kBytesPerMicrosecond,
               elements * static_cast<double>(product.batch) / kProductsPerMicrosecond);
  const int64_t scratch = product_scratch(product.batch) * size_of(product.compute);
  torch::stable::parallel_for(0, units, grain_of(time + 1e-3), [&](int64_t first, int64_t last) {
    use.product(product, first, last, room_for(Place::kKernel, scratch));
  });
}

void run_heads(const Heads& heads) {
  kernels(heads.compute)
      .heads(heads, room_for(Place::kKernel, heads_scratch(heads.dim) * size_of(heads.compute)));
}

void run_attention(const Attention& attention, int64_t batch) {
  const Kernels& use = kernels(attention.compute);
  const int64_t heads = batch * attention.shared, units = heads * attention.chunks;
  if (units == 0 || attention.group == 0) return;
  double keys = 0;
  for (int64_t b = 0; b < batch; ++b) {
    const KeyRange range = keys_of(attention.lengths[b], attention.room, attention.window);
    keys += static_cast<double>(range.end - range.begin);
  }
  const double elements = 2 * keys * static_cast<double>(attention.shared * attention.dim);
  const double bytes = elements * static_cast<double>(size_of(attention.format));
  const double products = elements * static_cast<double>(attention.group);
  const double time = std::max(bytes / kBytesPerMicrosecond, products / kProductsPerMicrosecond);
  const int64_t grain = grain_of(time / static_cast<double>(units) + 1e-3);
  const int64_t scratch =
      attention_scratch(attention.group, attention.dim) * size_of(attention.compute);
  torch::stable::parallel_for(0, units, grain, [&](int64_t first, int64_t last) {
    char* const room = room_for(Place::kKernel, scratch);
    for (int64_t unit = first; unit < last; ++unit) use.attend(attention, unit, room);
  });
  if (attention.chunks <= 1) return;
  char* const room = room_for(Place::kKernel, scratch);
  for (int64_t head = 0; head < heads; ++head) use.combine(attention, head, room);
}

}  // namespace aigc_assets::decode
