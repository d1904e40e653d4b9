// ErasureSet: the set of erased rows, a growing bitmap. One thread writes; any thread may read at the same time,
// because outgrown bitmaps are kept as long as the set.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <mapvec/detail/util/movable_atomic.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class ErasureSet {
  public:
    ErasureSet() = default;
    ErasureSet(ErasureSet&& other) noexcept { swap(other); }
    ErasureSet& operator=(ErasureSet&& other) noexcept {
        ErasureSet(std::move(other)).swap(*this);
        return *this;
    }

    [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(); }

    [[nodiscard]] bool contains(std::uint64_t id) const noexcept {
        const Bitmap* const bitmap = newest_.load();
        if (!bitmap || id / 64 >= bitmap->words.size()) return false;
        return (bitmap->words[id / 64].load(std::memory_order_acquire) >> (id % 64) & 1) != 0;
    }

    void reserve_for(std::uint64_t id) {
        const Bitmap* const now = newest_.load();
        const std::size_t have = now ? now->words.size() : 0;
        const auto need = static_cast<std::size_t>(id / 64) + 1;
        if (need <= have) return;
        auto larger = std::make_unique<Bitmap>(std::max(need, 2 * have));
        for (std::size_t i = 0; i < have; ++i)
            larger->words[i].store(now->words[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
        bitmaps_.push_back(std::move(larger));
        newest_.store(bitmaps_.back().get());
    }

    // Returns false if the set contains `id` already. REQUIRES: reserve_for(id).
    bool add(std::uint64_t id) noexcept {
        const std::uint64_t bit = std::uint64_t{1} << (id % 64);
        const std::uint64_t before = newest_.load()->words[id / 64].fetch_or(bit, std::memory_order_acq_rel);
        if ((before & bit) != 0) return false;
        size_.store(size_.load() + 1);
        return true;
    }

    // REQUIRES: contains(id).
    void remove(std::uint64_t id) noexcept {
        newest_.load()->words[id / 64].fetch_and(~(std::uint64_t{1} << (id % 64)), std::memory_order_acq_rel);
        size_.store(size_.load() - 1);
    }

  private:
    struct Bitmap {
        explicit Bitmap(std::size_t n) : words(n) {}
        std::vector<std::atomic<std::uint64_t>> words;
    };

    void swap(ErasureSet& other) noexcept {
        bitmaps_.swap(other.bitmaps_);
        std::swap(newest_, other.newest_);
        std::swap(size_, other.size_);
    }

    std::vector<std::unique_ptr<Bitmap>> bitmaps_;
    MovableAtomic<Bitmap*> newest_;
    MovableAtomic<std::uint64_t> size_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
