// CommitGroup: the files of one store, committed as one. The only place that orders writes and syncs.
//
//     auto group = CommitGroup<MappedFile>::create(specs, options);     // one spec a file; the first is the root
//     group[0].stage(row), group[0].publish(1);
//     group.commit();                                                    // all files, all or nothing, durable
//
// THE PROTOCOL, and why it holds. A *checkpoint* makes the files say everything up to a commit; its slot, in the
// root, names it. A *journal* record makes one commit durable with a single sync. The state of a store is
// its newest whole root slot plus the journal records that follow that slot.
//
//   commit, small: one record {what was appended, what was overwritten} to the journal; sync the journal. It is
//     whole or it is not (checksum), so the commit is or is not. The data files take part in no order.
//   commit of appended records only, 4 MiB at most, in a store of one file: a checkpoint whose slot
//     names these records as its *tail*, and their checksum. One sync makes both durable, in any order. Whoever opens
//     the store sums the tail: where it does not hold, the sync never ended, and the slot before rules, which is
//     whole, with its journal. Such a slot is made blank before anything is appended that might prove it after all.
//     The tail stays as it is in the file while its slot rules: overwrites are carried in the journal, as if a reader
//     looked.
//   commit, larger, or of anything else after growth: a checkpoint from generation g to g + 1:
//     1. Overwrites that the journal of g holds go into the files, unless a reader is looking or g has a tail. A crash
//        now is harmless: the slot of g still rules, and its journal is replayed over them.
//     2. Overwrites that are not in the files by then go into a base record in the *other* journal; sync it.
//     3. Every file but the root: write its slot of g + 1 in the place of g - 1; sync file and slot in any order, for
//        this slot means nothing before the root's does.
//     4. The root: sync the records. Only then write the slot of g + 1 in the place of g - 1, and sync.
//     Before 4 ends the slot of g is whole and all it speaks of untouched; after it that of g + 1 is. A torn
//     slot fails its checksum. A fresh random salt ties a slot to its journal, so that records of an earlier
//     generation or of an attempt that failed are never taken for its own.
//   creation: all files with blank slots, the root first, and locked; then steps 3 and 4 with what the store begins
//     with. But no other slot could rule if the root's were torn, so its first sector comes last, on its own: without
//     it there is no store, and the next creation takes over what there is.
//   open for writing: replay. Appended records are written again even if the file seems to have them, because
//     after a crash of the process the page cache may show what the disk never got. Nothing else is written.
//   first commit after open: the slots and the journal found at open are written again and synced, before the
//     place of an older slot is touched: a slot found in the page cache may not be on disk (two crashes in a row).
//   a sync that fails: the system may have dropped what it could not write, and a second sync would report
//     success. So the store refuses every further commit until it is reopened, which writes all of that again.
//   a newest slot that is damaged, not just torn: the other one rules only if every block checksum of the state
//     it leads to holds; otherwise the store is corrupt. This reads the whole store, once, and only then. Closing a
//     store makes a second checkpoint of the same state, so that there the other slot leads to it as well.
//   readers hold a shared lock, which keeps step 1 from changing what they see; they lay the journal over their own
//     view. A reader on the same machine may see a commit a moment before it is durable.
//
// Cost. Each byte is summed once, by the commit, while the disk writes; those of a tail once more. Open reads one page
// a file, the journal, which a checkpoint empties once it exceeds 16 MiB (or twice its base record), and after a crash
// a tail.
//
// What this cannot tell. If a process dies after a commit that has a tail, and then that tail is damaged on disk, it
// looks as if that commit had never returned. Any later commit, or closing the store, ends this.
#pragma once

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/creation.hpp>
#include <mapvec/detail/commit/journal_file.hpp>
#include <mapvec/detail/commit/state.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_array.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

namespace detail {
[[noreturn]] inline void refuse_closed() {
    throw Error(ErrorCode::invalid_argument, "the store is closed, or was moved from: nothing can be written to it");
}
// A store that is a part of another has no group of its own: alone it would compare nothing, and seem whole.
[[noreturn]] inline void refuse_to_verify_part(const std::filesystem::path& part) {
    throw Error(ErrorCode::invalid_argument, part, "a part of a collection is verified with it: Collection::verify()");
}
}  // namespace detail

template <Storage File>
class CommitGroup {
  public:
    using Array = MappedArray<File>;

    // Throws exists. What a crash left of an earlier creation is taken over.
    static CommitGroup create(const std::vector<FileSpec>& specs, const StoreOptions& options) {
        return create(specs, options, [](CommitGroup&) {});
    }
    // The same, and it begins with what fill(group) appends.
    template <class Fill>
    static CommitGroup create(const std::vector<FileSpec>& specs, const StoreOptions& options, Fill fill);
    // Files without a name; commits cost and mean nothing.
    static CommitGroup create_temporary(const std::vector<FileSpec>& specs, const StoreOptions& options);
    // Throws not_found, locked, corrupt, and the mismatches of read_header().
    static CommitGroup open(const std::vector<FileSpec>& specs, OpenMode mode, const StoreOptions& options);
    // As open(), or as create() if there is no such store.
    static CommitGroup open_or_create(const std::vector<FileSpec>& specs, const StoreOptions& options) {
        return open_or_create(specs, specs, options);
    }
    // With one set of specs for a store that is there, and another for a new one.
    static CommitGroup open_or_create(const std::vector<FileSpec>& old_files, const std::vector<FileSpec>& new_files,
                                      const StoreOptions& options);

    CommitGroup() noexcept = default;  // closed
    CommitGroup(CommitGroup&& other) noexcept { swap(other); }
    CommitGroup& operator=(CommitGroup&& other) noexcept {
        CommitGroup(std::move(other)).swap(*this);
        return *this;
    }
    // Commits and closes, but not while an exception passes: what was half done is not made durable. Nor in a process
    // that was forked and has not committed: it may only be on its way to exit().
    ~CommitGroup() {
        if (commits_at_end()) {
            try {
                close();
            } catch (...) {  // what was committed stays committed
            }
        }
        release();
    }

    [[nodiscard]] bool is_open() const noexcept { return !arrays_.empty(); }
    // Whether the destructor would commit if it ran now.
    [[nodiscard]] bool commits_at_end() const noexcept {
        return std::uncaught_exceptions() <= uncaught_exceptions_at_open_ &&
               owner_pid_ == detail::platform::process_id();
    }
    // The address of an array does not change while the group is open, not even when the group is moved.
    [[nodiscard]] Array& operator[](std::size_t file_index) noexcept { return *arrays_[file_index]; }
    [[nodiscard]] const Array& operator[](std::size_t file_index) const noexcept { return *arrays_[file_index]; }

    // Throws read_only, no_space, io. Nothing is lost then, and it may be called again, except after a failed sync.
    void commit() { commit(CommitReason::requested); }
    // Gives up what was not committed: the arrays are as the last commit left them, and no address has changed. Not
    // beside threads that read overwritten records. Throws read_only, io; nothing has changed then. Reads the journal.
    void rollback();
    // For readers: moves to the newest commit. True if there was one. Not beside threads that read overwritten records.
    // If it throws, overwritten records may show either commit, until it is called again and succeeds.
    bool refresh() {
        return refresh([this] { show_committed(); });
    }
    // The same. show() calls every member's show_committed(), in the order in which other threads are to see them.
    template <class Show>
    bool refresh(Show show);
    // Commits, trims the files, releases them. If it throws, the group is still open.
    void close();
    // Reads everything. Throws corrupt at the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const;
    // What verify() reads.
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        std::uint64_t bytes = 0;
        for (const auto& array : arrays_) bytes += array->size() * array->stride();
        return bytes;
    }

  private:
    enum class CommitReason { requested, closing };
    struct Checkpoint {
        std::uint64_t generation = first_generation;
        std::uint64_t sequence = 0;
        std::uint64_t salt = 0;
        std::uint32_t flags = 0;
        bool tail = false;  // its slot was written together with records
    };
    // While it lives and is held, no reader is there, nor can one come.
    class ReaderLockout {
      public:
        explicit ReaderLockout(File& file) : file_(file), held_(file.try_lock(Lock::exclude_readers)) {}
        ReaderLockout(const ReaderLockout&) = delete;
        ReaderLockout& operator=(const ReaderLockout&) = delete;
        ~ReaderLockout() {
            if (held_) file_.unlock(Lock::exclude_readers);
        }
        [[nodiscard]] bool held() const noexcept { return held_; }

      private:
        File& file_;
        bool held_;
    };

    static constexpr std::uint64_t max_journal_record_bytes = 1 << 20;  // larger commits are checkpoints
    static constexpr std::uint64_t max_journal_bytes = 16 << 20;
    static constexpr int max_tries = 10;

    void swap(CommitGroup& other) noexcept {
        arrays_.swap(other.arrays_);
        std::swap(journal_, other.journal_);
        std::swap(mode_, other.mode_);
        std::swap(checkpoint_, other.checkpoint_);
        opened_at_.swap(other.opened_at_);
        std::swap(sequence_, other.sequence_);
        std::swap(journal_end_, other.journal_end_);
        std::swap(base_size_, other.base_size_);
        std::swap(temporary_, other.temporary_);
        std::swap(recovered_state_is_durable_, other.recovered_state_is_durable_);
        std::swap(sync_failed_, other.sync_failed_);
        std::swap(refresh_incomplete_, other.refresh_incomplete_);
        std::swap(last_shown_sequence_, other.last_shown_sequence_);
        std::swap(uncaught_exceptions_at_open_, other.uncaught_exceptions_at_open_);
        std::swap(owner_pid_, other.owner_pid_);
    }

    [[nodiscard]] const std::filesystem::path& root_path() const noexcept { return arrays_[0]->path(); }
    [[nodiscard]] const StoreId& store_id() const noexcept { return arrays_[0]->header().store_id; }

    void open_arrays(const std::vector<FileSpec>& specs, const StoreOptions& options);
    void reserve_initially(const std::vector<FileSpec>& specs);
    void finish_creation();
    void begin_with(detail::GroupState<File> state);
    void load_state(detail::GroupState<File> state);
    void show_committed() noexcept {
        for (auto& array : arrays_) array->show_committed();
    }
    void replay(const std::vector<detail::JournalRecord>& records);

    void commit(CommitReason reason);
    void check_may_commit() const;
    [[nodiscard]] bool changed() const noexcept;
    [[nodiscard]] bool fits_slot() const noexcept;
    [[nodiscard]] bool fits_journal() const noexcept;
    template <class Syncable>
    void sync(Syncable& file);
    void log_commit();
    void make_recovered_state_durable();
    void checkpoint(bool tail = false);
    [[nodiscard]] std::uint64_t write_base(detail::JournalFile<File>& journal, const Checkpoint& next,
                                           std::vector<detail::IdSet>& carried);
    [[nodiscard]] static Slot slot_of(const Array& array, const Checkpoint& checkpoint);
    static void write_slot(Array& array, const Checkpoint& checkpoint) {
        array.file().write(slot_offset(checkpoint.generation), bytes_of(slot_of(array, checkpoint)));
    }
    void write_journal_back();
    void check_name() const;
    void remove_files() noexcept;
    void release() noexcept;
    void erase_slot(std::uint64_t generation);
    // What stays means nothing: a root without a slot, a journal of a generation that is over.
    static bool remove_if_possible(const std::filesystem::path& path) {
        try {
            File::remove(path);
            return true;
        } catch (const Error&) {
            return false;
        }
    }

    detail::Arrays<File> arrays_;
    detail::JournalFile<File> journal_;  // of this generation
    OpenMode mode_ = OpenMode::read_write;
    Checkpoint checkpoint_;
    std::vector<Slot> opened_at_;    // each file's slot as it was found
    std::uint64_t sequence_ = 0;     // of the last commit
    std::uint64_t journal_end_ = 0;  // where the next record goes
    std::uint64_t base_size_ = 0;
    bool temporary_ = false;
    bool recovered_state_is_durable_ = false;  // what this generation stands on is known to be on disk
    bool sync_failed_ = false;                 // a sync has failed
    bool refresh_incomplete_ = false;          // a refresh has thrown on its way: the next one begins at the slot
    std::uint64_t last_shown_sequence_ = 0;    // the commit that the last refresh ended at
    int uncaught_exceptions_at_open_ = std::uncaught_exceptions();
    std::uint64_t owner_pid_ = detail::platform::process_id();  // that opened it, or has committed last
    detail::JournalRecordWriter record_;
};

// --- creating and opening ---

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
    } catch (...) {  // nothing, rather than a store that lacks something
        group.remove_files();
        group.release();
        throw;
    }
    return group;
}

// While the root is locked, so that nobody has completed the store meanwhile, and the root last, so that nobody makes
// members anew. Only if it may be complete it goes first: while such a root is there, it must have its members.
template <Storage File>
void CommitGroup<File>::remove_files() noexcept {
    if (arrays_.empty() || !arrays_[0]->file().has_its_name()) return;
    if (!creation_is_unfinished(arrays_[0]->file().data())) (void)remove_if_possible(arrays_[0]->path());
    for (std::size_t i = arrays_.size(); i-- > 0;) (void)remove_if_possible(arrays_[i]->path());
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
        const bool refuted = state.refuted;
        group.begin_with(std::move(state));
        if (refuted && mode == OpenMode::read_write) group.erase_slot(group.checkpoint_.generation + 1);
    } catch (...) {
        group.release();  // it was never open: nothing to commit
        throw;
    }
    return group;
}

template <Storage File>
CommitGroup<File> CommitGroup<File>::open_or_create(const std::vector<FileSpec>& old_files,
                                                    const std::vector<FileSpec>& new_files,
                                                    const StoreOptions& options) {
    for (int tries = 0;; ++tries) {  // another process that does this may come between our question and our deed
        try {
            return open(old_files, OpenMode::read_write, options);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
        }
        try {
            return create(new_files, options);
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
            const FileHeader header = read_header(file.data(), file.size(), spec.header, spec.path);
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
    for (auto& array : arrays_) array->finish_checksums();
    for (std::size_t i = 1; i < arrays_.size(); ++i) {
        write_slot(*arrays_[i], checkpoint_);
        sync(arrays_[i]->file());
    }
    File& root = arrays_[0]->file();
    const Slot slot = slot_of(*arrays_[0], checkpoint_);
    const std::uint64_t at = slot_offset(checkpoint_.generation);
    root.write(at + sector, bytes_of(slot).subspan(sector));
    sync(root);
    root.write(at, bytes_of(slot).first(sector));
    sync(root);
    for (auto& array : arrays_) array->mark_checkpoint({});
    recovered_state_is_durable_ = true;
}

template <Storage File>
void CommitGroup<File>::begin_with(detail::GroupState<File> state) {
    const bool doubtful = state.fell_back;
    load_state(std::move(state));
    show_committed();
    last_shown_sequence_ = sequence_;
    if (doubtful) verify();  // before anything is cut off
    if (mode_ != OpenMode::read_write) return;
    for (auto& array : arrays_) array->truncate_to_committed();
}

template <Storage File>
void CommitGroup<File>::load_state(detail::GroupState<File> state) {
    const Slot root = state.slots[0];
    checkpoint_ = {root.generation, root.sequence, root.salt, root.flags, root.tail_count > 0};
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

template <Storage File>
template <class Show>
bool CommitGroup<File>::refresh(Show show) {
    if (mode_ != OpenMode::read_only || !is_open()) return false;
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
        refresh_incomplete_ = true;
        load_state(std::move(state));
    }
    show();
    refresh_incomplete_ = false;
    return std::exchange(last_shown_sequence_, sequence_) != sequence_;
}

// --- committing ---

template <Storage File>
void CommitGroup<File>::check_may_commit() const {
    if (mode_ != OpenMode::read_write) throw Error(ErrorCode::read_only, root_path(), "the store is open for reading");
    if (sync_failed_)
        throw Error(ErrorCode::io, root_path(),
                    "an earlier sync failed: what is on disk is only known after reopening");
}

template <Storage File>
void CommitGroup<File>::commit(CommitReason reason) {
    if (temporary_ || !is_open()) return;
    check_may_commit();
    owner_pid_ = detail::platform::process_id();
    uncaught_exceptions_at_open_ = std::min(uncaught_exceptions_at_open_, std::uncaught_exceptions());
    if (recovered_state_is_durable_ && !changed()) return;
    const bool fresh = !recovered_state_is_durable_;
    if (fresh) make_recovered_state_durable();
    if (fresh && !changed() && journal_end_ == 0 && !checkpoint_.tail) return;
    for (auto& array : arrays_) {
        array->finish_checksums();
        array->prepare_to_mark();
    }
    if (!fresh && reason == CommitReason::requested && fits_slot())
        checkpoint(true);
    else if (!fresh && fits_journal())
        log_commit();
    else
        checkpoint();
}

// The commits since the checkpoint are read again from the journal: for records that were overwritten more than once
// the view has only their last bytes.
template <Storage File>
void CommitGroup<File>::rollback() {
    if (temporary_ || !is_open()) return;
    check_may_commit();
    if (!changed()) return;
    auto state = detail::read_state(arrays_, mode_);
    sync_failed_ = true;  // if this fails half way, nothing of it may be committed
    load_state(std::move(state));
    show_committed();
    for (auto& array : arrays_) array->expect_growth();
    sync_failed_ = false;
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
        bytes += array->bytes_changed();
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
        sync_failed_ = true;
        throw;
    }
}

template <Storage File>
void CommitGroup<File>::log_commit() {
    if (!arrays_[0]->file().has_its_name()) return checkpoint();
    record_.begin(0, checkpoint_.salt, sequence_ + 1);
    for (std::size_t i = 0; i < arrays_.size(); ++i)
        if (arrays_[i]->changed()) arrays_[i]->put_changes(record_, static_cast<std::uint32_t>(i));
    const auto record = record_.finish(store_id());
    try {
        journal_.write(journal_end_, record);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::no_space && error.code() != ErrorCode::read_only) throw;
        return checkpoint();  // which may do with less, and without a new file
    }
    sync(journal_);
    journal_end_ += record.size();
    ++sequence_;
    for (auto& array : arrays_) array->mark_committed();
}

template <Storage File>
void CommitGroup<File>::make_recovered_state_durable() {
    if (journal_end_ > 0) {
        journal_.rewrite(journal_end_);
        sync(journal_);
    }
    for (std::size_t i = arrays_.size(); i-- > 0;) {
        File& file = arrays_[i]->file();
        file.write(slot_offset(checkpoint_.generation), bytes_of(opened_at_[i]));
        sync(file);
    }
    recovered_state_is_durable_ = true;
}

template <Storage File>
void CommitGroup<File>::checkpoint(bool tail) {
    const ReaderLockout readers(arrays_[0]->file());
    std::vector<detail::IdSet> carried;
    bool carries = false;
    for (auto& array : arrays_) {
        detail::IdSet carry;
        if (readers.held() && !checkpoint_.tail) {
            array->write_logged();
            carry = array->dirty().without(array->logged());
        } else {
            carry.add(array->logged());
            carry.add(array->dirty());
        }
        carries = carries || !carry.empty();
        carried.push_back(std::move(carry));
    }
    const Checkpoint next{checkpoint_.generation + 1, sequence_ + (changed() ? 1 : 0),
                          detail::random_number<std::uint64_t>(root_path()), carries ? Slot::journal_has_base : 0,
                          tail};
    detail::JournalFile<File> journal(detail::journal_path(root_path(), next.generation), OpenMode::read_write);
    std::uint64_t base_size = 0;
    if (carries) base_size = write_base(journal, next, carried);
    for (std::size_t i = 1; i < arrays_.size(); ++i) {
        write_slot(*arrays_[i], next);
        sync(arrays_[i]->file());
    }
    if (!tail) sync(arrays_[0]->file());
    sync_failed_ = true;  // until the slot is durable nobody knows which one rules
    for (auto& array : arrays_) array->protect_all();
    write_slot(*arrays_[0], next);
    arrays_[0]->file().sync();
    sync_failed_ = false;
    // From here on it rules, whatever happens: nothing may throw before all of this is known.
    checkpoint_ = next;
    sequence_ = next.sequence;
    journal_ = std::move(journal);
    journal_end_ = base_size_ = base_size;
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i]->mark_checkpoint(std::move(carried[i]));
    for (auto& array : arrays_) array->drop_overlays_if_written();
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
    sync(journal);
    return record.size();
}

template <Storage File>
Slot CommitGroup<File>::slot_of(const Array& array, const Checkpoint& checkpoint) {
    Slot slot = array.slot(checkpoint.tail);
    slot.flags = checkpoint.flags;
    slot.generation = checkpoint.generation;
    slot.sequence = checkpoint.sequence;
    slot.salt = checkpoint.salt;
    slot.crc = checksum_of(slot);
    return slot;
}

// A slot that was refuted could be proved by records that are appended later.
template <Storage File>
void CommitGroup<File>::erase_slot(std::uint64_t generation) {
    static constexpr std::array<std::byte, sizeof(Slot)> blank{};
    arrays_[0]->file().write(slot_offset(generation), blank);
    sync(arrays_[0]->file());
}

// --- closing and checking ---

template <Storage File>
void CommitGroup<File>::close() {
    if (!is_open()) return;
    if (mode_ == OpenMode::read_write && !temporary_) {
        const bool named = arrays_[0]->file().has_its_name();  // else its journals are somebody else's
        if (sync_failed_ || changed() || (named && (journal_end_ > 0 || checkpoint_.tail)))
            commit(CommitReason::closing);
        if (named) write_journal_back();
        if (named && recovered_state_is_durable_ && journal_end_ == 0 &&
            !detail::slots_agree(arrays_, checkpoint_.generation))
            checkpoint();
        for (auto& array : arrays_) array->shrink_to_fit();
    }
    owner_pid_ = detail::platform::process_id();
    release();
}

// Not by the mere end of the descriptor: a forked process may have it, too, and not know.
template <Storage File>
void CommitGroup<File>::release() noexcept {
    if (!arrays_.empty() && owner_pid_ == detail::platform::process_id())
        arrays_[0]->file().unlock(mode_ == OpenMode::read_write ? Lock::writer : Lock::reader);
    arrays_.clear();
    journal_ = {};
}

// Journals are found beside the root, and by its name. Where that has come to be another file's, they are not ours; a
// checkpoint that carries nothing does without.
template <Storage File>
void CommitGroup<File>::check_name() const {
    if (!arrays_[0]->file().has_its_name())
        throw Error(ErrorCode::io, root_path(),
                    "overwritten records need a journal beside this file, which was renamed, removed or replaced");
}

// A closed store has no journal, unless a reader keeps overwrites out of the files; and no tail to be proved.
template <Storage File>
void CommitGroup<File>::write_journal_back() {
    const auto logged = [this] {
        return std::any_of(arrays_.begin(), arrays_.end(), [](auto& array) { return !array->logged().empty(); });
    };
    for (int tries = 0; tries < 2 && recovered_state_is_durable_ && (journal_end_ > 0 || logged() || checkpoint_.tail);
         ++tries)
        checkpoint();
    if (!recovered_state_is_durable_ || journal_end_ > 0) return;
    journal_ =
        detail::JournalFile<File>(detail::journal_path(root_path(), checkpoint_.generation), OpenMode::read_write);
    remove_if_possible(detail::journal_path(root_path(), 0));
    remove_if_possible(detail::journal_path(root_path(), 1));
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
            throw Error(
                ErrorCode::corrupt, file.path(),
                "the commit slot at byte " + std::to_string(slot_offset(checkpoint_.generation)) + " is damaged");
        array->verify([&](std::uint64_t n) { progress(done += n, all); });
    }
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
