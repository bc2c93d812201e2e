"""Parser of the site's JSON (`/<domain>/compare/data/`).

Errors in the identity of a board (ids, types, parents, the domain and its root) refuse it. Any other unreadable value
is rejected alone: its cell counts as NEVER run, or its field as unknown, and both are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..arrays import TimeArray
from ..data.board import Model
from ..data.cells import SupersededCells, no_superseded
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..data.tree import BenchmarkTree
from ..errors import EmptyBoardError, SnapshotError
from .json_text import REPEATED, storable
from .site_cells import MAX_VERSION, MOST_ENTRIES, Log, Note, Rejected, optional_moment, read_cells
from .site_tree import check_unique, misfit, optional_text, read_tree

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
        raise misfit("the document", document, "an object")
    domain = document.get("domain")
    if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
        raise misfit("domain", domain, "one lower-case word; is this the compare data of a leaderboard?")
    simulated = document.get("simulated", False)
    if not isinstance(simulated, bool):
        raise misfit("simulated", simulated, "true or false")
    benchmarks, models = (_objects(document, name) for name in ("benchmarks", "models"))
    if len(models) * len(benchmarks) > _MAX_CELLS:
        raise SnapshotError(f"{len(models)} models × {len(benchmarks)} benchmarks are more than {_MAX_CELLS} cells")
    log = Log()
    rows = [_model(f"models.{i}", entry, log) for i, entry in enumerate(models)]
    check_unique("model id", (model.id for model, _ in rows))
    tree = read_tree(benchmarks, [scores for _, scores in rows], f"average_{domain}", log)
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
        raise misfit(name, found, "a list")
    if not found:
        raise EmptyBoardError(f"it lists no {name}")
    for i, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise misfit(f"{name}.{i}", entry, "an object")
    return found


def _model(place: str, entry: Mapping[str, Any], log: Log) -> tuple[Model, Mapping[str, Any]]:
    """Return a model, and the entries of its scores by type id."""
    number = entry.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise misfit(f"{place}.id", number, "a whole number from 0")
    name, rank, scores = entry.get("name"), entry.get("rank"), entry.get("scores")
    model = Model(number, storable(name) if isinstance(name, str) else "")
    note = log.about(model)
    if name is None:
        note(name, "the name is missing")
    else:
        optional_text(name, "name", note)
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
