"""Meta-benchmarks: a candidate's share of models below it on a frozen reference board under a scheme."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from brainscore_core.benchmarks import BenchmarkBase
from brainscore_core.metrics import Score

from brainalign_plugin.citations import BRAINALIGN, POSTER
from brainalign_plugin.errors import CandidateError
from brainalign_plugin.files.model_scores import find_model
from brainalign_plugin.files.reference import Reference
from brainalign_plugin.files.reference_file import choose_reference
from brainalign_plugin.placement.place import Placement, check_enough, place, placement_json
from brainalign_plugin.schemes import get_scheme

from .constituents import Gathered, gather
from .settings import Settings, settings_from

DOMAIN = "vision"
# A root of its own: below average_vision it would be averaged with its own constituents.
PARENT = "meta_vision"
# Increased when a score changes for the same cells and the same reference.
VERSION = 1
POSTER_SCHEMES = ("FLAT", "ZMEAN", "RANK")
# Longest comment that Brain-Score's database stores, in characters.
_LONGEST_COMMENT = 1000


def identifier_of(scheme: str) -> str:
    """Return the identifier of a scheme's meta-benchmark: the poster's three schemes carry its authors' name."""
    author = "Ahlert2024" if scheme.upper() in POSTER_SCHEMES else "BrainAlign2026"
    return f"{author}-{scheme.lower()}"


def _say(text: str) -> None:
    sys.stderr.write(f"brainalign: {text}\n")
    sys.stderr.flush()


def _now() -> datetime:
    return datetime.now(UTC)


class MetaBenchmark(BenchmarkBase):  # type: ignore[misc]  # Brain-Score has no types
    """The share of a reference board's models that a candidate is above under one aggregation scheme.

    Parameters
    ----------
    identifier : str
        Author and year, a hyphen, and the scheme in lower case.
    settings : Settings, optional
        From the environment, as it is when the benchmark is called, if None.
    say : callable
        Called with each line of progress while constituents are run.
    now : callable
        The clock, for the times of saved results.
    """

    def __init__(
        self,
        identifier: str,
        settings: Settings | None = None,
        say: Callable[[str], object] = _say,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.scheme = get_scheme(identifier.partition("-")[2])
        poster = self.scheme.name in POSTER_SCHEMES
        super().__init__(
            identifier=identifier,
            ceiling=_ceiling(),
            version=VERSION,
            parent=PARENT,
            bibtex=POSTER.bibtex if poster else BRAINALIGN.bibtex,
        )
        self._settings = settings
        self._say = say
        self._now = now

    def __call__(self, candidate: Any) -> Any:
        """Place a candidate.

        Parameters
        ----------
        candidate : BrainModel

        Returns
        -------
        Score
            A scalar in [0, 1]; see `placed_score`.

        Raises
        ------
        ReferenceBoardError
            If there is no frozen reference, or it is of another domain.
        CandidateError
            If too few constituents have a score, or a source cannot be used.
        """
        settings = settings_from() if self._settings is None else self._settings
        reference = choose_reference(settings.references, settings.reference, DOMAIN)
        leave_out = None
        if settings.leave_out:
            place_ = f"the reference {reference.name!r}"
            leave_out = find_model(reference.board.models, settings.leave_out, place_).id
        gathered = gather(settings, reference, candidate, self._now, self._say)
        self._check_enough(settings, reference, gathered, candidate)
        placed = place(
            reference,
            self.scheme,
            gathered.cells,
            leave_out=leave_out,
            min_constituents=settings.min_constituents,
        )
        return placed_score(placed, gathered.notes, self.ceiling)

    def _check_enough(
        self, settings: Settings, reference: Reference, gathered: Gathered, candidate: Any
    ) -> None:
        try:
            check_enough(reference, gathered.cells, settings.min_constituents)
        except CandidateError as cause:
            name = getattr(candidate, "identifier", "MODEL")
            notes = "".join(f"; {note}" for note in gathered.notes[:3])
            more = f"; and {len(gathered.notes) - 3} more like that" if len(gathered.notes) > 3 else ""
            raise CandidateError(
                f"{cause}{notes}{more}; name a source with BRAINALIGN_SCORES, BRAINALIGN_SNAPSHOT or "
                "BRAINALIGN_DATABASE, or run what is missing: `BRAINALIGN_RUN=missing python -m brainscore_vision "
                f"score --model_identifier={name} --benchmark_identifier={self.identifier}`; allow a smaller share "
                "with BRAINALIGN_MIN_CONSTITUENTS"
            ) from cause


def _ceiling() -> Any:
    ceiling = Score(1.0)
    ceiling.attrs["error"] = 0.0
    return ceiling


def placed_score(placed: Placement, notes: tuple[str, ...], ceiling: Any) -> Any:
    """Convert a placement to Brain-Score's `Score`.

    Its value is the share of the reference's models below, plus half of those equal. ``attrs``: ``raw`` (the scheme's
    statistic), ``ceiling`` (1), ``error`` (standard error of the value, had other papers measured), ``error_over``,
    ``interval_kind``, ``n_bootstrap``, ``rank``, ``interval`` (of the rank), ``score_interval``, ``level``,
    ``population``, ``components``, ``missing``, ``failed``, ``convention`` and ``missing_meant``, ``reference``,
    ``left_out``, ``notes``, ``comment``.
    """
    record = placement_json(placed)
    score = Score(record["share"])
    score.attrs["raw"] = Score(record["statistic"])
    score.attrs["ceiling"] = ceiling
    if record["error"] is None:
        score.attrs["error"] = float("nan")
        score.attrs["error_nan_reason"] = "fewer than two benchmarks or papers have a score"
    else:
        score.attrs["error"] = record["error"]
        score.attrs["error_over"] = record["error_over"]
        score.attrs["interval_kind"] = record["interval_kind"]
        score.attrs["n_bootstrap"] = record["resamples"]
    for name in (
        "rank",
        "interval",
        "level",
        "population",
        "components",
        "missing",
        "failed",
        "convention",
        "missing_meant",
        "reference",
        "left_out",
    ):
        score.attrs[name] = record[name]
    score.attrs["score_interval"] = record["share_interval"]
    score.attrs["notes"] = list(notes)
    score.attrs["comment"] = _comment(placed)
    return score


def _comment(placed: Placement) -> str:
    text = (
        f"rank {placed.rank} among {placed.population} models and this one under {placed.scheme}; "
        f"{placed.reference.description}; {len(placed.missing)} of {len(placed.components)} benchmarks missing "
        f"({placed.meaning})"
    )
    return text[:_LONGEST_COMMENT]
