# The dependencies of tests, benchmarks and the tool: taken from the system, or fetched if they are missing.
#
# mapvec_look_for_<package>() only looks for a package, so that a default can depend on it; mapvec_find_<package>() also
# fetches it. These are macros, because find_package() sets variables that the caller reads.
include(FetchContent)

# Sets Catch2_FOUND; defines Catch2::Catch2 and Catch2_VERSION. Prefers version 3 to 2.13.
macro(mapvec_look_for_catch)
    find_package(Catch2 3 QUIET)
    if(NOT Catch2_FOUND)
        find_package(Catch2 2.13 QUIET)
    endif()
endmacro()
macro(mapvec_find_catch)
    if(NOT TARGET Catch2::Catch2)
        mapvec_look_for_catch()
    endif()
    if(NOT TARGET Catch2::Catch2)
        message(STATUS "mapvec: Catch2 is not installed (Debian: catch2); fetching it, for MAPVEC_TESTS is ON")
        FetchContent_Declare(Catch2
            GIT_REPOSITORY https://github.com/catchorg/Catch2.git GIT_TAG v3.5.4 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(Catch2)
        set(Catch2_VERSION 3.5.4)
    endif()
endmacro()

macro(mapvec_find_benchmark)
    find_package(benchmark QUIET)
    if(NOT benchmark_FOUND)
        message(STATUS "mapvec: Google Benchmark is not installed (Debian: libbenchmark-dev); fetching it, "
            "for MAPVEC_BENCH is ON")
        set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "" FORCE)
        set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
        FetchContent_Declare(benchmark
            GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.8.4 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(benchmark)
    endif()
endmacro()

macro(mapvec_look_for_cli11)
    find_package(CLI11 QUIET)
endmacro()
macro(mapvec_find_cli11)
    if(NOT TARGET CLI11::CLI11)
        mapvec_look_for_cli11()
    endif()
    if(NOT TARGET CLI11::CLI11)
        message(STATUS "mapvec: CLI11 is not installed (Debian: libcli11-dev); fetching it, for MAPVEC_TOOL is ON")
        FetchContent_Declare(CLI11
            GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git GIT_TAG v2.4.2 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(CLI11)
    endif()
endmacro()

# Defines MPI::MPI_CXX, for the C API: the C++ bindings of old MPI libraries are neither included nor linked.
macro(mapvec_find_mpi)
    set(MPI_CXX_SKIP_MPICXX ON)
    find_package(MPI REQUIRED COMPONENTS CXX)
endmacro()
