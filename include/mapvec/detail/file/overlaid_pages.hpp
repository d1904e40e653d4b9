// OverlaidPages: which pages of a view are private copies, whose bytes differ from the file's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/checked.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class OverlaidPages {
  public:
    [[nodiscard]] bool empty() const noexcept { return pages_.empty(); }
    // No page is overlaid at this offset or behind it.
    [[nodiscard]] std::uint64_t end() const noexcept { return pages_.size() * page(); }

    // Adds the pages of [offset, offset + n).
    void add(std::uint64_t offset, std::uint64_t n) {
        const std::uint64_t end = offset + n;
        if (this->end() < end) pages_.resize((end + page() - 1) / page());
        for (std::uint64_t at = offset / page(); at * page() < end; ++at) pages_[at] = true;
    }
    void truncate(std::uint64_t size) { pages_.resize(std::min<std::uint64_t>(pages_.size(), pages_below(size))); }
    void clear() noexcept { pages_.clear(); }

    // Calls visit(offset, n) for the part of each overlaid page that lies in [begin, end).
    template <class Visit>
    void each(std::uint64_t begin, std::uint64_t end, Visit visit) const {
        end = std::min(end, this->end());
        while (begin < end) {
            const std::uint64_t page_end = std::min(end, (begin / page() + 1) * page());
            if (pages_[begin / page()]) visit(begin, page_end - begin);
            begin = page_end;
        }
    }

    // Calls visit(offset, n) for each run of overlaid pages.
    template <class Visit>
    void each_run(Visit visit) const {
        for (std::uint64_t first = 0; first < pages_.size(); ++first) {
            if (!pages_[first]) continue;
            std::uint64_t last = first;
            while (last < pages_.size() && pages_[last]) ++last;
            visit(first * page(), (last - first) * page());
            first = last;
        }
    }

  private:
    [[nodiscard]] static std::uint64_t page() noexcept { return platform::page_size(); }
    [[nodiscard]] static std::uint64_t pages_below(std::uint64_t size) noexcept {
        return round_up(size, page()) / page();
    }

    std::vector<bool> pages_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
