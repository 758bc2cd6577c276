// window_attention and neighborhood_attention on the CPU: checks, units, registration.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "../attention.h"
#include "attention_run.h"

namespace aigc_assets::attention {
namespace {

using torch::stable::Tensor;

// A grid of tokens and the result for it.
struct Grid {
  Grid(const Tensor& qkv, const Tensor& y)
      : batch(qkv.size(0)),
        height(qkv.size(1)),
        width(qkv.size(2)),
        heads(qkv.size(4)),
        depth(qkv.size(5)),
        in(static_cast<char*>(const_cast<void*>(qkv.const_data_ptr()))),
        out(static_cast<char*>(y.mutable_data_ptr())) {
    for (int i = 0; i < 6; ++i) in_stride[i] = byte_stride(qkv, i);
    for (int i = 0; i < 4; ++i) out_stride[i] = byte_stride(y, i);
  }

  int64_t in_offset(int64_t b, int64_t y, int64_t x) const {
    return b * in_stride[0] + y * in_stride[1] + x * in_stride[2];
  }
  int64_t out_offset(int64_t b, int64_t y, int64_t x) const {
    return b * out_stride[0] + y * out_stride[1] + x * out_stride[2];
  }
  // Where the rows of one head begin, for `part` 0, 1, 2 of queries, keys, values.
  char* part(int part, int64_t head) const {
    return in + part * in_stride[3] + head * in_stride[4];
  }
  char* result(int64_t head) const { return out + head * out_stride[3]; }

  int64_t batch, height, width, heads, depth;
  char *in, *out;
  int64_t in_stride[6], out_stride[4];  // bytes
};

// The bias tables of all heads as kernels want them, [heads, side, side]; all alike if there is
// none.
template <class F>
struct Tables {
  Tables(const std::optional<Tensor>& table, int64_t heads, int64_t side, const Kernels& kernels)
      : side(side), values(heads * side * side, static_cast<F>(kernels.bias_offset)) {
    if (!table) return;
    const Format format = floating_format_of(*table, "bias_table");
    const void* const data = table->const_data_ptr();
    const int64_t stride[] = {table->stride(0), table->stride(1), table->stride(2)};
    F* to = values.data();
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
          const double value = read(data, format, h * stride[0] + y * stride[1] + x * stride[2]);
          // A NaN stays the limit, and makes kernels careful.
          if (limit == limit && !(std::fabs(value) <= limit)) limit = std::fabs(value);
          *to++ = static_cast<F>(value * kernels.bias_factor + kernels.bias_offset);
        }
      }
    }
  }
  // Row dy of the table of one head, so that [dx] is the bias of that offset; both from -reach on.
  const F* row(int64_t head, int64_t dy) const {
    const int64_t reach = side / 2;
    return values.data() + (head * side + dy + reach) * side + reach;
  }

  int64_t side;
  std::vector<F> values;
  double limit = 0;
};

Tensor check_inputs(const char* op, const Tensor& qkv, const std::optional<Tensor>& table,
                    int64_t side) {
  STD_TORCH_CHECK(qkv.dim() == 6 && qkv.size(3) == 3, op,
                  ": expected qkv of shape [B, H, W, 3, heads, D]");
  STD_TORCH_CHECK(!table || (table->dim() == 3 && table->size(0) == qkv.size(4) &&
                             table->size(1) == side && table->size(2) == side),
                  op, ": expected bias_table of shape [heads, ", side, ", ", side, "]");
  STD_TORCH_CHECK(qkv.size(5) < kEverything, op, ": expected a smaller D");
  return torch::stable::new_empty(
      qkv, {qkv.size(0), qkv.size(1), qkv.size(2), qkv.size(4), qkv.size(5)});
}

// Windows of one axis that are cut by the edge: none, or the last.
struct Windows {
  int window, shift;
  int tokens() const { return window * window; }
};

// Writes the biases of queries [first, last) of a window to rows of `stride`. Bit 1 of `kind`: the
// window is the last of its column, bit 0: of its row.
template <class F>
void expand_window(const Windows& of, const Tables<F>& tables, int64_t head, int kind, int first,
                   int last, int64_t stride, F* to) {
  const int window = of.window, border = window - of.shift;
  const F unseen = -std::numeric_limits<F>::infinity();
  for (int query = first; query < last; ++query, to += stride) {
    const int y = query / window, x = query % window;
    int begin = 0, end = window;
    if (kind & 1) (from_beyond(x, window, of.shift) ? begin : end) = border;
    F* at = to;
    for (int key_y = 0; key_y < window; ++key_y, at += window) {
      if ((kind & 2) && from_beyond(y, window, of.shift) != from_beyond(key_y, window, of.shift)) {
        std::fill(at, at + window, unseen);
        continue;
      }
      const F* const bias = tables.row(head, key_y - y) - x;
      if (window == 8) {  // a size that the compiler knows saves a call
        std::memcpy(at, bias, 8 * sizeof(F));
      } else {
        std::copy(bias, bias + window, at);
      }
      for (int key_x = 0; key_x < begin; ++key_x) at[key_x] = unseen;
      for (int key_x = end; key_x < window; ++key_x) at[key_x] = unseen;
    }
    std::fill(at, to + stride, unseen);
  }
}

constexpr int kWhole = 256;  // tokens up to which a window is one unit, with all biases at hand
constexpr int kPart = 64;    // queries of a unit of a larger window

template <class F>
void run_windows(const Grid& grid, const std::optional<Tensor>& table, const Windows& of,
                 Format format) {
  const int tokens = of.tokens(), part = tokens <= kWhole ? tokens : kPart;
  const int parts = (tokens + part - 1) / part, stride = round_up(tokens, kKeyBlock);
  const int64_t room = int64_t(round_up(part, 16)) * stride;
  const int64_t down = grid.height / of.window, across = grid.width / of.window;
  const Plan plan{kernels_for(format), format, part, tokens, static_cast<int>(grid.depth)};
  const Tables<F> tables(table, grid.heads, 2 * of.window - 1, plan.kernels);
  const double scale = 1 / std::sqrt(static_cast<double>(grid.depth));

  const int kinds = of.shift > 0 ? 4 : 1;
  static thread_local Buffer buffer;
  F* expanded = nullptr;
  if (parts == 1) {
    expanded = reinterpret_cast<F*>(buffer.reserve(grid.heads * kinds * room * sizeof(F)));
    torch::stable::parallel_for(
        0, grid.heads * kinds, std::max<int64_t>(1, 100000 / room),
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int kind = static_cast<int>(i % kinds);
            const bool used = kinds == 1 || ((kind & 2 || down > 1) && (kind & 1 || across > 1));
            if (!used) continue;
            expand_window(of, tables, i / kinds, kind, 0, tokens, stride, &expanded[i * room]);
          }
        });
  }

  const auto find_rows = [&](int64_t place, std::vector<int64_t>* in, std::vector<int64_t>* out) {
    const int64_t across_at = place % across, down_at = place / across % down;
    const int64_t b = place / across / down;
    in->resize(tokens);
    out->resize(tokens);
    int64_t *to = in->data(), *to_out = out->data();
    for (int i = 0; i < of.window; ++i) {
      const int64_t y = wrapped(down_at * of.window + of.shift + i, grid.height);
      for (int j = 0; j < of.window; ++j) {
        const int64_t x = wrapped(across_at * of.window + of.shift + j, grid.width);
        *to++ = grid.in_offset(b, y, x);
        *to_out++ = grid.out_offset(b, y, x);
      }
    }
  };
  // The rows of a window as they lie in memory, with all heads: a processor foresees how they go on
  // once they have begun. Only where nothing else lies between.
  const int64_t places = grid.batch * down * across;
  const bool together = grid.in_stride[2] == 3 * grid.heads * grid.depth * grid.in_stride[5];
  const auto find_spans = [&](int64_t place, std::vector<Span>* spans) {
    if (!together) return;
    const int64_t left = place % across * of.window + of.shift;
    const int64_t top = place / across % down * of.window + of.shift, b = place / across / down;
    const int64_t before = std::min<int64_t>(of.window, grid.width - left);  // the edge
    for (int i = 0; i < of.window; ++i) {
      char* const row = grid.in + grid.in_offset(b, wrapped(top + i, grid.height), 0);
      spans->push_back({row + left * grid.in_stride[2], before * grid.in_stride[2]});
      if (before == of.window) continue;
      spans->push_back({row, (of.window - before) * grid.in_stride[2]});
    }
  };
  for_each_unit(plan, places * grid.heads * parts, [&](Worker& worker, int64_t number) {
    const int first = static_cast<int>(number % parts) * part;
    const int last = std::min(first + part, tokens);
    const int64_t head = number / parts % grid.heads, place = number / parts / grid.heads;
    const int64_t across_at = place % across, down_at = place / across % down;
    if (place != worker.place) {
      worker.place = place;
      find_rows(place, &worker.keys, &worker.out);
      worker.ahead.clear();
      if (parts == 1 && place + 1 < places) find_spans(place + 1, &worker.ahead);
    }
    int kind = 0;
    if (of.shift > 0) kind = 2 * (down_at == down - 1) + (across_at == across - 1);
    Unit unit{};
    unit.q = {grid.part(0, head), worker.keys.data() + first};
    unit.k = {grid.part(1, head), worker.keys.data()};
    unit.v = {grid.part(2, head), worker.keys.data()};
    unit.out = {grid.result(head), worker.out.data() + first};
    unit.queries = last - first;
    unit.keys = tokens;
    unit.depth = plan.depth;
    unit.complete = true;
    unit.scale = scale;
    unit.bias_stride = stride;
    unit.bias_limit = tables.limit;
    unit.band_begin = -kEverything;
    unit.band_end = kEverything;
    // What the heads of this window read has come; each of them fetches its share of the next.
    const int64_t spans = worker.ahead.size();
    unit.ahead = worker.ahead.data() + head * spans / grid.heads;
    unit.ahead_end = worker.ahead.data() + (head + 1) * spans / grid.heads;
    if (parts == 1) {
      unit.bias = &expanded[(head * kinds + kind) * room];
    } else {
      std::vector<F>& own = worker.own_bias<F>();
      own.resize(room);
      expand_window(of, tables, head, kind, first, last, stride, own.data());
      unit.bias = own.data();
    }
    plan.kernels.run(format, unit, worker.scratch);
  });
}

constexpr int kSide = 4;  // a unit of a neighbourhood has kSide x kSide queries

constexpr int64_t kMostOfTorus = 1024;  // tokens; the biases of all pairs take 4 MB for each head

// A torus so small that all of it has no more keys than the area around a block: all queries of a
// head are one unit, whose keys are the grid as it lies.
template <class F>
void run_torus(const Grid& grid, const std::optional<Tensor>& table, int reach, Format format) {
  const int height = static_cast<int>(grid.height), width = static_cast<int>(grid.width);
  const int tokens = height * width, side = 2 * reach + 1;
  const Plan plan{kernels_for(format), format, tokens, tokens, static_cast<int>(grid.depth)};
  const Tables<F> tables(table, grid.heads, side, plan.kernels);
  const double scale = 1 / std::sqrt(static_cast<double>(grid.depth));
  const F unseen = -std::numeric_limits<F>::infinity();

  const int stride = round_up(tokens, kKeyBlock);
  const int64_t room = int64_t(round_up(tokens, 16)) * stride;
  static thread_local Buffer buffer;
  F* const expanded = reinterpret_cast<F*>(buffer.reserve(grid.heads * room * sizeof(F)));
  const auto expand = [&](int64_t head) {
    // For every offset of rows, a row of keys twice around: every query finds its own in there.
    std::vector<F> rows(2 * tokens, unseen), around(2 * tokens);
    for (int dy = -reach; dy <= reach; ++dy) {
      F* const to = rows.data() + wrapped(dy, height) * 2 * width;
      std::copy_n(tables.row(head, dy) - reach, side, to);
      std::copy_n(to, width, to + width);
    }
    for (int x = 0; x < width; ++x) {
      // The same with rows of keys, for one column of queries.
      for (int dy = 0; dy < height; ++dy) {
        const F* const from = rows.data() + dy * 2 * width + (width + reach - x) % width;
        std::copy_n(from, width, around.data() + dy * width);
      }
      std::copy_n(around.data(), tokens, around.data() + tokens);
      F* to = expanded + head * room + x * stride;
      for (int y = 0; y < height; ++y, to += int64_t(width) * stride) {
        std::copy_n(around.data() + (height - y) * width, tokens, to);
      }
    }
  };
  if (grid.batch > 1) {
    for (int64_t head = 0; head < grid.heads; ++head) expand(head);
  }

  for_each_unit(plan, grid.batch * grid.heads, [&](Worker& worker, int64_t number) {
    const int64_t head = number % grid.heads, b = number / grid.heads;
    if (grid.batch == 1) expand(head);
    if (b != worker.place) {
      worker.place = b;
      worker.keys.resize(tokens);
      worker.out.resize(tokens);
      for (int i = 0; i < tokens; ++i) {
        worker.keys[i] = grid.in_offset(b, i / width, i % width);
        worker.out[i] = grid.out_offset(b, i / width, i % width);
      }
    }
    Unit unit{};
    unit.q = {grid.part(0, head), worker.keys.data()};
    unit.k = {grid.part(1, head), worker.keys.data()};
    unit.v = {grid.part(2, head), worker.keys.data()};
    unit.out = {grid.result(head), worker.out.data()};
    unit.queries = unit.keys = tokens;
    unit.depth = plan.depth;
    unit.complete = true;
    unit.scale = scale;
    unit.bias = expanded + head * room;
    unit.bias_stride = stride;
    unit.bias_limit = tables.limit;
    unit.band_begin = -kEverything;
    unit.band_end = kEverything;
    plan.kernels.run(format, unit, worker.scratch);
  });
}

template <class F>
void run_neighborhoods(const Grid& grid, const std::optional<Tensor>& table, int reach,
                       bool circular, Format format) {
  const int64_t area = kSide + 2 * reach;
  const int64_t tokens = grid.height * grid.width;
  if (circular && tokens <= area * area && tokens <= kMostOfTorus) {
    return run_torus<F>(grid, table, reach, format);
  }
  // Further than the grid is large there is nothing.
  const int reach_y = static_cast<int>(std::min<int64_t>(reach, grid.height - 1));
  const int reach_x = static_cast<int>(std::min<int64_t>(reach, grid.width - 1));
  const int area_y = kSide + 2 * reach_y, area_x = kSide + 2 * reach_x, keys = area_y * area_x;
  const int64_t down = (grid.height + kSide - 1) / kSide, across = (grid.width + kSide - 1) / kSide;
  constexpr int queries = kSide * kSide;
  const Plan plan{kernels_for(format), format, queries, keys, static_cast<int>(grid.depth)};
  const Tables<F> tables(table, grid.heads, 2 * reach + 1, plan.kernels);
  const double scale = 1 / std::sqrt(static_cast<double>(grid.depth));
  const F unseen = -std::numeric_limits<F>::infinity();

  // The bias depends on where a query lies in its block and a key in the area, not on the block.
  const int stride = round_up(keys, kKeyBlock);
  std::vector<F> expanded(grid.heads * queries * stride, unseen);
  for (int64_t head = 0; head < grid.heads; ++head) {
    for (int query = 0; query < queries; ++query) {
      F* const to = &expanded[(head * queries + query) * stride];
      const int y = query / kSide, x = query % kSide;
      for (int dy = -reach_y; dy <= reach_y; ++dy) {
        const F* const bias = tables.row(head, dy) - reach_x;
        std::copy(bias, bias + 2 * reach_x + 1, to + (y + reach_y + dy) * area_x + x);
      }
    }
  }

  for_each_unit(plan, grid.batch * down * across * grid.heads, [&](Worker& worker, int64_t number) {
    const int64_t head = number % grid.heads, place = number / grid.heads;
    const int64_t top = place / across % down * kSide, left = place % across * kSide;
    const bool clipped =
        !circular && (top < reach_y || left < reach_x || top + kSide + reach_y > grid.height ||
                      left + kSide + reach_x > grid.width);
    if (place != worker.place) {
      worker.place = place;
      const int64_t b = place / across / down;
      worker.queries.assign(queries, kNoRow);
      worker.out.assign(queries, kNoRow);
      for (int query = 0; query < queries; ++query) {
        const int64_t y = top + query / kSide, x = left + query % kSide;
        if (y >= grid.height || x >= grid.width) continue;
        worker.queries[query] = grid.in_offset(b, y, x);
        worker.out[query] = grid.out_offset(b, y, x);
      }
      worker.keys.assign(keys, kNoRow);
      int64_t* to = worker.keys.data();
      for (int i = 0; i < area_y; ++i) {
        int64_t y = top - reach_y + i;
        if (circular) y = wrapped(y, grid.height);
        for (int j = 0; j < area_x; ++j, ++to) {
          int64_t x = left - reach_x + j;
          if (circular) x = wrapped(x, grid.width);
          if (y < 0 || y >= grid.height || x < 0 || x >= grid.width) continue;
          *to = grid.in_offset(b, y, x);
        }
      }
    }
    Unit unit{};
    unit.q = {grid.part(0, head), worker.queries.data()};
    unit.k = {grid.part(1, head), worker.keys.data()};
    unit.v = {grid.part(2, head), worker.keys.data()};
    unit.out = {grid.result(head), worker.out.data()};
    unit.queries = queries;
    unit.keys = keys;
    unit.depth = plan.depth;
    unit.scale = scale;
    unit.bias = &expanded[head * queries * stride];
    unit.bias_stride = stride;
    unit.bias_limit = tables.limit;
    unit.band_begin = -kEverything;
    unit.band_end = kEverything;
    if (clipped) {
      std::vector<F>& own = worker.own_bias<F>();
      const F* const all = &expanded[head * queries * stride];
      own.assign(all, all + queries * stride);
      for (int key = 0; key < keys; ++key) {
        if (worker.keys[key] != kNoRow) continue;
        for (int query = 0; query < queries; ++query) own[query * stride + key] = unseen;
      }
      unit.bias = own.data();
    }
    plan.kernels.run(format, unit, worker.scratch);
  });
}

Tensor window_attention_cpu(const Tensor& qkv,                        // [B, H, W, 3, heads, D]
                            const std::optional<Tensor>& bias_table,  // [heads, 2w - 1, 2w - 1]
                            int64_t window, int64_t shift) {
  constexpr const char* op = "window_attention";
  STD_TORCH_CHECK(window >= 1 && window < 1 << 12 && shift >= 0 && shift < window, op,
                  ": expected a window of at least 1 and a shift within it");
  const Tensor y = check_inputs(op, qkv, bias_table, 2 * window - 1);
  STD_TORCH_CHECK(qkv.size(1) % window == 0 && qkv.size(2) % window == 0, op,
                  ": expected a height and a width that are multiples of the window");
  if (y.numel() == 0) return y;
  const Tensor dense = with_dense_rows(qkv);
  const Grid grid(dense, y);
  const Windows of{static_cast<int>(window), static_cast<int>(shift)};
  const Format format = floating_format_of(qkv, op);
  if (format == Format::kFloat64) {
    run_windows<double>(grid, bias_table, of, format);
  } else {
    run_windows<float>(grid, bias_table, of, format);
  }
  return y;
}

Tensor neighborhood_attention_cpu(const Tensor& qkv,  // [B, H, W, 3, heads, D]
                                  const std::optional<Tensor>& bias_table,  // [heads, 2r+1, 2r+1]
                                  int64_t reach, bool circular) {
  constexpr const char* op = "neighborhood_attention";
  STD_TORCH_CHECK(reach >= 0 && reach < 1 << 12, op, ": expected a reach of at least 0");
  const Tensor y = check_inputs(op, qkv, bias_table, 2 * reach + 1);
  STD_TORCH_CHECK(!circular || (qkv.size(1) > 2 * reach && qkv.size(2) > 2 * reach), op,
                  ": expected more rows and columns than twice the reach");
  if (y.numel() == 0) return y;
  const Tensor dense = with_dense_rows(qkv);
  const Grid grid(dense, y);
  const Format format = floating_format_of(qkv, op);
  if (format == Format::kFloat64) {
    run_neighborhoods<double>(grid, bias_table, static_cast<int>(reach), circular, format);
  } else {
    run_neighborhoods<float>(grid, bias_table, static_cast<int>(reach), circular, format);
  }
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(aigc_assets, CPU, m) {
  m.impl("window_attention", TORCH_BOX(&window_attention_cpu));
  m.impl("neighborhood_attention", TORCH_BOX(&neighborhood_attention_cpu));
}

}  // namespace aigc_assets::attention
