"""Agreement of the benchmarks of a board, for notebooks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..agreement import correlation
from ..agreement.clustering import clustered_order
from ..agreement.correlation import Agreement, Method, PairSummary
from ..arrays import FloatArray
from ..certainty.bootstrap import draw_counts, family_bootstrap, interval, sure_families
from ..certainty.families import families
from ..certainty.good_models import agreement_curve, family_agreement
from ..data.board import Board
from ..data.cleaning import clean, complete_board
from ..errors import BoardError, InputError
from ..plot.chart import Chart
from ..plot.curves import agreement_by_share
from ..plot.matrices import heatmap, scatter
from ..results import Plots, Result, Rows, documented
from ..text import counted
from .sources import Source, check_work, snapshot_of

_FIGURES = ("mean_rho", "negative_share", "paper_balanced_rho", "neural_rho", "behavior_rho", "cross_rho")


def ordered_heatmap(found: Agreement, board: Board, finding: str, **choices: Any) -> Chart:
    """Draw the correlations of the benchmarks of a board, correlated ones next to each other."""
    return heatmap(
        found.leaves,
        found.rho,
        alt=f"Matrix of the correlations of {counted(len(found.leaves), 'benchmark')}. {finding}.",
        parts=[part or "" for part in board.leaf_parts],
        order=clustered_order(found.rho).tolist(),
        **{"title": finding, **choices},
    )


class AgreementPlots(Plots["AgreementResult"]):
    """Charts of an agreement."""

    def heatmap(self) -> Chart:
        """Draw the matrix of correlations, with correlated benchmarks next to each other.

        Examples
        --------
        >>> ba.agreement(ba.example()).plot.heatmap().rows
        8
        """
        found, board = self.result.found, self.result.board
        title = self.result.title.replace(" (", " of benchmarks (", 1)
        return ordered_heatmap(found, board, self.result.title, title=title, overlap=found.overlap.astype(float))

    def good_models(self) -> Chart:
        """Draw the agreement among the best models over the share of them that is kept, from 100 % to 25 %.

        Raises
        ------
        BoardError
            If no pair has a correlation: the best by other papers need two papers and 3 models.

        Examples
        --------
        >>> len(ba.agreement(ba.example()).plot.good_models().to_frame())
        18
        """
        curve = self.result.good_models.to_frame()
        if not curve["pairs"].any():
            raise BoardError(
                f"no pair of the {counted(len(self.result.board.leaves), 'benchmark')} has a correlation among the "
                "best models by other papers; take a board of at least 2 papers and 3 models"
            )
        return agreement_by_share(*(curve[name].tolist() for name in ("share", "mean", "predicted_mean")))

    def scatter(self, one: str, other: str) -> Chart:
        """Draw one benchmark against another, a point a model.

        Parameters
        ----------
        one, other : str
            Type ids.

        Raises
        ------
        InputError
            If one of them is not on the board.

        See Also
        --------
        AgreementPlots.heatmap : All pairs.

        Examples
        --------
        >>> chart = ba.agreement(ba.example()).plot.scatter("Marques2020-size", "Hebart2023-match")
        >>> len(chart.to_frame())
        11
        """
        found, board = self.result.found, self.result.board
        for name in (one, other):
            if name not in board.leaves:
                raise InputError(f"there is no benchmark {name!r} here; known are {', '.join(board.leaves)}")
        i, j = board.leaves.index(one), board.leaves.index(other)
        over = counted(int(found.overlap[i, j]), "model")
        title = f"{one} and {other}: {found.method} {found.rho[i, j]:+.3f} over {over}"
        return scatter(
            [model.name for model in board.models],
            board.ids,
            board.scores[:, i],
            board.scores[:, j],
            title=title,
            alt=f"Scatter of {counted(len(board.models), 'model')}. {title}.",
            axes=(one, other),
        )


@dataclass(frozen=True, eq=False, repr=False)
class AgreementResult(Result):
    """Correlations of all pairs of ``m`` benchmarks of a board.

    The frame is the matrix by type ids, shape (m, m), NaN where a correlation does not exist; the record has the
    figures named as in the JSON of an analysis.

    Attributes
    ----------
    found : Agreement
        The matrix and its summaries.
    board : Board
        The cleaned board; with ``pairwise`` all models on its benchmarks.
    pairwise : bool
        Whether each pair is over the models that have both.

    Examples
    --------
    >>> ba.agreement(ba.example()).pairs.title
    '28 pairs of benchmarks'
    """

    found: Agreement
    board: Board
    pairwise: bool

    def _title(self) -> str:
        pairs = self.found.all_pairs
        mean = "unknown" if pairs.mean is None else f"{pairs.mean:+.3f}"
        over = "each over the models with both" if self.pairwise else counted(len(self.board.models), "model")
        return f"Agreement ({self.found.method}): mean {mean} over {counted(pairs.pairs, 'pair')} of benchmarks, {over}"

    def _frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.found.rho, index=list(self.found.leaves), columns=list(self.found.leaves))

    @cached_property
    def pairs(self) -> Rows:
        """Each pair of benchmarks with its correlation and number of models, the largest correlation first."""
        first, second = np.triu_indices(len(self.found.leaves), k=1)
        leaves = np.array(self.found.leaves, dtype=object)
        frame = pd.DataFrame(
            {
                "one": leaves[first],
                "other": leaves[second],
                "rho": self.found.rho[first, second],
                "models": self.found.overlap[first, second],
            }
        ).sort_values("rho", ascending=False, kind="stable", ignore_index=True)
        return Rows(f"{counted(len(frame), 'pair')} of benchmarks", frame)

    def summary(self) -> pd.DataFrame:
        """Return the summaries: of all pairs, of pairs within and between the parts, of pairs within a paper.

        Returns
        -------
        DataFrame
            Columns mean, median, negative_share, pairs. Without the parts on a board that has none.

        See Also
        --------
        AgreementResult.interval : Intervals of the figures.

        Examples
        --------
        >>> ba.agreement(ba.example()).summary()["pairs"].tolist()
        [28.0, 10.0, 3.0, 15.0, 28.0]
        """
        found = self.found
        rows = {"all pairs": found.all_pairs}
        rows |= {" × ".join(block): one for block, one in self._blocks.items()}
        rows |= {f"within {name}": one for name, one in found.within_paper.items()}
        frame = pd.DataFrame([asdict(one) for one in rows.values()], index=list(rows), dtype=float)
        frame.loc["papers balanced"] = [found.paper_balanced_mean, None, None, found.all_pairs.pairs]
        return frame

    @cached_property
    def good_models(self) -> Rows:
        """Spearman's rho among the best models, for each share of them kept; each pair by the other papers' order."""
        curve = agreement_curve(complete_board(self.board, 1.0))
        return Rows("Agreement among the best models", pd.DataFrame([asdict(one) for one in curve]))

    @cached_property
    def model_families(self) -> Rows:
        """Spearman's rho of benchmarks within families of models and between them."""
        board = complete_board(self.board, 1.0)
        found = family_agreement(board, families(board))
        rows = [("within", found.within, found.models_within), ("between", found.between, found.families)]
        frame = pd.DataFrame(rows, columns=["agreement", "mean", "count"]).astype({"mean": float})
        return Rows("Agreement within families of models, and between them", frame)

    def interval(self, level: float = 0.95, seed: int = 0, resamples: int = 1000) -> pd.DataFrame:
        """Return intervals over families of models, which are drawn with replacement.

        Parameters
        ----------
        level : float
            In (0, 1).
        seed : int
        resamples : int

        Returns
        -------
        DataFrame
            A row a figure: value, low, high. NaN with fewer than 8 families. For Spearman on the cleaned board these
            are the figures of the report, of which the share of negative pairs is corrected for noise.

        Raises
        ------
        InputError
            If the level is no share, or there is no resample.

        See Also
        --------
        certainty : Reliability of the ranks.

        References
        ----------
        Davison, Hinkley (1997), *Bootstrap Methods and their Application*, section 3.8.

        Examples
        --------
        >>> found = ba.agreement(ba.example()).interval(.95, seed=0, resamples=200)
        >>> bool(found.loc["mean_rho", "low"] < found.loc["mean_rho", "value"] < found.loc["mean_rho", "high"])
        True
        """
        check_work(seed, resamples=resamples)
        if not 0 < level < 1:
            raise InputError(f"the level is {level}; give a number between 0 and 1, such as 0.95")
        grouped = families(self.board)
        if self.found.method == "spearman" and not self.pairwise:
            boot = family_bootstrap(self.board, grouped, resamples, seed, level)
            found = {name: (boot.figures[name], boot.intervals[name]) for name in _FIGURES}
        else:
            mean = self.found.all_pairs.mean
            drawn = [self._mean_without_copies(times) for times in draw_counts(grouped.labels, resamples, seed)]
            over = interval(mean, np.array(drawn), sure_families(grouped.labels), level=level)
            found = {"mean_rho": (mean, over)}
        rows = {
            name: [value, None, None] if one is None else [one.value, one.low, one.high]
            for name, (value, one) in found.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"], dtype=float)

    def _mean_without_copies(self, times: Any) -> float:
        scores: FloatArray = np.repeat(self.board.scores, times, axis=0)
        if self.pairwise:
            rho = correlation.pairwise_correlation(scores, self.found.min_overlap, self.found.method)[0]
        else:
            rho = correlation.correlation_matrix(scores, self.found.method)
        values = rho[np.triu_indices(len(rho), k=1)]
        return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan

    @property
    def _blocks(self) -> dict[tuple[str, str], PairSummary]:
        """Summaries within and between the parts that the board has."""
        known = [part for part in self.board.parts if part in self.board.tree]
        return {block: one for block, one in self.found.blocks.items() if set(block) <= set(known)}

    def _record(self) -> dict[str, Any]:
        found = self.found
        return {
            "method": found.method,
            **asdict(found.all_pairs),
            "paper_balanced_mean": found.paper_balanced_mean,
            "min_overlap": found.min_overlap,
            "blocks": {"|".join(block): one.mean for block, one in self._blocks.items()},
            "within_paper": {name: one.mean for name, one in found.within_paper.items()},
        }

    plot = cached_property(AgreementPlots)


@documented
def agreement(
    source: Source,
    method: Method = "spearman",
    *,
    pairwise: bool = False,
    max_missing: float = 0.5,
    min_overlap: int = 20,
) -> AgreementResult:
    """Correlate all pairs of benchmarks of a board.

    Parameters
    ----------
    source : Snapshot, Board, DataFrame or path
        ``n`` models on ``m`` benchmarks.
    method : {"spearman", "kendall", "pearson"}
        Kendall's is tau-b.
    pairwise : bool
        Each pair over the models that have both, instead of the cleaned board for all.
    min_overlap : int
        With ``pairwise``: pairs with fewer models have no correlation.

    Raises
    ------
    InputError
        If a parameter is out of range.

    See Also
    --------
    certainty : How far such figures are those of other papers and models.

    References
    ----------
    Ahlert, Klein, Wichmann, Geirhos (2024), *How aligned are different alignment metrics?*, arXiv 2407.07530.

    Examples
    --------
    >>> ba.agreement(ba.example(), method="kendall").title
    'Agreement (kendall): mean +0.669 over 28 pairs of benchmarks, 11 models'
    """
    correlation.check_method(method)
    cleaning = clean(snapshot_of(source).board(), max_missing)
    if not pairwise:
        return AgreementResult(correlation.agreement(cleaning.board, method), cleaning.board, pairwise=False)
    considered, kept = cleaning.considered, set(cleaning.board.leaves)
    board = considered.take(columns=[j for j, leaf in enumerate(considered.leaves) if leaf in kept])
    return AgreementResult(correlation.pairwise_agreement(board, min_overlap, method), board, pairwise=True)
