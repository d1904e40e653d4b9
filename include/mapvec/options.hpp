// How a store is opened: modes, advice for the system, and options.
//
//     auto store = mapvec::MmapVectorStore<>::create("points.vec", {.dim = 128, .initial_capacity = 1000});
//     auto reader = mapvec::MmapVectorStore<>::open("points.vec", mapvec::OpenMode::read_only);
#pragma once

#include <cstddef>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

enum class OpenMode {
    read_write,    // the one writer
    read_only,     // any number of them, beside the writer
    copy_on_write  // rows can be overwritten, in this process's memory only; the file is never changed
};

// How point reads will come, as advice to the system. `random` is for files larger than memory: the system then
// reads no more than it is asked for, which helps random rows and costs scans their read-ahead.
enum class Access { normal, sequential, random };

// An aggregate: use designated initializers, `{.dim = 128, .initial_capacity = 1000}`.
struct StoreOptions {
    std::size_t dim = 0;               // for MmapVectorStore<dynamic_dim>; otherwise 0 or equal to Dim
    std::size_t initial_capacity = 0;  // rows; 0 = a sensible default
    bool populate = false;             // fault the mapping in when it is made
    bool huge_pages = false;           // ask for huge pages: for the mapping, and when writing in bulk
    Access access = Access::normal;
    std::size_t address_space = 0;  // bytes to reserve for growth in place; 0 = 1 GiB, or 16 times the file; 1 = none
    // After 4 MiB appended in small pieces and not committed, a thread that all stores share prepares the next 1 MiB
    // of the file. It is started then, sleeps when there is nothing to do, and has all signals blocked. false: no such
    // thread.
    bool helper_thread = true;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
