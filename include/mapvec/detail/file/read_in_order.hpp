// Reading a file that is mapped for reads of single pages (Access::random): in order, or many rows at a time.
//
//     ReadInOrder in_order(store.access());
//     if (!in_order.covers(at, n)) in_order.begin(at, many);   // then reads [at, at + n), and goes on behind it
//
// With Access::random the system reads no page ahead. ReadInOrder changes the advice for a part of the mapping while it
// exists: a scan from disk is then as fast as read(). A reader of single rows in the same part meanwhile gets pages
// that it does not need; so scans do this for a few megabytes at a time. With any other advice it does nothing.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The advice for the rows of a source: that of its store, if it has one.
template <class Source>
[[nodiscard]] Access access_of(const Source& source) noexcept {
    if constexpr (requires {
                      { source.access() } -> std::same_as<Access>;
                  })
        return source.access();
    else
        return Access::normal;
}

class ReadInOrder {
  public:
    static constexpr std::size_t stretch = std::size_t{8} << 20;  // for scans

    explicit ReadInOrder(Access access) noexcept : needed_(access == Access::random) {}
    // For [at, at + n) as a whole.
    ReadInOrder(Access access, const void* at, std::size_t n) noexcept : ReadInOrder(access) { begin(at, n); }
    ReadInOrder(const ReadInOrder&) = delete;
    ReadInOrder& operator=(const ReadInOrder&) = delete;
    ~ReadInOrder() { end(); }

    // True if nothing has to be done before [at, at + n) is read.
    [[nodiscard]] bool covers(const void* at, std::size_t n) const noexcept {
        const auto begin = reinterpret_cast<std::uintptr_t>(at), first = reinterpret_cast<std::uintptr_t>(first_);
        return !needed_ || (begin >= first && begin + n <= first + size_);
    }
    // Begins with these bytes, and ends with those before.
    void begin(const void* at, std::size_t n) noexcept {
        end();
        if (!needed_ || n == 0) return;
        first_ = static_cast<const std::byte*>(at);
        size_ = n;
        // Not `sequential`: Linux 6.18 then reads single pages, unless the first page that is read is that of the file.
        platform::advise(first_, size_, Access::normal);
    }

  private:
    void end() noexcept {
        if (size_ != 0) platform::advise(first_, size_, Access::random);
        size_ = 0;
    }

    bool needed_;
    const std::byte* first_ = nullptr;
    std::size_t size_ = 0;
};

// All rows of a source.
template <class Source>
[[nodiscard]] ReadInOrder read_in_order(const Source& source) noexcept {
    const auto& rows = source.data();
    return ReadInOrder(access_of(source), rows.data(), rows.size() * sizeof(*rows.data()));
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
