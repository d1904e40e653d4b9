// MappedArray: records of one size in one growable file, one after the other behind a header page.
//
//     array.stage(row);                  // writes behind the last record; not visible yet
//     array.publish(1);                  // now every thread sees it
//     array.overwrite(0, other);         // visible in this process at once, in the file after the commit
//
// Vectors, payload bytes, offset tables and erasures are all MappedArrays. An array grows, shows its records to
// readers, and records the changes since the last commit. CommitGroup (storage/commit_group.hpp) owns the arrays of a
// store, and decides when changes become durable.
//
// Threads. One thread writes. Any number of threads may call size(), records() and the functions that use them at the
// same time. size() counts whole records only. Pointers stay valid as long as the array.
//
// Growth. The capacity doubles, by at least 64 KiB and at most 1 GiB; if the disk has not so much space, it grows by
// the needed amount. New capacity has disk blocks, so that filling it cannot fail; the gap that insert() leaves has
// none. Throws no_space, and then the array is unchanged.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/detail/file/block_sums.hpp>
#include <mapvec/detail/file/id_set.hpp>
#include <mapvec/detail/file/row_state.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
class MappedArray {
  public:
    MappedArray(File file, const FileHeader& header, OpenMode mode)
        : file_(std::move(file)), header_(header), mode_(mode), stride_(header.stride) {}

    // --- reading ---

    [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(); }
    [[nodiscard]] std::uint64_t stride() const noexcept { return stride_; }
    [[nodiscard]] std::uint64_t capacity() const noexcept {
        const std::uint64_t bytes = file_.size();
        return bytes < data_offset ? 0 : (bytes - data_offset) / stride_;
    }
    // REQUIRES: size() > 0. To see n records, call size() first and get at least n.
    [[nodiscard]] const std::byte* records() const noexcept { return file_.data() + data_offset; }
    [[nodiscard]] std::span<const std::byte> record(std::uint64_t index) const noexcept {
        assert(index < size());
        return {records() + index * stride_, static_cast<std::size_t>(stride_)};
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }
    [[nodiscard]] const FileHeader& header() const noexcept { return header_; }

    // The block sums of the records, for an index that follows them. The version changes with every change of committed
    // records.
    [[nodiscard]] detail::RowState state() const noexcept { return state_.read(); }
    [[nodiscard]] std::uint64_t state_version() const noexcept { return state_.version(); }

    // --- writing: throws read_only, no_space, io, out_of_range; the array is then as it was ---

    // Allocates capacity for `count` records.
    void reserve(std::uint64_t count) {
        check_writable();
        const std::uint64_t end = end_of(count);
        if (end > file_.size()) grow(end, file_.size());
    }

    void shrink_to_fit() {
        check_writable();
        truncate();
    }

    // Writes whole records behind the last one. They are not visible before publish(). Staging again replaces staged
    // records.
    void stage(std::span<const std::byte> records) {
        const std::uint64_t at = end();
        if (records.size() > file_.size() - at || mode_ != OpenMode::read_write) make_room(at, records.size());
        written_ = std::max(written_, at + records.size());
        file_.stream(at, records);
    }

    // Makes `count` records visible. REQUIRES: so many records were staged.
    void publish(std::uint64_t count) noexcept {
        const std::uint64_t size = size_.load() + count;
        size_.store(size);
        while (unsummed() >= max_unsummed) sum(sum_step);
    }

    // Appends many records, directly from the caller's memory.
    void append(std::span<const std::byte> records);

    // Adds a record behind the last one, at any distance. The records in between are zeros, and a hole in the file.
    void insert(std::uint64_t index, std::span<const std::byte> record);

    // REQUIRES: index < size(). Not beside a thread that reads this record. The file has it after the next commit.
    void overwrite(std::uint64_t index, std::span<const std::byte> record) {
        prepare_overwrite(index);
        overwrite_prepared(index, record);
    }
    // The same in two steps, for changes of several arrays. Only the first step can fail, and it changes nothing
    // visible. REQUIRES: no other write to this array between the two steps.
    void prepare_overwrite(std::uint64_t index);
    void overwrite_prepared(std::uint64_t index, std::span<const std::byte> record) noexcept;

    // --- for CommitGroup ---

    [[nodiscard]] File& file() noexcept { return file_; }
    [[nodiscard]] const File& file() const noexcept { return file_; }

    [[nodiscard]] bool changed() const noexcept { return size() != committed_ || !dirty_.empty(); }
    // The largest number of journal bytes that the changes since the last commit take.
    [[nodiscard]] std::uint64_t bytes_changed() const noexcept {
        return (size() - committed_) * stride_ + dirty_.size_at_most() * (stride_ + 24) + 4096;
    }
    // True if the size of the file or of its blocks has changed since the last checkpoint: a journal record cannot
    // express this.
    [[nodiscard]] bool outgrew_journal() const noexcept { return grown_ || sums_.block_log2() != slot_block_log2_; }

    // True if a slot may have the records since the last checkpoint as its tail: only appended records, few enough to
    // read at open, and without gaps.
    [[nodiscard]] bool tail_is_provable() const noexcept {
        return dirty_.empty() && logged_.empty() && gap_end_ <= checkpointed_ &&
               (size() - checkpointed_) <= max_tail_bytes / stride_;
    }

    // Computes the missing checksums for the next commit, while the disk writes.
    void finish_checksums() noexcept {
        for (; unsummed() > sync_piece; sum(sync_piece)) file_.start_sync(data_offset + sums_.length(), sync_piece);
        sum(unsummed());
    }
    void put_changes(detail::JournalRecordWriter& record, std::uint32_t file_index);
    void put_overwrites(detail::JournalRecordWriter& record, std::uint32_t file_index, detail::IdSet& overwritten);
    // The slot of this state. With `tail`, the records since the last checkpoint are its tail.
    [[nodiscard]] Slot slot(bool tail) const noexcept;

    // The file gets what only the view has of appended records. Throws no_space, io; may be called again then.
    void write_appended();
    // Takes the memory that mark_committed() needs, which comes when it is too late to throw.
    void prepare_to_mark() { logged_.reserve_for(dirty_); }
    void mark_committed() noexcept {
        committed_ = size();
        protected_ = 0;
        sums_.forget_changes();
        logged_.add(dirty_);
        dirty_.clear();
        state_.publish(committed_, sums_);
    }
    // Records that a checkpoint is durable. `carried` are overwrites in its journal that the file does not contain.
    void mark_checkpoint(detail::IdSet carried) noexcept;
    // If the file contains everything, the view may show the file again.
    void drop_overlays_if_written() {
        if (logged_.empty()) file_.drop_overlays();
    }
    void write_logged();
    // A slot that may be current from now on counts all records: until the next commit none is overwritten in the file.
    void protect_all() noexcept { protected_ = size(); }
    [[nodiscard]] detail::IdSet& dirty() noexcept { return dirty_; }
    [[nodiscard]] detail::IdSet& logged() noexcept { return logged_; }

    // The next functions restore the bytes of a commit. New records are not visible before show_committed().
    void restore(const Slot& slot);
    // After restore() of an array in use: its file may have grown since the checkpoint.
    void expect_growth() noexcept { grown_ = true; }
    void replay(const detail::Change& change, const std::filesystem::path& journal);
    // The number of records in the last commit, visible or not.
    [[nodiscard]] std::uint64_t committed() const noexcept { return committed_; }
    // Makes the records of the last commit visible to other threads.
    void show_committed() noexcept {
        size_.store(committed_);
        state_.publish(committed_, sums_);
    }
    void truncate_to_committed();
    // Checks all block sums. Calls checked(bytes) after each piece.
    template <class Checked>
    void verify(Checked&& checked) const;

  private:
    static constexpr std::uint64_t min_step = 64 << 10;
    static constexpr std::uint64_t max_step = std::uint64_t{1} << 30;
    // The commit computes checksums while the disk writes. But if more than this is missing, publish() computes them,
    // so that the bytes are still in memory.
    static constexpr std::uint64_t max_unsummed = std::uint64_t{4} << 30;
    static constexpr std::uint64_t sum_step = 128 << 10;
    static constexpr std::uint64_t sync_piece = 16 << 20;

    [[nodiscard]] std::uint64_t end() const noexcept { return data_offset + size() * stride_; }
    [[nodiscard]] std::uint64_t end_of(std::uint64_t count) const {
        const auto end = detail::records_end(count, stride_);
        if (!end)
            throw Error(
                ErrorCode::out_of_range, path(),
                std::to_string(count) + " records of " + std::to_string(stride_) + " bytes: no file is so long");
        return *end;
    }
    // Truncates the file to its last record. A system that cannot truncate a mapped file leaves it longer.
    void truncate() {
        if (file_.size() > end()) file_.resize(end());
        written_ = std::min(written_, file_.size());
    }
    void check_writable() const {
        if (mode_ != OpenMode::read_write) throw Error(ErrorCode::read_only, path(), "the store is open for reading");
    }
    // The number of bytes that the checksums do not cover yet.
    [[nodiscard]] std::uint64_t unsummed() const noexcept { return size() * stride_ - sums_.length(); }
    void sum(std::uint64_t n) noexcept { sums_.append(records() + sums_.length(), n); }
    void write_from_view(detail::IdSet& ids);
    // The set of overwritten records that an id belongs to.
    [[nodiscard]] detail::IdSet& overwritten(std::uint64_t index) noexcept {
        return index < std::max(committed_, protected_) ? dirty_ : overwritten_;
    }
    void make_room(std::uint64_t first_used, std::uint64_t bytes);
    void grow(std::uint64_t size, std::uint64_t first_used);
    void put_run(detail::JournalRecordWriter& record, std::uint64_t first, std::uint64_t n) const {
        record.put_write(first * stride_, {records() + first * stride_, static_cast<std::size_t>(n * stride_)});
    }

    File file_;
    FileHeader header_;
    OpenMode mode_;
    std::uint64_t stride_;
    detail::MovableAtomic<std::uint64_t> size_;
    std::uint64_t committed_ = 0;           // records of the last commit
    std::uint64_t checkpointed_ = 0;        // records of the last checkpoint
    std::uint64_t protected_ = 0;           // and of a slot that could not be written, or not be made durable
    std::uint64_t written_ = 0;             // the file has only zeros behind this offset
    std::uint64_t gap_begin_ = UINT64_MAX;  // range of the records that insert() has skipped
    std::uint64_t gap_end_ = 0;
    detail::BlockSums sums_;  // may cover less than size()
    detail::PublishedRowState state_;
    std::uint32_t slot_block_log2_ = 0;
    bool grown_ = true;
    detail::IdSet dirty_;        // committed or protected records, overwritten in the view since the last commit
    detail::IdSet logged_;       // committed records that are in the journal, not in the file
    detail::IdSet overwritten_;  // appended records, overwritten since: the file may have older bytes
};

// --- writing ---

template <Storage File>
void MappedArray<File>::append(std::span<const std::byte> records) {
    const std::uint64_t at = end();
    make_room(at, records.size());
    written_ = std::max(written_, at + records.size());
    file_.write(at, records);
    publish(records.size() / stride_);
}

template <Storage File>
void MappedArray<File>::insert(std::uint64_t index, std::span<const std::byte> record) {
    assert(index >= size());
    const std::uint64_t count = index + 1;
    if (count == 0) (void)end_of(index);
    const std::uint64_t at = end_of(count) - stride_;
    make_room(at, stride_);
    for (std::uint64_t from = end(), to = std::min(written_, at); from < to;) {  // a failed append may have left bytes
        static constexpr std::byte zeros[4096]{};
        const std::uint64_t n = std::min<std::uint64_t>(to - from, sizeof zeros);
        file_.write(from, {zeros, static_cast<std::size_t>(n)});
        from += n;
    }
    written_ = std::max(written_, at + stride_);
    file_.write(at, record);
    sum(unsummed());
    sums_.append_zeros((index - size()) * stride_);
    if (index > size()) {
        gap_begin_ = std::min(gap_begin_, size());
        gap_end_ = index;
    }
    size_.store(index);
    publish(1);
}

// Overwrites the view first, for committed records and others: a failed write to the file might leave half of the
// record.
template <Storage File>
void MappedArray<File>::prepare_overwrite(std::uint64_t index) {
    assert(index < size());
    if (mode_ == OpenMode::read_only) check_writable();
    const std::uint64_t offset = data_offset + index * stride_;
    // On a full tmpfs, touching a hole raises SIGBUS.
    if (index >= gap_begin_ && index < gap_end_) file_.allocate(offset, stride_);
    overwritten(index).reserve_one();
    file_.prepare_overlay(offset, stride_);
}

template <Storage File>
void MappedArray<File>::overwrite_prepared(std::uint64_t index, std::span<const std::byte> record) noexcept {
    assert(index < size() && record.size() == stride_);
    const std::uint64_t offset = index * stride_;
    sums_.replace(offset, records() + offset, record.data(), stride_);
    overwritten(index).add(index);
    file_.overlay(data_offset + offset, record);
    state_.publish(committed_, sums_);
}

template <Storage File>
void MappedArray<File>::make_room(std::uint64_t first_used, std::uint64_t bytes) {
    check_writable();
    const auto needed = detail::checked_add(first_used, bytes);
    if (!needed) (void)end_of(UINT64_MAX);
    if (*needed <= file_.size()) return;
    const std::uint64_t step = std::clamp(file_.size(), min_step, max_step);
    const std::uint64_t wish = std::max(*needed, file_.size() + step);
    try {
        grow(wish, first_used);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::no_space || wish == *needed) throw;
        grow(*needed, first_used);
    }
}

// Allocates blocks from `first_used` on. The bytes before it are a gap that may stay a hole.
template <Storage File>
void MappedArray<File>::grow(std::uint64_t size, std::uint64_t first_used) {
    const std::uint64_t before = file_.size();
    const std::uint64_t from = std::max(before, first_used);
    file_.resize(size);
    try {
        file_.allocate(from, size - from);
    } catch (...) {
        file_.resize(before);
        throw;
    }
    grown_ = true;
}

// --- committing ---

template <Storage File>
void MappedArray<File>::write_appended() {
    file_.finish_stream();
    write_from_view(overwritten_);
    overwritten_.clear();
}

template <Storage File>
void MappedArray<File>::put_changes(detail::JournalRecordWriter& record, std::uint32_t file_index) {
    detail::ChangeHeader header{.file_index = file_index, .sums = 0, .count = size(), .writes = 0};
    const std::size_t at = record.size();
    record.put(header);
    for (std::uint32_t block = 0; block < detail::BlockSums::blocks; ++block) {
        if (!sums_.changed().test(block)) continue;
        record.put(detail::ChangedSum{block, sums_.sums()[block]});
        ++header.sums;
    }
    if (size() > committed_) {
        put_run(record, committed_, size() - committed_);
        ++header.writes;
    }
    dirty_.each_run([&](std::uint64_t first, std::uint64_t n) {
        put_run(record, first, n);
        ++header.writes;
    });
    record.patch(at, header);
}

template <Storage File>
void MappedArray<File>::put_overwrites(detail::JournalRecordWriter& record, std::uint32_t file_index,
                                       detail::IdSet& overwritten) {
    detail::ChangeHeader header{.file_index = file_index, .sums = 0, .count = size(), .writes = 0};
    const std::size_t at = record.size();
    record.put(header);
    overwritten.each_run([&](std::uint64_t first, std::uint64_t n) {
        put_run(record, first, n);
        ++header.writes;
    });
    record.patch(at, header);
}

template <Storage File>
Slot MappedArray<File>::slot(bool tail) const noexcept {
    Slot slot;
    slot.record_count = size();
    slot.tail_count = tail ? slot.record_count - checkpointed_ : 0;
    slot.tail_crc =
        detail::crc32c_raw(0, records() + (slot.record_count - slot.tail_count) * stride_, slot.tail_count * stride_);
    slot.block_log2 = sums_.block_log2();
    slot.block_crcs = sums_.sums();
    return slot;
}

template <Storage File>
void MappedArray<File>::mark_checkpoint(detail::IdSet carried) noexcept {
    dirty_.clear();  // they are in the file, or carried
    mark_committed();
    checkpointed_ = size();
    logged_ = std::move(carried);
    slot_block_log2_ = sums_.block_log2();
    grown_ = false;
}

// Writes the overwrites of the journal to the file. A crash during this is harmless: open() applies the journal again.
template <Storage File>
void MappedArray<File>::write_logged() {
    write_from_view(logged_);
}

template <Storage File>
void MappedArray<File>::write_from_view(detail::IdSet& ids) {
    ids.each_run([&](std::uint64_t first, std::uint64_t n) {
        const std::uint64_t at = data_offset + first * stride_;
        file_.write(at, {file_.data() + at, static_cast<std::size_t>(n * stride_)});
    });
}

// --- recovering ---

// Restores the state of a checkpoint, before its journal. REQUIRES: the slot was checked. A writer writes the tail of
// the slot again, because after a crash the page cache may show bytes that the disk does not have.
template <Storage File>
void MappedArray<File>::restore(const Slot& slot) {
    file_.drop_overlays();
    dirty_.clear();
    logged_.clear();
    overwritten_.clear();
    sums_ = detail::BlockSums(slot.block_crcs, slot.block_log2, slot.record_count * stride_);
    slot_block_log2_ = slot.block_log2;
    grown_ = false;
    committed_ = checkpointed_ = slot.record_count;
    protected_ = 0;
    if (mode_ == OpenMode::read_write && slot.tail_count > 0) {
        const std::uint64_t offset = (slot.record_count - slot.tail_count) * stride_;
        const std::vector<std::byte> copy(records() + offset, records() + slot.record_count * stride_);
        file_.write(data_offset + offset, copy);
    }
    written_ = std::max(written_, data_offset + slot.record_count * stride_);
}

// Applies a change of the journal. A writer writes appended records to the file again, because the page cache may show
// bytes that the disk does not have. Overwrites stay in the view, because readers may use the file.
template <Storage File>
void MappedArray<File>::replay(const detail::Change& change, const std::filesystem::path& journal) {
    const auto refuse = [&] {
        throw Error(ErrorCode::corrupt, journal, "a journal record does not fit " + path().string());
    };
    const auto end = detail::records_end(change.count, stride_);
    const std::uint64_t blocks_end = std::uint64_t{detail::BlockSums::blocks} << sums_.block_log2();
    // Every growth is followed by a checkpoint, so the file is long enough for its journal.
    if (!end || change.count < committed_ || *end > file_.size() || *end - data_offset > blocks_end) refuse();
    for (const auto& write : change.writes) {
        const auto write_end = detail::checked_add(write.offset, write.bytes.size());
        if (!write_end || *write_end > *end - data_offset) refuse();
        if (write.offset % stride_ != 0 || write.bytes.size() % stride_ != 0) refuse();
        const std::uint64_t at = data_offset + write.offset;
        const bool appended = write.offset >= committed_ * stride_;
        if (mode_ == OpenMode::read_write && appended) {
            file_.write(at, write.bytes);
        } else if (mode_ == OpenMode::read_write) {
            file_.overlay(at, write.bytes);
            for (std::uint64_t n = 0; n < write.bytes.size() / stride_; ++n) logged_.add(write.offset / stride_ + n);
        } else if (std::memcmp(file_.data() + at, write.bytes.data(), write.bytes.size()) != 0) {
            file_.overlay(at, write.bytes);
        }
    }
    for (const auto& [block, sum] : change.sums)
        if (!sums_.set(block, sum)) refuse();
    sums_.set_length(change.count * stride_);
    committed_ = change.count;
    written_ = std::max(written_, *end);
}

// After a crash the file may contain uncommitted records, and other bytes where a gap must be zero.
template <Storage File>
void MappedArray<File>::truncate_to_committed() {
    written_ = file_.size();
    truncate();
}

template <Storage File>
template <class Checked>
void MappedArray<File>::verify(Checked&& checked) const {
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
