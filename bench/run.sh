#!/usr/bin/env bash
# Measures mapvec beside the limits of this machine and its peers, prints a table of ratios and draws it.
#
#   bench/run.sh                       all themes; about 10 minutes
#   bench/run.sh append search         only these, of append, beyond_memory, commit, compile, graph, payload, read, search
#
# MAPVEC_BENCH_DIR=<dir>   a directory on the disk to measure (default: the build directory)
# MAPVEC_BENCH_REPETITIONS=<n>   repetitions, except for searches (default: 5)
# MAPVEC_BENCH_SMALL=1     tiny sizes, to check that everything runs; the figures have no meaning
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../.ci/setup.sh"

build=$build_root/bench
install_basics
have_header benchmark/benchmark.h || apt_install libbenchmark-dev
have python3 || apt_install python3-minimal
configure "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DMAPVEC_BENCH=ON -DMAPVEC_TESTS=OFF -DMAPVEC_EXAMPLES=OFF
cmake --build "$build" >"$build/build.log" || { cat "$build/build.log" >&2; exit 1; }
export MAPVEC_BENCH_DIR=${MAPVEC_BENCH_DIR:-$build}
# Large pages for the peers of searches, as our own rows have them.
large_pages=glibc.malloc.hugetlb=1
export OMP_NUM_THREADS=1  # for FAISS and its BLAS; mapvec also uses one thread by default
# OpenBLAS treats an unknown newer processor as a very old one.
if grep -qsw avx512bw /proc/cpuinfo; then newest_kernels=SkylakeX; elif grep -qsw avx2 /proc/cpuinfo; then newest_kernels=Haswell; fi
export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-${newest_kernels:-}}

for peer in faiss/IndexFlat.h hnswlib/hnswlib.h lmdb.h; do
    have_header "$peer" || echo "Not installed, so not measured: ${peer%%/*}"
done
results=()
for binary in "$build"/bench/bench_*; do
    [ -x "$binary" ] && [ -f "$binary" ] || continue
    theme=${binary##*/bench_}
    [ $# = 0 ] || [[ " $* " == *" $theme "* ]] || continue
    echo "Measuring: $theme"
    # The repetitions alternate, so that a slow phase of the machine affects all of them.
    turns=(--benchmark_repetitions="${MAPVEC_BENCH_REPETITIONS:-5}" --benchmark_enable_random_interleaving=true)
    tunables=
    [ "$theme" != search ] || { turns=() tunables=$large_pages; }  # it has its own repetitions
    GLIBC_TUNABLES=$tunables "$binary" "${turns[@]}" --benchmark_out="$build/$theme.json" --benchmark_out_format=json >"$build/$theme.txt" 2>&1 ||
        { cat "$build/$theme.txt" >&2; exit 1; }
    results+=("$build/$theme.json")
done
if [ $# = 0 ] || [[ " $* " == *" compile "* ]]; then
    echo "Measuring: compile"
    python3 "$root/bench/compile_time.py" "$root/include" c++ >"$build/compile.json"
    results+=("$build/compile.json")
fi
python3 "$root/bench/report.py" --svg "$build/figures.svg" "${results[@]}"
