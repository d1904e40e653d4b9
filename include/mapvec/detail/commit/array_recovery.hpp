// The functions of MappedArray that restore the bytes of a commit, and check them (storage/mapped_array.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/detail/file/block_sums.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_array.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// A writer writes the tail of the slot again, because after a crash the page cache may show bytes that the disk does
// not have.
template <Storage File>
void MappedArray<File>::restore(const Slot& slot) {
    file_.drop_overlays();
    changes_.restore(slot.record_count);
    sums_ = detail::BlockSums(slot.block_crcs, slot.block_log2, slot.record_count * stride_);
    slot_block_log2_ = slot.block_log2;
    grown_ = false;
    if (mode_ == OpenMode::read_write && slot.tail_count > 0) {
        const std::uint64_t offset = (slot.record_count - slot.tail_count) * stride_;
        const std::vector<std::byte> copy(records() + offset, records() + slot.record_count * stride_);
        file_.write(data_offset + offset, copy);
    }
    written_ = std::max(written_, data_offset + slot.record_count * stride_);
}

template <Storage File>
void MappedArray<File>::replay(const detail::Change& change, const std::filesystem::path& journal) {
    check_change(change, journal);
    for (const auto& write : change.writes) replay_write(write);
    for (const auto& [block, sum] : change.sums)
        if (!sums_.set(block, sum)) refuse_change(journal);
    sums_.set_length(change.count * stride_);
    changes_.replay(change.count);
    written_ = std::max(written_, data_offset + change.count * stride_);
}

template <Storage File>
void MappedArray<File>::check_change(const detail::Change& change, const std::filesystem::path& journal) const {
    const auto end = detail::records_end(change.count, stride_);
    const std::uint64_t blocks_end = std::uint64_t{detail::BlockSums::blocks} << sums_.block_log2();
    // Every growth is followed by a checkpoint, so the file is long enough for its journal.
    if (!end || change.count < committed() || *end > file_.size() || *end - data_offset > blocks_end)
        refuse_change(journal);
    for (const auto& write : change.writes) {
        const auto write_end = detail::checked_add(write.offset, write.bytes.size());
        if (!write_end || *write_end > *end - data_offset) refuse_change(journal);
        if (write.offset % stride_ != 0 || write.bytes.size() % stride_ != 0) refuse_change(journal);
    }
}

template <Storage File>
void MappedArray<File>::refuse_change(const std::filesystem::path& journal) const {
    throw Error(ErrorCode::corrupt, journal, "a journal record does not fit " + path().string());
}

// A writer writes appended records to the file again, because the page cache may show bytes that the disk does not
// have. Overwrites stay in the view, because readers may use the file.
template <Storage File>
void MappedArray<File>::replay_write(const detail::JournalWrite& write) {
    const std::uint64_t at = data_offset + write.offset;
    const bool appended = write.offset >= committed() * stride_;
    if (mode_ == OpenMode::read_write && appended) {
        file_.write(at, write.bytes);
    } else if (mode_ == OpenMode::read_write) {
        file_.overlay(at, write.bytes);
        for (std::uint64_t n = 0; n < write.bytes.size() / stride_; ++n)
            changes_.add_logged(write.offset / stride_ + n);
    } else if (std::memcmp(file_.data() + at, write.bytes.data(), write.bytes.size()) != 0) {
        file_.overlay(at, write.bytes);
    }
}

template <Storage File>
template <class Checked>
void MappedArray<File>::verify(Checked&& checked) const {
    const detail::ReadInOrder in_order(access(), records(), static_cast<std::size_t>(sums_.length()));
    const std::size_t block = sums_.first_damaged(records(), checked);
    if (block == detail::BlockSums::blocks) return;
    const std::uint64_t begin = block * sums_.block_size();
    const std::uint64_t end = std::min(begin + sums_.block_size(), sums_.length());
    const std::string records = stride_ == 1 ? ""
                                             : " (records " + std::to_string(begin / stride_) + " to " +
                                                   std::to_string((end - 1) / stride_) + ")";
    throw Error(ErrorCode::corrupt, path(),
                "bytes " + std::to_string(data_offset + begin) + " to " + std::to_string(data_offset + end - 1) +
                    records + " do not have the checksum they were committed with");
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
