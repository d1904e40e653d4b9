// How a store is opened: modes, advice for the system, and options.
//
//     auto store = mapvec::MmapVectorStore<>::create("points.vec", {.dim = 128, .initial_capacity = 1000});
//     auto reader = mapvec::MmapVectorStore<>::open("points.vec", mapvec::OpenMode::read_only);
#pragma once

#include <cstddef>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

enum class OpenMode {
    read_write,    // a store has one writer at a time
    read_only,     // any number of readers, at the same time as the writer
    copy_on_write  // rows can be overwritten in this process's memory; the file is never changed
};

// How the operating system reads a file from disk. It matters only for what is not in memory.
enum class Access {
    normal,      // as `random` if the file is larger than 3/4 of memory; otherwise it reads far around what is touched
    sequential,  // reads ahead: for programs whose own loops pass over all rows of a file that is larger than memory
    random       // reads the pages that are touched and no others. Searches ask for what they are going to read
};

// An aggregate: use designated initializers, `{.dim = 128, .initial_capacity = 1000}`.
struct StoreOptions {
    std::size_t dim = 0;               // for MmapVectorStore<dynamic_dim>; otherwise 0 or equal to Dim
    std::size_t initial_capacity = 0;  // rows; 0 = default
    bool populate = false;             // map all pages of the file when it is opened: O(size of the file)
    bool huge_pages = false;           // ask for huge pages, for the mapping and for bulk writes
    Access access = Access::normal;
    std::size_t address_space = 0;  // addresses to reserve for growth, bytes; 0 = 1 GiB or 16 × the file; 1 = none
    // Allow a background thread, shared by all stores, that writes appended rows to the file once 4 MiB were appended
    // in small pieces without a commit. The thread starts then, sleeps when it has no work, and blocks all signals.
    bool helper_thread = true;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
