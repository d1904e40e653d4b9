#!/usr/bin/env bash
# What compilers say of mapvec: nothing, where the program is right, and one readable line, where it is not.
#
#   ./tests/compile/run.sh g++ clang++-16    with these compilers
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/compile
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Strings, because a shell cannot give lists to the shells that run the checks.
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion
    -Wswitch-enum -Wfloat-equal -Wold-style-cast -Wcast-align -Wcast-qual
    -Wnull-dereference -Wformat=2 -Woverloaded-virtual -Wnon-virtual-dtor -Wextra-semi -Wredundant-decls -Wundef
    -Wzero-as-null-pointer-constant -Wsuggest-override -Wmissing-declarations"
strict_gcc="-Wuseless-cast -Wduplicated-cond -Wduplicated-branches -Wlogical-op"

compile() { "$compiler" -I "$root/include" -I "$scratch" "$@"; }

# silent <name> <compiler argument>...: compiles without a word.
silent() {
    local name=$1 log
    log=$(mktemp -p "$scratch")
    shift
    if ! compile "$@" -Werror -o "$log.object" 2>"$log"; then
        head -n 20 "$log"
        echo "$compiler: $name should compile in silence" >&2
        return 1
    fi
}

# refused <source> <regular expression> <compiler argument>...: does not compile, and the first error says why. Leaves
# what the compiler says in the file $log.
refused() {
    local source=$1 reason=$2 first
    log=$(mktemp -p "$scratch")
    shift 2
    if compile -fsyntax-only "$@" "$source" 2>"$log"; then
        echo "$compiler: $source should not compile" >&2
        return 1
    fi
    first=$(grep -m 1 -E 'error: ' "$log")
    if ! grep -qE "$reason" <<<"$first"; then
        echo "$compiler, $source: expected \"$reason\" in the first error, found" >&2
        echo "$first" >&2
        return 1
    fi
}

mistaken() { refused "$1" "$(sed -n '1s|^// first error: ||p' "$1")" -std=c++20 -include "$scratch/program.hpp"; }

# A refusal of the compiler itself ends at once: two errors, of which the second is the end.
refused_at_once() {
    refused "$scratch/program.cpp" "$@"
    if [ "$(grep -c 'error: ' "$log")" -gt 2 ]; then
        echo "$compiler: more errors follow \"$1\"" >&2
        return 1
    fi
}

# All checks with one compiler. Each line is a call; as many run at once as there are cores.
checks() {
    local mistake
    printf '%s\n' silent_members silent_macros silent_strict refused_standard refused_exceptions
    for mistake in "$here"/mistakes/*.cpp; do echo "mistaken $mistake"; done
}
silent_members() { silent "a class with stores as members" -std=c++20 -O2 -c "$here/members.cpp"; }
silent_macros() { silent "a program with macros of its own" -std=gnu++20 -fsyntax-only "$here/macros.cpp"; }
silent_strict() {
    local flags=($strict)
    "$compiler" --version | grep -q clang || flags+=($strict_gcc)
    silent "a strict program" -std=c++20 -fsyntax-only "${flags[@]}" "$here/everything.cpp"
}
refused_standard() { refused_at_once 'mapvec needs C\+\+20' -std=c++17; }
refused_exceptions() { refused_at_once 'mapvec reports errors by exceptions' -std=c++20 -fno-exceptions; }

(cd "$root/include" && find mapvec -name '*.hpp' -not -path '*/detail/*' -not -path '*/mpi/*' | LC_ALL=C sort) |
    sed 's/.*/#include <&>/' >"$scratch/all_headers.hpp"
grep -rhoE '^#include <[a-z_0-9]+>' "$root/include" | grep -v the_error | LC_ALL=C sort -u >"$scratch/standard_headers.hpp"
echo '#include <mapvec/mapvec.hpp>' | tee "$scratch/program.cpp" >"$scratch/program.hpp"
export here root scratch strict strict_gcc
export -f compile silent refused mistaken refused_at_once silent_members silent_macros silent_strict refused_standard \
    refused_exceptions
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
for compiler in "${@:-c++}"; do
    export compiler
    compile -std=c++20 -x c++-header "$scratch/program.hpp" -o "$scratch/program.hpp.gch"  # what all mistakes include
    checks | xargs -P "$cores" -I{} bash -euo pipefail -c {}
    echo "$compiler: silent where it should be; $(ls "$here"/mistakes | wc -l) mistakes and 2 refusals have one readable line"
done
