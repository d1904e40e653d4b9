// What imports append to, and what exports read, besides a MmapVectorStore: a collection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/file/read_in_order.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

// Appends rows of a file to a collection, each with its payload. It has the functions of a store that imports use.
template <LiveRows Collection, PayloadsFor<Collection> PayloadOf>
class RowsWithPayloads {
  public:
    RowsWithPayloads(Collection& collection, PayloadOf& payload_of) noexcept
        : collection_(collection), payload_of_(payload_of) {}

    [[nodiscard]] std::size_t dim() const noexcept { return collection_.vectors().dim(); }
    [[nodiscard]] std::size_t size() const noexcept { return collection_.vectors().size(); }
    [[nodiscard]] auto data() const noexcept { return collection_.vectors().data(); }
    void reserve(std::size_t rows) { collection_.reserve(rows); }
    void append_rows(std::span<const ScalarOf<Collection>> rows) {
        for (std::size_t i = 0; i < rows.size(); i += dim(), ++next_)
            collection_.append(rows.subspan(i, dim()), payload_of_(next_));
    }

  private:
    Collection& collection_;
    PayloadOf& payload_of_;
    std::uint64_t next_ = 0;  // row of the file
};

// The rows that an export writes: all rows of a store, the live rows of a collection. Rows that are appended or erased
// later do not change it.
template <Scalar S>
class ExportedRows {
    using Run = std::pair<std::uint64_t, std::uint64_t>;  // first row and end

  public:
    template <VectorSource Source>
    explicit ExportedRows(const Source& source)
        : scalars_(rows_in(source).data()),
          dim_(rows_in(source).dim()),
          in_order_(mapvec::detail::read_in_order(rows_in(source))) {
        const std::uint64_t rows = scalars_.empty() ? 0 : scalars_.size() / dim_;
        if constexpr (LiveRows<Source>) {
            for (std::uint64_t id = 0; id < rows; ++id)
                if (source.contains(id)) add(id, id + 1);
        } else {
            add(0, rows);
        }
    }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    // Calls visit(first id, scalars) for runs of at most `max_rows` rows.
    template <class Visit>
    void each_run(std::size_t max_rows, Visit&& visit) const {
        for (auto [first, end] : runs_)
            for (std::uint64_t n = 0; first < end; first += n) {
                n = std::min<std::uint64_t>(max_rows, end - first);
                visit(first,
                      scalars_.subspan(static_cast<std::size_t>(first) * dim_, static_cast<std::size_t>(n) * dim_));
            }
    }

  private:
    void add(std::uint64_t first, std::uint64_t end) {
        size_ += end - first;
        if (!runs_.empty() && runs_.back().second == first)
            runs_.back().second = end;
        else
            runs_.emplace_back(first, end);
    }

    std::span<const S> scalars_;
    std::size_t dim_;
    mapvec::detail::ReadInOrder in_order_;
    std::vector<Run> runs_;
    std::uint64_t size_ = 0;
};

template <VectorSource Source>
ExportedRows(const Source&) -> ExportedRows<ScalarOf<Source>>;

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
