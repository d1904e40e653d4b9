#!/usr/bin/env bash
# Builds the tests for 64-bit ARM and runs them under qemu-user. Installs missing packages (Debian, Ubuntu).
#
#   ./tests/cross/aarch64.sh                   all but crash and fuzz programs and the model, which take too long there
#   ./tests/cross/aarch64.sh -R test_search    more arguments are passed to ctest; builds everything
#
# MAPVEC_CMAKE_FLAGS=-DMAPVEC_TEST_FILES="test_search.cpp;test_top_k.cpp"  only these files
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup.sh"
source "$root/tests/cross/common.sh"

have aarch64-linux-gnu-g++ || apt_install g++-aarch64-linux-gnu
have qemu-aarch64 || apt_install qemu-user
# -R: qemu keeps a record of every reserved page, which would take gigabytes. With few addresses, files move when they
# grow; the tests then cover this case.
cross_test aarch64 "$@" <<'TOOLCHAIN'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -R 8G -L /usr/aarch64-linux-gnu)
TOOLCHAIN
