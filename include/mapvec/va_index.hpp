// VaIndex: exact searches that read one cache line for each row. A search through the index gives exactly the hits of
// search(): the same rows, distances and order, bit by bit. It reads a fraction of the memory.
//
//     auto points = mapvec::MmapVectorStore<100>::open("points.vec");
//     auto index = mapvec::VaIndex<>::open_or_create("points.va", points);
//     index.update(points, {.threads = 0});                            // rows committed since the last update
//     index.commit();                                                  // durable, atomic
//     auto best = index.search(points, mapvec::KnnQuery{query, 10});   // == search(points, KnnQuery{query, 10})
//     auto near = index.search(points, mapvec::RingQuery{query, 1.2f, 0.05f}, filter, {.threads = 0});
//
// Method. A vector approximation file (VA+: Weber, Schek, Blott, VLDB 1998; Ferhatosmanoglu et al., CIKM 2000). For
// each row the index holds a line of 64 bytes, which gives a lower and an upper bound of the distance of the row to any
// query (detail/va/bounds.hpp contains the proof, with rounding). A search reads the lines, and measures only the rows
// that the bounds do not decide, with the kernels of search(). Long rows have a second line, which a search reads only
// if the first line does not decide. The index pays for rows of more than 200 bytes, and for embeddings and other data
// with main directions. For other data a search notices that lines do not pay, and reads the rows.
//
// Changes of the store. A search reads in full all rows that were appended, inserted or overwritten since the last
// update, committed or not, and all rows of a store that was restored from a backup. So hits are exact at any time.
// Call update() if there are many such rows.
//
// Ownership. The index does not contain the rows. Every call takes the store, which must be the one that the index was
// created for: otherwise type_mismatch. Opening an index with another metric also throws type_mismatch. The index can
// be deleted and built again at any time. Its files are path, path.second, path.axes and path.rows. It has its own
// commit(), lock, modes and readers, like a store.
//
// Erased rows of a collection are found, unless a filter excludes them:
//
//     index.search(collection.vectors(), KnnQuery{query, 10}, [&](Id id) { return collection.contains(id); });
//
// Threads. Any number of threads may search, also while one thread runs update(), commit() or refresh(), and while the
// writer of the store works as search() allows.
//
// Memory. 64 bytes for each row on disk; 128 for rows of 320 bytes or more. A search takes a few hundred kilobytes of
// memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/index/index_files.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/detail/va/batch.hpp>
#include <mapvec/detail/va/sample.hpp>
#include <mapvec/detail/va/search.hpp>
#include <mapvec/detail/va/update.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// The options of an index in a collection (collection_indexes.hpp). There are none today.
struct VaOptions {};

// How update() works.
struct VaUpdateOptions {
    unsigned threads = 1;   // 0 = all cores
    bool new_axes = false;  // find the axes again, and write all lines again
};

// The amount of rows that a search has read.
struct VaSearchStats {
    std::size_t rows = 0;           // rows that could have been hits
    std::size_t measured_rows = 0;  // rows of these that were measured; lines excluded the others
};

// M: the metric, as in searches (metric.hpp).
template <NamedMetric M = SquaredL2, Storage File = MappedFile>
class VaIndex {
    template <std::size_t Dim, Scalar S>
    using Rows = MmapVectorStore<Dim, S, File>;

  public:
    // Creates an index for this store, without rows. Throws exists; not_found if the directory does not exist.
    template <std::size_t Dim, Scalar S>
    static VaIndex create(const std::filesystem::path& path, const Rows<Dim, S>& rows) {
        return VaIndex(detail::IndexFiles<File>::create(path, fingerprint(rows), files(rows)));
    }
    // Opens an index. O(1). Throws not_found; locked; type_mismatch for an index of another store or metric;
    // version_mismatch; corrupt.
    template <std::size_t Dim, Scalar S>
    [[nodiscard]] static VaIndex open(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                      OpenMode mode = OpenMode::read_write) {
        VaIndex index(detail::IndexFiles<File>::open(path, fingerprint(rows), files(rows), mode));
        (void)index.model(rows.dim());  // throws corrupt
        return index;
    }
    // open() if the index exists, otherwise create().
    template <std::size_t Dim, Scalar S>
    static VaIndex open_or_create(const std::filesystem::path& path, const Rows<Dim, S>& rows) {
        return VaIndex(detail::IndexFiles<File>::open_or_create(path, fingerprint(rows), files(rows), files(rows)));
    }
    // Removes the files of an index, of any store; returns false if there are none. Throws locked; type_mismatch if the
    // file is not a VaIndex.
    static bool remove(const std::filesystem::path& path) {
        return detail::IndexFiles<File>::remove(path, files_of_dim(0));
    }

    VaIndex() noexcept = default;  // a closed index: searches and updates throw invalid_argument

    // --- reading [any thread] ---

    // The number of rows at the last update.
    [[nodiscard]] std::size_t size() const { return is_open() ? static_cast<std::size_t>(files_.size()) : 0; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    // False for a closed, moved-from or default-constructed index.
    [[nodiscard]] bool is_open() const noexcept { return files_.is_open(); }
    // The path of its first file. REQUIRES: the index is open.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return files_.path(); }
    // True if the rows of the last update fit the axes much worse than the rows that the axes were computed from.
    // Searches are then exact, but read more than necessary; an update with new_axes helps. Do not call it during an
    // update.
    [[nodiscard]] bool has_drifted() const noexcept { return drifted_; }

    // Same as search() of search.hpp: same hits, same errors. A filter is called only for rows that their lines do not
    // exclude. Throws type_mismatch if `rows` is not the store of the index.
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Rows<Dim, S>& rows, const Query& query,
                                          const SearchOptions& options = {}) const {
        VaSearchStats stats;
        return search_counted(rows, query, stats, options);
    }
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Rows<Dim, S>& rows, const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        VaSearchStats stats;
        return search_rows(rows, query, detail::FilterRow<Filter>{filter}, stats, options);
    }
    // Same as search(); also returns the amount of rows that it read.
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search_counted(const Rows<Dim, S>& rows, const Query& query, VaSearchStats& stats,
                                                  const SearchOptions& options = {}) const {
        return search_rows(rows, query, detail::AnyRow{}, stats, options);
    }
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search_counted(const Rows<Dim, S>& rows, const Query& query, const Filter& filter,
                                                  VaSearchStats& stats, const SearchOptions& options = {}) const {
        return search_rows(rows, query, detail::FilterRow<Filter>{filter}, stats, options);
    }
    // Same as search_ids() of search.hpp.
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search_ids(const Rows<Dim, S>& rows, std::span<const Id> ids, const Query& query,
                                              const SearchOptions& options = {}) const {
        const View<S, Query> view(*this, rows, query, options);
        for (const Id id : ids)
            if (id >= view.rows.count())
                throw Error(ErrorCode::out_of_range,
                            detail::mismatch("id", "below " + std::to_string(view.rows.count()), std::to_string(id)));
        detail::VaCounts counts;
        std::vector<Hit> hits;
        if (detail::is_ordered(query))
            hits = detail::hits_of<M>(view.lines.nearest(detail::max_hits(query), ids, counts));
        else
            view.lines.collect(ids, counts, hits);
        return hits;
    }
    // Same as search_each() of search.hpp.
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery, HitVisitor Visitor>
    void search_each(const Rows<Dim, S>& rows, const Query& query, Visitor&& visitor,
                     const SearchOptions& options = {}) const {
        visit_rows(rows, query, detail::AnyRow{}, visitor, options);
    }
    template <std::size_t Dim, Scalar S, AnyQuery Query = KnnQuery, IdFilter Filter, HitVisitor Visitor>
    void search_each(const Rows<Dim, S>& rows, const Query& query, const Filter& filter, Visitor&& visitor,
                     const SearchOptions& options = {}) const {
        visit_rows(rows, query, detail::FilterRow<Filter>{filter}, visitor, options);
    }

    // Same as search_batch() of search_batch.hpp. Reads lines once for 32 queries. For short rows it calls
    // search_batch().
    template <std::size_t Dim, Scalar S>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Rows<Dim, S>& rows,
                                                             std::span<const KnnQuery> queries,
                                                             const SearchOptions& options = {}) const {
        return batch(rows, queries, detail::EveryRow{}, options);
    }
    template <std::size_t Dim, Scalar S, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Rows<Dim, S>& rows,
                                                             std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return batch(rows, queries, filter, options);
    }
    // `queries` holds vectors of rows.dim() elements, one after the other.
    template <std::size_t Dim, Scalar S>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Rows<Dim, S>& rows, std::span<const float> queries,
                                                             std::size_t k, const SearchOptions& options = {}) const {
        return batch(rows, detail::each_of(queries, rows.dim(), k), detail::EveryRow{}, options);
    }
    template <std::size_t Dim, Scalar S, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Rows<Dim, S>& rows, std::span<const float> queries,
                                                             std::size_t k, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return batch(rows, detail::each_of(queries, rows.dim(), k), filter, options);
    }

    // Reads all files and compares them with their checksums. Do not call it while another thread writes or calls
    // refresh(). Throws corrupt, and names the first damage.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        files_.verify(std::move(progress));
    }

    // Copies the index to another path, for a copy of its store with the same store id, such as a backup of a
    // collection. REQUIRES: everything is committed. Throws exists; no_space; io.
    void copy_to(const std::filesystem::path& path) const { files_.copy_to(path, files_of_dim(0)); }

    // --- writing: throws read_only; no_space; io ---

    // Writes a line for every committed row that is new or has changed; returns the number of lines. The first update
    // computes the axes. A later update computes them again if the store has grown far beyond the rows that they were
    // computed from. If it throws, searches stay exact, and update() may be called again. Throws type_mismatch if
    // `rows` is not the store of the index. O(dim) for each row: about 1 µs for 100 floats.
    template <std::size_t Dim, Scalar S>
    std::size_t update(const Rows<Dim, S>& rows, const VaUpdateOptions& options = {});

    void commit() { files_.commit(); }           // as MmapVectorStore::commit
    void flush() { commit(); }                   // the same
    bool refresh() { return files_.refresh(); }  // as MmapVectorStore::refresh
    void close() { files_.close(); }             // as MmapVectorStore::close

  private:
    using Array = MappedArray<File>;
    enum Member : std::size_t { first_lines, second_lines, model_file };

    explicit VaIndex(detail::IndexFiles<File> files) : files_(std::move(files)) {}

    static std::vector<detail::IndexFile> files_of_dim(std::size_t dim) {
        const std::size_t floats = dim == 0 ? 0 : detail::VaModel::record_floats(dim);
        return {{"", FileKind::va_lines, 1, sizeof(detail::VaLine)},
                {".second", FileKind::va_second_lines, 1, sizeof(detail::VaLine)},
                {".axes", FileKind::va_model, floats, sizeof(float)}};
    }
    template <std::size_t Dim, Scalar S>
    static std::vector<detail::IndexFile> files(const Rows<Dim, S>& rows) {
        return files_of_dim(rows.dim());
    }
    template <std::size_t Dim, Scalar S>
    static std::uint64_t fingerprint(const Rows<Dim, S>& rows) {
        if (!rows.is_open()) throw Error(ErrorCode::invalid_argument, "the store that the index is of is closed");
        return detail::index_fingerprint(detail::StoreParts::rows(rows).header().store_id, M::name);
    }
    template <std::size_t Dim, Scalar S>
    void check_store(const Rows<Dim, S>& rows) const {
        if (!is_open()) detail::refuse_closed();
        files_.check(fingerprint(rows), rows.path());
    }

    [[nodiscard]] std::optional<detail::VaModel> model(std::size_t dim) const {
        if (files_[model_file].size() == 0) return std::nullopt;
        const detail::VaModel model(files_[model_file].records(), dim);
        if (!model.is_sound()) throw Error(ErrorCode::corrupt, files_[model_file].path(), "its record cannot be true");
        return model;
    }
    [[nodiscard]] static const detail::VaLine* lines_of(const Array& array) noexcept {
        return array.size() == 0 ? nullptr : reinterpret_cast<const detail::VaLine*>(array.records());
    }
    [[nodiscard]] std::uint64_t described_at_most(std::size_t dim) const { return lines(model(dim)).count; }
    [[nodiscard]] detail::LineSpan lines(const std::optional<detail::VaModel>& model) const noexcept {
        const Array &first = files_[first_lines], &second = files_[second_lines];
        if (!model) return {};
        if (model->levels() == 1) return {lines_of(first), nullptr, static_cast<std::size_t>(first.size())};
        return {lines_of(first), lines_of(second), static_cast<std::size_t>(std::min(first.size(), second.size()))};
    }

    // The data of a search. It asks for the rows after the index: so it sees at least the rows that the index
    // describes.
    template <Scalar S, AnyQuery Query>
    struct View {
        template <std::size_t Dim>
        View(const VaIndex& index, const Rows<Dim, S>& store, const Query& query, const SearchOptions& options)
            : inside((index.check_store(store), index.files_.search(detail::StoreParts::rows(store)))),
              rows(store),
              model(index.model(store.dim())),
              lines(rows, model, index.lines(model), inside.described(), query, options) {}

        typename detail::IndexFiles<File>::Search inside;
        detail::RowsSnapshot<S> rows;
        std::optional<detail::VaModel> model;
        detail::LineSearch<M, S, Query> lines;
    };

    template <std::size_t Dim, Scalar S, AnyQuery Query, class Accepts>
    [[nodiscard]] std::vector<Hit> search_rows(const Rows<Dim, S>& rows, const Query& query, const Accepts& accepts,
                                               VaSearchStats& stats, const SearchOptions& options) const {
        const View<S, Query> view(*this, rows, query, options);
        detail::VaCounts counts;
        std::vector<Hit> hits;
        if (detail::is_ordered(query))
            hits = detail::hits_of<M>(view.lines.nearest(detail::max_hits(query), accepts, counts));
        else
            view.lines.collect(0, view.rows.count(), accepts, counts, hits);
        stats = {counts.rows, counts.measured};
        return hits;
    }
    template <std::size_t Dim, Scalar S, AnyQuery Query, class Accepts, HitVisitor Visitor>
    void visit_rows(const Rows<Dim, S>& rows, const Query& query, const Accepts& accepts, Visitor& visitor,
                    const SearchOptions& options) const {
        if (detail::is_ordered(query)) {
            VaSearchStats stats;
            (void)detail::visit(search_rows(rows, query, accepts, stats, options), visitor);
        } else {
            const std::size_t stride = 64 * detail::lines_per_block * detail::thread_count(options.threads);
            const std::size_t count = rows.size();
            std::size_t first = 0;
            do {
                const auto hits = hits_between(first, std::min(count, first + stride), rows, query, accepts, options);
                if (!detail::visit(hits, visitor)) return;
                first += stride;
            } while (first < count);
        }
    }
    // Leaves the index before the hits are visited, so that a visitor may change it.
    template <std::size_t Dim, Scalar S, AnyQuery Query, class Accepts>
    [[nodiscard]] std::vector<Hit> hits_between(std::size_t first, std::size_t last, const Rows<Dim, S>& rows,
                                                const Query& query, const Accepts& accepts,
                                                const SearchOptions& options) const {
        const View<S, Query> view(*this, rows, query, options);
        detail::VaCounts counts;
        std::vector<Hit> hits;
        last = std::min(last, view.rows.count());
        if (first < last) view.lines.collect(first, last, accepts, counts, hits);
        return hits;
    }

    template <std::size_t Dim, Scalar S, class Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> batch(const Rows<Dim, S>& store, std::span<const KnnQuery> queries,
                                                      const Filter& filter, const SearchOptions& options) const {
        check_store(store);
        if (!detail::lines_beat_tiles<M, S>(store.dim(), queries.size()))
            return detail::search_filtered_batch<M>(store, queries, filter, options);
        const auto inside = files_.search(detail::StoreParts::rows(store));
        const detail::RowsSnapshot<S> rows(store);
        const auto axes = model(store.dim());
        std::vector<detail::LineSearch<M, S, KnnQuery>> searches;
        searches.reserve(queries.size());
        for (const KnnQuery& query : queries)
            searches.emplace_back(rows, axes, lines(axes), inside.described(), query, options);
        const detail::Partition pieces(rows.count(), sizeof(detail::VaLine), options.threads);
        return detail::nearest_of_batch<M, S>(searches, queries, rows.count(), filter, pieces);
    }

    template <Scalar S>
    [[nodiscard]] bool needs_axes(const std::optional<detail::VaModel>& model, const detail::RowsSnapshot<S>& rows,
                                  std::size_t count, bool asked) const noexcept;
    template <Scalar S>
    void find_axes(const detail::RowsSnapshot<S>& rows, std::size_t count);
    // Writes lines of rows from `first` on: overwrites existing lines and appends the others.
    void put(std::size_t first, const detail::EncodedRows& encoded, std::size_t levels);
    template <Scalar S>
    void put_all(const detail::RowsSnapshot<S>& rows, std::size_t first, std::size_t last,
                 detail::ParallelEncoder<M, S>& encoder, std::size_t levels);

    detail::IndexFiles<File> files_;
    bool drifted_ = false;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/detail/collection/va_inside.hpp>
#include <mapvec/detail/va/index_update.hpp>
