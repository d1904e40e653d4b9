#!/usr/bin/env bash
# Builds and runs a program of another project with each way to use mapvec: a plain include path, FetchContent,
# find_package after an installation that was moved, and the vcpkg port.
#
#   ./tests/consumer/run.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup.sh"
here=$root/tests/consumer
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

quietly() {
    "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
}

# build_and_run <project> <cmake argument>...
build_and_run() {
    local project=$1
    shift
    cp -r "$here" "$scratch/$project-source"  # outside of the checkout, as for other projects
    quietly cmake -S "$scratch/$project-source/$project" -B "$scratch/$project" -G Ninja "$@"
    quietly cmake --build "$scratch/$project"
    local program
    program=$(find "$scratch/$project" -name consumer -type f)
    echo "$project: $("$program" "$scratch/$project-notes")"
}

plain_include() {
    local compiler
    for compiler in c++ ${clang:-}; do
        $compiler -std=c++20 -I "$root/include" "$here/main.cpp" -o "$scratch/plain" -pthread
        echo "-I include, $compiler: $("$scratch/plain" "$scratch/plain-notes-$compiler")"
    done
}

fetch_content() {
    build_and_run subdirectory -DFETCHCONTENT_SOURCE_DIR_MAPVEC="$root"
}

# Installs headers, package files and the licence, and no path of the installation. All options have their defaults, and
# nothing is built.
find_package() {
    quietly cmake -S "$root" -B "$scratch/build" -G Ninja -DCMAKE_INSTALL_PREFIX="$scratch/first"
    quietly cmake --install "$scratch/build"
    mv "$scratch/first" "$scratch/moved"
    check_installed "$scratch/moved"
    build_and_run find_package -DCMAKE_PREFIX_PATH="$scratch/moved"
}

check_installed() {
    local unexpected
    unexpected=$(cd "$1" && find . -type f | grep -vE \
        '^\./include/mapvec/.*\.(hpp|inc)$|^\./share/mapvec/(mapvec-[a-z-]+\.cmake|LICENSE)$' || true)
    if [ -n "$unexpected" ]; then
        echo "Installed, but neither a header nor a package file: $unexpected" >&2
        return 1
    fi
    cmp "$root/LICENSE" "$1/share/mapvec/LICENSE"
    if grep -rlE "$scratch|$root" "$1" >&2; then
        echo "These installed files name a directory of this machine." >&2
        return 1
    fi
    if [ "$(cd "$root/include" && find . -type f | sort)" != "$(cd "$1/include" && find . -type f | sort)" ]; then
        echo "The installed headers are not those of include/." >&2
        return 1
    fi
}

# Without Boost and network, the error names the package to install.
without_boost() {
    if https_proxy=http://127.0.0.1:9 cmake -S "$root" -B "$scratch/no-boost" -G Ninja -DMAPVEC_TESTS=OFF \
        -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON -DCMAKE_IGNORE_PATH="/usr/include;/usr/local/include" \
        >"$scratch/log" 2>&1; then
        echo "Configured without Boost?" >&2
        return 1
    fi
    grep -q libboost-dev "$scratch/log" || { cat "$scratch/log" >&2; return 1; }
    echo "without Boost: the error names libboost-dev"
}

vcpkg_port() {
    quietly cmake -DSOURCE="$root" -DPORT_DIR="$root/ports/mapvec" -DWORK="$scratch/vcpkg-work" -P "$here/vcpkg/stubs.cmake"
    mkdir "$scratch/vcpkg-overlay"
    mv "$scratch/vcpkg-work/packages/mapvec" "$scratch/vcpkg-overlay/installed"
    build_and_run vcpkg -DCMAKE_PREFIX_PATH="$scratch/vcpkg-overlay/installed"
}

install_basics
find_clang || echo "No Clang 16 or newer here: only the system's compiler is tried."
for way in plain_include fetch_content find_package without_boost vcpkg_port; do $way; done
