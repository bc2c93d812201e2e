"""Meta-benchmarks: a candidate's share of models below it, like for like, on a frozen board under a scheme."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brainscore_core.benchmarks import BenchmarkBase
from brainscore_core.metrics import Score

from ..citations import BRAINALIGN, POSTER
from ..data.official import CellState
from ..errors import BrainAlignError, CandidateError
from ..files.model_scores import Cell, cells_of_model, find_model, find_models, read_scores
from ..files.reference import Reference
from ..files.reference_file import choose_reference
from ..files.snapshot_file import read_snapshot
from ..placement.place import constituents, of_versions, place
from ..placement.result import Placement, cell_json, reference_json, scheme_json
from ..schemes import get_scheme
from .database import read_database
from .registration import POSTER_SCHEMES, version_of
from .settings import Settings, settings_from

Cells = Mapping[str, Cell]
# Longest comment that Brain-Score's database stores, in characters.
_LONGEST_COMMENT = 1000


def _say(text: str) -> None:
    sys.stderr.write(f"brainalign: {text}\n")
    sys.stderr.flush()


def _now() -> datetime:
    return datetime.now(UTC)


# xarray warns of a subclass without slots, which Brain-Score's own class does not have.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)

    class PlacedScore(Score):  # type: ignore[misc]  # Brain-Score has no types
        """Score of a meta-benchmark; a netCDF file holds its attributes as numbers and as JSON."""

        def to_netcdf(self, *arguments: Any, **options: Any) -> Any:
            """Write the score to a netCDF file, as xarray does."""
            plain = self.copy()
            plain.attrs = {name: _storable(value) for name, value in self.attrs.items()}
            return super(PlacedScore, plain).to_netcdf(*arguments, **options)


def _storable(value: Any) -> str | int | float:
    if isinstance(value, Score):
        return float(value.item())
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return json.dumps(value)


class MetaBenchmark(BenchmarkBase):  # type: ignore[misc]  # Brain-Score has no types
    """The share of a reference board's models that a candidate is above under one aggregation scheme.

    The identifier is author and year, a hyphen, and the scheme in lower case. Without settings those of the environment
    count, as it is when the benchmark is called; they choose the reference if no file is given. ``say`` is called with
    each line of progress while constituents are run, and ``now`` is the clock for the times of saved results.
    """

    def __init__(
        self,
        identifier: str,
        domain: str = "vision",
        reference: Path | None = None,
        settings: Settings | None = None,
        say: Callable[[str], object] = _say,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.scheme = get_scheme(identifier.partition("-")[2])
        cited = POSTER if self.scheme.name in POSTER_SCHEMES else BRAINALIGN
        # A root of its own: below average_vision it would be averaged with its own constituents.
        super().__init__(
            identifier=identifier, ceiling=Score(1.0), version=None, parent=f"meta_{domain}", bibtex=cited.bibtex
        )
        self.ceiling.attrs["error"] = 0.0
        self.domain = domain
        self._file = reference
        self._settings = settings
        self._say = say
        self._now = now

    @property
    def version(self) -> int:
        """Version by the moment of freezing, so that Brain-Score keeps scores of an older reference apart."""
        try:
            return version_of(self._reference(self._used()))
        except BrainAlignError:
            # Without a reference it can be listed, and calling it gives the reason.
            return version_of(None)

    def _used(self) -> Settings:
        return settings_from() if self._settings is None else self._settings

    def _reference(self, settings: Settings) -> Reference:
        wanted = settings.reference if self._file is None else str(self._file)
        return choose_reference(settings.references, wanted, self.domain)

    def __call__(self, candidate: Any) -> Any:
        """Place a candidate: a scalar in [0, 1], see `placed_score`; ReferenceBoardError or CandidateError if not."""
        settings = self._used()
        reference = self._reference(settings)
        models = find_models(reference.board.models, settings.leave_out, reference.called)
        cells, notes = gather(settings, reference, candidate, self._now, self._say)
        try:
            placed = place(
                reference,
                cells,
                (self.scheme,),
                leave_out=[model.id for model in models],
                min_constituents=settings.min_constituents,
            )
        except CandidateError as cause:
            raise CandidateError(f"{cause}{self._next_step(notes, candidate)}") from cause
        if placed.schemes[0].problem:
            raise CandidateError(placed.schemes[0].problem)
        unused = [
            f"{name} is not used: {why or 'the reference has no such benchmark'}" for name, why in placed.unused.items()
        ]
        return placed_score(placed, (*notes, *unused), self.ceiling)

    def _next_step(self, notes: Sequence[str], candidate: Any) -> str:
        """Return the notes on sources, and the ways to more scores."""
        more = f"; and {len(notes) - 3} more like that" if len(notes) > 3 else ""
        return (
            f"{''.join(f'; {note}' for note in notes[:3])}{more}; name a source with BRAINALIGN_SCORES, "
            "BRAINALIGN_SNAPSHOT or BRAINALIGN_DATABASE, or run what is missing: `BRAINALIGN_RUN=missing "
            f"python -m brainscore_{self.domain} score --model_identifier={getattr(candidate, 'identifier', 'MODEL')} "
            f"--benchmark_identifier={self.identifier}`"
        )


def placed_score(placed: Placement, notes: Sequence[str], ceiling: Any) -> PlacedScore:
    """Convert a placement under one scheme to Brain-Score's `Score`.

    Its value is the share of the models below, plus half of those equal; ``docs/brainscore.md`` lists the ``attrs``.
    """
    (one,) = placed.schemes
    record = scheme_json(one)
    provenance = reference_json(placed.reference)
    score = PlacedScore(record["share"])
    score.attrs["raw"] = Score(record["statistic"])
    # Brain-Score replaces the comment when it stores a score.
    score.attrs["raw"].attrs = {"reference": provenance["name"], "reference_sha256": provenance["sha256"]}
    score.attrs["ceiling"] = ceiling
    if record["error"] is None:
        score.attrs["error"] = float("nan")
        score.attrs["error_nan_reason"] = "fewer than two benchmarks have a score"
    else:
        score.attrs["error"] = record["error"]
        score.attrs["error_over"] = ["benchmark" if record["interval_kind"] == "benchmarks" else "paper"]
        score.attrs["interval_kind"] = record["interval_kind"]
        score.attrs["n_bootstrap"] = record["resamples"]
    for name in ("rank", "interval", "level", "bounds"):
        score.attrs[name] = record[name]
    scaled = one.scaled or {}
    failed = [missing.benchmark for missing in placed.missing if missing.state.name == "FAILED"]
    score.attrs |= {
        "score_interval": record["share_interval"],
        "population": one.population,
        "components": {leaf: {**cell_json(cell), "scaled": scaled.get(leaf)} for leaf, cell in placed.cells.items()},
        "missing": [leaf for leaf in placed.cells if leaf not in scaled],
        "failed": sorted(failed),
        "reference": provenance,
        "left_out": list(placed.left_out),
        "notes": list(notes),
        "comment": f"{placed.answer}; {placed.reference.description}"[:_LONGEST_COMMENT],
    }
    return score


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
