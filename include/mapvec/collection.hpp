// Collection: vectors and what belongs to them, committed as one. A directory.
//
//     auto cities = mapvec::Collection<3, City>::create("cities.mapvec");
//     Id paris = cities.append(point, {"Paris", "FR", 2'138'551});
//     cities.erase(other);
//     cities.commit();                                               // vectors, payloads and erasures: all or nothing
//     for (auto hit : cities.search(mapvec::RingQuery{query, 0.08f, 0.004f}))
//         std::cout << cities.payload(hit.id).name << '\n';
//
// A collection for searches by another metric than Euclidean distance says so in its type, and its files keep the name:
// Collection<512, Doc, float, Cosine>. Opened with another metric it is type_mismatch.
//
// Ids count rows from 0 and are never given again. An erased row is gone for good: contains() is false, vector() and
// payload() throw out_of_range, searches skip it; its space is not used again. vectors() and payloads() show what is
// in the files, erased rows included. Where rows are erased beside a search (by the writer thread, or by a refresh()),
// a hit may be gone by the time its payload is asked for.
//
// Transactions. All that was changed since the last commit() is one batch. It becomes durable as a whole by commit(),
// close() or an ordinary destruction, and is given up as a whole by rollback(), a crash, or a destruction while an
// exception unwinds the stack. An exception that is caught while the collection lives leaves the batch open: the call
// that threw has changed nothing, what was changed before waits for commit() or rollback().
//
// Threads beside the writer see its changes at once, committed or not. To see committed rows only, they use a
// snapshot(). Otherwise durability, modes, threads and processes are those of MmapVectorStore (mmap_vector_store.hpp):
// append, replace and erase may run in one thread beside any number that read and search; update() of a row may not run
// beside a thread that reads this row. In copy_on_write mode update() works if T is of fixed size; erase() is refused
// (read_only).
//
// Keys. By a key, a value of the payload that no two rows have, rows are found, replaced and erased: key(), put(), and
// field_index.hpp. append() and update() throw exists where they would give two rows one key.
//
// The files in the directory are listed in detail/collection/files.hpp. They are opened together; each alone is
// refused.
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

// T: the payloads (payload_codec.hpp). M: the metric of all searches that name no other; the file knows it by its name.
template <std::size_t Dim, class T, Scalar S = float, NamedMetric M = SquaredL2, Storage File = MappedFile>
class Collection {
    using State = detail::CollectionState<Dim, T, S, M, File>;
    using Files = typename State::Files;
    using Vectors = typename State::Vectors;
    using Payloads = typename State::Payloads;

  public:
    using Row = typename Vectors::Row;

    // A new collection; the directory is made if there is none. Throws exists if there is a collection in it.
    static Collection create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::new_file);  // throws before it is made
        File::create_directory(directory);
        return Collection(CommitGroup<File>::create(files, options), OpenMode::read_write);
    }
    // At the last commit of all its parts. Throws not_found; locked; dimension_mismatch, type_mismatch,
    // version_mismatch; corrupt. O(erased rows).
    [[nodiscard]] static Collection open(const std::filesystem::path& directory, OpenMode mode = OpenMode::read_write,
                                         const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::old_file);
        return Collection(CommitGroup<File>::open(files, mode, options), mode);
    }
    // As open() if there is a collection, as create() if there is none.
    static Collection open_or_create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = Files::specs(directory, options, detail::Opening::new_file);
        File::create_directory(directory);
        return Collection(CommitGroup<File>::open_or_create(files, options), OpenMode::read_write);
    }
    // Removes its files; the directory stays. False if there are none. Programs that have it open for reading keep what
    // they see. Throws locked while it is open for writing, type_mismatch if a file is none of a collection's.
    static bool remove(const std::filesystem::path& directory) {
        return detail::remove_store<File>(Files::specs(directory, {}, detail::Opening::old_file));
    }

    Collection() noexcept = default;  // closed: it has no rows, and writing to it throws invalid_argument

    // --- reading [any thread] ---

    [[nodiscard]] bool contains(Id id) const noexcept { return state_ && state_->contains(id); }
    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return state_ != nullptr; }
    // Live rows.
    [[nodiscard]] std::size_t size() const noexcept { return state_ ? state_->live_rows() : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t dim() const noexcept { return vectors().dim(); }

    // The row where it lies, valid as long as the collection. Throws out_of_range.
    [[nodiscard]] Row vector(Id id) const {
        check(id);
        return state_->vectors()[id];
    }
    // Throws out_of_range; corrupt, payload as PayloadStore::fetch.
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

    // As the free functions of search.hpp and search_batch.hpp over vectors(), but erased rows are never found.
    // (Searches over vectors() find them.) They ask by the collection's metric; by another with search<Cosine>(…).
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
    // Only these rows, which are the only ones that are read.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const RowList& rows,
                                          const SearchOptions& options = {}) const {
        return search_ids<Other>(rows.ids, query, options);
    }
    // Only the rows listed. Erased ones are skipped; an id beyond the rows throws out_of_range.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search_ids(std::span<const Id> ids, const Query& query,
                                              const SearchOptions& options = {}) const {
        if (!has_erased_rows()) return mapvec::search_ids<Other>(vectors(), ids, query, options);
        std::vector<Id> live;
        std::copy_if(ids.begin(), ids.end(), std::back_inserter(live),
                     [this](Id id) { return !state_->is_erased(id); });
        return mapvec::search_ids<Other>(vectors(), live, query, options);
    }
    // The hits of search(), one by one to the visitor.
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
    // The same, among rows whose id the filter accepts.
    template <Metric Other = M, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return mapvec::search_batch<Other>(vectors(), queries, live(filter), options);
    }
    // Queries one after the other, dim() elements each.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const float> queries, std::size_t k,
                                                             const SearchOptions& options = {}) const {
        return among_live([&](const auto&... filter) {
            return mapvec::search_batch<Other>(vectors(), queries, k, filter..., options);
        });
    }

    // Reads everything. Not beside a thread that writes or calls refresh(). Throws corrupt, naming the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        if (state_) state_->verify(progress);
    }

    // The collection as the last commit left it, as an object of its own, open for reading: for threads beside the
    // writer that are to see committed rows only. It stays as it is until its refresh(). Rows that are overwritten
    // meanwhile wait in the journal, which grows. As open(); throws invalid_argument if the collection is closed.
    [[nodiscard]] Collection snapshot() const {
        return open(opened().directory(), OpenMode::read_only, {.dim = dim()});
    }

    // --- keys and fields (field_index.hpp) ---

    // The rows by a value that no two rows have. `function`: a member of the payload, or a function of it. Found again if
    // it is in the directory; a writer makes it if not. Throws exists if two rows have one value; type_mismatch if the
    // name is that of a field of other values, or of no key.
    template <class Function>
    [[nodiscard]] auto key(std::string name, Function function) {
        return field_of(std::move(name), std::move(function), detail::FieldUse::key);
    }
    // The same for a value that any number of rows have.
    template <class Function>
    [[nodiscard]] auto field(std::string name, Function function) {
        return field_of(std::move(name), std::move(function), detail::FieldUse::filter);
    }
    // Brings their files up to date with the last commit, for programs that open the collection next: commit() does it
    // only when many rows wait. Throws no_space, io; rows that wait go on waiting.
    void update_indexes() { opened().update_fields(); }
    // Removes a key or field and its files; false if there is none of that name.
    bool drop_field(const std::string& name) { return opened().drop_field(name); }

    // --- writing: throws read_only; no_space; io; dimension_mismatch; payload. Nothing has changed then ---

    // A row behind the last; returns its id.
    Id append(std::span<const S> vector, const T& payload) { return opened().append(vector, payload); }
    Id append(std::initializer_list<S> vector, const T& payload) {
        return append(std::span<const S>(vector.begin(), vector.size()), payload);
    }
    // A new row, or one in the place of that which has the same key, which is erased; returns the new row's id. Searches
    // beside it find one of the two or, for a moment, none; key lookups always one. Throws invalid_argument if no key
    // was named.
    Id put(std::span<const S> vector, const T& payload) { return opened().put(vector, payload); }
    // With a payload that is serialized already, as PayloadStore::push_encoded.
    Id append_encoded(std::span<const S> vector, std::span<const std::byte> payload) {
        return opened().append_encoded(vector, payload);
    }
    // Overwrites a row. Throws out_of_range if there is no such row, or no longer.
    void update(Id id, std::span<const S> vector, const T& payload) {
        check(id);
        state_->update(id, vector, payload);
    }
    // The payload alone.
    void update(Id id, const T& payload) {
        check(id);
        state_->update(id, payload);
    }
    // A row behind the last takes the place of this one, which is erased; returns its id. Searches beside it find one
    // of them or, for a moment, none; never both. Throws out_of_range.
    Id replace(Id id, std::span<const S> vector, const T& payload) {
        check(id);
        return state_->replace(id, vector, payload);
    }
    // Throws out_of_range if there is no such row, or no longer.
    void erase(Id id) {
        check(id);
        state_->erase(id);
    }

    void reserve(std::size_t rows) { opened().reserve(rows); }

    // --- durability ---

    // Everything so far is durable when this returns, all files as one. If it throws, nothing is committed, the batch is
    // as it was, and commit() may be tried again; except after a failed sync: then it throws io until the collection is
    // reopened.
    void commit() {
        if (state_) state_->commit();
    }
    void flush() { commit(); }  // the same
    // Gives up everything since the last commit. Ids of rows that were appended since are given again. Other threads may
    // read beside it, except overwritten rows. Throws read_only; io after a failed sync.
    void rollback() { opened().rollback(); }
    // In read_only mode: moves to the newest commit, as MmapVectorStore::refresh.
    bool refresh() { return state_ && state_->refresh(); }
    void close() {  // as MmapVectorStore::close
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
    // search(), if all rows are live, or else search(filter).
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

// The members search, search_ids, search_each and search_batch as free functions: one way to ask a store or a
// collection. search<Cosine>(collection, …) asks by another metric than the collection's.
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
