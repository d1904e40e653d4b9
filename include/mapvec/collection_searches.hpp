// The searches of a collection: the members search, search_ids, search_each and search_batch, and free functions with
// the same names.
//
//     docs.search(KnnQuery{query, 10});                        // the metric of the collection
//     docs.search<InnerProduct>(KnnQuery{query, 10});          // another metric
//     docs.search(RingQuery{query, 0.4f, 0.05f}, filter);      // rows whose id the filter accepts
//     docs.search(KnnQuery{query, 10}, language.rows("en"));   // reads these rows only
//     search(docs, KnnQuery{query, 10});                       // the same as docs.search(…)
//
// If the collection has indexes, searches with its metric use them (collection_indexes.hpp):
//
//     docs.search(AnnQuery{.query = query, .k = 10, .ef = 64});                // by the graph
//     docs.explain(KnnQuery{query, 10}).measured_rows;                         // how the query is answered
//
// They give the hits of the functions of search.hpp and search_batch.hpp over vectors(), without erased rows. Order,
// errors, threads and complexity are those of these functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <mapvec/collection_indexes.hpp>
#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/field_index.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>
#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File>
class Collection;

// The base class of a collection. M: its metric.
template <class Derived, Metric M>
class CollectionSearches {
  public:
    // Same as the free functions of search.hpp and search_batch.hpp over self().vectors(), but without erased rows.
    // (Searches over vectors() find erased rows.) They use the metric of the collection; search<Cosine>(…) uses another
    // one.
    template <Metric Other = M, AnyQuery Query = KnnQuery>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const SearchOptions& options = {}) const {
        if (const auto index = index_for<Other>()) return search_with(*index, query, live_rows(), options);
        return among_live(
            [&](const auto&... filter) { return mapvec::search<Other>(self().vectors(), query, filter..., options); });
    }
    // Only rows whose id the filter accepts.
    template <Metric Other = M, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        if (const auto index = index_for<Other>()) return search_with(*index, query, live_rows(filter), options);
        return mapvec::search<Other>(self().vectors(), query, live(filter), options);
    }
    // The nearest rows by the graph of the collection; exact if there is none. Needs <mapvec/hnsw_index.hpp>.
    template <std::same_as<AnnQuery> Query>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const SearchOptions& options = {}) const {
        if (const auto graph = graph_for_search()) return search_with(*graph, query, live_rows());
        return search(KnnQuery{query.query, query.k}, options);
    }
    template <std::same_as<AnnQuery> Query, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        if (const auto graph = graph_for_search()) return search_with(*graph, query, live_rows(filter));
        return search(KnnQuery{query.query, query.k}, filter, options);
    }
    // How a query without filter is answered: the index, and how many rows it measures. Performs the search if there is
    // an index.
    template <class Query = KnnQuery>
        requires AnyQuery<Query> || std::same_as<Query, AnnQuery>
    [[nodiscard]] SearchExplanation explain(const Query& query, const SearchOptions& options = {}) const {
        detail::SearchCounts counts;
        if constexpr (std::same_as<Query, AnnQuery>) {
            if (const auto graph = graph_for_search()) {
                (void)graph->search(query, live_rows(), counts);
                return {SearchMethod::graph, self().size(), counts.measured};
            }
            return explain(KnnQuery{query.query, query.k}, options);
        } else {
            const auto index = index_for<M>();
            if (!index) return {SearchMethod::scan, self().size(), self().size()};
            (void)index->search(query, live_rows(), options, counts);
            return {SearchMethod::va_index, self().size(), counts.measured};
        }
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
        std::vector<Id> live;
        if (self().has_erased_rows()) {
            std::copy_if(ids.begin(), ids.end(), std::back_inserter(live),
                         [this](Id id) { return !self().is_erased(id); });
            ids = live;
        }
        if (const auto index = index_for<Other>()) return index->search_ids(ids, query, options);
        return mapvec::search_ids<Other>(self().vectors(), ids, query, options);
    }
    // Passes each hit of search() to the visitor.
    template <Metric Other = M, AnyQuery Query = KnnQuery, HitVisitor Visitor>
    void search_each(const Query& query, Visitor&& visitor, const SearchOptions& options = {}) const {
        if (const auto index = index_for<Other>()) {
            const auto visit = [&visitor](const Hit& hit) { return detail::visit(hit, visitor); };
            return index->search_each(query, live_rows(), visit, options);
        }
        mapvec::search_each<Other>(
            self().vectors(), query, [this](Id id) { return !self().is_erased(id); }, visitor, options);
    }
    // The nearest rows of each query.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                             const SearchOptions& options = {}) const {
        const auto index = index_for<Other>();
        return among_live([&](const auto&... filter) {
            return index ? index->search_batch(queries, {filter...}, options)
                         : mapvec::search_batch<Other>(self().vectors(), queries, filter..., options);
        });
    }
    // As above, for rows whose id the filter accepts.
    template <Metric Other = M, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        if (const auto index = index_for<Other>()) return index->search_batch(queries, live_rows(filter), options);
        return mapvec::search_batch<Other>(self().vectors(), queries, live(filter), options);
    }
    // `queries` holds vectors of dim() elements, one after the other.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const float> queries, std::size_t k,
                                                             const SearchOptions& options = {}) const {
        return search_batch<Other>(std::span<const KnnQuery>(detail::each_of(queries, self().dim(), k)), options);
    }

  private:
    friend Derived;
    CollectionSearches() noexcept = default;

    [[nodiscard]] const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
    // The VaIndex for searches with this metric; null if there is none.
    template <Metric Other>
    [[nodiscard]] auto index_for() const {
        if constexpr (std::same_as<Other, M>)
            return self().exact_index();
        else
            return std::shared_ptr<detail::ExactIndex<std::remove_cvref_t<decltype(self().vectors())>>>();
    }
    [[nodiscard]] auto graph_for_search() const {
        using Graph = detail::HnswInside<std::remove_cvref_t<decltype(self().vectors())>, M>;
        static_assert(
            requires { sizeof(Graph); }, "AnnQuery needs #include <mapvec/hnsw_index.hpp>");
        Graph::use();
        return self().graph_index();
    }
    template <class Index, class Query, class... Options>
    [[nodiscard]] static std::vector<Hit> search_with(const Index& index, const Query& query,
                                                      const detail::LiveRows& live, const Options&... options) {
        detail::SearchCounts counts;
        return index.search(query, live, options..., counts);
    }
    // REQUIRES: the collection is open. Searches ask this filter after they have chosen the rows that they see. So they
    // never see a row beside the one that replaced it: replace() erases the old row before it shows the new one.
    [[nodiscard]] detail::LiveRows live_rows(detail::FunctionRef<bool(Id)> filter = {}) const noexcept {
        return {self().erased_rows(), filter};
    }
    // Calls search() if no row is erased, and none is erased meanwhile; otherwise search(filter).
    template <class Search>
    [[nodiscard]] auto among_live(Search search) const {
        if (!self().has_erased_rows()) {
            auto hits = search();
            if (!self().has_erased_rows()) return hits;
        }
        return search([this](Id id) { return !self().is_erased(id); });
    }
    template <class Filter>
    [[nodiscard]] auto live(const Filter& filter) const noexcept {
        return [this, &filter](Id id) { return !self().is_erased(id) && filter(id); };
    }
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
