#!/usr/bin/env bash
# Runs the example with one and two ranks, and splits and joins its words: the same words each time.
#
#   tests/mpi/example.sh <mpi_search>
set -euo pipefail
mpi_search=$(realpath "$1")
mpirun=${MPIRUN:-mpirun --allow-run-as-root --oversubscribe --bind-to none}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# search <ranks> <directory>: prints distances and words, which do not depend on the shards.
search() {
    timeout 60 $mpirun -n "$1" "$mpi_search" search "$2" river | sed -nE 's/^(0\..*)  \(shard.*/\1/p'
}

search 2 words.sharded | tee expected
[ "$(wc -l <expected)" = 10 ]
search 1 words.sharded | cmp - expected
"$mpi_search" join words.sharded words
"$mpi_search" split words words.again 4
search 2 words.again | cmp - expected
