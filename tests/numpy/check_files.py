"""What the tool made of those arrays, as NumPy sees it. Usage: check_files.py <directory>"""
import os
import sys

import numpy as np

os.chdir(sys.argv[1])
rows = np.arange(-6, 6).reshape(4, 3)
stored_as = {"float16": "<f2", "float32": "<f4", "float64": "<f8", "int8": "i1", "uint8": "u1"}

for name, dtype in stored_as.items():
    expected = (rows + (6 if name == "uint8" else 0)).astype(dtype)

    store = np.memmap(f"{name}.vec", dtype, mode="r", offset=4096).reshape(-1, 3)
    assert store.shape == (4, 3) and (store == expected).all(), name

    again = np.load(f"{name}.again.npy", mmap_mode="r", allow_pickle=False)
    assert again.dtype == np.dtype(dtype) and again.flags.c_contiguous, again.dtype
    assert again.shape == (4, 3) and (again == expected).all(), name

for name in ("version1", "version2", "version3", "raw"):
    store = np.memmap(f"{name}.vec", "<f4", mode="r", offset=4096).reshape(-1, 3)
    assert (store == rows).all(), name

bfloat16 = np.load("bfloat16.again.npy")
assert bfloat16.dtype == np.float32 and (bfloat16 == rows).all()
assert (np.fromfile("again.f32", "<f4").reshape(-1, 3) == rows).all()
print("NumPy", np.__version__, "reads what mapvec wrote")
