"""Properties of a scheme, measured on a board: effects of a removed model, a rescaled, copied or raised benchmark.

The three properties asked for by Ahlert, Klein, Wichmann, Geirhos (arXiv 2407.07530): independence of irrelevant
alternatives, robustness to a non-linear scale, a hierarchy that is respected; and the classical ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..errors import BoardError
from ..parallel import each
from ..ranking.boards import aggregated, ranks_of_all
from ..ranking.compare import dominance
from ..scales import TIE_DECIMALS, rounded
from .perturb import Case, Rescale, cloned, rescaled_each, scores_without_each

# Altered sets of scores in a batch, whose arrays fit into the cache of a core.
_BLOCK = 64
# Raise of a cell, number of raised cells in a sample, and level of the interval of their share of violations.
STEP, SAMPLE, LEVEL = 0.01, 200, 0.95


@dataclass(frozen=True, eq=False)
class OrderChanges:
    """Pairs of ``n`` models whose order changes, for each of ``k`` altered sets of scores."""

    # Shape (k,); number of pairs whose sign of difference changes; a tie is a sign.
    per_alteration: IntArray
    # Positions of the two models, the lower one first, and the number of sets in which the pair changes; the most
    # fragile pairs first.
    fragile: tuple[tuple[int, int, int], ...]


def order_changes(
    base: FloatArray, altered: FloatArray, removed: IntArray | None = None, fragile: int = 10
) -> OrderChanges:
    """Count the pairs whose order differs between ``base`` (n,) and each row of ``altered`` (k, n). Exact.

    Models are sorted by their base score and compared with their neighbours at growing distance, until the gap exceeds
    the largest relative shift of the scores, because no further pair can change.

    `removed`: shape (k,); position of the model that is absent in each row. `fragile`: number of most fragile pairs to
    return.
    """
    models = len(base)
    start, rows = rounded(base), rounded(altered)
    # Models without a score share the lowest number.
    lowest = min(np.nanmin(start, initial=0.0), np.nanmin(rows, initial=0.0)) - 1
    start, rows = (np.where(np.isnan(scores), lowest, scores) for scores in (start, rows))
    if removed is not None:
        # No comparison with an absent model is true.
        rows[np.arange(len(rows)), removed] = np.nan
    order = np.argsort(start, kind="stable")
    start, rows = start[order], rows[:, order]
    shifts = rows - start
    reach = np.nanmax(shifts, axis=1, initial=-np.inf) - np.nanmin(shifts, axis=1, initial=np.inf)
    # The differences above have the rounding error of the largest number in them.
    largest = max(np.abs(start).max(initial=0.0), np.nanmax(np.abs(rows), initial=0.0))
    reach += 10.0**-TIE_DECIMALS + 8 * np.spacing(largest)
    farthest = np.argsort(-reach, kind="stable")
    counts = np.zeros(len(rows), dtype=np.int64)
    times = np.zeros((models, models) if fragile else (0, 0), dtype=np.int64)
    for first in range(0, len(rows), _BLOCK):
        chosen = farthest[first : first + _BLOCK]
        block = rows[chosen]
        moved = (block != start).any(axis=0)
        for lag in range(1, models):
            if reach[chosen[0]] < (start[lag:] - start[:-lag]).min():
                break
            low = np.flatnonzero(moved[lag:] | moved[:-lag])
            high = low + lag
            earlier, later, tied = block[:, low], block[:, high], start[low] == start[high]
            changed = (later < earlier) | (later > earlier) & tied | (later == earlier) & ~tied
            counts[chosen] += changed.sum(axis=1)
            if fragile:
                times[order[low], order[high]] += changed.sum(axis=0)
    pairs = np.triu(times + times.T)
    often = np.flatnonzero(pairs)
    often = often[np.argsort(-pairs.ravel()[often], kind="stable")][:fragile]
    named = (*np.divmod(often, max(models, 1)), pairs.ravel()[often])
    return OrderChanges(counts, tuple(zip(*(one.tolist() for one in named), strict=True)))


def sign_change_share(base: FloatArray, altered: FloatArray) -> FloatArray:
    """Compute the share of pairs of models whose order changes, for each row of ``altered`` (k, n). Shape (k,)."""
    changes = order_changes(base, altered, fragile=0).per_alteration
    return np.asarray(changes / max(len(base) * (len(base) - 1) / 2, 1))


@dataclass(frozen=True, slots=True)
class FragilePair:
    """Two models (ids) and the number of removals that change their order."""

    one: int
    other: int
    removals: int


@dataclass(frozen=True, eq=False)
class RemovalAudit:
    """Independence of irrelevant alternatives: order changes after the removal of each of ``n`` models."""

    # Share of (removed model, pair of others) whose order changes, n · C(n-1, 2) in all; None with fewer than
    # three models.
    rate: float | None
    # Id of the model whose removal changes most pairs, the smallest id among equals (of all models where no
    # removal changes any: see `worst_changes`).
    worst_spoiler: int | None
    worst_changes: int  # Number of pairs that it changes
    changes: IntArray  # Shape (n,); pairs changed by each removal
    fragile: tuple[FragilePair, ...]


def audit_removal(case: Case, jobs: int = 1) -> RemovalAudit:
    """Measure independence of irrelevant alternatives exactly: remove each model, compare all pairs of others."""
    ids, n = case.board.ids, len(case.board.models)
    if n < 3:
        return RemovalAudit(None, None, 0, np.zeros(n, dtype=np.int64), ())
    found = order_changes(case.base, scores_without_each(case, jobs), removed=np.arange(n))
    changes = found.per_alteration
    most = int(changes.max())
    return RemovalAudit(
        rate=int(changes.sum()) / (n * (n - 1) * (n - 2) // 2),
        worst_spoiler=min(ids[i] for i in np.flatnonzero(changes == most)),
        worst_changes=most,
        changes=changes,
        fragile=tuple(FragilePair(ids[i], ids[j], times) for i, j, times in found.fragile),
    )


def scale_shares(case: Case, rescale: Rescale) -> FloatArray:
    """Compute the share of pairs whose order changes when one leaf is rescaled, for each of the ``m`` leaves; (m,)."""
    return sign_change_share(case.base, rescaled_each(case, rescale))


def clone_rate(case: Case, jobs: int = 1) -> float:
    """Return the share of pairs whose order changes when a leaf is copied, averaged over the leaves."""
    copies = cloned(case, [[leaf] for leaf in case.board.leaves], jobs)
    return float(sign_change_share(case.base, copies).mean())


def pareto_violations(case: Case) -> int:
    """Count the pairs in which one model is at least as good on all leaves, better on one, and ranked below."""
    scores = rounded(case.base)
    return int((dominance(case.resolved.scores) & (scores[:, None] < scores)).sum())


def respects_hierarchy(case: Case) -> bool:
    """Return whether doubling all leaves of a group, inside the group, keeps every score.

    Doubling all its leaves keeps the mean of a group, so a score that changes shows that the group's weight in the
    aggregate has changed. Measured on every group that holds leaves only, because among siblings that are leaves and
    groups, doubling the leaves shifts weight inside their common parent.
    """
    board, tree = case.board, case.board.tree
    groups = [tree.children(node.type_id) for node in tree.nodes if not node.is_leaf]
    # One group at a time: where the first changes a score, no other needs a fit.
    return all(
        np.allclose(cloned(case, [leaves])[0], case.base, rtol=0, atol=10.0**-TIE_DECIMALS, equal_nan=True)
        for leaves in groups
        if len(leaves) < len(board.leaves) and all(tree[leaf].is_leaf for leaf in leaves)
    )


@dataclass(frozen=True, eq=False)
class BenchmarkInfluence:
    """Effect of leaving out one leaf on the ranks under a scheme."""

    leaf: str
    mean_shift: float
    max_shift: int
    most_moved: int


def benchmark_influence(case: Case) -> tuple[BenchmarkInfluence, ...]:
    """Leave each leaf out in turn; mean and largest shift of ranks, and the model (of equals the smallest id)."""
    board, found = case.board, []
    for j, leaf in enumerate(board.leaves):
        rest = board.take(columns=[c for c in range(len(board.leaves)) if c != j])
        if not rest.leaves:
            break
        try:
            without = aggregated(case.scheme, rest, case.rule)
        except BoardError:
            continue
        shift = np.abs(ranks_of_all(without) - case.before)
        largest = int(shift.max())
        moved = min(board.ids[i] for i in np.flatnonzero(shift == largest))
        found.append(BenchmarkInfluence(leaf, float(shift.mean()), largest, moved))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Witness:
    """A cell whose raising lowers its model: model (id), leaf, its score before and after, rank before and after."""

    model: int
    leaf: str
    score: float
    raised: float
    rank: int
    rank_after: int


@dataclass(frozen=True, slots=True)
class Monotonicity:
    """Cells whose raising lowers the rank of their model."""

    violations: int  # Among those tried
    # Cells that were raised, and that could be
    tried: int
    cells: int
    witnesses: tuple[Witness, ...] = ()  # The violations, leaf by leaf

    @property
    def sampled(self) -> bool:
        """True if only a sample of the cells was tried."""
        return self.tried < self.cells

    @property
    def interval(self) -> tuple[float, float]:
        """Binomial interval of the share of violations, at 95 %; the share itself if every cell was tried.

        Source: Clopper, Pearson (1934), Biometrika 26, 404-413.
        """
        from scipy.special import betaincinv

        k, n, tail = self.violations, self.tried, (1 - LEVEL) / 2
        if not self.sampled:
            return (k / n, k / n) if n else (0.0, 0.0)
        low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
        high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
        return low, high


def monotonicity(case: Case, jobs: int = 1, sample: int | None = None, seed: int = 0) -> Monotonicity:
    """Raise cells (a ``sample``, all if None) one at a time by 0.01, and count those that lower their model's rank."""
    rows, columns = np.nonzero(raised(case.board.scores) > case.board.scores)
    cells = len(rows)
    if sample is not None and sample < cells:
        drawn = np.sort(np.random.default_rng(seed).choice(cells, size=sample, replace=False))
        rows, columns = rows[drawn], columns[drawn]
    falls = each(lambda j: _falls(case, int(j), rows[columns == j]), np.unique(columns), jobs)
    witnesses = tuple(witness for of_leaf in falls for witness in of_leaf)
    return Monotonicity(len(witnesses), len(rows), cells, witnesses)


def _falls(case: Case, j: int, models: IntArray) -> list[Witness]:
    """Find the models that fall when their score on one leaf is raised."""
    column, leaf = case.board.scores[:, j], case.board.leaves[j]
    columns = np.repeat(column[:, None], len(models), axis=1)
    columns[models, np.arange(len(models))] = raised(column[models])
    found = []
    for model, higher, scores in zip(models.tolist(), columns.T, case.variants(j, columns), strict=True):
        values = rounded(np.where(np.isnan(scores), -np.inf, scores))
        after, before = 1 + int((values > values[model]).sum()), int(case.before[model])
        if after > before:
            score = float(column[model])
            found.append(Witness(case.board.ids[model], leaf, score, float(higher[model]), before, after))
    return found


def raised(scores: FloatArray) -> FloatArray:
    """Raise scores by `STEP`, capped at 1; scores above 1 stay."""
    return np.maximum(scores, np.minimum(scores + STEP, 1.0))
