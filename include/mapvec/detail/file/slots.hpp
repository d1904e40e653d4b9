// The two commit slots of a file: their position, whether one is valid, and whether its numbers are possible.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

#include <mapvec/detail/util/bytes_of.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t sector_size = 512;  // a disk writes a sector completely or not at all

[[nodiscard]] constexpr std::uint64_t slot_offset(std::uint64_t generation) noexcept {
    return 1024 + (generation % 2) * sizeof(Slot);
}

[[nodiscard]] inline std::uint32_t checksum_of(const Slot& slot) noexcept {
    return detail::crc32c(bytes_of(slot).data() + sizeof slot.crc, sizeof slot - sizeof slot.crc);
}

// The end of the last record; nothing if no file can be so long.
[[nodiscard]] inline std::optional<std::uint64_t> records_end(std::uint64_t count, std::uint64_t stride) noexcept {
    const auto bytes = detail::checked_multiply(count, stride);
    const auto end = bytes ? detail::checked_add(*bytes, data_offset) : std::nullopt;
    if (!end || *end > max_file_bytes) return std::nullopt;
    return end;
}

// The slot with this parity, if its checksum is valid.
[[nodiscard]] inline std::optional<Slot> read_slot(const std::byte* file, std::uint64_t parity) noexcept {
    Slot slot;
    std::memcpy(&slot, file + slot_offset(parity), sizeof slot);
    if (slot.crc != checksum_of(slot) || slot.generation == 0 || slot.generation % 2 != parity % 2) return std::nullopt;
    return slot;
}

// The slot with the later generation; either may be missing.
[[nodiscard]] inline std::optional<Slot> newer(const std::optional<Slot>& a, const std::optional<Slot>& b) noexcept {
    return !b || (a && a->generation > b->generation) ? a : b;
}

// True if the first `n` bytes of a slot were never written.
[[nodiscard]] inline bool slot_is_blank(const std::byte* file, std::uint64_t parity,
                                        std::size_t n = sizeof(Slot)) noexcept {
    const std::byte* const slot = file + slot_offset(parity);
    return std::all_of(slot, slot + n, [](std::byte byte) { return byte == std::byte{0}; });
}

// True for a root whose first slot (generation 1) was never completed. Its first sector is written when everything else
// is durable.
[[nodiscard]] inline bool creation_is_unfinished(const std::byte* root) noexcept {
    return slot_is_blank(root, 0) && slot_is_blank(root, first_generation, sector_size);
}

// True if the slot has no tail, or its tail has the right checksum.
[[nodiscard]] inline bool tail_holds(const Slot& slot, std::uint64_t stride, const std::byte* file,
                                     std::uint64_t size) noexcept {
    if (slot.tail_count == 0 || slot.tail_count > slot.record_count) return true;
    const auto begin = records_end(slot.record_count - slot.tail_count, stride);
    const auto end = records_end(slot.record_count, stride);
    if (!end || *end > size || *end - *begin > max_tail_bytes) return false;
    return crc32c_raw(0, file + *begin, static_cast<std::size_t>(*end - *begin)) == slot.tail_crc;
}

// Checks that the numbers of a slot are possible in a file of `size` bytes. REQUIRES: its tail is valid. Everything
// else was durable before the slot was written. So a contradiction is damage (for example a truncated file), and never
// the result of a crash.
inline void check_slot(const Slot& slot, std::uint64_t stride, std::uint64_t size, const std::filesystem::path& file) {
    const auto end = records_end(slot.record_count, stride);
    if (!end || *end > size)
        throw Error(ErrorCode::corrupt, file,
                    mismatch("file size", "at least " + std::to_string(end.value_or(0)), size));
    if (slot.block_log2 < 12 || slot.block_log2 > 54 ||
        *end - data_offset > std::uint64_t{blocks_per_slot} << slot.block_log2)
        throw Error(ErrorCode::corrupt, file, mismatch("block size", "2^12..2^54", slot.block_log2));
    const std::uint64_t most = std::min(slot.record_count, max_tail_bytes / stride);
    if (slot.tail_count > most)
        throw Error(ErrorCode::corrupt, file, mismatch("tail", "at most " + std::to_string(most), slot.tail_count));
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
