"""Ranks of the models of a board under one scheme or several, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import pandas as pd

from ..certainty.rank import RankedScheme, Resampling, rank_schemes, ranking_json
from ..errors import InputError
from ..files.reference import Reference, given_board
from ..plot.chart import Chart
from ..plot.rows import bump, dots
from ..ranking.boards import BoardKind, ComparedBoard, compared_board
from ..ranking.compare import SchemeComparison, compare_schemes, comparison_json
from ..results import Result
from ..schemes import Convention, Ranking, Scheme
from ..text import counted, distinct_names
from .sources import Source, snapshot_of

_NAMED = 10


@dataclass(frozen=True, eq=False, repr=False)
class RankResult(Result):
    """The models of a board under one scheme.

    Attributes
    ----------
    one : RankedScheme
        The scheme, its ranking, and its intervals unless it takes long.
    compared : ComparedBoard
        The board that was ranked, and the models that it leaves out.
    reference : Reference
        Norms of the schemes that need them.
    resampling : Resampling or None
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

    @property
    def title(self) -> str:
        """One line that names the result."""
        problem = f"; {self.one.problem}" if self.one.problem else ""
        return f"Ranks under {self.one.scheme.name}: {self.compared.size} ({self.compared.kind}){problem}"

    def to_frame(self) -> pd.DataFrame:
        """Return each model's rank and score, the best first.

        Returns
        -------
        DataFrame, shape (n, 7)
            Columns rank, model, id, score, low, high, first: the ends of the interval of the rank, or of its range
            over papers left out, and the probability to be truly the first, missing where there is no posterior.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.rank(ba.example(), "HIER").to_frame().columns.tolist()
        ['rank', 'model', 'id', 'score', 'low', 'high', 'first']
        """
        columns = ["rank", "model", "id", "score", "low", "high", "first"]
        if self.one.ranking is None:
            return pd.DataFrame(columns=columns)
        ranking, sure = self.one.ranking, self.one.uncertainty
        unknown = [pd.NA] * len(ranking.ids)
        frame = pd.DataFrame(
            {
                "rank": ranking.ranks,
                "model": [model.name for model in self.compared.board.models],
                "id": list(ranking.ids),
                "score": ranking.scores,
                "low": pd.array(unknown if sure is None else sure.low.tolist(), dtype="Int64"),
                "high": pd.array(unknown if sure is None else sure.high.tolist(), dtype="Int64"),
                "first": [float("nan")] * len(unknown) if sure is None or sure.first is None else sure.first,
            }
        )
        return frame.sort_values(["rank", "id"], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the record of ``brainalign rank --json``; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> list(ba.rank(ba.example(), "HIER").to_dict()["schemes"])
        ['HIER']
        """
        return ranking_json(self.compared, self.reference, [self.one], self.resampling)

    @property
    def plot(self) -> RankPlots:
        """Charts: ``intervals``."""
        return RankPlots(self)


@dataclass(frozen=True)
class RankPlots:
    """Charts of one ranking."""

    result: RankResult

    def intervals(self, top: int = 30) -> Chart:
        """Draw the ranks of the best models with their intervals.

        Parameters
        ----------
        top : int
            Number of models.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.rank(ba.example(), "HIER").plot.intervals(5).to_frame())
        5
        """
        frame = self.result.to_frame().head(top)
        known = self.result.one.uncertainty
        names = frame["model"].tolist()
        title = f"Ranks under {self.result.one.scheme.name}" + (
            ""
            if known is None
            else f", with posterior intervals at {known.level:.0%}"
            if known.level is not None
            else ", with ranges over papers left out"
        )
        return dots(
            distinct_names(names, frame["id"].tolist()),
            frame["rank"].astype(float).tolist(),
            title=title,
            alt=f"Ranks of {counted(len(frame), 'model')}, the best first. {title}.",
            axis="rank",
            low=frame["low"].astype(float).tolist() if known else None,
            high=frame["high"].astype(float).tolist() if known else None,
            ids=frame["id"].tolist(),
            form="d",
            reverse=True,
        )


@dataclass(frozen=True, eq=False, repr=False)
class SchemesResult(Result):
    """The models of a board under several schemes; indexed by name, each is a `RankResult`.

    Attributes
    ----------
    schemes : tuple of RankedScheme
    compared : ComparedBoard
    reference : Reference
    resampling : Resampling or None
    """

    schemes: tuple[RankedScheme, ...]
    compared: ComparedBoard
    reference: Reference
    resampling: Resampling | None

    @property
    def title(self) -> str:
        """One line that names the result."""
        problems = "".join(f"; {one.scheme.name}: {one.problem}" for one in self.schemes if one.problem)
        schemes = counted(len(self.schemes), "scheme")
        return f"Ranks under {schemes}: {self.compared.size} ({self.compared.kind}){problems}"

    def __len__(self) -> int:
        return len(self.schemes)

    def __iter__(self) -> Iterator[RankResult]:
        return (self[one.scheme.name] for one in self.schemes)

    def __getitem__(self, name: str) -> RankResult:
        for one in self.schemes:
            if one.scheme.name.lower() == name.lower():
                return RankResult(one, self.compared, self.reference, self.resampling)
        known = ", ".join(one.scheme.name for one in self.schemes)
        raise InputError(f"the scheme {name!r} was not asked for; here are {known}")

    def to_frame(self) -> pd.DataFrame:
        """Return each model's rank under each scheme, the best under the first scheme first.

        Returns
        -------
        DataFrame, shape (n, k)
            By name and id; a column a scheme. A scheme that could not rank the board has no numbers.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.rank(ba.example(), ["HIER", "RANK"]).to_frame().shape
        (11, 2)
        """
        board = self.compared.board
        index = pd.MultiIndex.from_arrays(
            [[model.name for model in board.models], board.ids], names=["model", "id"]
        )
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

        Returns
        -------
        ComparisonResult

        Raises
        ------
        InputError
            If no scheme ranked the board.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.rank(ba.example(), ["HIER", "RANK"]).compare().to_frame()[["one", "other"]].values.tolist()
        [['HIER', 'RANK']]
        """
        board = self.compared.board
        rankings = [one.ranking for one in self.schemes if one.ranking is not None]
        return ComparisonResult(
            compare_schemes(board, rankings), {model.id: model.name for model in board.models}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record of ``brainalign rank --json`` with the comparison; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.rank(ba.example(), ["HIER", "RANK"]).to_dict()["comparison"]["pairs"][0]["other"]
        'RANK'
        """
        comparison = self.compare().found if any(one.ranking for one in self.schemes) else None
        return ranking_json(self.compared, self.reference, self.schemes, self.resampling, comparison)

    @property
    def plot(self) -> SchemesPlots:
        """Charts: ``bump`` and ``intervals``."""
        return SchemesPlots(self)


@dataclass(frozen=True)
class SchemesPlots:
    """Charts of several rankings."""

    result: SchemesResult

    def bump(self, top: int = _NAMED) -> Chart:
        """Draw each model's rank under each scheme, a line a model.

        Parameters
        ----------
        top : int
            Number of models with names: the best under the first scheme.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
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

        Returns
        -------
        Chart

        Raises
        ------
        InputError
            If the scheme is not in the result.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.rank(ba.example(), ["COPELAND", "HIER"]).plot.intervals().title
        'Ranks under HIER, with posterior intervals at 95%'
        """
        sure = [
            (one.scheme.name, one.uncertainty) for one in self.result.schemes if one.uncertainty is not None
        ]
        posterior = (name for name, found in sure if found.kind == "posterior")
        name = scheme or next(posterior, self.result.schemes[0].scheme.name)
        return self.result[name].plot.intervals(top)


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Result):
    """Comparison of schemes.

    Attributes
    ----------
    found : SchemeComparison
    names : dict of int to str
        Name of each model id.
    """

    found: SchemeComparison
    names: dict[int, str]

    @property
    def title(self) -> str:
        """One line that names the result."""
        w = self.found.concordance
        agreed = "" if w is None else f", Kendall's W {w:.3f}"
        top = f"{len(self.found.always_top)} always in the top ten"
        return f"Comparison of schemes: {counted(len(self.found.pairs), 'pair')}{agreed}, {top}"

    def to_frame(self) -> pd.DataFrame:
        """Return the agreement of each pair of schemes.

        Returns
        -------
        DataFrame
            Columns one, other, spearman, tau_b, kappa, top_overlap.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.rank(ba.example(), ["HIER", "RANK", "COPELAND"]).compare().to_frame())
        3
        """
        columns = ["one", "other", "spearman", "tau_b", "kappa", "top_overlap"]
        return pd.DataFrame([[getattr(p, c) for c in columns] for p in self.found.pairs], columns=columns)

    @property
    def models(self) -> pd.DataFrame:
        """Best and worst rank of each model over the schemes, the most contested first."""
        columns = ["id", "best", "best_scheme", "worst", "worst_scheme"]
        frame = pd.DataFrame([[getattr(m, c) for c in columns] for m in self.found.models], columns=columns)
        frame.insert(0, "model", [self.names[i] for i in frame["id"]])
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return the field ``comparison`` of ``brainalign rank --json``; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> sorted(ba.rank(ba.example(), ["HIER", "RANK"]).compare().to_dict())
        ['always_top_ten', 'distinct_rankings', 'kendall_w', 'models', 'pairs', 'pareto_front']
        """
        return comparison_json(self.found)


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
    source : Snapshot, Board, DataFrame or path
    schemes : str, Scheme or sequence of them
        One gives a `RankResult`, a sequence a `SchemesResult`; all registered schemes if empty.
    board : {"cleaned", "full"}
        Complete cases, or all models with a score, whose missing scores the scheme's rule deals with.
    missing : str, optional
        Rule for missing scores; each scheme's own if None.
    reference : Reference, optional
        Frozen norms of the REF schemes; the given board if None.
    resamples : int
        Draws of true scores, for intervals of the ranks at 95 %; 0 for no intervals.
    seed : int
    n_jobs : int
        Processes; the numbers do not depend on it.

    Returns
    -------
    RankResult or SchemesResult

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

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.rank(ba.example(), "ZMEAN").title
    'Ranks under ZMEAN: 11 models × 8 benchmarks (cleaned)'
    """
    snapshot = snapshot_of(source)
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    resampling = Resampling(resamples=resamples, seed=seed, jobs=n_jobs) if resamples else None
    alone = isinstance(schemes, str | Scheme)
    names = [schemes] if isinstance(schemes, str | Scheme) else list(schemes)
    found = rank_schemes(compared, norms, names, missing, resampling)
    if alone:
        return RankResult(found[0], compared, norms, resampling)
    return SchemesResult(found, compared, norms, resampling)
