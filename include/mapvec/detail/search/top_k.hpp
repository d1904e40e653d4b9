// TopK: the k smallest of a stream of (key, id), in order: smallest key first, ties by smallest id.
//
//     TopK best(10);
//     if (key <= best.limit()) best.offer(key, id);
//     best.sort();                                   // then entries()
//
// The result does not depend on the order of the offers. offer: O(log k). REQUIRES: no key is NaN.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct Candidate {
    float key;
    Id id;

    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
        return a.key != b.key ? a.key < b.key : a.id < b.id;
    }
};

class TopK {
  public:
    explicit TopK(std::size_t k) { reset(k); }

    // Removes all entries, and keeps the memory.
    void reset(std::size_t k) noexcept {
        heap_.clear();
        k_ = k;
        limit_ = k == 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
    }

    // Larger keys are not among the k best.
    [[nodiscard]] float limit() const noexcept { return limit_; }

    // True if fewer than k were offered.
    [[nodiscard]] bool has_room() const noexcept { return heap_.size() < k_; }

    void offer(float key, Id id) {
        const Candidate candidate{key, id};
        if (heap_.size() < k_) {
            heap_.push_back(candidate);
            std::push_heap(heap_.begin(), heap_.end());
        } else if (k_ != 0 && candidate < heap_.front()) {
            replace_worst(candidate);
        }
        if (heap_.size() == k_ && k_ != 0) limit_ = heap_.front().key;
    }

    void offer_all(const TopK& other) {
        for (const Candidate& entry : other.heap_) offer(entry.key, entry.id);
    }

    void sort() { std::sort(heap_.begin(), heap_.end()); }
    [[nodiscard]] const std::vector<Candidate>& entries() const noexcept { return heap_; }

  private:
    // One pass down the heap, instead of a pop and a push.
    void replace_worst(Candidate candidate) noexcept {
        std::size_t hole = 0;
        for (;;) {
            std::size_t child = 2 * hole + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && heap_[child] < heap_[child + 1]) ++child;
            if (!(candidate < heap_[child])) break;
            heap_[hole] = heap_[child];
            hole = child;
        }
        heap_[hole] = candidate;
    }

    std::size_t k_ = 0;
    float limit_ = 0;
    std::vector<Candidate> heap_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
