// The functions of MappedArray that commit (storage/mapped_array.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/detail/file/block_sums.hpp>
#include <mapvec/detail/file/id_set.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_array.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
void MappedArray<File>::write_appended() {
    file_.finish_stream();
    changes_.each_overwritten_appended([&](std::uint64_t first, std::uint64_t n) { write_from_view(first, n); });
    changes_.forget_overwritten_appended();
}

template <Storage File>
void MappedArray<File>::finish_checksums() noexcept {
    for (; unsummed() > sync_piece; sum(sync_piece)) file_.start_sync(data_offset + sums_.length(), sync_piece);
    sum(unsummed());
}

// --- journal records ---

template <Storage File>
void MappedArray<File>::put_changes(detail::JournalRecordWriter& record, std::uint32_t file_index) {
    put_change(record, file_index, [&](detail::ChangeHeader& change) {
        for (std::uint32_t block = 0; block < detail::BlockSums::blocks; ++block) {
            if (!sums_.changed().test(block)) continue;
            record.put(detail::ChangedSum{block, sums_.sums()[block]});
            ++change.sums;
        }
        if (size() > committed()) put_run(record, change, committed(), size() - committed());
        changes_.each_overwritten([&](std::uint64_t first, std::uint64_t n) { put_run(record, change, first, n); });
    });
}

template <Storage File>
void MappedArray<File>::put_overwrites(detail::JournalRecordWriter& record, std::uint32_t file_index,
                                       detail::IdSet& overwritten) {
    put_change(record, file_index, [&](detail::ChangeHeader& change) {
        overwritten.each_run([&](std::uint64_t first, std::uint64_t n) { put_run(record, change, first, n); });
    });
}

// put(header) puts the sums and the writes, and counts them in the header.
template <Storage File>
template <class Put>
void MappedArray<File>::put_change(detail::JournalRecordWriter& record, std::uint32_t file_index, Put put) const {
    detail::ChangeHeader header{.file_index = file_index, .sums = 0, .count = size(), .writes = 0};
    const std::size_t at = record.size();
    record.put(header);
    put(header);
    record.patch(at, header);
}

template <Storage File>
void MappedArray<File>::put_run(detail::JournalRecordWriter& record, detail::ChangeHeader& change, std::uint64_t first,
                                std::uint64_t n) const {
    record.put_write(first * stride_, {records() + first * stride_, static_cast<std::size_t>(n * stride_)});
    ++change.writes;
}

template <Storage File>
void MappedArray<File>::mark_committed() noexcept {
    changes_.commit(size());
    sums_.forget_changes();
    publish_state();
}

// --- checkpoints ---

template <Storage File>
detail::IdSet MappedArray<File>::write_logged() {
    changes_.each_logged([&](std::uint64_t first, std::uint64_t n) { write_from_view(first, n); });
    return changes_.missing_without_logged();
}

template <Storage File>
Slot MappedArray<File>::slot(bool tail) const noexcept {
    Slot slot;
    slot.record_count = size();
    slot.tail_count = tail ? slot.record_count - changes_.checkpointed() : 0;
    slot.tail_crc =
        detail::crc32c_raw(0, records() + (slot.record_count - slot.tail_count) * stride_, slot.tail_count * stride_);
    slot.block_log2 = sums_.block_log2();
    slot.block_crcs = sums_.sums();
    return slot;
}

template <Storage File>
void MappedArray<File>::mark_checkpoint(detail::IdSet&& missing) noexcept {
    changes_.checkpoint(size(), std::move(missing));
    sums_.forget_changes();
    publish_state();
    slot_block_log2_ = sums_.block_log2();
    grown_ = false;
}

template <Storage File>
void MappedArray<File>::write_from_view(std::uint64_t first, std::uint64_t n) {
    const std::uint64_t at = data_offset + first * stride_;
    file_.write(at, {file_.data() + at, static_cast<std::size_t>(n * stride_)});
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
