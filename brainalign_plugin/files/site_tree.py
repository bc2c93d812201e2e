"""Tree of the benchmarks in the site's JSON that have a row on the site.

The site derives ``is_leaf`` from names, and some are wrong: the children are taken from the tree itself. A type that
is a key of no model's scores has no row in the site's aggregate. A hidden group is not listed, and its children name
it by its type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..data.tree import Benchmark, BenchmarkTree, BenchmarkVersion
from ..errors import SnapshotError
from .json_text import shown, storable
from .site_cells import MAX_VERSION, Log, Note, optional_moment, read_version

# Entries of each model by type id.
Scores = Sequence[Mapping[str, Any]]


def read_tree(benchmarks: Sequence[Mapping[str, Any]], scores: Scores, root: str, log: Log) -> BenchmarkTree:
    """Return the tree of the benchmarks that have a row, and log rejected values.

    `scores`: for each model its entries by type id. `root`: type id of the ranked aggregate, which is a group even if
    nothing is below it.
    """
    places = [f"benchmarks.{i}" for i in range(len(benchmarks))]
    ids = [text_of(b, "id", place) for b, place in zip(benchmarks, places, strict=True)]
    types = [text_of(b, "type_id", place) for b, place in zip(benchmarks, places, strict=True)]
    check_unique("benchmark id", ids)
    named = dict(zip(types, types, strict=True)) | dict(zip(ids, types, strict=True))
    entries = dict(zip(types, benchmarks, strict=True))
    parents = [_parent(b, place, named) for b, place in zip(benchmarks, places, strict=True)]
    unlisted = [name for name in dict.fromkeys(parents) if name is not None and name not in entries]
    inner = {*parents, root}
    nodes = [
        _benchmark(b, type_id, parent, type_id not in inner, scores, log)
        for b, type_id, parent in zip(benchmarks, types, parents, strict=True)
    ]
    whole = BenchmarkTree((*nodes, *(Benchmark(name, None, is_leaf=False, label=name) for name in unlisted)))
    kept = _with_a_row(whole, {type_id for of_model in scores for type_id in of_model}, root, log)
    for name in unlisted:
        below = [node.type_id for node in kept if node.parent == name]
        if below:
            log.about(benchmark=name)(
                ", ".join(below), f"the group of these is not listed; it is a root of its own, outside {root}"
            )
    holding = {node.parent for node in kept} | {root}
    return BenchmarkTree(
        tuple(_placed(node, node.type_id not in holding, entries.get(node.type_id), whole, log) for node in kept)
    )


def misfit(where: str, value: Any, expected: str) -> SnapshotError:
    """Return the error of a value that identifies a board and cannot be read."""
    return SnapshotError(f"JSON of another shape: {shown(where)} is {shown(value, 60)!r}, not {expected}")


def text_of(entry: Mapping[str, Any], key: str, where: str) -> str:
    """Return a text that identifies something. Raises SnapshotError if there is none."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise misfit(f"{where}.{key}", value, "a name")
    return storable(value)


def optional_text(value: Any, what: str, note: Note) -> str:
    """Return a text that identifies nothing; empty, and logged, if it cannot be read."""
    if isinstance(value, str):
        return storable(value)
    if value is not None:
        note(value, f"the {what} is not text; it is unknown")
    return ""


def check_unique(what: str, keys: Iterable[Hashable]) -> None:
    """Refuse keys that occur twice. Raises SnapshotError."""
    key, times = max(Counter(keys).items(), key=lambda item: item[1], default=(None, 0))
    if times > 1:
        raise SnapshotError(f"the {what} {shown(key)!r} occurs {times} times, and it is a key")


def _parent(entry: Mapping[str, Any], place: str, named: Mapping[str, str]) -> str | None:
    if "parent_id" not in entry:
        raise misfit(f"{place}.parent_id", "absent", "a name or null")
    if entry["parent_id"] is None:
        return None
    name = text_of(entry, "parent_id", place)
    return named.get(name, name)


def _with_a_row(whole: BenchmarkTree, in_scores: set[str], root: str, log: Log) -> list[Benchmark]:
    """Return the nodes that some model's scores name, and those above them; log the others."""
    if root not in whole:
        raise SnapshotError(f"the tree has no node {root!r}; is it the right domain?")
    kept = set(whole.path(root))
    for type_id in in_scores:
        if type_id in whole:
            kept.update(whole.path(type_id))
    for node in whole.nodes:
        if node.type_id not in kept:
            log.about(benchmark=node.type_id)(
                "", "it is in no model's scores, so that it has no row and counts nowhere"
            )
    return [node for node in whole.nodes if node.type_id in kept]


def _placed(
    node: Benchmark, childless: bool, entry: Mapping[str, Any] | None, whole: BenchmarkTree, log: Log
) -> Benchmark:
    """Return a node as a leaf or a group, and as engineering or not; log the flags of its entry that say otherwise."""
    # A group that is not listed has no flags.
    leaf = False if entry is None else entry.get("is_leaf")
    note = log.about(benchmark=node.type_id)
    read = f"read as a {'leaf' if childless else 'group'}"
    if not isinstance(leaf, bool):
        note(leaf, f"is_leaf is not true or false; {read}")
    elif leaf and not childless:
        note(leaf, f"is_leaf is true of a group; {read}")
    engineering = None if entry is None else entry.get("is_engineering")
    if not isinstance(engineering, bool):
        by_root = whole.path(node.type_id)[0].startswith("engineering_")
        if entry is not None:
            note(engineering, f"is_engineering is not true or false; read as {str(by_root).lower()}, by its root")
        engineering = by_root
    # The site gives groups the version 0: such a leaf is a group whose children are not listed.
    alone = childless and leaf is False and node.version == 0
    return replace(node, is_leaf=childless, versions=() if alone else node.versions, is_engineering=engineering)


def _benchmark(
    entry: Mapping[str, Any], type_id: str, parent: str | None, is_leaf: bool, scores: Scores, log: Log
) -> Benchmark:
    note = log.about(benchmark=type_id)
    return Benchmark(
        type_id=type_id,
        parent=parent,
        is_leaf=is_leaf,
        label=optional_text(entry.get("label"), "label", note),
        display_domain=optional_text(entry.get("display_domain"), "display_domain", note),
        versions=_versions(entry.get("versions"), type_id, scores, note),
    )


def _versions(listed: Any, type_id: str, scores: Scores, note: Note) -> tuple[BenchmarkVersion, ...]:
    found: dict[int, BenchmarkVersion] = {}
    for entry in listed if isinstance(listed, list) else ():
        try:
            number = read_version(entry.get("version") if isinstance(entry, dict) else None)
        except ValueError as cause:
            note(entry, f"{cause}; it is left out")
            continue
        if number in found:
            raise SnapshotError(f"the version of {shown(type_id)!r} {number} occurs twice, and it is a key")
        found[number] = BenchmarkVersion(
            number,
            optional_text(entry.get("identifier"), "identifier of a version", note),
            optional_moment(entry.get("valid_from"), "valid_from", note),
            optional_moment(entry.get("valid_to"), "valid_to", note),
        )
    if found:
        return tuple(found.values())
    # Cells have version numbers of their own.
    listed_cells = [of_model[type_id] for of_model in scores if isinstance(of_model.get(type_id), list)]
    cells = [cell for entries in listed_cells for cell in entries if isinstance(cell, dict)]
    numbers = {cell["version"] for cell in cells if type(cell.get("version")) is int}
    of_cells = sorted(number for number in numbers if 0 <= number < MAX_VERSION)
    if of_cells or not isinstance(listed, list):
        note(listed, f"it lists no versions; those of its cells count: {', '.join(map(str, of_cells)) or 'none'}")
    return tuple(BenchmarkVersion(number, "") for number in of_cells)
