# Shared by the scripts: directories, and the installation of missing packages. Source it in bash. If nothing is
# missing, it installs nothing and needs no network.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_root=${MAPVEC_BUILD_DIR:-$root/build}
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$cores}
# Compiles several test files at once, which takes less than half of the time.
together=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12)

have() { command -v "$1" >/dev/null 2>&1; }
have_header() {
    local dir
    for dir in /usr/include /usr/local/include /opt/homebrew/include; do [ -e "$dir/$1" ] && return 0; done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        echo "Installing packages takes root, and there is no sudo here. As root: apt-get install ${installing:-}" >&2
        return 1
    fi
}

# apt_install <package>...: installs quietly, and never removes an installed package.
apt_updated=
apt_install() {
    if ! have apt-get; then
        echo "This system has no apt-get; please install what corresponds to: $*" >&2
        return 1
    fi
    echo "Installing: $*"
    local installing=$*
    apt_update || return 1
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-remove --no-install-recommends "$@" >/dev/null
}

apt_update() {
    [ -n "$apt_updated" ] || as_root apt-get update -qq || return 1
    apt_updated=yes
}

# The first of the given packages that this system has.
apt_first() {
    local package
    apt_update >&2
    for package in "$@"; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            echo "$package"
            return
        fi
    done
    echo "None of these packages can be had: $*" >&2
    return 1
}

# A C++20 compiler, CMake, Ninja and the headers of Boost: enough for the library and the examples.
install_basics() {
    local missing=()
    have "${CXX:-c++}" || missing+=(g++)
    have cmake || missing+=(cmake)
    have ninja || missing+=(ninja-build)
    have_header boost/interprocess/mapped_region.hpp || missing+=(libboost-dev)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

install_catch() {
    have_header catch2 || apt_install catch2
}

# Sets clang to the oldest Clang from 16 on, the oldest that mapvec promises, and newest_clang to the newest.
find_clang() {
    local version installed
    installed=$(compgen -c clang++- | grep -xE 'clang\+\+-[0-9]+' | sort -t- -k2n -u)
    for version in $installed; do
        if [ "${version##*-}" -ge 16 ]; then
            clang=${clang:-$version}
            newest_clang=$version
        fi
    done
    [ -n "${clang:-}" ]
}

# The package of the newest Clang that this system offers.
newest_clang_package() {
    apt_update >&2
    apt-cache search --names-only '^clang-[0-9]+$' | cut -d ' ' -f 1 | sort -t- -k2n | tail -n 1
}

# configure <build directory> <cmake argument>...: prints nothing unless it fails.
configure() {
    local dir=$1
    shift
    mkdir -p "$dir"
    # MAPVEC_CMAKE_FLAGS: more arguments from the caller of the script, separated by blanks.
    if ! cmake -S "$root" -B "$dir" -G Ninja "$@" ${MAPVEC_CMAKE_FLAGS:-} >"$dir/configure.log" 2>&1; then
        cat "$dir/configure.log" >&2
        return 1
    fi
}
