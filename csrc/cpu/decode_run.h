// From tensors to the work items of the decode kernels, and these on torch's threads.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "decode_work.h"
#include "tensors.h"

namespace aigc_assets::decode {

using torch::stable::Tensor;

// Memory of this thread that lives until the next call with the same `place`; aligned to 64 bytes.
enum class Place { kOp, kKernel };
char* room_for(Place place, int64_t bytes);

// Hands out parts of one piece of memory: first asked for with all sizes, then taken one by one.
class Parts {
 public:
  explicit Parts(Format compute) : size_(size_of(compute)) {}
  int64_t add(int64_t numbers) {
    const int64_t at = total_;
    total_ += (numbers * size_ + 63) / 64 * 64;
    return at;
  }
  char* take() { return room_for(Place::kOp, total_); }

 private:
  int64_t size_, total_ = 0;
};

inline Format compute_format(Format format) {
  return format == Format::kFloat64 ? Format::kFloat64 : Format::kFloat32;
}

// The tensor, or a copy of it, without gaps inside the last dimension.
Tensor with_dense_rows(const Tensor& tensor);

// Keeps the tensors alive that a work item points into.
struct Weight {
  Tensor matrix;
  std::optional<Tensor> scale;
  Format format;
};

// A matrix [*, width] that kernels may read, for an op in `dtype`.
Weight read_weight(const Tensor& matrix, const std::optional<Tensor>& scale, int64_t width,
                   Format dtype, const char* op);

// A vector of `width` numbers, dense.
Tensor read_vector(const Tensor& vector, int64_t width, Format dtype, const char* op);

void set_weight(Product& product, const Weight& weight);

// Room that `Rows.out` and `Attention.partial` need, in numbers of `compute`.
int64_t rows_room(int64_t count, int64_t width);
int64_t partial_room(const Attention& attention, int64_t batch);

// Most chunks that one row needs.
int64_t count_chunks(const std::vector<int64_t>& lengths, int64_t room, int64_t window);

void run_product(const Product& product);
void run_heads(const Heads& heads);
void run_attention(const Attention& attention, int64_t batch);

}  // namespace aigc_assets::decode
