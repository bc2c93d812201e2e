"""Certainty of a board's figures and ranks, and predictive validity, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..certainty.board_certainty import SCHEME, BoardCertainty
from ..certainty.board_certainty import certainty as board_certainty
from ..certainty.record import certainty_json, validity_json
from ..certainty.validity import Validity
from ..certainty.validity import validity as board_validity
from ..certainty.variance_components import Certainty, NotEstimable
from ..errors import BoardError, InputError
from ..files.reference import Reference
from ..plot.chart import Chart
from ..plot.rows import dots
from ..results import Result, Rows
from ..text import counted, distinct_names
from .sources import Source, snapshot_of


@dataclass(frozen=True, eq=False, repr=False)
class ToldApart(Result):
    """Two models under a scheme: true if their difference is large enough.

    Attributes
    ----------
    scheme : str
    one, other : int
        Ids.
    difference : float
        Score of one less that of the other.
    needed : float
        Smallest difference with which two models are surely ordered.
    probability : float
        That one is truly above the other.
    """

    scheme: str
    one: int
    other: int
    difference: float
    needed: float
    probability: float

    def __bool__(self) -> bool:
        return abs(self.difference) >= self.needed

    @property
    def title(self) -> str:
        """One line that names the result."""
        verdict = "are told apart" if self else "are not told apart"
        return (
            f"{self.one} and {self.other} {verdict} under {self.scheme}: they differ by {abs(self.difference):.3f}, "
            f"{self.needed:.3f} is needed"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the result as one row.

        Returns
        -------
        DataFrame, shape (1, 7)

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.certainty(ba.example(), resamples=50).told_apart(112, 103).to_frame()["told_apart"].tolist()
        [True]
        """
        return pd.DataFrame([self.to_dict()])

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.certainty(ba.example(), resamples=50).told_apart(112, 103).to_dict()["scheme"]
        'HIER'
        """
        names = ("scheme", "one", "other", "difference", "needed", "probability")
        return {name: getattr(self, name) for name in names} | {"told_apart": bool(self)}


@dataclass(frozen=True, eq=False, repr=False)
class CertaintyResult(Result):
    """Certainty of the figures and ranks of a board.

    Attributes
    ----------
    found : BoardCertainty
        All of it.
    names : dict of int to str
        Name of each model of the source.
    """

    found: BoardCertainty
    names: dict[int, str]

    @property
    def title(self) -> str:
        """One line that names the result."""
        official, board = self.found.schemes[SCHEME], self.found.board
        what = f"{counted(len(board.models), 'model')} × {counted(len(board.leaves), 'benchmark')}"
        if isinstance(official, NotEstimable):
            return f"Certainty of {what}: not estimable, {official.reason}"
        return (
            f"Certainty of {what}: reliability {official.reliability:.2f}, {counted(len(self.found.tiers), 'tier')}, "
            f"{official.told_apart_share:.0%} of the pairs told apart"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return each model's score, tier and interval of the rank under the official average, the best first.

        Returns
        -------
        DataFrame, shape (n, 7)
            Columns tier, model, id, score, low, high, first (probability to be truly the first). Without rows where
            the reliability is not estimable.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.certainty(ba.example(), resamples=50).to_frame()["model"].iloc[0]
        'efficientnet_b0'
        """
        columns = ["tier", "model", "id", "score", "low", "high", "first"]
        official, found = self.found.schemes[SCHEME], self.found
        if isinstance(official, NotEstimable) or found.ranks is None:
            return pd.DataFrame(columns=columns)
        at = {model: i for i, model in enumerate(found.board.ids)}
        rows = [
            (
                number,
                self.names[model],
                model,
                float(official.scores[at[model]]),
                int(found.ranks.low[at[model]]),
                int(found.ranks.high[at[model]]),
                found.first[model],
            )
            for number, tier in enumerate(found.tiers, 1)
            for model in tier
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def tiers(self) -> Rows:
        """Models by tier: the best of a tier is surely above the next tier."""
        return Rows(counted(len(self.found.tiers), "tier"), self.to_frame()[["tier", "model", "id", "score"]])

    @property
    def reliability(self) -> Rows:
        """Reliability of each scheme that is a weighted mean, or the reason why it is not estimable."""
        names = ["reliability", "standard_error", "told_apart_from", "told_apart_share"]
        rows = []
        for scheme, one in self.found.schemes.items():
            known = isinstance(one, Certainty)
            rows.append(
                [
                    scheme,
                    *(getattr(one, name) if known else None for name in names),
                    one.reason if isinstance(one, NotEstimable) else "",
                ]
            )
        frame = pd.DataFrame(rows, columns=["scheme", *names, "reason"])
        return Rows("Reliability, should other papers have measured the same parts", frame)

    @property
    def components(self) -> Rows:
        """Variance of a benchmark of the official average, in per cent: model, stratum, paper, benchmark."""
        shares = self.found.components
        frame = pd.DataFrame(
            {"component": list(shares), "per_cent": pd.Series(list(shares.values()), dtype=float)}
        )
        return Rows("Components of the variance of a benchmark", frame)

    @property
    def influence(self) -> Rows:
        """Figures of the board without each paper, the largest change of the mean correlation first."""
        rows = [
            (
                left.name,
                left.changes["mean_rho"],
                left.figures["mean_rho"],
                left.mean_shift,
                left.rho,
                left.winner,
            )
            for left in self.found.papers
        ]
        columns = ["paper", "change", "mean_rho", "mean_shift", "rho", "winner"]
        return Rows(f"Without each of {counted(len(rows), 'paper')}", pd.DataFrame(rows, columns=columns))

    @property
    def figures(self) -> Rows:
        """Headline figures with intervals over families of models."""
        boot = self.found.bootstrap
        rows = [
            (name, value, *((one.low, one.high) if (one := boot.intervals[name]) else (None, None)))
            for name, value in boot.figures.items()
        ]
        frame = pd.DataFrame(rows, columns=["figure", "value", "low", "high"])
        return Rows(
            f"Figures with intervals over {counted(boot.families, 'family').replace('familys', 'families')}",
            frame,
        )

    def told_apart(self, one: int, other: int, scheme: str = SCHEME) -> ToldApart:
        """Compare two models.

        Parameters
        ----------
        one, other : int
            Ids of models on the cleaned board.
        scheme : str
            Of those in ``reliability``.

        Returns
        -------
        ToldApart
            True where their difference is large enough.

        Raises
        ------
        InputError
            If a model is not on the cleaned board, or there is no such scheme.
        BoardError
            If the reliability of the scheme is not estimable.

        References
        ----------
        Brennan (2001), *Generalizability Theory*.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> bool(ba.certainty(ba.example(), resamples=50).told_apart(107, 112))
        True
        """
        if scheme not in self.found.schemes:
            raise InputError(
                f"there is no certainty of {scheme!r}; known are {', '.join(self.found.schemes)}"
            )
        found = self.found.schemes[scheme]
        if isinstance(found, NotEstimable):
            raise BoardError(f"no two models are compared: {found.reason}")
        for model in (one, other):
            if model not in found.ids:
                name = f" ({self.names[model]!r})" if model in self.names else ""
                raise InputError(
                    f"model {model!r}{name} is not on the cleaned board of {counted(len(found.ids), 'model')}; give "
                    "the id of one that is, see to_frame()"
                )
        i, j = found.ids.index(one), found.ids.index(other)
        return ToldApart(
            scheme,
            one,
            other,
            float(found.scores[i] - found.scores[j]),
            found.told_apart_from,
            found.posterior.above(i, j),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``brainalign analyze --json`` has as ``certainty``; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> sorted(ba.certainty(ba.example(), resamples=50).to_dict())[:3]
        ['components', 'corrected_negative_share', 'effective_n']
        """
        return certainty_json(self.found, list(self.names))

    @property
    def plot(self) -> CertaintyPlots:
        """Charts: ``tiers``, ``components`` and ``influence``."""
        return CertaintyPlots(self)


@dataclass(frozen=True)
class CertaintyPlots:
    """Charts of certainty."""

    result: CertaintyResult

    def tiers(self, top: int = 40) -> Chart:
        """Draw the best models with the intervals of their ranks, tiers in turn in two colours.

        Parameters
        ----------
        top : int
            How many models.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.certainty(ba.example(), resamples=50).plot.tiers(5).to_frame())
        5
        """
        frame = self.result.to_frame().head(top)
        names = distinct_names(frame["model"].tolist(), frame["id"].tolist())
        ranks = frame["score"].rank(ascending=False, method="min").tolist()
        return dots(
            [f"{tier} · {name}" for tier, name in zip(frame["tier"], names, strict=True)],
            ranks,
            title=self.result.title,
            alt=f"Ranks of {counted(len(frame), 'model')} by tier, with intervals. {self.result.title}.",
            axis="rank under the official average",
            low=frame["low"].tolist(),
            high=frame["high"].tolist(),
            groups=["odd tier" if tier % 2 else "even tier" for tier in frame["tier"]],
            ids=frame["id"].tolist(),
            form="d",
            reverse=True,
        )

    def components(self) -> Chart:
        """Draw the components of the variance of a benchmark.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.certainty(ba.example(), resamples=50).plot.components().to_frame())
        4
        """
        rows = self.result.components
        frame = rows.to_frame()
        title = rows.title
        return dots(
            frame["component"].tolist(),
            frame["per_cent"].tolist(),
            title=title,
            alt=f"A dot a component. {title}.",
            axis="per cent",
            form=".0f",
            zero=True,
        )

    def influence(self) -> Chart:
        """Draw the change of the mean correlation without each paper.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.certainty(ba.example(), resamples=50).plot.influence().to_frame())
        8
        """
        frame = self.result.influence.to_frame()
        title = "Change of the mean correlation without each paper"
        return dots(
            frame["paper"].tolist(),
            frame["change"].tolist(),
            title=title,
            alt=f"A dot a paper. {title}.",
            axis="change of the mean correlation",
            form="+.3f",
            zero=True,
        )


@dataclass(frozen=True, eq=False, repr=False)
class ValidityResult(Result):
    """Correlations with which each scheme ranks models on papers that it has not seen.

    Attributes
    ----------
    found : Validity
    """

    found: Validity

    @property
    def title(self) -> str:
        """One line that names the result."""
        schemes = counted(len(self.found.schemes), "scheme")
        return f"Predictive validity of {schemes} over {counted(len(self.found.papers), 'paper')}"

    def to_frame(self) -> pd.DataFrame:
        """Return each scheme's mean correlation with unseen papers, the best first.

        Returns
        -------
        DataFrame
            Columns scheme, mean, low, high.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).to_frame().shape
        (2, 4)
        """
        rows = [
            (one.scheme, one.mean, *((one.interval.low, one.interval.high) if one.interval else (None, None)))
            for one in self.found.schemes.values()
        ]
        return pd.DataFrame(rows, columns=["scheme", "mean", "low", "high"])

    @property
    def papers(self) -> pd.DataFrame:
        """Correlation of each scheme (rows), fitted without the paper (columns), with the models' ranks on it."""
        return pd.DataFrame({one.scheme: one.papers for one in self.found.schemes.values()}).T.astype(float)

    def difference(self, one: str, other: str) -> pd.Series[Any]:
        """Return by how much one scheme predicts better than another, paired in each resample.

        Parameters
        ----------
        one, other : str

        Returns
        -------
        Series
            value, low, high; NaN where the two have no means over the same papers, or with fewer than 8 families.

        Raises
        ------
        InputError
            If one of them was not compared.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> list(ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).difference("HIER", "RANK").index)
        ['value', 'low', 'high']
        """
        found = self.found.difference(one, other)
        values = [float("nan")] * 3 if found is None else [found.value, found.low, found.high]
        return pd.Series(values, index=["value", "low", "high"], name=f"{one} - {other}", dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``brainalign analyze --json --full`` has as ``validity``; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> sorted(ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).to_dict())
        ['HIER', 'RANK']
        """
        return validity_json(self.found)

    @property
    def plot(self) -> ValidityPlots:
        """Charts: ``schemes``."""
        return ValidityPlots(self)


@dataclass(frozen=True)
class ValidityPlots:
    """Charts of predictive validity."""

    result: ValidityResult

    def schemes(self) -> Chart:
        """Draw each scheme's mean correlation with unseen papers.

        Returns
        -------
        Chart

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).plot.schemes().to_frame())
        2
        """
        frame = self.result.to_frame()
        return dots(
            frame["scheme"].tolist(),
            frame["mean"].tolist(),
            title=self.result.title,
            alt=f"A dot a scheme. {self.result.title}.",
            axis="mean rank correlation with an unseen paper",
            low=frame["low"].tolist(),
            high=frame["high"].tolist(),
        )


def certainty(
    source: Source, *, max_missing: float = 0.5, resamples: int = 1000, draws: int = 1000, seed: int = 0
) -> CertaintyResult:
    """Estimate how sure the figures and ranks of a board are.

    Parameters
    ----------
    source : Snapshot, Board, DataFrame or path
    max_missing : float
        Largest share of missing scores with which a benchmark is kept.
    resamples : int
        Of families of models.
    draws : int
        Of true scores, for intervals of ranks.
    seed : int

    Returns
    -------
    CertaintyResult
        Reliability, components, tiers, influence of papers, intervals of the figures.

    Raises
    ------
    InputError
        If a number is out of range.

    See Also
    --------
    validity : Predictive validity of the schemes.

    References
    ----------
    Brennan (2001), *Generalizability Theory*.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.certainty(ba.example(), resamples=50).components.to_frame()["component"].tolist()
    ['model', 'model_stratum', 'model_paper', 'model_leaf']
    """
    board = snapshot_of(source).board()
    found = board_certainty(board, max_missing, resamples, draws, seed)
    return CertaintyResult(found, {model.id: model.name for model in board.models})


def validity(
    source: Source,
    schemes: Sequence[str] | None = None,
    *,
    reference: Reference | None = None,
    max_missing: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> ValidityResult:
    """Ask each scheme, fitted without a paper, to rank the models on that paper.

    Parameters
    ----------
    source : Snapshot, Board, DataFrame or path
    schemes : sequence of str, optional
        All registered ones if None; those with frozen norms only with a reference, KEMENY only up to 120 models.
    reference : Reference, optional
    max_missing : float
        Largest share of missing scores with which a benchmark is kept.
    resamples, seed : int
        Of the intervals over families.

    Returns
    -------
    ValidityResult

    Raises
    ------
    BoardError
        If the cleaned board has fewer than three models, or no benchmark.
    SchemeError
        If a scheme is unknown.
    InputError
        If there is no resample.

    See Also
    --------
    certainty : Reliability of figures and ranks.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).title
    'Predictive validity of 2 schemes over 8 papers'
    """
    board = snapshot_of(source).board()
    names = [schemes] if isinstance(schemes, str) else schemes
    return ValidityResult(board_validity(board, names, reference, None, resamples, seed, max_missing))
