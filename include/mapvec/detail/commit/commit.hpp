// The functions of CommitGroup that commit (storage/commit_group.hpp: C1 to C9).
#pragma once

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/reader_lockout.hpp>
#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
void CommitGroup<File>::commit(CommitReason reason) {
    if (temporary_ || !is_open()) return;
    check_writable();
    if (rollback_incomplete_)
        throw Error(ErrorCode::io, root_path(), "an earlier rollback failed half way: it must be called again first");
    owner_pid_ = detail::platform::process_id();
    uncaught_exceptions_at_open_ = std::min(uncaught_exceptions_at_open_, std::uncaught_exceptions());
    if (recovered_state_is_durable_ && !changed()) return;
    remember_failed_sync([&] { commit_changes(reason); });
}

// I6 for syncs inside of other functions.
template <Storage File>
template <class Step>
void CommitGroup<File>::remember_failed_sync(Step step) {
    try {
        step();
    } catch (const detail::SyncError&) {
        sync_failed_ = true;
        throw;
    }
}

template <Storage File>
void CommitGroup<File>::check_writable() const {
    if (mode_ != OpenMode::read_write) throw Error(ErrorCode::read_only, root_path(), "the store is open for reading");
    if (sync_failed_)  // I6
        throw Error(ErrorCode::io, root_path(),
                    "an earlier sync failed: what is on disk is only known after reopening");
}

template <Storage File>
void CommitGroup<File>::commit_changes(CommitReason reason) {
    const bool fresh = !recovered_state_is_durable_;
    if (fresh) make_recovered_state_durable();  // I7
    if (fresh && !changed() && journal_end_ == 0 && checkpoint_.tail == Tail::none) return;
    for (auto& array : arrays_) array->write_appended();
    for (auto& array : arrays_) {
        array->finish_checksums();
        array->prepare_to_mark();
    }
    if (fresh || !journal_.has_its_name())  // I10: open() would not find its records
        checkpoint(Tail::none);
    else if (reason == CommitReason::requested && fits_slot())
        checkpoint(Tail::since_checkpoint);
    else if (fits_journal() && arrays_[0]->file().has_its_name())
        log_commit();
    else
        checkpoint(Tail::none);
}

// Reads the commits since the checkpoint from the journal again: for records that were overwritten more than once, the
// view holds only the last bytes.
template <Storage File>
void CommitGroup<File>::rollback() {
    if (temporary_ || !is_open()) return;
    check_writable();
    if (!changed() && !rollback_incomplete_) return;
    if (slot_write_failed_) erase_slot(checkpoint_.generation + 1);  // I8
    if (journal_end_ > 0 && !(journal_.has_its_name() && arrays_[0]->file().has_its_name()))
        throw Error(ErrorCode::io, root_path(), "the last commits are in a journal that was renamed or removed");
    auto state = detail::read_state(arrays_, mode_);
    rollback_incomplete_ = true;  // if this fails, a commit must not save a partial state
    load_state(std::move(state));
    show_committed();
    for (auto& array : arrays_) array->expect_growth();
    rollback_incomplete_ = false;
}

template <Storage File>
bool CommitGroup<File>::changed() const noexcept {
    for (const auto& array : arrays_)
        if (array->changed()) return true;
    return false;
}

template <Storage File>
bool CommitGroup<File>::fits_slot() const noexcept {
    const Array& root = *arrays_[0];
    return arrays_.size() == 1 && root.tail_is_provable();
}

template <Storage File>
bool CommitGroup<File>::fits_journal() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& array : arrays_) {
        if (array->outgrew_journal()) return false;
        bytes += array->max_journal_bytes();
    }
    return bytes <= max_journal_record_bytes &&
           journal_end_ + bytes <= base_size_ + std::max(max_journal_bytes, base_size_);
}

template <Storage File>
template <class Syncable>
void CommitGroup<File>::sync(Syncable& file) {
    try {
        file.sync();
    } catch (...) {
        sync_failed_ = true;  // I6
        throw;
    }
}

template <Storage File>
void CommitGroup<File>::make_recovered_state_durable() {
    if (journal_end_ > 0) {
        journal_.rewrite(journal_end_);
        journal_.make_name_durable();
        sync(journal_);
    }
    for (std::size_t i = arrays_.size(); i-- > 0;) {
        File& file = arrays_[i]->file();
        file.write(detail::slot_offset(checkpoint_.generation), detail::bytes_of(opened_at_[i]));
        sync(file);
    }
    recovered_state_is_durable_ = true;
}

template <Storage File>
void CommitGroup<File>::make_opened_state_durable() {
    check_writable();
    remember_failed_sync([this] { make_recovered_state_durable(); });
    recovered_state_is_durable_ = false;  // the first commit begins a generation, as after any open
}

// C3
template <Storage File>
void CommitGroup<File>::log_commit() {
    if (slot_write_failed_) erase_slot(checkpoint_.generation + 1);  // I8
    record_.begin(0, checkpoint_.salt, sequence_ + 1);
    for (std::size_t i = 0; i < arrays_.size(); ++i)
        if (arrays_[i]->changed()) arrays_[i]->put_changes(record_, static_cast<std::uint32_t>(i));
    const auto record = record_.finish(store_id());
    try {
        journal_.write(journal_end_, record);
        journal_.make_name_durable();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::no_space && error.code() != ErrorCode::read_only) throw;
        return checkpoint(Tail::none);  // a checkpoint may need less space, and no new file
    }
    sync(journal_);
    journal_end_ += record.size();
    ++sequence_;
    for (auto& array : arrays_) array->mark_committed();
}

template <Storage File>
void CommitGroup<File>::checkpoint(Tail tail) {
    if (slot_write_failed_) erase_slot(checkpoint_.generation + 1);  // I8
    std::vector<detail::IdSet> carried = write_overwrites_back();
    const bool carries = std::any_of(carried.begin(), carried.end(), [](auto& ids) { return !ids.empty(); });
    const Checkpoint next{checkpoint_.generation + 1, sequence_ + (changed() ? 1 : 0),
                          detail::random_number<std::uint64_t>(root_path()), carries ? Slot::journal_has_base : 0,
                          tail};
    detail::JournalFile<File> journal(detail::journal_path(root_path(), next.generation), OpenMode::read_write);
    std::uint64_t base_size = 0;
    if (carries) base_size = write_base(journal, next, carried);  // C6
    for (std::size_t i = 1; i < arrays_.size(); ++i) {            // C7
        write_slot(*arrays_[i], next);
        sync(arrays_[i]->file());
    }
    if (tail == Tail::none) sync(arrays_[0]->file());  // C8
    write_root_slot(next);                             // C9
    // The new slot is current now. Nothing may throw before the members are updated.
    checkpoint_ = next;
    sequence_ = next.sequence;
    journal_ = std::move(journal);
    journal_end_ = base_size_ = base_size;
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i]->mark_checkpoint(std::move(carried[i]));
    for (auto& array : arrays_) array->drop_overlays_if_written();
}

// C5. Returns the overwrites that are not in each file afterwards. The lock ends with the writes: a later reader lays
// journal g over its view, which includes everything that is written here.
template <Storage File>
std::vector<detail::IdSet> CommitGroup<File>::write_overwrites_back() {
    const detail::ReaderLockout readers(arrays_[0]->file());
    std::vector<detail::IdSet> carried;
    const bool may_write = readers.held() && checkpoint_.tail == Tail::none;
    for (auto& array : arrays_) carried.push_back(may_write ? array->write_logged() : array->missing_in_file());
    return carried;
}

template <Storage File>
std::uint64_t CommitGroup<File>::write_base(detail::JournalFile<File>& journal, const Checkpoint& next,
                                            std::vector<detail::IdSet>& carried) {
    check_name();
    record_.begin(detail::JournalRecordHeader::base, next.salt, next.sequence);
    for (std::size_t i = 0; i < arrays_.size(); ++i)
        if (!carried[i].empty()) arrays_[i]->put_overwrites(record_, static_cast<std::uint32_t>(i), carried[i]);
    const auto record = record_.finish(store_id());
    journal.write(0, record);
    journal.make_name_durable();
    sync(journal);
    return record.size();
}

template <Storage File>
Slot CommitGroup<File>::slot_of(const Array& array, const Checkpoint& checkpoint) {
    Slot slot = array.slot(checkpoint.tail == Tail::since_checkpoint);
    slot.flags = checkpoint.flags;
    slot.generation = checkpoint.generation;
    slot.sequence = checkpoint.sequence;
    slot.salt = checkpoint.salt;
    slot.crc = detail::checksum_of(slot);
    return slot;
}

template <Storage File>
void CommitGroup<File>::write_slot(Array& array, const Checkpoint& checkpoint) {
    array.file().write(detail::slot_offset(checkpoint.generation), detail::bytes_of(slot_of(array, checkpoint)));
}

// C9
template <Storage File>
void CommitGroup<File>::write_root_slot(const Checkpoint& next) {
    for (auto& array : arrays_) array->protect_all();  // I1: this slot may be current from now on
    slot_write_failed_ = true;
    write_slot(*arrays_[0], next);
    sync(arrays_[0]->file());
    slot_write_failed_ = false;
}

// I3, I8
template <Storage File>
void CommitGroup<File>::erase_slot(std::uint64_t generation) {
    static constexpr std::array<std::byte, sizeof(Slot)> blank{};
    arrays_[0]->file().write(detail::slot_offset(generation), blank);
    sync(arrays_[0]->file());
    slot_write_failed_ = false;
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
