// A search that goes on: the k nearest rows, then the next k, and so on.
//
//     auto pages = index.pages(store, KnnQuery{query, 10}, {.ef = 100});
//     for (auto page = pages.next(); !page.empty(); page = pages.next()) …
//
// It reads ahead: the first `ef` rows (or k, if that is more) with one search, then twice as many with another one, of
// which it returns those that it has not returned, and so on. So beyond the first `ef` rows its searches together ask
// for fewer than four times as many rows as were returned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mapvec/detail/index/followed_store.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// What HnswIndex::pages() returns. The index and the store must outlive it, and must not be moved. The query is copied.
//
// Guarantees. No row is returned twice. Each page is sorted as search() sorts. As long as they are at most `ef` rows,
// the pages together are what one search gives: search(store, KnnQuery{query, n}, {.ef = ef}). Beyond, a wider search
// may find a row late, which then comes on a later page than rows farther away. When the pages have returned all of a
// search for n rows (n = ef, 2 ef, 4 ef, …), they contain every row of search(store, KnnQuery{query, n}, {.ef = n}). In
// the end they have returned every row that has a distance and that the filter accepts.
//
// Changes. The index and the store may be updated between two pages: nothing is locked. A page holds rows as they were
// when they were read, at most as many rows ahead as were returned before. Rows that have been erased from a collection
// in the meantime are left out. Rows that were appended in the meantime may be found or not.
//
// Threads. One thread at a time.
template <class Search, class IsLive>
class HnswPages {
  public:
    // `search(query, ef)` returns the hits of a search; `is_live(id)` is false for erased rows.
    HnswPages(Search search, IsLive is_live, const KnnQuery& query, std::size_t ef)
        : search_(std::move(search)),
          is_live_(std::move(is_live)),
          query_(query.query.begin(), query.query.end()),
          rows_per_page_(query.k),
          width_(std::max(query.k, ef)) {}

    // The next k rows; fewer at the end, then none. Throws as HnswIndex::search(); then it may be called again.
    [[nodiscard]] std::vector<Hit> next() { return next(rows_per_page_); }
    // A page of another size.
    [[nodiscard]] std::vector<Hit> next(std::size_t k) {
        std::vector<Hit> page;
        while (page.size() < k && (at_ < ahead_.size() || read_ahead())) {
            if (is_live_(ahead_[at_].id)) page.push_back(ahead_[at_]);
            ++at_;
        }
        std::sort(page.begin(), page.end(), nearer);
        return page;
    }

  private:
    // Similarities descend; ties are by id.
    static bool nearer(const Hit& a, const Hit& b) noexcept {
        if (a.distance_squared == b.distance_squared) return a.id < b.id;
        return a.unit == HitUnit::similarity ? a.distance_squared > b.distance_squared
                                             : a.distance_squared < b.distance_squared;
    }

    // Searches with twice the width. Returns false if there are no more rows.
    [[nodiscard]] bool read_ahead() {
        while (!at_end_) {
            std::vector<Hit> hits = search_(KnnQuery{query_, width_}, width_);
            const bool found_all = hits.size() < width_;
            std::erase_if(hits, [this](const Hit& hit) { return std::ranges::binary_search(read_, hit.id); });
            read_.reserve(read_.size() + hits.size());
            for (const Hit& hit : hits) read_.push_back(hit.id);
            std::sort(read_.begin(), read_.end());
            at_end_ = found_all;
            width_ = width_ > SIZE_MAX / 2 ? SIZE_MAX : 2 * width_;
            ahead_ = std::move(hits);
            at_ = 0;
            if (!ahead_.empty()) return true;
        }
        return false;
    }

    Search search_;
    IsLive is_live_;
    std::vector<float> query_;
    std::size_t rows_per_page_;
    std::size_t width_;       // of the next search
    std::vector<Hit> ahead_;  // rows that were read; the first at_ of them were returned
    std::size_t at_ = 0;
    std::vector<Id> read_;  // all ids that were read, sorted
    bool at_end_ = false;
};

namespace detail {

// The filter is one function or none.
template <class Index, class Store, class Options, class... Filter>
[[nodiscard]] auto pages_of(const Index& index, const Store& store, const KnnQuery& query, Options options,
                            Filter... filter) {
    const std::size_t ef = options.ef;
    auto search = [&index, &store, options, filter...](const KnnQuery& wide, std::size_t width) mutable {
        options.ef = width;
        return index.search(store, wide, filter..., options);
    };
    return HnswPages(std::move(search), live_rows_of(store), query, ef);
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
