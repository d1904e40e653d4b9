#!/usr/bin/env bash
# Runs the command-line tool and checks its output and its exit codes.
#
#   tests/cli/run.sh <mapvec> [<quickstart>]      the programs; quickstart creates a collection
set -uo pipefail
[ $# -ge 1 ] || { echo "usage: $0 <mapvec> [<quickstart>]" >&2; exit 2; }
mapvec=$(realpath "$1")
quickstart=${2:+$(realpath "$2")}
pictures=$(realpath "$(dirname "$0")/../pictures.py")
errors=$(realpath "$(dirname "$0")/errors.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
checks=0

fail() {
    echo "FAILED: $*" >&2
    failed=$((failed + 1))
}
# run <exit code> <argument>...: runs the tool; stores its output in out and err. An error message is one line.
run() {
    local expected=$1 status=0
    shift
    "$mapvec" "$@" >out 2>err </dev/stdin || status=$?
    checks=$((checks + 1))
    [ "$status" = "$expected" ] || fail "mapvec $*: exit code $status, expected $expected: $(cat err)"
    if [ "$expected" = 0 ]; then
        [ ! -s err ] || fail "mapvec $*: something on standard error: $(cat err)"
    else
        [ "$(wc -l <err)" = 1 ] || fail "mapvec $*: not one line on standard error: $(cat err)"
        grep -q '^mapvec: ' err || fail "mapvec $*: the error does not begin with the program's name: $(cat err)"
        [ ! -s out ] || fail "mapvec $*: something on standard output: $(cat out)"
    fi
}
# says <text>...: checks that the output or the error of the last run contains each text.
says() {
    local text
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" out err || fail "expected \"$text\" in: $(cat out err)"
    done
}
# lacks <text>: checks that the output and the error of the last run do not contain the text.
lacks() {
    checks=$((checks + 1))
    ! grep -qF -- "$1" out err || fail "did not expect \"$1\" in: $(cat out err)"
}
prints() {
    checks=$((checks + 1))
    [ "$(cat out)" = "$1" ] || fail "expected \"$1\", found \"$(cat out)\""
}

# Four rows of dimension 2: (0, 0), (3, 4), (6, 8), (0, 1); as .fvecs, and as raw float32.
row() { printf '\2\0\0\0'; printf "$1"; }
zero='\0\0\0\0' one='\0\0\200\77' three='\0\0\100\100' four='\0\0\200\100' six='\0\0\300\100' eight='\0\0\0\101'
{ row "$zero$zero"; row "$three$four"; row "$six$eight"; row "$zero$one"; } >rows.fvecs
printf "$zero$zero$three$four$six$eight$zero$one" >rows.f32

# --- help ---
run 0 --help </dev/null
says import query "Exit codes: 0 done; 1" "mapvec import sift.fvecs"
for command in info verify inspect recover head import export query stats tune index compact backup migrate-check; do
    run 0 "$command" --help </dev/null
    says "$command" store
    lacks "Exit codes"
done
run 0 query --help </dev/null
says "query [OPTIONS] store (--ring DISTANCE TOLERANCE | --range MIN MAX | --disk RADIUS | --knn K)"
run 0 --version </dev/null
says .

# --- import, info, verify ---
run 0 import rows.fvecs rows.vec </dev/null
says "4 rows of dimension 2 imported as float32"
run 0 info rows.vec </dev/null
says "vector store" float32 "dim       2" "rows      4" "numpy.memmap"
run 0 info --json rows.vec </dev/null
says '"kind":"vector store"' '"rows":4' '"scalar":"float32"' '"dim":2'
run 0 verify rows.vec </dev/null
says "whole: 4 rows"
for scalar in float64 int8 uint8 float16 bfloat16; do
    run 0 import rows.fvecs "rows-$scalar.vec" --scalar $scalar </dev/null
    run 0 query "rows-$scalar.vec" --row 0 --ring 5 0.5 </dev/null
    prints $'1\t5'
    run 0 stats "rows-$scalar.vec" --pairs 100 </dev/null
    run 0 head "rows-$scalar.vec" --from 2 </dev/null
    prints $'2\t6\t8\n3\t0\t1'
done
run 0 import rows.f32 raw.vec --dim 2 </dev/null
run 0 import rows.f32 twice.vec --format raw --dim 2 </dev/null
run 0 import rows.fvecs twice.vec --append </dev/null
run 0 info twice.vec --json </dev/null
says '"rows":8'
run 0 import rows.f32 old.vec --format vecstore --dim 2 --rows 3 </dev/null
says "3 rows"

run 0 inspect rows.vec </dev/null
says "header   whole: format version 1, vectors" "Opens with 4 rows."
run 0 inspect rows.fvecs </dev/null
says "the file does not begin with" "Does not open"
run 1 inspect absent.vec </dev/null

# --- export and back ---
for format in fvecs bvecs ivecs fbin u8bin i8bin ibin npy f32; do
    run 0 export rows.vec "out.$format" </dev/null
done
cmp -s rows.fvecs out.fvecs || fail "exported .fvecs are not the imported"
cmp -s rows.f32 out.f32 || fail "exported raw rows are not the imported"
run 0 import out.npy from-npy.vec </dev/null
for format in fbin u8bin i8bin ibin; do
    run 0 import out.$format from-$format.vec </dev/null
    says "4 rows of dimension 2"
    run 0 query from-$format.vec --row 0 --ring 5 0.5 </dev/null
    prints $'1\t5'
done
run 1 import out.fbin x.vec --format raw --dim 2 </dev/null
says "a .fbin or .ibin file" "[type_mismatch]"
mv out.u8bin out.bin
run 1 import out.bin x.vec --dim 2 </dev/null
says "a .u8bin or .i8bin file"
run 0 import out.bin from-bin.vec --format u8bin </dev/null
run 0 import out.bvecs from-bvecs.vec </dev/null
says uint8
run 0 import out.ivecs from-ivecs.vec </dev/null
says float64
run 1 export rows.vec out.npy </dev/null
says "out.npy" "[exists]"
run 0 export rows.vec out.npy --force </dev/null

# --- query ---
run 0 query rows.vec --row 0 --knn 2 </dev/null
prints $'0\t0\n3\t1'
run 0 query rows.vec --row 0 --disk 5 --json </dev/null
prints $'{"id":0,"distance":0}\n{"id":1,"distance":5}\n{"id":3,"distance":1}'
run 0 query rows.vec --row 0 --range 1 5 </dev/null
prints $'1\t5\n3\t1'
run 0 query rows.vec --row 0 --range 1 5 --limit 1 </dev/null
prints $'3\t1'
run 0 query rows.vec --row 0 --disk 20 --limit 3 </dev/null
prints $'0\t0\n3\t1\n1\t5'
run 2 query rows.vec --row 0 --knn 2 --limit 1 </dev/null
run 2 query rows.vec --row 0 --disk 20 --limit 0 </dev/null
run 0 query rows.vec --row 0 --ring 100 1 </dev/null
prints ''
run 0 query rows.vec --knn 1 <<<'[3, 3.5]'
prints $'1\t0.5'
run 0 query rows.vec --knn 1 --json <<<$'3 4\n\n0,1'
prints $'{"query":0,"id":1,"distance":0}\n{"query":1,"id":3,"distance":0}'
run 0 query rows.vec --knn 0 --row 1 </dev/null
prints ''
run 0 query rows.vec --knn 18446744073709551615 --row 1 </dev/null
says $'2\t5'

# --- head, stats ---
run 0 head rows.vec -n 1 --from 1 --json </dev/null
prints '{"id":1,"vector":[3,4]}'
run 1 head rows.vec --from 4 </dev/null
says "less than 4, found 4" "[out_of_range]"
run 0 head rows.vec -n 0 </dev/null
prints ''
run 0 stats rows.vec --pairs 1000 --svg d.svg </dev/null
says "distances of 1000 pairs" "--ring" "50 %"
grep -q '</svg>' d.svg || fail "no picture"
grep -q 'distance between two rows' d.svg || fail "the picture does not say what it shows"
! command -v python3 >/dev/null || python3 "$pictures" d.svg >out || fail "the picture: $(cat out)"
run 0 stats rows.vec --json --bins 4 </dev/null
says '"pairs":100000' '"min":1' '"max":10' '"counts":['

# --- tune: three rows in the graph, one as the query ---
run 0 tune rows.vec --knn 1 --svg recall.svg </dev/null
says "1 nearest of 3 rows, squared_l2, m 16; 1 queries" "1.0000" "exact" "recall 0.99: ef = 10"
grep -q '</svg>' recall.svg || fail "no picture"
grep -q 'queries a second' recall.svg || fail "the picture does not say what it shows"
run 0 tune rows.vec --knn 2 --m 4 --metric inner_product --rows 2 --json </dev/null
says '"metric":"inner_product","rows":2,"queries":1,"k":2,"m":4' '"recall":1'
run 1 tune rows.vec --knn 4 </dev/null
says "too few rows"
run 2 tune rows.vec --svg rows.vec </dev/null
says "over the store"
run 1 tune rows.vec --knn 1 --dir nodir </dev/null
says "cannot be created"

# --- a collection ---
if [ -n "$quickstart" ]; then
    "$quickstart" >first-quickstart || fail "quickstart"
    run 0 info fruits </dev/null
    says collection "rows      3" "payloads  encoded"
    run 0 verify fruits </dev/null
    says "whole: 3 rows"
    run 0 head fruits -n 1 </dev/null
    says apple
    run 0 query fruits --row 0 --knn 2 </dev/null
    says $'0\t0' $'1\t0.22'
    run 0 export fruits fruits.fvecs </dev/null
    run 0 stats fruits --pairs 10 </dev/null
    run 1 info fruits/payloads </dev/null
    says "open the store it belongs to"
    run 2 import rows.fvecs fruits --append </dev/null
    says "only vector stores"

    # --- maintenance: tests/test_tool_maintenance.cpp has erased rows and keys ---
    run 0 index fruits </dev/null
    says "no index to update"
    run 0 index fruits --va --hnsw --m 8 </dev/null
    says "VA index: 3 rows" "graph, m 8, ef_construction 200: 3 rows"
    run 0 index fruits </dev/null
    says "VA index: 3 rows" "graph, m 8, ef_construction 200: 3 rows"
    run 1 index fruits --hnsw --m 16 </dev/null
    says "there is a graph with m 8" "--drop hnsw" "[type_mismatch]"
    printf '\1' | dd of=fruits/index.va bs=1 seek=100 conv=notrunc status=none
    run 0 backup fruits copy </dev/null
    says "left out: " "3 rows, " "with index.hnsw"
    run 0 verify copy </dev/null
    run 1 backup fruits copy </dev/null
    says "there is a collection in it already" "[exists]"
    run 0 index fruits --va </dev/null
    says "VA index: 3 rows"
    run 0 compact fruits </dev/null
    says "3 rows, 0 erased ones left out" "VA index: built again" "graph: built again"
    run 0 verify fruits </dev/null
    says "whole: 3 rows"
    "$quickstart" | cmp -s - first-quickstart || fail "quickstart after mapvec compact"
    run 0 compact fruits </dev/null
    run 0 compact copy --to small </dev/null
    says "3 rows copied"
    run 1 compact copy --to small </dev/null
    says "[exists]"
    run 0 index copy --drop hnsw </dev/null
    says "graph dropped"
    run 0 index copy --drop hnsw </dev/null
    says "there was none"
    run 0 migrate-check fruits </dev/null
    prints $'payloads  (s f8)\nrecords   3, all can be decoded'
    run 0 migrate-check fruits "(s f8)" </dev/null
    says "no migration is needed"
    run 0 migrate-check fruits --like copy </dev/null
    says "no migration is needed"
    "$mapvec" migrate-check fruits "(s u4 s)" >out 2>err && fail "migrate-check of another type: exit code 0"
    says "records   3" "field 2: f8 here, u4 there" "field 3: absent here, s there" "[type_mismatch]"
    run 2 migrate-check fruits "(s u4" </dev/null
    says "expected a blank at character 6"
    run 2 migrate-check rows.vec </dev/null
    says "rows.vec has no payloads"
    run 1 compact nowhere </dev/null
    says "[not_found]"
    run 2 compact rows.vec </dev/null
    says "no collection"
    run 2 index rows.vec --va </dev/null
    run 2 index fruits --m 8 </dev/null
    says "give --hnsw"
    run 2 index fruits --drop va --va </dev/null
    run 2 index fruits --drop tree </dev/null
    run 0 backup rows.vec rows-copy.vec </dev/null
    says "4 records"
    cmp -s <(tail -c +4097 rows.vec) <(tail -c +4097 rows-copy.vec) || fail "the copy of rows.vec has other rows"
    run 1 backup rows.vec rows-copy.vec </dev/null
    says "[exists]"
    printf '\1' | dd of=fruits/payloads bs=1 seek=4100 conv=notrunc status=none
    run 1 verify fruits </dev/null
    says "[corrupt]"
fi

# --- standard input and pipes ---
run 0 import - from-stdin.vec --format fvecs <rows.fvecs
says "4 rows"
run 0 import - from-pipe.vec --format raw --dim 2 < <(cat rows.f32)
run 0 head from-pipe.vec --from 3 </dev/null
prints $'3\t0\t1'
mkfifo fifo
cat rows.fvecs >fifo &
run 0 import fifo from-fifo.vec --format fvecs </dev/null
says "4 rows"
wait
run 2 import - x.vec <rows.fvecs
says "standard input" "--format"
run 1 import - x.vec --format fvecs < <(head -c 30 rows.fvecs)
says "standard input: byte 24"
run 1 info fifo </dev/null
says "expected a store"

source "$errors"

# --- the progress bar appears on terminals only, and only if the work takes long ---
if command -v script >/dev/null; then
    bar='stats  [0-9]* % \[[#.]*\]  [0-9]* of 1073741824  [0-9]*/s  [0-9a-z ]* left'
    script -qefc "timeout --foreground 60 '$mapvec' stats rows.vec --pairs 1073741824" typescript >/dev/null 2>&1 &
    shown=0
    for _ in $(seq 600); do
        grep -q "$bar" typescript 2>/dev/null && shown=1 && break
        sleep 0.1
    done
    kill $! && wait $! || :
    [ $shown = 1 ] || fail "no progress in a terminal: $(head -c 1000 typescript)"
    script -qec "'$mapvec' stats rows.vec --pairs 1000 --json" typescript >/dev/null 2>&1
    grep -q '"pairs":1000,' typescript || fail "stats in a terminal: $(head -c 1000 typescript)"
fi

echo "mapvec tool: $checks checks, $failed failed"
[ "$failed" = 0 ]
