// Collection: vectors with their payloads, committed together. A collection is a directory.
//
//     auto cities = mapvec::Collection<3, City>::create("cities.mapvec");
//     Id paris = cities.append(point, {"Paris", "FR", 2'138'551});
//     cities.erase(other);
//     cities.commit();                                               // vectors, payloads and erasures: durable, atomic
//     for (auto hit : cities.search(mapvec::RingQuery{query, 0.08f, 0.004f}))
//         std::cout << cities.payload(hit.id).name << '\n';
//
// The metric is part of the type, for example Collection<512, Doc, float, Cosine>. The files contain its name, and
// opening them with another metric throws type_mismatch.
//
// Ids count rows from 0 and are not reused. After erase(), contains() is false, vector() and payload() throw
// out_of_range, and searches skip the row; its space is not reused. vectors() and payloads() show the contents of the
// files, with erased rows. If rows are erased during a search (by the writer thread, or by refresh()), a hit may be
// erased before its payload is read.
//
// Transactions. All changes since the last commit() are one batch. commit(), close() and the destructor make it durable
// as a whole. rollback(), a crash, and the destructor during stack unwinding discard it as a whole. If an exception is
// caught while the collection exists, the batch stays open: the call that threw has changed nothing, and earlier
// changes wait for commit() or rollback().
//
// Threads. Other threads see changes of the writer at once, committed or not. A snapshot() shows committed rows only.
// append(), replace() and erase() may run in one thread while any number of threads read and search. update() of a row
// may not run while another thread reads this row. Durability, modes, threads and processes are otherwise those of
// MmapVectorStore (mmap_vector_store.hpp). In copy_on_write mode, update() works if T is of fixed size; erase() throws
// read_only.
//
// Keys. A key is a value of the payload that no two rows have. It finds, replaces and erases rows: see key(), put(),
// and field_index.hpp. append() and update() throw exists if two rows would have the same key.
//
// Searches: collection_searches.hpp. Indexes that make them faster: collection_indexes.hpp.
//
// detail/collection/files.hpp lists the files in the directory. They are opened together; none of them can be opened
// alone.
#pragma once

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/collection_indexes.hpp>
#include <mapvec/collection_searches.hpp>
#include <mapvec/detail/collection/rewrite.hpp>
#include <mapvec/detail/collection/state.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/error.hpp>
#include <mapvec/field_index.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// T: the payload type (payload_codec.hpp). M: the metric of all searches that name no other metric; the files contain
// its name.
template <std::size_t Dim, class T, Scalar S = float, NamedMetric M = SquaredL2, Storage File = MappedFile>
class Collection : public CollectionSearches<Collection<Dim, T, S, M, File>, M> {
    using State = detail::CollectionState<Dim, T, S, M, File>;
    using Files = typename State::Files;
    using Vectors = typename State::Vectors;
    using Payloads = typename State::Payloads;

  public:
    using Row = typename Vectors::Row;

    // Creates a collection, and the directory if it does not exist. Throws exists if the directory holds a collection.
    static Collection create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        return Collection(Files::create(directory, options), OpenMode::read_write);
    }
    // Opens a collection at its last commit. Throws not_found; locked; dimension_mismatch, type_mismatch,
    // version_mismatch; corrupt. O(erased rows).
    [[nodiscard]] static Collection open(const std::filesystem::path& directory, OpenMode mode = OpenMode::read_write,
                                         const StoreOptions& options = {}) {
        return Collection(Files::open(directory, mode, options), mode);
    }
    // open() if the collection exists, otherwise create().
    static Collection open_or_create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        return Collection(Files::open_or_create(directory, options), OpenMode::read_write);
    }
    // Removes the files of the collection; the directory stays. Returns false if there are none. Programs that have it
    // open for reading keep their view. Throws locked while it is open for writing, type_mismatch if a file does not
    // belong to a collection.
    static bool remove(const std::filesystem::path& directory) {
        if (!Files::remove(directory)) return false;
        for (const std::string& name : detail::fields_in(directory)) State::FieldOf::discard(directory, name);
        for (const IndexKind kind : {IndexKind::va, IndexKind::hnsw}) detail::discard_index<File>(directory, kind);
        return true;
    }

    Collection() noexcept = default;  // a closed collection: no rows; writing throws invalid_argument

    // --- reading [any thread] ---

    [[nodiscard]] bool contains(Id id) const noexcept { return state_ && state_->contains(id); }
    // False for a closed, moved-from or default-constructed collection.
    [[nodiscard]] bool is_open() const noexcept { return state_ != nullptr; }
    // The number of rows that are not erased.
    [[nodiscard]] std::size_t size() const noexcept { return state_ ? state_->live_rows() : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t dim() const noexcept { return vectors().dim(); }

    // The row, as a view of the mapped file. Valid as long as the collection. Throws out_of_range. O(1).
    [[nodiscard]] Row vector(Id id) const {
        check(id);
        return state_->vectors()[id];
    }
    // The payload. Throws out_of_range; corrupt and payload as PayloadStore::fetch.
    [[nodiscard]] T payload(Id id) const {
        check(id);
        return state_->payload(id);
    }
    // One field of the payload, as PayloadStore::fetch: payload(id, &Doc::title) does not decode the others.
    template <std::same_as<T> Struct, class Field>
        requires FieldwisePayload<Struct>
    [[nodiscard]] Field payload(Id id, Field Struct::*field) const {
        check(id);
        return state_->payload(id, field);
    }
    [[nodiscard]] const Vectors& vectors() const noexcept {
        static const Vectors none;
        return state_ ? state_->vectors() : none;
    }
    [[nodiscard]] const Payloads& payloads() const noexcept {
        static const Payloads none;
        return state_ ? state_->payloads() : none;
    }

    // Reads and checks all files; O(size of the files). Do not call it while another thread writes or calls refresh().
    // Throws corrupt, and names the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        if (state_) state_->verify(progress);
    }

    // Opens the collection again for reading, at its last commit, for threads that shall see committed rows only. The
    // snapshot does not change before its refresh(). While it is open, overwrites stay in the journal, which grows.
    // Throws as open(); invalid_argument if the collection is closed.
    [[nodiscard]] Collection snapshot() const {
        return open(opened().directory(), OpenMode::read_only, {.dim = dim()});
    }

    // --- keys and fields (field_index.hpp) ---

    // A key: finds rows by a value that no two rows have. `function`: a member of the payload, or a function of it.
    // Opens the files of the key; a writer creates them if they do not exist. Throws exists if two rows have the same
    // value; type_mismatch if the name belongs to a field of another type, or to a field that is not a key. Reads the
    // payloads that the files do not describe.
    template <class Function>
    [[nodiscard]] auto key(std::string name, Function function) {
        return field_of(std::move(name), std::move(function), detail::FieldUse::key);
    }
    // A field: finds rows by a value that any number of rows have.
    template <class Function>
    [[nodiscard]] auto field(std::string name, Function function) {
        return field_of(std::move(name), std::move(function), detail::FieldUse::filter);
    }
    // Removes a key or field and its files; returns false if it does not exist.
    bool drop_field(const std::string& name) { return opened().drop_field(name); }

    // --- indexes (collection_indexes.hpp) ---

    // Creates an index of all committed rows: VaOptions{} for exact searches, HnswOptions{…} for AnnQuery. Does nothing
    // if it exists; replaces a damaged one. Throws type_mismatch if it exists with other options; read_only if it does
    // not exist and the collection is open for reading; no_space, io: then there is no index. progress(rows done, all
    // rows). O(rows): see VaIndex::update, HnswIndex::update.
    template <detail::IndexOptions Options, ProgressCallback Progress = NoProgress>
    void create_index(const Options& options, const IndexUpdateOptions& how = {}, Progress progress = {}) {
        opened().create_index(options, how.threads, progress);
    }
    // Removes an index and its files; returns false if there is none. Throws read_only.
    bool drop_index(IndexKind kind) { return opened().indexes().drop(kind); }
    // Writes all waiting rows to the files of indexes, keys and fields. commit() does this only if many rows wait.
    // Throws no_space, io; then the rows still wait.
    template <ProgressCallback Progress = NoProgress>
    void update_indexes(const IndexUpdateOptions& how = {}, Progress progress = {}) {
        opened().update_indexes(how.threads, progress);
    }
    // Why indexes that have files in the directory are not used: damaged files, a crash in compact(), or a program
    // without their code; and why commit() or compact() could not update or build one. Not beside these or refresh().
    [[nodiscard]] std::vector<Error> index_errors() const {
        return state_ ? state_->indexes().errors() : std::vector<Error>();
    }

    // --- writing: throws read_only; no_space; io; dimension_mismatch; payload. Nothing has changed then ---

    // Appends a row; returns its id. Amortized O(dim + bytes of the payload).
    Id append(std::span<const S> vector, const T& payload) { return opened().append(vector, payload); }
    Id append(std::initializer_list<S> vector, const T& payload) {
        return append(std::span<const S>(vector.begin(), vector.size()), payload);
    }
    // Appends a row. If another row has the same key, it is erased: the new row replaces it. Returns the id of the new
    // row. A search at the same time finds one of the two rows or, for a moment, none; a lookup by key always finds
    // one. Throws invalid_argument if the collection has no key.
    Id put(std::span<const S> vector, const T& payload) { return opened().put(vector, payload); }
    // Appends a row with a serialized payload, like PayloadStore::push_encoded.
    Id append_encoded(std::span<const S> vector, std::span<const std::byte> payload) {
        return opened().append_encoded(vector, payload);
    }
    // Overwrites a row. Throws out_of_range if the row does not exist or is erased.
    void update(Id id, std::span<const S> vector, const T& payload) {
        check(id);
        state_->update(id, vector, payload);
    }
    // Overwrites the payload only.
    void update(Id id, const T& payload) {
        check(id);
        state_->update(id, payload);
    }
    // Appends a row and erases row `id`, which it replaces; returns the new id. A search at the same time finds one of
    // them or, for a moment, none, but never both. Throws out_of_range.
    Id replace(Id id, std::span<const S> vector, const T& payload) {
        check(id);
        return state_->replace(id, vector, payload);
    }
    // Erases a row. Throws out_of_range if the row does not exist or is erased already. O(1).
    void erase(Id id) {
        check(id);
        state_->erase(id);
    }

    void reserve(std::size_t rows) { opened().reserve(rows); }

    // --- durability ---

    // Makes all changes so far durable, atomically for all files. If it throws, nothing is committed, the batch is
    // unchanged, and commit() may be called again; after a failed sync, every commit() throws io until the collection
    // is reopened.
    void commit() {
        if (state_) state_->commit();
    }
    void flush() { commit(); }  // the same
    // Discards all changes since the last commit. The ids of appended rows are given again. Other threads may read at
    // the same time, except rows that were overwritten. Throws read_only; io after a failed sync; io and no_space if
    // the state cannot be restored: then the batch may be gone in part, and commits are refused until a later call
    // succeeds.
    void rollback() { opened().rollback(); }
    // In read_only mode: moves to the newest commit, like MmapVectorStore::refresh. If the collection was compacted or
    // migrated since, ids may refer to other rows, and spans and views become invalid; no other thread may use this
    // object then. Throws type_mismatch after a migration.
    bool refresh() {
        if (!state_) return false;
        return state_->is_writer() || state_->is_current() ? state_->refresh() : move_to_new_files();
    }

    // --- copies: each is made completely or not at all, after any error or crash. progress(rows done, all rows) ---

    // Commits, then releases the space of erased rows and of overwritten payloads: writes the live rows to new files,
    // and replaces the old files. Rows get new ids in the same order; afterwards moved(old id, new id) is called for
    // each row. Keys and fields stay; indexes are built again. Spans and views become invalid; no other thread may use
    // this object meanwhile. Snapshots and other processes keep their view until refresh(). Needs disk space for a copy
    // of the live rows. Throws no_space, io, corrupt; then nothing has changed. If memory runs out when the new files
    // are complete (bad_alloc), the collection is compacted and closed. index_errors() tells why an index was not
    // built.
    template <class Moved = detail::NoMoves, ProgressCallback Progress = NoProgress>
    void compact(Moved moved = {}, Progress progress = {}) {
        State& old = opened();
        old.commit();
        const auto place = detail::collection_place(old.directory(), old.rewrites() + 1);
        File::create_directory(place);
        detail::discard_collection<File>(place);
        const auto before = move_to(detail::copy_live_rows(old, place, old.rewrites() + 1, progress));
        Id next = 0;
        for (Id id = 0; id < before->rows().size(); ++id)
            if (before->contains(id)) moved(id, next++);
    }
    // Writes the live rows, committed or not, to a new collection, with new ids, without indexes. Throws exists if the
    // directory holds a collection.
    template <ProgressCallback Progress = NoProgress>
    void compact_to(const std::filesystem::path& directory, Progress progress = {}) const {
        Files::make_directory(directory);
        detail::copy_live_rows(opened(), directory, 0, progress).close();
    }
    // Copies the last commit to a new collection, with the same ids, keys, fields and indexes. The writer may work at
    // the same time, in another thread or process. Throws exists if the directory holds a collection.
    void backup_to(const std::filesystem::path& directory) const {
        const Collection source = snapshot();
        const auto from = source.opened().directory();
        Files::make_directory(directory);
        detail::copy_all_rows(source.opened(), directory).close();
        try {
            for (const std::string& name : detail::fields_in(from))
                State::FieldOf::copy(from, directory, name, source.opened().rows().header().store_id);
            source.opened().indexes().copy_to(directory);
        } catch (...) {
            try {
                remove(directory);
            } catch (...) {  // the first error is the one to report
            }
            throw;
        }
    }
    // Changes the payload type of a collection from Old to T, and returns the open collection. convert(const Old&)
    // returns the new payload of a row, except of erased rows. Ids stay. Throws the errors of open() for Old, and those
    // of convert(); then nothing has changed. If memory runs out when the new files are complete, it is migrated.
    template <class Old, class Convert, ProgressCallback Progress = NoProgress>
    static Collection migrate(const std::filesystem::path& directory, Convert convert, Progress progress = {}) {
        using Before = Collection<Dim, Old, S, M, File>;
        auto before = Before::open(directory);
        before.commit();  // makes durable what open() found, before files of an earlier state are removed
        const auto& old = before.opened();
        const auto place = detail::collection_place(old.directory(), old.rewrites() + 1);
        File::create_directory(place);
        detail::discard_collection<File>(place);
        auto group = detail::copy_converted<Files>(old, place, convert, progress);
        before.opened().indexes().close();
        Collection after(std::move(group), OpenMode::read_write);
        detail::discard_collection<File>(old.rows().path().parent_path());
        return after;
    }

    void close() {  // as MmapVectorStore::close
        if (state_) state_->close();
        state_.reset();
    }

  private:
    template <std::size_t, class, Scalar, NamedMetric, Storage>
    friend class Collection;
    friend CollectionSearches<Collection, M>;

    Collection(CommitGroup<File> group, OpenMode mode) : state_(std::make_unique<State>(std::move(group), mode)) {}

    template <class Function>
    [[nodiscard]] auto field_of(std::string name, Function function, detail::FieldUse use) {
        using Value = std::remove_cvref_t<std::invoke_result_t<const Function&, const T&>>;
        using Field = typename State::FieldOf;
        static_assert(Payload<Value, Codec<Value>>, "the field's value has no codec (see payload_codec.hpp)");
        if (name.empty() || name.find_first_of("/\\.") != std::string::npos)
            throw Error(ErrorCode::invalid_argument,
                        detail::mismatch("name of a field", "part of a file's name", name));
        const auto print = [function = std::move(function)](const detail::SipKey& key, const T& payload) {
            return detail::print_of<Value>(key, std::invoke(function, payload));
        };
        return FieldIndex<Value, Field>(opened().field({std::move(name), payload_schema<Value>(), use, print}));
    }

    // Takes over a compact copy, and removes the old files; returns the state before. If this throws (bad_alloc), the
    // collection is closed, because its files are no longer current.
    std::unique_ptr<State> move_to(CommitGroup<File> group) {
        auto before = std::move(state_);
        auto state = std::make_unique<State>(std::move(group), OpenMode::read_write);
        detail::discard_collection<File>(before->rows().path().parent_path());
        state->take_fields(*before);
        state->discard_other_fields();
        state->indexes().replace(before->indexes());
        state_ = std::move(state);
        return before;
    }
    bool move_to_new_files() {
        std::unique_ptr<State> state;
        try {
            state = std::make_unique<State>(Files::open(state_->directory(), OpenMode::read_only, {.dim = dim()}),
                                            OpenMode::read_only);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::not_found) return state_->refresh();  // it was removed
            throw;
        }
        // Each compaction counts on: another collection at this path does not.
        if (state->rewrites() <= state_->rewrites()) return state_->refresh();  // throws replaced
        const auto before = std::move(state_);  // if the next step throws (bad_alloc), the collection is closed
        state->take_fields(*before);
        state_ = std::move(state);
        return true;
    }
    [[nodiscard]] State& opened() const {
        if (!state_) detail::refuse_closed();
        return *state_;
    }
    void check(Id id) const {
        if (!state_) throw Error(ErrorCode::out_of_range, detail::mismatch("row id", "none: it is closed", id));
        state_->check(id);
    }
    [[nodiscard]] bool has_erased_rows() const noexcept { return state_ && state_->has_erased_rows(); }
    [[nodiscard]] bool is_erased(Id id) const noexcept { return state_->is_erased(id); }
    // Null if there is none.
    [[nodiscard]] auto exact_index() const { return state_ ? state_->indexes().exact() : nullptr; }
    [[nodiscard]] auto graph_index() const { return state_ ? state_->indexes().graph() : nullptr; }
    [[nodiscard]] const detail::ErasureSet& erased_rows() const noexcept { return state_->erased_rows(); }

    std::unique_ptr<State> state_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
