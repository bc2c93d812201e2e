"""Intervals over models: families are drawn with replacement, each with all its members (cluster bootstrap).

Davison, Hinkley (1997), *Bootstrap Methods and their Application*, sections 3.8 and 5.2-5.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import FloatArray, IntArray
from ..board import Board
from ..errors import InputError
from .families import Families
from .figures import Headline, headline

RESAMPLES = 1000
LEVEL = 0.95
# With fewer families their resamples say nothing of other families, and an interval would be too narrow.
MIN_FAMILIES = 8
# Share of the resamples that must have a figure for it to have an interval.
_KNOWN_SHARE = 0.9
Method = Literal["percentile", "basic", "bias-corrected"]
# Noise pushes small correlations below zero in each resample once more, which a percentile interval counts twice.
METHODS: dict[str, Method] = {"negative_share": "bias-corrected"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its central interval over the resamples."""

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, eq=False)
class FamilyBootstrap:
    """Headline figures of a board with intervals over families of models.

    Attributes
    ----------
    figures : dict of str to float or None
    intervals : dict of str to Interval or None
        None where a figure does not exist, or in over a tenth of the resamples; all None with fewer than 8 families.
    effective_n : dict of str to float or None
        Number of independent models that would leave a figure as uncertain as these families do.
    models, families : int
    resamples, seed : int
    """

    figures: dict[str, float | None]
    intervals: dict[str, Interval | None]
    effective_n: dict[str, float | None]
    models: int
    families: int
    resamples: int
    seed: int


def draw_counts(labels: IntArray, resamples: int, seed: int) -> IntArray:
    """Draw families with replacement and return how often each model counts.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Family of each model, numbered from 0.
    resamples, seed : int

    Returns
    -------
    ndarray of int, shape (resamples, n)

    Raises
    ------
    InputError
        If there is no resample.
    """
    if resamples < 1:
        raise InputError(f"{resamples} resamples were asked for; at least 1 is needed")
    families = int(labels.max(initial=-1)) + 1
    if families == 0:
        return np.zeros((resamples, 0), dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, families, size=(resamples, families))
    drawn += families * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * families).reshape(resamples, families)
    counts: IntArray = times[:, labels]
    return counts


def interval(
    value: float | None, resampled: FloatArray, method: Method = "percentile", level: float = LEVEL
) -> Interval | None:
    """Return the central interval of a figure from its resamples.

    Parameters
    ----------
    value : float or None
        The figure itself.
    resampled : ndarray, shape (r,)
        NaN where a resample has no figure.
    method : str
        ``percentile``; ``basic`` (twice the figure less the quantiles); ``bias-corrected`` (Efron 1987, without
        acceleration).
    level : float

    Returns
    -------
    Interval or None
        None if the figure is unknown, or in over a tenth of the resamples.
    """
    known = resampled[~np.isnan(resampled)]
    if value is None or known.size < max(1.0, _KNOWN_SHARE * resampled.size):
        return None
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bias-corrected":
        from scipy.special import ndtr, ndtri

        below = float((known < value).mean() + (known == value).mean() / 2)
        edge = 1 / (2 * known.size)
        tails = ndtr(2 * ndtri(min(max(below, edge), 1 - edge)) + ndtri(tails))
    low, high = np.quantile(known, tails).tolist()
    if method == "basic":
        low, high = 2 * value - high, 2 * value - low
    return Interval(value, low, high, level)


def effective_n(models: int, independent: FloatArray, clustered: FloatArray) -> float | None:
    """Return the number of independent models that would leave a figure as uncertain as the families do.

    Parameters
    ----------
    models : int
    independent, clustered : ndarray, shape (r,)
        The figure in resamples of models, and in resamples of families.

    Returns
    -------
    float or None
        n · (variance over models / variance over families); None where the latter is 0 or unknown.
    """
    if np.isnan(independent).all() or np.isnan(clustered).all():
        return None
    by_family = float(np.nanvar(clustered))
    return models * float(np.nanvar(independent)) / by_family if by_family > 0 else None


def family_bootstrap(
    board: Board, families: Families, resamples: int = RESAMPLES, seed: int = 0
) -> FamilyBootstrap:
    """Give the headline figures of a complete board intervals over families of models.

    Parameters
    ----------
    board : Board
        Complete.
    families : Families
        Of its models.
    resamples, seed : int

    Returns
    -------
    FamilyBootstrap

    Raises
    ------
    InputError
        If there is no resample.
    """
    n = len(board.models)
    figures = headline(board).first()
    clustered = headline(board, draw_counts(families.labels, resamples, seed))
    independent = headline(board, draw_counts(np.arange(n, dtype=np.int64), resamples, seed))
    return FamilyBootstrap(
        figures,
        _intervals(figures, clustered) if families.count >= MIN_FAMILIES else dict.fromkeys(figures),
        {name: effective_n(n, independent.values[name], clustered.values[name]) for name in figures},
        n,
        families.count,
        resamples,
        seed,
    )


def _intervals(figures: dict[str, float | None], resampled: Headline) -> dict[str, Interval | None]:
    return {
        name: interval(value, resampled.values[name], METHODS.get(name, "percentile"))
        for name, value in figures.items()
    }


def one_vote_each(board: Board, families: Families) -> dict[str, float | None]:
    """Compute the headline figures with one vote a group of near-copies: its first model counts, the others do not."""
    _, first = np.unique(families.copy_labels, return_index=True)
    counts = np.zeros((1, len(board.models)), dtype=np.int64)
    counts[0, first] = 1
    return headline(board, counts).first()
