// An atomic that a movable class can hold. Moving is the owner's business and not atomic; loads acquire
// and stores release, which is how one writer publishes to many readers.
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
    // Where another load has acquired already.
    [[nodiscard]] Value load_relaxed() const noexcept { return value_.load(std::memory_order_relaxed); }
    void store(Value value) noexcept { value_.store(value, std::memory_order_release); }

  private:
    std::atomic<Value> value_{};
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
