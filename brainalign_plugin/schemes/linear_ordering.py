"""The linear ordering problem: an order that goes against majorities of least weight, and a proof of how good it is.

Of three majorities in a circle every order reverses at least one. That makes a linear program over the pairs, whose
constraints (cuts) are added as they are violated; its optimum bounds every order from below. If it is fractional, HiGHS
goes on by branching.

Source: Grötschel, Jünger, Reinelt (1984), A cutting plane algorithm for the linear ordering problem, Oper. Res. 32,
1195-1220.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray

# What counts as violated and as slack; HiGHS itself works to 1e-7.
_TOLERANCE = 1e-6
# Costs are whole numbers: a bound this little above one proves no more than that one.
_WHOLE = 1e-4
# Cells of a block in the search for violated cycles: a few arrays of this size are held at once.
_BLOCK_CELLS = 1 << 21
# Cycles looked at for each reversed pair, and taken through any pair in one round. Few that are apart raise the bound
# faster than all that are violated; these numbers were the quickest on the real boards.
_CYCLES_PER_PAIR = 8
_CYCLES_THROUGH_PAIR = 2
# Cycles looked at in one round, so that a board of thousands fits into memory.
_MAX_CYCLES = 300_000


# Work after which a proof is given up: linear programs; over all of them steps of the simplex method, each times the
# cuts that it works on; and nodes of the search for whole numbers. Counted, not timed, so that a ranking does not
# depend on the machine or its load. About a minute on 300 models.
ROUNDS, WORK, NODES = 200, 3_000_000_000, 2_000
# What HiGHS can count to.
_MOST_STEPS = 2**31 - 1


@dataclass(frozen=True, eq=False)
class LinearOrder:
    """An order, and how good it is.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Best first; no move of a single model makes it better.
    proven : int
        No order reverses less weight. It equals the weight that the order reverses unless the proof was given up.
    stopped : str
        Limit at which it was given up; empty if it was not.
    """

    order: IntArray
    proven: int
    stopped: str


def linear_order(weights: IntArray, rounds: int = ROUNDS) -> LinearOrder:
    """Order models so that the weight of the reversed majorities is as small as can be.

    Parameters
    ----------
    weights : ndarray of int, shape (n, n)
        Antisymmetric: positive where the row's model has the majority against the column's.
    rounds : int
        Linear programs after which the proof is given up.
    """
    order = improved(weights, np.argsort(-weights.sum(axis=1), kind="stable"))
    cost, proven = reversed_weight(weights, order), 0
    above = _majorities(weights, order)
    settled = np.zeros(weights.shape, dtype=np.int8)
    cuts = np.empty((0, 3), dtype=np.int64)
    last, integral, work = -1.0, False, WORK
    for _ in range(rounds):
        if proven >= cost:
            return LinearOrder(order, cost, "")
        found = _violated_cycles(weights, above, order)
        if not len(found):
            if integral:
                break
            # The optimum is half one way and half the other: from here on only whole numbers count.
            integral, found = True, _open_cycles(settled)
        cuts = np.concatenate((cuts, found))
        start = _majorities(weights, order)
        relaxed = _relax(weights, cuts, settled, start, integral, max(work // len(cuts), 1))
        if relaxed is None:
            limit = f"{NODES} nodes" if integral else "the limit of simplex steps"
            return LinearOrder(order, min(proven, cost), limit)
        work -= relaxed.steps * len(cuts)
        proven = int(max(proven, min(cost, np.ceil(relaxed.cost - _WHOLE))))
        above = relaxed.above
        candidate = improved(weights, np.argsort(-above.sum(axis=1), kind="stable"))
        if reversed_weight(weights, candidate) < cost:
            order, cost = candidate, reversed_weight(weights, candidate)
        if integral:
            if relaxed.stopped:
                break
            continue
        _settle(settled, weights, relaxed, cost)
        # Only while the bound rises may cuts be dropped, or the same ones come and go for ever.
        if relaxed.cost > last + _TOLERANCE:
            cuts, last = cuts[relaxed.slack < _TOLERANCE], relaxed.cost
    proven = min(proven, cost)
    limit = f"{NODES} nodes" if integral else f"{rounds} {'round' if rounds == 1 else 'rounds'}"
    return LinearOrder(order, proven, limit if proven < cost else "")


def reversed_weight(weights: IntArray, order: IntArray) -> int:
    """Weight of the majorities that an order reverses: the pairwise agreements that it gives up."""
    backward = np.tril(weights[np.ix_(order, order)], -1)
    return int(np.maximum(backward, 0).sum())


def improved(weights: IntArray, order: IntArray) -> IntArray:
    """Move single models, each to its best place, until no move helps.

    Such an order puts no model below one that is nowhere better and somewhere worse: if the worse one loses nothing
    by standing above those in between, the better one gains by standing above them and it.
    """
    ranked = np.array(order)
    # Each pass lowers a cost in whole numbers; far fewer are needed.
    for _ in range(len(order) ** 2 + 1):
        # All moves at once: most often none is left, and nothing that comes before the first one can be moved.
        along = np.cumsum(weights[np.ix_(ranked, ranked)], axis=1)
        helped = ranked[np.minimum(along.min(axis=1), 0) < np.diagonal(along)]
        if not len(helped):
            break
        for model in order[int(np.flatnonzero(np.isin(order, helped))[0]) :]:
            at = int(np.argmax(ranked == model))
            # With p others before it, its agreements fall short of standing first by the margins over those p.
            # It is among them with nothing, so that a place beyond its own is one further on.
            lost = np.concatenate(([0], np.cumsum(weights[model, ranked])))
            best = int(np.argmin(lost))
            if lost[best] == lost[at]:
                continue
            if best < at:
                ranked[best + 1 : at + 1] = ranked[best:at].copy()
                ranked[best] = model
            else:
                ranked[at : best - 1] = ranked[at + 1 : best].copy()
                ranked[best - 1] = model
    return ranked


def _majorities(weights: IntArray, order: IntArray) -> FloatArray:
    """1 where the row's model has the majority against the column's; without one, where the order has it first."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    above: FloatArray = np.where(weights == 0, place[:, None] < place, weights > 0).astype(np.float64)
    return above


def _violated_cycles(weights: IntArray, above: FloatArray, order: IntArray) -> IntArray:
    """Cycles of three that ``above`` goes round, few of them through any one pair, those that cost most first.

    Every cycle goes against the order somewhere: only there are they looked for. None is returned only if none is left.

    Returns
    -------
    ndarray of int, shape (k, 3)
        i, j, k with ``above[i, j] + above[j, k] + above[k, i] > 2``; i is the smallest.
    """
    models = len(order)
    late, early = np.nonzero(np.tril(above[np.ix_(order, order)], -1) > _TOLERANCE)
    size, into = np.abs(weights), np.ascontiguousarray(above.T)
    best = min(_CYCLES_PER_PAIR, models, 1 + _MAX_CYCLES // (len(late) + 1))
    cycles, gains = [np.empty((0, 3), dtype=np.int64)], [np.empty(0)]
    chunk = max(1, _BLOCK_CELLS // models)
    for first in range(0, len(late), chunk):
        back, front = order[late[first : first + chunk]], order[early[first : first + chunk]]
        excess = above[front] + into[back] + (above[back, front] - 2)[:, None]
        # What a cycle can add to the bound is its smallest majority.
        weight = np.minimum(np.minimum(size[front], size[back]), size[back, front][:, None]) + 1
        gain = np.where(excess > _TOLERANCE, excess * weight, 0.0)
        third = np.argpartition(gain, models - best, axis=1)[:, models - best :]
        gain = np.take_along_axis(gain, third, axis=1)
        pair, which = np.nonzero(gain)
        cycles.append(np.stack((back[pair], front[pair], third[pair, which]), axis=1))
        gains.append(gain[pair, which])
    return _apart(np.concatenate(cycles), np.concatenate(gains), models)


def _apart(cycles: IntArray, gains: FloatArray, models: int) -> IntArray:
    """Take cycles by falling gain, unless a pair of theirs was taken often enough."""
    turn = (cycles.argmin(axis=1)[:, None] + np.arange(3)) % 3
    _, distinct = np.unique(np.take_along_axis(cycles, turn, axis=1), axis=0, return_index=True)
    turned = np.take_along_axis(cycles, turn, axis=1)[distinct]
    turned = turned[np.argsort(-gains[distinct], kind="stable")]
    following = np.roll(turned, -1, axis=1)
    pairs = np.minimum(turned, following) * models + np.maximum(turned, following)
    used: Counter[int] = Counter()
    taken = []
    for name, (p, q, r) in enumerate(pairs.tolist()):
        if max(used[p], used[q], used[r]) < _CYCLES_THROUGH_PAIR:
            used.update((p, q, r))
            taken.append(name)
    return turned[taken]


@dataclass(frozen=True, eq=False)
class _Relaxation:
    """Optimum of the linear program.

    Attributes
    ----------
    above : ndarray, shape (n, n)
        How far each model is above each other, from 0 to 1.
    cost : float
        No order that keeps the settled pairs costs less; inf if there is none.
    slack : ndarray, shape (k,)
        Of each cut.
    first, second, reduced : ndarray, shape (p,)
        The pairs in the program, and what putting the first above the second adds to the bound.
    steps : int
        Of the simplex method.
    stopped : bool
        Whether the search for whole numbers ended at its limit.
    """

    above: FloatArray
    cost: float
    slack: FloatArray
    first: IntArray
    second: IntArray
    reduced: FloatArray
    steps: int = 0
    stopped: bool = False


def _relax(
    weights: IntArray,
    cuts: IntArray,
    settled: npt.NDArray[np.int8],
    start: FloatArray,
    integral: bool,
    steps: int,
) -> _Relaxation | None:
    """Solve the linear program over the pairs that a cut holds; the others keep what they have in ``start``.

    None if the limit of work was reached without a solution.
    """
    models = len(weights)
    following = np.roll(cuts, -1, axis=1)
    upward = cuts < following
    names, column = np.unique(
        np.where(upward, cuts * models + following, following * models + cuts), return_inverse=True
    )
    first, second = np.divmod(names, models)
    margin = weights[first, second].astype(np.float64)
    row = np.repeat(np.arange(len(cuts)), 3)
    sign = np.where(upward, 1.0, -1.0)
    # Takes as long to load as most of an analysis, which needs no optimum.
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, linprog, milp

    matrix = sparse.csr_array((sign.ravel(), (row, column.reshape(-1))), shape=(len(cuts), len(names)))
    most = 2.0 - (~upward).sum(axis=1)
    least_above = (settled[first, second] > 0).astype(np.float64)
    most_above = (settled[first, second] >= 0).astype(np.float64)
    solved: Any
    if integral:
        solved = milp(
            -margin,
            integrality=np.ones(len(names), dtype=np.int64),
            bounds=Bounds(least_above, most_above),
            constraints=LinearConstraint(matrix, -np.inf, most),
            options={"node_limit": NODES, "mip_rel_gap": 0.0},
        )
    else:
        program: dict[str, Any] = {"A_ub": matrix, "bounds": np.stack((least_above, most_above), axis=1)}
        solved = linprog(
            -margin, b_ub=most, method="highs-ds", options={"maxiter": min(steps, _MOST_STEPS)}, **program
        )
    nothing = np.zeros(len(names))
    if solved.status == 2:
        return _Relaxation(start, np.inf, np.zeros(len(cuts)), first, second, nothing)
    if solved.x is None or (not integral and solved.status != 0):
        return None
    if integral:
        placed, cost, reduced = np.rint(solved.x), float(solved.mip_dual_bound), nothing
        slack = most - matrix @ placed
    else:
        placed, slack = solved.x, np.asarray(solved.slack)
        # Any multipliers prove a bound, however roughly they solve the dual.
        multipliers = np.maximum(-solved.ineqlin.marginals, 0.0)
        reduced = matrix.T @ multipliers - margin
        cheapest = np.where(reduced > 0, reduced * least_above, reduced * most_above)
        cost = float(cheapest.sum() - multipliers @ most)
    above = np.array(start)
    above[first, second], above[second, first] = placed, 1.0 - placed
    cost += float(np.maximum(margin, 0.0).sum())
    done = 0 if integral else int(solved.nit)
    return _Relaxation(above, cost, slack, first, second, reduced, done, integral and solved.status != 0)


def _settle(settled: npt.NDArray[np.int8], weights: IntArray, relaxed: _Relaxation, cost: int) -> None:
    """Settle the pairs that no order cheaper than ``cost`` can have the other way round: 1 above, -1 below, 0 open."""
    # Outside the program every majority stands, and to reverse it costs its weight.
    reduced = np.triu(-weights).astype(np.float64)
    reduced[relaxed.first, relaxed.second] = relaxed.reduced
    hopeless = (settled == 0) & (relaxed.cost + np.abs(reduced) > cost - 1 + _WHOLE)
    settled[hopeless] = -np.sign(reduced[hopeless])


def _open_cycles(settled: npt.NDArray[np.int8]) -> IntArray:
    """Both cycles of every three models of which a pair is open, shape (k, 3); none if they are too many."""
    models = len(settled)
    first, second = np.nonzero(np.triu(settled == 0, 1))
    if len(first) * models > _MAX_CYCLES:
        return np.empty((0, 3), dtype=np.int64)
    third = np.tile(np.arange(models), len(first))
    threes = np.sort(np.stack((np.repeat(first, models), np.repeat(second, models), third), axis=1), axis=1)
    apart = (threes[:, 0] < threes[:, 1]) & (threes[:, 1] < threes[:, 2])
    distinct = np.unique(threes[apart], axis=0)
    return np.concatenate((distinct, distinct[:, [0, 2, 1]]))
