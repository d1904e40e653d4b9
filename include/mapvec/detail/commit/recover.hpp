// The functions of CommitGroup that find the last valid commit of a damaged store, and return the store to it.
//
// Recover
//   R1  With the lock of the writer, try the newest valid root slot, then the other one, each with the journal records
//       that follow it without a gap. The first one whose checksums are all valid is the last valid commit.
//   R2  Exclude readers, because the rows of discarded commits are cut off.
//   R3  Erase the first record of the journal of the next generation, sync: it would prove that commits are missing
//       (I5). If no record of the slot's own journal is used, erase its first record too.
//   R4  Make this state durable, as after any open (I7). Then make two checkpoints, as close() does: they replace both
//       slots, and so the salt of any remaining record.
// A crash before the end of R3 does not change the damage. After a later crash, the store opens at the last valid
// commit.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/damage.hpp>
#include <mapvec/detail/commit/reader_lockout.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/recovery_report.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
RecoveryReport CommitGroup<File>::examine(const std::vector<FileSpec>& specs) {
    CommitGroup group;
    group.mode_ = OpenMode::read_only;
    RecoveryReport report;
    try {
        group.open_arrays(detail::numbered(specs), {});
        report.newest_commit = detail::newest_commit_seen(group.arrays_);
        report.damage = group.load_as_open_does();
        if (report.damage.empty() || group.load_last_whole_state()) {
            report.commit = group.sequence_;
            const bool has_offsets = group.arrays_[0]->header().kind == FileKind::payload_bytes;
            report.rows = group.arrays_[has_offsets ? 1 : 0]->size();
        }
    } catch (...) {
        group.release();
        throw;
    }
    group.release();
    return report;
}

// Loads the state as open() does. Returns the damage; empty if there is none.
template <Storage File>
std::string CommitGroup<File>::load_as_open_does() {
    try {
        auto state = detail::read_state(arrays_, mode_);
        begin_with(std::move(state));
        return {};
    } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt) throw;
        return error.what();
    }
}

// R1. Returns the slot of the state; nothing if no slot is valid. REQUIRES: the group is not open for writing.
template <Storage File>
std::optional<Slot> CommitGroup<File>::load_last_whole_state() {
    for (const Slot& slot : detail::whole_slots(arrays_[0]->file().data())) {
        try {
            load_state(detail::state_from(arrays_, slot, mode_));
            show_committed();
            verify();
            return slot;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::corrupt) throw;
        }
    }
    return std::nullopt;
}

template <Storage File>
RecoveryReport CommitGroup<File>::recover(const std::vector<FileSpec>& specs) {
    CommitGroup group;
    try {
        group.open_arrays(detail::numbered(specs), {});  // excludes other writers
        RecoveryReport report = examine(specs);
        if (!report.commit) throw Error(ErrorCode::corrupt, group.root_path(), "no commit is whole: " + report.damage);
        if (!report.damage.empty()) group.go_back(specs);
        group.release();
        return report;
    } catch (...) {
        group.release();
        throw;
    }
}

template <Storage File>
void CommitGroup<File>::go_back(const std::vector<FileSpec>& specs) {
    CommitGroup looking;
    looking.mode_ = OpenMode::read_only;
    looking.open_arrays(detail::numbered(specs), {});
    const std::optional<Slot> slot = looking.load_last_whole_state();
    looking.release();
    if (!slot) throw Error(ErrorCode::corrupt, root_path(), "no commit is whole");
    {
        const detail::ReaderLockout readers(arrays_[0]->file());  // R2
        if (!readers.held()) throw Error(ErrorCode::locked, root_path(), "a program has the store open for reading");
        erase_journal(slot->generation + 1);  // R3
        load_state(detail::state_from(arrays_, *slot, mode_));
        if (journal_end_ == 0) erase_journal(slot->generation);
        show_committed();
        for (auto& array : arrays_) array->truncate_to_committed();
    }
    make_recovered_state_durable();  // R4
    checkpoint(Tail::none);
    close();
}

// Erases the first record of a journal.
template <Storage File>
void CommitGroup<File>::erase_journal(std::uint64_t generation) {
    static constexpr std::array<std::byte, sizeof(detail::JournalRecordHeader)> blank{};
    detail::JournalFile<File> journal(detail::journal_path(root_path(), generation), OpenMode::read_write);
    if (journal.bytes().size() < blank.size()) return;
    journal.write(0, blank);
    sync(journal);
}

// The advice in the error of open(): the commit that can be recovered.
template <Storage File>
std::string CommitGroup<File>::advice(const std::vector<FileSpec>& specs) {
    RecoveryReport report;
    try {
        report = examine(specs);
    } catch (const Error&) {  // the first error is reported
    }
    if (!report.commit) return "no earlier commit is whole";
    return "commit " + std::to_string(*report.commit) +
           " is whole and can be recovered: see recovery.hpp, or `mapvec recover`";
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
