// The functions of CommitGroup that close, remove and verify.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
void CommitGroup<File>::close() {
    if (!is_open()) return;
    if (mode_ == OpenMode::read_write && !temporary_) {
        const bool named = arrays_[0]->file().has_its_name();  // otherwise the journals may belong to another store
        if (sync_failed_ || rollback_incomplete_ || changed() ||
            (named && (journal_end_ > 0 || checkpoint_.tail != Tail::none)))
            commit(CommitReason::closing);
        if (named) remember_failed_sync([this] { write_journal_back(); });
        for (auto& array : arrays_) array->shrink_to_fit();
    }
    owner_pid_ = detail::platform::process_id();
    release();
}

// Unlocks explicitly: a forked process may still have the descriptor open.
template <Storage File>
void CommitGroup<File>::release() noexcept {
    if (!arrays_.empty() && owner_pid_ == detail::platform::process_id())
        arrays_[0]->file().unlock(mode_ == OpenMode::read_write ? Lock::writer : Lock::reader);
    arrays_.clear();
    journal_ = {};
}

// Journals are found by the name of the root. If that name belongs to another file, the journals do too. A checkpoint
// without carried overwrites needs no journal.
template <Storage File>
void CommitGroup<File>::check_name() const {
    if (!arrays_[0]->file().has_its_name())
        throw Error(ErrorCode::io, root_path(),
                    "overwritten records need a journal beside this file, which was renamed, removed or replaced");
}

// A closed store has no journal (unless a reader keeps overwrites out of the files), no tail, and two slots with the
// same state.
template <Storage File>
void CommitGroup<File>::write_journal_back() {
    const auto logged = [this] {
        return std::any_of(arrays_.begin(), arrays_.end(), [](auto& array) { return array->has_logged(); });
    };
    if (!recovered_state_is_durable_) return;
    const auto is_written_back = [&] { return journal_end_ == 0 && !logged() && checkpoint_.tail == Tail::none; };
    for (int tries = 0; tries < 2 && !is_written_back(); ++tries) checkpoint(Tail::none);
    if (journal_end_ > 0) return;
    journal_ =
        detail::JournalFile<File>(detail::journal_path(root_path(), checkpoint_.generation), OpenMode::read_write);
    remove_if_possible(detail::journal_path(root_path(), 0));
    remove_if_possible(detail::journal_path(root_path(), 1));
    if (!detail::slots_agree(arrays_, checkpoint_.generation)) checkpoint(Tail::none);
}

template <Storage File>
template <ProgressCallback Progress>
void CommitGroup<File>::verify(Progress progress) const {
    const std::uint64_t all = bytes();
    std::uint64_t done = 0;
    for (const auto& array : arrays_) {
        const File& file = array->file();
        if (std::memcmp(file.data(), &array->header(), sizeof(FileHeader)) != 0)
            throw Error(ErrorCode::corrupt, file.path(),
                        "bytes 0 to 1023, the header, have changed since the file was opened");
        if (!temporary_ && !detail::slot_holds(file, checkpoint_.generation))
            throw Error(ErrorCode::corrupt, file.path(),
                        "the commit slot at byte " + std::to_string(detail::slot_offset(checkpoint_.generation)) +
                            " is damaged");
        array->verify([&](std::uint64_t n) { progress(done += n, all); });
    }
}

// Removes the files of a failed creation. The root is still locked, so no other process has completed the store, and it
// is removed last, so that no other process creates the other files again. A root that may be complete is removed
// first, because a complete root must have its files.
template <Storage File>
void CommitGroup<File>::remove_files() noexcept {
    if (arrays_.empty()) return;
    try {
        if (!arrays_[0]->file().has_its_name()) return;
    } catch (const Error&) {  // unknown: nothing is removed
        return;
    }
    if (!detail::creation_is_unfinished(arrays_[0]->file().data())) (void)remove_if_possible(arrays_[0]->path());
    for (std::size_t i = arrays_.size(); i-- > 0;) (void)remove_if_possible(arrays_[i]->path());
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
