// MmapVectorStore: vectors of one dimension in one growable memory-mapped file.
//
//     auto store = mapvec::MmapVectorStore<3>::create("points.vec");
//     store.append(std::array{1.0f, 2.0f, 3.0f});            // row 0
//     store.commit();                                        // durable, atomic
//     std::span<const float, 3> row = store[0];              // no copy: the row in the mapped file
//     for (auto hit : search(store, mapvec::DiskQuery{query, 0.5f})) …       // search.hpp
//
// Durability. What commit() has returned from survives a crash of the process and of the machine, all of it or
// none: rows appended, inserted, overwritten. What was not committed is gone after a crash; the store then opens
// as the last commit left it. storage/commit_group.hpp says how.
//
// Threads and processes. One writer at a time: the second to open the store for writing gets Error(locked).
// In the writer's process any number of threads may call the functions marked [any thread] beside it; they see whole
// rows only, and no row moves: spans and data() stay valid as long as the store does, through any growth. Not
// safe: two threads that write; overwriting a row (insert at an id that exists) while another thread reads it, or
// refresh() while one reads a row that the writer has overwritten since the last. Other processes open the store
// read-only; they never block the writer, see committed states only, and move to the newest by refresh(). Of a process
// that has forked, parent or child may go on with a store, not both; a child that only ends commits nothing. Long runs
// of append() have a thread of ours prepare the file ahead, unless StoreOptions::helper_thread says no. Of a file
// that was renamed, removed or replaced while it is open, overwritten rows are not committed any more (io).
//
// Modes. read_only: nothing can be changed. copy_on_write: existing rows can be overwritten, in this
// object's memory only; the file never changes, nor does what this store sees of it.
//
// Errors are mapvec::Error; a call that throws has changed nothing, unless its comment says otherwise. Any call that
// reaches the system may throw io, and no_space where disk, memory or addresses run out.
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

// Dim: scalars a row, or dynamic_dim where only StoreOptions::dim or the file knows. S: float, double, std::int8_t,
// std::uint8_t, float16, bfloat16.
template <std::size_t Dim = dynamic_dim, Scalar S = float, Storage File = MappedFile>
class MmapVectorStore {
    static_assert(Dim > 0, "a vector has at least one element");

  public:
    using scalar_type = S;
    using Row = std::span<const S, Dim>;
    using iterator = detail::RowIterator<MappedArray<File>, S, Dim>;
    using const_iterator = iterator;

    // A new store, durable when this returns, opened for writing. Throws exists; not_found if the directory does not
    // exist; no_space if the initial capacity cannot be had; invalid_argument for a dim of 0; dimension_mismatch if
    // options.dim is not Dim.
    static MmapVectorStore create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::create({spec(path, options, Opening::new_file)}, options));
    }
    // After close() reads one page, however large the file; after a crash also what the last commits wrote
    // (storage/commit_group.hpp: Cost). Throws not_found; read_only if the system lets the file only be read; locked;
    // dimension_mismatch, type_mismatch, version_mismatch; corrupt.
    [[nodiscard]] static MmapVectorStore open(const std::filesystem::path& path, OpenMode mode = OpenMode::read_write,
                                              const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::open({spec(path, options, Opening::old_file)}, mode, options));
    }
    // As open() if there is a store, as create() if there is none.
    static MmapVectorStore open_or_create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return MmapVectorStore(CommitGroup<File>::open_or_create({spec(path, options, Opening::new_file)}, options));
    }

    // Removes the store's files; false if there are none. Programs that have it open for reading keep what they see.
    // Throws locked while it is open for writing, type_mismatch if the file is no vector store.
    static bool remove(const std::filesystem::path& path) {
        return detail::remove_store<File>({spec(path, {}, Opening::old_file)});
    }

    // A closed store: it has no rows, and writing to it throws invalid_argument. So is one that was moved from.
    MmapVectorStore() noexcept = default;

    // --- reading [any thread] ---

    // Throws out_of_range. O(1).
    [[nodiscard]] Row get(Id id) const {
        if (id >= size()) refuse(id);
        return (*this)[id];
    }
    // REQUIRES: id < size().
    [[nodiscard]] Row operator[](Id id) const noexcept {
        assert(id < size());
        return Row(scalars() + id * row_length(), row_length());
    }
    // All rows, row-major; those that are appended later are not in this span.
    [[nodiscard]] std::span<const S> data() const noexcept {
        const std::size_t rows = size();  // first: what is mapped by now shows that many
        return rows == 0 ? std::span<const S>{} : std::span<const S>(scalars(), rows * dim());
    }
    // A random-access range of Row.
    [[nodiscard]] iterator begin() const noexcept { return iterator(rows_ ? &*rows_ : nullptr, 0); }
    [[nodiscard]] iterator end() const noexcept { return iterator(rows_ ? &*rows_ : nullptr, size()); }

    // As mapvec::search(*this, query, ...); needs search.hpp. Also store.search<Cosine>(query, ...).
    template <class Query, class... Args>
    [[nodiscard]] auto search(const Query& query, const Args&... args) const {
        return detail::call_search(*this, query, args...);
    }
    template <class M, class Query, class... Args>
    [[nodiscard]] auto search(const Query& query, const Args&... args) const {
        return detail::call_search_by<M>(*this, query, args...);
    }

    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(rows_); }
    [[nodiscard]] std::size_t size() const noexcept { return rows_ ? static_cast<std::size_t>(rows_->size()) : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // Rows that fit without growing the file.
    [[nodiscard]] std::size_t capacity() const noexcept {
        return rows_ ? static_cast<std::size_t>(rows_->capacity()) : 0;
    }
    [[nodiscard]] std::size_t dim() const noexcept { return Dim != dynamic_dim ? Dim : rows_ ? row_length() : 0; }
    // REQUIRES: the store is open.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return rows_->path(); }

    // Reads everything and compares it with its checksums. Not beside a thread that writes or calls refresh(). Throws
    // corrupt, naming the first rows that are damaged; invalid_argument for a part of a collection, which is verified
    // as a whole.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        if (rows_ && !group_.is_open()) detail::refuse_to_verify_part(path());
        group_.verify(std::move(progress));
    }

    // --- writing: throws read_only; no_space; io; dimension_mismatch for a row of another length ---

    // A row behind the last; returns its id. Amortized O(dim).
    Id append(std::span<const S> row) {
        check_dim(row.size());
        rows_->stage(std::as_bytes(row));
        rows_->publish(1);
        return rows_->size() - 1;
    }
    Id append(std::initializer_list<S> row) { return append(std::span<const S>(row.begin(), row.size())); }
    // Any number of rows, one behind the other; returns the first one's id. All of them become visible, or none.
    Id append_rows(std::span<const S> row_major) {
        check_open();
        if (row_major.size() % dim() != 0)
            throw Error(ErrorCode::dimension_mismatch, path(),
                        detail::mismatch("scalars", "a multiple of " + std::to_string(dim()), row_major.size()));
        const Id first = rows_->size();
        rows_->append(std::as_bytes(row_major));
        return first;
    }
    // The row of that id is this one, new or not. Rows that are skipped are rows of zeros, which searches find like any
    // other; they take no disk space until they are written. (On a tmpfs without room touching such a gap is SIGBUS, as
    // the system has it.) Throws out_of_range if no file can be so long.
    void insert(Id id, std::span<const S> row) {
        check_dim(row.size());
        if (id < rows_->size()) return rows_->overwrite(id, std::as_bytes(row));
        if (id > rows_->size()) return rows_->insert(id, std::as_bytes(row));
        append(row);
    }

    // Room for `rows` rows in all, with disk space, so that appending them cannot fail for lack of it.
    void reserve(std::size_t rows) {
        check_open();
        rows_->reserve(rows);
    }
    // Gives room that is not used back to the file system.
    void shrink_to_fit() {
        check_open();
        rows_->shrink_to_fit();
    }

    // Everything so far is durable when this returns, as one. If it throws, the store is as before and commit() may
    // be tried again; except after a failed sync: then it throws io until the store is reopened.
    void commit() { group_.commit(); }
    void flush() { commit(); }

    // --- the rest ---

    // In read_only mode: moves to the newest commit; true if there was a new one. Views stay valid; rows that the
    // writer has overwritten change under them.
    bool refresh() { return group_.refresh(); }

    // Commits (if writing), trims the file to its rows and releases it. If it throws, the store is still open. The
    // destructor does the same and never throws; but while an exception is passing it leaves uncommitted rows behind.
    void close() {
        group_.close();
        rows_ = {};
    }

  private:
    using Opening = detail::Opening;

    friend struct detail::StoreParts;

    explicit MmapVectorStore(CommitGroup<File> group) : group_(std::move(group)), rows_(&group_[0]) {}
    explicit MmapVectorStore(MappedArray<File>& rows) : rows_(&rows) {}  // which somebody else commits

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
    // dim() of a store that is known to be open.
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
