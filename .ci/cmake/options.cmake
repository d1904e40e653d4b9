# The options and their defaults. If mapvec is the top-level project, everything that needs no download is on; otherwise
# everything is off. Missing packages are fetched if an option asks for them: MAPVEC_TESTS=ON fetches Catch2.
include("${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake")

set(mapvec_tests OFF)
set(mapvec_tool OFF)
if(mapvec_top_level AND NOT DEFINED MAPVEC_TESTS)
    mapvec_look_for_catch()
    set(mapvec_tests ${Catch2_FOUND})
    if(NOT Catch2_FOUND)
        message(STATUS "mapvec: no tests, for Catch2 is not installed (Debian: catch2); MAPVEC_TESTS=ON fetches it")
    endif()
endif()
if(mapvec_top_level AND NOT DEFINED MAPVEC_TOOL)
    mapvec_look_for_cli11()
    set(mapvec_tool ${CLI11_FOUND})
    if(NOT CLI11_FOUND)
        message(STATUS "mapvec: no command-line tool, for CLI11 is not installed (Debian: libcli11-dev); "
            "MAPVEC_TOOL=ON fetches it")
    endif()
endif()

option(MAPVEC_TESTS "Build the tests (Catch2)" ${mapvec_tests})
option(MAPVEC_EXAMPLES "Build the examples" ${mapvec_top_level})
option(MAPVEC_INSTALL "Install the headers and the CMake package" ${mapvec_top_level})
option(MAPVEC_MPI "Build the tests and the example that need MPI" OFF)
option(MAPVEC_WERROR "Make warnings in mapvec's own programs errors" OFF)
option(MAPVEC_DOCS_WERROR "Make warnings of the docs target errors" OFF)
set(MAPVEC_SANITIZE "" CACHE STRING "Sanitizers for mapvec's own programs: \"address,undefined\" or \"thread\"")
set(MAPVEC_TEST_FILES "" CACHE STRING "Build only these files of tests/, such as test_model.cpp;test_search.cpp")

cmake_dependent_option(MAPVEC_TOOL "Build and install the command-line tool (CLI11)" ${mapvec_tool} MAPVEC_EXAMPLES OFF)
cmake_dependent_option(MAPVEC_BENCH "Build the benchmarks (Google Benchmark)" OFF "CMAKE_SYSTEM_NAME STREQUAL Linux" OFF)
cmake_dependent_option(MAPVEC_FUZZ "Build the fuzz targets with libFuzzer (Clang)" OFF MAPVEC_TESTS OFF)
