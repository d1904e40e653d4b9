# Part of run.sh: what the tool refuses, with which exit code and which text. It uses the files that run.sh has made.

# --- errors do not name temporary files ---
run 1 import rows.fvecs nodir/x.vec </dev/null
says "nodir/x.vec: " "[not_found]"
lacks .new-
run 1 export rows.vec nodir/x.npy </dev/null
says "nodir/x.npy: "
run 1 stats rows.vec --svg nodir/x.svg </dev/null
says "nodir/x.svg: "
leftovers=$(find . "${TMPDIR:-/tmp}" -maxdepth 1 \( -name '*.new-*' -o -name 'mapvec-import-*' -o -name 'mapvec-tune-*' \) 2>/dev/null)
[ -z "$leftovers" ] || fail "left behind: $leftovers"

# --- errors in the data: 1 ---
run 1 info / </dev/null
says "/: a directory, but not of a collection" "[not_found]"
run 1 info /dev/null </dev/null
says "/dev/null: expected a store"
run 1 import . x.vec --format fvecs </dev/null
says "found a directory"
run 1 import rows.fvecs x.vec --dim 5 </dev/null
says "dimension: expected 5, found 2" "[dimension_mismatch]"
run 0 import rows.fvecs with-dim.vec --dim 2 </dev/null
run 1 import rows.f32 x.vec --dim 999999999999999 </dev/null
says "rows.f32: byte 0" "[corrupt]"
run 1 import rows.f32 x.vec --format vecstore --rows 1 --dim 999999999999999 </dev/null
says "[corrupt]"
run 1 info absent.vec </dev/null
says "absent.vec" "[not_found]"
run 1 info rows.fvecs </dev/null
says "rows.fvecs" "[corrupt]"
run 1 info "$mapvec" </dev/null
says "not a mapvec file" "[corrupt]"
run 1 import rows.fvecs rows.vec </dev/null
says "[exists]"
head -c 30 rows.fvecs >short.fvecs
run 1 import short.fvecs short.vec </dev/null
says "short.fvecs: byte 24" "[corrupt]"
run 1 import short.fvecs twice.vec --append </dev/null
run 0 info twice.vec --json </dev/null
says '"rows":8'
[ -z "$(ls | grep short.vec)" ] || fail "an import that failed left something behind: $(ls)"
: >empty.fvecs
run 1 import empty.fvecs empty.vec </dev/null
says "empty" "--dim"
run 0 import empty.fvecs empty.vec --dim 7 </dev/null
says "0 rows of dimension 7"
run 1 import rows.f32 x.vec --dim 3 </dev/null
says "byte 24" "[corrupt]"
run 1 import rows.f32 x.vec --format vecstore --dim 2 --rows 5 </dev/null
says "[out_of_range]"
run 1 query rows.vec --row 4 --knn 1 </dev/null
says "[out_of_range]"
run 1 query rows.vec --knn 1 <<<'1 2 3'
says "[dimension_mismatch]"
run 1 query rows.vec --knn 1 <<<'1 two'
says "line 1, column 3"
run 1 query rows.vec --row 0 --range 5 1 </dev/null
says "[invalid_argument]"
cp rows.vec damaged.vec
printf '\1' | dd of=damaged.vec bs=1 seek=4100 conv=notrunc status=none
run 1 verify damaged.vec </dev/null
says "damaged.vec" "[corrupt]"
run 0 recover rows.vec </dev/null
says "Nothing to recover" "4 rows"
run 0 recover rows.vec --yes </dev/null
printf '\1' | dd of=damaged.vec bs=1 seek=1124 conv=notrunc status=none
run 1 recover damaged.vec </dev/null
says "damaged.vec" "no commit is whole" "[corrupt]"
run 1 recover damaged.vec --yes </dev/null
says "no commit is whole"
run 1 recover nowhere.vec </dev/null
says "[not_found]"

# --- an invalid command line: 2 ---
run 2 </dev/null
run 2 frobnicate </dev/null
run 2 info </dev/null
run 2 info rows.vec --no-such-option </dev/null
run 2 import rows.unknown x.vec </dev/null
says "--format"
run 2 import rows.f32 x.vec </dev/null
says "--dim"
run 2 import rows.f32 x.vec --format vecstore --dim 2 </dev/null
says "--rows"
run 2 import rows.fvecs x.vec --scalar float12 </dev/null
run 2 import rows.fvecs x.vec --format zip </dev/null
run 2 query rows.vec --row 0 </dev/null
run 2 query rows.vec --row 0 --knn 1 --disk 2 </dev/null
run 2 query rows.vec --row 0 --ring 1 </dev/null
run 2 query rows.vec --knn 1 </dev/null
says "standard input"

# Texts that are not numbers, and numbers that the option does not accept. One line for each numeric option.
beyond=99999999999999999999999
for wrong in -5 -1 $beyond x 1.5 1e3 '' ' 1' 0x10; do
    for options in "head rows.vec -n" "head rows.vec --from" "query rows.vec --row 0 --knn" "query rows.vec --knn 1 --row" \
        "query rows.vec --row 0 --knn 1 --threads" "import rows.f32 x.vec --dim" "stats rows.vec --pairs" \
        "import rows.f32 x.vec --dim 2 --format vecstore --rows" "stats rows.vec --bins" "stats rows.vec --seed" \
        "tune rows.vec --knn" "tune rows.vec --m" "tune rows.vec --rows"; do
        run 2 $options "$wrong" </dev/null
        says "expected a whole number from"
    done
done
for wrong in x nan 1e999 1x ''; do
    for options in "--ring 1" "--range 0" "--disk"; do
        run 2 query rows.vec --row 0 $options "$wrong" </dev/null
        says "expected a number that a float can hold"
    done
done
for options in "import rows.f32 x.vec --dim 0" "stats rows.vec --pairs 0" "stats rows.vec --bins 0" "stats rows.vec --bins 1001" \
    "query rows.vec --row 0 --knn 1 --threads 4097"; do
    run 2 $options </dev/null
    says "expected a whole number from"
done
[ ! -e x.vec ] || fail "a command line without a meaning has made a store"

# Options that have no meaning for such a file.
run 2 import rows.fvecs x.vec --rows 3 </dev/null
says "--rows is for vecstore files"
run 2 import rows.fvecs x.vec --from int8 </dev/null
says "--from is for raw files"

# The store itself is not overwritten.
run 2 export rows.vec rows.vec --format raw --force </dev/null
run 2 stats rows.vec --svg rows.vec </dev/null
says "over the store"
run 0 verify rows.vec </dev/null
run 2 export rows.vec out.vecstore --format vecstore </dev/null

# --- a full disk on standard output is an error, not silence ---
if [ -e /dev/full ]; then
    status=0
    "$mapvec" head rows.vec >/dev/full 2>err || status=$?
    [ "$status" = 1 ] || fail "head >/dev/full: exit code $status"
    for options in --help "query --help" --version "info rows.vec" "stats rows.vec --json"; do
        status=0
        "$mapvec" $options >/dev/full 2>err || status=$?
        [ "$status" = 1 ] || fail "$options >/dev/full: exit code $status"
        checks=$((checks + 1))
    done
fi
