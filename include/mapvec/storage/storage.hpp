// Storage: the interface of one file to a store. Stores decide which bytes to write; a storage makes them durable.
//
// MappedFile (storage/mapped_file.hpp) is the storage of programs. The crash tests run the same stores on a recording
// storage, which knows for each byte whether it is durable.
//
// A storage has a *file* (what other processes see, and what a crash may leave) and a *view* of it (what data() shows).
// They have the same bytes, except where overlay() has replaced bytes of the view. Nothing is durable before sync()
// returns. Until then the system may write any changed sectors to disk, in any order, or none.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Locks belong to the open file, not to the process: they also exclude other objects in the same process, stay if other
// code opens and closes the file, and end with the process.
enum class Lock {
    writer,           // the writer holds it
    reader,           // shared: every reader holds it as long as it has the file open
    exclude_readers,  // the writer holds it while it changes bytes that a reader may use
};

template <class File>
concept Storage = std::movable<File> && requires(File file, const File constant, const std::filesystem::path& path,
                                                 std::uint64_t n, std::span<const std::byte> bytes) {
    // Creates a file with these bytes, durable and with Lock::writer held; or no file. Throws exists, and then does not
    // change the existing file.
    { File::create(path, bytes, StoreOptions{}) } -> std::same_as<File>;
    // A file without a name, which disappears with this object, and with the process.
    { File::create_temporary(bytes, StoreOptions{}) } -> std::same_as<File>;
    // Throws not_found, read_only, io. Takes no lock.
    { File::open(path, OpenMode::read_only, StoreOptions{}) } -> std::same_as<File>;
    // False only if the system says that there is none. Throws io, read_only.
    { File::exists(path) } -> std::same_as<bool>;
    // Not an error if there is no file. Durable later.
    File::remove(path);
    // Creates a directory, durable, with the directories above it. Not an error if it exists.
    File::create_directory(path);

    // The absolute path without symbolic links. The file and its neighbours are found by it, in any working directory.
    { constant.path() } -> std::convertible_to<const std::filesystem::path&>;
    { constant.has_its_name() } -> std::same_as<bool>;      // path() still leads to it; throws if that is unknown
    { constant.shows_its_file() } -> std::same_as<bool>;    // the view still shows the file
    { constant.size() } -> std::same_as<std::uint64_t>;     // bytes in the file, as far as this object knows
    { constant.data() } -> std::same_as<const std::byte*>;  // the view, size() bytes; safe while another thread writes
    {file.refresh()};                                       // updates size() if another process has resized the file

    file.resize(n);        // n bytes (or more, if it cannot be cut); new bytes are zero, and may be a hole
    file.allocate(n, n);   // (offset, length): blocks for these bytes, so that writing them finds room. Throws no_space
    file.write(n, bytes);  // within size(): writes to the file and to the view
    file.stream(n,
                bytes);    // writes to the view, and to the file by finish_stream(); cheap for small consecutive pieces
    file.finish_stream();  // everything streamed is in the file. Throws no_space, io; may be called again then
    // Writes to the view only; but bytes that were streamed and have not reached the file yet are replaced for it, too.
    file.overlay(n, bytes);
    file.prepare_overlay(n, n);  // (offset, length): the next overlay() there does not throw; changes nothing
    file.drop_overlays();        // the view may show the file everywhere
    file.start_sync(n, n);       // (offset, length), a hint: a sync of these bytes will follow soon
    file.sync();                 // makes all writes and the size durable
    // Its entry in the directory is durable; who creates a file need not ask for it. Throws detail::SyncError if that
    // failed, any other Error if nothing was tried. (create() does the same.)
    file.sync_name();
    { file.try_lock(Lock::writer) } -> std::same_as<bool>;
    file.lock(Lock::reader);  // waits
    file.unlock(Lock::reader);
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
