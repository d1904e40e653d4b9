// mapvec recover: what is damaged of a store, which commit is left, and the way back to it.
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
    std::cout << one_line(report.damage) << '\n';
    if (!report.commit) throw mapvec::Error(mapvec::ErrorCode::corrupt, path, "no commit is whole");
    std::cout << "The last whole commit is " << *report.commit << ", with " << report.rows << " rows.\n"
              << report.lost_commits() << (report.lost_commits() == 1 ? " later commit " : " later commits ");
    if (yes) {
        std::cout << "discarded. The store opens again.\n";
        return;
    }
    std::cout << "would be lost.\n" << std::flush;
    throw mapvec::Error(mapvec::ErrorCode::corrupt, path, "to go back to that commit: mapvec recover --yes");
}

}  // namespace cli
