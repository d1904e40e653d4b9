// IndexFiles: the base of all derived indexes. It holds the files of an index, which are committed together; the
// identity of the store; and the rows of the store that the index describes (index/indexed_rows.hpp).
//
//     auto files = IndexFiles<File>::create(path, index_fingerprint(store_id, M::name), {{"", kind, dim, bytes}, …});
//
//     const auto view = files.search(rows);          // a search: updates wait until it is destroyed
//     for (RowRange range : view.described().ranges()) …
//
//     const auto plan = files.plan(rows, max_rows);  // an update: the rows to work on
//     … computes the changes, without writing a file …
//     const auto change = files.change();            // waits for searches; later searches wait
//     … writes the files: files[0].append(…), files[0].overwrite(…) …
//     files.install(plan.next);                      // searches use it from now on
//     files.commit();
//
// An index can be deleted and built again at any time. It follows the records of one MappedArray: the vectors of a
// store, or the offsets of its payloads.
//
// Threads: any number of threads may search while one thread updates, commits or refreshes, and while the writer of the
// store works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/removal.hpp>
#include <mapvec/detail/index/indexed_rows.hpp>
#include <mapvec/detail/index/search_gate.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A file of an index: the suffix of its name, and its header. A dim of 0 accepts any dim when the file is opened.
struct IndexFile {
    const char* suffix = "";
    FileKind kind{};
    std::size_t dim = 1;
    std::size_t scalar_size = 1;
};

// The plan of an update.
struct IndexPlan {
    IndexedRows next;     // the state after the update; see IndexedRows::forget() for rows that are left for later
    RowRanges unchanged;  // rows that the index describes already
    std::uint64_t known;  // rows of the index; later rows are new
};

template <Storage File>
class IndexFiles {
    struct NoFill {
        void operator()(CommitGroup<File>&) const noexcept {}
    };

  public:
    using Array = MappedArray<File>;

    // The rows that a search may find in the index. While this object exists, the index does not change.
    class Search {
      public:
        Search(const IndexFiles& files, const Array& rows)
            : inside_(files.shared_->gate), described_(files.described(rows)) {}
        [[nodiscard]] const RowRanges& described() const noexcept { return *described_; }

      private:
        SearchGate::Search inside_;
        std::shared_ptr<const RowRanges> described_;
    };

    // A new index that describes no rows; its files begin with what fill(group) appends. Throws exists, not_found,
    // no_space, io.
    template <class Fill = NoFill>
    static IndexFiles create(const std::filesystem::path& path, std::uint64_t fingerprint,
                             const std::vector<IndexFile>& files, Fill fill = {}) {
        return IndexFiles(CommitGroup<File>::create(specs(path, fingerprint, files), {}, fill), files.size());
    }
    // Opens an index. Throws not_found; locked; read_only; type_mismatch, version_mismatch; corrupt; invalid_argument
    // for copy_on_write.
    static IndexFiles open(const std::filesystem::path& path, std::uint64_t fingerprint,
                           const std::vector<IndexFile>& files, OpenMode mode) {
        if (mode == OpenMode::copy_on_write)
            throw Error(ErrorCode::invalid_argument, path, "an index is opened read_write or read_only");
        return IndexFiles(CommitGroup<File>::open(specs(path, fingerprint, files), mode, {}), files.size());
    }
    // `old_files` are for an existing index, `new_files` for a new one.
    template <class Fill = NoFill>
    static IndexFiles open_or_create(const std::filesystem::path& path, std::uint64_t fingerprint,
                                     const std::vector<IndexFile>& old_files, const std::vector<IndexFile>& new_files,
                                     Fill fill = {}) {
        return IndexFiles(CommitGroup<File>::open_or_create(specs(path, fingerprint, old_files),
                                                            specs(path, fingerprint, new_files), {}, fill),
                          new_files.size());
    }
    // create(), after removing an existing index of the same kind, of any store and metric, damaged or not.
    template <class Fill = NoFill>
    static IndexFiles create_or_replace(const std::filesystem::path& path, std::uint64_t fingerprint,
                                        const std::vector<IndexFile>& files, Fill fill = {}) {
        (void)remove(path, files);
        return create(path, fingerprint, files, fill);
    }
    // Removes all files of an index; returns false if there are none. Readers that have it open keep their view. Throws
    // locked while it is open for writing, type_mismatch if a file is not an index of this kind; then nothing was
    // removed.
    static bool remove(const std::filesystem::path& path, const std::vector<IndexFile>& files) {
        return remove_store<File>(specs(path, 0, files));
    }

    // Copies the last commit, with the ids of the index and of its store. Throws as open() and create().
    static void copy(const std::filesystem::path& from, const std::filesystem::path& to, std::uint64_t fingerprint,
                     const std::vector<IndexFile>& files) {
        open(from, fingerprint, files, OpenMode::read_only).copy_to(to, files);
    }
    // Copies this index. REQUIRES: everything is committed. Throws as create().
    void copy_to(const std::filesystem::path& to, std::vector<IndexFile> files) const {
        if (!is_open()) refuse_closed();
        for (std::size_t file = 0; file < files.size(); ++file) files[file].dim = group_[file].header().dim;
        auto copies = specs(to, group_[0].header().fingerprint, files);
        copies[0].store_id = group_[0].header().store_id;
        auto copy = CommitGroup<File>::create(copies, {}, [&](CommitGroup<File>& group) {
            for (std::size_t file = 0; file < copies.size(); ++file)
                if (const Array& array = group_[file]; array.size() != 0)
                    group[file].append({array.records(), static_cast<std::size_t>(array.size() * array.stride())});
        });
        copy.close();
    }

    IndexFiles() noexcept = default;  // a closed index

    [[nodiscard]] bool is_open() const noexcept { return group_.is_open(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return group_[0].path(); }
    // The files of the index, in the order of creation.
    [[nodiscard]] Array& operator[](std::size_t file) noexcept { return group_[file]; }
    [[nodiscard]] const Array& operator[](std::size_t file) const noexcept { return group_[file]; }

    // Throws invalid_argument if the index is closed, type_mismatch if it belongs to another store or metric.
    void check(std::uint64_t fingerprint, const std::filesystem::path& store) const {
        if (!is_open()) refuse_closed();
        if (fingerprint != group_[0].header().fingerprint)
            throw Error(ErrorCode::type_mismatch, path(), "the index is not of the store " + store.string());
    }

    // The number of rows at the last update, described or not.
    [[nodiscard]] std::uint64_t size() const {
        const SearchGate::Search inside(shared_->gate);
        return shared_->indexed.count;
    }
    // Begins a search. REQUIRES: check() has succeeded for the store of `rows`. Read the size of the store after this
    // call, not before.
    [[nodiscard]] Search search(const Array& rows) const { return Search(*this, rows); }

    // For an index of all committed rows, or of `max_new_rows` more of them than now. Not beside another update.
    [[nodiscard]] IndexPlan plan(const Array& rows, std::uint64_t max_new_rows) const;
    // Throws read_only, before all the work.
    void check_writable() { sums_array().reserve(0); }
    // While the returned object exists, no search uses the index.
    [[nodiscard]] SearchGate::Update change() { return SearchGate::Update(shared_->gate); }
    // Sets the rows that the index describes. REQUIRES: change() was called, and the files have been written.
    void install(const IndexedRows& rows) {
        Array& array = sums_array();
        if (array.size() == 0)
            array.append(bytes_of(rows));
        else
            array.overwrite(0, bytes_of(rows));
        set(rows);
    }

    void commit() {
        if (!is_open()) refuse_closed();
        group_.commit();
    }
    // Gives up what was not committed. REQUIRES: no search is in.
    void rollback() {
        group_.rollback();
        load();
    }
    bool refresh() {
        if (!is_open()) return false;
        const SearchGate::Update update(shared_->gate);
        set({});  // if refresh() throws, the files may show either commit
        const bool moved = group_.refresh();
        load();
        return moved;
    }
    void close() { group_.close(); }
    template <ProgressCallback Progress>
    void verify(Progress progress) const {
        group_.verify(std::move(progress));
    }

  private:
    // State that searches and updates share. It is on the heap and does not move with the index.
    struct Shared {
        SearchGate gate;
        IndexedRows indexed;

        Mutex mutex;
        std::uint64_t version = 0;  // version of the rows at the last comparison
        std::shared_ptr<const RowRanges> described;
    };

    static std::vector<FileSpec> specs(const std::filesystem::path& path, std::uint64_t fingerprint,
                                       std::vector<IndexFile> files) {
        files.push_back({".rows", FileKind::indexed_rows, 1, sizeof(IndexedRows)});
        std::vector<FileSpec> specs;
        for (const IndexFile& file : files) {
            ExpectedHeader header{.kind = file.kind, .dim = file.dim, .scalar_size = file.scalar_size};
            header.fingerprint = fingerprint;
            auto name = path;
            specs.push_back({name += file.suffix, header, default_capacity(file.dim * file.scalar_size)});
        }
        return specs;
    }

    IndexFiles(CommitGroup<File> group, std::size_t own_files)
        : group_(std::move(group)), own_files_(own_files), shared_(std::make_unique<Shared>()) {
        load();
    }

    [[nodiscard]] Array& sums_array() noexcept { return group_[own_files_]; }
    void load() {
        const Array& array = sums_array();
        IndexedRows rows;
        if (array.size() != 0) std::memcpy(&rows, array.record(0).data(), sizeof rows);
        if (!rows.is_sound()) throw Error(ErrorCode::corrupt, array.path(), "its record cannot be true");
        set(rows);
    }
    void set(const IndexedRows& rows) noexcept {
        shared_->indexed = rows;
        const std::lock_guard lock(shared_->mutex);
        shared_->described = nullptr;
    }

    [[nodiscard]] std::shared_ptr<const RowRanges> described(const Array& rows) const {
        {
            const std::lock_guard lock(shared_->mutex);
            if (shared_->described && shared_->version == rows.state_version()) return shared_->described;
        }
        const RowState state = rows.state();
        auto found = std::make_shared<const RowRanges>(compare(rows, state));
        const std::lock_guard lock(shared_->mutex);
        shared_->version = state.version;
        shared_->described = found;
        return found;
    }
    [[nodiscard]] RowRanges compare(const Array& rows, const RowState& state) const {
        if (shared_->indexed.count == 0) return {};
        if (shared_->indexed.stride != rows.stride())
            throw Error(ErrorCode::corrupt, path(), mismatch("bytes a row", rows.stride(), shared_->indexed.stride));
        return described_rows(shared_->indexed, state, rows.records());
    }

    CommitGroup<File> group_;
    std::size_t own_files_ = 0;
    std::unique_ptr<Shared> shared_;
};

template <Storage File>
IndexPlan IndexFiles<File>::plan(const Array& rows, std::uint64_t max_new_rows) const {
    const RowState state = rows.state();
    const std::uint64_t known = std::min(shared_->indexed.count, state.committed);
    const std::uint64_t count = known + std::min(state.committed - known, max_new_rows);
    const std::byte* const records = count == 0 ? nullptr : rows.records();
    return {indexed_rows(state, rows.stride(), records, count), compare(rows, state), known};
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
