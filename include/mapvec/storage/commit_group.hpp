// CommitGroup: commits all files of one store together. Only this class decides the order of writes and syncs.
//
//     auto group = CommitGroup<MappedFile>::create(specs, options);     // a spec for each file; the first is the root
//     group[0].stage(row), group[0].publish(1);
//     group.commit();                                                    // atomic for all files, durable
//
// Terms
//   root         The first file. Its slots decide which commit all files are at.
//   slot         A record of one checkpoint, in each file: the number of its records, and their checksums. A file has
//                two slots, which alternate (storage/file_format.hpp).
//   checkpoint   All files contain every change up to some commit. The root's slot records it.
//   generation   The number of a checkpoint. Slot and journal alternate between two places: generation modulo 2.
//   journal      A file of records beside the root (detail/commit/journal.hpp). Each record makes one commit durable
//                with a single sync.
//   current      The newest valid root slot is current. Together with the journal records that follow it, it is the
//                state of the store.
//   tail         Records that are written and synced together with the slot that counts them.
//   overwrites   Changes of committed records. The writer sees them in its view at once. The commit writes them to the
//                journal, and a later checkpoint writes them to the file.
//
// Invariants (the code refers to them by number)
//   I1  The current slot, the records of its journal, and the records that they count are never modified in place.
//       (Exception: C5, which writes what the journal contains.)
//   I2  A root slot is written after everything it counts is durable. (Exception: its tail.)
//   I3  A slot with a tail has a checksum of the tail. If the checksum fails, the sync did not finish, and the previous
//       slot is current. open() then erases the slot before anything is appended, because appended records could
//       complete the tail.
//   I4  A slot and the records of its journal have the same random salt. Records with another salt belong to an earlier
//       generation, or to a checkpoint that failed. They are ignored.
//   I5  A journal record is written after the slot and the previous record are durable.
//   I6  After a failed sync, the group refuses to commit until it is reopened: the system may have dropped the pages
//       that it could not write, and a second sync would report success.
//   I7  The state that open() finds may be in the page cache only. It is written and synced again before an older slot
//       or a journal record is replaced. Otherwise a second crash could lose both.
//   I8  If the write of a root slot fails, the slot may be partly or completely written. It is erased before the next
//       commit.
//   I9  No committed record changes in the file while a reader that may not have seen the change has the file open.
//   I10 Journals are found by the name of the root. If that name leads to another file, commits use no journal.
//
// Commit
//   C1  After a failed sync: refuse (I6). After a failed slot write: erase the slot (I8). After open(): make the state
//       that was found durable (I7).
//   C2  A store of one file, and at most 4 MiB of appended records: a checkpoint with a tail (C5 to C9).
//   C3  A small commit, and no file has grown: append a record to the journal, sync the journal. The record is the
//       commit.
//   C4  Otherwise: a checkpoint (C5 to C9), from generation g to g + 1.
//   C5  Write the overwrites of journal g to the files, unless a reader has the store open (I9) or g has a tail (I1).
//       A crash after this is harmless: open() applies journal g to the files.
//   C6  If some overwrites are not in the files: write them as the base record of journal g + 1, sync it.
//   C7  Each file except the root: write slot g + 1 over slot g - 1, sync the file. The slot has no effect before that
//       of the root.
//   C8  The root: sync its records (I2). Not with a tail.
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
//   N1  Create the root, locked and with blank slots; it is not a store yet. Then the other files, with blank slots.
//   N2  C7, for the first contents of the store.
//   N3  Write the root slot without its first sector, sync; write its first sector, sync. If this slot were torn, there
//       would be no other slot. Without the first sector there is no store, and the next creation replaces the files.
//
// Open
//   O1  Find the current slot, and the slot of its generation in each file. If one root slot is neither valid nor
//       blank, it is torn or damaged. If a journal record shows that it was durable once (I5), the store is corrupt.
//       Otherwise a crash came before C9 ended: the previous slot is current, and all records are checked.
//   O2  A writer writes the tail and the appended records of the journal to the files again (I7), and lays overwrites
//       over its view. A reader lays the whole journal over its view.
//   O3  A reader holds a shared lock (I9). It waits for the writer only in C5, so it never waits for a sync.
//
//   O4  A journal record that is missing before a valid one was damaged (I5): the store is corrupt. A corrupt store is
//       not changed. The error names the last whole commit; recover() goes back to it (detail/commit/recover.hpp).
//
// Close ends with a second checkpoint of the same state, so that the store survives damage to one slot.
//
// Cost. The commit computes the checksum of each byte once, while the disk writes; bytes of a tail are summed once
// more. Open reads one page of each file and the journal; after a crash, also a tail. A checkpoint empties the journal
// when it exceeds 16 MiB (or twice its base record).
//
// Limits. open() cannot distinguish the following damage from commits that never returned. It then opens an earlier
// commit without an error. Except for the last line, this can happen only if the process died before close().
//   - the tail or the slot of the last commit is damaged, and no journal record follows: this commit is lost
//   - the last n journal records are damaged: these n commits are lost
//   - the current slot and the first record of its journal are damaged: all commits since the previous slot are lost
//   - the journal is removed or truncated at a record while the store is not open: the commits in it are lost, unless
//     it begins with a base record
//   - both root slots are overwritten with zeros: there is no store (not_found)
//   - the disk reported writes as durable and lost them, or all files were replaced by older copies
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
#include <mapvec/storage/recovery_report.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

namespace detail {
[[noreturn]] inline void refuse_closed() {
    throw Error(ErrorCode::invalid_argument, "the store is closed, or was moved from: nothing can be written to it");
}
// A part of a collection has no group of its own: verifying it alone would compare nothing and succeed.
[[noreturn]] inline void refuse_to_verify_part(const std::filesystem::path& part) {
    throw Error(ErrorCode::invalid_argument, part, "a part of a collection is verified with it: Collection::verify()");
}
}  // namespace detail

template <Storage File>
class CommitGroup {
  public:
    using Array = MappedArray<File>;

    // Creates the files. Replaces the files of a creation that a crash has interrupted. Throws exists.
    static CommitGroup create(const std::vector<FileSpec>& specs, const StoreOptions& options) {
        return create(specs, options, [](CommitGroup&) {});
    }
    // As above; the store begins with the records that fill(group) appends.
    template <class Fill>
    static CommitGroup create(const std::vector<FileSpec>& specs, const StoreOptions& options, Fill fill);
    // Files without a name. commit() does nothing.
    static CommitGroup create_temporary(const std::vector<FileSpec>& specs, const StoreOptions& options);
    // Throws not_found, locked, corrupt, and the mismatches of detail::read_header().
    static CommitGroup open(const std::vector<FileSpec>& specs, OpenMode mode, const StoreOptions& options);
    // open() if the store exists, otherwise create().
    static CommitGroup open_or_create(const std::vector<FileSpec>& specs, const StoreOptions& options) {
        return open_or_create(specs, specs, options, [](CommitGroup&) {});
    }
    // As above, with different specs for an existing store and for a new one, which begins with what fill(group)
    // appends.
    template <class Fill>
    static CommitGroup open_or_create(const std::vector<FileSpec>& old_files, const std::vector<FileSpec>& new_files,
                                      const StoreOptions& options, Fill fill);

    CommitGroup() noexcept = default;  // a closed group
    CommitGroup(CommitGroup&& other) noexcept { swap(other); }
    CommitGroup& operator=(CommitGroup&& other) noexcept {
        CommitGroup(std::move(other)).swap(*this);
        return *this;
    }
    // Commits and closes. Does not commit during stack unwinding, so that half-done changes do not become durable. Does
    // not commit in a forked process that has not committed before: it may only be about to exit.
    ~CommitGroup() {
        if (commits_at_end()) {
            try {
                close();
            } catch (...) {  // earlier commits stay durable
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
    // The address of an array does not change while the group is open, also if the group is moved.
    [[nodiscard]] Array& operator[](std::size_t file_index) noexcept { return *arrays_[file_index]; }
    [[nodiscard]] const Array& operator[](std::size_t file_index) const noexcept { return *arrays_[file_index]; }

    // Makes all changes durable, atomically. Throws read_only, no_space, io. If it throws, no change is lost, and it
    // may be called again. After a failed sync it throws io until the group is reopened.
    void commit() { commit(CommitReason::requested); }
    // Makes the state that open() found durable (I7), before files of an earlier state are removed. A power cut could
    // otherwise keep the removal, and lose the state. Throws as commit().
    void make_opened_state_durable();
    // Discards changes that were not committed: the arrays are as the last commit left them, and no address changes. Do
    // not call it while another thread reads overwritten records. Reads the journal, so it throws io if the root or its
    // journal was renamed or removed. Throws read_only, io, no_space. If it throws, uncommitted changes may be gone or
    // not, and commits are refused (io), until a later call succeeds.
    void rollback();
    // For readers: moves to the newest commit; returns true if there is a new one. Do not call it while another thread
    // reads overwritten records. If it throws, overwritten records may show either commit until a later call succeeds.
    bool refresh() {
        return refresh([this] { show_committed(); });
    }
    // As above. show() calls show_committed() of every array, in the order in which other threads shall see them.
    template <class Show>
    bool refresh(Show show);
    // Commits, trims the files and closes them. If it throws, the group is still open.
    void close();
    // Reports the damage that open() finds, and the last valid commit. Reads all files. Throws not_found, the
    // mismatches of read_header(), io.
    [[nodiscard]] static RecoveryReport examine(const std::vector<FileSpec>& specs);
    // As examine(). If there is damage, discards all commits after the last valid one. Throws corrupt if no commit is
    // valid; locked if the store is open.
    static RecoveryReport recover(const std::vector<FileSpec>& specs);
    // Reads all files and checks their checksums. Throws corrupt at the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const;
    // The number of bytes that verify() reads.
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        std::uint64_t bytes = 0;
        for (const auto& array : arrays_) bytes += array->size() * array->stride();
        return bytes;
    }

  private:
    enum class CommitReason { requested, closing };
    enum class Tail { none, since_checkpoint };  // the records that a slot covers with tail_crc
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
        std::swap(rollback_incomplete_, other.rollback_incomplete_);
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
    void check_not_replaced() const;
    [[noreturn]] void refuse_replaced(const std::string& by) const;

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

    [[nodiscard]] std::string load_as_open_does();
    [[nodiscard]] std::optional<Slot> load_last_whole_state();
    void go_back(const std::vector<FileSpec>& specs);
    void erase_journal(std::uint64_t generation);
    [[nodiscard]] static std::string advice(const std::vector<FileSpec>& specs);

    void write_journal_back();
    void check_name() const;
    void remove_files() noexcept;
    void release() noexcept;
    // If a file cannot be removed, it does no harm: it is a root without a slot, or a journal of an earlier generation.
    static bool remove_if_possible(const std::filesystem::path& path) {
        try {
            File::remove(path);
            return true;
        } catch (const Error&) {
            return false;
        }
    }

    detail::Arrays<File> arrays_;
    detail::JournalFile<File> journal_;  // of the current generation
    OpenMode mode_ = OpenMode::read_write;
    Checkpoint checkpoint_;
    std::vector<Slot> opened_at_;    // the slot of each file, as open() found it
    std::uint64_t sequence_ = 0;     // of the last commit
    std::uint64_t journal_end_ = 0;  // position of the next record
    std::uint64_t base_size_ = 0;    // size of the base record of the journal
    bool temporary_ = false;
    bool recovered_state_is_durable_ = false;  // I7
    bool sync_failed_ = false;                 // I6
    bool rollback_incomplete_ = false;         // the arrays are between two states
    bool slot_write_failed_ = false;           // I8
    bool refresh_incomplete_ = false;          // a refresh has thrown; the next one begins at the slot
    std::uint64_t last_shown_sequence_ = 0;    // the commit of the last refresh
    int uncaught_exceptions_at_open_ = std::uncaught_exceptions();
    std::uint64_t owner_pid_ = detail::platform::process_id();  // the process that opened it or committed last
    detail::JournalRecordWriter record_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/detail/commit/close.hpp>
#include <mapvec/detail/commit/commit.hpp>
#include <mapvec/detail/commit/open.hpp>
#include <mapvec/detail/commit/recover.hpp>
