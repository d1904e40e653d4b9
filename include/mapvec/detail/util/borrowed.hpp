// NonOwning: a pointer to an object that another object owns. It is null after a move.
#pragma once

#include <cassert>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Value>
class NonOwning {
  public:
    NonOwning() noexcept = default;
    NonOwning(Value* value) noexcept : value_(value) {}
    NonOwning(NonOwning&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    NonOwning& operator=(NonOwning&& other) noexcept {
        value_ = std::exchange(other.value_, nullptr);
        return *this;
    }
    ~NonOwning() = default;

    [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }
    // REQUIRES: not null. The hint is for GCC 12, which otherwise warns (-Wstringop-overflow in <atomic>) because it
    // assumes a null pointer.
    [[nodiscard]] Value& operator*() const noexcept { return *operator->(); }
    [[nodiscard]] Value* operator->() const noexcept {
        assert(value_ != nullptr);
#if defined(__GNUC__)
        if (value_ == nullptr) __builtin_unreachable();
#endif
        return value_;
    }

  private:
    Value* value_ = nullptr;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
