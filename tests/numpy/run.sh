#!/usr/bin/env bash
# NumPy and mapvec read each other's files. Skipped (exit code 77) if Python has no NumPy.
#
#   tests/numpy/run.sh <mapvec> [<quickstart>]      the programs; quickstart creates the collection to read
#
# PYTHON=<program>  the Python to use; default: python3, then /usr/bin/python3
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 <mapvec> [<quickstart>]" >&2; exit 2; }
mapvec=$(realpath "$1")
quickstart=${2:+$(realpath "$2")}
here=$(cd "$(dirname "$0")" && pwd)

python=
for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$candidate" -c 'import numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "skipped: Python has no NumPy (Debian: python3-numpy)"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$here/make_files.py" "$work"
cd "$work"

for type in float16 float32 float64 int8 uint8; do
    "$mapvec" import $type.npy $type.vec >/dev/null
    "$mapvec" export $type.vec $type.again.npy >/dev/null
done
for version in 1 2 3; do "$mapvec" import version$version.npy version$version.vec >/dev/null; done
"$mapvec" import raw.f32 raw.vec --dim 3 >/dev/null
"$mapvec" export raw.vec again.f32 >/dev/null
"$mapvec" import float32.npy bfloat16.vec --scalar bfloat16 >/dev/null
"$mapvec" export bfloat16.vec bfloat16.again.npy >/dev/null

for name in big_endian fortran flat cube int64 bool fields text; do
    status=0
    "$mapvec" import $name.npy $name.vec 2>error || status=$?
    [ $status = 1 ] && [ "$(wc -l <error)" = 1 ] || { echo "$name.npy: exit code $status: $(cat error)"; exit 1; }
    cat error
done
"$python" "$here/check_files.py" "$work"

# The Python program of the page about file formats.
if [ -n "$quickstart" ]; then
    "$quickstart" >/dev/null
    sed -n '/^```python$/,/^```$/{/^```/!p}' "$here/../../.github/docs/file-format.md" >read_collection.py
    cat >>read_collection.py <<'PYTHON'
assert np.allclose(rows, [[0.9, 0.1], [0.8, 0.3], [0.1, 0.9]]), rows
assert len(entries) == 3 and len(erased) == 0
assert payload(1) == b"\x04" + bytes(7) + b"pear" + np.array([0.6]).tobytes(), payload(1)
print("NumPy reads a collection as the page about the files says")
PYTHON
    "$python" read_collection.py
fi
