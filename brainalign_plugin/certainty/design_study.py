"""Next benchmarks: which further papers, in which parts of the tree, would raise the reliability of the average most.

The D-study of generalizability theory (Brennan 2001, *Generalizability Theory*, chapters 4 and 10): components of the
variance are estimated on the board, and the error of an average over other numbers of papers follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import InputError
from .bootstrap import RESAMPLES, Interval, draw_counts, interval, sure_families
from .families import Families, families
from .figures import OFFICIAL
from .variance_components import NotEstimable, Resampled, certainty_of, linear_form, resampled_components

# Reliability for which the number of papers is counted, and the most that are added.
TARGET, MOST = 0.8, 100


@dataclass(frozen=True, slots=True)
class Further:
    """A part of the tree with one more paper, and the reliability of the average with it."""

    stratum: str
    papers: int  # Papers in it, the further one included
    reliability: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class NextBenchmarks:
    """Further papers, by what they would add to the reliability of the official average."""

    reliability: float
    interval: Interval | None
    strata: tuple[Further, ...]  # Each part of the tree with one more paper, the best first
    steps: tuple[Further, ...]  # The best further papers, each after those before it; fewer where none helps
    needed: int | None  # Further papers, well placed, for a reliability of 0.8; None where 100 do not reach it


def next_benchmarks(
    board: Board, papers: int = 5, grouped: Families | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> NextBenchmarks | NotEstimable:
    """Place further papers where they raise the reliability of the official average most.

    A further paper of a part of the tree counts there as much as each that measured it, and disagrees with them as much
    as they do with each other. The error falls convexly in the papers of each part, so that the best paper next is in
    the best set of any number (Fox 1966, *Operations Research* 14, 506-518). NotEstimable as `certainty_of`. Raises
    InputError if the number of papers is not from 1 to 100.
    """
    if not 1 <= papers <= MOST:
        raise InputError(f"{papers} further papers were asked for; give a number from 1 to {MOST}")
    if not board.models or not board.leaves:
        return NotEstimable(OFFICIAL, "no model is complete on any benchmark")
    estimated = certainty_of(OFFICIAL, board)
    form = linear_form(OFFICIAL, board)
    if isinstance(estimated, NotEstimable) or form is None:
        return estimated if isinstance(estimated, NotEstimable) else NotEstimable(OFFICIAL, "no weighted mean")
    labels = (families(board) if grouped is None else grouped).labels
    once = np.ones((1, len(board.models)), dtype=np.int64)
    found = resampled_components(form, board, np.vstack([once, draw_counts(labels, resamples, seed)]))
    clusters = sure_families(labels)
    names, counts = found.units.strata, found.units.counts

    def placed(stratum: int, more: IntArray) -> Further:
        value, sure = _interval(_reliability(found, more), clusters)
        return Further(names[stratum], int(counts[stratum] + more[stratum]), value, sure)

    one = np.eye(len(names), dtype=np.int64)
    singly = [placed(r, one[r]) for r in range(len(names))]
    path = _placements(found, MOST)
    added = np.cumsum(one[path], axis=0)
    value, sure = _interval(_reliability(found, 0 * counts), clusters)
    reached = (k for k, more in enumerate(added, 1) if _reliability(found, more)[0] >= TARGET)
    return NextBenchmarks(
        value,
        sure,
        tuple(sorted(singly, key=lambda further: -further.reliability)),
        tuple(map(placed, path[:papers], added)),
        0 if value >= TARGET else next(reached, None),
    )


def _error(found: Resampled, more: IntArray) -> FloatArray:
    """Return the part of each stratum in the error variance with further papers, shape (b, r)."""
    units = found.units
    shares = np.bincount(units.stratum, units.shares**2, minlength=len(units.strata))
    k = units.counts
    # The papers that are there keep their proportions; each further one has the share of an average paper.
    spread: FloatArray = (k**2 * shares + more) / (k + more) ** 2
    return found.paper_variances * units.weights**2 * spread


def _reliability(found: Resampled, more: IntArray) -> FloatArray:
    """Return the reliability with further papers, the variance of the true average held; shape (b,)."""
    true: FloatArray = np.maximum(found.variance - found.error_variance, 0.0)
    whole: FloatArray = true + _error(found, more).sum(axis=1)
    return np.where(whole > 0, true / np.where(whole > 0, whole, 1.0), np.nan)


def _placements(found: Resampled, papers: int) -> list[int]:
    """Return the stratum of each further paper, the best first; it ends where none lowers the error."""
    more = np.zeros(len(found.units.strata), dtype=np.int64)
    path: list[int] = []
    for _ in range(papers):
        gain = (_error(found, more) - _error(found, more + 1))[0]
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        more[best] += 1
        path.append(best)
    return path


def _interval(reliability: FloatArray, clusters: float | None) -> tuple[float, Interval | None]:
    value = float(reliability[0])
    return value, interval(value, reliability[1:], clusters)
