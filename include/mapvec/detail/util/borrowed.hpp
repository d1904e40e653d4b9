// NonOwning: a pointer to an object that another object owns. It is null after a move.
#pragma once

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
    [[nodiscard]] Value& operator*() const noexcept { return *value_; }
    [[nodiscard]] Value* operator->() const noexcept { return value_; }

  private:
    Value* value_ = nullptr;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
