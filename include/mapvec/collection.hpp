// Collection: vectors and what belongs to them, committed as one. A directory.
//
//     auto cities = mapvec::Collection<3, City>::create("cities.mapvec");
//     Id paris = cities.append(point, {"Paris", "FR", 2'138'551});
//     cities.erase(other);
//     cities.commit();                                               // vectors, payloads and erasures: all or nothing
//     for (auto hit : cities.search(mapvec::RingQuery{query, 0.08f, 0.004f}))
//         std::cout << cities.payload(hit.id).name << '\n';
//
// Ids count rows from 0 and are never given again. An erased row is gone for good: contains() is false, vector() and
// payload() throw out_of_range, searches skip it; its space is not used again. vectors() and payloads() show what is
// in the files, erased rows included. Where rows are erased beside a search (by the writer thread, or by a refresh()),
// a hit may be gone by the time its payload is asked for.
//
// Durability, modes, threads and processes are those of MmapVectorStore (mmap_vector_store.hpp): append and erase
// may run in one thread beside any number that read and search; update() of a row may not run beside a thread
// that reads this row. In copy_on_write mode update() works if T is of fixed size; erase() is refused (read_only).
//
// Files in the directory: `vectors` (the root, with the locks and journals), `payloads`, `payloads.offsets` unless T
// is of fixed size, `erased`. They are opened together; each alone is refused.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/store/erasure_set.hpp>
#include <mapvec/detail/util/borrowed.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
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

template <std::size_t Dim, class T, Scalar S = float, Storage File = MappedFile>
class Collection {
    using Vectors = MmapVectorStore<Dim, S, File>;
    using Payloads = PayloadStore<T, Codec<T>, File>;

  public:
    using Row = typename Vectors::Row;

    // A new collection; the directory is made if there is none. Throws exists if there is a collection in it.
    static Collection create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = specs(directory, options, Opening::new_file);  // may throw, and nothing is there yet
        File::create_directory(directory);
        return Collection(CommitGroup<File>::create(files, options));
    }
    // At the last commit of all its parts. Throws not_found; locked; dimension_mismatch, type_mismatch,
    // version_mismatch; corrupt. O(erased rows).
    [[nodiscard]] static Collection open(const std::filesystem::path& directory, OpenMode mode = OpenMode::read_write,
                                         const StoreOptions& options = {}) {
        return Collection(CommitGroup<File>::open(specs(directory, options, Opening::old_file), mode, options));
    }
    // As open() if there is a collection, as create() if there is none.
    static Collection open_or_create(const std::filesystem::path& directory, const StoreOptions& options = {}) {
        const auto files = specs(directory, options, Opening::new_file);
        File::create_directory(directory);
        return Collection(CommitGroup<File>::open_or_create(files, options));
    }

    Collection() noexcept = default;  // closed: it has no rows, and writing to it throws invalid_argument

    // --- reading [any thread] ---

    [[nodiscard]] bool contains(Id id) const noexcept { return id < vectors_.size() && !erased_ids_.contains(id); }
    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return group_.is_open(); }
    // Live rows.
    [[nodiscard]] std::size_t size() const noexcept { return live_rows_.load(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t dim() const noexcept { return vectors_.dim(); }

    // The row where it lies, valid as long as the collection. Throws out_of_range.
    [[nodiscard]] Row vector(Id id) const {
        check(id);
        return vectors_[id];
    }
    // Throws out_of_range; corrupt, payload as PayloadStore::fetch.
    [[nodiscard]] T payload(Id id) const {
        check(id);
        return payloads_.records_.fetch(id);
    }
    [[nodiscard]] const Vectors& vectors() const noexcept { return vectors_; }
    [[nodiscard]] const Payloads& payloads() const noexcept { return payloads_; }

    // As the free functions of search.hpp and search_batch.hpp over vectors(), but erased rows are never found.
    // (Searches over vectors() find them.) Another metric is a template argument: search<Cosine>(…).
    template <Metric M = SquaredL2, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const SearchOptions& options = {}) const {
        return among_live(
            [&](const auto&... filter) { return mapvec::search<M>(vectors_, query, filter..., options); });
    }
    // Only rows whose id the filter accepts.
    template <Metric M = SquaredL2, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        return mapvec::search<M>(vectors_, query, live(filter), options);
    }
    // Only the rows listed. Erased ones are skipped; an id beyond the rows throws out_of_range.
    template <Metric M = SquaredL2, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search_ids(std::span<const Id> ids, const Query& query,
                                              const SearchOptions& options = {}) const {
        if (erased_ids_.size() == 0) return mapvec::search_ids<M>(vectors_, ids, query, options);
        std::vector<Id> live;
        std::copy_if(ids.begin(), ids.end(), std::back_inserter(live),
                     [this](Id id) { return !erased_ids_.contains(id); });
        return mapvec::search_ids<M>(vectors_, live, query, options);
    }
    // The hits of search(), one by one to the visitor.
    template <Metric M = SquaredL2, AnyQuery Query = KnnQuery, HitVisitor Visitor>
    void search_each(const Query& query, Visitor&& visitor, const SearchOptions& options = {}) const {
        mapvec::search_each<M>(
            vectors_, query, [this](Id id) { return !erased_ids_.contains(id); }, visitor, options);
    }
    // The nearest rows of each query.
    template <Metric M = SquaredL2>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                             const SearchOptions& options = {}) const {
        return among_live(
            [&](const auto&... filter) { return mapvec::search_batch<M>(vectors_, queries, filter..., options); });
    }
    // The same, among rows whose id the filter accepts.
    template <Metric M = SquaredL2, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return mapvec::search_batch<M>(vectors_, queries, live(filter), options);
    }
    // Queries one after the other, dim() elements each.
    template <Metric M = SquaredL2>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const float> queries, std::size_t k,
                                                             const SearchOptions& options = {}) const {
        return among_live(
            [&](const auto&... filter) { return mapvec::search_batch<M>(vectors_, queries, k, filter..., options); });
    }

    // Reads everything. Not beside a thread that writes or calls refresh(). Throws corrupt, naming the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        payloads_.verify_with(group_, progress);
    }

    // --- writing: throws read_only; no_space; io; dimension_mismatch; payload. Nothing has changed then ---

    // A row behind the last; returns its id.
    Id append(std::span<const S> vector, const T& payload) {
        vectors_.check_dim(vector.size());
        payloads_.records_.stage(payload);
        return append_with_staged_payload(vector);
    }
    Id append(std::initializer_list<S> vector, const T& payload) {
        return append(std::span<const S>(vector.begin(), vector.size()), payload);
    }
    // With a payload that is serialized already, as PayloadStore::push_encoded.
    Id append_encoded(std::span<const S> vector, std::span<const std::byte> payload) {
        vectors_.check_dim(vector.size());
        payloads_.records_.stage_encoded(payload);
        return append_with_staged_payload(vector);
    }
    // Throws out_of_range if there is no such row, or no longer.
    void update(Id id, std::span<const S> vector, const T& payload) {
        check(id);
        vectors_.check_dim(vector.size());
        const Row row = vectors_[id];
        const std::vector<S> before(row.begin(), row.end());
        vectors_.insert(id, vector);
        try {
            payloads_.records_.update(id, payload);
        } catch (...) {
            vectors_.insert(id, before);
            throw;
        }
    }
    // Throws out_of_range if there is no such row, or no longer.
    void erase(Id id) {
        check(id);
        erased_ids_.reserve_for(id);
        erased_->stage(bytes_of(id));
        erased_->publish(1);
        erased_ids_.add(id);
        count_live_rows();
    }

    void reserve(std::size_t rows) { vectors_.reserve(rows); }

    void commit() { group_.commit(); }  // as MmapVectorStore::commit, for all files at once
    void flush() { commit(); }          // the same
    bool refresh() {                    // as MmapVectorStore::refresh
        return group_.refresh([this] {
            check_payload_count();
            for (std::size_t member = first_payload; member <= erasures; ++member) group_[member].show_committed();
            learn_erasures();
            group_[0].show_committed();  // last: whoever sees a row finds its payload, and knows if it is erased
            count_live_rows();
        });
    }
    void close() {  // as MmapVectorStore::close
        group_.close();
        vectors_ = {};
        payloads_ = {};
        erased_ = {};
        erased_ids_ = {};
        live_rows_.store(0);
    }

  private:
    using Opening = typename Vectors::Opening;

    // Members of the group; the last of the payloads' files has a record for each row.
    static constexpr std::size_t first_payload = 1;
    static constexpr std::size_t erasures = first_payload + Payloads::Records::files;

    static std::vector<FileSpec> specs(const std::filesystem::path& directory, const StoreOptions& options,
                                       Opening opening) {
        std::vector<FileSpec> specs{Vectors::spec(directory / "vectors", options, opening)};
        Payloads::Records::add_specs(specs, directory / "payloads", options.initial_capacity);
        const ExpectedHeader erased{.kind = FileKind::erasures, .dim = 1, .scalar_size = sizeof(Id)};
        specs.push_back({directory / "erased", erased, 0});
        return specs;
    }

    explicit Collection(CommitGroup<File> group)
        : group_(std::move(group)), vectors_(group_[0]), payloads_(group_, first_payload), erased_(&group_[erasures]) {
        check_payload_count();
        learn_erasures();
        count_live_rows();
    }

    Id append_with_staged_payload(std::span<const S> vector) {
        vectors_.rows_->stage(std::as_bytes(vector));
        payloads_.records_.publish();
        vectors_.rows_->publish(1);  // last: whoever sees the row finds its payload
        count_live_rows();
        return vectors_.rows_->size() - 1;
    }
    void check_payload_count() const {
        const std::uint64_t expected = group_[0].committed(), found = group_[erasures - 1].committed();
        if (found != expected)
            throw Error(ErrorCode::corrupt, payloads_.path(), detail::mismatch("records", expected, found));
    }
    // Counted by those who change it: a difference of two sizes would not be of the same moment.
    void count_live_rows() noexcept {
        live_rows_.store(static_cast<std::size_t>(group_[0].size() - erased_ids_.size()));
    }
    void learn_erasures() {
        for (std::uint64_t i = erased_ids_.size(); i < erased_->size(); ++i) {
            Id id = 0;
            std::memcpy(&id, erased_->record(i).data(), sizeof id);
            if (id < vectors_.rows_->committed()) {
                erased_ids_.reserve_for(id);
                if (erased_ids_.add(id)) continue;
            }
            throw Error(ErrorCode::corrupt, erased_->path(),
                        "erasure " + std::to_string(i) + " is of row " + std::to_string(id) +
                            ", which was never there or is erased already");
        }
    }
    // search(), if all rows are live, or else search(filter).
    template <class Search>
    [[nodiscard]] auto among_live(Search search) const {
        return erased_ids_.size() == 0 ? search() : search([this](Id id) { return !erased_ids_.contains(id); });
    }
    template <class Filter>
    [[nodiscard]] auto live(const Filter& filter) const noexcept {
        return [this, &filter](Id id) { return !erased_ids_.contains(id) && filter(id); };
    }
    void check(Id id) const {
        if (!contains(id)) refuse(id);
    }
    [[noreturn]] void refuse(Id id) const {
        const std::string problem =
            id < vectors_.size() ? "row " + std::to_string(id) + " is erased"
                                 : detail::mismatch("row id", "less than " + std::to_string(vectors_.size()), id);
        throw is_open() ? Error(ErrorCode::out_of_range, vectors_.path().parent_path(), problem)
                        : Error(ErrorCode::out_of_range, problem);
    }

    CommitGroup<File> group_;
    Vectors vectors_;
    Payloads payloads_;
    detail::NonOwning<MappedArray<File>> erased_;
    detail::ErasureSet erased_ids_;
    detail::MovableAtomic<std::size_t> live_rows_;
};

// The members search, search_ids, search_each and search_batch as free functions: one way to ask a store or a
// collection.
template <Metric M = SquaredL2, std::size_t Dim, class T, Scalar S, Storage File, class... Args>
[[nodiscard]] auto search(const Collection<Dim, T, S, File>& collection, const Args&... args) {
    return collection.template search<M>(args...);
}
template <Metric M = SquaredL2, std::size_t Dim, class T, Scalar S, Storage File, class... Args>
[[nodiscard]] auto search_ids(const Collection<Dim, T, S, File>& collection, const Args&... args) {
    return collection.template search_ids<M>(args...);
}
template <Metric M = SquaredL2, std::size_t Dim, class T, Scalar S, Storage File, class Query, class... Args>
void search_each(const Collection<Dim, T, S, File>& collection, const Query& query, Args&&... args) {
    collection.template search_each<M>(query, std::forward<Args>(args)...);
}
template <Metric M = SquaredL2, std::size_t Dim, class T, Scalar S, Storage File, class... Args>
[[nodiscard]] auto search_batch(const Collection<Dim, T, S, File>& collection, const Args&... args) {
    return collection.template search_batch<M>(args...);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
