"""Short labels for benchmarks: what a reader of an axis needs to tell one leaf from another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from os.path import commonprefix

from ..data.tree import paper
from ..text import shortened, visible

LABEL_LIMIT = 40
_CITATION = re.compile(r"[A-Z][A-Za-z]+[0-9]{4}[-_.]?")
_BREAKS = "-_. "


def leaf_labels(leaves: Sequence[str]) -> tuple[str, ...]:
    """Label leaves so that each is short and no two are alike.

    Three or more leaves of one paper lose the ending that they share and the citations inside:
    ``Marques2020_Ringach2002-or_selective`` becomes ``Marques2020 or_selective``.
    """
    by_paper: dict[str, list[str]] = defaultdict(list)
    for leaf in leaves:
        by_paper[paper(leaf)].append(leaf)
    told_apart = {}
    for name, members in by_paper.items():
        if len(members) >= 3:
            told_apart.update(_within_paper(name, members))
    labels = [f"{paper(leaf)} {told_apart[leaf]}" if leaf in told_apart else leaf for leaf in leaves]
    return tuple(_distinct(labels, leaves))


def _within_paper(name: str, members: Sequence[str]) -> dict[str, str]:
    """Return short names of the leaves of a paper: without the paper, a shared ending and inner citations."""
    rests = {leaf: leaf.replace(name, "", 1).strip(_BREAKS) for leaf in members}
    ending = commonprefix([rest[::-1] for rest in rests.values()])[::-1]  # noqa: RUF071 -- not of paths: by character
    # Only whole words go: from the first break within the ending on.
    first = min((ending.find(b) for b in _BREAKS if b in ending), default=-1)
    cut = len(ending) - first if first >= 0 else 0
    short = {leaf: rest[: len(rest) - cut] for leaf, rest in rests.items()}
    bare = {leaf: _CITATION.sub("", rest).strip(_BREAKS) for leaf, rest in short.items()}
    for candidate in (bare, short, rests):
        if all(candidate.values()) and len(set(candidate.values())) == len(candidate):
            return candidate
    return {}


def _distinct(labels: Sequence[str], leaves: Sequence[str]) -> list[str]:
    """Shown and shortened labels; where two come out alike, the identifier, and a number if even that is not enough."""
    shown = [shortened(visible(label), LABEL_LIMIT) for label in labels]
    for replacement in ([shortened(visible(leaf), LABEL_LIMIT) for leaf in leaves], None):
        repeats = Counter(shown)
        for i, label in enumerate(shown):
            if repeats[label] > 1:
                shown[i] = replacement[i] if replacement else f"{shortened(label, LABEL_LIMIT - 5)} ·{i + 1}"
    return shown
