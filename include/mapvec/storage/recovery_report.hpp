// RecoveryReport: the damage of a store, and the commit that can be recovered (recovery.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

struct RecoveryReport {
    std::string damage;                   // the error of open(); empty: the store opens
    std::optional<std::uint64_t> commit;  // number of the last valid commit; nothing: none is valid
    std::uint64_t newest_commit = 0;      // number of the newest commit in the files
    std::uint64_t rows = 0;               // rows or records at `commit`

    // The number of commits that recover() discards or has discarded; 0 if no commit is valid.
    [[nodiscard]] std::uint64_t lost_commits() const noexcept {
        return commit && newest_commit > *commit ? newest_commit - *commit : 0;
    }
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
