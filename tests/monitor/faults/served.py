"""Whether what readers find is whole: every link leads somewhere, and the site is one that was published."""

from __future__ import annotations

import csv
import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

# What a reader expects, whichever version is served.
EXPECTED = ("index.html", "archive.html", "history.html", "feed.xml", "latest/archive.csv", "reports/latest.html")


def version(site: Path) -> str | None:
    """Name of the version that is served; None if there is none."""
    current = site / "current"
    return current.resolve().name if current.is_symlink() else None


def torn(site: Path) -> list[str]:
    """What is wrong with the site that is served."""
    root = (site / "current").resolve()
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    wrong = [f"{name} is missing" for name in EXPECTED if name not in files]
    # A version is named by its content.
    digests = "".join(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files))
    if hashlib.sha256(digests.encode()).hexdigest()[:16] != root.name:
        wrong.append(f"the content is not that of {root.name}")
    for name, data in files.items():
        if name.endswith(".json"):
            json.loads(data)
        wrong += [f"{name} links to {target}" for target in _leads_nowhere(name, files)]
    return wrong


def unfinished(site: Path, boards: int) -> list[str]:
    """What is left of a version that was not finished, or not told of the newest of so many boards."""
    wrong = [
        f"{path.name} is left"
        for path in (*site.glob(".*.link"), *site.glob("versions/.*"), *site.glob("versions/**/.*.tmp"))
    ]
    kept = len(list((site / "versions").iterdir()))
    if kept > 2:
        wrong.append(f"{kept} versions are kept")
    with (site / "current" / "latest" / "archive.csv").open(newline="") as stream:
        told = sum(1 for _ in csv.DictReader(stream))
    if told != boards:
        wrong.append(f"{told} of {boards} boards are in the archive")
    return wrong


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if key in ("href", "src") and value]


def _links(name: str, text: str) -> Iterator[str]:
    if name.endswith(".html"):
        parser = _Links()
        parser.feed(text)
        yield from parser.found
    elif name.endswith(".xml"):
        yield from (link.get("href", "") for link in ET.fromstring(text).iter() if "href" in link.attrib)


def _leads_nowhere(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    for link in _links(name, files[name].decode("utf-8", "replace")):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
        if target not in files:
            yield link
