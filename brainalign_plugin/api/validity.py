"""Predictive validity of schemes, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ..certainty.record import validity_json
from ..certainty.validity import Validity
from ..certainty.validity import validity as board_validity
from ..files.reference import Reference
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..results import Plots, Result, documented, table
from ..text import counted
from .sources import Source, check_work, snapshot_of


class ValidityPlots(Plots["ValidityResult"]):
    """Charts of predictive validity."""

    def schemes(self) -> Chart:
        """Draw each scheme's mean correlation with unseen papers.

        See Also
        --------
        ValidityResult.difference : Compare two of them.

        Examples
        --------
        >>> len(ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).plot.schemes().to_frame())
        2
        """
        axis, title = "mean rank correlation with an unseen paper", self.result.title
        return frame_dots(self.result.to_frame(), "scheme", "mean", axis, title)


@dataclass(frozen=True, eq=False, repr=False)
class ValidityResult(Result):
    """Correlations with which each scheme ranks models on papers that it has not seen.

    The frame has a row a scheme, the best first: scheme, mean, low, high. The record is the field ``validity`` of
    ``analyze --json --full``.

    Examples
    --------
    >>> ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).to_frame().shape
    (2, 4)
    """

    found: Validity

    def _title(self) -> str:
        schemes = counted(len(self.found.schemes), "scheme")
        return f"Predictive validity of {schemes} over {counted(len(self.found.papers), 'paper')}"

    def _frame(self) -> pd.DataFrame:
        return table(self.found.schemes.values(), "scheme mean low high")

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

        See Also
        --------
        ValidityResult.papers : Correlations by paper.

        References
        ----------
        Davison, Hinkley (1997), *Bootstrap Methods and their Application*, section 3.8.

        Examples
        --------
        >>> list(ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).difference("HIER", "RANK").index)
        ['value', 'low', 'high']
        """
        found = self.found.difference(one, other)
        values = [float("nan")] * 3 if found is None else [found.value, found.low, found.high]
        return pd.Series(values, index=["value", "low", "high"], name=f"{one} - {other}", dtype=float)

    _json = staticmethod(validity_json)
    plot = cached_property(ValidityPlots)


@documented
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
    schemes : sequence of str, optional
        All registered ones if None; those with frozen norms only with a reference, KEMENY only up to 120 models.
    reference : Reference, optional

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

    References
    ----------
    Cronbach, Meehl (1955), "Construct validity in psychological tests", *Psychological Bulletin* 52.

    Examples
    --------
    >>> ba.validity(ba.example(), ["HIER", "RANK"], resamples=50).title
    'Predictive validity of 2 schemes over 8 papers'
    """
    check_work(seed, resamples=resamples)
    board = snapshot_of(source).board()
    names = [schemes] if isinstance(schemes, str) else schemes
    return ValidityResult(board_validity(board, names, reference, None, resamples, seed, max_missing))
