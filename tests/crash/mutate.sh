#!/usr/bin/env bash
# Tests the tests: applies each deliberate bug of mutations.txt to a copy of the headers, and checks that the run of
# that bug fails. Fails if a run passes, or if a bug no longer matches the code.
#
#   tests/crash/mutate.sh             all bugs
#   tests/crash/mutate.sh --short     bugs marked `short`
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
    perl - "$here/mutations.txt" "$work" <<'PERL'
use strict;
use warnings;
my ($list, $work) = @ARGV;
open my $in, '<', $list or die "$list: $!";
my $out = '';
sub put { my ($file, $text) = @_; open my $to, '>>', "$out/$file" or die "$out/$file: $!"; print $to $text; close $to; }
while (my $line = <$in>) {
    next if $line =~ /^#/ || $line =~ /^\s*$/;
    if ($line =~ /^\[(\w+)\]\s*(short)?/) {
        $out = "$work/$1";
        mkdir $out;
        unlink glob "$out/{file,gone,come,test,short}";
        put('gone', ''), put('come', '');
        put('short', '') if $2;
    }
    elsif ($line =~ /^file: (\S+)/) { put('file', $1) }
    elsif ($line =~ /^test: (.*)/) { put('test', $1) }
    elsif ($line =~ /^-(.*\n)/) { put('gone', $1) }
    elsif ($line =~ /^\+(.*\n)/) { put('come', $1) }
    else { die "$list:$.: what is this? $line" }
}
PERL
}

# Replaces the old text, which must occur exactly once. Indentation and blanks at the end of lines are ignored.
apply() {
    perl -0777 - "$1" "$2" <<'PERL'
use strict;
use warnings;
my ($mutation, $include) = @ARGV;
sub slurp { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return <$in> // '' }
my $file = "$include/mapvec/" . slurp("$mutation/file");
my $text = slurp($file);
my $gone = join '\s*', map { s/^\s+|\s+$//gr =~ s/(.*)/\Q$1\E/sr } split /\n/, slurp("$mutation/gone");
my $come = slurp("$mutation/come");
my $count = () = $text =~ /$gone/g;
die "found $count times, not once, in $file\n" unless $count == 1;
$text =~ s/$gone/$come/;
open my $out, '>', $file or die "$file: $!";
print $out $text;
PERL
}

build() { # program include output
    "${CXX:-c++}" -std=c++20 -O1 -I"$2" -I"$root/tests" "$here/$1.cpp" -o "$3"
}

judge() { # mutation: prints a line, returns 1 if no run failed
    local mutation=$1 name program arguments
    name=$(basename "$mutation")
    read -r program arguments <"$mutation/test" || true
    rm -rf "$mutation/include"
    cp -r "$root/include" "$mutation/include"
    apply "$mutation" "$mutation/include" || { echo "STALE     $name: it does not fit the code any more"; return 1; }
    build "$program" "$mutation/include" "$mutation/run" || { echo "BROKEN    $name does not compile"; return 1; }
    # shellcheck disable=SC2086  # several words
    if (cd "$mutation" && TMPDIR=$mutation timeout 300 ./run $arguments) >"$mutation/log" 2>&1; then
        echo "SURVIVED  $name: $program $arguments is still green"
        return 1
    fi
    echo "caught    $name by $program: $(grep -m1 -E 'VIOLATION|terminate|rror' "$mutation/log" | cut -c1-150 || true)"
    rm -rf "$mutation/include" "$mutation/run" "$mutation"/mapvec-kill-loop-*
}

split
names=("$@")
if [ $# = 0 ]; then names=($(ls "$work")); fi
if [ "${1:-}" = --short ]; then names=($(cd "$work" && ls -d */short | xargs -n1 dirname)); fi
export here root
export -f apply build judge
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
printf '%s\n' "${names[@]}" |
    { xargs -P "$cores" -I{} bash -euo pipefail -c 'judge "$@"' judge "$work/{}" || true; } | tee "$work.log"
caught=$(grep -c '^caught' "$work.log" || true)
echo "mutations: ${#names[@]} deliberate bugs, $((${#names[@]} - caught)) not caught"
[ "$caught" = ${#names[@]} ]
