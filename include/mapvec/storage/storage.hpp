// Storage: what a store needs of one file. The seam between "which bytes" and "how they survive".
//
// MappedFile (storage/mapped_file.hpp) is the storage of real life. The crash tests put a recording
// storage under the very same stores, which knows for each byte whether it is durable.
//
// A storage has a *file* (what other processes see, and what a crash may leave) and a *view* of
// it (what data() shows). They are the same bytes, except where overlay() has laid other bytes
// over the view. Nothing is durable before sync() returns; until then the system may write any
// changed sector to disk, in any order, or none.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Locks belong to the open file, not to the process: they hold within one process too, are not lost
// when other code opens and closes the file, and vanish when the process does.
enum class Lock {
    writer,           // held by the one writer
    reader,           // shared: held by every reader for as long as it looks at the file
    exclude_readers,  // held by the writer while it changes what a reader could be looking at
};

template <class File>
concept Storage = std::movable<File> && requires(File file, const File constant, const std::filesystem::path& path,
                                                 std::uint64_t n, std::span<const std::byte> bytes) {
    // A new file that appears with these bytes in it, durable, and with Lock::writer held; or not at all.
    // Throws exists, and leaves what is there alone.
    { File::create(path, bytes, StoreOptions{}) } -> std::same_as<File>;
    // A new file without a name, that disappears with this object and with the process.
    { File::create_temporary(bytes, StoreOptions{}) } -> std::same_as<File>;
    // Throws not_found, read_only, io. Takes no lock.
    { File::open(path, OpenMode::read_only, StoreOptions{}) } -> std::same_as<File>;
    // False only if the system says that there is none. Throws io, read_only.
    { File::exists(path) } -> std::same_as<bool>;
    // Not an error if there is none. Durable at some later time.
    File::remove(path);
    // Durable, with the directories above it. Not an error if there is one.
    File::create_directory(path);

    // By which it and the files beside it are found, wherever the process goes: absolute, without symbolic links.
    { constant.path() } -> std::convertible_to<const std::filesystem::path&>;
    { constant.has_its_name() } -> std::same_as<bool>;      // path() still leads to it; throws if that is unknown
    { constant.size() } -> std::same_as<std::uint64_t>;     // bytes in the file, as far as this object knows
    { constant.data() } -> std::same_as<const std::byte*>;  // the view, size() bytes; safe beside the writer thread
    {file.refresh()};                                       // learn the size that another process gave the file

    file.resize(n);        // the file has n bytes (or more, if it cannot be cut); new ones are zero and may be a hole
    file.allocate(n, n);   // (offset, length): blocks for these bytes, so that writing them finds room. Throws no_space
    file.write(n, bytes);  // within size(): into the file, and seen in the view
    file.stream(n, bytes);   // the same, cheap for many small pieces each of which continues the last
    file.overlay(n, bytes);  // into the view only
    file.drop_overlays();    // the view may show the file again everywhere
    file.start_sync(n, n);   // (offset, length), a hint: the next sync will come soon, begin with these bytes
    file.sync();             // all that was written, and the size, is durable
    // Its entry in the directory is durable; who creates a file need not ask for it. Throws detail::SyncError if that
    // failed, any other Error if nothing was tried. (create() does the same.)
    file.sync_name();
    { file.try_lock(Lock::writer) } -> std::same_as<bool>;
    file.lock(Lock::reader);  // waits
    file.unlock(Lock::reader);
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
