#!/usr/bin/env python3
"""Looks at SVG pictures as a reader would: no text is clipped, none stands on another, names of the map stay in its lens.

    tests/pictures.py picture.svg ...

Widths are estimates for a usual sans-serif font: wide ones against the edges, narrow ones against each other."""
import math
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def width(text, size, wide):
    letters = sum(0.33 if c in "iljtfr.,:'|()[] " else 0.9 if c in "mwMW%@" else 0.58 for c in text)
    return letters * size * (1.0 if wide else 0.8)


def font_sizes(root):
    """Of the classes in <style>: .name{font-size:12px} and the like."""
    sizes = {}
    for style in root.iter(SVG + "style"):
        for rule in style.text.split("}"):
            if "font-size:" in rule:
                sizes[rule.split("{")[0].strip(". ")] = float(rule.split("font-size:")[1].split("px")[0])
    return sizes


class Text:
    def __init__(self, element, size):
        self.words = "".join(element.itertext())
        self.x, self.y = float(element.get("x", 0)), float(element.get("y", 0))
        self.size, self.anchor = size, element.get("text-anchor", "start")

    def box(self, wide):
        w = width(self.words, self.size, wide)
        left = self.x - {"start": 0, "middle": w / 2, "end": w}[self.anchor]
        return left, self.y - 0.75 * self.size, left + w, self.y + 0.2 * self.size


def texts(root):
    sizes, usual = font_sizes(root), float(root.get("font-size", 16))
    for element in root.iter(SVG + "text"):
        if element.get("transform") is None:
            size = element.get("font-size") or sizes.get(element.get("class")) or usual
            yield element, Text(element, float(size))


def problems(path):
    root = ElementTree.parse(path).getroot()
    box = root.get("viewBox") or f"0 0 {root.get('width')} {root.get('height')}"
    x0, y0, w, h = map(float, box.split())
    found = list(texts(root))
    for _, text in found:
        left, top, right, bottom = text.box(wide=True)
        if left < x0 or top < y0 or right > x0 + w or bottom > y0 + h:
            yield f'"{text.words}" is clipped'
    for i, (_, a) in enumerate(found):
        for _, b in found[i + 1:]:
            p, q = a.box(wide=False), b.box(wide=False)
            if p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]:
                yield f'"{a.words}" and "{b.words}" overlap'
    lens = max(root.iter(SVG + "circle"), key=lambda c: float(c.get("r")), default=None)
    for element, text in found:
        if element.get("class") == "name":
            x, y, r = (float(lens.get(key)) for key in ("cx", "cy", "r"))
            left, top, right, bottom = text.box(wide=False)
            if max(math.hypot(u - x, v - y) for u in (left, right) for v in (top, bottom)) > r:
                yield f'"{text.words}" leaves the lens'


def main(paths):
    wrong = [f"{path}: {problem}" for path in paths for problem in problems(path)]
    print("\n".join(wrong) or f"{len(paths)} pictures: every text has its place")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
