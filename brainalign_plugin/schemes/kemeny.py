"""Kemeny-Young: the ranking that agrees with the benchmarks on the most pairs, with a proven bound.

Best rankings may not be unique: a vote smaller than any majority then decides each pair. The ranking lists the strongly
connected components of the majority graph one after the other. Within a component some majorities must be reversed, at
least one of three in a cycle. These constraints (cuts) of a linear program over the pairs are added when they are
violated; its optimum bounds every order from below. If it is fractional, HiGHS continues by branch and bound.

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
from .base import Claims, Optimum
from .registry import register
from .voting import matrices, ordinal

# Tolerances of violations and slacks (that of HiGHS is 1e-7), and for rounding a bound up, because costs are integers.
_TOLERANCE, _WHOLE = 1e-6, 1e-4
# Cells of a block in the search for violated cycles, which allocates a few arrays of this size.
_BLOCK_CELLS = 1 << 21
# Candidate cycles of each reversed pair, and cycles added through any pair in one round. Few disjoint cuts raise the
# bound faster than all violated ones; these numbers were the fastest on the real boards.
_CYCLES_PER_PAIR, _CYCLES_THROUGH_PAIR = 8, 2
# Candidate cycles in one round, so that a board of thousands of models fits into memory.
_MAX_CYCLES = 300_000
# Limits of work for a proof: rounds of the cutting planes; and simplex iterations times cuts, summed over the rounds. A
# program in whole numbers counts by its open pairs, and has a limit of nodes. Work is counted and not timed, so that a
# ranking does not depend on the machine or its load. About a minute on 300 models.
ROUNDS, WORK = 200, 3_000_000_000
_INTEGER, _NODES = 4, 200
# Largest integer of HiGHS.
_MOST_STEPS = 2**31 - 1


def kemeny(wins: IntArray, rounds: int = ROUNDS) -> Optimum:
    """Rank models by their `pairwise_wins` so that the number of agreements with the benchmarks is largest.

    `rounds`: linear programs after which the proof is given up for a component (Truchon 1998, An extension of the
    Condorcet criterion and Kemeny orders).
    """
    models = len(wins)
    margins = wins.astype(np.int64) - wins.T
    groups, alike = _groups_of(margins)
    size = np.bincount(alike, minlength=len(groups))
    between = margins[np.ix_(groups, groups)]
    # A vote for the smaller number of each pair breaks ties: all votes and their reversal sum to less than the unit.
    unit, number = models * (models - 1) + 1, np.arange(len(groups))
    broken = between * unit + np.sign(number - number[:, None])
    weights, broken = between * np.outer(size, size), broken * np.outer(size, size)

    order: list[int] = []
    cost_bound, stopped = 0, ""
    for members in _components(broken):
        best, proven, limit = linear_order(broken[np.ix_(members, members)], rounds)
        order.extend(members[best].tolist())
        stopped = stopped or limit
        # The tie-breaking votes sum to less than half a unit, and agreements are integers.
        cost_bound += max(0, -((unit // 2 - proven) // unit))
    ranked = np.array(order, dtype=np.int64)

    place = np.empty(len(groups), dtype=np.int64)
    place[ranked] = np.cumsum(size[ranked]) - size[ranked]
    most = int(np.maximum(wins, wins.T)[np.triu_indices(models, 1)].sum())
    # Models whose margins against every other are equal share the place of the first of them.
    return Optimum(
        order=np.argsort(place[alike], kind="stable"),
        scores=(models - place[alike]).astype(np.float64),
        objective=most - reversed_weight(weights, ranked),
        bound=most - cost_bound,
        stopped=stopped,
    )


def _groups_of(margins: IntArray) -> tuple[IntArray, IntArray]:
    """Group models with equal margins against all: a representative of each group, and each model's group.

    Groups are in the order of sums of margins, of their cubes and squares, so that relabelled models have the same
    ranks.
    """
    _, first, alike = np.unique(margins, axis=0, return_index=True, return_inverse=True)
    keys = [margins[first].sum(axis=1), (margins[first] ** 3).sum(axis=1), (margins[first] ** 2).sum(axis=1)]
    order = np.lexsort((first, *(-key for key in reversed(keys))))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return first[order], number[alike.reshape(-1)]


def _components(weights: IntArray) -> list[IntArray]:
    """Return the strongly connected components of a majority graph without ties, each above all later ones."""
    beaten = (weights > 0).sum(axis=1)
    order = np.argsort(-beaten, kind="stable")
    # The first k of this order are whole components where they beat all others, with k(k-1)/2 wins among themselves
    # and k(n-k) over the others (Landau 1953, Bull. Math. Biophys. 15, 143-148).
    k = np.arange(1, len(order))
    whole = np.cumsum(beaten[order])[:-1] == k * (k - 1) // 2 + k * (len(order) - k)
    return [np.sort(members) for members in np.split(order, k[whole])]


def linear_order(weights: IntArray, rounds: int = ROUNDS) -> tuple[IntArray, int, str]:
    """Order models so that reversed majorities (positive weights, antisymmetric) weigh least, in some rounds.

    Returns the order (n,), best first; the proven least weight that any order reverses; and the limit at which the
    proof was given up, empty if it was not.
    """
    order = improved(weights, np.argsort(-weights.sum(axis=1), kind="stable"))
    cost, proven = reversed_weight(weights, order), 0
    above = _majorities(weights, order)
    settled = np.zeros(weights.shape, dtype=np.int8)
    cuts = np.empty((0, 3), dtype=np.int64)
    last, integral, work = -1.0, False, WORK
    limit = "the limit of work"
    for _ in range(rounds):
        if proven >= cost:
            break
        found = _violated_cycles(weights, above, order)
        if not len(found):
            if integral:
                break
            # The optimum is fractional: integrality is required from here on.
            integral, found = True, _open_cycles(settled)
        cuts = np.concatenate((cuts, found))
        start = _majorities(weights, order)
        work -= _INTEGER * (int(np.count_nonzero(settled == 0)) // 2) ** 2 if integral else 0
        relaxed = None
        if work > 0 and len(cuts):
            relaxed = _relax(weights, cuts, settled, start, integral, max(work // len(cuts), 1))
        if relaxed is None:
            break
        work -= relaxed.steps * len(cuts)
        proven = int(max(proven, min(cost, np.ceil(relaxed.cost - _WHOLE))))
        above = relaxed.above
        candidate = improved(weights, np.argsort(-above.sum(axis=1), kind="stable"))
        if reversed_weight(weights, candidate) < cost:
            order, cost = candidate, reversed_weight(weights, candidate)
        if relaxed.stopped:
            break
        if integral:
            continue
        _settle(settled, relaxed, cost)
        # Slack cuts are dropped only while the bound rises, because otherwise the loop may not end.
        if relaxed.cost > last + _TOLERANCE:
            cuts, last = cuts[relaxed.slack < _TOLERANCE], relaxed.cost
    else:
        limit = f"{rounds} {'round' if rounds == 1 else 'rounds'}"
    return order, min(proven, cost), limit if proven < cost else ""


def reversed_weight(weights: IntArray, order: IntArray) -> int:
    """Return the weight of the majorities that an order reverses."""
    backward = np.tril(weights[np.ix_(order, order)], -1)
    return int(np.maximum(backward, 0).sum())


def improved(weights: IntArray, order: IntArray) -> IntArray:
    """Improve an order by local search: move single models to their best places until no move helps."""
    ranked = np.array(order)
    # Each pass lowers an integer cost; far fewer passes are needed.
    for _ in range(len(order) ** 2 + 1):
        # All moves are evaluated at once, because usually none is left.
        along = np.cumsum(weights[np.ix_(ranked, ranked)], axis=1)
        helped = ranked[np.minimum(along.min(axis=1), 0) < np.diagonal(along)]
        if not len(helped):
            break
        for model in order[int(np.flatnonzero(np.isin(order, helped))[0]) :]:
            at = int(np.argmax(ranked == model))
            # With p others before it, its agreements are those of the first place less the margins over those p.
            # Its own margin is 0, so a place after its own is one higher.
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
    """Mark with 1 where the row's model has the majority against the column's, ties by the order."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return np.where(weights == 0, place[:, None] < place, weights > 0).astype(np.float64)


def _violated_cycles(weights: IntArray, above: FloatArray, order: IntArray) -> IntArray:
    """Find cycles i, j, k with ``above[i, j] + above[j, k] + above[k, i] > 2``, the most costly first; shape (k, 3).

    Every cycle reverses a pair of the order, so the search is over these.
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
        # A cycle raises the bound by at most its smallest majority.
        weight = np.minimum(np.minimum(size[front], size[back]), size[back, front][:, None]) + 1
        gain = np.where(excess > _TOLERANCE, excess * weight, 0.0)
        third = np.argpartition(gain, models - best, axis=1)[:, models - best :]
        gain = np.take_along_axis(gain, third, axis=1)
        pair, which = np.nonzero(gain)
        cycles.append(np.stack((back[pair], front[pair], third[pair, which]), axis=1))
        gains.append(gain[pair, which])
    return _apart(np.concatenate(cycles), np.concatenate(gains), models)


def _apart(cycles: IntArray, gains: FloatArray, models: int) -> IntArray:
    """Select cycles by decreasing gain, with a limit for each pair."""
    turn = (cycles.argmin(axis=1)[:, None] + np.arange(3)) % 3
    turned, distinct = np.unique(np.take_along_axis(cycles, turn, axis=1), axis=0, return_index=True)
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
    """Optimum of the linear program."""

    above: FloatArray  # Shape (n, n); relaxed order of each pair, from 0 to 1
    cost: float  # No order that keeps the settled pairs costs less; inf if there is none
    slack: FloatArray  # Shape (k,); of each cut
    reduced: FloatArray  # Shape (n, n); reduced cost of the row's model above the column's, in the upper triangle
    steps: int = 0  # Of the simplex method
    stopped: bool = False  # True if branch and bound ended at its limit


def _relax(
    weights: IntArray, cuts: IntArray, settled: npt.NDArray[np.int8], start: FloatArray, integral: bool, steps: int
) -> _Relaxation | None:
    """Solve the linear program over the pairs of the cuts, others as in ``start``; None at the limit of work."""
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
    # Loading takes as long as most of an analysis, which needs no optimum.
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
            options={"node_limit": _NODES, "mip_rel_gap": 0.0},
        )
    else:
        program: dict[str, Any] = {"A_ub": matrix, "bounds": np.stack((least_above, most_above), axis=1)}
        solved = linprog(-margin, b_ub=most, method="highs-ds", options={"maxiter": min(steps, _MOST_STEPS)}, **program)
    # Pairs outside the program keep their majority, and a reversal costs its weight.
    reduced = np.triu(-weights).astype(np.float64)
    if solved.status == 2:
        return _Relaxation(start, np.inf, np.zeros(len(cuts)), reduced)
    if solved.x is None or (not integral and solved.status != 0):
        return None
    if integral:
        placed, cost = np.rint(solved.x), float(solved.mip_dual_bound)
        slack = most - matrix @ placed
    else:
        placed, slack = solved.x, np.asarray(solved.slack)
        # Any feasible multipliers of the dual prove a bound, optimal or not.
        multipliers = np.maximum(-solved.ineqlin.marginals, 0.0)
        of_pairs = reduced[first, second] = matrix.T @ multipliers - margin
        cheapest = np.where(of_pairs > 0, of_pairs * least_above, of_pairs * most_above)
        cost = float(cheapest.sum() - multipliers @ most)
    above = np.array(start)
    above[first, second], above[second, first] = placed, 1.0 - placed
    cost += float(np.maximum(margin, 0.0).sum())
    done = 0 if integral else int(solved.nit)
    return _Relaxation(above, cost, slack, reduced, done, integral and solved.status != 0)


def _settle(settled: npt.NDArray[np.int8], relaxed: _Relaxation, cost: int) -> None:
    """Fix the pairs that every order cheaper than ``cost`` has in one direction: 1 above, -1 below, 0 open."""
    hopeless = (settled == 0) & (relaxed.cost + np.abs(relaxed.reduced) > cost - 1 + _WHOLE)
    settled[hopeless] = -np.sign(relaxed.reduced[hopeless])


def _open_cycles(settled: npt.NDArray[np.int8]) -> IntArray:
    """Return both cycles of every three models with an open pair, shape (k, 3); none if they are too many."""
    models = len(settled)
    first, second = np.nonzero(np.triu(settled == 0, 1))
    if len(first) * models > _MAX_CYCLES:
        return np.empty((0, 3), dtype=np.int64)
    third = np.tile(np.arange(models), len(first))
    threes = np.sort(np.stack((np.repeat(first, models), np.repeat(second, models), third), axis=1), axis=1)
    apart = (threes[:, 0] < threes[:, 1]) & (threes[:, 1] < threes[:, 2])
    distinct = np.unique(threes[apart], axis=0)
    return np.concatenate((distinct, distinct[:, [0, 2, 1]]))


register(
    ordinal(
        name="KEMENY",
        combination=(
            "n - place in the ranking that maximises the pairwise agreements: the sum over pairs ranked i before j of "
            "the benchmarks on which i is above j; of several the one with the fewest pairs against the order of total "
            "margins"
        ),
        source="Kemeny (1959), Daedalus 88, 577-591; Young, Levenglick (1978), SIAM J. Appl. Math. 35, 285-300",
        claims=Claims(affine=True, monotone=True, pareto=True),
        wins=kemeny,
        effort="optimum",
        memory=matrices(24),
    )
)
