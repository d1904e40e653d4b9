// MappedView: one contiguous range of addresses that shows a file from its first byte: mapped regions, one after the
// other, and behind them addresses that are reserved for growth. Regions and reserve never overlap, so that destroying
// a region never frees addresses that another mapping uses.
#pragma once

#include <algorithm>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class MappedView {
  public:
    static constexpr std::size_t huge_page = std::size_t{2} << 20;

    MappedView() noexcept = default;

    // Reserves `addresses` bytes. If so many are not available, reserves a part of the available ones and leaves the
    // rest to other files, but at least `least` bytes. If that fails, the view is empty (base() == nullptr).
    MappedView(std::uint64_t addresses, std::uint64_t least) noexcept {
        std::uint64_t wish = std::max(addresses, least);
        if (reserve(wish)) return;
        do wish = std::max(wish / 2, least);
        while (!reserve(wish) && wish > least);
        if (!base_ || wish == least) return;
        platform::release_addresses(base_, reserved_);
        if (!reserve(std::max(round_up(wish / 16, huge_page), least))) (void)reserve(least);
    }

    MappedView(MappedView&& other) noexcept { swap(other); }
    MappedView& operator=(MappedView&& other) noexcept {
        MappedView(std::move(other)).swap(*this);
        return *this;
    }
    ~MappedView() {
        regions_.clear();
        if (base_) platform::release_addresses(base_ + mapped_, reserved_ - mapped_);
    }

    [[nodiscard]] std::byte* base() const noexcept { return base_; }
    [[nodiscard]] std::uint64_t mapped() const noexcept { return mapped_; }
    [[nodiscard]] std::uint64_t reserved() const noexcept { return reserved_; }

    // Maps the bytes [mapped(), end) of the file behind the mapped ones. REQUIRES: end <= reserved(), both at page
    // bounds. Throws boost::interprocess::interprocess_exception.
    void extend(const boost::interprocess::file_mapping& file, boost::interprocess::mode_t mode, std::uint64_t end,
                const StoreOptions& options) {
        const auto n = static_cast<std::size_t>(end - mapped_);
        regions_.reserve(regions_.size() + 1);
        regions_.emplace_back(file, mode, static_cast<boost::interprocess::offset_t>(mapped_), n, base_ + mapped_,
                              platform::map_fixed | (options.populate ? platform::map_populate : 0));
        if (options.huge_pages) platform::advise_huge_pages(base_ + mapped_, n);
        mapped_ = end;
    }

    // Maps the whole file at an address that the system chooses, for systems without reservation.
    void map_anywhere(const boost::interprocess::file_mapping& file, boost::interprocess::mode_t mode,
                      std::uint64_t size) {
        regions_.emplace_back(file, mode, 0, static_cast<std::size_t>(size));
        base_ = static_cast<std::byte*>(regions_.back().get_address());
        mapped_ = reserved_ = size;
    }

    // Shows the file again at [begin, end), where something else was laid over the mapping.
    [[nodiscard]] int show_file(platform::Handle file, std::uint64_t begin, std::uint64_t end,
                                const StoreOptions& options, Access access) noexcept {
        const auto n = static_cast<std::size_t>(end - begin);
        const int error =
            platform::show_file(file, begin, n, base_ + begin, options.populate ? platform::map_populate : 0);
        if (error != 0) return error;
        if (access != Access::normal) platform::advise(base_ + begin, n, access);
        if (options.huge_pages) platform::advise_huge_pages(base_ + begin, n);
        return 0;
    }

    void advise(Access access) noexcept {
        using Region = boost::interprocess::mapped_region;
        const auto advice = access == Access::random       ? Region::advice_random
                            : access == Access::sequential ? Region::advice_sequential
                                                           : Region::advice_normal;
        for (auto& region : regions_) region.advise(advice);
    }

  private:
    bool reserve(std::uint64_t addresses) noexcept {
        base_ = platform::reserve_addresses(addresses, huge_page);
        reserved_ = base_ ? addresses : 0;
        return base_ != nullptr;
    }
    void swap(MappedView& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(mapped_, other.mapped_);
        std::swap(reserved_, other.reserved_);
        regions_.swap(other.regions_);
    }

    std::byte* base_ = nullptr;
    std::uint64_t mapped_ = 0;    // mapped bytes; may end behind the file, where access is not allowed
    std::uint64_t reserved_ = 0;  // bytes of address space, mapped ones included
    std::vector<boost::interprocess::mapped_region> regions_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
