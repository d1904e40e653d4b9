#!/usr/bin/env bash
# Builds the tests for 64-bit Windows with MinGW-w64 and runs them under Wine. Installs missing packages (Debian,
# Ubuntu).
#
#   ./tests/cross/windows.sh                   all but crash and fuzz programs and the model, which take too long there
#   ./tests/cross/windows.sh -R test_search    more arguments are passed to ctest; builds everything
#
# MAPVEC_CMAKE_FLAGS=-DMAPVEC_TEST_FILES="test_search.cpp;test_top_k.cpp"  only these files
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup.sh"
source "$root/tests/cross/common.sh"

have x86_64-w64-mingw32-g++-posix || apt_install g++-mingw-w64-x86-64-posix
have wine64 || [ -x /usr/lib/wine/wine64 ] || apt_install wine64
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
export WINEPREFIX=$build_root/wine WINEDEBUG=-all
cross_test windows "$@" <<TOOLCHAIN
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR AMD64)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR $wine)
TOOLCHAIN
