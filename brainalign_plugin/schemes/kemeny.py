"""Kemeny-Young: the ranking that agrees with the benchmarks on the most pairs, with a proven bound.

Best rankings may not be unique: a vote smaller than any majority then decides each pair. The ranking lists the strongly
connected components of the majority graph one after the other. Within a component some majorities must be reversed, see
`linear_ordering`.
"""

from __future__ import annotations

import numpy as np

from ..arrays import IntArray
from .base import Claims, Optimum, Scheme
from .linear_ordering import ROUNDS, linear_order, reversed_weight
from .registry import register
from .scaling import RANK_SCALE
from .voting import CONVENTIONS, matrices


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


register(
    Scheme(
        name="KEMENY",
        family="ordinal",
        scale=RANK_SCALE,
        combination=(
            "n - place in the ranking that maximises the pairwise agreements: the sum over pairs ranked i before j of "
            "the benchmarks on which i is above j; of several the one with the fewest pairs against the order of total "
            "margins"
        ),
        source="Kemeny (1959), Daedalus 88, 577-591; Young, Levenglick (1978), SIAM J. Appl. Math. 35, 285-300",
        conventions=CONVENTIONS,
        claims=Claims(affine=True, monotone=True, pareto=True),
        wins=kemeny,
        effort="optimum",
        memory=matrices(24),
    )
)
