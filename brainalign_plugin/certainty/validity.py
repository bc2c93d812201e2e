"""Predictive validity: how well each scheme ranks models on a paper that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import FloatArray, IntArray, known
from ..data.board import Board
from ..data.cleaning import complete_board
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..errors import BoardError, InputError
from ..ranking.boards import aggregated_or_none, without
from ..scales import ranks_from_bottom
from ..schemes import Scheme, get_scheme, scheme_names
from .bootstrap import RESAMPLES, Interval, draw_counts, fewer, interval, sure_families
from .families import Families, families
from .figures import known_mean, weighted_ranks

# A scheme is aggregated once a paper: for more models than these, what takes longest is made only if it is asked for.
_SEARCHED_MODELS, _JOINT_MODELS = 120, 600
# Fewest models on which a benchmark that arrived is compared.
MIN_MODELS = 20
# Numbers held at once by one block of resamples.
_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class SchemeValidity:
    """Correlations of one scheme with unseen papers."""

    scheme: str
    mean: float | None  # Of `papers`; None where no paper has a correlation
    papers: dict[str, float | None]  # Spearman's rho by paper; None where the scheme cannot be used without it
    interval: Interval | None  # Of the mean, over families of models; the schemes as they were fitted on all models


@dataclass(frozen=True, eq=False)
class Validity:
    """Predictive validity of schemes on one board."""

    papers: tuple[str, ...]
    schemes: dict[str, SchemeValidity]  # The best mean first; schemes without any come last
    models: int
    families: int
    resamples: int
    seed: int
    _clusters: float | None  # Effective number of families; None if too few
    _resampled: dict[str, FloatArray] = field(repr=False)

    def difference(self, one: str, other: str) -> Interval | None:
        """Return by how much one scheme predicts better than another, paired in each resample; None where unknown."""
        for name in (one, other):
            if name not in self.schemes:
                raise InputError(f"the scheme {name!r} was not compared; known are {', '.join(self.schemes)}")
        first, second = self.schemes[one], self.schemes[other]
        alike = all((rho is None) == (second.papers[paper] is None) for paper, rho in first.papers.items())
        if first.mean is None or second.mean is None or not alike:
            return None
        return interval(first.mean - second.mean, self._resampled[one] - self._resampled[other], self._clusters)


def validity(
    board: Board,
    schemes: Iterable[str] | None = None,
    reference: Any = None,
    grouped: Families | None = None,
    resamples: int | None = None,
    seed: int = 0,
    max_missing: float = 0.5,
) -> Validity:
    """Ask each scheme, fitted without a paper, to rank the models on that paper.

    For each paper a scheme aggregates the cleaned board restricted to the leaves of all other papers; Spearman's
    correlation of its scores with the mean within-leaf rank of the models on the paper's own leaves says how well it
    predicts, and a scheme's figure is the mean over papers.

    `schemes`: all registered ones if None, those with frozen norms only with a reference, those that search for an
    optimum only up to 120 models, those that score a board as a whole only up to 600. `grouped`: families of the
    models; found by scores and names if None. `resamples`: of families; 1,000 if None, and 200 above 600 models.
    """
    board = complete_board(board, max_missing)
    if len(board.models) < 3 or not board.leaves:
        raise BoardError(
            f"predictive validity was asked on {len(board.models)} complete models and {len(board.leaves)} benchmarks; "
            "it needs three models: take another snapshot or another threshold of cleaning"
        )
    columns = board.papers
    targets = np.column_stack([ranks_from_bottom(board.scores[:, own]).mean(axis=1) for own in columns.values()])
    n = len(board.models)
    usable = {
        name: scheme
        for name, scheme in _bound(schemes, reference).items()
        if schemes is not None or n <= _most_models(scheme)
    }
    scores = _without_each_paper(usable, board)
    used = families(board) if grouped is None else grouped
    clusters, times = sure_families(used.labels), fewer(RESAMPLES, n) if resamples is None else resamples
    resampled = _resampled(targets, scores, draw_counts(used.labels, times, seed))
    found = []
    for name, drawn in resampled.items():
        rho = [_spearman(scores[name][:, k], targets[:, k]) for k in range(len(columns))]
        answers = [value for value in rho if value is not None]
        mean = float(np.mean(answers)) if answers else None
        by_paper = dict(zip(columns, rho, strict=True))
        found.append(SchemeValidity(name, mean, by_paper, interval(mean, drawn, clusters)))
    found.sort(key=lambda one: -np.inf if one.mean is None else one.mean, reverse=True)
    best_first = {one.scheme: one for one in found}
    return Validity(tuple(columns), best_first, n, used.count, times, seed, clusters, resampled)


def _bound(schemes: Iterable[str] | None = None, reference: Any = None) -> dict[str, Scheme]:
    """Return the schemes of these names, or all that are usable, bound to the reference."""
    found: dict[str, Scheme] = {}
    for name in scheme_names() if schemes is None else schemes:
        scheme = get_scheme(name)
        if not (scheme.needs_norms and reference is None and schemes is None):
            found[scheme.name] = scheme.bind(reference)
    return found


def _most_models(scheme: Scheme) -> float:
    """Return for how many models a scheme is asked by itself."""
    if scheme.effort == "optimum":
        return _SEARCHED_MODELS
    return np.inf if scheme.fits else _JOINT_MODELS


def _without_each_paper(schemes: Mapping[str, Scheme], board: Board) -> dict[str, FloatArray]:
    """Return each scheme's scores without each paper, shape (n, papers); NaN where they cannot be had."""
    found = {name: np.full((len(board.models), len(board.papers)), np.nan) for name in schemes}
    for k, own in enumerate(board.papers.values()):
        rest = without(board, own)
        if not rest.leaves:
            continue
        for name, scheme in schemes.items():
            scores = aggregated_or_none(scheme, rest)
            if scores is not None:
                found[name][:, k] = scores
    return found


def _spearman(scores: FloatArray, target: FloatArray) -> float | None:
    return None if np.isnan(scores).any() else known(spearman_matrix(np.column_stack([scores, target]))[0, 1])


def _resampled(targets: FloatArray, scores: Mapping[str, FloatArray], counts: IntArray) -> dict[str, FloatArray]:
    """Return each scheme's mean over papers in each resample, shape (r,); NaN where no paper has a correlation."""
    size = max(1, _BLOCK // max(1, targets.size))
    found: dict[str, list[FloatArray]] = {name: [] for name in scores}
    for start in range(0, len(counts), size):
        drawn = counts[start : start + size]
        aims = weighted_ranks(targets, drawn)
        for name, columns in scores.items():
            usable = np.flatnonzero(~np.isnan(columns).any(axis=0))
            found[name].append(_correlations(weighted_ranks(columns[:, usable], drawn), aims[:, usable], drawn))
    return {name: np.concatenate(blocks) for name, blocks in found.items()}


def _correlations(ranks: FloatArray, aims: FloatArray, counts: IntArray) -> FloatArray:
    """Return the mean over columns of weighted correlations; shapes (r, k, n), (r, k, n), (r, n) to (r,)."""
    times = counts[:, None].astype(ranks.dtype)
    weighted = ranks * times
    products = (weighted * aims).sum(axis=2, dtype=np.float64)
    squares = (weighted * ranks).sum(axis=2, dtype=np.float64) * (aims * times * aims).sum(axis=2, dtype=np.float64)
    varies = squares > 0
    return known_mean(np.where(varies, products / np.sqrt(np.where(varies, squares, 1.0)), np.nan))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A benchmark that arrived, and how well schemes fitted before it rank the models on it."""

    benchmark: str
    day: date  # Of its first score
    models: int  # On the cleaned board of that day, with a score on the benchmark now
    rho: dict[str, float | None]  # By scheme; None where the scheme cannot be used on that board


def validity_over_time(
    snapshot: Snapshot,
    schemes: Iterable[str] = ("UNIVERSE", "NORMAL_UNIVERSE", "HIER_ZMEAN", "HIER", "RANK", "ZMEAN", "FLAT"),
    max_missing: float = 0.5,
) -> tuple[Arrival, ...]:
    """Ask schemes, as of the day before each benchmark arrived, to rank the models on it; in order of arrival.

    Left out are the benchmarks of the first day, and those on which fewer than 20 models of the earlier board have a
    score. `schemes`: names; those with frozen norms cannot be asked.
    """
    used = _bound(tuple(schemes))
    whole = snapshot.board()
    now = {model: i for i, model in enumerate(whole.ids)}
    found: list[Arrival] = []
    for day, leaves in arrivals(snapshot, whole.leaves).items():
        earlier = complete_board(snapshot.as_of(day).board(), max_missing)
        if not earlier.models or not earlier.leaves:
            continue
        rows = [now[model] for model in earlier.ids]
        scores = {name: aggregated_or_none(scheme, earlier) for name, scheme in used.items()}
        for leaf in leaves:
            target = whole.scores[rows, whole.leaves.index(leaf)]
            has = ~np.isnan(target)
            if has.sum() >= MIN_MODELS:
                rho = {name: None if one is None else _spearman(one[has], target[has]) for name, one in scores.items()}
                found.append(Arrival(leaf, day, int(has.sum()), rho))
    return tuple(found)


def arrivals(snapshot: Snapshot, leaves: tuple[str, ...]) -> dict[date, list[str]]:
    """Return the benchmarks by the day of their first score, earliest first, without those of the first day."""
    first: dict[date, list[str]] = {}
    for leaf in leaves:
        column = snapshot.tree.index[leaf]
        times = snapshot.scored_at[snapshot.states[:, column] == CellState.SCORED, column]
        dated = times[~np.isnat(times)]
        if len(dated):
            first.setdefault(dated.min().astype("datetime64[D]").item(), []).append(leaf)
    return dict(sorted(first.items())[1:])
