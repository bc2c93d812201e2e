"""Scores of the candidate on each constituent benchmark, from the first source that has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ..data.official import CellState
from ..errors import CandidateError
from ..files.model_scores import Cell, cells_of_model, find_model, read_scores
from ..files.reference import Reference
from ..files.snapshot_file import read_snapshot
from ..placement.place import constituents, of_versions
from .database import read_database
from .settings import Settings

Cells = Mapping[str, Cell]


def gather(
    settings: Settings, reference: Reference, candidate: Any, now: Callable[[], datetime], say: Callable[[str], object]
) -> tuple[Cells, tuple[str, ...]]:
    """Gather a candidate's cells from scores file, snapshot, database and, if allowed, by running benchmarks.

    Returns them with notes on sources and benchmarks that were not used or run. A cell counts in the version that the
    reference has, or without one. CandidateError if a source cannot be read.
    """
    versions = {leaf: reference.board.tree[leaf].version for leaf in constituents(reference)}
    found: dict[str, Cell] = {}
    notes: list[str] = []
    for given, note in _sources(settings, versions, candidate, notes):
        notes += [note] if note else []
        cells, others = of_versions(reference, given)
        for name, cell in cells.items():
            if cell.state != CellState.NEVER:
                found.setdefault(name, cell)
        for name, (version, wanted) in others.items():
            if name not in found:
                notes.append(
                    f"{name}: version {version} of {given[name].origin} is not used, the reference has {wanted}"
                )
    if settings.run != "no":
        from .running import results_of, run_missing

        again = settings.run == "failed"
        missing = {
            name: version
            for name, version in versions.items()
            if name not in found or (again and found[name].state == CellState.FAILED)
        }
        results = results_of(settings.runs, _identifier(candidate))
        run, problems = run_missing(candidate, missing, results, now, say, reference.domain, again=again)
        found |= run
        notes += problems
    return found, tuple(notes)


def _sources(
    settings: Settings, versions: Mapping[str, int], candidate: Any, notes: list[str]
) -> Iterator[tuple[Cells, str]]:
    """Yield the cells of each source in turn, and a note if it lacks the model."""
    if settings.scores is not None:
        yield read_scores(settings.scores, notes), ""
    wanted = settings.model or (_identifier(candidate) if settings.snapshot is not None or settings.database else "")
    if settings.snapshot is not None:
        yield _of_snapshot(settings, wanted, versions)
    if settings.database:
        cells = read_database(settings.database, wanted, versions)
        if cells is None and settings.model:
            raise CandidateError(
                f"there is no model {wanted!r} in the database; correct BRAINALIGN_MODEL, or unset it to use the "
                "model's own identifier"
            )
        yield cells or {}, "" if cells is not None else f"the database has no model {wanted!r}"


def _of_snapshot(settings: Settings, wanted: str, versions: Mapping[str, int]) -> tuple[Cells, str]:
    place = f"the snapshot {str(settings.snapshot)!r}"
    snapshot = read_snapshot(str(settings.snapshot))
    known = any(wanted in (model.name, str(model.id)) for model in snapshot.models)
    if not known and not settings.model:
        return {}, f"{place} has no model {wanted!r}"
    model = find_model(snapshot.models, wanted, place)
    cells = cells_of_model(snapshot, model, f"snapshot {str(settings.snapshot)!r} (model {model.id})")
    return {name: cell for name, cell in cells.items() if name in versions}, ""


def _identifier(candidate: Any) -> str:
    name = getattr(candidate, "identifier", None)
    if callable(name):  # as of a subject of language that `load_model` has not named
        name = name()
    if not isinstance(name, str) or not name:
        raise CandidateError(
            f"the candidate {type(candidate).__name__} has the identifier {name!r}; name it with BRAINALIGN_MODEL, or "
            "give the model an identifier"
        )
    return name
