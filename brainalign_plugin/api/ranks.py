"""Rank the models of a board under one scheme or several, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd

from ..certainty.rank import RankedScheme, Resampling, rank_schemes, ranking_json
from ..errors import InputError, SchemeError
from ..files.reference import Reference, given_board
from ..plot.chart import Chart
from ..plot.rows import bump, frame_dots
from ..ranking.boards import BoardKind, ComparedBoard, compared_board
from ..ranking.compare import SchemeComparison, compare_schemes, comparison_json
from ..results import Plots, Result, Rows, documented, table
from ..schemes import Convention, Ranking, Scheme
from ..schemes.missing import CONVENTIONS
from ..text import counted, distinct_names
from .sources import Source, check_work, scheme_list, snapshot_of

_NAMED = 10


class RankPlots(Plots["RankResult"]):
    """Charts of one ranking."""

    def intervals(self, top: int = 30) -> Chart:
        """Draw the ranks of the best models with their intervals.

        See Also
        --------
        SchemesPlots.bump : Ranks under several schemes.

        Examples
        --------
        >>> len(ba.rank(ba.example(), "HIER").plot.intervals(5).to_frame())
        5
        """
        frame = self.result.to_frame().head(top)
        known = self.result.one.uncertainty
        title = f"Ranks under {self.result.one.scheme.name}" + (
            ""
            if known is None
            else f", with posterior intervals at {known.level:.0%}"
            if known.level is not None
            else ", with ranges over papers left out"
        )
        frame["name"] = distinct_names(frame["model"].tolist(), frame["id"].tolist())
        if known is None:
            frame = frame.drop(columns=["low", "high"])
        what = f"Ranks of {counted(len(frame), 'model')}, the best first"
        return frame_dots(frame, "name", "rank", "rank", title, what, form="d", reverse=True)


@dataclass(frozen=True, eq=False, repr=False)
class RankResult(Result):
    """The models of a board under one scheme.

    The frame has a row a model, the best first, shape (n, 7): rank, model, id, score, low and high (the ends of the
    interval of the rank, or of its range over papers left out), first (the probability to be truly the first, missing
    where there is no posterior). The record is that of ``rank --json``.

    Attributes
    ----------
    one : RankedScheme
        The scheme, its ranking, and its intervals unless it takes long.
    compared : ComparedBoard
        The board that was ranked, and the models that it leaves out.
    reference : Reference
        Norms of the schemes that need them.

    Examples
    --------
    >>> ba.rank(ba.example(), "HIER").to_frame().columns.tolist()
    ['rank', 'model', 'id', 'score', 'low', 'high', 'first']
    """

    one: RankedScheme
    compared: ComparedBoard
    reference: Reference
    resampling: Resampling | None

    @property
    def ranking(self) -> Ranking:
        """Scores and ranks by position."""
        if self.one.ranking is None:
            raise InputError(f"{self.one.scheme.name} did not rank this board: {self.one.problem}")
        return self.one.ranking

    def _title(self) -> str:
        problem = f"; {self.one.problem}" if self.one.problem else ""
        return f"Ranks under {self.one.scheme.name}: {self.compared.size} ({self.compared.kind}){problem}"

    def _frame(self) -> pd.DataFrame:
        columns = ["rank", "model", "id", "score", "low", "high", "first"]
        if self.one.ranking is None:
            return pd.DataFrame(columns=columns)
        ranking, sure = self.one.ranking, self.one.uncertainty
        first = None if sure is None else sure.first
        frame = pd.DataFrame(
            {
                "rank": ranking.ranks,
                "model": [model.name for model in self.compared.board.models],
                "id": list(ranking.ids),
                "score": ranking.scores,
                "low": pd.NA if sure is None else sure.low,
                "high": pd.NA if sure is None else sure.high,
                "first": np.nan if first is None else first,
            }
        ).astype({"low": "Int64", "high": "Int64"})
        return frame.sort_values(["rank", "id"], ignore_index=True)

    def _record(self) -> dict[str, Any]:
        return ranking_json(self.compared, self.reference, [self.one], self.resampling)

    plot = cached_property(RankPlots)


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Result):
    """Comparison of schemes.

    The frame has a row a pair of schemes: one, other, spearman, tau_b, kappa, top_overlap. The record is the field
    ``comparison`` of ``rank --json``.

    Examples
    --------
    >>> compared = ba.rank(ba.example(), ["HIER", "RANK"]).compare()
    >>> sorted(compared.to_dict())
    ['always_top_ten', 'distinct_rankings', 'kendall_w', 'models', 'pairs', 'pareto_front']
    """

    found: SchemeComparison
    names: dict[int, str]  # Of each model id

    def _title(self) -> str:
        w = self.found.concordance
        agreed = "" if w is None else f", Kendall's W {w:.3f}"
        top = f"{len(self.found.always_top)} always in the top ten"
        return f"Comparison of schemes: {counted(len(self.found.pairs), 'pair')}{agreed}, {top}"

    def _frame(self) -> pd.DataFrame:
        return table(self.found.pairs, "one other spearman tau_b kappa top_overlap")

    @property
    def models(self) -> pd.DataFrame:
        """Best and worst rank of each model over the schemes, most contested first; of three or more without GLS."""
        frame = table(self.found.models, "id best best_scheme worst worst_scheme")
        frame.insert(0, "model", [self.names[i] for i in frame["id"]])
        return frame

    _json = staticmethod(comparison_json)


class SchemesPlots(Plots["SchemesResult"]):
    """Charts of several rankings."""

    def bump(self, top: int = _NAMED) -> Chart:
        """Draw each model's rank under each scheme, a line a model.

        Parameters
        ----------
        top : int
            Number of models with names: the best under the first scheme.

        Examples
        --------
        >>> len(ba.rank(ba.example(), ["HIER", "RANK"]).plot.bump().to_frame())
        22
        """
        frame = self.result.to_frame()
        ids = [int(i) for i in frame.index.get_level_values("id")]
        title = f"Ranks of {counted(len(frame), 'model')} under {counted(len(frame.columns), 'scheme')}"
        return bump(
            [str(name) for name in frame.index.get_level_values("model")],
            ids,
            [str(name) for name in frame.columns],
            [[None if pd.isna(rank) else int(rank) for rank in frame[name]] for name in frame.columns],
            title=title,
            alt=f"A line a model. {title}.",
            chosen=ids[:top],
        )

    def intervals(self, scheme: str | None = None, top: int = 30) -> Chart:
        """Draw the ranks of the best models under one scheme with their intervals.

        Parameters
        ----------
        scheme : str, optional
            The first with a posterior if None.
        top : int

        Raises
        ------
        InputError
            If the scheme is not in the result.

        See Also
        --------
        RankPlots.intervals : The same of one ranking.

        Examples
        --------
        >>> ba.rank(ba.example(), ["COPELAND", "HIER"]).plot.intervals().title
        'Ranks under HIER, with posterior intervals at 95%'
        """
        sure = [(one.scheme.name, one.uncertainty) for one in self.result.schemes if one.uncertainty is not None]
        posterior = (name for name, found in sure if found.kind == "posterior")
        name = scheme or next(posterior, self.result.schemes[0].scheme.name)
        return self.result[name].plot.intervals(top)


@dataclass(frozen=True, eq=False, repr=False)
class SchemesResult(Result):
    """The models of a board under several schemes; indexed by name, each is a `RankResult`.

    The frame has each model's rank under each scheme, shape (n, k), by name and id, the best under the first scheme
    first; a scheme that could not rank the board has no numbers. The record is that of ``rank --json`` with the
    comparison.

    Examples
    --------
    >>> ranked = ba.rank(ba.example(), ["HIER", "RANK"])
    >>> ranked.to_frame().shape, ranked["RANK"].title
    ((11, 2), 'Ranks under RANK: 11 models × 8 benchmarks (cleaned)')
    """

    schemes: tuple[RankedScheme, ...]
    compared: ComparedBoard
    reference: Reference
    resampling: Resampling | None

    def _title(self) -> str:
        schemes, problems = counted(len(self.schemes), "scheme"), len(self.problems.frame)
        noted = f"; {counted(problems, 'note')} in problems" if problems else ""
        return f"Ranks under {schemes}: {self.compared.size} ({self.compared.kind}){noted}"

    @property
    def problems(self) -> Rows:
        """Schemes that did not rank the board or have no intervals, with the reason."""
        rows = [(one.scheme.name, one.problem) for one in self.schemes if one.problem]
        return Rows(counted(len(rows), "problem"), pd.DataFrame(rows, columns=["scheme", "problem"]))

    def __len__(self) -> int:
        return len(self.schemes)

    def __iter__(self) -> Iterator[RankResult]:
        return (self[one.scheme.name] for one in self.schemes)

    def __getitem__(self, scheme: str | Scheme) -> RankResult:
        name = scheme.name if isinstance(scheme, Scheme) else scheme
        for one in self.schemes:
            if one.scheme.name.lower() == name.lower():
                return RankResult(one, self.compared, self.reference, self.resampling)
        known = ", ".join(one.scheme.name for one in self.schemes)
        raise InputError(f"the scheme {name!r} was not asked for; here are {known}")

    def _frame(self) -> pd.DataFrame:
        board = self.compared.board
        index = pd.MultiIndex.from_arrays([[model.name for model in board.models], board.ids], names=["model", "id"])
        columns = {
            one.scheme.name: pd.array(
                [pd.NA] * len(index) if one.ranking is None else one.ranking.ranks.tolist(), dtype="Int64"
            )
            for one in self.schemes
        }
        frame = pd.DataFrame(columns, index=index)
        return frame.sort_values(frame.columns[0], kind="stable") if len(frame.columns) else frame

    def compare(self) -> ComparisonResult:
        """Compare the rankings of the schemes: agreement, contested models, the best under all.

        Raises
        ------
        InputError
            If no scheme ranked the board.

        See Also
        --------
        validity : Compare schemes on papers that they have not seen.

        References
        ----------
        Kendall, Babington Smith (1939), "The problem of m rankings", *Annals of Mathematical Statistics* 10.

        Examples
        --------
        >>> ba.rank(ba.example(), ["HIER", "RANK"]).compare().to_frame()[["one", "other"]].values.tolist()
        [['HIER', 'RANK']]
        """
        board = self.compared.board
        rankings = [one.ranking for one in self.schemes if one.ranking is not None]
        return ComparisonResult(compare_schemes(board, rankings), {model.id: model.name for model in board.models})

    def _record(self) -> dict[str, Any]:
        comparison = self.compare().found if any(one.ranking for one in self.schemes) else None
        return ranking_json(self.compared, self.reference, self.schemes, self.resampling, comparison)

    plot = cached_property(SchemesPlots)


@overload
def rank(  # type: ignore[overload-overlap]
    source: Source,
    schemes: str | Scheme,
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> RankResult: ...
@overload
def rank(
    source: Source,
    schemes: Sequence[str | Scheme] = (),
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> SchemesResult: ...
@documented
def rank(
    source: Source,
    schemes: str | Scheme | Sequence[str | Scheme] = (),
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> RankResult | SchemesResult:
    """Rank the models of a board under one scheme or several.

    Parameters
    ----------
    schemes : str, Scheme or sequence of them
        One gives a `RankResult`, a sequence a `SchemesResult`; all registered schemes if empty.
    board : {"cleaned", "full"}
        Complete cases, or all models with a score, whose missing scores the scheme's rule deals with.
    missing : str, optional
        Rule for missing scores; each scheme's own if None.
    resamples : int
        Draws of true scores, for intervals of the ranks at 95 %; 0 for no intervals.

    Raises
    ------
    SchemeError
        If a scheme is unknown or does not support the rule.
    BoardError
        If fewer than two models or no benchmark is left.
    InputError
        If a parameter is out of range.

    See Also
    --------
    audit : Measure the properties of schemes.
    scheme : Make a scheme of a function.

    References
    ----------
    Brennan (2001), *Generalizability Theory*, for the intervals; ``docs/schemes.md`` has the source of each scheme.

    Examples
    --------
    >>> ba.rank(ba.example(), "ZMEAN").title
    'Ranks under ZMEAN: 11 models × 8 benchmarks (cleaned)'
    """
    check_work(seed, n_jobs, resamples)
    if missing is not None and missing not in CONVENTIONS:
        raise SchemeError(f"there is no rule {missing!r} for missing scores; known are {', '.join(CONVENTIONS)}")
    snapshot = snapshot_of(source)
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    resampling = Resampling(resamples=resamples, seed=seed, jobs=n_jobs) if resamples else None
    found = rank_schemes(compared, norms, scheme_list(schemes), missing, resampling)
    if isinstance(schemes, str | Scheme):
        return RankResult(found[0], compared, norms, resampling)
    return SchemesResult(found, compared, norms, resampling)
