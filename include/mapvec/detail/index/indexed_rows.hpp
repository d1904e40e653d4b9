// The rows of a store that an index still describes: rows whose bytes are those that the index was built from.
//
//     const RowRanges described = described_rows(indexed, state, records);   // searches read all other rows
//     IndexedRows next = indexed_rows(state, stride, records, count);        // after an update with rows [0, count)
//
// An index stores the block sums (file/block_sums.hpp) of the rows that it was built from. Every overwrite of a row
// changes the sum of its block in the store, committed or not. So if the sums of a block are equal, its bytes are equal
// (except with probability 2^-32), after any history: overwrites, crashes, a store that was copied, restored, or cut
// and grown again. A row is described if the sums of all its blocks are equal.
//
// Rows that are appended after an update continue the sum of the last block of the index. From the sum of the new rows
// alone, which a search reads anyway, follows the sum before them: crc(ab) = shift(crc(a), |b|) ^ crc(b).
//
// The record in the index's file, little-endian:
//
//     offset size field
//          0    8 rows
//          8    8 bytes of a row
//         16    4 block_log2: each sum covers 2^this bytes
//         20    4 zero
//         24   32 a bit for each block: the index describes the whole block
//         56 1024 256 block sums
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <mapvec/detail/file/block_sums.hpp>
#include <mapvec/detail/file/row_state.hpp>
#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/crc32c.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct IndexedRows {
    std::uint64_t count = 0;
    std::uint64_t stride = 0;
    std::uint32_t block_log2 = 12;
    std::uint32_t zero = 0;
    std::array<std::uint64_t, BlockSums::blocks / 64> whole{};
    BlockSums::Sums sums{};

    [[nodiscard]] bool describes_block(std::size_t block) const noexcept {
        return (whole[block / 64] >> (block % 64) & 1) != 0;
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return count * stride; }

    // Marks the row as not described, and all rows that share its blocks. REQUIRES: id < count.
    void forget(Id id) noexcept {
        const std::uint64_t last = ((id + 1) * stride - 1) >> block_log2;
        for (std::uint64_t block = id * stride >> block_log2; block <= last; ++block)
            whole[block / 64] &= ~(std::uint64_t{1} << (block % 64));
    }
    // True if the numbers are possible. A file may contain any bytes.
    [[nodiscard]] bool is_sound() const noexcept {
        const auto length = checked_multiply(count, stride);
        return length && block_log2 >= 12 && block_log2 <= 54 &&
               *length <= std::uint64_t{BlockSums::blocks} << block_log2;
    }
};

static_assert(sizeof(IndexedRows) == 1080 && std::has_unique_object_representations_v<IndexedRows>);

// The record of an index that was built from the first `count` rows in `records`. REQUIRES: these rows are committed
// according to `state`. Reads less than one block.
[[nodiscard]] inline IndexedRows indexed_rows(const RowState& state, std::uint64_t stride, const std::byte* records,
                                              std::uint64_t count) noexcept {
    IndexedRows indexed;
    indexed.count = count;
    indexed.stride = stride;
    indexed.block_log2 = state.sums.block_log2();
    indexed.whole.fill(UINT64_MAX);
    const std::uint64_t end = indexed.bytes(), blocks = end >> indexed.block_log2;
    std::copy_n(state.sums.sums().begin(), blocks, indexed.sums.begin());
    const std::uint64_t begin = blocks << indexed.block_log2;
    if (end == begin) return indexed;
    indexed.sums[blocks] = end == state.sums.length()
                               ? state.sums.sums()[blocks]
                               : crc32c_raw(0, records + begin, static_cast<std::size_t>(end - begin));
    return indexed;
}

namespace index {

// Merges the bits for blocks of twice the size: bit n is set if the index describes both halves of block n.
inline void halve(std::array<std::uint64_t, BlockSums::blocks / 64>& whole) noexcept {
    const auto before = whole;
    const auto bit = [&](std::size_t block) { return before[block / 64] >> (block % 64) & 1; };
    for (std::size_t block = 0; block < BlockSums::blocks; ++block) {
        const bool both = 2 * block + 1 >= BlockSums::blocks || (bit(2 * block) & bit(2 * block + 1)) != 0;
        const std::uint64_t mask = std::uint64_t{1} << (block % 64);
        whole[block / 64] = both ? whole[block / 64] | mask : whole[block / 64] & ~mask;
    }
}

// The sums of an index and of a store, for the same block size.
struct Comparison {
    IndexedRows indexed;
    BlockSums then;
    BlockSums now;

    Comparison(const IndexedRows& rows, const RowState& state) noexcept
        : indexed(rows), then(rows.sums, rows.block_log2, rows.bytes()), now(state.sums) {
        now.coarsen(then.block_log2());
        for (; then.block_log2() < now.block_log2(); then.coarsen(then.block_log2() + 1)) halve(indexed.whole);
    }

    [[nodiscard]] bool agree(std::size_t block, const std::byte* records) const noexcept {
        const std::uint64_t begin = std::uint64_t{block} << now.block_log2(), end = begin + now.block_size();
        const std::uint64_t then_end = std::min(then.length(), end), now_end = std::min(now.length(), end);
        if (!indexed.describes_block(block) || then_end > now_end) return false;
        const std::uint64_t added = now_end - then_end;
        const std::uint32_t expected = crc32c_shift(then.sums()[block], added) ^
                                       crc32c_raw(0, records + then_end, static_cast<std::size_t>(added));
        return expected == now.sums()[block];
    }
};

}  // namespace index

// The rows below indexed.count that the index describes. REQUIRES: `records` holds at least the rows that state.sums
// covers. Reads less than one block of rows that the index does not have.
[[nodiscard]] inline RowRanges described_rows(const IndexedRows& indexed, const RowState& state,
                                              const std::byte* records) {
    RowRanges described;
    if (indexed.count == 0) return described;
    const index::Comparison sums(indexed, state);
    const std::uint64_t end = std::min(sums.then.length(), sums.now.length()), stride = indexed.stride;
    std::uint64_t begin = 0;  // begin of the current run of equal blocks
    const auto add = [&](std::uint64_t last) {
        if (begin < last) described.add((begin + stride - 1) / stride, last / stride);
    };
    for (std::size_t block = 0; std::uint64_t{block} << sums.now.block_log2() < end; ++block) {
        if (sums.agree(block, records)) continue;
        const std::uint64_t at = std::uint64_t{block} << sums.now.block_log2();
        add(at);
        begin = at + sums.now.block_size();
    }
    add(end);
    return described;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
