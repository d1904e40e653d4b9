// MmapVectorStore: vectors of one dimension in one growable memory-mapped file.
//
//     auto store = mapvec::MmapVectorStore<3>::create("points.vec");
//     store.append(std::array{1.0f, 2.0f, 3.0f});            // row 0
//     store.commit();                                        // durable, atomic
//     std::span<const float, 3> row = store[0];              // a view of the mapped file
//     for (auto hit : search(store, mapvec::DiskQuery{query, 0.5f})) …       // search.hpp
//
// Durability. After commit() returns, all changes so far survive a crash of the process and of the machine: appended,
// inserted and overwritten rows. A commit is atomic: after a crash, the store opens with all changes of a commit or
// none. Changes that were not committed are lost. storage/commit_group.hpp describes the protocol.
//
// Threads. One thread may write. Any number of threads of the same process may call the functions marked [any thread]
// at the same time. They see whole rows only. Spans and data() stay valid as long as the store, through any growth. Not
// allowed: two threads that write; overwriting a row (insert() at an existing id) while another thread reads it;
// refresh() while another thread reads a row that the writer has overwritten since the last refresh(). For long runs of
// append(), a background thread of the library writes to the file, unless StoreOptions::helper_thread is false.
//
// Processes. One writer at a time: a second open for writing throws locked. Other processes open the store read-only.
// They never block the writer, see committed states only, and move to the newest commit with refresh(). After fork(),
// either the parent or the child may use the store, not both; a child that only exits commits nothing. If the file is
// renamed, removed or replaced while it is open, a commit with overwritten rows throws io.
//
// Modes. read_only: all changes throw read_only. copy_on_write: existing rows can be overwritten, in the memory of this
// object only. The file does not change, and this store does not see later commits.
//
// Errors. Failures throw mapvec::Error. A call that throws has changed nothing, unless its comment says otherwise. Any
// call that uses the system may throw io, and no_space if disk, memory or addresses are exhausted.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

#include <mapvec/detail/commit/removal.hpp>
#include <mapvec/detail/store/row_iterator.hpp>
#include <mapvec/detail/store/search_call.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/detail/util/borrowed.hpp>
#include <mapvec/error.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Dim: scalars of each row, or dynamic_dim if the dimension is known at run time only (StoreOptions::dim, or the file).
// S: float, double, std::int8_t, std::uint8_t, float16, bfloat16.
template <std::size_t Dim = dynamic_dim, Scalar S = float, Storage File = MappedFile>
class MmapVectorStore {
    static_assert(Dim > 0, "a vector has at least one element");

  public:
    using scalar_type = S;
    using Row = std::span<const S, Dim>;
    using iterator = detail::RowIterator<MappedArray<File>, S, Dim>;
    using const_iterator = iterator;

    // Creates a store, opened for writing. It is durable when this returns. Throws exists; not_found if the directory
    // does not exist; no_space if the initial capacity cannot be allocated; invalid_argument for a dim of 0;
    // dimension_mismatch if options.dim is not Dim.
    static MmapVectorStore create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::create({spec(path, options, Opening::new_file)}, options));
    }
    // Opens a store. After a close() this reads one page, for any size of the file; after a crash it also reads what
    // the last commits wrote (see Cost in storage/commit_group.hpp). Throws not_found; read_only if the file may only
    // be read; locked; dimension_mismatch, type_mismatch, version_mismatch; corrupt.
    [[nodiscard]] static MmapVectorStore open(const std::filesystem::path& path, OpenMode mode = OpenMode::read_write,
                                              const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::open({spec(path, options, Opening::old_file)}, mode, options));
    }
    // open() if the store exists, otherwise create().
    static MmapVectorStore open_or_create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::open_or_create({spec(path, options, Opening::new_file)}, options));
    }

    // Removes the files of the store; returns false if there are none. Programs that have the store open for reading
    // keep their view. Throws locked while the store is open for writing, type_mismatch if the file is not a vector
    // store.
    static bool remove(const std::filesystem::path& path) {
        return detail::remove_store<File>({spec(path, {}, Opening::old_file)});
    }

    // A closed store, as after a move: it has no rows, and writing to it throws invalid_argument.
    MmapVectorStore() noexcept = default;

    // --- reading [any thread] ---

    // The row, as a view of the mapped file. Throws out_of_range. O(1).
    [[nodiscard]] Row get(Id id) const {
        if (id >= size()) refuse(id);
        return (*this)[id];
    }
    // REQUIRES: id < size().
    [[nodiscard]] Row operator[](Id id) const noexcept {
        assert(id < size());
        return Row(scalars() + id * row_length(), row_length());
    }
    // All rows, row-major. The span does not contain rows that are appended later. O(1).
    [[nodiscard]] std::span<const S> data() const noexcept {
        const std::size_t rows = size();  // read before scalars(): the mapping then holds this many rows
        return rows == 0 ? std::span<const S>{} : std::span<const S>(scalars(), rows * dim());
    }
    // A random-access range of Row.
    [[nodiscard]] iterator begin() const noexcept { return iterator(rows_ ? &*rows_ : nullptr, 0); }
    [[nodiscard]] iterator end() const noexcept { return iterator(rows_ ? &*rows_ : nullptr, size()); }

    // Same as mapvec::search(*this, query, ...); requires search.hpp. Also store.search<Cosine>(query, ...).
    template <class Query, class... Args>
    [[nodiscard]] auto search(const Query& query, const Args&... args) const {
        return detail::call_search(*this, query, args...);
    }
    template <class M, class Query, class... Args>
    [[nodiscard]] auto search(const Query& query, const Args&... args) const {
        return detail::call_search_by<M>(*this, query, args...);
    }

    // False for a closed, moved-from or default-constructed store.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(rows_); }
    [[nodiscard]] std::size_t size() const noexcept { return rows_ ? static_cast<std::size_t>(rows_->size()) : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // The number of rows that fit without growing the file.
    [[nodiscard]] std::size_t capacity() const noexcept {
        return rows_ ? static_cast<std::size_t>(rows_->capacity()) : 0;
    }
    [[nodiscard]] std::size_t dim() const noexcept { return Dim != dynamic_dim ? Dim : rows_ ? row_length() : 0; }
    // REQUIRES: the store is open.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return rows_->path(); }
    // How the system is asked to read the rows: StoreOptions::access, or `random` in the place of `normal` if the file
    // is larger than memory.
    [[nodiscard]] Access access() const noexcept { return rows_ ? rows_->access() : Access::normal; }

    // Reads all rows and compares them with their checksums; O(size of the file). Do not call it while another thread
    // writes or calls refresh(). Throws corrupt, and names the first damaged rows; invalid_argument for a part of a
    // collection: Collection::verify() verifies it.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        if (rows_ && !group_.is_open()) detail::refuse_to_verify_part(path());
        group_.verify(std::move(progress));
    }

    // --- writing: throws read_only; no_space; io; dimension_mismatch for a row of another length ---

    // Appends a row; returns its id. Amortized O(dim).
    Id append(std::span<const S> row) {
        check_dim(row.size());
        rows_->stage(std::as_bytes(row));
        rows_->publish(1);
        return rows_->size() - 1;
    }
    Id append(std::initializer_list<S> row) { return append(std::span<const S>(row.begin(), row.size())); }
    // Appends any number of rows (row-major); returns the id of the first. Other threads see all of them or none.
    // O(scalars).
    Id append_rows(std::span<const S> row_major) {
        check_open();
        if (row_major.size() % dim() != 0)
            throw Error(ErrorCode::dimension_mismatch, path(),
                        detail::mismatch("scalars", "a multiple of " + std::to_string(dim()), row_major.size()));
        const Id first = rows_->size();
        rows_->append(std::as_bytes(row_major));
        return first;
    }
    // Overwrites row `id`, or adds it. If `id` exceeds size(), the rows in between are rows of zeros, which searches
    // find like any other row. They take no disk space until they are written. (On a full tmpfs, touching such a row
    // raises SIGBUS.) Throws out_of_range if no file can be so long. O(dim) for an existing row.
    void insert(Id id, std::span<const S> row) {
        check_dim(row.size());
        if (id < rows_->size()) return rows_->overwrite(id, std::as_bytes(row));
        if (id > rows_->size()) return rows_->insert(id, std::as_bytes(row));
        append(row);
    }

    // Allocates disk space for `rows` rows in total. Where the file system writes blocks in place (ext4, XFS, tmpfs),
    // appending these rows does not fail with no_space then. Elsewhere it still can: on btrfs and other copy-on-write
    // file systems, on XFS while the file shares its blocks with a copy (cp makes one), and on a disk with compression
    // or thin provisioning.
    void reserve(std::size_t rows) {
        check_open();
        rows_->reserve(rows);
    }
    // Returns unused capacity to the file system.
    void shrink_to_fit() {
        check_open();
        rows_->shrink_to_fit();
    }

    // Makes all changes so far durable, atomically. If it throws, the store is unchanged, and commit() may be called
    // again; after a failed sync, every commit() throws io until the store is reopened. Cost: one sync for most small
    // commits, more for others, and time in proportion to the bytes that changed since the last commit.
    void commit() { group_.commit(); }
    void flush() { commit(); }

    // --- the rest ---

    // Throws replaced if the path leads to another file, or an older copy was written over the file. The rows then stay
    // as they are, and the store must be opened again to see new commits.
    bool refresh() { return group_.refresh(); }

    // Commits (if the store is open for writing), trims the file to its rows and closes it. If it throws, the store is
    // still open. The destructor does the same and never throws. During stack unwinding it does not commit.
    void close() {
        group_.close();
        rows_ = {};
    }

  private:
    using Opening = detail::Opening;

    friend struct detail::StoreParts;

    explicit MmapVectorStore(CommitGroup<File> group) : group_(std::move(group)), rows_(&group_[0]) {}
    explicit MmapVectorStore(MappedArray<File>& rows) : rows_(&rows) {}  // another object commits it

    static FileSpec spec(const std::filesystem::path& path, const StoreOptions& options, Opening opening) {
        if (Dim != dynamic_dim && options.dim != 0 && options.dim != Dim)
            throw Error(ErrorCode::dimension_mismatch, path, detail::mismatch("StoreOptions::dim", Dim, options.dim));
        const std::size_t dim = Dim != dynamic_dim ? Dim : options.dim;
        if (dim == 0 && opening == Opening::new_file && !File::exists(path))
            throw Error(ErrorCode::invalid_argument, path, "StoreOptions::dim must say how long the vectors are");
        const ExpectedHeader header{.kind = FileKind::vectors,
                                    .scalar = static_cast<std::uint32_t>(scalar_type_of<S>),
                                    .dim = dim,
                                    .scalar_size = sizeof(S)};
        const std::size_t rows = options.initial_capacity;
        return {path, header, rows != 0 ? rows : detail::default_capacity(dim * sizeof(S))};
    }

    [[nodiscard]] const S* scalars() const noexcept { return reinterpret_cast<const S*>(rows_->records()); }
    // dim(). REQUIRES: the store is open.
    [[nodiscard]] std::size_t row_length() const noexcept {
        return Dim != dynamic_dim ? Dim : static_cast<std::size_t>(rows_->stride()) / sizeof(S);
    }
    void check_open() const {
        if (!rows_) detail::refuse_closed();
    }
    void check_dim(std::size_t found) const {
        check_open();
        if (found != row_length())
            throw Error(ErrorCode::dimension_mismatch, path(), detail::mismatch("scalars", row_length(), found));
    }
    [[noreturn]] void refuse(Id id) const {
        const std::string problem = detail::mismatch("row id", "less than " + std::to_string(size()), id);
        throw rows_ ? Error(ErrorCode::out_of_range, path(), problem) : Error(ErrorCode::out_of_range, problem);
    }

    CommitGroup<File> group_;
    detail::NonOwning<MappedArray<File>> rows_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
