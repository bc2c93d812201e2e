"""Certainty of a board's figures and ranks, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any, get_args

import pandas as pd

from ..certainty.board_certainty import BoardCertainty
from ..certainty.board_certainty import certainty as board_certainty
from ..certainty.figures import OFFICIAL
from ..certainty.influence import Kind, LeftOut, influence
from ..certainty.record import certainty_json
from ..certainty.variance_components import NotEstimable
from ..errors import BoardError, InputError
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..results import Plots, Result, Rows, documented
from ..text import counted, distinct_names
from .sources import Source, check_work, family_table, snapshot_of


@dataclass(frozen=True, eq=False, repr=False)
class ToldApart(Rows):
    """Two models under a scheme: true if their difference is large enough.

    The frame has one row: scheme, one, one_name, other, other_name, difference (of the scores), needed (the smallest
    difference with which two models are surely ordered), probability (that one is truly above the other), told_apart.

    Examples
    --------
    >>> ba.certainty(ba.example(), resamples=50).told_apart(112, 103).to_frame()["one_name"].tolist()
    ['inception_v3']
    """

    def __bool__(self) -> bool:
        return bool(self.frame["told_apart"].iloc[0])


class CertaintyPlots(Plots["CertaintyResult"]):
    """Charts of certainty."""

    def tiers(self, top: int = 40) -> Chart:
        """Draw the best models with the intervals of their ranks, tiers in turn in two colours.

        Examples
        --------
        >>> len(ba.certainty(ba.example(), resamples=50).plot.tiers(5).to_frame())
        5
        """
        frame = self.result.to_frame().head(top)
        names = distinct_names(frame["model"].tolist(), frame["id"].tolist())
        frame["rank"] = frame["score"].rank(ascending=False, method="min")
        frame["name"] = [f"{tier} · {name}" for tier, name in zip(frame["tier"], names, strict=True)]
        return frame_dots(
            frame,
            "name",
            "rank",
            "rank under the official average",
            self.result.title,
            f"Ranks of {counted(len(frame), 'model')} by tier, with intervals",
            groups=["odd tier" if tier % 2 else "even tier" for tier in frame["tier"]],
            form="d",
            reverse=True,
        )

    def components(self) -> Chart:
        """Draw the components of the variance of a benchmark.

        Examples
        --------
        >>> len(ba.certainty(ba.example(), resamples=50).plot.components().to_frame())
        4
        """
        rows = self.result.components
        return frame_dots(rows.frame, "component", "per_cent", "per cent", rows.title, form=".0f", zero=True)

    def influence(self) -> Chart:
        """Draw the change of the mean correlation without each paper.

        Examples
        --------
        >>> len(ba.certainty(ba.example(), resamples=50).plot.influence().to_frame())
        8
        """
        frame, axis = self.result.influence.frame, "change of the mean correlation"
        title = "Change of the mean correlation without each paper"
        return frame_dots(frame, "paper", "change", axis, title, form="+.3f", zero=True)


@dataclass(frozen=True, eq=False, repr=False)
class CertaintyResult(Result):
    """Certainty of the figures and ranks of a board.

    The frame has a row a model of the cleaned board under the official average, the best first, shape (n, 7): tier,
    model, id, score, low and high (interval of the rank), first (probability to be truly the first); no rows where the
    reliability is not estimable. The record is the field ``certainty`` of ``analyze --json``.

    Attributes
    ----------
    found : BoardCertainty
        All of it.
    names : dict of int to str
        Name of each model of the source.

    Examples
    --------
    >>> ba.certainty(ba.example(), resamples=50).to_frame()["model"].iloc[0]
    'efficientnet_b0'
    """

    found: BoardCertainty
    names: dict[int, str]

    def _title(self) -> str:
        official, board = self.found.schemes[OFFICIAL], self.found.board
        what = f"{counted(len(board.models), 'model')} × {counted(len(board.leaves), 'benchmark')}"
        if isinstance(official, NotEstimable):
            return f"Certainty of {what}: not estimable, {official.reason}"
        return (
            f"Certainty of {what}: reliability {official.reliability:.2f}, {counted(len(self.found.tiers), 'tier')}, "
            f"{official.told_apart_share:.0%} of the pairs told apart, {official.tiers.neighbours_apart} of "
            f"{counted(official.tiers.neighbours, 'pair')} of neighbours"
        )

    def _frame(self) -> pd.DataFrame:
        official, found = self.found.schemes[OFFICIAL], self.found
        if isinstance(official, NotEstimable) or found.ranks is None:
            return pd.DataFrame(columns=["tier", "model", "id", "score", "low", "high", "first"])
        ids = [model for tier in found.tiers for model in tier]
        at = [found.board.ids.index(model) for model in ids]
        columns = {
            "tier": [number for number, tier in enumerate(found.tiers, 1) for _ in tier],
            "model": [self.names[model] for model in ids],
            "id": ids,
            "score": official.scores[at],
            "low": found.ranks.low[at],
            "high": found.ranks.high[at],
            "first": [found.first[model] for model in ids],
        }
        return pd.DataFrame(columns)

    @property
    def tiers(self) -> Rows:
        """Models by tier: the best of a tier is surely above the next tier."""
        return Rows(counted(len(self.found.tiers), "tier"), self.to_frame()[["tier", "model", "id", "score"]])

    @property
    def reliability(self) -> Rows:
        """Reliability of each scheme that is a weighted mean, or the reason why it is not estimable."""
        columns = ["reliability", "standard_error", "told_apart_from", "told_apart_share", "reason"]
        rows = [
            [scheme, *(getattr(one, column, None) for column in columns)] for scheme, one in self.found.schemes.items()
        ]
        frame = pd.DataFrame(rows, columns=["scheme", *columns]).fillna({"reason": ""})
        return Rows("Reliability, should other papers have measured the same parts", frame)

    @property
    def components(self) -> Rows:
        """Variance of a benchmark of the official average, in per cent: model, stratum, paper, benchmark."""
        shares = self.found.components
        frame = pd.DataFrame({"component": list(shares), "per_cent": pd.Series(list(shares.values()), dtype=float)})
        return Rows("Components of the variance of a benchmark", frame)

    @property
    def influence(self) -> Rows:
        """Figures of the board without each paper, the largest change of the mean correlation first."""
        return self._without(self.found.papers, "paper")

    def without(self, kind: Kind = "model") -> Rows:
        """Leave each paper, benchmark or model out in turn.

        Parameters
        ----------
        kind : {"paper", "benchmark", "model"}

        Returns
        -------
        Rows
            The largest change of the mean correlation first: its name, the change, mean_rho, mean_shift (number of
            places that a model moves), rho (correlation of the official scores with those of the whole board), conflict
            and behaviour_decides (whether the poster's first two claims hold, are weaker or fail), winner, winner_id.

        Raises
        ------
        InputError
            If there is no such kind.

        See Also
        --------
        CertaintyResult.influence : Papers.

        Examples
        --------
        >>> len(ba.certainty(ba.example(), resamples=50).without("benchmark").to_frame())
        8
        """
        if kind not in get_args(Kind):
            raise InputError(f"there is no kind {kind!r}; known are {', '.join(get_args(Kind))}")
        board = self.found.board
        return self._without(influence(board).of(kind) if board.models and board.leaves else (), kind)

    def _without(self, left_out: tuple[LeftOut, ...], kind: Kind) -> Rows:
        frame = pd.DataFrame(
            {
                kind: left.name,
                "change": left.changes["mean_rho"],
                "mean_rho": left.figures["mean_rho"],
                "mean_shift": left.mean_shift,
                "rho": left.rho,
                **left.claims,
                "winner": None if left.winner is None else self.names[left.winner],
                "winner_id": left.winner,
            }
            for left in sorted(left_out, key=lambda left: -abs(left.changes["mean_rho"] or 0.0))
        )
        return Rows(f"Without each of {counted(len(frame), kind)}", frame)

    @property
    def figures(self) -> Rows:
        """Headline figures with intervals over families of models."""
        boot = self.found.bootstrap
        rows = [
            (name, value, *((one.low, one.high) if (one := boot.intervals[name]) else (None, None)))
            for name, value in boot.figures.items()
        ]
        frame = pd.DataFrame(rows, columns=["figure", "value", "low", "high"])
        return Rows(f"Figures with intervals over {counted(boot.families, 'family', 'families')}", frame)

    def told_apart(self, one: int, other: int, scheme: str = OFFICIAL) -> ToldApart:
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

        See Also
        --------
        CertaintyResult.tiers : All models.

        References
        ----------
        Brennan (2001), *Generalizability Theory*.

        Examples
        --------
        >>> bool(ba.certainty(ba.example(), resamples=50).told_apart(107, 112))
        True
        """
        if scheme not in self.found.schemes:
            raise InputError(f"there is no certainty of {scheme!r}; known are {', '.join(self.found.schemes)}")
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
        difference, needed = float(found.scores[i] - found.scores[j]), found.told_apart_from
        record = {
            "scheme": scheme,
            "one": one,
            "one_name": self.names[one],
            "other": other,
            "other_name": self.names[other],
            "difference": difference,
            "needed": needed,
            "probability": found.posterior.above(i, j),
            "told_apart": abs(difference) >= needed,
        }
        verdict = f"{one} and {other} are {'' if record['told_apart'] else 'not '}told apart under {scheme}"
        title = f"{verdict}: they differ by {abs(difference):.3f}, {needed:.3f} is needed"
        return ToldApart(title, pd.DataFrame([record]), record)

    def _record(self) -> dict[str, Any]:
        return certainty_json(self.found, list(self.names))

    plot = cached_property(CertaintyPlots)


@documented
def certainty(
    source: Source,
    *,
    max_missing: float = 0.5,
    families: Mapping[Any, str] | str | PathLike[str] | None = None,
    resamples: int = 1000,
    draws: int = 1000,
    seed: int = 0,
) -> CertaintyResult:
    """Estimate how sure the figures and ranks of a board are.

    Parameters
    ----------
    families : dict or path, optional
        Families beyond near-copies and like names: from a model's id or name to its family, or a CSV file with the
        columns model and family.
    draws : int
        Of true scores, for intervals of ranks.

    Returns
    -------
    CertaintyResult
        Reliability, components, tiers, influence of papers, intervals of the figures.

    Raises
    ------
    InputError
        If a number is out of range, or a family has a model that the board lacks.

    See Also
    --------
    validity : Predictive validity of the schemes.

    References
    ----------
    Brennan (2001), *Generalizability Theory*.

    Examples
    --------
    >>> ba.certainty(ba.example(), resamples=50).components.to_frame()["component"].tolist()
    ['model', 'model_stratum', 'model_paper', 'model_leaf']
    """
    check_work(seed, resamples=resamples)
    board = snapshot_of(source).board()
    found = board_certainty(board, max_missing, resamples, draws, seed, family_table(families, board))
    return CertaintyResult(found, {model.id: model.name for model in board.models})
