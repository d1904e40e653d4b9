// Recovery: returns a store with damaged commits to its last valid commit.
//
//     const auto report = mapvec::examine("points.vec");              // changes nothing
//     if (!report.damage.empty()) {
//         std::cerr << report.damage << '\n' << report.lost_commits() << " commits would be lost\n";
//         mapvec::recover("points.vec");                              // discards them permanently
//     }
//
// If damage on disk makes commits unreadable that had returned (a damaged commit slot, or a damaged journal record
// before valid ones), the store does not open (corrupt). open() removes nothing, and its error names the last valid
// commit. recover() then discards later commits, and the store opens at that commit. After a crash no recovery is
// needed.
//
// `store` is the file of a vector or payload store, or the directory of a collection; its type need not be known. An
// index is not recovered: remove it and build it again.
//
// Both functions read the whole store. Throws not_found, version_mismatch, io; corrupt if a header is damaged;
// type_mismatch for an index.
#pragma once

#include <filesystem>

#include <mapvec/detail/store/store_files.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/recovery_report.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Reports the damage and the last valid commit. Changes nothing. May run while a writer and readers have the store
// open.
[[nodiscard]] inline RecoveryReport examine(const std::filesystem::path& store) {
    return CommitGroup<MappedFile>::examine(detail::files_of_store(store));
}

// As examine(). If the store does not open, also discards every commit after the last valid one; this is durable when
// it returns. Throws corrupt if no commit is valid, locked while any program has the store open; then nothing has
// changed.
inline RecoveryReport recover(const std::filesystem::path& store) {
    return CommitGroup<MappedFile>::recover(detail::files_of_store(store));
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
