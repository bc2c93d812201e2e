"""Place a model on a frozen board, as a notebook shows it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import CandidateError, ReferenceBoardError
from ..files.model_scores import Cell, cells_from, cells_of_model, find_model, read_scores
from ..files.reference import Reference
from ..files.reference import freeze as freeze_snapshot
from ..files.reference_file import read_reference
from ..placement import place as placing
from ..placement.result import Placement, placement_json
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..results import Plots, Result, Rows, documented, table
from ..text import counted
from .sources import Source, check_work, snapshot_of

Scores = Mapping[str, Any] | pd.Series | str | int | os.PathLike[str]


class PlacementPlots(Plots["PlacementResult"]):
    """Charts of a placement."""

    def profile(self) -> Chart:
        """Draw the model's normal score on each benchmark: 0 is the middle of the board.

        Examples
        --------
        >>> len(ba.place("vgg19", ba.freeze(ba.example(), "base"), schemes=["HIER"]).plot.profile().to_frame())
        8
        """
        frame = self.result.profile.to_frame()
        size = counted(len(frame), "benchmark")
        title = f"Profile on {self.result.found.reference.name!r}: {size}, the strongest first"
        axis = "normal score among the board's models"
        return frame_dots(frame, "benchmark", "normal_score", axis, title, form="+.2f", zero=True)

    def schemes(self) -> Chart:
        """Draw the model's rank under each scheme with its interval.

        Examples
        --------
        >>> len(ba.place("vgg19", ba.freeze(ba.example(), "base"), schemes=["HIER"]).plot.schemes().to_frame())
        1
        """
        frame, title = self.result.to_frame().dropna(subset=["rank"]), self.result.title
        return frame_dots(frame, "scheme", "rank", "rank", title, form="d", reverse=True)


@dataclass(frozen=True, eq=False, repr=False)
class PlacementResult(Result):
    """Place of a model on a frozen board.

    The frame has a row a scheme: scheme, rank, low and high (interval of the rank), best and worst (rank on all
    benchmarks if all missing scores were high, and low), share (of the models below), statistic, problem. The record
    is that of ``place --json``.

    Examples
    --------
    >>> found = ba.place("vgg19", ba.freeze(ba.example(), "base"), schemes=["HIER"])
    >>> found.to_frame()["rank"].tolist(), found.to_dict()["schemes"]["HIER"]["rank"]
    ([3], 3)
    """

    found: Placement

    def _title(self) -> str:
        return f"{self.found.answer}, on {self.found.reference.name!r}"

    def _frame(self) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for one in self.found.schemes:
            row: dict[str, Any] = {"scheme": one.scheme, "problem": one.problem}
            if not one.problem:
                row |= {"rank": one.rank, "share": one.share, "statistic": one.statistic}
            if one.uncertainty is not None:
                row |= dict(zip(("low", "high"), one.uncertainty.ranks, strict=True))
            if one.bounds is not None:
                row |= {"worst": one.bounds[0], "best": one.bounds[1]}
            rows.append(row)
        columns = ["scheme", "rank", "low", "high", "best", "worst", "share", "statistic", "problem"]
        whole = dict.fromkeys(["rank", "low", "high", "best", "worst"], "Int64")
        return pd.DataFrame(rows, columns=columns).astype(whole)

    @property
    def missing(self) -> Rows:
        """Benchmarks without a score; the one whose score would narrow the bounds most is first."""
        rows = [(one.benchmark, one.state.name, *one.scores, one.narrows) for one in self.found.missing]
        columns = ["benchmark", "state", "low_score", "high_score", "narrows"]
        return Rows(f"{counted(len(rows), 'benchmark')} without a score", pd.DataFrame(rows, columns=columns))

    @property
    def profile(self) -> Rows:
        """The model's scores and normal scores among the board's models, the highest normal score first."""
        frame = table(self.found.benchmarks, "benchmark score error normal_score models")
        return Rows(f"{counted(len(frame), 'benchmark')} with a score", frame)

    @property
    def neighbours(self) -> Rows:
        """Models of the board with a similar profile, the nearest first."""
        rows = [
            (one.model.name, one.model.id, one.distance, one.correlation, one.shared) for one in self.found.neighbours
        ]
        columns = ["model", "id", "distance", "correlation", "shared"]
        return Rows(f"{counted(len(rows), 'model')} with a similar profile", pd.DataFrame(rows, columns=columns))

    _json = staticmethod(placement_json)
    plot = cached_property(PlacementPlots)


@documented
def freeze(source: Source, name: str, at: datetime | None = None) -> Reference:
    """Freeze a board under a name, so that models can be placed on it whatever the leaderboard becomes.

    Parameters
    ----------
    name : str
        1 to 64 letters, digits, ``_`` and ``-``.
    at : datetime, optional
        Moment of freezing, with time zone; now if None.

    Returns
    -------
    Reference
        With the norms of every benchmark that has a score for half of the models, and at least 30 if any has so many;
        the others are its `left_out`. `write_reference` keeps it in a file.

    Raises
    ------
    ReferenceBoardError
        If the name cannot be used, the time has no zone, or no benchmark has two scores of half of the models.

    See Also
    --------
    place : Place a model on it.

    Examples
    --------
    >>> ba.freeze(ba.example(), "base").name
    'base'
    """
    return freeze_snapshot(snapshot_of(source), name, datetime.now(UTC) if at is None else at)


@documented
def place(
    scores: Scores,
    reference: Reference | str | os.PathLike[str],
    *,
    schemes: Sequence[str] = (),
    leave_out: int | Collection[int] = (),
    min_constituents: float = 0.0,
    resamples: int = 1000,
    seed: int = 0,
) -> PlacementResult:
    """Place a model among the models of a frozen board that have its benchmarks.

    Parameters
    ----------
    scores : dict, Series, path, or name or id of a model
        Score by benchmark (``X`` is FAILED, None NEVER run, a `Cell` has an error too); the path of a scores file; or a
        model of the board, which is then not compared with itself. A benchmark may be named without its lab's prefix.
    reference : Reference or path
        From `freeze` or `read_reference`.
    schemes : sequence of str
        Five if empty, ``"all"`` for all that can place a model.
    leave_out : int or collection of int
        Ids of models of the board that are not compared with.
    min_constituents : float
        Smallest share of the benchmarks that must be scored, in [0, 1].
    resamples : int
        Draws for intervals; 0 for none.

    Raises
    ------
    CandidateError
        If a score cannot be used, the model is unknown, or too few benchmarks are scored.
    SchemeError
        If a scheme is unknown, or cannot place one model.
    ReferenceBoardError
        If the reference is none.

    See Also
    --------
    freeze : Make the reference.

    References
    ----------
    Angoff (1971), "Scales, norms, and equivalent scores", *Educational Measurement*, for norms of a fixed group.

    Examples
    --------
    >>> ref = ba.freeze(ba.example(), "base")
    >>> mine = {"FreemanZiemba2013.V1-pls": .5, "Marques2020-size": .4, "MajajHong2015.IT-pls": .5,
    ...         "Sanghavi2020.IT-pls": .6, "Rajalingham2018-i2n": "X"}
    >>> ba.place(mine, ref, schemes=["HIER"], resamples=0).missing.to_frame()["state"].value_counts().to_dict()
    {'NEVER': 3, 'FAILED': 1}
    """
    check_work(seed, resamples=resamples)
    if not isinstance(reference, Reference):
        if not isinstance(reference, str | os.PathLike):
            raise ReferenceBoardError(
                f"a reference was expected, not {type(reference).__name__}; pass reference=freeze(board, 'name')"
            )
        reference = read_reference(os.fspath(reference))
    cells, itself = _cells(scores, reference)
    out = (leave_out,) if isinstance(leave_out, int) else tuple(leave_out)
    found = placing.place(
        reference,
        cells,
        [schemes] if isinstance(schemes, str) else schemes,
        leave_out=out or itself,
        min_constituents=min_constituents,
        resamples=resamples,
        seed=seed,
    )
    return PlacementResult(found)


def _cells(scores: Scores, reference: Reference) -> tuple[dict[str, Cell], tuple[int, ...]]:
    """Return the cells of the model, and its id if it is on the board."""
    if isinstance(scores, pd.Series):
        twice = scores.index[scores.index.duplicated()]
        if len(twice):
            raise CandidateError(f"the benchmark {twice[0]!r} occurs twice in the Series; keep one score a benchmark")
        known = scores.astype(object).where(scores.notna(), None)
        scores = {str(name): value for name, value in known.items()}
    if isinstance(scores, Mapping):
        return _full_names(cells_from(scores), reference), ()
    if isinstance(scores, os.PathLike) or (
        isinstance(scores, str)
        and (scores.lower().endswith((".csv", ".json", ".tsv", ".txt")) or Path(scores).is_file())
    ):
        return _full_names(read_scores(os.fspath(scores)), reference), ()
    if isinstance(scores, str | int | np.integer):
        model = find_model(reference.board.models, str(scores), reference.called)
        return cells_of_model(reference.snapshot, model, reference.called), (model.id,)
    raise CandidateError(
        f"scores were expected, not {type(scores).__name__}; give a dict or Series from benchmark to score, the path "
        "of a scores file, or the name of a model on the board"
    )


def _full_names(cells: dict[str, Cell], reference: Reference) -> dict[str, Cell]:
    """Give benchmarks that are named without the prefix of their lab their whole name, where that is clear."""
    short: dict[str, list[str]] = {}
    for leaf in reference.board.leaves:
        lab, dot, rest = leaf.partition(".")
        if dot and lab == lab.lower():
            short.setdefault(rest, []).append(leaf)
    found: dict[str, Cell] = {}
    for name, cell in cells.items():
        whole = short.get(name, [])
        found[whole[0] if name not in reference.board.leaves and len(whole) == 1 else name] = cell
    return found
