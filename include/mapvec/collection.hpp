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
// detail/collection/files.hpp lists the files in the directory. They are opened together; none of them can be opened
// alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/collection/state.hpp>
#include <mapvec/detail/commit/removal.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/error.hpp>
#include <mapvec/field_index.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// T: the payload type (payload_codec.hpp). M: the metric of all searches that name no other metric; the files contain
// its name.
template <std::size_t Dim, class T, Scalar S = float, NamedMetric M = SquaredL2, Storage File = MappedFile>
class Collection {
    using State = detail::CollectionState<Dim, T, S, M, File>;
    using Files = typename State::Files;
    using Vectors = typename State::Vectors;
    using Payloads = typename State::Payloads;

  public:
    using Row = typename Vectors::Row;

    // Creates a collection, and the directory if it does not exist. Throws exists if the directory holds a collection.
    static Collection create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::new_file);  // may throw; no directory yet
        File::create_directory(directory);
        return Collection(CommitGroup<File>::create(files, options), OpenMode::read_write);
    }
    // Opens a collection at its last commit. Throws not_found; locked; dimension_mismatch, type_mismatch,
    // version_mismatch; corrupt. O(erased rows).
    [[nodiscard]] static Collection open(const std::filesystem::path& directory, OpenMode mode = OpenMode::read_write,
                                         const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::old_file);
        return Collection(CommitGroup<File>::open(files, mode, options), mode);
    }
    // open() if the collection exists, otherwise create().
    static Collection open_or_create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::new_file);
        File::create_directory(directory);
        return Collection(CommitGroup<File>::open_or_create(files, options), OpenMode::read_write);
    }
    // Removes the files of the collection; the directory stays. Returns false if there are none. Programs that have it
    // open for reading keep their view. Throws locked while it is open for writing, type_mismatch if a file does not
    // belong to a collection.
    static bool remove(const std::filesystem::path& directory) {
        return detail::remove_store<File>(Files::specs(directory, {}, detail::Opening::old_file));
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
    [[nodiscard]] const Vectors& vectors() const noexcept {
        static const Vectors none;
        return state_ ? state_->vectors() : none;
    }
    [[nodiscard]] const Payloads& payloads() const noexcept {
        static const Payloads none;
        return state_ ? state_->payloads() : none;
    }

    // Same as the free functions of search.hpp and search_batch.hpp over vectors(), but without erased rows. (Searches
    // over vectors() find erased rows.) They use the metric of the collection; search<Cosine>(…) uses another one.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const SearchOptions& options = {}) const {
        return among_live(
            [&](const auto&... filter) { return mapvec::search<Other>(vectors(), query, filter..., options); });
    }
    // Only rows whose id the filter accepts.
    template <Metric Other = M, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        return mapvec::search<Other>(vectors(), query, live(filter), options);
    }
    // Searches only these rows, and reads no others.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const RowList& rows,
                                          const SearchOptions& options = {}) const {
        return search_ids<Other>(rows.ids, query, options);
    }
    // Searches only the listed rows. Skips erased rows. Throws out_of_range for an id that is not a row.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search_ids(std::span<const Id> ids, const Query& query,
                                              const SearchOptions& options = {}) const {
        if (!has_erased_rows()) return mapvec::search_ids<Other>(vectors(), ids, query, options);
        std::vector<Id> live;
        std::copy_if(ids.begin(), ids.end(), std::back_inserter(live),
                     [this](Id id) { return !state_->is_erased(id); });
        return mapvec::search_ids<Other>(vectors(), live, query, options);
    }
    // Passes each hit of search() to the visitor.
    template <Metric Other = M, AnyQuery Query = KnnQuery, HitVisitor Visitor>
    void search_each(const Query& query, Visitor&& visitor, const SearchOptions& options = {}) const {
        mapvec::search_each<Other>(
            vectors(), query, [this](Id id) { return !state_->is_erased(id); }, visitor, options);
    }
    // The nearest rows of each query.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                             const SearchOptions& options = {}) const {
        return among_live(
            [&](const auto&... filter) { return mapvec::search_batch<Other>(vectors(), queries, filter..., options); });
    }
    // As above, for rows whose id the filter accepts.
    template <Metric Other = M, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return mapvec::search_batch<Other>(vectors(), queries, live(filter), options);
    }
    // `queries` holds vectors of dim() elements, one after the other.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const float> queries, std::size_t k,
                                                             const SearchOptions& options = {}) const {
        return among_live([&](const auto&... filter) {
            return mapvec::search_batch<Other>(vectors(), queries, k, filter..., options);
        });
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
    // Writes all waiting rows to the files of keys and fields, for programs that open the collection next. commit()
    // does this only if many rows wait. Throws no_space, io; then the rows still wait.
    void update_indexes() { opened().update_fields(); }
    // Removes a key or field and its files; returns false if it does not exist.
    bool drop_field(const std::string& name) { return opened().drop_field(name); }

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
    // the same time, except rows that were overwritten. Throws read_only; io after a failed sync.
    void rollback() { opened().rollback(); }
    // In read_only mode: moves to the newest commit, like MmapVectorStore::refresh.
    bool refresh() { return state_ && state_->refresh(); }
    void close() {  // see MmapVectorStore::close
        if (state_) state_->close();
        state_.reset();
    }

  private:
    Collection(CommitGroup<File> group, OpenMode mode) : state_(std::make_unique<State>(std::move(group), mode)) {}

    template <class Function>
    [[nodiscard]] auto field_of(std::string name, Function function, detail::FieldUse use) {
        using Value = std::remove_cvref_t<std::invoke_result_t<const Function&, const T&>>;
        using Field = typename State::FieldOf;
        static_assert(Payload<Value, Codec<Value>>, "the field's value has no codec (see payload_codec.hpp)");
        if (name.empty() || name.find_first_of("/\\") != std::string::npos)
            throw Error(ErrorCode::invalid_argument,
                        detail::mismatch("name of a field", "part of a file's name", name));
        const auto print = [function = std::move(function)](const detail::SipKey& key, const T& payload) {
            return detail::print_of<Value>(key, std::invoke(function, payload));
        };
        return FieldIndex<Value, Field>(opened().field({std::move(name), payload_schema<Value>(), use, print}));
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
    // Calls search() if no row is erased, otherwise search(filter).
    template <class Search>
    [[nodiscard]] auto among_live(Search search) const {
        return has_erased_rows() ? search([this](Id id) { return !state_->is_erased(id); }) : search();
    }
    template <class Filter>
    [[nodiscard]] auto live(const Filter& filter) const noexcept {
        return [this, &filter](Id id) { return !state_->is_erased(id) && filter(id); };
    }

    std::unique_ptr<State> state_;
};

// The members search, search_ids, search_each and search_batch as free functions, so that stores and collections are
// searched in the same way. search<Cosine>(collection, …) uses another metric than that of the collection.
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.search(args...);
}
template <Metric Other, std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.template search<Other>(args...);
}
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search_ids(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.search_ids(args...);
}
template <Metric Other, std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search_ids(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.template search_ids<Other>(args...);
}
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class Query, class... Args>
void search_each(const Collection<Dim, T, S, M, File>& collection, const Query& query, Args&&... args) {
    collection.search_each(query, std::forward<Args>(args)...);
}
template <Metric Other, std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class Query, class... Args>
void search_each(const Collection<Dim, T, S, M, File>& collection, const Query& query, Args&&... args) {
    collection.template search_each<Other>(query, std::forward<Args>(args)...);
}
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search_batch(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.search_batch(args...);
}
template <Metric Other, std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, class... Args>
[[nodiscard]] auto search_batch(const Collection<Dim, T, S, M, File>& collection, const Args&... args) {
    return collection.template search_batch<Other>(args...);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
