"""Kemeny-Young: the ranking that agrees with the benchmarks on the most pairs, with a proven bound.

Best rankings may not be unique: a vote smaller than any majority then decides each pair. The ranking lists the strongly
connected components of the majority graph one after the other. Within a component some majorities must be reversed, see
`linear_ordering`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..errors import InputError
from .base import Claims, Scheme
from .linear_ordering import ROUNDS, linear_order, reversed_weight
from .registry import register
from .scaling import RANK_SCALE
from .voting import CONVENTIONS, matrices


@dataclass(frozen=True, eq=False)
class KemenyResult:
    """Ranking of ``n`` models, and the proven bound of pairwise agreements of any ranking."""

    order: IntArray  # Shape (n,); rows of the models, best first
    # Shape (n,); n minus the number of models ranked before, so that n is best. Models whose margins against
    # every other model are equal share the place of the first of them.
    scores: FloatArray
    # Pairwise agreements: sum over pairs ranked i before j of the benchmarks on which i is above j. A benchmark
    # on which the two tie agrees with neither order.
    objective: int
    bound: int  # No ranking has more agreements; proven
    stopped: str = ""  # Limit of work at which the proof was given up; empty if it was completed

    @property
    def optimal(self) -> bool:
        """True if no ranking is better; another may be as good."""
        return self.objective == self.bound

    @property
    def gap(self) -> float:
        """Relative gap (bound - objective) / bound; 0 if the bound is 0."""
        return (self.bound - self.objective) / self.bound if self.bound else 0.0


def kemeny(wins: IntArray, rounds: int = ROUNDS) -> KemenyResult:
    """Rank models so that the number of pairwise agreements with the benchmarks is largest.

    Of several best rankings the one is returned that puts the fewest pairs against the order of their sums of margins,
    which is that of the mean ranks on a complete board: see `_tie_broken`. Raises InputError if ``wins`` is not a
    square matrix of integers from 0, or the number of rounds is negative.

    `wins`: shape (n, n); ``wins[i, j]`` is the number of benchmarks on which i is above j, as from `pairwise_wins`.
    `rounds`: linear programs after which the proof is given up for a component: the best ranking found is returned with
    the bound proven so far. Other limits are in `linear_ordering`. All count work, so that the result is the same on
    every machine.

    References
    ----------
    Kemeny (1959), Mathematics without numbers, Daedalus 88, 577-591; Young, Levenglick (1978), A consistent extension
    of Condorcet's election principle, SIAM J. Appl. Math. 35, 285-300. Components: Truchon (1998), An extension of
    the Condorcet criterion and Kemeny orders. Linear program: Grötschel, Jünger, Reinelt (1984), A cutting plane
    algorithm for the linear ordering problem, Oper. Res. 32, 1195-1220.
    """
    _check(wins, rounds)
    models = len(wins)
    margins = wins.astype(np.int64) - wins.T
    groups, alike = _groups_of(margins)
    size = np.bincount(alike, minlength=len(groups))
    between = margins[np.ix_(groups, groups)]
    broken, unit = _tie_broken(between, np.arange(len(groups)), models)
    weights, broken = between * np.outer(size, size), broken * np.outer(size, size)

    order: list[int] = []
    cost_bound, stopped = 0, ""
    for members in _components(broken):
        found = linear_order(broken[np.ix_(members, members)], rounds)
        order.extend(members[found.order].tolist())
        stopped = stopped or found.stopped
        # The tie-breaking votes sum to less than half a unit, and agreements are integers.
        cost_bound += max(0, -((unit // 2 - found.proven) // unit))
    ranked = np.array(order, dtype=np.int64)

    place = np.empty(len(groups), dtype=np.int64)
    place[ranked] = np.cumsum(size[ranked]) - size[ranked]
    most = int(np.maximum(wins, wins.T)[np.triu_indices(models, 1)].sum())
    return KemenyResult(
        order=np.argsort(place[alike], kind="stable"),
        scores=(models - place[alike]).astype(np.float64),
        objective=most - reversed_weight(weights, ranked),
        bound=most - cost_bound,
        stopped=stopped,
    )


def _tie_broken(margins: IntArray, number: IntArray, models: int) -> tuple[IntArray, int]:
    """Scale the margins, and add a small vote to each pair that decides between orders of equal margins.

    Returns broken (shape (n, n), ``unit`` times the margins, and 1 or -1 for the numbers. The order that reverses least
    of it reverses least of the margins and, of all orders that do, puts the fewest pairs against their numbers) and
    unit (larger than the sum of all small votes and their reversal).

    `margins`: shape (n, n); antisymmetric. `number`: shape (n,); the model with the smaller number gets that vote.
    `models`: number of models; a row represents one or more.
    """
    unit = models * (models - 1) + 1
    broken: IntArray = margins * unit + np.sign(number - number[:, None])
    return broken, unit


def _check(wins: IntArray, rounds: int) -> None:
    if wins.ndim != 2 or not len(wins) or wins.shape[0] != wins.shape[1]:
        raise InputError(
            f"wins has the shape {wins.shape}; give a square matrix of one model or more, as of pairwise_wins"
        )
    if wins.dtype.kind not in "iu" or (wins.size and int(wins.min()) < 0):
        raise InputError(
            "wins must hold numbers of benchmarks, integers from 0, as pairwise_wins returns them"
        )
    if rounds < 0:
        raise InputError(f"the proof is given up after {rounds} rounds; give 0 or more")


def _groups_of(margins: IntArray) -> tuple[IntArray, IntArray]:
    """Group models with equal margins against all: a representative of each group, and each model's group.

    Ranking such models consecutively is optimal. The groups are ordered by sums of margins, of their cubes and of their
    squares, which do not depend on the order of the rows, so that relabelled models have the same ranks.
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


KEMENY = register(
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
