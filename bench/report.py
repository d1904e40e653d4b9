#!/usr/bin/env python3
"""Turns Google Benchmark's JSON files into a table, and into a picture of it. README.md has the most telling rows.

    report.py [--svg picture.svg] append.json commit.json ...

Each row compares the median of one of our benchmarks with the median of a limit or a peer of the same run.
A ratio above 1 means that we are faster."""
import html
import json
import statistics
import sys

# title, our benchmark, the benchmark beside it, its name, the ratio to reach
ROWS = [
    ("append row by row, 2 GiB", "append/", "pwrite_from_cache/", "`pwrite` of 256 KiB blocks", 0.85),
    ("the same without a helper thread", "append_alone/", "copy_and_pwrite/", "copy to a buffer, `pwrite`", 0.95),
    ("append_rows, 2 GiB", "append_rows/", "pwrite_from_memory/", "`pwrite` of 256 KiB blocks", 0.95),
    ("append_rows with huge_pages", "append_rows_in_huge_pages/", "pwrite_from_memory/", "`pwrite` of 256 KiB blocks", 0.95),
    ("append_rows and commit, 2 GiB", "append_rows_and_commit/", "pwrite_and_sync/", "`pwrite` and `fdatasync`", 0.95),
    ("durable commit, 1 row", "mapvec_commit/1/", "pwrite_fdatasync/1/", "`pwrite` + `fdatasync`", 1 / 1.2),
    ("durable commit, 1 row", "mapvec_commit/1/", "lmdb_commit/1/", "LMDB", 1),
    ("durable commit, 1,000 rows", "mapvec_commit/1000/", "append_fdatasync/1000/", "appending `pwrite` + `fdatasync`", 1 / 1.2),
    ("durable commit, 1,000 rows", "mapvec_commit/1000/", "lmdb_commit/1000/", "LMDB", 1),
    ("random rows, operator[]", "random_rows_brackets", "random_rows_raw_pointer", "raw pointer", 1 / 1.05),
    ("random rows, get", "random_rows_get", "random_rows_raw_pointer", "raw pointer", 1 / 1.05),
    ("fetch of a random payload", "fetch_random", "copy_random", "a copy of the value in memory", 1),
    ("fetch of payloads in order", "fetch_sequential", "copy_sequential", "a copy of the value in memory", 1),
    ("fetch_many, 100 random payloads", "fetch_many_random", "copy_many_random", "100 copies of values in memory", 1),
    ("bytes of a random payload", "bytes_random", "table_random", "a table of spans", 1 / 1.05),
    ("view of a random string", "view_random", "table_random", "a table of spans", 1 / 1.05),
    ("scan of data()", "scan_store", "scan_malloc", "the same loop over malloc", 0.97),
    ("scan of data()", "scan_store", "scan_huge_pages", "the same loop over huge pages", 0.97),
    ("scan of a store just opened", "scan_fresh_store", "scan_malloc", "the same loop over malloc", 0.85),
    ("the same, all with huge_pages", "scan_fresh_store_in_huge_pages", "scan_malloc", "the same loop over malloc", 0.85),
    ("kNN 10 by a graph, beam 20", "graph_search/mapvec/20", "graph_search/hnswlib/20", "hnswlib, the same m", 1),
    ("kNN 10 by a graph, beam 100", "graph_search/mapvec/100", "graph_search/hnswlib/100", "hnswlib, the same m", 1),
    ("kNN 10 by a graph, beam 400", "graph_search/mapvec/400", "graph_search/hnswlib/400", "hnswlib, the same m", 1),
    ("kNN 10 by a graph, beam 100", "graph_search/mapvec/100", "graph_search/all_rows", "all rows, exact", 1),
    ("a ring with 0.01 % of the rows, by a graph", "graph_ring/mapvec/64", "graph_ring/all_rows", "all rows, exact", 10),
    ("building a graph of 50,000 rows", "graph_build/mapvec", "graph_build/hnswlib", "hnswlib", 1),
    ("a random row, 4 times memory", "beyond/row/get/", "beyond/row/pread/", "`pread`", 1 / 1.5),
    ("a scan, 4 times memory", "beyond/scan/search/", "beyond/scan/read/", "`read` of 1 MiB blocks", 0.9),
    ("kNN 10 by `VaIndex`, 4 times memory", "beyond/va/knn10/", "beyond/scan/search/", "a scan from disk", 10),
    ("kNN 10 by a graph, 4 times memory", "beyond/graph/knn10/", "beyond/scan/search/", "a scan from disk of 5 times the rows", 10),
    ("a payload of 1 kB, 4 times memory", "beyond/payload/fetch/", "beyond/payload/pread/", "`pread`", 1 / 1.5),
    ("compile mapvec/mapvec.hpp", "compile_everything", "compile_boost", "Boost's two headers", 0.5),
    ("compile mapvec/mapvec.hpp", "compile_everything", "compile_boost_and_filesystem", "those and <filesystem>", 0.5),
    ("compile mapvec/search.hpp", "compile_search", "compile_boost", "Boost's two headers", 0.5),
]


def medians(paths):
    """Name -> (nanoseconds an iteration, rate or None, one of its runs) of each benchmark."""
    runs = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for run in json.load(file)["benchmarks"]:
                if run.get("run_type") != "aggregate":
                    runs.setdefault(run["run_name"], []).append(run)
    unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    result = {}
    for name, found in runs.items():
        time = statistics.median(run["real_time"] * unit[run["time_unit"]] for run in found)
        rates = [run[key] for run in found for key in ("bytes_per_second", "items_per_second") if key in run]
        result[name] = (time, statistics.median(rates) if rates else None, found[0])
    return result


def find(figures, prefix):
    starting = (value for name, value in figures.items() if name.startswith(prefix))
    return figures.get(prefix) or next(starting, None)


def quantity(figure):
    time, rate, run = figure
    if rate is not None and "bytes_per_second" in run:
        return f"{rate / 1e9:.2f} GB/s"
    if rate is not None:
        return f"{rate / 1e6:.1f} M/s"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time:.0f} ns"


def ratio(ours, other):
    if ours[1] is not None and other[1] is not None:
        return ours[1] / other[1]
    return other[0] / ours[0]


def compare(figures):
    for title, ours, other, what, bar in ROWS:
        a, b = find(figures, ours), find(figures, other)
        if a and b:
            yield title, quantity(a), what, quantity(b), ratio(a, b), bar
    for name, figure in figures.items():
        run = figure[2]
        if "ratio" in run:  # the benchmark measures its limit itself
            limit, bar = ("a loop by hand", 0.8) if name.startswith("in_cache/") else ("memory", 0.9)
            yield (search_title(name), f"{run['GB/s']:.1f} GB/s, {run['Mrows/s']:.0f} M rows/s", limit,
                   f"{run['limit_GB/s']:.1f} GB/s", run["ratio"], bar)
    for peer in ("faiss", "hnswlib"):
        for name, figure in figures.items():
            other = figures.get(name.replace("/mapvec/", f"/{peer}/"))
            if name.startswith("knn10_batch/mapvec/") and other:
                queries = int(name.split("/queries:")[1].split("/")[0])
                each = [f"{time / queries / 1e6:.2f} ms a query" for time, _, _ in (figure, other)]
                yield search_title(name), each[0], {"faiss": "FAISS", "hnswlib": "hnswlib"}[peer], each[1], other[0] / figure[0], 1


def search_title(name):
    """range_0.1%/float32/dim:128/rows:1000000/threads:1/... -> a few words."""
    parts = name.split("/")
    value = dict(part.split(":", 1) for part in parts if ":" in part)
    what = parts[0].replace("knn10_batch", "kNN 10 of a batch").replace("_", " ").replace("knn", "kNN")
    scalar = parts[1] if parts[1] not in ("mapvec", "float32") else ""
    words = [what, scalar, f"{int(value['rows']):,} x {value['dim']}"]
    if "queries" in value:
        words.append(f"{value['queries']} at once" if value["queries"] != "1" else "one query")
    if value.get("threads", "1") != "1":
        words.append(f"{value['threads']} threads")
    return ", ".join(word for word in words if word)


def text_width(text, size=13):
    """Of sans-serif: an upper bound, so that nothing is clipped whatever font the reader has."""
    return sum(0.36 if c in "iljtfr.,:'|()[] " else 0.92 if c in "mwMW%@" else 0.62 for c in text) * size


def drawn_text(x, y, text, **attributes):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.0f}" y="{y:.0f}"{words}>{html.escape(text.replace("`", ""))}</text>'


def drawn_bar(x, y, value, bar, scale):
    """A bar of this length, or one with a torn end if it would be longer than the picture; a tick at what we aim at."""
    colour = "#2f7d5b" if value >= bar else "#c28a1c"
    length = min(value, LONGEST) * scale
    lines = [f'<rect x="{x}" y="{y}" width="{length:.0f}" height="14" fill="{colour}"/>']
    if value > LONGEST:
        torn = x + length - 16
        for shift in (0, 5):
            lines.append(f'<path d="M{torn + shift:.0f} {y + 16} l4 -9 l-4 0 l4 -9" stroke="white" stroke-width="2.5" fill="none"/>')
    aim = x + bar * scale
    lines.append(f'<line x1="{aim:.0f}" y1="{y - 2}" x2="{aim:.0f}" y2="{y + 16}" stroke="#111" stroke-width="1.5"/>')
    return lines


LONGEST = 3  # times the limit or the other library


def draw(rows, path):
    step, margin, bars, number = 22, 14, 360, 56
    scale = bars / LONGEST
    what = margin + max(text_width(row[0]) for row in rows)
    left = what + 26 + max(text_width(row[2].replace("`", "")) for row in rows)
    width, height = left + bars + number + margin, 84 + len(rows) * step
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
             f'height="{height}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>',
             drawn_text(margin, 24, "mapvec, as a multiple of a limit of the machine or of a peer: longer is faster",
                        font_weight="bold", font_size=15),
             drawn_text(margin, 46, "A mark on each bar: what we aim at. Green: reached; amber: not. A torn bar is "
                        f"longer than {LONGEST}.", fill="#555")]
    for tick in range(LONGEST + 1):
        x = left + tick * scale
        lines.append(f'<line x1="{x:.0f}" y1="68" x2="{x:.0f}" y2="{height - 12}" stroke="{"#888" if tick == 1 else "#ddd"}"/>')
        lines.append(drawn_text(x, 62, str(tick), text_anchor="middle", fill="#555"))
    for i, (title, _, other, _, value, bar) in enumerate(rows):
        y = 72 + i * step
        lines.append(drawn_text(what, y + 12, title, text_anchor="end"))
        lines.append(drawn_text(what + 14, y + 12, other, fill="#777"))
        lines.extend(drawn_bar(round(left), y, value, bar, scale))
        lines.append(drawn_text(left + bars + number, y + 12, f"{value:.2f}", text_anchor="end"))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n</svg>\n")


def main(arguments):
    svg = None
    if arguments[:1] == ["--svg"]:
        svg, arguments = arguments[1], arguments[2:]
    figures = medians(arguments)
    rows = list(compare(figures))
    print("| what | mapvec | beside | | ratio |\n| --- | --- | --- | --- | --- |")
    for title, ours, what, other, value, bar in rows:
        print(f"| {title} | {ours} | {what} | {other} | {value:.2f}{'' if value >= bar else f' (aim: {bar:.2f})'} |")
    compared = {name for row in ROWS for name in (row[1], row[2])}
    print("\nOn their own:\n")
    for name, figure in figures.items():
        if "ratio" not in figure[2] and not any(name == p or name.startswith(p) for p in compared | {"knn10_batch/"}):
            counters = [f"{key} {figure[2][key]:.3g}" for key in ("slowest_ms", "first_quarter_ms", "resident_MiB", "recall")
                        if key in figure[2]]
            print(f"- {name}: {quantity(figure)}{', ' + ', '.join(counters) if counters else ''}")
    if svg and rows:
        draw(rows, svg)
        print(f"\nPicture: {svg}")


if __name__ == "__main__":
    main(sys.argv[1:])
