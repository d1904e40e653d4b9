// mapvec recover: reports the damage of a store and its last valid commit, and returns the store to it.
#pragma once

#include <iostream>
#include <mapvec/error.hpp>
#include <mapvec/recovery.hpp>
#include <string>

#include "any_store.hpp"
#include "text.hpp"

namespace cli {

inline void recover(const fs::path& path, bool yes) {
    const mapvec::RecoveryReport report = yes ? mapvec::recover(path) : mapvec::examine(path);
    if (report.damage.empty()) {
        std::cout << "Nothing to recover: the store opens at commit " << *report.commit << ", with " << report.rows
                  << " rows.\n";
        return;
    }
    if (!report.commit) throw mapvec::Error(mapvec::ErrorCode::corrupt, path, "no commit is whole: " + report.damage);
    std::cout << one_line(report.damage) << '\n'
              << "The last whole commit is " << *report.commit << ", with " << report.rows << " rows. "
              << report.lost_commits() << " later commits " << (yes ? "were discarded.\n" : "would be lost.\n")
              << (yes ? "The store opens again.\n" : "Nothing was changed. To go back to that commit: --yes\n");
}

}  // namespace cli
