#!/usr/bin/env python3
"""What every header of include/ keeps, and a compiler does not look for.

    .ci/check_headers.py         says what is wrong, one line each; exit code 1 if anything is

Arrows: a folder of detail/ includes only itself and folders below it.
Form: the prologue and the epilogue (detail/util/prologue.inc), and the inline namespace of the version. Size.
"""
import pathlib
import re
import sys

# The folders of detail/, lowest first.
ORDER = ["util", "platform", "kernels", "codec", "file", "search", "commit", "store", "index", "va", "hnsw", "field",
         "collection"]
MAX_LINES = 400

root = pathlib.Path(__file__).resolve().parent.parent / "include"
problems = []


def version_namespace():
    text = (root / "mapvec/version.hpp").read_text()
    major, minor = (re.search(rf"MAPVEC_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR"))
    return f"v{major}_{minor}"


def folder_of(header):
    """The folder of detail/ that a header is in, or none."""
    parts = header.split("/")
    return parts[2] if parts[:2] == ["mapvec", "detail"] else None


def check_arrows(header, includes):
    below = folder_of(header)
    if below is None:
        return
    if below not in ORDER:
        problems.append(f"{header}: the folder {below} is not in the order of .ci/check_headers.py")
        return
    for other in includes:
        folder = folder_of(other)
        if folder in ORDER and ORDER.index(folder) > ORDER.index(below):
            problems.append(f"{header}: includes {other}, but {folder} is above {below}")


def check_form(header, text, namespace):
    if header.endswith(".inc"):
        return
    if "\n#pragma once\n" not in text:
        problems.append(f"{header}: no #pragma once")
    for line in re.findall(r"^namespace mapvec\b.*", text, re.M):
        if not line.startswith(f"namespace mapvec::inline {namespace}"):
            problems.append(f"{header}: \"{line}\" is outside the inline namespace {namespace}")
    if not re.search(r"^namespace mapvec\b", text, re.M):
        return
    for name in ("prologue", "epilogue"):
        if f"\n#include <mapvec/detail/util/{name}.inc>\n" not in text:
            problems.append(f"{header}: does not include the {name}")
    inside = text.split("util/prologue.inc>")[-1].split("#include <mapvec/detail/util/epilogue.inc>")[0]
    for late in re.findall(r"^#include <(?!mapvec/.*\.inc>).*", inside, re.M):
        problems.append(f"{header}: {late} stands behind the prologue")
    for quoted in re.findall(r'^#include "(.*)"', text, re.M):
        problems.append(f'{header}: "{quoted}" is not included as <mapvec/...>')


def check_size(header, lines):
    if lines > MAX_LINES:
        problems.append(f"{header}: {lines} lines, more than {MAX_LINES}")


def main():
    namespace, count = version_namespace(), 0
    for path in sorted([*root.rglob("*.hpp"), *root.rglob("*.inc")]):
        header, text = path.relative_to(root).as_posix(), path.read_text()
        count += 1
        check_arrows(header, re.findall(r"^#include <(mapvec/.*)>", text, re.M))
        check_form(header, text, namespace)
        check_size(header, text.count("\n"))
    print("\n".join(problems) if problems else f"{count} headers: arrows, form and size as they should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
