#!/usr/bin/env bash
# Checks that every test case of the sources is in the binary: none is commented out, missing in the build, or named
# twice. Prints the number of test cases in the binary.
#
#   tests/names.sh <mapvec_tests> [<source>...]      default sources: tests/test_*.cpp
set -euo pipefail
export LC_ALL=C  # for sort and comm
binary=$1
shift
[ $# -gt 0 ] || set -- "$(dirname "${BASH_SOURCE[0]}")"/test_*.cpp

# Finds TEST_CASE("a name" "in two parts") and the like, also in comments. In a TEMPLATE_TEST_CASE the types follow the
# name.
names_in_sources() {
    perl -0777 -ne '
        while (/\b(?:TEMPLATE_)?TEST_CASE\w*\s*\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)/g) {
            my $name = join "", $1 =~ /"((?:[^"\\]|\\.)*)"/g;
            $name =~ s/\\(.)/$1/g;
            print "$name\n";
        }' "$@" | sort
}

# Catch2 version 2 has an option for the list, and returns the number as its exit code; version 3 has a quiet list.
names_in_binary() {
    local names
    names=$("$binary" --list-test-names-only 2>/dev/null) || true
    [ -n "$names" ] || names=$("$binary" --list-tests --verbosity quiet)
    printf '%s\n' "$names" | sed 's/ - [a-z0-9_:]*$//' | sort -u
}

missing=$(comm -23 <(names_in_sources "$@") <(names_in_binary))
if [ -n "$missing" ]; then
    printf 'In the sources, but not once in the test binary:\n%s\n' "$missing" >&2
    exit 1
fi
names_in_binary | wc -l
