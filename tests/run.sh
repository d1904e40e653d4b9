#!/usr/bin/env bash
# Builds and runs all tests. Installs missing packages (Debian, Ubuntu; needs root or sudo).
#
#   ./tests/run.sh                     all tests
#   ./tests/run.sh -R ring_map         more arguments are passed to ctest: here, the tests of one file
#
# MAPVEC_BUILD_DIR=<dir>  build there instead of in build/      MAPVEC_CMAKE_FLAGS=...  more arguments for cmake
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../.ci/setup.sh"
build=$build_root/tests

# On Linux all test files are built; on other systems those that ctest knows.
check_names() {
    local sources=()
    [ "$(uname)" = Linux ] ||
        sources=($(ctest --test-dir "$build" -N | sed -nE 's|.*: (test_[a-z0-9_]+)$|'"$root"'/tests/\1.cpp|p'))
    "$root/tests/names.sh" "$build/tests/mapvec_tests" ${sources[@]+"${sources[@]}"} >/dev/null
}

# Catch2 ends its list with "12 test cases" (version 2 also makes the number its exit code).
count_cases() {
    { "$build/tests/mapvec_tests" --list-tests || true; } | sed -nE 's/^([0-9]+) (matching )?test cases?$/\1/p'
}

install_basics
install_catch
# -O1 takes half of the compile time of -O2.
configure "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" "${together[@]}" \
    -DMAPVEC_TESTS=ON -DMAPVEC_EXAMPLES=OFF
cmake --build "$build"
check_names
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$cores" "$@"

if [ $# = 0 ]; then
    programs=$(ctest --test-dir "$build" -N | grep -cE ': (crash|fuzz_replay)_' || true)
    skipped=$(grep -c '^SKIPPED: ' "$build/Testing/Temporary/LastTest.log" || true)  # tests/skip.hpp
    echo "tests: $(($(count_cases) + programs - skipped)) passed, 0 failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
fi
