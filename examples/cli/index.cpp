#include "index.hpp"

#include <concepts>
#include <iostream>
#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/va_index.hpp>

#include "progress.hpp"
#include "text.hpp"

namespace cli {

namespace {

using mapvec::Error;
using mapvec::ErrorCode;
using mapvec::IndexKind;

// The live rows, as indexes expect them of a collection.
template <class Rows>
class IndexedCollection {
  public:
    explicit IndexedCollection(const LiveCollection& collection)
        : rows_(mapvec::detail::StoreParts::part_of_other<Rows>(collection.rows)), contains_(collection.contains) {}
    [[nodiscard]] const Rows& vectors() const noexcept { return rows_; }
    [[nodiscard]] bool contains(mapvec::Id id) const { return contains_(id); }

  private:
    Rows rows_;
    const std::function<bool(mapvec::Id)>& contains_;
};

// Calls `call.template operator()<Rows, M>()` with the types of the rows and of the metric of a collection.
template <class Call>
void with_types(const LiveCollection& collection, Call call) {
    const auto& header = collection.rows.header();
    const std::string metric = mapvec::detail::description_of(header);
    const auto with_metric = [&]<mapvec::NamedMetric M>() {
        with_scalar(static_cast<mapvec::ScalarType>(header.scalar),
                    [&]<class S>() { call.template operator()<mapvec::MmapVectorStore<mapvec::dynamic_dim, S>, M>(); });
    };
    if (metric == mapvec::SquaredL2::name) return with_metric.template operator()<mapvec::SquaredL2>();
    if (metric == mapvec::Cosine::name) return with_metric.template operator()<mapvec::Cosine>();
    if (metric == mapvec::NormalizedCosine::name) return with_metric.template operator()<mapvec::NormalizedCosine>();
    if (metric == mapvec::InnerProduct::name) return with_metric.template operator()<mapvec::InnerProduct>();
    throw Error(
        ErrorCode::type_mismatch, collection.directory,
        "this program does not know the metric " + metric + "; a program that does makes indexes with create_index()");
}

[[nodiscard]] bool exists(const LiveCollection& collection, IndexKind kind) {
    return mapvec::detail::index_exists<mapvec::MappedFile>(collection.directory, kind);
}

// Opens the index; creates it if there is none that can be used.
template <class Open, class Create>
[[nodiscard]] auto open_or_replace(const LiveCollection& collection, IndexKind kind, Open open, Create create) {
    try {
        if (exists(collection, kind)) return open();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::not_found &&
            error.code() != ErrorCode::type_mismatch)
            throw;
    }
    mapvec::detail::discard_index<mapvec::MappedFile>(collection.directory, kind);
    return create();
}

template <class Rows, class M>
void build_va(const LiveCollection& collection, unsigned threads) {
    using Index = mapvec::VaIndex<M>;
    const IndexedCollection<Rows> indexed(collection);
    const auto path = mapvec::detail::index_path(collection.directory, IndexKind::va);
    auto index = open_or_replace(
        collection, IndexKind::va, [&] { return Index::open(path, indexed.vectors()); },
        [&] { return Index::create(path, indexed.vectors()); });
    index.update(indexed.vectors(), {.threads = threads});
    index.close();
}

template <class Rows, class M>
void build_hnsw(const LiveCollection& collection, const IndexDesign& design, unsigned threads) {
    using Index = mapvec::HnswIndex<M>;
    const IndexedCollection<Rows> indexed(collection);
    const auto path = mapvec::detail::index_path(collection.directory, IndexKind::hnsw);
    const mapvec::HnswOptions options{.m = static_cast<std::size_t>(design.m),
                                      .ef_construction = static_cast<std::size_t>(design.ef_construction)};
    auto index = open_or_replace(
        collection, IndexKind::hnsw, [&] { return Index::open(path, indexed); },
        [&] { return Index::create(path, indexed, options); });
    ProgressBar bar("index", ProgressBar::Unit::things);
    index.update(indexed, {.threads = threads}, [&bar](std::uint64_t done, std::uint64_t all) { bar(done, all); });
    index.close();
}

// The index in the directory, if it can be opened.
template <class Rows, class M>
[[nodiscard]] std::optional<IndexDesign> design_of(const LiveCollection& collection, IndexKind kind) {
    const IndexedCollection<Rows> indexed(collection);
    const auto path = mapvec::detail::index_path(collection.directory, kind);
    try {
        if (!exists(collection, kind)) return std::nullopt;
        if (kind == IndexKind::va) {
            (void)mapvec::VaIndex<M>::open(path, indexed.vectors(), mapvec::OpenMode::read_only);
            return IndexDesign{.kind = kind};
        }
        const auto graph = mapvec::HnswIndex<M>::open(path, indexed, mapvec::OpenMode::read_only);
        return IndexDesign{kind, graph.options().m, graph.options().ef_construction};
    } catch (const Error&) {  // it is damaged, or belongs to other rows
        return std::nullopt;
    }
}

// The graph that the options ask for. Throws type_mismatch if there is another one.
[[nodiscard]] IndexDesign graph_for(const IndexOptions& options, const std::optional<IndexDesign>& old) {
    const mapvec::HnswOptions defaults;
    const IndexDesign wanted{IndexKind::hnsw, options.m.value_or(old ? old->m : defaults.m),
                             options.ef_construction.value_or(old ? old->ef_construction : defaults.ef_construction)};
    if (old && (old->m != wanted.m || old->ef_construction != wanted.ef_construction))
        throw Error(ErrorCode::type_mismatch, options.store,
                    "there is a graph with m " + std::to_string(old->m) + " and ef_construction " +
                        std::to_string(old->ef_construction) + "; --drop hnsw removes it");
    return wanted;
}

void drop(const LiveCollection& collection, IndexKind kind) {
    const bool found = exists(collection, kind);
    mapvec::detail::discard_index<mapvec::MappedFile>(collection.directory, kind);
    std::cout << name_of(kind) << (found ? " dropped\n" : ": there was none\n");
}

}  // namespace

std::vector<IndexDesign> indexes_of(const LiveCollection& collection) {
    std::vector<IndexDesign> designs;
    for (const IndexKind kind : {IndexKind::va, IndexKind::hnsw})
        if (exists(collection, kind))
            with_types(collection, [&]<class Rows, class M>() {
                if (const auto design = design_of<Rows, M>(collection, kind)) designs.push_back(*design);
            });
    return designs;
}

void build_index(const LiveCollection& collection, const IndexDesign& design, unsigned threads) {
    const bool is_new = !exists(collection, design.kind);
    try {
        with_types(collection, [&]<class Rows, class M>() {
            design.kind == IndexKind::va ? build_va<Rows, M>(collection, threads)
                                         : build_hnsw<Rows, M>(collection, design, threads);
        });
    } catch (...) {
        if (is_new) mapvec::detail::discard_index<mapvec::MappedFile>(collection.directory, design.kind);
        throw;
    }
}

void discard_indexes(const fs::path& directory) {
    for (const IndexKind kind : {IndexKind::va, IndexKind::hnsw})
        mapvec::detail::discard_index<mapvec::MappedFile>(directory, kind);
}

void index(const IndexOptions& options) {
    if ((options.m || options.ef_construction) && !options.hnsw)
        throw UsageError("--m and --ef-construction are for a graph: give --hnsw");
    AnyStore store(options.store, mapvec::OpenMode::read_write);
    if (store.kind() != StoreKind::collection)
        throw UsageError(options.store.string() + " is no collection: programs keep the indexes of other stores");
    const LiveCollection collection{options.store, store.group()[0],
                                    [&store](mapvec::Id id) { return id < store.rows() && !store.erased(id); }};
    if (options.drop) return drop(collection, *options.drop);
    std::vector<IndexDesign> designs = indexes_of(collection);
    if (options.va || options.hnsw) {
        std::optional<IndexDesign> graph;
        for (const IndexDesign& design : designs)
            if (design.kind == IndexKind::hnsw) graph = design;
        designs.clear();
        if (options.va) designs.push_back({.kind = IndexKind::va});
        if (options.hnsw) designs.push_back(graph_for(options, graph));
    }
    if (designs.empty()) std::cout << "no index to update; --va or --hnsw creates one\n";
    for (const IndexDesign& design : designs) {
        build_index(collection, design, options.threads);
        std::cout << name_of(design.kind);
        if (design.kind == IndexKind::hnsw)
            std::cout << ", m " << design.m << ", ef_construction " << design.ef_construction;
        std::cout << ": " << store.rows() - store.erased().size() << " rows\n";
    }
}

}  // namespace cli
