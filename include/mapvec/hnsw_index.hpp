// HnswIndex: the approximately nearest rows of a store, found in a thousandth of the time that reading all rows takes,
// by a graph in mapped files (HNSW: Malkov and Yashunin, IEEE TPAMI 2020, arXiv:1603.09320).
//
//     auto points = mapvec::MmapVectorStore<128>::open("points.vec");
//     auto index = mapvec::HnswIndex<>::open_or_create("points.hnsw", points);
//     index.update(points, {.threads = 0});                       // links the rows committed since the last update
//     index.commit();                                             // durable, atomic
//     for (auto hit : index.search(points, mapvec::KnnQuery{query, 10}, {.ef = 100})) …
//
// What it finds. Distances are exact, and of the rows as they are now; which rows are found is not: more of the truly
// nearest with a wider beam. Rows that the graph does not have yet, committed or not, are all read, so that none is
// missed: update when they are many. Rows overwritten since they were linked stay linked where they were: one that has
// moved far may be missed. Rows that hold a NaN or an infinity, or have no direction where the metric needs one, are
// not linked and not found. Erased rows of a collection are found unless a filter leaves them out:
//
//     index.search(collection.vectors(), KnnQuery{query, 10}, [&](Id id) { return collection.contains(id); });
//
// The graph belongs to one store, whose id it has, and to one metric: another one of either is type_mismatch. It holds
// no vectors: each call takes the store, which is read in place. It is a store of its own: path, path.upper and
// path.entry, durable by its own commit(), with its own lock, modes and readers in other processes, all as
// MmapVectorStore has them; and it can always be made anew. It has committed rows only, so it is never ahead of its
// store. A reader that sees less of the store than of the graph takes the links to the rest for absent.
//
// Threads: any number may search at once. update() and refresh() not beside a search through the same object: to
// search on while rows are linked, open the index a second time, read_only, and refresh() it after each commit. One
// thread builds the same graph from the same rows always; several build one that differs a little every time.
//
// Room: 8 m + 8 bytes a row and a little for the upper levels; update() holds as much in memory for the rows that it
// links. At most 2^32 - 2 rows.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/builder.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/walk.hpp>
#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/detail/util/borrowed.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Fixed when the graph is created.
struct HnswOptions {
    std::size_t m = 16;  // links a row, twice as many on level 0; 8 to 48 are usual, more for high dimensions
};

// How rows are linked.
struct HnswUpdateOptions {
    std::size_t ef_construction =
        200;               // candidates kept while a row is linked: more give a better graph, and take longer
    unsigned threads = 1;  // 0 = all cores
    std::size_t max_rows = SIZE_MAX;  // then update() returns, for a commit or a look at how far it is
};

// How wide a search is.
struct HnswSearchOptions {
    std::size_t ef =
        64;  // candidates kept during a search, at least k. More raise recall and take longer in proportion
};

// M: what is near, as in searches (metric.hpp).
template <Metric M = SquaredL2, Storage File = MappedFile>
class HnswIndex {
    template <std::size_t Dim, Scalar S>
    using Rows = MmapVectorStore<Dim, S, File>;

  public:
    // A new graph without rows, for this store. `m`: links a row, twice as many on the lowest level; 8 to 48 are usual,
    // more for vectors of high dimension. Throws exists; not_found if the directory does not exist; invalid_argument
    // unless 2 <= m <= 4096.
    template <std::size_t Dim, Scalar S>
    static HnswIndex create(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                            const HnswOptions& options = {}) {
        return HnswIndex(CommitGroup<File>::create(new_files(path, rows, options.m), {}));
    }
    // Throws not_found; locked; read_only; type_mismatch for a graph of another store or metric, version_mismatch;
    // corrupt. O(1).
    template <std::size_t Dim, Scalar S>
    [[nodiscard]] static HnswIndex open(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                        OpenMode mode = OpenMode::read_write) {
        if (mode == OpenMode::copy_on_write)
            throw Error(ErrorCode::invalid_argument, path, "a graph is opened read_write or read_only");
        return HnswIndex(CommitGroup<File>::open(files(path, rows), mode, {}));
    }
    // As open() if there is a graph, whatever its options, as create() if there is none.
    template <std::size_t Dim, Scalar S>
    static HnswIndex open_or_create(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                    const HnswOptions& options = {}) {
        return HnswIndex(CommitGroup<File>::open_or_create(files(path, rows), new_files(path, rows, options.m), {}));
    }

    HnswIndex() noexcept = default;  // closed: it has no rows, and searches and updates throw invalid_argument

    // --- reading [any thread] ---

    // Rows that the graph has.
    [[nodiscard]] std::size_t size() const noexcept {
        return is_open() ? static_cast<std::size_t>(level_0().size()) : 0;
    }
    // Whether it has none.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return group_.is_open(); }
    // Links a row, as it was created with. REQUIRES: the index is open; the same for path().
    [[nodiscard]] std::size_t m() const noexcept { return shape_.m; }
    // Of the first of its files.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return level_0().path(); }

    // The k nearest rows, nearest first, ties by id; perhaps not all of them, perhaps fewer than k. `rows` is the store
    // that the graph is of; type_mismatch if not. Bad queries are refused as by search() (search.hpp).
    template <std::size_t Dim, Scalar S>
    [[nodiscard]] std::vector<Hit> search(const Rows<Dim, S>& rows, const KnnQuery& query,
                                          const HnswSearchOptions& options = {}) const {
        return nearest(rows, query, options, detail::AllRows{}, [](Id) { return true; });
    }
    // Only rows whose id the filter accepts. The fewer it accepts, the more of the graph is read: where it is less than
    // one in a hundred, search_ids() over those is faster, and exact.
    template <std::size_t Dim, Scalar S, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Rows<Dim, S>& rows, const KnnQuery& query, const Filter& filter,
                                          const HnswSearchOptions& options = {}) const {
        return nearest(rows, query, options, detail::FilteredRows<Filter>{filter}, filter);
    }

    // Reads everything and compares it with its checksums. Not beside a thread that writes or calls refresh(). Throws
    // corrupt, naming the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        group_.verify(std::move(progress));
    }

    // --- writing: throws read_only; no_space; io ---

    // Links the rows that were committed since the last time, `max_rows` of them at most; returns how many. If it
    // throws, none is linked and it may be called again. Throws type_mismatch if `rows` is not the store that the graph
    // is of; invalid_argument if it has fewer committed rows than the graph; out_of_range for more than a graph can
    // have. Some 0.2 ms a row of 128 floats, more as the graph grows: O(log size()).
    template <std::size_t Dim, Scalar S>
    std::size_t update(const Rows<Dim, S>& rows, const HnswUpdateOptions& options = {}) {
        check_store(rows);
        const std::uint64_t first = level_0().size(), committed = detail::StoreParts::rows(rows).committed();
        if (committed < first)
            throw Error(ErrorCode::invalid_argument, rows.path(),
                        detail::mismatch("committed rows", "at least the graph's " + std::to_string(first), committed));
        const Id end = first + std::min<std::uint64_t>(committed - first, options.max_rows);
        if (end > detail::max_graph_rows)
            throw Error(ErrorCode::out_of_range, path(),
                        detail::mismatch("rows", "at most " + std::to_string(detail::max_graph_rows), end));
        if (end == first) return 0;
        level_0().reserve(first);  // throws read_only before all the work, not after it
        const detail::RowsSnapshot<S> all(rows);
        const detail::MappedHnsw graph(level_0(), upper(), entry_points(), shape_, first);
        detail::HnswBuilder<M, S> builder(graph, all.span(), first, end, upper().size(), options.ef_construction);
        builder.link_all(detail::thread_count(options.threads));
        install(builder);
        return static_cast<std::size_t>(end - first);
    }

    void commit() { group_.commit(); }           // as MmapVectorStore::commit
    void flush() { commit(); }                   // the same
    bool refresh() { return group_.refresh(); }  // as MmapVectorStore::refresh
    void close() { group_.close(); }             // as MmapVectorStore::close

  private:
    using Array = MappedArray<File>;

    // Members of the group.
    [[nodiscard]] Array& level_0() noexcept { return group_[0]; }
    [[nodiscard]] const Array& level_0() const noexcept { return group_[0]; }
    [[nodiscard]] Array& upper() noexcept { return group_[1]; }
    [[nodiscard]] const Array& upper() const noexcept { return group_[1]; }
    [[nodiscard]] Array& entry_points() noexcept { return group_[2]; }
    [[nodiscard]] const Array& entry_points() const noexcept { return group_[2]; }

    // Of a graph for this store; 0 words a record accept any.
    template <std::size_t Dim, Scalar S>
    static std::vector<FileSpec> files(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                       std::size_t level_0_words = 0, std::size_t upper_words = 0) {
        const auto file = [&](const char* suffix, FileKind kind, std::size_t records, std::size_t bytes) {
            ExpectedHeader header{.kind = kind, .dim = records, .scalar_size = bytes};
            header.fingerprint = fingerprint(rows);
            auto name = path;
            return FileSpec{name += suffix, header, detail::default_capacity(records * bytes)};
        };
        return {file("", FileKind::hnsw_level_0, level_0_words, sizeof(detail::RowId32)),
                file(".upper", FileKind::hnsw_upper_levels, upper_words, sizeof(detail::RowId32)),
                file(".entry", FileKind::hnsw_entry_points, 1, sizeof(Id))};
    }
    template <std::size_t Dim, Scalar S>
    static std::vector<FileSpec> new_files(const std::filesystem::path& path, const Rows<Dim, S>& rows, std::size_t m) {
        if (m < detail::HnswShape::min_m || m > detail::HnswShape::max_m)
            throw Error(ErrorCode::invalid_argument, path, detail::mismatch("m", "2 to 4096", m));
        const detail::HnswShape shape{m};
        return files(path, rows, shape.level_0_words(), shape.upper_words());
    }
    // What tells this metric's graph of this store from others.
    template <std::size_t Dim, Scalar S>
    static std::uint64_t fingerprint(const Rows<Dim, S>& rows) {
        if (!rows.is_open()) throw Error(ErrorCode::invalid_argument, "the store that a graph is of is closed");
        std::uint64_t halves[2];
        static_assert(sizeof halves == sizeof(StoreId));
        std::memcpy(halves, &detail::StoreParts::rows(rows).header().store_id, sizeof halves);
        const auto metric = static_cast<std::uint64_t>(M::distance_kind) * 2 + (M::is_distance ? 1 : 0);
        return halves[0] ^ std::rotl(halves[1], 1) ^ (metric + 1) * 0x9E3779B97F4A7C15u;
    }
    template <std::size_t Dim, Scalar S>
    void check_store(const Rows<Dim, S>& rows) const {
        if (!is_open()) detail::refuse_closed();
        if (fingerprint(rows) != level_0().header().fingerprint)
            throw Error(ErrorCode::type_mismatch, path(), "the graph is not of the store " + rows.path().string());
    }

    explicit HnswIndex(CommitGroup<File> group) : group_(std::move(group)) {
        const auto shape = detail::HnswShape::of_level_0_words(level_0().header().dim);
        if (!shape || upper().header().dim != shape->upper_words())
            throw Error(ErrorCode::corrupt, path(), "its records do not fit each other");
        shape_ = *shape;
    }

    template <std::size_t Dim, Scalar S, class Visited, class Accept>
    [[nodiscard]] std::vector<Hit> nearest(const Rows<Dim, S>& rows, const KnnQuery& query,
                                           const HnswSearchOptions& options, const Visited& unlinked,
                                           const Accept& accept) const {
        check_store(rows);
        const detail::RowsSnapshot<S> all(rows);
        const detail::MappedHnsw graph(level_0(), upper(), entry_points(), shape_, all.count());
        detail::Walk<M, S> walk(all.span());
        walk.distances().prepare(query.query);
        const std::size_t k = std::min(query.k, all.count());
        if (k == 0) return {};
        const std::size_t width = std::min(all.count(), std::max(k, options.ef));
        detail::TopK best(width);
        if (const auto entry = graph.entry_point()) {
            const detail::Candidate from = walk.greedy_descend(graph, *entry, 0);
            walk.search_layer(graph, {&from, 1}, 0, best, accept);
        }
        if (graph.size() < all.count()) {
            detail::CompiledQuery<M, S> compiled(all);
            compiled.add(query.query, {});
            detail::scan(unlinked, compiled, graph.size(), all.count(), all.rows_per_block(),
                         detail::NearestCollector{best});
        }
        best.sort();
        auto hits = detail::hits_of<M>(best);
        hits.resize(std::min(hits.size(), k));
        return hits;
    }

    // Links to rows that the graph does not have are as if they were not there, so the rows themselves come last:
    // whatever fails on the way, the graph is whole.
    template <Scalar S>
    void install(const detail::HnswBuilder<M, S>& builder) {
        upper().append(std::as_bytes(builder.upper()));
        if (builder.entry_point()) show_entry_point(builder.entry_point()->id);
        builder.each_changed([this](bool on_level_0, std::uint64_t number, std::span<const detail::RowId32> record) {
            (on_level_0 ? level_0() : upper()).overwrite(number, std::as_bytes(record));
        });
        level_0().append(std::as_bytes(builder.level_0()));
    }
    // In the place of one that an update which failed has left behind.
    void show_entry_point(Id id) {
        const std::uint64_t count = entry_points().size();
        Id last = UINT64_MAX;
        if (count != 0) std::memcpy(&last, entry_points().record(count - 1).data(), sizeof last);
        if (last == id) return;
        if (count != 0 && last >= level_0().size())
            entry_points().overwrite(count - 1, detail::bytes_of(id));
        else
            entry_points().append(detail::bytes_of(id));
    }

    CommitGroup<File> group_;
    detail::HnswShape shape_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
