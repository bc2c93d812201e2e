"""Parser of the site's JSON (`/<domain>/compare/data/`).

Errors in the identity of a board (ids, types, parents, the domain and its root) refuse it. Any other unreadable value
is rejected alone: its cell counts as NEVER run, or its field as unknown, and both are listed.

The site derives ``is_leaf`` from names, and some are wrong: the children are taken from the tree itself. A type that
is a key of no model's scores has no row in the site's aggregate. A hidden group is not listed, and its children name
it by its type.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..arrays import TimeArray
from ..data.board import Model
from ..data.cells import SupersededCells, no_superseded
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..data.tree import Benchmark, BenchmarkTree, BenchmarkVersion
from ..errors import EmptyBoardError, SnapshotError
from .decoding import REPEATED, shown, storable
from .site_cells import MAX_VERSION, MOST_ENTRIES, Log, Note, Rejected, optional_moment, read_cells, read_version

# Entries of each model by type id.
Scores = Sequence[Mapping[str, Any]]
_MAX_CELLS = 5_000_000
_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,63}")


def is_site_json(document: Any) -> bool:
    """Return whether a JSON document has the keys of the site's JSON, and not those of another file."""
    return (
        isinstance(document, Mapping)
        and {"domain", "benchmarks", "models"} <= document.keys()
        and "format" not in document
    )


def parse_site_json(
    document: Any, source: str, sha256: str, received_at: datetime | None = None
) -> tuple[Snapshot, tuple[Rejected, ...]]:
    """Read a payload of the site as a snapshot, and list its rejected cells and fields.

    Raises EmptyBoardError without a model, benchmark or score, SnapshotError if it is JSON of another shape or
    contradicts itself. `received_at`: as-of time of a payload that states none (UTC); the newest score's if None.
    """
    if document is None or (isinstance(document, dict | list) and not document):
        raise EmptyBoardError(f"it is empty JSON ({document})")
    if not isinstance(document, dict):
        raise _misfit("the document", document, "an object")
    domain = document.get("domain")
    if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
        raise _misfit("domain", domain, "one lower-case word; is this the compare data of a leaderboard?")
    simulated = document.get("simulated", False)
    if not isinstance(simulated, bool):
        raise _misfit("simulated", simulated, "true or false")
    benchmarks, models = (_objects(document, name) for name in ("benchmarks", "models"))
    if len(models) * len(benchmarks) > _MAX_CELLS:
        raise SnapshotError(f"{len(models)} models × {len(benchmarks)} benchmarks are more than {_MAX_CELLS} cells")
    log = Log()
    rows = [_model(f"models.{i}", entry, log) for i, entry in enumerate(models)]
    _check_unique("model id", (model.id for model, _ in rows))
    tree = _tree(benchmarks, [scores for _, scores in rows], f"average_{domain}", log)
    cells = _cells(rows, tree, log)
    arrays, superseded = cells.split(len(rows), [node.version for node in tree.nodes])
    as_of = _as_of_time(document.get("datetime_range"), arrays["scored_at"], received_at, log.about())
    snapshot = Snapshot(
        domain=domain,
        as_of_time=as_of,
        source=source,
        sha256=sha256,
        models=tuple(model for model, _ in rows),
        tree=tree,
        superseded=superseded,
        simulated=simulated,
        **arrays,
    )
    if not (snapshot.board().states == CellState.SCORED).any():
        raise EmptyBoardError(f"it has no score below {snapshot.root!r}")
    return snapshot, log.entries()


def _objects(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list):
        raise _misfit(name, found, "a list")
    if not found:
        raise EmptyBoardError(f"it lists no {name}")
    for i, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise _misfit(f"{name}.{i}", entry, "an object")
    return found


def _model(place: str, entry: Mapping[str, Any], log: Log) -> tuple[Model, Mapping[str, Any]]:
    """Return a model, and the entries of its scores by type id."""
    number = entry.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise _misfit(f"{place}.id", number, "a whole number from 0")
    name, rank, scores = entry.get("name"), entry.get("rank"), entry.get("scores")
    model = Model(number, storable(name) if isinstance(name, str) else "")
    note = log.about(model)
    if name is None:
        note(name, "the name is missing")
    else:
        _text(name, "name", note)
    if rank is not None and (type(rank) is not int or not 0 <= rank < MAX_VERSION):
        note(rank, "the rank is not a whole number; it is unknown")
        rank = None
    submitted = optional_moment(entry.get("submission_timestamp"), "submission_timestamp", note)
    if not isinstance(scores, dict):
        note(scores, "the model has no scores; all its cells count as NEVER run")
        scores = {}
    return replace(model, submitted_at=submitted, published_rank=rank), _by_type(scores)


def _by_type(scores: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, entries in scores.items():
        # Keys that differ only in characters that no file can contain become equal.
        type_id = storable(key)
        found[type_id] = REPEATED if type_id in found else entries
    return found


def _as_of_time(stated: Any, scored_at: TimeArray, received_at: datetime | None, note: Note) -> datetime:
    if stated is not None and not isinstance(stated, dict):
        note(stated, "datetime_range is not an object; it is unknown")
        stated = None
    found = optional_moment((stated or {}).get("max"), "datetime_range.max", note)
    if found is not None:
        return found
    if received_at is not None:
        return received_at.astimezone(UTC) if received_at.tzinfo else received_at.replace(tzinfo=UTC)
    known = scored_at[~np.isnat(scored_at)]
    if not known.size:
        raise SnapshotError("it states no time, and none of its scores has one; name when it was received")
    moment: datetime = known.max().item()
    return moment.replace(tzinfo=UTC)


def _cells(rows: Sequence[tuple[Model, Mapping[str, Any]]], tree: BenchmarkTree, log: Log) -> SupersededCells:
    """Return the cells of all versions. Raises SnapshotError if most are bad, because then the format has changed."""
    current = [node.version for node in tree.nodes]
    found: list[tuple[Any, ...]] = []
    for i, (model, entries_of) in enumerate(rows):
        for type_id, entries in entries_of.items():
            bad_cell = log.about(model, type_id, cell=True)
            j = tree.index.get(type_id)
            if j is None:
                bad_cell(entries, "no such benchmark in the payload's tree")
                continue
            found += [(i, j, *cell) for cell in read_cells(entries, current[j], bad_cell, log.about(model, type_id))]
        if len(log.cells) > MOST_ENTRIES:
            break
    if len(log.cells) > min(len(found), MOST_ENTRIES):
        raise SnapshotError(
            f"{len(log.cells)} cells cannot be read against {len(found)} that can, first {log.cells[0]}; the site may "
            "have changed"
        )
    # The fields of a cell are those of the table, in its order.
    return SupersededCells(*map(np.array, zip(*found, strict=True))) if found else no_superseded()


def _tree(benchmarks: Sequence[Mapping[str, Any]], scores: Scores, root: str, log: Log) -> BenchmarkTree:
    """Return the tree of the benchmarks that have a row, and log rejected values.

    `scores`: for each model its entries by type id. `root`: type id of the ranked aggregate, which is a group even if
    nothing is below it.
    """
    places = [f"benchmarks.{i}" for i in range(len(benchmarks))]
    ids = [_name_of(b, "id", place) for b, place in zip(benchmarks, places, strict=True)]
    types = [_name_of(b, "type_id", place) for b, place in zip(benchmarks, places, strict=True)]
    _check_unique("benchmark id", ids)
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


def _misfit(where: str, value: Any, expected: str) -> SnapshotError:
    """Return the error of a value that identifies a board and cannot be read."""
    return SnapshotError(f"JSON of another shape: {shown(where)} is {shown(value, 60)!r}, not {expected}")


def _name_of(entry: Mapping[str, Any], key: str, where: str) -> str:
    """Return a text that identifies something. Raises SnapshotError if there is none."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _misfit(f"{where}.{key}", value, "a name")
    return storable(value)


def _text(value: Any, what: str, note: Note) -> str:
    """Return a text that identifies nothing; empty, and logged, if it cannot be read."""
    if isinstance(value, str):
        return storable(value)
    if value is not None:
        note(value, f"the {what} is not text; it is unknown")
    return ""


def _check_unique(what: str, keys: Iterable[Hashable]) -> None:
    """Refuse keys that occur twice. Raises SnapshotError."""
    key, times = max(Counter(keys).items(), key=lambda item: item[1], default=(None, 0))
    if times > 1:
        raise SnapshotError(f"the {what} {shown(key)!r} occurs {times} times, and it is a key")


def _parent(entry: Mapping[str, Any], place: str, named: Mapping[str, str]) -> str | None:
    if "parent_id" not in entry:
        raise _misfit(f"{place}.parent_id", "absent", "a name or null")
    if entry["parent_id"] is None:
        return None
    name = _name_of(entry, "parent_id", place)
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
        label=_text(entry.get("label"), "label", note),
        display_domain=_text(entry.get("display_domain"), "display_domain", note),
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
            _text(entry.get("identifier"), "identifier of a version", note),
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
