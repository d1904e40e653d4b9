// The memory of searches in a graph. A search takes it from a pool and gives it back, so that the next one allocates
// nothing.
//
//     const ScratchPool::Lease<M, S> scratch(pool, rows);
//     (*scratch).keys.prepare(rows, query);
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/lines.hpp>
#include <mapvec/detail/hnsw/walk.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The memory of a search, which the next search reuses.
struct AnySearchScratch {
    AnySearchScratch() = default;
    AnySearchScratch(const AnySearchScratch&) = delete;
    AnySearchScratch& operator=(const AnySearchScratch&) = delete;
    virtual ~AnySearchScratch() = default;
};

template <Metric M, Scalar S>
struct SearchScratch : AnySearchScratch {
    explicit SearchScratch(const RowSpan<S>& rows) : keys(rows), set(active_instruction_set()) {}

    [[nodiscard]] bool fits(const RowSpan<S>& rows) const noexcept {
        return keys.dim() == rows.dim && set == active_instruction_set();
    }

    RowKeys<M, S> keys;
    LineKeys<M, S> line_keys;
    InstructionSet set;
    Walk walk;
    TopK beam{0};  // nodes
    TopK best{0};  // rows
    std::vector<Candidate> nodes;
    std::vector<Id> ids;
    std::vector<Id> starts;
    std::vector<float> found;
};

// A pool of such memory, one for each search that runs at the same time.
class ScratchPool {
  public:
    // Borrows a scratch; the destructor returns it.
    template <Metric M, Scalar S>
    class Lease {
      public:
        Lease(ScratchPool& pool, const RowSpan<S>& rows) : pool_(pool), scratch_(pool.take<M>(rows)) {}
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() { pool_.give_back(std::move(scratch_)); }
        [[nodiscard]] SearchScratch<M, S>& operator*() const noexcept {
            return static_cast<SearchScratch<M, S>&>(*scratch_);
        }

      private:
        ScratchPool& pool_;
        std::unique_ptr<AnySearchScratch> scratch_;
    };

  private:
    template <Metric M, Scalar S>
    [[nodiscard]] std::unique_ptr<AnySearchScratch> take(const RowSpan<S>& rows) {
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) {
                auto scratch = std::move(free_.back());
                free_.pop_back();
                const auto* const ours = dynamic_cast<const SearchScratch<M, S>*>(scratch.get());
                if (ours != nullptr && ours->fits(rows)) return scratch;
            }
            free_.reserve(++scratches_);  // so that give_back() cannot fail
        }
        return std::make_unique<SearchScratch<M, S>>(rows);
    }
    void give_back(std::unique_ptr<AnySearchScratch> scratch) noexcept {
        const std::lock_guard lock(mutex_);
        if (free_.size() < free_.capacity()) free_.push_back(std::move(scratch));
    }

    Mutex mutex_;
    std::size_t scratches_ = 0;
    std::vector<std::unique_ptr<AnySearchScratch>> free_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
