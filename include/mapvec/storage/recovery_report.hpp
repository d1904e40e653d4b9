// RecoveryReport: what is damaged of a store, and what can be had of it (recovery.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

struct RecoveryReport {
    std::string damage;                   // what open() says; empty: it opens the store
    std::optional<std::uint64_t> commit;  // number of the last commit that is whole; nothing: none is
    std::uint64_t newest_commit = 0;      // number of the newest commit that the files speak of
    std::uint64_t rows = 0;               // rows or records at `commit`

    // Commits that would be, or were, discarded. 0 if none can be had.
    [[nodiscard]] std::uint64_t lost_commits() const noexcept {
        return commit && newest_commit > *commit ? newest_commit - *commit : 0;
    }
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
