// IdSet: a set of row ids with cheap insertion: a vector, which is sorted when it is read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class IdSet {
  public:
    [[nodiscard]] bool empty() const noexcept { return ids_.empty(); }
    [[nodiscard]] std::size_t size_at_most() const noexcept { return ids_.size(); }
    void clear() noexcept { ids_.clear(), sorted_ = true; }

    void add(std::uint64_t id) {
        if (ids_.size() >= sort_at_) {  // limits the memory if the same row is overwritten many times
            (void)sorted();
            sort_at_ = 2 * ids_.size() + 1024;
        }
        ids_.push_back(id);
        sorted_ = false;
    }

    // Afterwards the next add(id) allocates no memory.
    void reserve_one() {
        if (ids_.size() == ids_.capacity()) ids_.reserve(2 * ids_.size() + 16);
    }
    void reserve_for(const IdSet& other) {
        const std::size_t needed = ids_.size() + other.ids_.size();
        if (needed > ids_.capacity()) ids_.reserve(std::max(needed, 2 * ids_.capacity()));  // not for each commit
    }

    // Allocates no memory after reserve_for(other).
    void add(const IdSet& other) {
        for (const std::uint64_t id : other.ids_) add(id);
    }

    // The ids in this set that are not in the other.
    [[nodiscard]] IdSet without(IdSet& other) {
        IdSet rest;
        std::set_difference(sorted().begin(), sorted().end(), other.sorted().begin(), other.sorted().end(),
                            std::back_inserter(rest.ids_));
        return rest;
    }

    // Calls visit(first, n) for each run of consecutive ids.
    template <class Visit>
    void each_run(Visit visit) {
        const auto& ids = sorted();
        for (std::size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
            for (end = begin + 1; end < ids.size() && ids[end] == ids[end - 1] + 1;) ++end;
            visit(ids[begin], static_cast<std::uint64_t>(end - begin));
        }
    }

  private:
    const std::vector<std::uint64_t>& sorted() {
        if (!sorted_) {
            std::sort(ids_.begin(), ids_.end());
            ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
            sorted_ = true;
        }
        return ids_;
    }

    std::vector<std::uint64_t> ids_;
    std::size_t sort_at_ = 1024;
    bool sorted_ = true;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
