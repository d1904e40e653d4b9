// Scans rows block by block: computes the keys of a block, then selects the keys in range.
//
//     const RowsSnapshot<S> rows(source);                            // the snapshot: data() is called here, once
//     CompiledQuery<M, S> compiled(rows);
//     compiled.add(query, range);
//     scan(AllRows{}, compiled, first, last, rows.rows_per_block(), sink);   // sink.add(id, key) for rows in range
//
// Three independent parts: the rows that are visited, the ranges of keys, and the sink for hits.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mapvec/detail/file/read_in_order.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/error.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t max_rows_per_block = 2048;

// The rows of a source as they were when the search began.
template <Scalar S>
class RowsSnapshot {
  public:
    template <class Source>
    explicit RowsSnapshot(const Source& source) : dim_(source.dim()), data_(source.data()), access_(access_of(source)) {
        assert(dim_ == 0 || data_.size() % dim_ == 0);
    }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::size_t count() const noexcept { return dim_ == 0 ? 0 : data_.size() / dim_; }
    [[nodiscard]] std::size_t row_bytes() const noexcept { return dim_ * sizeof(S); }
    [[nodiscard]] RowSpan<S> span() const noexcept { return {data_.data(), data_.data() + data_.size(), dim_}; }

    // Large enough for the hardware prefetcher to follow each of the four streams, small enough for the caches.
    [[nodiscard]] std::size_t rows_per_block() const noexcept {
        constexpr std::size_t block_bytes = 256 * 1024;
        const std::size_t rows = block_bytes / (row_bytes() + 1) / 4 * 4;
        return std::clamp<std::size_t>(rows, 16, max_rows_per_block);
    }

    // --- rows of a store that is larger than memory ---

    [[nodiscard]] Access access() const noexcept { return access_; }
    [[nodiscard]] bool come_from_disk() const noexcept { return access_ == Access::random; }
    // To be called before a block is read in order, by a scan that ends before `last`.
    void read_in_order(std::size_t first, std::size_t count, std::size_t last, ReadInOrder& in_order) const noexcept {
        const S* const block = data_.data() + first * dim_;
        const std::size_t bytes = count * row_bytes(), rest = (last - first) * row_bytes();
        if (!in_order.covers(block, bytes)) in_order.begin(block, std::clamp(ReadInOrder::stretch, bytes, rest));
    }
    // To be called before these rows are read: the disk then reads many at the same time.
    void request(const Id* ids, std::size_t count) const noexcept {
        if (!come_from_disk()) return;
        for (std::size_t i = 0, run = 1; i < count; i += run) {
            for (run = 1; i + run < count && ids[i + run] == ids[i] + run;) ++run;
            platform::request(data_.data() + ids[i] * dim_, run * row_bytes());
        }
    }

  private:
    std::size_t dim_;
    std::span<const S> data_;
    Access access_;
};

struct BlockKeys {
    float keys[max_rows_per_block];
    std::uint32_t positions[max_rows_per_block];
    Id ids[max_rows_per_block];
};

// One or several queries, each with a range of keys. A row matches if it is in range for every query.
template <Metric M, Scalar S>
class CompiledQuery {
  public:
    // `rows` outlives it.
    explicit CompiledQuery(const RowsSnapshot<S>& rows)
        : rows_(&rows), span_(rows.span()), set_(active_instruction_set()), select_(select_kernel(set_)) {}

    void add(std::span<const float> query, KeyRange range) {
        queries_.emplace_back(query, span_.dim, set_);
        ranges_.push_back(range);
    }

    void measure(std::size_t first, std::size_t count, BlockKeys& block) const noexcept {
        queries_.front().measure(span_, first, count, block.keys);
    }
    void measure(const Id* ids, std::size_t count, BlockKeys& block) const noexcept {
        queries_.front().measure(span_, ids, count, block.keys);
    }
    // Writes the positions of the first query's keys that are in range and at most `limit`; returns their number.
    [[nodiscard]] std::size_t select(std::size_t count, float limit, BlockKeys& block) const noexcept {
        const KeyRange range = ranges_.front();
        return select_(block.keys, count, range.low, std::min(range.high, limit), block.positions);
    }
    // Keeps those of `count` ids that are also in range for all other queries; returns their number.
    [[nodiscard]] std::size_t intersect(std::size_t count, Id* ids, float* keys) const noexcept {
        float others[max_rows_per_block];
        std::uint32_t inside[max_rows_per_block];
        for (std::size_t q = 1; q < queries_.size() && count != 0; ++q) {
            queries_[q].measure(span_, ids, count, others);
            count = select_(others, count, ranges_[q].low, ranges_[q].high, inside);
            for (std::size_t i = 0; i < count; ++i) {
                ids[i] = ids[inside[i]];
                keys[i] = keys[inside[i]];
            }
        }
        return count;
    }
    [[nodiscard]] bool single() const noexcept { return queries_.size() == 1; }
    [[nodiscard]] const RowsSnapshot<S>& rows() const noexcept { return *rows_; }

  private:
    const RowsSnapshot<S>* rows_;
    RowSpan<S> span_;
    InstructionSet set_;
    SelectKernel select_;
    std::vector<PreparedQuery<M, S>> queries_;
    std::vector<KeyRange> ranges_;
};

// --- rows: each type computes the keys of the rows [first, first + count) of its sequence, and knows their ids ---

// The parts of a scan: rows [first, first + count) of a sequence that ends at `last`.
struct ScanBlock {
    std::size_t first, count, last;
};

struct AllRows {
    template <class CompiledQuery>
    std::size_t measure(const CompiledQuery& compiled, ScanBlock at, ReadInOrder& in_order,
                        BlockKeys& block) const noexcept {
        compiled.rows().read_in_order(at.first, at.count, at.last, in_order);
        compiled.measure(at.first, at.count, block);
        first_ = at.first;
        return at.count;
    }
    [[nodiscard]] Id id(const BlockKeys&, std::size_t position) const noexcept { return first_ + position; }

    mutable std::size_t first_ = 0;
};

template <class Filter>
struct FilteredRows {
    template <class CompiledQuery>
    std::size_t measure(const CompiledQuery& compiled, ScanBlock at, ReadInOrder& in_order, BlockKeys& block) const {
        constexpr std::size_t dense = 4;  // one row in so many: reading all from disk takes no longer
        std::size_t passed = 0;
        for (std::size_t i = 0; i < at.count; ++i) {
            block.ids[passed] = at.first + i;
            passed += static_cast<std::size_t>(static_cast<bool>(filter(static_cast<Id>(at.first + i))));
        }
        if (passed * dense >= at.count) {
            compiled.rows().read_in_order(at.first, at.count, at.first + at.count, in_order);
        } else {
            compiled.rows().request(block.ids, passed);
        }
        if (passed == at.count) {
            compiled.measure(at.first, at.count, block);
        } else if (passed != 0) {
            compiled.measure(block.ids, passed, block);
        }
        return passed;
    }
    [[nodiscard]] Id id(const BlockKeys& block, std::size_t position) const noexcept { return block.ids[position]; }

    const Filter& filter;
};

struct ListedRows {
    template <class CompiledQuery>
    std::size_t measure(const CompiledQuery& compiled, ScanBlock at, ReadInOrder&, BlockKeys& block) const noexcept {
        compiled.rows().request(ids.data() + at.first, at.count);
        compiled.measure(ids.data() + at.first, at.count, block);
        first_ = at.first;
        return at.count;
    }
    [[nodiscard]] Id id(const BlockKeys&, std::size_t position) const noexcept { return ids[first_ + position]; }

    std::span<const Id> ids;
    mutable std::size_t first_ = 0;
};

// --- sinks ---

template <Metric M>
struct HitCollector {
    [[nodiscard]] static float limit() noexcept { return KeyRange{}.high; }
    // Reserves room for the hits that all rows will give at the rate so far: growth by doubling touches twice the
    // memory, and page faults cost time. At most sixteen times the present number, because the rows may be sorted.
    void expect(std::size_t more, std::size_t rows_done, std::size_t rows) {
        const std::size_t all = hits.size() + more;
        if (all <= hits.capacity()) return;
        const double rate = static_cast<double>(all) / static_cast<double>(rows_done);
        const auto left = static_cast<std::size_t>(1.125 * rate * static_cast<double>(rows - rows_done));
        hits.reserve(all + std::clamp(left, all, 16 * all));
    }
    void add(Id id, float key) { hits.push_back(hit_of<M>(id, key)); }

    std::vector<Hit>& hits;
};

struct NearestCollector {
    [[nodiscard]] float limit() const noexcept { return best.limit(); }
    void expect(std::size_t, std::size_t, std::size_t) const noexcept {}
    void add(Id id, float key) {
        if (key <= best.limit()) best.offer(key, id);
    }

    TopK& best;
};

template <class Rows, Metric M, Scalar S, class Sink>
void scan(Rows rows, const CompiledQuery<M, S>& compiled, std::size_t first, std::size_t last,
          std::size_t rows_per_block, Sink sink) {
    BlockKeys block;
    ReadInOrder in_order(compiled.rows().access());
    for (std::size_t at = first; at < last; at += rows_per_block) {
        const std::size_t count = std::min(rows_per_block, last - at), done = at + count - first;
        const std::size_t measured = rows.measure(compiled, {at, count, last}, in_order, block);
        std::size_t found = compiled.select(measured, sink.limit(), block);
        if (compiled.single()) {
            sink.expect(found, done, last - first);
            for (std::size_t i = 0; i < found; ++i) {
                sink.add(rows.id(block, block.positions[i]), block.keys[block.positions[i]]);
            }
            continue;
        }
        for (std::size_t i = 0; i < found; ++i) {  // positions ascend, so nothing is overwritten before it is read
            block.ids[i] = rows.id(block, block.positions[i]);
            block.keys[i] = block.keys[block.positions[i]];
        }
        found = compiled.intersect(found, block.ids, block.keys);
        sink.expect(found, done, last - first);
        for (std::size_t i = 0; i < found; ++i) sink.add(block.ids[i], block.keys[i]);
    }
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
