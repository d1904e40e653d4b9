// Recovery: goes back to the last whole commit of a store whose newest commits are damaged.
//
//     const auto report = mapvec::examine("points.vec");              // changes nothing
//     if (!report.damage.empty()) {
//         std::cerr << report.damage << '\n' << report.lost_commits() << " commits would be lost\n";
//         mapvec::recover("points.vec");                              // discards them, for good
//     }
//
// A store that was damaged on disk does not open (corrupt) if commits that had returned cannot be read: a commit slot,
// or a journal record that others follow. open() then removes nothing, and names the last commit that is whole.
// recover() is the deliberate way back: after it the store opens at that commit. After a crash no recovery is needed.
//
// A store is the file of a vector or payload store, or the directory of a collection. Its type need not be known. An
// index can be removed and built again.
//
// Both read the whole store. Errors: not_found, version_mismatch, io; corrupt if a header is damaged.
#pragma once

#include <filesystem>

#include <mapvec/detail/store/store_files.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/recovery_report.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// What is damaged, and which commit can still be had. May run beside a writer and readers.
[[nodiscard]] inline RecoveryReport examine(const std::filesystem::path& store) {
    return CommitGroup<MappedFile>::examine(detail::files_of_store(store));
}

// The same; and if the store does not open, discards every commit after the last whole one. Durable when it returns.
// Throws corrupt if no commit is whole, locked while any program has the store open; nothing has changed then.
inline RecoveryReport recover(const std::filesystem::path& store) {
    return CommitGroup<MappedFile>::recover(detail::files_of_store(store));
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
