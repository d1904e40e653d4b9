// The indexes of a collection without their types: only programs that create an index, or ask a graph, contain its code
// (collection_indexes.hpp). Rows is the MmapVectorStore of the collection.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include <mapvec/collection_indexes.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/store/erasure_set.hpp>
#include <mapvec/detail/util/function_ref.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/options.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The path of the first file of an index.
[[nodiscard]] inline std::filesystem::path index_path(const std::filesystem::path& directory, IndexKind kind) {
    return directory / (kind == IndexKind::va ? "index.va" : "index.hnsw");
}
// True if there is a file of the index.
template <Storage File>
[[nodiscard]] bool index_exists(const std::filesystem::path& directory, IndexKind kind) {
    auto path = index_path(directory, kind);
    return File::exists(path) || File::exists(path += ".rows");
}
// Removes all files with the names of an index, of any contents.
template <Storage File>
void discard_index(const std::filesystem::path& directory, IndexKind kind) {
    for (const char* suffix :
         {"", ".second", ".upper", ".entry", ".lines", ".axes", ".rows", ".journal0", ".journal1"}) {
        auto path = index_path(directory, kind);
        File::remove(path += suffix);
    }
}

// The filter of a search in a collection: rows that are not erased, and that the caller's filter accepts.
struct LiveRows {
    const ErasureSet& erased;
    FunctionRef<bool(Id)> filter;

    [[nodiscard]] bool operator()(Id id) const { return !erased.contains(id) && (!filter || filter(id)); }
};

// The rows for an update. Erasures that are not committed do not count, because rollback() discards them.
template <class Rows>
class CommittedRows {
  public:
    CommittedRows(const Rows& rows, const ErasureSet& erased, std::vector<Id> pending_erasures)
        : rows_(rows), erased_(erased), pending_(std::move(pending_erasures)) {
        std::sort(pending_.begin(), pending_.end());
    }
    [[nodiscard]] const Rows& vectors() const noexcept { return rows_; }
    [[nodiscard]] bool contains(Id id) const noexcept {
        return id < rows_.size() && (!erased_.contains(id) || std::binary_search(pending_.begin(), pending_.end(), id));
    }

  private:
    const Rows& rows_;
    const ErasureSet& erased_;
    std::vector<Id> pending_;
};

struct SearchCounts {
    std::size_t measured = 0;
};

using IndexProgress = FunctionRef<void(std::uint64_t, std::uint64_t)>;

// Any index. Threads: as VaIndex and HnswIndex.
template <class Rows>
class IndexInside {
  public:
    IndexInside() = default;
    IndexInside(const IndexInside&) = delete;
    IndexInside& operator=(const IndexInside&) = delete;
    virtual ~IndexInside() = default;

    [[nodiscard]] virtual std::size_t size() const = 0;
    // Updates and commits. At most `max_rows`, if the index can stop between two rows.
    virtual void update(const CommittedRows<Rows>& rows, unsigned threads, std::size_t max_rows,
                        IndexProgress progress) = 0;
    virtual void refresh() = 0;
    virtual void close() = 0;
    virtual void verify(IndexProgress progress) const = 0;
    // Copies the last commit.
    virtual void copy_to(const std::filesystem::path& path) const = 0;
    // A new index with the same options, for other rows.
    [[nodiscard]] virtual std::shared_ptr<IndexInside> create_for(const std::filesystem::path& path,
                                                                  const Rows& rows) const = 0;
};

using ExactQuery = std::variant<KnnQuery, RingQuery, RangeQuery, DiskQuery, DiskIntersectionQuery>;

template <class Rows>
class ExactIndex : public IndexInside<Rows> {
  public:
    [[nodiscard]] virtual std::vector<Hit> search(const ExactQuery& query, const LiveRows& live,
                                                  const SearchOptions& options, SearchCounts& counts) const = 0;
    [[nodiscard]] virtual std::vector<Hit> search_ids(std::span<const Id> ids, const ExactQuery& query,
                                                      const SearchOptions& options) const = 0;
    virtual void search_each(const ExactQuery& query, const LiveRows& live, FunctionRef<bool(const Hit&)> visit,
                             const SearchOptions& options) const = 0;
    // A null filter accepts all rows.
    [[nodiscard]] virtual std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                                     FunctionRef<bool(Id)> filter,
                                                                     const SearchOptions& options) const = 0;
};

template <class Rows>
class GraphIndex : public IndexInside<Rows> {
  public:
    [[nodiscard]] virtual std::vector<Hit> search(const AnnQuery& query, const LiveRows& live,
                                                  SearchCounts& counts) const = 0;
};

// The functions that open indexes, for rows with this metric: null in programs without the code of the index. Set
// before main(). In the order of IndexKind.
template <class Rows, NamedMetric M>
struct IndexOpeners {
    using Function = std::shared_ptr<IndexInside<Rows>> (*)(const std::filesystem::path&, const Rows&, OpenMode);
    [[nodiscard]] static std::atomic<Function>& of(IndexKind kind) noexcept {
        return functions_[static_cast<std::size_t>(kind)];
    }

  private:
    static inline std::atomic<Function> functions_[2] = {};
};

// The index with these options: its kind, and its type `template <class Rows, NamedMetric M> using Index`.
template <class Options>
struct IndexOfOptions {};

template <class Options>
concept IndexOptions = requires {
    { IndexOfOptions<Options>::kind } -> std::convertible_to<IndexKind>;
};

template <class Rows>
struct StorageOf {};
template <std::size_t Dim, Scalar S, Storage File>
struct StorageOf<MmapVectorStore<Dim, S, File>> {
    using type = File;
};

// The type of a graph in a collection. hnsw_index.hpp defines it.
template <class Rows, NamedMetric M>
class HnswInside;

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
