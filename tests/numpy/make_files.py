"""Arrays as NumPy itself writes them, for the tool to import or to refuse. Usage: make_files.py <directory>"""
import os
import sys

import numpy as np
from numpy.lib import format as npy

os.chdir(sys.argv[1])
rows = np.arange(-6, 6).reshape(4, 3)

for name in ("float16", "float32", "float64", "int8"):
    np.save(f"{name}.npy", rows.astype(name))
np.save("uint8.npy", (rows + 6).astype("uint8"))
for version in (1, 2, 3):
    with open(f"version{version}.npy", "wb") as file:
        npy.write_array(file, rows.astype("<f4"), version=(version, 0))
rows.astype("<f4").tofile("raw.f32")

np.save("big_endian.npy", rows.astype(">f4"))
np.save("fortran.npy", np.asfortranarray(rows.astype("<f4")))
np.save("flat.npy", rows.astype("<f4").ravel())
np.save("cube.npy", rows.astype("<f4").reshape(2, 2, 3))
np.save("int64.npy", rows)
np.save("bool.npy", rows > 0)
np.save("fields.npy", np.zeros(3, dtype=[("x", "<f4"), ("y", "<f4")]))
np.save("text.npy", np.array([["a", "b"]]))
