// HnswIndex: the approximately nearest rows of a store, found in a thousandth of the time that reading all rows takes,
// by a graph in mapped files (HNSW: Malkov and Yashunin, IEEE TPAMI 2020, arXiv:1603.09320).
//
//     auto points = mapvec::MmapVectorStore<128>::open("points.vec");
//     auto index = mapvec::HnswIndex<>::open_or_create("points.hnsw", points);
//     index.update(points, {.threads = 0});                       // links the rows committed since the last update
//     index.commit();                                             // durable, atomic
//     for (auto hit : index.search(points, mapvec::KnnQuery{query, 10}, {.beam_width = 100})) …
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
// path.tops, durable by its own commit(), with its own lock, modes and readers in other processes, all as
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

#include "commit.hpp"
#include "detail/borrowed.hpp"
#include "detail/graph_builder.hpp"
#include "detail/graph_records.hpp"
#include "detail/graph_search.hpp"
#include "detail/parallel.hpp"
#include "detail/scan.hpp"
#include "detail/store_parts.hpp"
#include "error.hpp"
#include "mapped_file.hpp"
#include "metric.hpp"
#include "mmap_vector_store.hpp"
#include "progress.hpp"
#include "query.hpp"
#include "search.hpp"
#include "storage.hpp"

namespace mapvec {

// More of each: a better graph, and longer to build.
struct HnswUpdateOptions {
    std::size_t beam_width = 200;      // "efConstruction"
    unsigned threads = 1;              // 0 = all cores
    std::size_t most_rows = SIZE_MAX;  // then update() returns, for a commit or a look at how far it is
};

// A wider beam finds more of the truly nearest rows, and takes longer in proportion.
struct HnswSearchOptions {
    std::size_t beam_width = 0;  // "ef": rows kept on the way, k at least. 0 = 64
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
    static HnswIndex create(const std::filesystem::path& path, const Rows<Dim, S>& rows, std::size_t m = 16) {
        return HnswIndex(CommitGroup<File>::create(new_files(path, rows, m), {}));
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
    // As open() if there is a graph, whatever its m, as create() if there is none.
    template <std::size_t Dim, Scalar S>
    static HnswIndex open_or_create(const std::filesystem::path& path, const Rows<Dim, S>& rows, std::size_t m = 16) {
        return HnswIndex(CommitGroup<File>::open_or_create(files(path, rows), new_files(path, rows, m), {}));
    }

    HnswIndex() noexcept = default;  // closed: it has no rows, and searches and updates throw invalid_argument

    // --- reading [any thread] ---

    // Rows that the graph has.
    [[nodiscard]] std::size_t size() const noexcept {
        return is_open() ? static_cast<std::size_t>(ground().size()) : 0;
    }
    // Whether it has none.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return group_.is_open(); }
    // Links a row, as it was created with. REQUIRES: the index is open; the same for path().
    [[nodiscard]] std::size_t m() const noexcept { return shape_.m; }
    // Of the first of its files.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return ground().path(); }

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

    // Links the rows that were committed since the last time, `most_rows` of them at most; returns how many. If it
    // throws, none is linked and it may be called again. Throws type_mismatch if `rows` is not the store that the graph
    // is of; invalid_argument if it has fewer committed rows than the graph; out_of_range for more than a graph can
    // have. Some 0.2 ms a row of 128 floats, more as the graph grows: O(log size()).
    template <std::size_t Dim, Scalar S>
    std::size_t update(const Rows<Dim, S>& rows, const HnswUpdateOptions& options = {}) {
        check_store(rows);
        const std::uint64_t first = ground().size(), committed = detail::StoreParts::rows(rows).committed();
        if (committed < first)
            throw Error(ErrorCode::invalid_argument, rows.path(),
                        detail::mismatch("committed rows", "at least the graph's " + std::to_string(first), committed));
        const Id end = first + std::min<std::uint64_t>(committed - first, options.most_rows);
        if (end > detail::most_graph_rows)
            throw Error(ErrorCode::out_of_range, path(),
                        detail::mismatch("rows", "at most " + std::to_string(detail::most_graph_rows), end));
        if (end == first) return 0;
        ground().reserve(first);  // throws read_only before all the work, not after it
        const detail::RowsOf<S> all(rows);
        const detail::MappedGraph graph(ground(), upper(), tops(), shape_, first);
        detail::GraphBuilder<M, S> builder(graph, all.span(), first, end, upper().size(), options.beam_width);
        builder.link_all(detail::thread_count(options.threads));
        take(builder);
        return static_cast<std::size_t>(end - first);
    }

    void commit() { group_.commit(); }           // as MmapVectorStore::commit
    void flush() { commit(); }                   // the same
    bool refresh() { return group_.refresh(); }  // as MmapVectorStore::refresh
    void close() { group_.close(); }             // as MmapVectorStore::close

  private:
    using Array = MappedArray<File>;

    // Members of the group.
    [[nodiscard]] Array& ground() noexcept { return group_[0]; }
    [[nodiscard]] const Array& ground() const noexcept { return group_[0]; }
    [[nodiscard]] Array& upper() noexcept { return group_[1]; }
    [[nodiscard]] const Array& upper() const noexcept { return group_[1]; }
    [[nodiscard]] Array& tops() noexcept { return group_[2]; }
    [[nodiscard]] const Array& tops() const noexcept { return group_[2]; }

    // Of a graph for this store; 0 words a record accept any.
    template <std::size_t Dim, Scalar S>
    static std::vector<MemberSpec> files(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                         std::size_t ground_words = 0, std::size_t upper_words = 0) {
        const auto file = [&](const char* suffix, FileKind kind, std::size_t records, std::size_t bytes) {
            ExpectedHeader header{.kind = kind, .dim = records, .scalar_size = bytes};
            header.fingerprint = fingerprint(rows);
            auto name = path;
            return MemberSpec{name += suffix, header, detail::default_capacity(records * bytes)};
        };
        return {file("", FileKind::graph_ground, ground_words, sizeof(detail::Word)),
                file(".upper", FileKind::graph_upper, upper_words, sizeof(detail::Word)),
                file(".tops", FileKind::graph_tops, 1, sizeof(Id))};
    }
    template <std::size_t Dim, Scalar S>
    static std::vector<MemberSpec> new_files(const std::filesystem::path& path, const Rows<Dim, S>& rows,
                                             std::size_t m) {
        if (m < detail::GraphShape::least_m || m > detail::GraphShape::most_m)
            throw Error(ErrorCode::invalid_argument, path, detail::mismatch("m", "2 to 4096", m));
        const detail::GraphShape shape{m};
        return files(path, rows, shape.ground_words(), shape.upper_words());
    }
    // What tells this metric's graph of this store from others.
    template <std::size_t Dim, Scalar S>
    static std::uint64_t fingerprint(const Rows<Dim, S>& rows) {
        if (!rows.is_open()) throw Error(ErrorCode::invalid_argument, "the store that a graph is of is closed");
        std::uint64_t halves[2];
        static_assert(sizeof halves == sizeof(StoreId));
        std::memcpy(halves, &detail::StoreParts::rows(rows).header().store_id, sizeof halves);
        const auto metric = static_cast<std::uint64_t>(M::measure) * 2 + (M::is_distance ? 1 : 0);
        return halves[0] ^ std::rotl(halves[1], 1) ^ (metric + 1) * 0x9E3779B97F4A7C15u;
    }
    template <std::size_t Dim, Scalar S>
    void check_store(const Rows<Dim, S>& rows) const {
        if (!is_open()) detail::refuse_closed();
        if (fingerprint(rows) != ground().header().fingerprint)
            throw Error(ErrorCode::type_mismatch, path(), "the graph is not of the store " + rows.path().string());
    }

    explicit HnswIndex(CommitGroup<File> group) : group_(std::move(group)) {
        const auto shape = detail::GraphShape::of_ground_words(ground().header().dim);
        if (!shape || upper().header().dim != shape->upper_words())
            throw Error(ErrorCode::corrupt, path(), "its records do not fit each other");
        shape_ = *shape;
    }

    template <std::size_t Dim, Scalar S, class Visited, class Accept>
    [[nodiscard]] std::vector<Hit> nearest(const Rows<Dim, S>& rows, const KnnQuery& query,
                                           const HnswSearchOptions& options, const Visited& unlinked,
                                           const Accept& accept) const {
        check_store(rows);
        const detail::RowsOf<S> all(rows);
        const detail::MappedGraph graph(ground(), upper(), tops(), shape_, all.count());
        detail::Walk<M, S> walk(all.span());
        walk.measurer().prepare(query.query);
        const std::size_t k = std::min(query.k, all.count());
        if (k == 0) return {};
        const std::size_t width = std::min(all.count(), std::max(k, options.beam_width == 0 ? 64 : options.beam_width));
        detail::TopK best(width);
        if (const auto top = graph.top()) {
            const detail::KeyedId from = walk.descend(graph, *top, 0);
            walk.beam(graph, {&from, 1}, 0, best, accept);
        }
        if (graph.size() < all.count()) {
            detail::Region<M, S> region(all);
            region.add(query.query, {});
            detail::scan(unlinked, region, graph.size(), all.count(), all.rows_per_block(),
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
    void take(const detail::GraphBuilder<M, S>& builder) {
        upper().append(std::as_bytes(builder.upper()));
        if (builder.top()) show_top(builder.top()->id);
        builder.each_changed([this](bool on_the_ground, std::uint64_t number, std::span<const detail::Word> record) {
            (on_the_ground ? ground() : upper()).overwrite(number, std::as_bytes(record));
        });
        ground().append(std::as_bytes(builder.ground()));
    }
    // In the place of one that an update which failed has left behind.
    void show_top(Id id) {
        const std::uint64_t count = tops().size();
        Id last = UINT64_MAX;
        if (count != 0) std::memcpy(&last, tops().record(count - 1).data(), sizeof last);
        if (last == id) return;
        if (count != 0 && last >= ground().size())
            tops().overwrite(count - 1, bytes_of(id));
        else
            tops().append(bytes_of(id));
    }

    CommitGroup<File> group_;
    detail::GraphShape shape_;
};

}  // namespace mapvec
