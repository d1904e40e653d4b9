// Scans lines block by block: computes the bounds of a block, then reads the rows that the bounds do not decide (open
// rows).
//
//     RangeScan scan(…);                 // or NearestScan
//     scan.described(0, 1000);           // rows that have lines
//     scan.undescribed(1000, 1100);      // rows without lines: all are read
//     scan.finish();
//
// CompiledQuery measures open rows in the same way as a scan without lines, so hits are equal bit by bit. The scan
// collects open rows over many blocks, so that many of them are prefetched at a time. If lines leave most rows open, or
// rows are hardly longer than a line, the scan reads the rows without lines, and tries a block of lines from time to
// time (LineGate).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/detail/va/sieve.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The counts of one search, or of one thread's part of it.
struct VaCounts {
    std::size_t rows = 0;      // visited rows that could be hits
    std::size_t measured = 0;  // rows of these that were measured

    VaCounts& operator+=(const VaCounts& other) noexcept {
        rows += other.rows;
        measured += other.measured;
        return *this;
    }
};

// Decides whether lines save more than they cost, from the last blocks. Costs are in bytes of a scan. A row that is
// read out of order costs about three times its bytes, because the hardware prefetcher does not help; a line costs its
// computation too, a second line also the wait for memory.
class LineGate {
  public:
    template <Scalar S>
    LineGate(const RowsSnapshot<S>& rows, std::size_t levels) noexcept
        : row_bytes_(rows.row_bytes()),
          open_row_bytes_(rows.come_from_disk() ? row_bytes_ + bytes_per_disk_read : 3 * row_bytes_),
          second_bytes_(levels > 1 ? sizeof(VaLine) : 0) {}

    // The number of the next `rows` rows to read without lines.
    [[nodiscard]] std::size_t rows_without(std::size_t rows) noexcept {
        const std::size_t skipped = std::min(rows, waiting_);
        waiting_ -= skipped;
        return skipped;
    }
    // True if reading the `open` rows of a block costs more than reading all its rows in order.
    [[nodiscard]] bool is_worse_than_all(std::size_t rows, std::size_t open) const noexcept {
        return open * open_row_bytes_ > rows * row_bytes_;
    }

    // Records a block: the first lines left `opened` rows undecided, the second lines `open` of these, and the filter
    // accepted `measured` of these. Without lines the filter would accept about the same part of all rows.
    void saw(std::size_t rows, std::size_t opened, std::size_t open, std::size_t measured) noexcept {
        const std::size_t lines = rows * (sizeof(VaLine) + sizeof(VaLine) / 2) + opened * 4 * second_bytes_;
        const std::size_t accepted = std::min(rows * row_bytes_, rows * (measured + 1) * open_row_bytes_ / (open + 1));
        if (lines + measured * open_row_bytes_ <= accepted) {
            penalty_ = 0;
        } else {
            penalty_ = std::clamp<std::size_t>(2 * penalty_, 4, 64);
            waiting_ = penalty_ * rows;
        }
    }

  private:
    // A disk reads about so many bytes in order in the time that a read somewhere else takes among many others.
    static constexpr std::size_t bytes_per_disk_read = 16 << 10;

    std::size_t row_bytes_;
    std::size_t open_row_bytes_;  // the cost of a row that is read out of order
    std::size_t second_bytes_;
    std::size_t penalty_ = 0;
    std::size_t waiting_ = 0;
};

// The lowest limit of all threads that search the same k nearest rows.
class SharedLimit {
  public:
    [[nodiscard]] float get() const noexcept { return limit_.load(std::memory_order_relaxed); }
    void lower(float limit) noexcept {
        float now = get();
        while (limit < now && !limit_.compare_exchange_weak(now, limit, std::memory_order_relaxed)) {
        }
    }

  private:
    std::atomic<float> limit_{std::numeric_limits<float>::infinity()};
};

// The rows that may be hits. Called once for a row.
struct AnyRow {
    [[nodiscard]] bool operator()(Id) const noexcept { return true; }
    [[nodiscard]] AllRows rows() const noexcept { return {}; }
};
template <class Filter>
struct FilterRow {
    [[nodiscard]] bool operator()(Id id) const { return static_cast<bool>(filter(id)); }
    [[nodiscard]] FilteredRows<Filter> rows() const noexcept { return {filter}; }

    const Filter& filter;
};

// The base of both scans: the rows, and the choice between blocks with and without lines.
template <Metric M, Scalar S, class Accepts>
class LineScan {
  public:
    LineScan(const CompiledQuery<M, S>& compiled, const RowsSnapshot<S>& rows, const LineQueries<M>* queries,
             LineSpan lines, SieveScratch& scratch, const Accepts& accepts, VaCounts& counts) noexcept
        : compiled_(compiled),
          rows_(rows),
          sieve_(queries, lines, scratch),
          accepts_(accepts),
          gate_(rows, sieve_.levels()),
          counts_(counts) {}

  protected:
    // Calls with_lines(first, count) and without_lines(first, end) for the parts of [first, last).
    template <class With, class Without>
    void each_block(std::size_t first, std::size_t last, const With& with_lines, const Without& without_lines) {
        while (first < last) {
            if (const std::size_t skipped = gate_.rows_without(last - first); skipped != 0) {
                without_lines(first, first + skipped);
                first += skipped;
                continue;
            }
            const std::size_t count = std::min(lines_per_block, last - first);
            with_lines(first, count);
            first += count;
        }
    }
    // True if all rows of a block are to be read, since the lines left so many of them open. Then the gate is told.
    [[nodiscard]] bool reads_all(std::size_t count, std::size_t open) noexcept {
        if (!std::is_same_v<Accepts, AnyRow> || !gate_.is_worse_than_all(count, open)) return false;
        gate_.saw(count, sieve_.opened(), open, open);
        return true;
    }
    template <class Sink>
    void measure_all(std::size_t first, std::size_t last, Sink sink) {
        counts_.rows += last - first;
        counts_.measured += last - first;
        scan(accepts_.rows(), compiled_, first, last, rows_.rows_per_block(), sink);
    }
    template <class Sink>
    void measure(std::span<const Id> ids, Sink sink) {
        counts_.measured += ids.size();
        scan(ListedRows{ids}, compiled_, 0, ids.size(), max_rows_per_block, sink);
    }

    const CompiledQuery<M, S>& compiled_;
    const RowsSnapshot<S>& rows_;
    LineSieve<M> sieve_;
    const Accepts& accepts_;
    LineGate gate_;
    VaCounts& counts_;
};

// Scans for ranges. Hits go to the sink in the order of the rows. Open rows are collected until there are many.
template <Metric M, Scalar S, class Accepts, class Sink>
class RangeScan : LineScan<M, S, Accepts> {
    using Base = LineScan<M, S, Accepts>;

  public:
    RangeScan(const CompiledQuery<M, S>& compiled, const RowsSnapshot<S>& rows, const LineQueries<M>* queries,
              LineSpan lines, SieveScratch& scratch, const Accepts& accepts, VaCounts& counts, Sink sink)
        : Base(compiled, rows, queries, lines, scratch, accepts, counts), sink_(sink) {
        waiting_.reserve(max_rows_per_block);
    }

    void described(std::size_t first, std::size_t last) {
        this->each_block(
            first, last, [this](std::size_t at, std::size_t count) { sieve_block(at, count); },
            [this](std::size_t at, std::size_t end) { undescribed(at, end); });
    }
    void undescribed(std::size_t first, std::size_t last) {
        finish();
        this->measure_all(first, last, sink_);
    }
    // Visits the rows with these ids, in their order. Lines describe those that `described` contains.
    template <class Described>
    void listed(std::span<const Id> ids, const Described& described) {
        const std::size_t open = this->sieve_.sieve(ids, described, std::numeric_limits<float>::infinity());
        this->counts_.rows += ids.size();
        if (waiting_.size() + open > max_rows_per_block) finish();
        for (std::size_t i = 0; i < open; ++i) waiting_.push_back(ids[this->sieve_.position(i)]);
    }
    void finish() {
        this->measure(waiting_, sink_);
        waiting_.clear();
    }

  private:
    void sieve_block(std::size_t first, std::size_t count) {
        const std::size_t open = this->sieve_.sieve(first, count, std::numeric_limits<float>::infinity());
        if (this->reads_all(count, open)) return undescribed(first, first + count);
        this->counts_.rows += count;
        if (waiting_.size() + open > max_rows_per_block) finish();
        const std::size_t before = waiting_.size();
        for (std::size_t i = 0; i < open; ++i)
            if (const Id id = first + this->sieve_.position(i); this->accepts_(id)) waiting_.push_back(id);
        this->gate_.saw(count, this->sieve_.opened(), open, waiting_.size() - before);
    }

    Sink sink_;
    std::vector<Id> waiting_;
};

// Scans for the k nearest rows, of all or of those in a range. Open rows are collected, and those with the lowest
// bounds are measured first, because they lower the limit most. The lower limit then excludes many of the others.
template <Metric M, Scalar S, class Accepts>
class NearestScan : LineScan<M, S, Accepts> {
    using Base = LineScan<M, S, Accepts>;

  public:
    NearestScan(const CompiledQuery<M, S>& compiled, const RowsSnapshot<S>& rows, const LineQueries<M>* queries,
                LineSpan lines, SieveScratch& scratch, const Accepts& accepts, VaCounts& counts, TopK& best,
                SharedLimit& shared)
        : Base(compiled, rows, queries, lines, scratch, accepts, counts),
          query_(queries == nullptr ? nullptr : &queries->queries.front()),
          bounded_(queries != nullptr && queries->ranges.front().high < KeyRange{}.high),
          best_(best),
          shared_(shared) {}

    void described(std::size_t first, std::size_t last) {
        this->each_block(
            first, last, [this](std::size_t at, std::size_t count) { sieve_block(at, count); },
            [this](std::size_t at, std::size_t end) { undescribed(at, end); });
    }
    void undescribed(std::size_t first, std::size_t last) {
        const std::size_t stride = 64 * this->rows_.rows_per_block();
        for (; first < last; first += std::min(stride, last - first)) {
            this->measure_all(first, std::min(last, first + stride), NearestCollector{best_});
            shared_.lower(best_.limit());
        }
    }
    template <class Described>
    void listed(std::span<const Id> ids, const Described& described) {
        wait(this->sieve_.sieve(ids, described, limit()), [&](std::size_t position) { return ids[position]; });
        this->counts_.rows += ids.size();
        measure_if_many();
    }
    // Measures all collected rows that may still be among the k nearest.
    void finish() {
        std::sort(waiting_.begin(), waiting_.end());
        for (std::size_t at = 0; at < waiting_.size() && !is_ruled_out(waiting_[at]);) {
            const std::size_t end = std::min(waiting_.size(), at + batch);
            measure(at, end);
            at = end;
        }
        waiting_.clear();
    }

  private:
    static constexpr std::size_t batch = 32;
    static constexpr std::size_t max_waiting = 256;

    [[nodiscard]] float limit() const noexcept { return std::min(best_.limit(), shared_.get()); }
    // True if lines exclude nothing yet.
    [[nodiscard]] bool is_unlimited() const noexcept {
        return !bounded_ && limit() == std::numeric_limits<float>::infinity();
    }
    [[nodiscard]] bool is_ruled_out(const Candidate& row) const noexcept {
        return query_ != nullptr && row.key > query_->limit_above(limit());
    }

    void sieve_block(std::size_t first, std::size_t count) {
        const bool unlimited = is_unlimited();
        // If a filter accepts few rows, bounds do not help until there are k of them.
        if (unlimited && accepts_few_) return undescribed(first, first + count);
        const std::size_t open = this->sieve_.sieve(first, count, limit());
        if (!unlimited && this->reads_all(count, open)) return undescribed(first, first + count);
        this->counts_.rows += count;
        const std::size_t before = waiting_.size();
        wait(open, [first](std::size_t position) { return Id{first + position}; });
        const std::size_t accepted = waiting_.size() - before;
        accepts_few_ = accepted < open / 8;
        if (!unlimited) this->gate_.saw(count, this->sieve_.opened(), open, accepted);
        measure_if_many();
    }
    template <class IdAt>
    void wait(std::size_t open, const IdAt& id_at) {
        for (std::size_t i = 0; i < open; ++i)
            if (const Id id = id_at(this->sieve_.position(i)); this->accepts_(id))
                waiting_.push_back({this->sieve_.low(i), id});
    }
    // Measures the best of the collected rows, until few are left.
    void measure_if_many() {
        while (waiting_.size() > max_waiting || (is_unlimited() && !waiting_.empty())) {
            const std::size_t count = std::min(waiting_.size(), std::max(batch, waiting_.size() / 8));
            std::nth_element(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count - 1),
                             waiting_.end());
            measure(0, count);
            waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
            std::erase_if(waiting_, [this](const Candidate& row) { return is_ruled_out(row); });
        }
    }
    void measure(std::size_t first, std::size_t last) {
        ids_.clear();
        for (std::size_t i = first; i < last; ++i) ids_.push_back(waiting_[i].id);
        Base::measure(ids_, NearestCollector{best_});
        shared_.lower(best_.limit());
    }

    const VaQuery<M>* query_;  // null: no row is excluded
    bool bounded_;             // the query has an upper bound
    TopK& best_;
    SharedLimit& shared_;
    bool accepts_few_ = false;        // the filter, in the last block
    std::vector<Candidate> waiting_;  // key: the lower bound
    std::vector<Id> ids_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
