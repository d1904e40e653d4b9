// HnswIndex: approximate nearest-neighbour search over the rows of a store.
// A Hierarchical Navigable Small World graph (Malkov and Yashunin, IEEE TPAMI 2020, arXiv:1603.09320) in memory-mapped
// files.
//
//     auto points = mapvec::MmapVectorStore<128>::open("points.vec");
//     auto index = mapvec::HnswIndex<>::open_or_create("points.hnsw", points, {.m = 16});
//     index.update(points, {.threads = 0});                           // links the rows committed since the last update
//     index.commit();                                                 // durable and atomic
//     auto hits = index.search(points, mapvec::KnnQuery{query, 10}, {.ef = 100});
//
// It also searches rings, ranges and disks, and goes on after the k nearest: pages().
//
// Recall. Reported distances are exact. The set of rows is approximate: a larger `ef` raises recall and costs
// proportionally more time.
//
// Rows that change. update() links overwritten rows again, and removes rows that a collection has erased. Until then, a
// search reads in full all rows that the graph does not describe, so that no row is missed: rows that were appended
// since the last update, and blocks of rows (1/128 to 1/256 of the store) that contain an overwritten row, committed or
// not. The checksums of the store show which rows the graph describes, also after a crash, and for a store that was
// copied or restored from a backup.
//
// A collection can be used in place of a store. Erased rows are then never found:
//
//     index.update(places), index.search(places, KnnQuery{query, 10});
//
// Rows without a distance (NaN, infinity; zero rows with Cosine) are not linked and never found. Of several equal rows
// only one is linked; all are found.
//
// Ownership. The graph stores row ids, checksums and lines, no vectors. Every call takes the store, which must be the
// one that the index was created for; the metric must be the same: otherwise type_mismatch. A metric of your own needs
// a name (metric.hpp). The index can be deleted and built again at any time. Its files are path, path.upper,
// path.entry, path.lines, path.axes and path.rows. They have their own lock, modes and readers, like a MmapVectorStore.
//
// Threads. Any number of threads may search, also while one thread runs update(), commit() or refresh(), and while the
// writer of the store appends and commits. A filter must not call the index that calls it. With one thread, update()
// builds the same graph from the same rows every time; with several threads it may differ slightly.
//
// Speed. Rows of 192 bytes or more also have a line of 64 bytes, as in a VaIndex. A search reads the lines of the rows
// that it visits, and measures the best `ef` rows at the end.
//
// Memory. On disk 8 m + 16 bytes for each row, about 1/m of that for the upper levels, and 64 bytes for a line.
// update() needs as much memory for the rows that it links and for rows that lose a neighbour. A search keeps one byte
// for each row for the next search. At most 2^32 - 2 rows.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/lines.hpp>
#include <mapvec/detail/hnsw/pages.hpp>
#include <mapvec/detail/hnsw/range.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/scratch.hpp>
#include <mapvec/detail/hnsw/search.hpp>
#include <mapvec/detail/hnsw/update.hpp>
#include <mapvec/detail/index/followed_store.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/index/index_files.hpp>
#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// The parameters of a graph. They are fixed when the index is created, and stored in its files.
struct HnswOptions {
    std::size_t m = 16;  // links of a row, twice as many on level 0; usually 8 to 48, more for high dimensions
    std::size_t ef_construction = 200;  // candidates while linking a row: more give a better graph, slowly
};

// How update() works.
struct HnswUpdateOptions {
    std::size_t ef_construction = 0;  // 0: that of the index
    unsigned threads = 1;             // 0 = all cores
    std::size_t max_rows = SIZE_MAX;  // update() returns after so many rows, so that they can be committed
};

// How a search works.
struct HnswSearchOptions {
    std::size_t ef = 64;   // candidates of a search, at least k: a larger number raises recall and takes longer
    unsigned threads = 1;  // for search_batch(); 0 = all cores
};

// The amount of rows that a search has read.
struct HnswSearchStats {
    std::size_t measured_rows = 0;  // rows whose distance was computed
};

// M: the metric, as in searches (metric.hpp).
template <NamedMetric M = SquaredL2, Storage File = MappedFile>
class HnswIndex {
    using Files = detail::IndexFiles<File>;

  public:
    // Creates an index without rows. Throws exists; not_found if the directory does not exist; invalid_argument unless
    // 2 <= m <= 4096 and 1 <= ef_construction < 2^32.
    template <detail::FollowedStore<File> Store>
    static HnswIndex create(const std::filesystem::path& path, const Store& store, const HnswOptions& options = {}) {
        check(path, options);
        return HnswIndex(Files::create(path, fingerprint(store), files(options.m, detail::vectors_of(store).dim()),
                                       first_state(options)));
    }
    // Opens an index. O(1). Throws not_found; locked; read_only; type_mismatch for an index of another store or metric;
    // version_mismatch; corrupt; invalid_argument for copy_on_write.
    template <detail::FollowedStore<File> Store>
    [[nodiscard]] static HnswIndex open(const std::filesystem::path& path, const Store& store,
                                        OpenMode mode = OpenMode::read_write) {
        return HnswIndex(Files::open(path, fingerprint(store), files(), mode));
    }
    // open() if the index exists, with any options; otherwise create().
    template <detail::FollowedStore<File> Store>
    static HnswIndex open_or_create(const std::filesystem::path& path, const Store& store,
                                    const HnswOptions& options = {}) {
        check(path, options);
        return HnswIndex(Files::open_or_create(path, fingerprint(store), files(),
                                               files(options.m, detail::vectors_of(store).dim()),
                                               first_state(options)));
    }
    // create(), after removing an existing HnswIndex of any store or metric, damaged or not. Throws locked while that
    // is open for writing; type_mismatch if the path belongs to another file.
    template <detail::FollowedStore<File> Store>
    static HnswIndex create_or_replace(const std::filesystem::path& path, const Store& store,
                                       const HnswOptions& options = {}) {
        check(path, options);
        return HnswIndex(Files::create_or_replace(
            path, fingerprint(store), files(options.m, detail::vectors_of(store).dim()), first_state(options)));
    }
    // Removes all files of an index; returns false if there are none. Throws as create_or_replace().
    static bool remove(const std::filesystem::path& path) { return Files::remove(path, files()); }

    HnswIndex() noexcept = default;  // a closed index: no rows; searches and updates throw invalid_argument

    // --- reading [any thread] ---

    // The number of rows at the last update.
    [[nodiscard]] std::size_t size() const { return is_open() ? static_cast<std::size_t>(files_.size()) : 0; }
    // True if size() is 0.
    [[nodiscard]] bool empty() const { return size() == 0; }
    // False for a closed, moved-from or default-constructed index.
    [[nodiscard]] bool is_open() const noexcept { return files_.is_open(); }
    // The options of create(). REQUIRES: the index is open, also for path().
    [[nodiscard]] HnswOptions options() const noexcept { return options_; }
    [[nodiscard]] std::size_t m() const noexcept { return options_.m; }
    // The path of its first file.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return files_.path(); }

    // The k nearest rows, nearest first, ties by id. Some of them may be missing, and there may be fewer than k. Throws
    // type_mismatch if `store` is not the store of the index, and the errors of search() (search.hpp) for invalid
    // queries. Cost: in proportion to ef, and one pass over the rows that the graph does not describe.
    template <detail::FollowedStore<File> Store>
    [[nodiscard]] std::vector<Hit> search(const Store& store, const KnnQuery& query,
                                          const HnswSearchOptions& options = {}) const {
        HnswSearchStats stats;
        return nearest(store, query, detail::live_rows_of(store), stats, options);
    }
    // Only rows whose id the filter accepts. Where it accepts few, or those that it accepts are far from the query, all
    // that it accepts are read.
    template <detail::FollowedStore<File> Store, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Store& store, const KnnQuery& query, const Filter& filter,
                                          const HnswSearchOptions& options = {}) const {
        HnswSearchStats stats;
        return search_counted(store, query, filter, stats, options);
    }
    // The same; also returns the amount of rows that it read.
    template <detail::FollowedStore<File> Store, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search_counted(const Store& store, const KnnQuery& query, const Filter& filter,
                                                  HnswSearchStats& stats, const HnswSearchOptions& options = {}) const {
        const auto is_live = detail::live_rows_of(store);
        return nearest(
            store, query, [&](Id id) { return is_live(id) && filter(id); }, stats, options);
    }
    // The rows in a ring, a range, a disk or an intersection of disks, by id, or nearest first if the query has a
    // limit. Some of them may be missing: `ef` is the number of rows beyond the upper bound that the search visits too.
    // Throws as the other search().
    //
    // Cost: in proportion to ef and to the rows nearer than the upper bound, also those within the inner radius of a
    // ring. Where a scan of all lines costs less (rows, if they are short), the search scans, and misses nothing.
    template <detail::FollowedStore<File> Store, AnyQuery Query>
        requires(!std::same_as<Query, KnnQuery>)
    [[nodiscard]] std::vector<Hit> search(const Store& store, const Query& query,
                                          const HnswSearchOptions& options = {}) const {
        return in_range(store, query, detail::live_rows_of(store), options);
    }
    template <detail::FollowedStore<File> Store, AnyQuery Query, IdFilter Filter>
        requires(!std::same_as<Query, KnnQuery>)
    [[nodiscard]] std::vector<Hit> search(const Store& store, const Query& query, const Filter& filter,
                                          const HnswSearchOptions& options = {}) const {
        const auto is_live = detail::live_rows_of(store);
        return in_range(
            store, query, [&](Id id) { return is_live(id) && filter(id); }, options);
    }
    // A search that goes on: next() returns the k nearest rows, then the next k, and so on (HnswPages).
    template <detail::FollowedStore<File> Store>
    [[nodiscard]] auto pages(const Store& store, const KnnQuery& query, const HnswSearchOptions& options = {}) const {
        return detail::pages_of(*this, store, query, options);
    }
    template <detail::FollowedStore<File> Store, IdFilter Filter>
    [[nodiscard]] auto pages(const Store& store, const KnnQuery& query, Filter filter,
                             const HnswSearchOptions& options = {}) const {
        return detail::pages_of(*this, store, query, options, std::move(filter));
    }
    // One result for each query, as search() gives it, computed by options.threads threads.
    template <detail::FollowedStore<File> Store>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Store& store, std::span<const KnnQuery> queries,
                                                             const HnswSearchOptions& options = {}) const {
        std::vector<std::vector<Hit>> hits(queries.size());
        detail::parallel_for(queries.size(), detail::thread_count(options.threads),
                             [&](std::size_t i) { hits[i] = search(store, queries[i], options); });
        return hits;
    }

    // Reads all files and compares them with their checksums. Do not call it while another thread writes or calls
    // refresh(). Throws corrupt, and names the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        files_.verify(std::move(progress));
    }

    // Copies the index to another path, for a copy of its store with the same store id, such as a backup of a
    // collection. REQUIRES: everything is committed. Throws exists; no_space; io.
    void copy_to(const std::filesystem::path& path) const { files_.copy_to(path, files()); }

    // --- writing: throws read_only; no_space; io ---

    // Updates the index to the last commit of the store: links new rows, links overwritten rows again (committed or
    // not), removes erased rows. Handles at most `max_rows` rows; returns the number of rows that it linked or removed.
    // Calls progress(rows done, rows to do), from one of its threads at a time. If it throws, searches work as before,
    // and it may be called again. Throws type_mismatch if `store` is not the store of the index; out_of_range for more
    // rows than a graph can have.
    //
    // Cost: about 0.2 ms for a new or changed row of 128 floats, more as the graph grows: O(log size()); and one pass
    // over all links if any row has changed.
    template <detail::FollowedStore<File> Store, ProgressCallback Progress = NoProgress>
    std::size_t update(const Store& store, const HnswUpdateOptions& options = {}, Progress progress = {});

    void commit() { files_.commit(); }           // as MmapVectorStore::commit
    void flush() { commit(); }                   // the same
    bool refresh() { return files_.refresh(); }  // as MmapVectorStore::refresh
    void close() { files_.close(); }             // as MmapVectorStore::close

  private:
    // The files of the index.
    enum : std::size_t { level_0, upper, state, lines, model };

    // The files of an index with this m and rows of this dim; m = 0: of any index.
    static std::vector<detail::IndexFile> files(std::size_t m = 0, std::size_t dim = 0) {
        const detail::HnswShape shape{m};
        const std::size_t level_0_words = m == 0 ? 0 : shape.level_0_words();
        const std::size_t upper_words = m == 0 ? 0 : shape.upper_words();
        return {{"", FileKind::hnsw_level_0, level_0_words, sizeof(detail::RowId32)},
                {".upper", FileKind::hnsw_upper_levels, upper_words, sizeof(detail::RowId32)},
                {".entry", FileKind::hnsw_entry_points, 1, sizeof(detail::HnswState)},
                {".lines", FileKind::hnsw_lines, 1, sizeof(detail::VaLine)},
                {".axes", FileKind::hnsw_axes, dim == 0 ? 0 : detail::VaModel::record_floats(dim), sizeof(float)}};
    }
    static void check(const std::filesystem::path& path, const HnswOptions& options) {
        if (options.m < detail::HnswShape::min_m || options.m > detail::HnswShape::max_m)
            throw Error(ErrorCode::invalid_argument, path, detail::mismatch("m", "2 to 4096", options.m));
        if (options.ef_construction == 0 || options.ef_construction > UINT32_MAX)
            throw Error(ErrorCode::invalid_argument, path,
                        detail::mismatch("ef_construction", "1 to 2^32 - 1", options.ef_construction));
    }
    static auto first_state(const HnswOptions& options) {
        detail::HnswState first;
        first.ef_construction = static_cast<std::uint32_t>(options.ef_construction);
        return [first](CommitGroup<File>& group) { group[state].append(detail::bytes_of(first)); };
    }
    template <class Store>
    static std::uint64_t fingerprint(const Store& store) {
        const auto& vectors = detail::vectors_of(store);
        if (!vectors.is_open()) throw Error(ErrorCode::invalid_argument, "the store that an index is of is closed");
        return detail::index_fingerprint(detail::StoreParts::rows(vectors).header().store_id, M::name);
    }
    template <class Store>
    [[nodiscard]] const MappedArray<File>& checked_rows(const Store& store) const {
        files_.check(fingerprint(store), detail::vectors_of(store).path());
        return detail::StoreParts::rows(detail::vectors_of(store));
    }

    explicit HnswIndex(Files files) : files_(std::move(files)), scratches_(std::make_unique<detail::ScratchPool>()) {
        const auto shape = detail::HnswShape::of_level_0_words(files_[level_0].header().dim);
        if (!shape || files_[upper].header().dim != shape->upper_words() || files_[state].size() != 1)
            throw Error(ErrorCode::corrupt, path(), "its records do not fit each other");
        options_ = {shape->m, graph().state().ef_construction};
    }
    [[nodiscard]] detail::MappedHnsw graph() const {
        return {files_[level_0], files_[upper], files_[state], detail::HnswShape{options_.m}};
    }

    template <class Store>
    using ScalarOf = typename std::remove_cvref_t<decltype(detail::vectors_of(std::declval<Store&>()))>::scalar_type;

    // The data of a search. It asks for the rows after the index: so it sees at least the rows that the index
    // describes.
    template <Scalar S>
    struct View {
        template <class Store>
        View(const HnswIndex& index, const Store& store)
            : inside(index.files_.search(index.checked_rows(store))),
              rows(detail::vectors_of(store)),
              graph(index.graph()),
              lines(index.files_[HnswIndex::lines], index.files_[model], rows.dim()),
              scratch(*index.scratches_, rows.span()) {}

        typename Files::Search inside;
        detail::RowsSnapshot<S> rows;
        detail::MappedHnsw graph;
        detail::GraphLines lines;
        detail::ScratchPool::Lease<M, S> scratch;
    };

    template <class Store, class Accept>
    [[nodiscard]] std::vector<Hit> nearest(const Store& store, const KnnQuery& query, const Accept& accept,
                                           HnswSearchStats& stats, const HnswSearchOptions& options) const {
        using S = ScalarOf<Store>;
        const View<S> view(*this, store);
        detail::HnswSearch<M, S, Accept> search(view.graph, view.lines, view.inside.described(), view.rows, accept,
                                                *view.scratch);
        stats.measured_rows = search.run(query.query, query.k, options.ef);
        return detail::hits_of<M>((*view.scratch).best);
    }
    template <class Store, class Query, class Accept>
    [[nodiscard]] std::vector<Hit> in_range(const Store& store, const Query& query, const Accept& accept,
                                            const HnswSearchOptions& options) const {
        using S = ScalarOf<Store>;
        const View<S> view(*this, store);
        detail::HnswRangeSearch<M, S, Query, Accept> search(view.graph, view.lines, view.inside.described(), view.rows,
                                                            query, accept, *view.scratch);
        auto hits = search.run(options.ef);
        if (detail::is_ordered(query)) detail::keep_nearest(hits, detail::max_hits(query));
        return hits;
    }

    void check_row_count(std::uint64_t count) const {
        if (count > detail::max_graph_rows)
            throw Error(ErrorCode::out_of_range, path(),
                        detail::mismatch("rows", "at most " + std::to_string(detail::max_graph_rows), count));
    }
    void write_lines(const detail::NewLines& written);
    void install(const detail::GraphEdit& edit, const detail::HnswState& new_state, const detail::IndexedRows& rows);

    Files files_;
    HnswOptions options_;
    std::unique_ptr<detail::ScratchPool> scratches_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/detail/collection/hnsw_inside.hpp>
#include <mapvec/detail/hnsw/index_update.hpp>
