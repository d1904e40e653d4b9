#!/usr/bin/env bash
# Builds ring_map and runs it. Installs missing packages (Debian, Ubuntu; needs root or sudo).
#
#   ./examples/run.sh                          every city between 500 and 550 km from Paris
#   ./examples/run.sh Tokyo 1000 100           ... between 1000 and 1100 km from Tokyo
#   ./examples/run.sh --help                   all options
#
# MAPVEC_BUILD_DIR=<dir>  build there instead of in build/      MAPVEC_CMAKE_FLAGS=...  more arguments for cmake
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../.ci/setup.sh"
build=$build_root/examples

install_basics >&2
configure "$build" -DCMAKE_BUILD_TYPE=Release -DMAPVEC_EXAMPLES=ON -DMAPVEC_TESTS=OFF -DMAPVEC_TOOL=OFF
cmake --build "$build" --target ring_map >&2
"$build/examples/ring_map" "$@"
