"""Suite of benchmarks: further papers that raise the reliability most, and the smallest panel that keeps the ranks.

Further papers: the D-study of generalizability theory (Brennan 2001, *Generalizability Theory*, chapters 4 and 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray, known
from ..data.board import Board
from ..data.cells import NO_TIME
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..errors import InputError
from ..ranking.boards import ranks_of_all
from ..ranking.compare import cohen_kappas, quartiles
from ..scales import ranks_from_bottom
from ..schemes import get_scheme
from ..text import counted
from .bootstrap import RESAMPLES, Interval, draw_counts, interval, labels_among, sure_families
from .families import Families, families
from .figures import OFFICIAL, rank_correlations
from .variance_components import NotEstimable, Resampled, certainty_of, linear_form, resampled_components

# Reliability for which the number of papers is counted, and the most that are added.
RELIABLE, MOST = 0.8, 100
# Rank correlation with the full ranking at which a panel reproduces it, among old and among later models.
TARGET = 0.95
# Cohen's kappa of the quartiles at which it reproduces these: "almost perfect" (Landis, Koch 1977).
QUARTILES = 0.8
LARGEST, MIN_MODELS = 30, 10
# Random panels of each size, and rounds of swaps at each.
RANDOM, _ROUNDS = 100, 5


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
    reached = (k for k, more in enumerate(added, 1) if _reliability(found, more)[0] >= RELIABLE)
    return NextBenchmarks(
        value,
        sure,
        tuple(sorted(singly, key=lambda further: -further.reliability)),
        tuple(map(placed, path[:papers], added)),
        0 if value >= RELIABLE else next(reached, None),
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


@dataclass(frozen=True, slots=True)
class PanelSize:
    """The panel of one size. Figures of later models are None where ``Panel.reason`` says why."""

    size: int
    benchmarks: tuple[str, ...]
    chosen_rho: float  # Rank correlation with the full ranking among the models that it was chosen on
    rho: float | None  # The same among later models
    interval: Interval | None  # Over families of later models
    kappa: float | None  # Cohen's kappa of the quartiles of later models
    random_rho: float | None  # Mean rank correlation of random panels of this size, among later models
    random_share: float | None  # Share of the random panels that do at least as well
    benchmarks_saved: float  # Share of the benchmarks that it leaves out
    cells_saved: float  # Share of the cells, over all models, that were run and need not have been


@dataclass(frozen=True, slots=True)
class Panel:
    """The best panels of each size."""

    chosen_on: int  # Models
    later: int  # Models; 0 where ``reason`` says why
    since: date | None  # Day of the first score of the first later model
    reason: str | None  # Why no later models are there to try the panels on
    smallest: int | None  # Size of the smallest panel that reproduces the full ranking; None where none does
    smallest_quartiles: int | None  # The same of its quartiles, among later models
    curve: tuple[PanelSize, ...]


def short_panel(
    board: Board, snapshot: Snapshot, grouped: Families | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Panel | NotEstimable:
    """Choose the panel of each size on the older half of the models, and try it on the later half.

    Benchmarks are added one by one, each followed by swaps while these help (Efroymson's stepwise search with exchange:
    Miller 2002, *Subset Selection in Regression*, section 3.7). The score on a panel is the official average over its
    pruned tree. A model's date is that of its first score; models of one date stay together.
    """
    n, m = len(board.models), len(board.leaves)
    if n < MIN_MODELS or m < 2:
        size = f"{counted(n, 'complete model')} on {counted(m, 'benchmark')}"
        return NotEstimable(OFFICIAL, f"too few to choose from: {size}")
    search = _Search(board)
    if np.ptp(ranks_of_all(search.whole)) == 0:
        return NotEstimable(OFFICIAL, f"all {n} complete models have the same {OFFICIAL}")
    later, since, reason = _split(board, snapshot)
    if reason is None and min(np.ptp(search.whole[side]) for side in (later, ~later)) == 0:
        later, since, reason = np.zeros(n, dtype=bool), None, "all models of one half have the same average"
    rows = np.flatnonzero(~later)
    masks = search.panels(rows, min(LARGEST, m))
    chosen = search.agreement(masks, rows)
    found = families(board) if grouped is None else grouped
    after = np.flatnonzero(later)
    tried = _tried(search, masks, after, labels_among(found.labels, after), resamples, seed)
    columns = [snapshot.tree.index[leaf] for leaf in board.leaves]
    ran = (snapshot.states[:, columns] != CellState.NEVER).sum(axis=0)
    curve = [
        PanelSize(
            size=k + 1,
            benchmarks=tuple(board.leaves[j] for j in np.flatnonzero(mask)),
            chosen_rho=float(chosen[k]),
            benchmarks_saved=1 - (k + 1) / m,
            cells_saved=1 - float(ran[mask].sum() / ran.sum()),
            **tried[k],
        )
        for k, mask in enumerate(masks)
    ]
    good = [one.size for one in curve if one.chosen_rho >= TARGET and (not later.any() or (one.rho or 0) >= TARGET)]
    same = [one.size for one in curve if one.kappa is not None and one.kappa >= QUARTILES]
    smallest = min(good, default=None), min(same, default=None)
    return Panel(len(rows), int(later.sum()), since, reason, *smallest, tuple(curve))


class _Search:
    """The official average on any panel of the leaves of a board."""

    def __init__(self, board: Board) -> None:
        self.board, self.scores = board, board.scores
        self.whole = self.on(np.ones((1, len(board.leaves)), dtype=bool))[:, 0]

    def on(self, masks: BoolArray) -> FloatArray:
        """Return the average on each panel; shape (k, m) to (n, k)."""
        mean = get_scheme(OFFICIAL).linear_combination(self.scores, self.board)
        return self.scores @ mean.cell_weights(np.where(masks, 0.0, np.nan)).T

    def agreement(self, masks: BoolArray, rows: IntArray) -> FloatArray:
        """Return Spearman's rho of each panel with all leaves among some models, -1 where it does not exist."""
        ranks = ranks_from_bottom(np.column_stack([self.whole[rows], self.on(masks)[rows]]))
        ranks -= (len(rows) + 1) / 2
        squares = (ranks**2).sum(axis=0)
        possible = np.sqrt(squares[0] * squares[1:])
        rho: FloatArray = np.where(possible > 0, ranks[:, 0] @ ranks[:, 1:] / np.where(possible > 0, possible, 1), -1.0)
        return np.clip(rho, -1.0, 1.0)

    def panels(self, rows: IntArray, largest: int) -> BoolArray:
        """Return the panel of each size, shape (largest, m)."""
        mask = np.zeros(self.scores.shape[1], dtype=bool)
        found = []
        for _ in range(largest):
            mask, best = self._best(mask, [(None, j) for j in np.flatnonzero(~mask).tolist()], rows)
            for _ in range(_ROUNDS):
                swaps: list[tuple[int | None, int]] = [
                    (i, j) for i in np.flatnonzero(mask).tolist() for j in np.flatnonzero(~mask).tolist()
                ]
                swapped, rho = self._best(mask, swaps, rows) if swaps else (mask, best)
                if rho <= best + 1e-12:
                    break
                mask, best = swapped, rho
            found.append(mask)
        return np.array(found)

    def _best(self, mask: BoolArray, changes: list[tuple[int | None, int]], rows: IntArray) -> tuple[BoolArray, float]:
        """Return the best panel that takes one leaf in, and another out if it is named."""
        masks = np.repeat(mask[None], len(changes), axis=0)
        for k, (out, into) in enumerate(changes):
            masks[k, into] = True
            if out is not None:
                masks[k, out] = False
        rho = self.agreement(masks, rows)
        best = int(rho.argmax())
        return masks[best], float(rho[best])


def _split(board: Board, snapshot: Snapshot) -> tuple[BoolArray, date | None, str | None]:
    """Mark the later half of the models, and return the day from which they are, or why there is none."""
    rows = [snapshot.rows[model] for model in board.ids]
    scored = np.where(snapshot.states == CellState.SCORED, snapshot.scored_at, NO_TIME)[rows]
    # NaT is later than any time for the smallest of integers below.
    first = np.where(np.isnat(scored), np.datetime64("9999-01-01"), scored).min(axis=1)
    days = first.astype("datetime64[D]")
    none = np.zeros(len(rows), dtype=bool)
    dated = days < np.datetime64("9999-01-01")
    if not dated.any():
        return none, None, "no score has a date, so that no model is later than another"
    starts = np.unique(days[dated])[1:]
    halves = [dated & (days >= start) for start in starts]
    fitting = [k for k, half in enumerate(halves) if min(half.sum(), (~half).sum()) >= MIN_MODELS]
    if not fitting:
        return none, None, f"no day has {MIN_MODELS} complete models before it and {MIN_MODELS} after"
    best = min(fitting, key=lambda k: abs(int(halves[k].sum()) - len(rows) / 2))
    return halves[best], starts[best].item(), None


def _tried(
    search: _Search, masks: BoolArray, rows: IntArray, labels: IntArray, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the figures of each panel among later models, by the fields of `PanelSize`; none without any model."""
    if not len(rows):
        return [dict.fromkeys(("rho", "interval", "kappa", "random_rho", "random_share"))] * len(masks)
    rho = search.agreement(masks, rows)
    scores = np.column_stack([search.whole, search.on(masks)])[rows]
    kappa = cohen_kappas(np.array([quartiles(ranks_of_all(column)) for column in scores.T]))[0, 1:]
    places = np.random.default_rng(seed).random((RANDOM, masks.shape[1])).argsort(axis=1).argsort(axis=1)
    sure = sure_families(labels)
    counts = None if sure is None else draw_counts(labels, resamples, seed)
    found: list[dict[str, Any]] = []
    for k, value in enumerate(rho.tolist()):
        random = search.agreement(places < k + 1, rows)
        drawn = np.zeros(0) if counts is None else rank_correlations(scores[:, [0, k + 1]], counts)[:, 0]
        found.append(
            {
                "rho": value,
                "interval": interval(value, drawn, sure),
                "kappa": known(kappa[k]),
                "random_rho": float(random.mean()),
                "random_share": float((random >= value - 1e-12).mean()),
            }
        )
    return found
