// CommitGroup: the files of one store, committed as one. The only place that orders writes and syncs.
//
//     auto group = CommitGroup<MappedFile>::create(specs, options);     // one spec a file; the first is the root
//     group[0].stage(row), group[0].publish(1);
//     group.commit();                                                    // all files, all or nothing, durable
//
// Terms
//   root         The first file. It decides for all files which commit the store is at.
//   slot         A record of one checkpoint, in each file: how many records it has, and their checksums. A file has
//                two slots, which take turns (storage/file_format.hpp).
//   checkpoint   All files contain every change up to some commit. The root's slot records it.
//   generation   The number of a checkpoint. Its slot and its journal are number generation % 2 of two.
//   journal      A file of records beside the root (detail/commit/journal.hpp). Each record makes one commit durable
//                with a single sync.
//   current      The newest root slot that is whole is current; its journal's records follow it. Together they are the
//                state of the store.
//   tail         Records that were written together with the slot that counts them, and are synced with it.
//   overwrites   Changes of committed records. The writer sees them in its view at once. They are in the journal from
//                the commit on, and in the file from a later checkpoint on.
//
// Invariants (the code refers to them by number)
//   I1  The current slot, its journal's records and the records that they count are not changed in place. (Exception:
//       C5, which writes what the journal has.)
//   I2  A root slot is written after everything it counts is durable. (Exception: its tail.)
//   I3  A slot with a tail has the tail's checksum. If the tail does not have it, the sync did not end: the slot
//       before is current. open() then erases the slot before anything is appended, which could complete the tail.
//   I4  A slot and its journal's records have the same random salt. Records with another salt are left over from an
//       earlier generation, or from a checkpoint that failed. They are ignored.
//   I5  A journal record is written after the slot and the record before it are durable.
//   I6  After a sync has failed, the group refuses to commit until it is reopened: the system may have dropped what it
//       could not write, and a second sync would report success.
//   I7  What open() has found may be in the page cache only. It is written and synced again before an older slot or a
//       journal record is replaced. Otherwise a second crash could lose both.
//   I8  A root slot whose write failed may be half written, or whole. It is erased before anything else is committed.
//   I9  No committed record changes in the file while a reader that may not have seen the change has it open.
//   I10 Journals are found by the root's name. Where a name leads to another file by now, commits do without a journal.
//
// Commit
//   C1  After a failed sync: refuse (I6). After a failed slot write: erase the slot (I8). After open(): make what was
//       found durable (I7).
//   C2  Only records were appended, 4 MiB at most, in a store of one file: a checkpoint with a tail (C5 to C9).
//   C3  Small, and no file has grown: append a record to the journal, sync the journal. The commit is the record.
//   C4  Otherwise: a checkpoint (C5 to C9), from generation g to g + 1.
//   C5  Write the overwrites that journal g has into the files, unless a reader is there (I9) or g has a tail (I1).
//       A crash after this does no harm: open() lays journal g over the files.
//   C6  If overwrites are not in the files by now: write them as the base record of journal g + 1, sync it.
//   C7  Each file but the root: write slot g + 1 over slot g - 1, sync the file. It means nothing before the root's.
//   C8  The root: sync its records (I2). With a tail: do not.
//   C9  The root: write slot g + 1 over slot g - 1, sync. Generation g + 1 is current.
//
//                          C3: one more record
//                            +-------+
//                            v       |
//     (no store) --create--> generation g, n records --C5..C8--> the same --C9--> generation g + 1, 0 records
//                            ^                                    |
//                            +------ a crash before C9 ends ------+      .github/docs/file-format.md: which crash,
//                                                                        which bytes, what opens
// Create
//   N1  The root, locked, with blank slots: nobody takes it for a store. Then the other files, with blank slots.
//   N2  C7, with what the store begins with.
//   N3  The root's slot but for its first sector, sync; then the first sector, sync. No other slot could be current if
//       this one were torn. Without the sector there is no store, and the next creation takes over what there is.
//
// Open
//   O1  Find the current slot, and each file's slot of its generation. If one of the root's slots is neither whole nor
//       blank, it is torn or damaged: then all records must have their checksums, or the store is corrupt.
//   O2  A writer writes the tail, and what the journal appends, into the files again (I7), and lays overwrites over its
//       view. A reader lays all of the journal over its view.
//   O3  A reader holds a shared lock (I9). It waits for the writer only in C5, and so for no sync.
//
// Closing a store ends in a second checkpoint of the same state, so that damage to one slot costs nothing.
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
#include <mapvec/detail/file/id_set.hpp>
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
    // Throws not_found, locked, corrupt, and the mismatches of detail::read_header().
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

    // Throws read_only, no_space, io. Nothing is lost then, and it may be called again. After a failed sync it throws io
    // until the group is reopened.
    void commit() { commit(CommitReason::requested); }
    // Gives up what was not committed: the arrays are as the last commit left them, and no address has changed. Not
    // beside threads that read overwritten records. Throws read_only, io; nothing has changed then. Reads the journal,
    // so it throws io if the root or its journal was renamed or removed.
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
    enum class Tail { none, since_checkpoint };  // which records a slot proves by a checksum of its own
    struct Checkpoint {
        std::uint64_t generation = first_generation;
        std::uint64_t sequence = 0;
        std::uint64_t salt = 0;
        std::uint32_t flags = 0;
        Tail tail = Tail::none;
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
        std::swap(slot_write_failed_, other.slot_write_failed_);
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
    void commit_changes(CommitReason reason);
    void check_writable() const;
    [[nodiscard]] bool changed() const noexcept;
    [[nodiscard]] bool fits_slot() const noexcept;
    [[nodiscard]] bool fits_journal() const noexcept;
    template <class Syncable>
    void sync(Syncable& file);
    template <class Step>
    void remember_failed_sync(Step step);
    void log_commit();
    void make_recovered_state_durable();
    void checkpoint(Tail tail);
    [[nodiscard]] std::vector<detail::IdSet> write_overwrites_back();
    [[nodiscard]] std::uint64_t write_base(detail::JournalFile<File>& journal, const Checkpoint& next,
                                           std::vector<detail::IdSet>& carried);
    [[nodiscard]] static Slot slot_of(const Array& array, const Checkpoint& checkpoint);
    static void write_slot(Array& array, const Checkpoint& checkpoint);
    void write_root_slot(const Checkpoint& next);
    void erase_slot(std::uint64_t generation);

    void write_journal_back();
    void check_name() const;
    void remove_files() noexcept;
    void release() noexcept;
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
    std::uint64_t base_size_ = 0;    // of the journal's base record
    bool temporary_ = false;
    bool recovered_state_is_durable_ = false;  // I7
    bool sync_failed_ = false;                 // I6
    bool slot_write_failed_ = false;           // I8
    bool refresh_incomplete_ = false;          // a refresh has thrown on its way: the next one begins at the slot
    std::uint64_t last_shown_sequence_ = 0;    // the commit that the last refresh ended at
    int uncaught_exceptions_at_open_ = std::uncaught_exceptions();
    std::uint64_t owner_pid_ = detail::platform::process_id();  // that opened it, or has committed last
    detail::JournalRecordWriter record_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/detail/commit/close.hpp>
#include <mapvec/detail/commit/commit.hpp>
#include <mapvec/detail/commit/open.hpp>
