// The searches of a collection: the members search, search_ids, search_each and search_batch, and free functions with
// the same names.
//
//     docs.search(KnnQuery{query, 10});                        // the metric of the collection
//     docs.search<InnerProduct>(KnnQuery{query, 10});          // another metric
//     docs.search(RingQuery{query, 0.4f, 0.05f}, filter);      // rows whose id the filter accepts
//     docs.search(KnnQuery{query, 10}, language.rows("en"));   // reads these rows only
//     search(docs, KnnQuery{query, 10});                       // the same as docs.search(…)
//
// They give the hits of the functions of search.hpp and search_batch.hpp over vectors(), without erased rows. Order,
// errors, threads and complexity are those of these functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

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
        return among_live(
            [&](const auto&... filter) { return mapvec::search<Other>(self().vectors(), query, filter..., options); });
    }
    // Only rows whose id the filter accepts.
    template <Metric Other = M, AnyQuery Query = KnnQuery, IdFilter Filter>
    [[nodiscard]] std::vector<Hit> search(const Query& query, const Filter& filter,
                                          const SearchOptions& options = {}) const {
        return mapvec::search<Other>(self().vectors(), query, live(filter), options);
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
        if (!self().has_erased_rows()) return mapvec::search_ids<Other>(self().vectors(), ids, query, options);
        std::vector<Id> live;
        std::copy_if(ids.begin(), ids.end(), std::back_inserter(live), [this](Id id) { return !self().is_erased(id); });
        return mapvec::search_ids<Other>(self().vectors(), live, query, options);
    }
    // Passes each hit of search() to the visitor.
    template <Metric Other = M, AnyQuery Query = KnnQuery, HitVisitor Visitor>
    void search_each(const Query& query, Visitor&& visitor, const SearchOptions& options = {}) const {
        mapvec::search_each<Other>(
            self().vectors(), query, [this](Id id) { return !self().is_erased(id); }, visitor, options);
    }
    // The nearest rows of each query.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                             const SearchOptions& options = {}) const {
        return among_live([&](const auto&... filter) {
            return mapvec::search_batch<Other>(self().vectors(), queries, filter..., options);
        });
    }
    // As above, for rows whose id the filter accepts.
    template <Metric Other = M, IdFilter Filter>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries, const Filter& filter,
                                                             const SearchOptions& options = {}) const {
        return mapvec::search_batch<Other>(self().vectors(), queries, live(filter), options);
    }
    // `queries` holds vectors of dim() elements, one after the other.
    template <Metric Other = M>
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const float> queries, std::size_t k,
                                                             const SearchOptions& options = {}) const {
        return among_live([&](const auto&... filter) {
            return mapvec::search_batch<Other>(self().vectors(), queries, k, filter..., options);
        });
    }

  private:
    friend Derived;
    CollectionSearches() noexcept = default;

    [[nodiscard]] const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
    // Calls search() if no row is erased, otherwise search(filter).
    template <class Search>
    [[nodiscard]] auto among_live(Search search) const {
        return self().has_erased_rows() ? search([this](Id id) { return !self().is_erased(id); }) : search();
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
