// A search through an index: which rows it reads with lines, which in full, and the division among threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/va/scan.hpp>
#include <mapvec/search.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Calls fn(vector, range of keys) for each part of a query.
template <Metric M, AnyQuery Query, class F>
void each_part(const Query& query, F&& fn) {
    if constexpr (std::same_as<Query, DiskIntersectionQuery>) {
        for (const DiskQuery& disk : query.disks) fn(disk.query, M::keys(value_range<M>(disk)));
    } else if constexpr (std::same_as<Query, KnnQuery>) {
        fn(query.query, KeyRange{});
    } else {
        fn(query.query, M::keys(value_range<M>(query)));
    }
}

template <Metric M, Scalar S, AnyQuery Query>
class LineSearch {
  public:
    // If `model` is empty, no row is described.
    LineSearch(const RowsSnapshot<S>& rows, const std::optional<VaModel>& model, LineSpan lines,
               const RowRanges& described, const Query& query, const SearchOptions& options)
        : rows_(rows), compiled_(compile<M>(rows, query)), lines_(lines), options_(options) {
        if (!model || lines.count == 0) return;
        const InstructionSet set = active_instruction_set();
        queries_.reset(new LineQueries<M>{*model, va_kernels(set), select_kernel(set), {}, {}});
        bool usable = rows.row_bytes() > sizeof(VaLine);
        each_part<M>(query, [&](std::span<const float> vector, KeyRange range) {
            if (!usable) return;
            queries_->queries.emplace_back(queries_->model, queries_->kernels, vector);
            queries_->ranges.push_back(range);
            usable = queries_->queries.back().is_usable();
        });
        if (usable) described_ = &described;
    }

    // The k nearest of all rows that match, or of the listed rows.
    template <class Accepts>
    [[nodiscard]] TopK nearest(std::size_t k, const Accepts& accepts, VaCounts& counts) const {
        return nearest_of(k, rows_.count(), accepts, counts,
                          [&](auto& scan, std::size_t first, std::size_t last) { each_stretch(first, last, scan); });
    }
    [[nodiscard]] TopK nearest(std::size_t k, std::span<const Id> ids, VaCounts& counts) const {
        return nearest_of(k, ids.size(), AnyRow{}, counts, [&](auto& scan, std::size_t first, std::size_t last) {
            each_list(ids.subspan(first, last - first), scan);
        });
    }
    // Appends the hits of [first, last), or of the listed rows, in their order.
    template <class Accepts>
    void collect(std::size_t first, std::size_t last, const Accepts& accepts, VaCounts& counts,
                 std::vector<Hit>& hits) const {
        collect_of(first, last, accepts, counts, hits,
                   [&](auto& scan, std::size_t begin, std::size_t end) { each_stretch(begin, end, scan); });
    }
    void collect(std::span<const Id> ids, VaCounts& counts, std::vector<Hit>& hits) const {
        collect_of(0, ids.size(), AnyRow{}, counts, hits, [&](auto& scan, std::size_t begin, std::size_t end) {
            each_list(ids.subspan(begin, end - begin), scan);
        });
    }

    // The parts of a search for the k nearest, for callers that search for several queries at once: visit() for each
    // range of rows, then finish().
    template <class Accepts>
    [[nodiscard]] NearestScan<M, S, Accepts> nearest_scan(SieveScratch& scratch, const Accepts& accepts,
                                                          VaCounts& counts, TopK& best, SharedLimit& limit) const {
        return {compiled_, rows_, queries(), lines_, scratch, accepts, counts, best, limit};
    }
    // Scans [first, last): alternately ranges that lines describe and other ranges.
    template <class Scan>
    void each_stretch(std::size_t first, std::size_t last, Scan& scan) const {
        if (described_ != nullptr) {
            for (const RowRange range : described_->ranges()) {
                const std::size_t begin = std::max<std::size_t>(first, range.first);
                const std::size_t end = std::min({last, static_cast<std::size_t>(range.end), lines_.count});
                if (begin >= end) continue;
                if (first < begin) scan.undescribed(first, begin);
                scan.described(begin, end);
                first = end;
            }
        }
        if (first < last) scan.undescribed(first, last);
    }

  private:
    template <class Scan>
    void each_list(std::span<const Id> ids, Scan& scan) const {
        for (std::size_t at = 0; at < ids.size(); at += lines_per_block)
            scan.listed(ids.subspan(at, std::min(lines_per_block, ids.size() - at)),
                        [this](Id id) { return id < lines_.count && described_->contains(id); });
    }

    [[nodiscard]] Partition partition(std::size_t rows) const noexcept {
        return Partition(rows, described_ == nullptr ? rows_.row_bytes() : sizeof(VaLine) + rows_.row_bytes() / 8,
                         options_.threads);
    }

    template <class Accepts, class Visit>
    [[nodiscard]] TopK nearest_of(std::size_t k, std::size_t count, const Accepts& accepts, VaCounts& counts,
                                  const Visit& visit) const {
        const Partition pieces = partition(count);
        std::vector<TopK> best(pieces.count, TopK(std::min(k, count)));
        std::vector<VaCounts> counted(pieces.count);
        SharedLimit limit;
        if (k != 0) {
            parallel_for(pieces.count, pieces.threads, [&](std::size_t piece) {
                SieveScratch scratch;
                auto scan = nearest_scan(scratch, accepts, counted[piece], best[piece], limit);
                visit(scan, pieces.first(piece), pieces.first(piece + 1));
                scan.finish();
            });
        }
        for (std::size_t piece = 1; piece < pieces.count; ++piece) best[0].offer_all(best[piece]);
        best[0].sort();
        for (const VaCounts& piece : counted) counts += piece;
        return std::move(best[0]);
    }

    template <class Accepts, class Visit>
    void collect_of(std::size_t first, std::size_t last, const Accepts& accepts, VaCounts& counts,
                    std::vector<Hit>& hits, const Visit& visit) const {
        const Partition pieces = partition(last - first);
        std::vector<VaCounts> counted(pieces.count);
        const auto search_piece = [&](std::size_t piece, std::vector<Hit>& found) {
            using Sink = HitCollector<M>;
            SieveScratch scratch;
            RangeScan<M, S, Accepts, Sink> scan(compiled_, rows_, queries(), lines_, scratch, accepts, counted[piece],
                                                Sink{found});
            visit(scan, first + pieces.first(piece), first + pieces.first(piece + 1));
            scan.finish();
        };
        if (pieces.count == 1) {
            search_piece(0, hits);
        } else {
            std::vector<std::vector<Hit>> found(pieces.count);
            parallel_for(pieces.count, pieces.threads, [&](std::size_t piece) {
                std::vector<Hit> mine;
                search_piece(piece, mine);
                found[piece] = std::move(mine);
            });
            for (const auto& piece : found) hits.insert(hits.end(), piece.begin(), piece.end());
        }
        for (const VaCounts& piece : counted) counts += piece;
    }

    [[nodiscard]] const LineQueries<M>* queries() const noexcept {
        return described_ == nullptr ? nullptr : queries_.get();
    }

    const RowsSnapshot<S>& rows_;
    CompiledQuery<M, S> compiled_;
    LineSpan lines_;
    SearchOptions options_;
    std::unique_ptr<LineQueries<M>> queries_;
    const RowRanges* described_ = nullptr;  // null: no row is described
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
