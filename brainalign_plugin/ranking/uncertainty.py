"""Uncertainty of ranks: bootstrap over benchmarks, measurement error of the cells, and both.

Benchmarks are drawn again within their group of the tree: leaves with a common parent form a stratum, from which as
many are drawn as it has. A benchmark that is alone in its group is therefore always drawn once, and on a board of such
groups only, every interval is the rank itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError, ConvergenceError, InputError
from ..parallel import each
from ..schemes import Convention, Scheme
from ..schemes.combining import Resampler
from .boards import resolved_board
from .resampling import (
    Block,
    blocks,
    draw_counts,
    perturbed_scores,
    rank_counts,
    resampled_scores,
    strata,
    tie_keys,
)

Kind = Literal["benchmarks", "measurement", "both"]
# Largest share of resamples in which a scheme may be unusable.
MAX_FAILED = 0.1


@dataclass(frozen=True, eq=False)
class RankUncertainty:
    """Distribution of the ranks of ``n`` models over resamples.

    Attributes
    ----------
    kind : str
        Resampled source: benchmarks, measurement error, or both.
    resamples : int
        Number of resamples in which the scheme could be used.
    failed : int
        Number of the others (a fit that does not converge, a worth that does not exist).
    level : float
        Of the intervals.
    low, high : ndarray of int, shape (n,)
        Percentile interval of the rank: of the sorted ranks, (1 - level) / 2 of the resamples are cut off on either
        side, rounded down, so that at least ``level`` of them lie inside.
    first, top_ten : ndarray of float, shape (n,)
        Share of the resamples in which the model is first (ties count for each), and among the best ten.
    counts : ndarray of int, shape (n, n)
        Entry (i, r): number of resamples in which model i has rank r + 1.
    """

    kind: Kind
    resamples: int
    failed: int
    level: float
    low: IntArray
    high: IntArray
    first: FloatArray
    top_ten: FloatArray
    counts: IntArray


@dataclass(frozen=True, eq=False)
class Resampled:
    """Input of a resampling: a board, a scheme and the kind.

    Attributes
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models on ``m`` leaves, before missing cells are filled.
    convention : str or None
        Rule for missing cells; the scheme's own if None. Applied after the scores have been perturbed.
    kind : str
        ``benchmarks``, ``measurement`` or ``both``.
    measured : ndarray of bool, shape (m,), or None
        Leaves whose cells' error is a measurement error; needed unless only benchmarks are resampled.
    """

    scheme: Scheme
    board: Board
    convention: Convention | None = None
    kind: Kind = "benchmarks"
    measured: BoolArray | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(
                f"the kind of uncertainty is {self.kind!r}; known are {', '.join(get_args(Kind))}"
            )
        if self.kind != "benchmarks" and self.measured is None:
            raise InputError(
                f"the kind of uncertainty is {self.kind!r}, but no leaf is named whose error is a measurement error"
            )

    @property
    def resolved(self) -> Board:
        """Board with filled missing cells."""
        return resolved_board(self.scheme, self.board, self.convention)

    def scores(self, block: Block, ready: Resampler) -> FloatArray:
        """Compute the scores in each resample of a block, shape (size, n)."""
        rng = np.random.default_rng(block.seed)
        leaves = len(self.board.leaves)
        counts = np.ones((block.size, leaves))
        if self.kind != "measurement":
            # Benchmarks without any score always count once, because they cannot replace measured ones.
            scored = self.board.scored_leaves
            groups = [columns[scored[columns]] for columns in strata(self.board.tree, self.board.leaves)]
            counts = draw_counts(tuple(c for c in groups if c.size), leaves, block.size, rng)
            counts[:, ~scored] = 1
        if self.kind == "benchmarks" or self.measured is None:
            return ready(counts)
        return perturbed_scores(self.scheme, self.board, self.convention, self.measured, counts, rng)


def rank_uncertainty(
    what: Resampled, resamples: int = 1000, seed: int = 0, level: float = 0.95, jobs: int = 1
) -> RankUncertainty:
    """Rank resamples of the benchmarks (stratified by the tree), boards with added measurement error, or both.

    Parameters
    ----------
    level : float
        In (0, 1).
    jobs : int
        Processes; the numbers do not depend on it.

    Raises
    ------
    InputError
        If a parameter is out of range.
    ConvergenceError
        If the scheme cannot be used in more than a tenth of the resamples.
    """
    if not 0 < level < 1:
        raise InputError(
            f"the level of the intervals is {level}; give a number between 0 and 1, such as 0.95"
        )
    n = len(what.board.models)
    ready = resampled_scores(what.scheme, what.resolved)

    def count(block: Block) -> tuple[IntArray, int]:
        scores = what.scores(block, ready)
        return rank_counts(scores), len(scores)

    # Matrix products and sorts release the interpreter lock; aggregation row by row does not.
    prefer: Literal["threads", "processes"] = "threads" if what.scheme.unfitted else "processes"
    counts, used = np.zeros((n, n), dtype=np.int64), 0
    for part, size in each(count, blocks(resamples, seed), jobs, prefer):
        counts += part
        used += size
    failed = resamples - used
    if failed > MAX_FAILED * resamples:
        raise ConvergenceError(
            f"{what.scheme.name} could not be used in {failed} of {resamples} resamples, so its intervals would say "
            "little; resample another scheme"
        )
    cut = int(np.floor(round((1 - level) / 2 * used, 9)))
    below = np.cumsum(counts, axis=1)
    return RankUncertainty(
        kind=what.kind,
        resamples=used,
        failed=failed,
        level=level,
        low=1 + (below <= cut).sum(axis=1),
        high=1 + (below < used - cut).sum(axis=1),
        first=counts[:, 0] / used,
        top_ten=counts[:, :10].sum(axis=1) / used,
        counts=counts,
    )


def probability_above(what: Resampled, one: int, other: int, resamples: int = 1000, seed: int = 0) -> float:
    """Compute the probability over resamples that one model (id) is above another; a tie is half.

    Raises
    ------
    InputError
        If one of them is not on the board.
    BoardError
        If the scheme can be used in no resample.
    """
    for model in (one, other):
        if model not in what.board.ids:
            raise InputError(
                f"there is no model {model} on this board of {len(what.board.models)}; give the id of one that is"
            )
    i, k = what.board.ids.index(one), what.board.ids.index(other)
    won, used = 0.0, 0
    ready = resampled_scores(what.scheme, what.resolved)
    for block in blocks(resamples, seed):
        # Smaller is better; a model without a score is last.
        keys = tie_keys(what.scores(block, ready)[:, [i, k]])
        won += float((keys[:, 0] < keys[:, 1]).sum() + 0.5 * (keys[:, 0] == keys[:, 1]).sum())
        used += len(keys)
    if not used:
        raise BoardError(f"{what.scheme.name} could be used in none of {resamples} resamples")
    return won / used
