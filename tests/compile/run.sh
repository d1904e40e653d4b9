#!/usr/bin/env bash
# What compilers say of mapvec: nothing, where the program is right, and one readable line, where it is not.
#
#   ./tests/compile/run.sh g++ clang++-16    with these compilers
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/compile
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

usual=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
strict=("${usual[@]}" -Wdouble-promotion -Wswitch-enum -Wfloat-equal -Wold-style-cast -Wcast-align -Wcast-qual
    -Wnull-dereference -Wformat=2 -Woverloaded-virtual -Wnon-virtual-dtor -Wextra-semi -Wredundant-decls -Wundef
    -Wzero-as-null-pointer-constant -Wsuggest-override -Wmissing-declarations)
strict_gcc=(-Wuseless-cast -Wduplicated-cond -Wduplicated-branches -Wlogical-op)

compile() { "$compiler" -I "$root/include" -I "$scratch" "$@"; }

# silent <name> <compiler argument>...: compiles without a word.
silent() {
    local name=$1
    shift
    if ! compile "$@" -Werror -o "$scratch/object" 2>"$scratch/log"; then
        head -n 20 "$scratch/log"
        echo "$compiler: $name should compile in silence" >&2
        return 1
    fi
}

# refused <source> <regular expression> <compiler argument>...: does not compile, and the first error says why.
refused() {
    local source=$1 reason=$2 first
    shift 2
    if compile -fsyntax-only "$@" "$source" 2>"$scratch/log"; then
        echo "$compiler: $source should not compile" >&2
        return 1
    fi
    first=$(grep -m 1 -E 'error: ' "$scratch/log")
    if ! grep -qE "$reason" <<<"$first"; then
        echo "$compiler, $source: expected \"$reason\" in the first error, found" >&2
        echo "$first" >&2
        return 1
    fi
}

# A refusal of the compiler itself ends at once: two errors, of which the second is the end.
refused_at_once() {
    echo '#include <mapvec/mapvec.hpp>' >"$scratch/program.cpp"
    refused "$scratch/program.cpp" "$@"
    if [ "$(grep -c 'error: ' "$scratch/log")" -gt 2 ]; then
        echo "$compiler: more errors follow \"$1\"" >&2
        return 1
    fi
}

(cd "$root/include" && find mapvec -name '*.hpp' -not -path '*/detail/*' -not -path '*/mpi/*' | LC_ALL=C sort) |
    sed 's/.*/#include <&>/' >"$scratch/all_headers.hpp"
grep -rhoE '^#include <[a-z_0-9]+>' "$root/include" | grep -v the_error | LC_ALL=C sort -u >"$scratch/standard_headers.hpp"
for compiler in "${@:-c++}"; do
    extra=()
    "$compiler" --version | grep -q clang || extra=("${strict_gcc[@]}")
    silent "a class with stores as members" -std=c++20 -O2 -c "$here/members.cpp"
    silent "a program with macros of its own" -std=gnu++20 -fsyntax-only "$here/macros.cpp"
    silent "a strict program" -std=c++20 -fsyntax-only "${strict[@]}" "${extra[@]}" "$here/everything.cpp"
    refused_at_once 'mapvec needs C\+\+20' -std=c++17
    refused_at_once 'mapvec reports errors by exceptions' -std=c++20 -fno-exceptions
    for mistake in "$here"/mistakes/*.cpp; do
        refused "$mistake" "$(sed -n '1s|^// first error: ||p' "$mistake")" -std=c++20
    done
    echo "$compiler: silent where it should be; $(ls "$here"/mistakes | wc -l) mistakes and 2 refusals have one readable line"
done
