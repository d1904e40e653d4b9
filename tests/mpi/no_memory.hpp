// Replaces operator new, so that this rank can run out of memory. Include it in one file of a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace mpi_test {

inline std::size_t too_large = SIZE_MAX;  // allocations of so many bytes fail on this rank

}  // namespace mpi_test

// Not inlined: GCC warns if it sees only one of operator new and delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    if (bytes < mpi_test::too_large)
        if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
