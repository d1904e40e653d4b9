// BlockSums: checksums of all records of a file, in a table of fixed size: 256 sums, one for each block. When the file
// outgrows the table, the block size doubles.
//
// The bare register of CRC-32C is linear, which makes every operation cheap. An append continues the last sum. A hole
// is a shift. An overwrite adds the sum of the difference, shifted to the end of its block. Two blocks merge without
// reading either.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include <mapvec/detail/util/crc32c.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class BlockSums {
  public:
    static constexpr std::size_t blocks = 256;
    using Sums = std::array<std::uint32_t, blocks>;

    BlockSums() noexcept = default;
    BlockSums(const Sums& sums, std::uint32_t block_log2, std::uint64_t length) noexcept
        : sums_(sums), block_log2_(block_log2), length_(length) {}

    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }  // number of bytes that the sums cover
    [[nodiscard]] std::uint32_t block_log2() const noexcept { return block_log2_; }
    [[nodiscard]] const Sums& sums() const noexcept { return sums_; }
    [[nodiscard]] const std::bitset<blocks>& changed() const noexcept { return changed_; }
    void forget_changes() noexcept { changed_.reset(); }

    // Adds `n` bytes at the end.
    void append(const std::byte* bytes, std::uint64_t n) noexcept {
        make_room(length_ + n);
        while (n > 0) {
            const std::uint64_t piece = std::min(n, block_end(length_) - length_);
            std::uint32_t& sum = touch(length_);
            sum = crc32c_raw(sum, bytes, static_cast<std::size_t>(piece));
            bytes += piece;
            length_ += piece;
            n -= piece;
        }
    }

    // Adds `n` zeros at the end. A block of zeros has the sum 0.
    void append_zeros(std::uint64_t n) noexcept {
        make_room(length_ + n);
        if (n == 0) return;
        std::uint32_t& sum = touch(length_);
        sum = crc32c_shift(sum, std::min(n, block_end(length_) - length_));
        length_ += n;
    }

    // Replaces the bytes `before` at `offset` by `after`. Bytes behind length() are not covered and are ignored.
    void replace(std::uint64_t offset, const std::byte* before, const std::byte* after, std::uint64_t n) noexcept {
        n = offset < length_ ? std::min(n, length_ - offset) : 0;
        while (n > 0) {
            const std::uint64_t end = std::min(block_end(offset), length_);
            const std::uint64_t piece = std::min(n, end - offset);
            const auto size = static_cast<std::size_t>(piece);
            const std::uint32_t difference = crc32c_raw(0, before, size) ^ crc32c_raw(0, after, size);
            touch(offset) ^= crc32c_shift(difference, end - offset - piece);
            before += piece;
            after += piece;
            offset += piece;
            n -= piece;
        }
    }

    // Sets the sum of a block, from a journal. Returns false if there is no such block.
    [[nodiscard]] bool set(std::uint32_t block, std::uint32_t sum) noexcept {
        if (block >= blocks) return false;
        sums_[block] = sum;
        return true;
    }
    void set_length(std::uint64_t length) noexcept { length_ = length; }

    [[nodiscard]] std::uint64_t block_size() const noexcept { return std::uint64_t{1} << block_log2_; }

    // Merges blocks until they have at least 2^block_log2 bytes.
    void coarsen(std::uint32_t block_log2) noexcept {
        while (block_log2_ < block_log2) merge_pairs();
    }

    // Returns the first block whose bytes do not have the right sum, or `blocks`. Calls checked(bytes) after each piece
    // that was read.
    template <class Checked>
    [[nodiscard]] std::size_t first_damaged(const std::byte* records, Checked&& checked) const {
        constexpr std::uint64_t piece = 16 << 20;
        for (std::size_t block = 0; block < blocks && (block << block_log2_) < length_; ++block) {
            const std::uint64_t end = std::min(std::uint64_t{block + 1} << block_log2_, length_);
            std::uint32_t sum = 0;
            for (std::uint64_t at = std::uint64_t{block} << block_log2_; at < end;) {
                const std::uint64_t n = std::min(piece, end - at);
                sum = crc32c_raw(sum, records + at, static_cast<std::size_t>(n));
                at += n;
                checked(n);
            }
            if (sum != sums_[block]) return block;
        }
        return blocks;
    }

  private:
    [[nodiscard]] std::uint64_t block_end(std::uint64_t at) const noexcept {
        return ((at >> block_log2_) + 1) << block_log2_;
    }
    [[nodiscard]] std::uint32_t& touch(std::uint64_t at) noexcept {
        const auto block = static_cast<std::size_t>(at >> block_log2_);
        changed_.set(block);
        return sums_[block];
    }

    void make_room(std::uint64_t length) noexcept {
        while (length > std::uint64_t{blocks} << block_log2_) merge_pairs();
    }

    void merge_pairs() noexcept {
        for (std::size_t block = 0; block < blocks; ++block) {
            const std::size_t left = 2 * block;
            const std::uint64_t right_begin = std::uint64_t{left + 1} << block_log2_;
            const std::uint64_t right_end = std::min(right_begin + block_size(), length_);
            if (left >= blocks)
                sums_[block] = 0;
            else if (right_begin >= length_)
                sums_[block] = sums_[left];
            else
                sums_[block] = crc32c_shift(sums_[left], right_end - right_begin) ^ sums_[left + 1];
        }
        ++block_log2_;
        changed_.set();
    }

    Sums sums_{};
    std::uint32_t block_log2_ = 12;
    std::uint64_t length_ = 0;
    std::bitset<blocks> changed_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
