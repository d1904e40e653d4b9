// The records of a graph of rows, and the graph as its files have it. Nothing in them is trusted: what cannot be is
// taken for a link that is not there.
//
//     const MappedHnsw graph(level_0, upper, entry_points, rows);          // the snapshot
//     if (const auto entry = graph.entry_point()) …                          // where searches begin
//     graph.collect(id, level, neighbours);                        // ids of rows that there are
//
// Every row has a record in the level-0 file; a row of level n has also n records in the upper file, one behind the
// other, for the levels from 1 on. Words are 32 bits, rows are named by words:
//
//     level-0 record                                   upper record
//     word      what                                  word     what
//        0      links + level * 65536                    0     links
//        1      its first upper record, or 2^32 - 1      1     rows linked on this level, `m` at most
//        2      rows linked on level 0, 2m at most
//
// The entry file has the rows at which searches were to begin, 8 bytes each; the last one counts.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

using RowId32 = std::uint32_t;

inline constexpr RowId32 no_record = UINT32_MAX;
inline constexpr std::size_t max_graph_rows = UINT32_MAX - 1;
inline constexpr std::size_t max_levels = 64;

// How long the records of a graph are.
struct HnswShape {
    std::size_t m = 0;

    static constexpr std::size_t min_m = 2;
    static constexpr std::size_t max_m = 4096;

    [[nodiscard]] constexpr std::size_t level_0_words() const noexcept { return 2 + 2 * m; }
    [[nodiscard]] constexpr std::size_t upper_words() const noexcept { return 1 + m; }
    // Links that a row may have on a level, and where in its record they begin.
    [[nodiscard]] constexpr std::size_t capacity(std::size_t level) const noexcept { return level == 0 ? 2 * m : m; }
    [[nodiscard]] static constexpr std::size_t first_link(std::size_t level) noexcept { return level == 0 ? 2 : 1; }

    // The row that a graph of so many words a level-0 record is of, if there is one.
    [[nodiscard]] static constexpr std::optional<HnswShape> of_level_0_words(std::uint64_t words) noexcept {
        if (words % 2 != 0 || words < 2 + 2 * min_m || words > 2 + 2 * max_m) return std::nullopt;
        return HnswShape{static_cast<std::size_t>(words / 2 - 1)};
    }
};

// Levels a row has above level 0: n with probability m^-n, and always the same for the same row.
[[nodiscard]] inline std::size_t level_of(Id id, std::size_t m) noexcept {
    std::uint64_t x = (id + 1) * 0x9E3779B97F4A7C15u;  // SplitMix64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    const double uniform = static_cast<double>((x ^ x >> 31) >> 11 | 1) * 0x1p-53;
    const double level = -std::log(uniform) / std::log(static_cast<double>(m));
    return std::min(static_cast<std::size_t>(level), max_levels - 1);
}

// A list of links inside a record: their number is in the lower half of its first word.
[[nodiscard]] inline std::span<const RowId32> links_in(const RowId32* record, std::size_t first,
                                                       std::size_t capacity) noexcept {
    return {record + first, std::min<std::size_t>(record[0] & 0xFFFF, capacity)};
}

struct EntryPoint {
    Id id = 0;
    std::size_t level = 0;
};

class MappedHnsw {
  public:
    // Of the rows below `rows`; what the files say of others does not count.
    template <class Array>
    MappedHnsw(const Array& level_0, const Array& upper, const Array& entry_points, HnswShape shape, std::uint64_t rows)
        : shape_(shape) {
        size_ = std::min({level_0.size(), rows, std::uint64_t{max_graph_rows}});
        upper_size_ = upper.size();
        const std::uint64_t candidates = entry_points.size();
        if (size_ != 0) level_0_ = reinterpret_cast<const RowId32*>(level_0.records());
        if (upper_size_ != 0) upper_ = reinterpret_cast<const RowId32*>(upper.records());
        for (std::uint64_t i = candidates; i > 0 && candidates - i < max_levels && !top_; --i) {
            Id id = 0;
            std::memcpy(&id, entry_points.records() + (i - 1) * sizeof id, sizeof id);
            if (id < size_) top_ = EntryPoint{id, level(id)};
        }
    }

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] HnswShape shape() const noexcept { return shape_; }
    // The newest one that is a row.
    [[nodiscard]] std::optional<EntryPoint> entry_point() const noexcept { return top_; }

    // REQUIRES: id < size().
    [[nodiscard]] const RowId32* level_0_record(Id id) const noexcept {
        assert(id < size_);
        return level_0_ + id * shape_.level_0_words();
    }
    [[nodiscard]] std::size_t level(Id id) const noexcept {
        return std::min<std::size_t>(level_0_record(id)[0] >> 16, max_levels - 1);
    }
    // The number of its record in the file of that level, if it has one.
    [[nodiscard]] std::optional<std::uint64_t> record_number(Id id, std::size_t level_wanted) const noexcept {
        if (level_wanted == 0) return id;
        if (level_wanted > level(id)) return std::nullopt;
        const std::uint64_t number = std::uint64_t{level_0_record(id)[1]} + level_wanted - 1;
        return number < upper_size_ ? std::optional(number) : std::nullopt;
    }
    [[nodiscard]] std::span<const RowId32> links(Id id, std::size_t level_wanted) const noexcept {
        const auto number = record_number(id, level_wanted);
        if (!number) return {};
        const RowId32* const record = level_wanted == 0 ? level_0_record(id) : upper_ + *number * shape_.upper_words();
        return links_in(record, HnswShape::first_link(level_wanted), shape_.capacity(level_wanted));
    }

    // In place of what `neighbours` holds.
    void collect(Id id, std::size_t level_wanted, std::vector<Id>& neighbours) const {
        neighbours.clear();
        for (const RowId32 link : links(id, level_wanted))
            if (link < size_) neighbours.push_back(link);
    }
    void prefetch(Id id) const noexcept {
        prefetch_range(reinterpret_cast<std::uintptr_t>(level_0_record(id)), 2 * cache_line);
    }

  private:
    HnswShape shape_;
    std::uint64_t size_ = 0;
    std::uint64_t upper_size_ = 0;
    const RowId32* level_0_ = nullptr;
    const RowId32* upper_ = nullptr;
    std::optional<EntryPoint> top_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
