"""Works that reports, meta-benchmarks and data files cite, out of one BibTeX file.

Entries of benchmarks are those of Brain-Score's own sources, keyed by the beginning of the benchmarks' identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from .data.tree import paper

_ENTRY = re.compile(r"^@\w+\{(\S+),\n.*?^\}$", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^  (\w+)=\{(.*)\}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Citation:
    """A work to cite."""

    fields: Mapping[str, str]
    bibtex: str  # One entry, as Brain-Score's database takes it

    def __str__(self) -> str:
        """Return the work in one sentence: authors, year, title, where."""
        found = self.fields
        names = (" ".join(reversed(name.split(", "))) for name in found["author"].split(" and "))
        kinds = ("journal", "booktitle", "publisher", "note")
        where = next((found[kind] for kind in kinds if kind in found), "")
        parts = [found["title"], ", ".join(filter(None, (where, found.get("url"))))]
        text = " ".join(part if part.endswith("?") else f"{part}." for part in parts)
        return f"{', '.join(names)} ({found['year']}): {text}"


_TEXT = files(__package__).joinpath("citations.bib").read_text(encoding="utf-8")
_WORKS = {match[1]: Citation(dict(_FIELD.findall(match[0])), match[0]) for match in _ENTRY.finditer(_TEXT)}
BRAINALIGN, POSTER, BRAIN_SCORE = (
    _WORKS[key] for key in ("brainalign2026", "ahlert2024aligned", "schrimpf2020integrative")
)


def benchmark_citation(identifier: str) -> Citation | None:
    """Return the work that a benchmark comes from; None where it is not known."""
    source = paper(identifier)
    keys = [key for key in _WORKS if key.partition("_")[0] == source and key in identifier]
    return _WORKS[max(keys, key=len)] if keys else None
