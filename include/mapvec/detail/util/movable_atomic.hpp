// MovableAtomic: an atomic member of a movable class. Loads acquire and stores release, so that one writer publishes to
// many readers. Moving is not atomic: the owner must not be in use by another thread.
#pragma once

#include <atomic>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Value>
class MovableAtomic {
  public:
    MovableAtomic() noexcept = default;
    MovableAtomic(Value value) noexcept : value_(value) {}
    MovableAtomic(MovableAtomic&& other) noexcept : value_(other.value_.exchange(Value{})) {}
    MovableAtomic& operator=(MovableAtomic&& other) noexcept {
        value_.store(other.value_.exchange(Value{}));
        return *this;
    }
    ~MovableAtomic() = default;

    [[nodiscard]] Value load() const noexcept { return value_.load(std::memory_order_acquire); }
    // For callers that have acquired through another load already.
    [[nodiscard]] Value load_relaxed() const noexcept { return value_.load(std::memory_order_relaxed); }
    void store(Value value) noexcept { value_.store(value, std::memory_order_release); }

  private:
    std::atomic<Value> value_{};
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
