// phase_convolution on the CPU: checks, the cut into units, threads, registration.
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <vector>

#include "capability.h"
#include "phase_convolution_cut.h"
#include "tensors.h"

namespace aigc_assets::phase_convolution {
namespace {

using torch::stable::Tensor;
using Optional = std::optional<Tensor>;

// Memory that a thread keeps from call to call.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { std::free(data_); }

  Room room(const RoomSize& size) {
    const int64_t parts[] = {size.input,  size.sums,   size.weights, size.style,
                             size.affine, size.affine, size.places,  size.planes};
    char* at[8];
    int64_t total = 0;
    for (const int64_t part : parts) total += rounded(part);
    reserve(total);
    char* next = static_cast<char*>(data_);
    for (int i = 0; i < 8; ++i) {
      at[i] = next;
      next += rounded(parts[i]);
    }
    return {at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]};
  }

 private:
  // A cache line more than needed, so that the parts do not start at the same place of a page.
  static int64_t rounded(int64_t bytes) { return (bytes + 63) / 64 * 64 + 64; }

  void reserve(int64_t bytes) {
    if (bytes <= size_) return;
    std::free(data_);
    size_ = 0;
    data_ = std::aligned_alloc(64, bytes);
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = bytes;
  }

  void* data_ = nullptr;
  int64_t size_ = 0;
};

Tensor dense(const Tensor& tensor, bool is_dense) {
  return is_dense ? tensor : torch::stable::contiguous(tensor);
}

bool has_strides(const Tensor& tensor, const std::vector<int64_t>& strides) {
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    if (tensor.size(i) != 1 && tensor.stride(i) != strides[i]) return false;
  }
  return true;
}

std::vector<int64_t> strides_of(const std::vector<int64_t>& size, bool pixels) {
  if (pixels) return {size[1] * size[2] * size[3], 1, size[3] * size[1], size[1]};
  std::vector<int64_t> strides(size.size(), 1);
  for (std::size_t i = size.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * size[i];
  return strides;
}

int64_t size_of(Format format) {
  return format == Format::kFloat64 ? 8 : format == Format::kFloat32 ? 4 : 2;
}

// The allocator maps memory of this size anew for every tensor. Its first use costs a call of the
// system for every page; large ones make up2_conv3x3_act of [16, 64, 64, 64] 1.3 times as fast.
constexpr std::uintptr_t kMapped = std::uintptr_t{32} << 20;

void ask_for_large_pages(const Tensor& y, int64_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t page = std::uintptr_t{2} << 20;
  const auto begin = reinterpret_cast<std::uintptr_t>(y.mutable_data_ptr());
  const std::uintptr_t first = (begin + page - 1) / page * page,
                       last = (begin + bytes) / page * page;
  if (static_cast<std::uintptr_t>(bytes) < kMapped || first >= last) return;
  // Advice: without it, the pages are small.
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

Tensor new_result(const Tensor& like, const std::vector<int64_t>& size, bool pixels) {
  if (!pixels) return torch::stable::new_empty(like, size);
  const Tensor y = torch::stable::new_empty(like, {size[0], size[2], size[3], size[1]});
  return torch::stable::transpose(torch::stable::transpose(y, 2, 3), 1, 2);
}

// Numbers of the shape [size ...], or [size 1 ...] without the first; kept alive in `keep`.
Values values_of(const Optional& tensor, const Tensor& x, const std::vector<int64_t>& size,
                 bool may_lack_first, const char* name, std::vector<Tensor>& keep) {
  if (!tensor) return {};
  const int64_t lacking = static_cast<int64_t>(size.size()) - tensor->dim();
  bool fits = lacking == 0 || (lacking == 1 && may_lack_first);
  for (int64_t i = 0; fits && i < tensor->dim(); ++i) {
    const bool expands = i == 0 && size.size() == 4 && tensor->size(0) == 1;
    fits = tensor->size(i) == size[i + lacking] || expands;
  }
  const Format format = format_of(*tensor, "phase_convolution");
  const bool is_float32 = format == Format::kFloat32;
  STD_TORCH_CHECK(fits && (is_float32 || format == format_of(x, "phase_convolution")),
                  "phase_convolution: ", name, " does not fit x");
  const std::vector<int64_t> own(size.begin() + lacking, size.end());
  keep.push_back(dense(*tensor, tensor->is_contiguous()));
  int64_t count = 1;
  for (std::size_t i = 1; i < size.size(); ++i) count *= size[i];
  const bool one = lacking == 1 || tensor->size(0) == 1;
  return {keep.back().const_data_ptr(), is_float32, one ? 0 : count};
}

// Whether packed weights also have those of a minimal form; any others are an error.
bool has_minimal(const Tensor& x, const Tensor& packed, const Problem& problem, bool half) {
  const Shape shape = shape_of(problem.kind);
  if (packed.dim() == 3 && format_of(x, "phase_convolution") == Format::kFloat32) {
    STD_TORCH_CHECK(packed.scalar_type() == x.scalar_type() &&
                        form_of(problem.kind, packed.size(0)) != Form::kDirect &&
                        packed.size(1) == problem.inputs &&
                        packed.size(2) == problem.padded_outputs(),
                    "phase_convolution: the packed weights do not fit x");
    return true;
  }
  const int64_t rows =
      half ? (problem.inputs + kPaired - 1) / kPaired * (kPaired / 2) : problem.inputs;
  STD_TORCH_CHECK(packed.scalar_type() == x.scalar_type() && packed.dim() == (half ? 5 : 4) &&
                      packed.size(0) == shape.phases() && packed.size(1) == shape.taps() &&
                      packed.size(2) == rows && packed.size(3) == problem.padded_outputs() &&
                      (!half || packed.size(4) == 2),
                  "phase_convolution: the packed weights do not fit x");
  return false;
}

// Whether the minimal form is faster: by the shape of one image alone, so that its bytes depend on
// nothing else. Few channels do not pay for the planes, and few pixels leave most of a cell unused.
bool pays(const Problem& problem) {
  const bool image = problem.kind == Kind::kUp2Image || problem.kind == Kind::kSameImage;
  return problem.dilation == 1 && problem.height * problem.width >= 16 &&
         problem.inputs >= (image ? 8 : 32);
}

void run_all(Format format, const Problem& problem, int64_t batch) {
  const Kernels& use = best_of(kKernels);
  const bool tiles = &use != &kPortableKernels && format == Format::kBfloat16 &&
                     cpu_capability() == Capability::kAmx;
  // Without tiles, half-width numbers are widened first.
  const int64_t number = tiles ? 2 : std::max<int64_t>(size_of(format), 4);
  const Cut cut = problem.form == Form::kDirect ? Cut(problem, batch, number, tiles)
                                                : Cut(problem, batch, axes_of(problem.form));
  const int64_t outputs = problem.padded_outputs();
  const int64_t groups = (batch + cut.images - 1) / cut.images;
  const int64_t down = (problem.height + cut.rows - 1) / cut.rows;
  const int64_t across = (problem.width + cut.columns - 1) / cut.columns;
  const int64_t deep = (outputs + cut.channels - 1) / cut.channels;
  torch::stable::parallel_for(
      0, groups * down * across * deep, 1, [&](int64_t first, int64_t last) {
        thread_local Arena arena;
        for (int64_t i = first; i < last; ++i) {
          const int64_t part = i / deep % across, band = i / deep / across % down;
          Unit unit;
          unit.image = i / deep / across / down * cut.images;
          unit.images = std::min(cut.images, batch - unit.image);
          unit.row = band * cut.rows;
          unit.rows = std::min(cut.rows, problem.height - unit.row);
          unit.column = part * cut.columns;
          unit.columns = std::min(cut.columns, problem.width - unit.column);
          unit.channel = i % deep * cut.channels;
          unit.channels = std::min(cut.channels, outputs - unit.channel);
          use.run(format, problem, unit, arena.room(use.room(format, problem, unit)));
        }
      });
}

Tensor phase_convolution_cpu(const Tensor& x,        // [B, Ci, H, W] or [B, Ci, T]
                             const Tensor& packed,   // see phase_convolution_phases.py
                             const Optional& bias,   // [Co] or [B, Co]
                             const Optional& style,  // [B, Ci]
                             const Optional& gain,   // [B, Co]
                             const Optional& noise,  // [B or 1, 1, H', W']
                             const Optional& residual, int64_t kind, int64_t channels,
                             int64_t dilation, bool circular, int64_t activation, double slope) {
  STD_TORCH_CHECK(kind >= 0 && kind <= 3 && activation >= 0 && activation <= 4 && dilation >= 1,
                  "phase_convolution: expected kind 0 .. 3, activation 0 .. 4 and dilation >= 1");
  const bool image = kind <= 1;
  STD_TORCH_CHECK(x.dim() == (image ? 4 : 3) && x.size(1) > 0 && x.size(2) > 0 &&
                      (!image || x.size(3) > 0) && channels > 0,
                  "phase_convolution: expected x of shape [B, Ci, H, W] or [B, Ci, T]");
  STD_TORCH_CHECK((image || !circular) && (kind == 3 || dilation == 1),
                  "phase_convolution: only images wrap around, only signals are dilated");
  const Format format = format_of(x, "phase_convolution");
  STD_TORCH_CHECK(format != Format::kInt8, "phase_convolution: x is not floating");
  const bool half = format == Format::kFloat16 || format == Format::kBfloat16;
  const std::vector<int64_t> size_in(x.sizes().begin(), x.sizes().end());
  const bool planes = has_strides(x, strides_of(size_in, false));
  const bool pixels =
      image && x.numel() > 0 && !planes && has_strides(x, strides_of(size_in, true));
  // Any strides will do as long as one axis lies dense.
  const int64_t last = x.dim() - 1;
  const Tensor source = dense(x, pixels || x.stride(1) == 1 || x.stride(last) == 1);

  Problem problem;
  problem.kind = static_cast<Kind>(kind);
  const Shape shape = shape_of(problem.kind);
  const int64_t batch = x.size(0);
  problem.inputs = x.size(1);
  problem.outputs = channels;
  problem.height = image ? x.size(2) : 1;
  problem.width = x.size(last);
  // From the width on, the outer taps see nothing but zeros.
  problem.dilation = std::min(dilation, problem.width);
  problem.circular = circular;
  problem.x = source.const_data_ptr();
  problem.x_batch = source.stride(0);
  problem.x_channel = problem.inputs == 1 && source.stride(last) != 1 ? 1 : source.stride(1);
  problem.x_row = image ? source.stride(2) : 0;
  problem.x_column = source.stride(last);
  problem.activation = static_cast<int>(activation);
  problem.slope = slope;
  problem.pixels = pixels;
  const bool minimal = has_minimal(x, packed, problem, half);

  std::vector<int64_t> size = {batch, channels};
  if (image) size.push_back(problem.height * shape.row_rate);
  size.push_back(problem.width * shape.column_rate);
  std::vector<Tensor> keep;
  keep.reserve(8);
  keep.push_back(dense(packed, packed.is_contiguous()));
  problem.weights = keep.back().const_data_ptr();
  problem.form = Form::kDirect;
  problem.minimal = nullptr;
  if (minimal) {
    const int64_t direct = shape.phases() * shape.taps() * problem.inputs;
    problem.minimal =
        static_cast<const float*>(problem.weights) + direct * problem.padded_outputs();
    if (pays(problem)) problem.form = form_of(problem.kind, packed.size(0));
  }
  problem.bias = values_of(bias, x, {batch, channels}, true, "bias", keep);
  problem.style = values_of(style, x, {batch, problem.inputs}, false, "style", keep);
  problem.gain = values_of(gain, x, {batch, channels}, false, "gain", keep);
  if (image) {
    problem.noise = values_of(noise, x, {batch, 1, size[2], size[3]}, false, "noise", keep);
  } else {
    STD_TORCH_CHECK(!noise, "phase_convolution: only images take noise");
  }
  Tensor y = new_result(x, size, pixels);
  problem.residual = nullptr;
  if (residual) {
    bool fits = residual->dim() == y.dim() && residual->scalar_type() == x.scalar_type();
    for (int64_t i = 0; fits && i < y.dim(); ++i) fits = residual->size(i) == size[i];
    STD_TORCH_CHECK(fits, "phase_convolution: residual does not fit y");
    Tensor same = *residual;
    if (!has_strides(same, strides_of(size, pixels))) {
      same = new_result(x, size, pixels);
      torch::stable::copy_(same, *residual);
    }
    keep.push_back(same);
    problem.residual = keep.back().const_data_ptr();
  }
  problem.y = y.mutable_data_ptr();
  ask_for_large_pages(y, y.numel() * size_of(format));
  if (batch > 0) run_all(format, problem, batch);
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("phase_convolution", TORCH_BOX(&phase_convolution_cpu));
}

}  // namespace aigc_assets::phase_convolution
