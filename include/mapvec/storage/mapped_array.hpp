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
#include <mapvec/detail/file/changed_records.hpp>
#include <mapvec/detail/file/id_set.hpp>
#include <mapvec/detail/file/read_in_order.hpp>
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
    [[nodiscard]] Access access() const noexcept { return detail::access_of(file_); }
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

    // --- for CommitGroup: committing (detail/commit/array_commit.hpp) ---

    [[nodiscard]] File& file() noexcept { return file_; }
    [[nodiscard]] const File& file() const noexcept { return file_; }

    [[nodiscard]] bool changed() const noexcept { return changes_.any(size()); }
    // The largest number of journal bytes that the changes since the last commit take.
    [[nodiscard]] std::uint64_t max_journal_bytes() const noexcept {
        return (size() - committed()) * stride_ + changes_.max_overwritten() * (stride_ + 24) + 4096;
    }
    // True if the size of the file or of its blocks has changed since the last checkpoint: a journal record cannot
    // express this.
    [[nodiscard]] bool outgrew_journal() const noexcept { return grown_ || sums_.block_log2() != slot_block_log2_; }
    // True if a slot may have the records since the last checkpoint as its tail: only appended records, few enough to
    // read at open, and without gaps.
    [[nodiscard]] bool tail_is_provable() const noexcept {
        return changes_.only_appended() && gap_end_ <= changes_.checkpointed() &&
               (size() - changes_.checkpointed()) <= max_tail_bytes / stride_;
    }

    // Writes to the file the appended records that only the view has. Throws no_space, io; may be called again then.
    void write_appended();
    // Computes the missing checksums for the next commit, while the disk writes.
    void finish_checksums() noexcept;
    // Takes the memory that mark_committed() needs, which must not throw.
    void prepare_to_mark() { changes_.reserve_for_commit(); }
    void put_changes(detail::JournalRecordWriter& record, std::uint32_t file_index);
    // The slot of this state. With `tail`, the records since the last checkpoint are its tail.
    [[nodiscard]] Slot slot(bool tail) const noexcept;
    // A slot that may be current from now on counts all records: until the next commit none is overwritten in the file.
    void protect_all() noexcept { changes_.protect(size()); }
    // Records that a commit is durable.
    void mark_committed() noexcept;

    // Writes the overwrites of the journal to the file, and returns the overwrites that the file lacks afterwards. A
    // crash during this is harmless: open() applies the journal again. Throws no_space, io.
    [[nodiscard]] detail::IdSet write_logged();
    // The overwrites that the file lacks.
    [[nodiscard]] detail::IdSet missing_in_file() const { return changes_.missing_in_file(); }
    void put_overwrites(detail::JournalRecordWriter& record, std::uint32_t file_index, detail::IdSet& overwritten);
    // Records that a checkpoint is durable. Its journal has the overwrites that are `missing` in the file.
    void mark_checkpoint(detail::IdSet&& missing) noexcept;
    // True if the journal has overwrites that the file may lack.
    [[nodiscard]] bool has_logged() const noexcept { return changes_.any_logged(); }
    // If the file contains everything, the view may show the file again.
    void drop_overlays_if_written() {
        if (!has_logged()) file_.drop_overlays();
    }

    // --- for CommitGroup: restoring the bytes of a commit (detail/commit/array_recovery.hpp) ---

    // The state of a checkpoint, before its journal. New records are not visible before show_committed(). REQUIRES: the
    // slot was checked.
    void restore(const Slot& slot);
    // After restore() of an array in use: its file may have grown since the checkpoint.
    void expect_growth() noexcept { grown_ = true; }
    // Applies a change of the journal. Throws corrupt if it does not fit the array.
    void replay(const detail::Change& change, const std::filesystem::path& journal);
    // The number of records in the last commit, visible or not.
    [[nodiscard]] std::uint64_t committed() const noexcept { return changes_.committed(); }
    // Makes the records of the last commit visible to other threads.
    void show_committed() noexcept {
        size_.store(committed());
        publish_state();
    }
    // After a crash the file may contain uncommitted records, and other bytes where a gap must be zero.
    void truncate_to_committed() {
        written_ = file_.size();
        truncate();
    }
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
    void publish_state() noexcept { state_.publish(committed(), sums_); }
    void make_room(std::uint64_t first_used, std::uint64_t bytes);
    void grow(std::uint64_t size, std::uint64_t first_used);
    void clear_gap(std::uint64_t gap_end);
    void write_from_view(std::uint64_t first, std::uint64_t n);
    template <class Put>
    void put_change(detail::JournalRecordWriter& record, std::uint32_t file_index, Put put) const;
    void put_run(detail::JournalRecordWriter& record, detail::ChangeHeader& change, std::uint64_t first,
                 std::uint64_t n) const;
    void check_change(const detail::Change& change, const std::filesystem::path& journal) const;
    void replay_write(const detail::JournalWrite& write);
    [[noreturn]] void refuse_change(const std::filesystem::path& journal) const;

    File file_;
    FileHeader header_;
    OpenMode mode_;
    std::uint64_t stride_;
    detail::MovableAtomic<std::uint64_t> size_;
    detail::ChangedRecords changes_;
    std::uint64_t written_ = 0;             // the file has only zeros behind this offset
    std::uint64_t gap_begin_ = UINT64_MAX;  // range of the records that insert() has skipped
    std::uint64_t gap_end_ = 0;
    detail::BlockSums sums_;  // may cover less than size()
    detail::PublishedRowState state_;
    std::uint32_t slot_block_log2_ = 0;
    bool grown_ = true;
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
    clear_gap(at);
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

// A failed append may have left bytes where records of zeros will be.
template <Storage File>
void MappedArray<File>::clear_gap(std::uint64_t gap_end) {
    for (std::uint64_t from = end(), to = std::min(written_, gap_end); from < to;) {
        static constexpr std::byte zeros[4096]{};
        const std::uint64_t n = std::min<std::uint64_t>(to - from, sizeof zeros);
        file_.write(from, {zeros, static_cast<std::size_t>(n)});
        from += n;
    }
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
    changes_.reserve_overwrite(index);
    file_.prepare_overlay(offset, stride_);
}

template <Storage File>
void MappedArray<File>::overwrite_prepared(std::uint64_t index, std::span<const std::byte> record) noexcept {
    assert(index < size() && record.size() == stride_);
    const std::uint64_t offset = index * stride_;
    sums_.replace(offset, records() + offset, record.data(), stride_);
    changes_.add_overwrite(index);
    file_.overlay(data_offset + offset, record);
    publish_state();
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

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/detail/commit/array_commit.hpp>
#include <mapvec/detail/commit/array_recovery.hpp>
