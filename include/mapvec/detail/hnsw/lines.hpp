// A walk on lines: instead of a row of several cache lines, a step reads one line of 64 bytes for each neighbour
// (va/line.hpp), which gives an estimate of its key. The best of the beam are measured exactly in the end.
//
//     const GraphLines lines(line_array, model_array, dim);
//     LineKeys<M, S> keys;
//     if (lines.describe(graph.size()) && keys.prepare(lines, query, row_keys)) walk.search_layer(graph, keys, …);
//
// Estimates decide only which rows a walk visits. So lines need not be those of the rows as they are now: a row that
// was overwritten is found by its old line where it is linked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/walk.hpp>
#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/detail/va/bounds.hpp>
#include <mapvec/detail/va/kernels.hpp>
#include <mapvec/detail/va/line.hpp>
#include <mapvec/detail/va/model.hpp>
#include <mapvec/detail/va/sample.hpp>
#include <mapvec/detail/va/sieve.hpp>
#include <mapvec/detail/va/update.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Shorter rows are read themselves.
inline constexpr std::size_t min_row_bytes_for_lines = 3 * cache_line;

// The lines of a graph and what they have in common; none, if rows are short or few.
class GraphLines {
  public:
    template <class Array>
    GraphLines(const Array& lines, const Array& model, std::size_t dim) noexcept {
        if (model.size() == 0 || lines.size() == 0 || model.stride() != VaModel::record_floats(dim) * sizeof(float))
            return;
        model_ = VaModel(model.record(0).data(), dim);
        count_ = lines.size();
        lines_ = reinterpret_cast<const VaLine*>(lines.records());
    }
    // Whether there is one for each of so many rows. Files may be damaged.
    [[nodiscard]] bool describe(std::uint64_t rows) const noexcept {
        return count_ >= rows && count_ != 0 && model_.is_sound();
    }
    [[nodiscard]] std::uint64_t size() const noexcept { return count_; }
    [[nodiscard]] const VaModel& model() const noexcept { return model_; }
    [[nodiscard]] const VaLine& operator[](Id id) const noexcept { return lines_[id]; }
    // For a scan of all lines.
    [[nodiscard]] LineSpan span() const noexcept { return {lines_, nullptr, static_cast<std::size_t>(count_)}; }

  private:
    VaModel model_;
    const VaLine* lines_ = nullptr;
    std::uint64_t count_ = 0;
};

// Estimated keys of rows, for one query after the other. Rows that lines do not describe are measured.
template <Metric M, Scalar S>
class LineKeys {
  public:
    // False if lines say nothing about this query. `rows` is prepared for the same query, and outlives this.
    [[nodiscard]] bool prepare(const GraphLines& lines, std::span<const float> query, RowKeys<M, S>& rows) {
        lines_ = &lines;
        rows_ = &rows;
        kernels_ = &va_kernels(active_instruction_set());
        query_.emplace(lines.model(), *kernels_, query);
        return query_->is_usable();
    }

    void prefetch(Id id) const noexcept { mapvec::detail::prefetch(reinterpret_cast<std::uintptr_t>(&(*lines_)[id])); }
    // One for each id. The span lasts until the next call.
    [[nodiscard]] std::span<const float> measure(std::span<const Id> ids) {
        const std::size_t room = (ids.size() + line_group - 1) / line_group * line_group;
        copies_.resize(room);
        products_.resize(room);
        lows_.resize(room);
        highs_.resize(room);
        keys_.resize(room);
        for (std::size_t i = 0; i < ids.size(); ++i) copies_[i] = (*lines_)[ids[i]];
        kernels_->scan(copies_.data(), ids.size(), query_->nibbles(0), query_->bounds(0), products_.data(),
                       lows_.data(), highs_.data());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            keys_[i] = lows_[i] + (highs_[i] - lows_[i]) / 2;
            if (!std::isfinite(keys_[i])) keys_[i] = rows_->measure_if_present(ids[i]);
        }
        return {keys_.data(), ids.size()};
    }
    // The bounds of the key of a line that belong to a range of measured keys.
    [[nodiscard]] KeyRange widened(KeyRange range) const noexcept {
        return {query_->limit_below(range.low), query_->limit_above(range.high)};
    }
    // False if the key of row i of the last measure() is not in the range. A line that says nothing excludes nothing.
    [[nodiscard]] bool may_match(KeyRange widened, std::size_t i) const noexcept {
        return !(lows_[i] > widened.high) && !(highs_[i] < widened.low);
    }

  private:
    const GraphLines* lines_ = nullptr;
    RowKeys<M, S>* rows_ = nullptr;
    const VaKernels* kernels_ = nullptr;
    std::optional<VaQuery<M>> query_;
    std::vector<VaLine> copies_;
    std::vector<float> products_, lows_, highs_, keys_;
};

// The lines of an update: those of rows that are new or have changed; or of all, with new axes.
struct NewLines {
    std::vector<std::byte> model;  // empty: as before
    std::vector<std::pair<Id, VaLine>> changed;
    EncodedRows added;
};

inline constexpr std::size_t min_rows_for_lines = 1000;
inline constexpr std::size_t growth_for_new_axes = 8;

// For the first `end` rows, of which `changed` have other lines now. Nothing, if rows are short or few.
template <Metric M, Scalar S>
[[nodiscard]] NewLines encode_lines(const GraphLines& lines, const RowSpan<S>& rows, std::span<const Id> changed,
                                    Id end, std::size_t threads) {
    NewLines result;
    if (rows.dim * sizeof(S) < min_row_bytes_for_lines || end < min_rows_for_lines) return result;
    const VaKernels& kernels = va_kernels(active_instruction_set());
    VaModel model = lines.model();
    const bool fresh = lines.size() == 0 || !model.is_sound() || end / growth_for_new_axes >= model.header().rows;
    if (fresh) {
        result.model = Sampler<M, S>(rows.rows, end, rows.dim).model(1, kernels);
        model = VaModel(result.model.data(), rows.dim);
    }
    ParallelEncoder<M, S> encoder(model, kernels, threads);
    const Id known = std::min(lines.size(), end);
    if (fresh) {
        EncodedRows old;
        encoder.encode(rows.rows, 0, known, old);
        for (Id id = 0; id < known; ++id) result.changed.emplace_back(id, old.lines[0][id]);
    } else {
        LineEncoder<M, S> one(model, kernels);
        for (const Id id : changed) {
            if (id >= known) break;
            VaLine line;
            VaLine* const to[] = {&line};
            one.encode(rows.rows + id * rows.dim, 1, to);
            result.changed.emplace_back(id, line);
        }
    }
    encoder.encode(rows.rows, known, end, result.added);
    return result;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
