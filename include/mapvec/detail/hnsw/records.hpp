// The records of a graph, and read access to its files. No number in them is trusted: invalid links are ignored.
//
//     const MappedHnsw graph(level_0, upper, state, shape);    // a snapshot
//     if (const auto top = graph.entry_point()) …              // searches begin there
//     for (RowId32 link : graph.links(id, level)) …
//
// Every row that the graph knows has a record in the level_0 file. A row of level n also has n consecutive records in
// the upper file, for levels 1 to n. Words have 32 bits; a word holds a row id.
//
//     level_0 record                                     upper record
//     word   bits                                        word
//        0   0-15   number of links                         0   number of links
//            16-23  level                                   1   linked rows on this level, at most m
//            24     linked: the row is a node
//            25     copy: the row is equal to a node
//            26     known: word 2 is set
//        1          the first upper record of the row, or 2^32 - 1
//        2          checksum of the row when it was linked: CRC-32C register, starting from 0, not inverted
//        3          the next of several equal rows, or 2^32 - 1
//        4          linked rows on level 0, at most 2m; a copy has one link: its node
//
// Equal rows. Only one of them is a node, and only it has incoming links, so that copies do not displace other rows
// from lists of links. The others are its copies. Word 3 makes a ring of them: the node contains its last copy, the
// last copy the first, the first the second, and so on.
//
// Rows without a distance (NaN, infinity; zeros with Cosine) and erased rows are neither nodes nor copies.
//
// The state file (path.entry) has one record (HnswState).
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

using RowId32 = std::uint32_t;

inline constexpr RowId32 no_record = UINT32_MAX;  // also: no row
inline constexpr std::size_t max_graph_rows = UINT32_MAX - 1;
inline constexpr std::size_t max_levels = 64;

// The words of a level_0 record before its links.
namespace hnsw_word {
inline constexpr std::size_t flags = 0, upper = 1, checksum = 2, next = 3, first_link = 4;
}
namespace hnsw_flag {
inline constexpr RowId32 linked = 1u << 24, copy = 1u << 25, known = 1u << 26;
}

// The sizes of the records of a graph.
struct HnswShape {
    std::size_t m = 0;

    static constexpr std::size_t min_m = 2;
    static constexpr std::size_t max_m = 4096;

    [[nodiscard]] constexpr std::size_t level_0_words() const noexcept { return hnsw_word::first_link + 2 * m; }
    [[nodiscard]] constexpr std::size_t upper_words() const noexcept { return 1 + m; }
    // The largest number of links of a row on a level, and the position of the first one in its record.
    [[nodiscard]] constexpr std::size_t capacity(std::size_t level) const noexcept { return level == 0 ? 2 * m : m; }
    [[nodiscard]] static constexpr std::size_t first_link(std::size_t level) noexcept {
        return level == 0 ? hnsw_word::first_link : 1;
    }

    // The shape of a graph with so many words in a level_0 record; nothing if there is no such shape.
    [[nodiscard]] static constexpr std::optional<HnswShape> of_level_0_words(std::uint64_t words) noexcept {
        const HnswShape least{min_m}, most{max_m};
        if (words % 2 != 0 || words < least.level_0_words() || words > most.level_0_words()) return std::nullopt;
        return HnswShape{static_cast<std::size_t>(words - hnsw_word::first_link) / 2};
    }
};

// The number of levels of a row above level 0: n with probability m^-n, always the same for the same row.
[[nodiscard]] inline std::size_t level_of(Id id, std::size_t m) noexcept {
    std::uint64_t x = (id + 1) * 0x9E3779B97F4A7C15u;  // SplitMix64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    const double uniform = static_cast<double>((x ^ x >> 31) >> 11 | 1) * 0x1p-53;
    const double level = -std::log(uniform) / std::log(static_cast<double>(m));
    return std::min(static_cast<std::size_t>(level), max_levels - 1);
}

// Fields of a record.
[[nodiscard]] inline std::size_t level_in(const RowId32* level_0) noexcept {
    return std::min<std::size_t>(level_0[hnsw_word::flags] >> 16 & 0xFF, max_levels - 1);
}
[[nodiscard]] inline std::span<const RowId32> links_in(const RowId32* record, std::size_t level,
                                                       HnswShape shape) noexcept {
    return {record + HnswShape::first_link(level),
            std::min<std::size_t>(record[hnsw_word::flags] & 0xFFFF, shape.capacity(level))};
}
inline void set_link_count(RowId32* record, std::size_t count) noexcept {
    record[hnsw_word::flags] = (record[hnsw_word::flags] & 0xFFFF0000u) | static_cast<RowId32>(count);
}

struct EntryPoint {
    Id id = 0;
    std::size_t level = 0;
};

// The record of the state file.
//
//     offset size field
//          0    4 ef_construction
//          4    4 zero
//          8    8 entry point: searches begin at this row; 2^64 - 1: none
struct HnswState {
    std::uint32_t ef_construction = 0;
    std::uint32_t zero = 0;
    Id entry_point = no_row;

    static constexpr Id no_row = UINT64_MAX;
};

static_assert(sizeof(HnswState) == 16 && std::has_unique_object_representations_v<HnswState>);

class MappedHnsw {
  public:
    template <class Array>
    MappedHnsw(const Array& level_0, const Array& upper, const Array& state, HnswShape shape) : shape_(shape) {
        size_ = std::min(level_0.size(), std::uint64_t{max_graph_rows});
        upper_size_ = upper.size();
        if (size_ != 0) level_0_ = reinterpret_cast<const RowId32*>(level_0.records());
        if (upper_size_ != 0) upper_ = reinterpret_cast<const RowId32*>(upper.records());
        if (state.size() != 0) std::memcpy(&state_, state.record(0).data(), sizeof state_);
    }

    // The number of rows with a record. The store may have more rows, or fewer if it was restored.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] HnswShape shape() const noexcept { return shape_; }
    [[nodiscard]] const HnswState& state() const noexcept { return state_; }
    [[nodiscard]] std::optional<EntryPoint> entry_point() const noexcept {
        const Id id = state_.entry_point;
        if (id >= size_ || !has(id, hnsw_flag::linked)) return std::nullopt;
        return EntryPoint{id, level(id)};
    }

    // REQUIRES for the next functions: id < size().
    [[nodiscard]] const RowId32* level_0_record(Id id) const noexcept {
        assert(id < size_);
        return level_0_ + id * shape_.level_0_words();
    }
    [[nodiscard]] RowId32 word(Id id, std::size_t number) const noexcept { return level_0_record(id)[number]; }
    [[nodiscard]] bool has(Id id, RowId32 flag) const noexcept { return (word(id, hnsw_word::flags) & flag) != 0; }
    [[nodiscard]] std::size_t level(Id id) const noexcept { return level_in(level_0_record(id)); }
    // The number of the record of a row in the file of this level, if it has one.
    [[nodiscard]] std::optional<std::uint64_t> record_number(Id id, std::size_t level_wanted) const noexcept {
        if (level_wanted == 0) return id;
        if (level_wanted > level(id)) return std::nullopt;
        const std::uint64_t number = std::uint64_t{level_0_record(id)[hnsw_word::upper]} + level_wanted - 1;
        return number < upper_size_ ? std::optional(number) : std::nullopt;
    }
    // REQUIRES: record_number() has returned the number.
    [[nodiscard]] const RowId32* record(std::uint64_t number, std::size_t level) const noexcept {
        return level == 0 ? level_0_record(number) : upper_ + number * shape_.upper_words();
    }
    [[nodiscard]] std::span<const RowId32> links(Id id, std::size_t level_wanted) const noexcept {
        const auto number = record_number(id, level_wanted);
        if (!number) return {};
        return links_in(record(*number, level_wanted), level_wanted, shape_);
    }

    template <class Visit>
    void each_link(Id id, std::size_t level_wanted, Visit visit) const {
        for (const RowId32 link : links(id, level_wanted))
            if (link < size_) visit(Id{link});
    }
    void prefetch_links(Id id) const noexcept {
        prefetch_range(reinterpret_cast<std::uintptr_t>(level_0_record(id)), 2 * cache_line);
    }

  private:
    HnswShape shape_;
    HnswState state_;
    std::uint64_t size_ = 0;
    std::uint64_t upper_size_ = 0;
    const RowId32* level_0_ = nullptr;
    const RowId32* upper_ = nullptr;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
