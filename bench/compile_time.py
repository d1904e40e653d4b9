#!/usr/bin/env python3
"""How long compilers take over our headers, beside Boost's two that are beneath them: in Google Benchmark's JSON.

    compile_time.py <include directory> <compiler> > compile.json"""
import json
import os
import subprocess
import sys

BOOST = ["boost/interprocess/file_mapping.hpp", "boost/interprocess/mapped_region.hpp"]
HEADERS = {
    "compile_boost": BOOST,
    "compile_boost_and_filesystem": BOOST + ["filesystem"],
    "compile_search": ["mapvec/search.hpp"],
    "compile_vectors": ["mapvec/mmap_vector_store.hpp"],
    "compile_payloads": ["mapvec/payload_store.hpp"],
    "compile_everything": ["mapvec/mapvec.hpp"],
}


def seconds_of_processor(compiler, include, headers):
    source = "".join(f"#include <{header}>\n" for header in headers)
    before = os.times()
    subprocess.run([compiler, "-std=c++20", "-O2", "-fsyntax-only", "-I", include, "-x", "c++", "-"],
                   input=source, text=True, check=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


include, compiler = sys.argv[1:]
runs = []
for turn in range(7):
    for name, headers in HEADERS.items():
        seconds = seconds_of_processor(compiler, include, headers)
        if turn > 0:  # the first run brings the files into memory
            runs.append({"run_name": name, "real_time": 1e3 * seconds, "time_unit": "ms"})
json.dump({"benchmarks": runs}, sys.stdout)
