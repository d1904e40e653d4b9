#!/usr/bin/env bash
# Builds tests for 64-bit RISC-V, which has only the portable kernels, and runs them under qemu-user; installs what is
# missing (Debian, Ubuntu).
#
#   ./tests/cross/riscv64.sh                   searches, indexes and stores
#   ./tests/cross/riscv64.sh -R test_search    more arguments are passed to ctest; builds everything
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup.sh"
source "$root/tests/cross/common.sh"

# Tests of what has kernels for each processor, and of what depends on them.
files=(distance scalar search search_batch search_metric top_k va_index hnsw_index crc32c mmap_vector_store collection)
list=$(printf 'test_%s.cpp\n' "${files[@]}" | paste -sd ';')
[ $# != 0 ] || MAPVEC_CMAKE_FLAGS="-DMAPVEC_TEST_FILES=$list ${MAPVEC_CMAKE_FLAGS:-}"
have riscv64-linux-gnu-g++ || apt_install g++-riscv64-linux-gnu
have qemu-riscv64 || apt_install qemu-user
cross_test riscv64 "$@" <<'TOOLCHAIN'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_CXX_COMPILER riscv64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-riscv64 -R 8G -L /usr/riscv64-linux-gnu)
TOOLCHAIN
