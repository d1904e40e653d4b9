// The functions of CommitGroup that create, open and refresh (storage/commit_group.hpp: N1 to N3, O1 to O3).
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/creation.hpp>
#include <mapvec/detail/commit/state.hpp>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <Storage File>
template <class Fill>
CommitGroup<File> CommitGroup<File>::create(const std::vector<FileSpec>& specs, const StoreOptions& options,
                                            Fill fill) {
    CommitGroup group;
    const auto files = detail::numbered(specs);
    try {
        detail::create_arrays(group.arrays_, files, options);
        group.begin_with(detail::first_state(group.arrays_));
        group.reserve_initially(files);
        fill(group);
        group.finish_creation();
    } catch (...) {  // leave no incomplete store
        group.remove_files();
        group.release();
        throw;
    }
    return group;
}

template <Storage File>
CommitGroup<File> CommitGroup<File>::create_temporary(const std::vector<FileSpec>& specs, const StoreOptions& options) {
    CommitGroup group;
    group.temporary_ = true;
    const auto files = detail::numbered(specs);
    detail::create_temporary_arrays(group.arrays_, files, options);
    group.reserve_initially(files);
    return group;
}

template <Storage File>
CommitGroup<File> CommitGroup<File>::open(const std::vector<FileSpec>& specs, OpenMode mode,
                                          const StoreOptions& options) {
    CommitGroup group;
    group.mode_ = mode;
    try {
        group.open_arrays(detail::numbered(specs), options);
        auto state = detail::read_state(group.arrays_, mode);
        const bool newer_slot_lacks_tail = state.newer_slot_lacks_tail;
        group.begin_with(std::move(state));
        if (newer_slot_lacks_tail && mode == OpenMode::read_write) group.erase_slot(group.checkpoint_.generation + 1);
    } catch (const detail::CommitDamage& damage) {
        const auto advised = damage.with(advice(specs));
        group.release();
        throw advised;
    } catch (...) {
        group.release();  // it is not open yet, so there is nothing to commit
        throw;
    }
    return group;
}

template <Storage File>
template <class Fill>
CommitGroup<File> CommitGroup<File>::open_or_create(const std::vector<FileSpec>& old_files,
                                                    const std::vector<FileSpec>& new_files, const StoreOptions& options,
                                                    Fill fill) {
    for (int tries = 0;; ++tries) {  // another process may create or remove the store between open() and create()
        try {
            return open(old_files, OpenMode::read_write, options);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
        }
        try {
            return create(new_files, options, fill);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::exists) throw;
            if (tries == max_tries || !File::exists(new_files[0].path)) throw;
        }
    }
}

template <Storage File>
void CommitGroup<File>::open_arrays(const std::vector<FileSpec>& specs, const StoreOptions& options) {
    for (const auto& spec : specs) {
        const bool is_root = arrays_.empty();
        try {
            File file = File::open(spec.path, mode_, options);
            if (is_root && mode_ != OpenMode::read_write) file.lock(Lock::reader);
            if (is_root && mode_ == OpenMode::read_write && !file.try_lock(Lock::writer))
                throw Error(ErrorCode::locked, spec.path, "another writer has this store open");
            file.refresh();
            const FileHeader header = detail::read_header(file.data(), file.size(), spec.header, spec.path);
            if (is_root) (void)detail::newest_slot(file);
            if (!is_root && header.store_id != store_id())
                throw Error(ErrorCode::corrupt, spec.path, "it belongs to another store than " + root_path().string());
            arrays_.push_back(std::make_unique<Array>(std::move(file), header, mode_));
        } catch (const Error& error) {
            if (is_root || error.code() != ErrorCode::not_found) throw;
            throw Error(ErrorCode::corrupt, spec.path,
                        "this file of the store " + root_path().string() + " is missing");
        }
    }
}

template <Storage File>
void CommitGroup<File>::reserve_initially(const std::vector<FileSpec>& specs) {
    for (std::size_t i = 0; i < specs.size(); ++i) arrays_[i]->reserve(specs[i].initial_capacity);
}

template <Storage File>
void CommitGroup<File>::finish_creation() {
    for (auto& array : arrays_) {
        array->write_appended();
        array->finish_checksums();
    }
    for (std::size_t i = 1; i < arrays_.size(); ++i) {
        write_slot(*arrays_[i], checkpoint_);
        sync(arrays_[i]->file());
    }
    File& root = arrays_[0]->file();
    const Slot slot = slot_of(*arrays_[0], checkpoint_);
    const std::uint64_t at = detail::slot_offset(checkpoint_.generation);
    root.write(at + detail::sector_size, detail::bytes_of(slot).subspan(detail::sector_size));
    sync(root);
    root.write(at, detail::bytes_of(slot).first(detail::sector_size));
    sync(root);
    for (auto& array : arrays_) array->mark_checkpoint({});
    recovered_state_is_durable_ = true;
}

template <Storage File>
void CommitGroup<File>::begin_with(detail::GroupState<File> state) {
    const bool doubtful = state.newer_slot_is_damaged;
    load_state(std::move(state));
    show_committed();
    last_shown_sequence_ = sequence_;
    if (doubtful) verify();  // before the file is truncated
    if (mode_ != OpenMode::read_write) return;
    for (auto& array : arrays_) array->truncate_to_committed();
}

template <Storage File>
void CommitGroup<File>::load_state(detail::GroupState<File> state) {
    const Slot root = state.slots[0];
    checkpoint_ = {root.generation, root.sequence, root.salt, root.flags,
                   root.tail_count > 0 ? Tail::since_checkpoint : Tail::none};
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i]->restore(state.slots[i]);
    replay(state.records.records);
    opened_at_ = std::move(state.slots);
    journal_ = std::move(state.journal);
    journal_end_ = state.records.end;
    base_size_ = state.base_size;
    sequence_ = state.records.sequence;
}

template <Storage File>
void CommitGroup<File>::replay(const std::vector<detail::JournalRecord>& records) {
    const auto journal = detail::journal_path(root_path(), checkpoint_.generation);
    for (const auto& record : records) {
        detail::JournalRecordReader reader(record, journal);
        while (const auto change = reader.next()) {
            if (change->file_index >= arrays_.size()) reader.refuse();
            arrays_[change->file_index]->replay(*change, journal);
        }
    }
}

// A reader follows the file that it opened. If another file has its name now, commits go to that file. If no file has
// its name, nothing is committed.
template <Storage File>
void CommitGroup<File>::check_not_replaced() const {
    const File& root = arrays_[0]->file();
    if (!root.has_its_name() && File::exists(root_path())) refuse_replaced("another file");
    if (!root.shows_its_file()) refuse_replaced("a copy of it, by the file system");
    if (std::memcmp(root.data(), &arrays_[0]->header(), sizeof(FileHeader)) != 0) refuse_replaced("another store");
}

template <Storage File>
void CommitGroup<File>::refuse_replaced(const std::string& by) const {
    throw Error(ErrorCode::replaced, root_path(),
                "since it was opened, the file was replaced by " + by + ": open the store again");
}

template <Storage File>
template <class Show>
bool CommitGroup<File>::refresh(Show show) {
    if (mode_ != OpenMode::read_only || !is_open()) return false;
    check_not_replaced();
    const Slot newest = detail::newest_slot(arrays_[0]->file()).slot;
    if (!refresh_incomplete_ && newest.generation == checkpoint_.generation && newest.salt == checkpoint_.salt) {
        detail::Records records{{}, journal_end_, sequence_};
        detail::read_records(journal_, records, store_id(), checkpoint_.salt);
        refresh_incomplete_ = true;
        replay(records.records);
        journal_end_ = records.end;
        sequence_ = records.sequence;
    } else {
        auto state = detail::read_state(arrays_, mode_);
        if (state.records.sequence < last_shown_sequence_) refuse_replaced("an older copy of the store");
        refresh_incomplete_ = true;
        load_state(std::move(state));
    }
    show();
    refresh_incomplete_ = false;
    return std::exchange(last_shown_sequence_, sequence_) != sequence_;
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
