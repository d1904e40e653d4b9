// Removes all files of a store, or none.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/creation.hpp>
#include <mapvec/detail/commit/journal_file.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Returns false if no file exists. Programs that have the store open for reading keep their view. Throws locked if the
// store is open for writing, type_mismatch if a file is not the expected file of the store; then nothing was removed.
template <Storage File>
bool remove_store(const std::vector<FileSpec>& specs) {
    const auto files = numbered(specs);
    std::vector<File> found;
    for (const FileSpec& spec : files) {
        if (!File::exists(spec.path)) continue;
        File file = File::open(spec.path, OpenMode::read_write, {});
        const auto header = header_if_ours(file, spec);
        if (!header || header->file_index != spec.header.file_index || header->file_count != spec.header.file_count)
            throw Error(ErrorCode::type_mismatch, spec.path, "it is not a file of the store that is to be removed");
        if (!file.try_lock(Lock::writer)) throw Error(ErrorCode::locked, spec.path, "it is open for writing");
        found.push_back(std::move(file));
    }
    // The root first: without it there is no store, and a later call can remove the others.
    for (const File& file : found) File::remove(file.path());
    for (const std::uint64_t generation : {std::uint64_t{0}, std::uint64_t{1}})
        File::remove(journal_path(files[0].path, generation));
    return !found.empty();
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
