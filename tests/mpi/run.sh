#!/usr/bin/env bash
# Runs the MPI tests on this machine, with several numbers of ranks.
#
#   tests/mpi/run.sh <directory of the programs> [<crashes>]      crashes: 12 by default
#
# MPIRUN="mpirun --oversubscribe"  another command than that of Open MPI
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 <directory of the programs> [<crashes>]" >&2; exit 2; }
programs=$(realpath "$1")
crashes=${2:-12}
mpirun=${MPIRUN:-mpirun --allow-run-as-root --oversubscribe --bind-to none}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ranks <n> <program> <argument>...: runs a test program in the directory $work.
ranks() {
    local n=$1 program=$2
    shift 2
    timeout 120 $mpirun -n "$n" "$programs/mapvec_mpi_$program" "$@" >"$scratch/log" 2>&1
}
passes() {
    ranks "$@" || { cat "$scratch/log" >&2; echo "FAILED: $2 with $1 ranks" >&2; exit 1; }
    grep passed "$scratch/log"
}
new_directory() {
    work=$(mktemp -d -p "$scratch")
}

for n in 1 2 3 4 8; do
    new_directory
    passes $n searches "$work"
done
for n in 1 2 4; do
    new_directory
    passes $n commits "$work"
    new_directory
    passes $n damage "$work"
    new_directory
    passes $n faults "$work"
done

# The launcher must end with an error, soon, and no rank may print an answer.
for how in stop leave memory kill; do
    for n in 2 3; do
        new_directory
        started=$SECONDS
        status=0
        ranks $n silence "$work" $how || status=$?
        if [ $status = 0 ] || [ $status = 1 ] || [ $status = 124 ] || [ $((SECONDS - started)) -gt 10 ] ||
            grep -qE 'wrong answer|not true' "$scratch/log"; then
            cat "$scratch/log" >&2
            echo "FAILED: silence ($how), $n ranks: exit code $status after $((SECONDS - started)) s" >&2
            exit 1
        fi
        [ $how = kill ] || grep -q 'silence: passed' "$scratch/log"
        echo "silence ($how), $n ranks: an error, no answer"
    done
done

new_directory
ahead=0
for seed in $(seq "$crashes"); do
    ranks $((seed % 4 + 1)) crash "$work" "$seed" && { echo "FAILED: crash $seed: nobody died" >&2; exit 1; }
    if grep -q 'not true' "$scratch/log"; then
        cat "$scratch/log" >&2
        echo "FAILED: crash $seed" >&2
        exit 1
    fi
    ahead=$((ahead + $(grep -c 'ahead by' "$scratch/log" || true)))
done
passes 3 crash "$work" check
echo "crashes: $crashes, $(grep -c done "$work/log") commits, $ahead times shards were ahead of the manifest"
