"""Resamples of benchmarks: counts of each leaf, stratified by the tree, and the resulting scores.

Blocks of resamples have seeds of their own, so that the numbers do not depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..data.tree import BenchmarkTree
from ..errors import BoardError, ConvergenceError, InputError
from ..scales import TIE_DECIMALS
from ..schemes import Convention, Scheme
from ..schemes.combining import Resampler
from ..schemes.missing import filled
from ..schemes.registry import rule_for
from .boards import resolved_board

BLOCK = 500
# Cells of perturbed boards in memory at a time.
_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """Block of resamples: its number, its size and the seed of its random numbers."""

    number: int
    size: int
    seed: np.random.SeedSequence


def blocks(resamples: int, seed: int) -> tuple[Block, ...]:
    """Split a number of resamples into blocks with independent seeds."""
    if resamples < 1:
        raise InputError(f"{resamples} resamples were asked for; at least 1 is needed")
    sizes = [min(BLOCK, resamples - start) for start in range(0, resamples, BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    return tuple(Block(i, size, own) for i, (size, own) in enumerate(zip(sizes, seeds, strict=True)))


def strata(tree: BenchmarkTree, leaves: tuple[str, ...]) -> tuple[IntArray, ...]:
    """Group the columns that share a parent, in the order of their first leaf."""
    groups: dict[str | None, list[int]] = {}
    for j, leaf in enumerate(leaves):
        groups.setdefault(tree[leaf].parent, []).append(j)
    return tuple(np.array(columns, dtype=np.int64) for columns in groups.values())


def draw_counts(groups: tuple[IntArray, ...], leaves: int, size: int, rng: np.random.Generator) -> FloatArray:
    """Draw resamples and count the draws of each leaf: within each group as many draws as it has leaves.

    Returns
    -------
    ndarray, shape (size, leaves)
    """
    counts = np.zeros((size, leaves))
    for columns in groups:
        many = len(columns)
        counts[:, columns] = rng.multinomial(many, np.full(many, 1 / many), size=size)
    return counts


def resampled_scores(scheme: Scheme, board: Board) -> Resampler:
    """Return the function from counts (size, m) to the models' scores in each resample (size, n).

    A scheme that fits the scale only combines cells that are scaled once. Others are fitted on a board that repeats
    each leaf as often as it was drawn; resamples in which they cannot be used are left out, so that there may be fewer
    rows than counts.

    Parameters
    ----------
    board : Board
        With filled missing cells; NaN is left out.
    """
    if scheme.unfitted:
        fitted = scheme.fit(board)
        return fitted.combination.resampled(fitted.scaled)
    return lambda counts: _one_by_one(
        scheme, (repeated(board, drawn) for drawn in counts.astype(np.int64)), len(board.models)
    )


def _one_by_one(scheme: Scheme, boards: Iterable[Board], models: int) -> FloatArray:
    rows = []
    for board in boards:
        try:
            rows.append(scheme.scores(board))
        except (BoardError, ConvergenceError):
            continue
    return np.array(rows).reshape(-1, models)


def perturbed_scores(
    scheme: Scheme,
    board: Board,
    convention: Convention | None,
    measured: BoolArray,
    counts: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Score boards whose measured cells have a normal error added and are capped to [0, 1], shape (size, n).

    Parameters
    ----------
    board : Board
        Before missing cells are filled: the rule for them depends on the perturbed scores.
    measured : ndarray of bool, shape (m,)
        Leaves whose cells' error is a standard error; the others stay as they are.
    counts : ndarray, shape (size, m)
        Number of draws of each leaf.
    """
    error = np.where(measured & ~np.isnan(board.errors), np.abs(board.errors), 0.0)
    moving = (error > 0) & ~np.isnan(board.scores)
    at_once = max(1, _CELLS // max(board.scores.size, 1))
    found = []
    for start in range(0, len(counts), at_once):
        drawn = counts[start : start + at_once]
        noisy = np.broadcast_to(board.scores, (len(drawn), *board.scores.shape)).copy()
        noise = rng.standard_normal((len(drawn), int(moving.sum())))
        noisy[:, moving] = np.clip(board.scores[moving] + noise * error[moving], 0.0, 1.0)
        if scheme.unfitted:
            found.append(_scores_on_many(scheme, board, convention, noisy, moving.any(axis=0), drawn))
            continue
        resolved = (resolved_board(scheme, replace(board, scores=scores), convention) for scores in noisy)
        again = (repeated(one, times) for one, times in zip(resolved, drawn.astype(np.int64), strict=True))
        found.append(_one_by_one(scheme, again, len(board.models)))
    return np.concatenate(found)


def _scores_on_many(
    scheme: Scheme,
    board: Board,
    convention: Convention | None,
    noisy: FloatArray,
    moved: BoolArray,
    counts: FloatArray,
) -> FloatArray:
    """Score many boards (size, n, m) at once, leaf by leaf, with a column of the scale for each board.

    Leaves that are not ``moved`` are the same on all boards.
    """
    rule = rule_for(scheme, convention)
    size, n, m = noisy.shape
    scaled = np.empty(noisy.shape)
    for j, leaf in enumerate(board.leaves):
        variants = noisy[:, :, j].T if moved[j] else noisy[:1, :, j].T
        if not board.complete:
            variants = filled(variants, np.broadcast_to(board.states[:, j, None], variants.shape), rule)
        scaled[:, :, j] = scheme.scaled_variants(leaf, variants).T
    combination = scheme.fitted_combination(scaled[0], board)
    return combination.scores(scaled.reshape(-1, m), np.repeat(counts, n, axis=0)).reshape(size, n)


def repeated(board: Board, counts: IntArray) -> Board:
    """Return the board that repeats each leaf as often as it was drawn (m,), copies as siblings."""
    drawn = board.take(columns=np.flatnonzero(counts).tolist())
    times = dict(zip(board.leaves, counts.tolist(), strict=True))
    return drawn.with_copies(
        {leaf: tuple(f"{leaf}#{k}" for k in range(2, times[leaf] + 1)) for leaf in drawn.leaves}
    )


def tie_keys(scores: FloatArray) -> FloatArray:
    """Convert scores to integers for sorting: equal to nine decimals ties, smaller is better, NaN last."""
    # Rounding without its final division, which does not change the order.
    keys: FloatArray = np.rint(scores * -(10.0**TIE_DECIMALS))
    keys[np.isnan(keys)] = np.inf
    return keys


def rank_counts(scores: FloatArray) -> IntArray:
    """Count each model's competition ranks (1, 2, 2, 4; highest score first) over the rows.

    Parameters
    ----------
    scores : ndarray, shape (size, n)
        Values that agree to nine decimals tie; NaN shares the last place.

    Returns
    -------
    ndarray of int, shape (n, n)
        Entry (i, r): number of rows in which model i has rank r + 1.
    """
    models = scores.shape[1]
    keys = tie_keys(scores)
    order = np.argsort(keys, axis=1)
    ordered = np.take_along_axis(keys, order, axis=1)
    tied = ordered[:, 1:] == ordered[:, :-1]
    places = np.arange(models)
    if tied.any():
        first = np.broadcast_to(places, scores.shape).copy()
        first[:, 1:][tied] = 0
        places = np.maximum.accumulate(first, axis=1)
    order *= models
    order += places
    return np.bincount(order.ravel(), minlength=models * models).reshape(models, models)
