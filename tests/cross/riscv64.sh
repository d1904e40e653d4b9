#!/usr/bin/env bash
# Builds tests for 64-bit RISC-V, which has only the portable kernels, and runs them under qemu-user; installs what is
# missing (Debian, Ubuntu).
#
#   ./tests/cross/riscv64.sh                   searches and one store: a few minutes
#   ./tests/cross/riscv64.sh -R test_search    further arguments go to ctest
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup.sh"
source "$root/tests/cross/common.sh"

have riscv64-linux-gnu-g++ || apt_install g++-riscv64-linux-gnu
have qemu-riscv64 || apt_install qemu-user
cross_test riscv64 "$@" <<'TOOLCHAIN'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_CXX_COMPILER riscv64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-riscv64 -R 8G -L /usr/riscv64-linux-gnu)
TOOLCHAIN
