// FunctionRef: a function that another object owns, without its type. A null one may not be called.
//
//     void each(FunctionRef<bool(Id)> visit);
//     each([&](Id id) { … });
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
  public:
    FunctionRef() noexcept = default;
    template <class Function>
        requires(!std::same_as<std::remove_cvref_t<Function>, FunctionRef>)
    FunctionRef(Function&& function)  // NOLINT(bugprone-forwarding-reference-overload): it does not see `requires`
    noexcept
        : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
          call_([](void* object, Args... args) -> Result {
              return static_cast<Result>(
                  (*static_cast<std::remove_reference_t<Function>*>(object))(std::forward<Args>(args)...));
          }) {}

    [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
    Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

  private:
    void* object_ = nullptr;
    Result (*call_)(void*, Args...) = nullptr;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
