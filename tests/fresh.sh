#!/usr/bin/env bash
# Runs the commands of the README on an empty system: a new Debian in a directory, made by mmdebstrap. Needs root.
#
#   tests/fresh.sh                          Debian 13, with its GCC and its newest Clang
#   tests/fresh.sh bookworm trixie sid      these releases
#   tests/fresh.sh --tests trixie           also all tests: half an hour for each compiler
#
# DEBIAN_MIRROR=<address>  the mirror of the packages; default: that of this system
set -euo pipefail
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=DEBIAN_MIRROR "$0" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/../.ci/setup.sh"
work=$(mktemp -d)
system=
mounted() { findmnt -no TARGET -R "$1" 2>/dev/null | tac || true; }
clean_up() {
    [ -z "$system" ] || mounted "$system/proc" | xargs -r umount
    rm -rf "$work"
}
trap clean_up EXIT

mirror() {
    local found
    found=$(sed -nE 's/^(URIs:|deb) *(\[[^]]*\] *)?(http[^ ]*debian\/?)( .*)?$/\3/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    echo "${DEBIAN_MIRROR:-${found:?give the address of a mirror in DEBIAN_MIRROR}}"
}

# within <command>: runs it in the new system, in the checkout.
within() { chroot "$system" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CXX="$compiler" bash -c "cd /mapvec && $1"; }

# quietly <command>...: shows the output only if the command fails.
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 60 "$work/log" >&2; return 1; }; }

# The newest Clang of the system, by the name of its package.
newest_clang() {
    within "apt-cache search --names-only '^clang-[0-9]+$'" | sed -nE 's/^(clang-[0-9]+) .*/\1/p' | sort -V | tail -n 1
}

make_system() {
    system=$work/$1
    # A mirror may be a snapshot whose dates are over.
    quietly mmdebstrap --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' "$1" "$system" "$(mirror)"
    mkdir "$system/mapvec"
    git -C "$root" archive HEAD | tar -x -C "$system/mapvec"
    mount -t proc proc "$system/proc"
    quietly within 'apt-get update -qq'
}

# A user without root and sudo gets a message with the packages to install.
check_refusal() {
    local words
    words=$(chroot --userspec=nobody:nogroup "$system" bash /mapvec/examples/run.sh 2>&1) || true
    grep -q 'takes root.*libboost-dev' <<<"$words" || { echo "Without root, examples/run.sh says: $words" >&2; return 1; }
}

check_commands() {
    local nearby
    nearby=$(within './examples/run.sh' 2>"$work/log") || { tail -n 60 "$work/log" >&2; return 1; }
    grep -q Paris <<<"$nearby"
    quietly within 'cmake -G Ninja -B build/plain && cmake --install build/plain --prefix /tmp/mapvec'
    [ $# = 0 ] || quietly within './tests/run.sh'
    echo "$suite, $(within '$CXX --version' | head -n 1), $(within 'cmake --version' | head -n 1): the commands work"
    within 'rm -rf build'
}

tests=
if [ "${1:-}" = --tests ]; then
    tests=$1
    shift
fi
have mmdebstrap || apt_install mmdebstrap debian-archive-keyring
for suite in "${@:-trixie}"; do
    compiler=c++
    make_system "$suite"
    check_refusal
    check_commands $tests
    clang_package=$(newest_clang)
    quietly within "apt-get install -y -qq --no-install-recommends $clang_package"
    compiler=${clang_package/clang/clang++}
    check_commands $tests
    mounted "$system/proc" | xargs -r umount
    rm -rf "$system"
done
