#!/usr/bin/env python3
"""Looks at the reference as a reader would: every link leads somewhere, every class says what it is.

    check_reference.py <directory of Doxygen's HTML>"""
import html.parser
import pathlib
import re
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.names = [], set()
        source = path.read_text(encoding="utf-8")
        self.feed(source)
        self.text = re.sub(r"<pre.*?</pre>|<div class=\"fragment\">.*?<!-- fragment -->", "", source, flags=re.DOTALL)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.names.update(values[key] for key in ("id", "name") if values.get(key))
        self.links.extend(values[key] for key in ("href", "src") if values.get(key))


def dead_links(pages, directory):
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = urllib.parse.unquote(link).partition("#")
            target = target or name
            if not (directory / target).exists():
                yield f"{name}: the link to {link} is dead"
            elif anchor and target in pages and anchor not in pages[target].names:
                yield f"{name}: {target} has no place {anchor}"


def without_words(directory):
    """Rows of the list of classes whose second cell is empty, or is not a sentence."""
    rows = re.findall(r'<a class="el" href="(?:class|struct)[^"]*"[^>]*>([^<]*)</a></td><td class="desc">(.*?)</td>',
                      (directory / "annotated.html").read_text(encoding="utf-8"))
    if not rows:
        yield "annotated.html lists no class"
    for name, words in rows:
        if not words.strip() or words.lstrip().startswith("&lt;"):
            yield f'{name} does not say what it is: "{words}"'


def broken_spans(pages):
    for name, page in pages.items():
        if name.endswith(("_8hpp.html", "_8md.html", "index.html")) and "`" in page.text:
            yield f"{name}: a code span is broken: {page.text[page.text.index('`'):][:60]!r}"


def main(directory):
    pages = {path.name: Page(path) for path in directory.glob("*.html")}
    wrong = [*dead_links(pages, directory), *without_words(directory), *broken_spans(pages)]
    print("\n".join(wrong) or f"reference: {len(pages)} pages, no dead link, every class says what it is")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
