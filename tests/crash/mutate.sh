#!/usr/bin/env bash
# Tests the tests: applies each deliberate bug of mutations/*.txt to a copy of its header, and checks that the run of
# that bug fails. Fails if a run passes, or if a bug no longer matches the code.
#
#   tests/crash/mutate.sh             all bugs
#   tests/crash/mutate.sh --short     bugs marked `short`; the others must match the code
#   tests/crash/mutate.sh --fit       all bugs must match the code
#   tests/crash/mutate.sh NAME...     these bugs
#
# CXX=<compiler>  MAPVEC_BUILD_DIR=<dir>  build there instead of in a temporary directory
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${MAPVEC_BUILD_DIR:-$(mktemp -d)}/mutations
mkdir -p "$work"
[ -n "${MAPVEC_BUILD_DIR:-}" ] || trap 'rm -rf "$(dirname "$work")"' EXIT

# Writes a directory for each bug: the header, the old text, the new text, the run.
split() {
    rm -rf "${work:?}"/*/
    perl - "$work" "$here"/mutations/*.txt <<'PERL'
use strict;
use warnings;
my ($work, @lists) = @ARGV;
my $out = '';
sub put { my ($file, $text) = @_; open my $to, '>>', "$out/$file" or die "$out/$file: $!"; print $to $text; close $to; }
for my $list (@lists) {
    open my $in, '<', $list or die "$list: $!";
    while (my $line = <$in>) {
        next if $line =~ /^#/ || $line =~ /^\s*$/;
        if ($line =~ /^\[(\w+)\]\s*(short)?/) {
            $out = "$work/$1";
            mkdir $out or die "$list:$.: $1: $!\n";
            put('gone', ''), put('come', '');
            put('short', '') if $2;
        }
        elsif ($line =~ /^file: (\S+)/) { put('file', $1) }
        elsif ($line =~ /^test: (.*)/) { put('test', $1) }
        elsif ($line =~ /^-(.*\n)/) { put('gone', $1) }
        elsif ($line =~ /^\+(.*\n)/) { put('come', $1) }
        else { die "$list:$.: what is this? $line" }
    }
}
PERL
}

# Writes a copy of the header with the new text. The old text must occur exactly once. Indentation and blanks at the end
# of lines are ignored.
apply() { # mutation
    perl -0777 - "$1" "$root/include/mapvec" <<'PERL'
use strict;
use warnings;
use File::Basename;
use File::Path;
my ($mutation, $headers) = @ARGV;
sub slurp { open my $in, '<', $_[0] or die "$_[0]: $!\n"; local $/; return <$in> // '' }
my $file = slurp("$mutation/file");
my $text = slurp("$headers/$file");
my $gone = join '\s*', map { s/^\s+|\s+$//gr =~ s/(.*)/\Q$1\E/sr } split /\n/, slurp("$mutation/gone");
my $come = slurp("$mutation/come");
my $count = () = $text =~ /$gone/g;
die "found $count times, not once, in $file\n" unless $count == 1;
$text =~ s/$gone/$come/;
my $copy = "$mutation/include/mapvec/$file";
mkpath(dirname($copy));
open my $out, '>', $copy or die "$copy: $!\n";
print $out $text;
PERL
}

compile() { # argument of the compiler...
    "${CXX:-c++}" -std=c++20 "$@" -I"$root/include" -I"$root/tests" -I"$root/examples" -pthread \
        -DMAPVEC_TEST_DATA="\"$root/tests/data\"" -DMAPVEC_TEST_STEPS=1000
}

# The run of a bug is a program of this directory, or a test file, which takes the main function of the tests.
build() { # program mutation
    if [[ $1 == test_* ]]; then
        compile -O0 -I"$2/include" "$root/tests/$1.cpp" "$work/main.o" -o "$2/run"
    else
        compile -O1 -I"$2/include" "$here/$1.cpp" -o "$2/run"
    fi
}

judge() { # mutation: prints a line, returns 1 if no run failed
    local mutation=$1 name program arguments
    name=$(basename "$mutation")
    read -r program arguments <"$mutation/test" || true
    apply "$mutation" || { echo "STALE     $name: it does not fit the code any more"; return 1; }
    if [ "$mode" = --fit ] || { [ "$mode" = --short ] && [ ! -e "$mutation/short" ]; }; then
        echo "fits      $name"
        return 0
    fi
    build "$program" "$mutation" >"$mutation/log" 2>&1 || {
        echo "BROKEN    $name does not compile: $(grep -m1 error "$mutation/log" || true)"
        return 1
    }
    [[ $program != test_* ]] || arguments="--abort --reporter compact $arguments"
    # shellcheck disable=SC2086  # several words
    if (set -f && cd "$mutation" && TMPDIR=$mutation timeout 300 ./run $arguments) >"$mutation/log" 2>&1; then
        echo "SURVIVED  $name: $program $arguments is still green"
        return 1
    fi
    if grep -q '^No test cases matched' "$mutation/log"; then
        echo "BROKEN    $name: no test is called $arguments"
        return 1
    fi
    local sign
    sign=$(grep -m1 -E 'VIOLATION|terminate|rror|failed' "$mutation/log" | cut -c1-150 || true)
    echo "caught    $name by $program: $sign"
    rm -rf "$mutation/include" "$mutation/run" "$mutation"/mapvec-kill-loop-*
}

split
mode=${1:-}
case $mode in
--* | '') names=($(cd "$work" && ls -d */ | tr -d /)) ;;
*) names=("$@") ;;
esac
[ "$mode" = --fit ] || compile -O0 -c "$root/tests/main.cpp" -o "$work/main.o"
export here root work mode
export -f apply compile build judge
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
printf '%s\n' "${names[@]}" |
    { xargs -P "$cores" -I{} bash -euo pipefail -c 'judge "$@"' judge "$work/{}" || true; } | tee "$work.log"
caught=$(grep -c '^caught' "$work.log" || true)
fitting=$(grep -c '^fits' "$work.log" || true)
wrong=$((${#names[@]} - caught - fitting))
echo "mutations: $caught deliberate bugs caught, $fitting only compared with the code, $wrong wrong"
[ "$wrong" = 0 ]
