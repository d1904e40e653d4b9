# What mapvec stands on: taken from the system if it is there, fetched otherwise.
include(FetchContent)

# Headers only. Defines Boost::headers.
function(mapvec_find_boost)
    if(TARGET Boost::headers)
        return()
    endif()
    find_package(Boost 1.74 QUIET CONFIG)
    if(NOT Boost_FOUND)
        find_package(Boost 1.74 QUIET MODULE)
    endif()
    if(TARGET Boost::headers)
        set_target_properties(Boost::headers PROPERTIES IMPORTED_GLOBAL TRUE)
        return()
    endif()

    message(STATUS "mapvec: Boost is not installed; fetching its headers")
    FetchContent_Declare(mapvec_boost
        URL https://archives.boost.io/release/1.86.0/source/boost_1_86_0.tar.bz2
        URL_HASH SHA256=1bed88e40401b2cb7a1f76d4bab499e352fa4d0c5f31c0dbae64e24d34d7513b
        SOURCE_SUBDIR headers-only)  # not there, so that nothing of Boost is configured
    FetchContent_MakeAvailable(mapvec_boost)
    add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
    target_include_directories(Boost::headers INTERFACE "${mapvec_boost_SOURCE_DIR}")
endfunction()

# Defines Catch2::Catch2 and Catch2_VERSION. Version 3 if there is one, 2.13 will do.
macro(mapvec_find_catch)
    if(NOT TARGET Catch2::Catch2)
        find_package(Catch2 3 QUIET)
    endif()
    if(NOT TARGET Catch2::Catch2)
        find_package(Catch2 2.13 QUIET)
    endif()
    if(NOT TARGET Catch2::Catch2)
        message(STATUS "mapvec: Catch2 is not installed; fetching it")
        FetchContent_Declare(Catch2
            GIT_REPOSITORY https://github.com/catchorg/Catch2.git GIT_TAG v3.5.4 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(Catch2)
        set(Catch2_VERSION 3.5.4)
    endif()
endmacro()

macro(mapvec_find_benchmark)
    find_package(benchmark QUIET)
    if(NOT benchmark_FOUND)
        message(STATUS "mapvec: Google Benchmark is not installed; fetching it")
        set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "" FORCE)
        set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
        FetchContent_Declare(benchmark
            GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.8.4 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(benchmark)
    endif()
endmacro()

macro(mapvec_find_cli11)
    find_package(CLI11 QUIET)
    if(NOT CLI11_FOUND)
        message(STATUS "mapvec: CLI11 is not installed; fetching it")
        FetchContent_Declare(CLI11
            GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git GIT_TAG v2.4.2 GIT_SHALLOW ON)
        FetchContent_MakeAvailable(CLI11)
    endif()
endmacro()
