"""Comparison of schemes: agreement of their rankings, contested models, and models at the top of all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..agreement.correlation import kendall_tau_b, spearman_matrix
from ..arrays import BoolArray, FloatArray, IntArray, known
from ..data.board import Board
from ..errors import InputError
from ..scales import ranks_from_bottom, rounded
from ..schemes import Ranking
from ..text import brief

TOP = 10
# It rewards benchmarks that agree with no other, so that noise would decide contrasts with it.
_REWARDS_NOISE = "GLS"


def dominance(scores: FloatArray) -> BoolArray:
    """Mark pairs (i, k) where i is at least as good as k on all leaves, none missing, and better on one; (n, n)."""
    values = rounded(scores)
    n = len(values)
    at_least = np.ones((n, n), dtype=bool)
    for column in values.T:
        at_least &= column[:, None] >= column
    return at_least & ~at_least.T


@dataclass(frozen=True, slots=True)
class SchemePair:
    """Agreement of two schemes on the same models; None where it does not exist (all ties)."""

    one: str
    other: str
    # Rank correlations (Kendall's tau-b corrects for ties)
    spearman: float | None
    tau_b: float | None
    kappa: float | None  # Cohen's kappa of the quartiles that the models fall into
    # Share of the best ten of one that are among the best ten of the other; ties can make a ten larger.
    top_overlap: float


@dataclass(frozen=True, slots=True)
class ContestedModel:
    """Best and worst rank of a model over the schemes, and the scheme of each (the first of equals)."""

    id: int
    best: int
    best_scheme: str
    worst: int
    worst_scheme: str


@dataclass(frozen=True, eq=False)
class SchemeComparison:
    """Pairwise comparison of all schemes."""

    __repr__ = brief

    pairs: tuple[SchemePair, ...]
    distinct: int  # Different rankings: schemes that order all models alike count once
    concordance: float | None  # Kendall's W over all schemes, corrected for ties
    # By the distance between best and worst rank, the most contested first; GLS counts with fewer than three schemes.
    models: tuple[ContestedModel, ...]
    # Ids of the models that no other is at least as good as on all benchmarks and better on one; None if scores
    # are missing.
    pareto_front: tuple[int, ...] | None
    always_top: tuple[int, ...]  # Ids of the models among the best ten under every scheme

    @property
    def least_alike(self) -> list[SchemePair]:
        """Pairs without GLS whose rank correlation is known, the lowest first; with GLS where there are no others."""
        correlated = [pair for pair in self.pairs if pair.spearman is not None]
        usual = [pair for pair in correlated if _REWARDS_NOISE not in (pair.one, pair.other)]
        return sorted(usual or correlated, key=lambda pair: pair.spearman or 0.0)


def quartiles(ranks: IntArray) -> IntArray:
    """Return the quartile of each of ``n`` competition ranks: 0 is best. Equal ranks share a quartile."""
    return np.minimum(((ranks - 1) * 4) // max(len(ranks), 1), 3).astype(np.int64)


def cohen_kappas(labels: IntArray) -> FloatArray:
    """Compute Cohen's kappa of all pairs of labellings (k, n), shape (k, k); NaN where both have one same label.

    Source: Cohen (1960), Educ. Psychol. Meas. 20, 37-46.
    """
    k, n = labels.shape
    if n == 0:
        return np.full((k, k), np.nan)
    agreed, expected = np.zeros((k, k)), np.zeros((k, k))
    for label in range(int(labels.max()) + 1):
        has = (labels == label).astype(np.float64)
        agreed += has @ has.T
        expected += np.outer(has.mean(axis=1), has.mean(axis=1))
    by_chance = np.where(expected < 1, expected, np.nan)
    return (agreed / n - by_chance) / (1 - by_chance)


def kendall_w(rankings: FloatArray) -> float | None:
    """Compute Kendall's W of rankings (k, n), corrected for ties."""
    k, n = rankings.shape
    if n < 2 or k < 1:
        return None
    ranks = ranks_from_bottom(rankings.T)
    total = ranks.sum(axis=1)
    ties = sum(float((c**3 - c).sum()) for c in (np.unique(column, return_counts=True)[1] for column in ranks.T))
    below = k**2 * (n**3 - n) - k * ties
    return float(12 * ((total - total.mean()) ** 2).sum() / below) if below > 0 else None


def compare_schemes(board: Board, rankings: Sequence[Ranking]) -> SchemeComparison:
    """Compare rankings of one board under several schemes."""
    if not rankings:
        raise InputError("no ranking was given to compare; rank the board under one scheme or more")
    for ranking in rankings:
        if ranking.ids != board.ids:
            raise InputError(
                f"{ranking.scheme} ranks other models than the board has; rank the same board under all schemes"
            )
    ranks = np.array([ranking.ranks for ranking in rankings]).reshape(len(rankings), len(board.models))
    scores = np.array([ranking.scores for ranking in rankings]).reshape(ranks.shape)
    pairs = _pairs([ranking.scheme for ranking in rankings], scores, ranks)
    usual = [k for k, ranking in enumerate(rankings) if ranking.scheme != _REWARDS_NOISE]
    if len(usual) < 2:
        usual = list(range(len(rankings)))
    places, contested = ranks[usual], []
    for i, model in enumerate(board.ids):
        best, worst = int(places[:, i].argmin()), int(places[:, i].argmax())
        contested.append(
            ContestedModel(
                model,
                int(places[best, i]),
                rankings[usual[best]].scheme,
                int(places[worst, i]),
                rankings[usual[worst]].scheme,
            )
        )
    contested.sort(key=lambda model: (model.best - model.worst, model.id))
    front: tuple[int, ...] | None = None
    if board.complete:
        beaten = dominance(board.scores).any(axis=0)
        front = tuple(i for i, lost in zip(board.ids, beaten, strict=True) if not lost)
    return SchemeComparison(
        pairs=pairs,
        distinct=len({of_scheme.tobytes() for of_scheme in ranks}),
        concordance=kendall_w(scores),
        models=tuple(contested),
        pareto_front=front,
        always_top=tuple(i for i, worst in zip(board.ids, places.max(axis=0, initial=0), strict=True) if worst <= TOP),
    )


def comparison_json(found: SchemeComparison) -> dict[str, Any]:
    """Build the record of a comparison of schemes; unknown is None."""
    return {
        "kendall_w": found.concordance,
        "distinct_rankings": found.distinct,
        "pairs": [asdict(pair) for pair in found.pairs],
        "models": {
            str(model.id): {name: value for name, value in asdict(model).items() if name != "id"}
            for model in found.models
        },
        "pareto_front": None if found.pareto_front is None else list(found.pareto_front),
        "always_top_ten": list(found.always_top),
    }


def _pairs(schemes: list[str], scores: FloatArray, ranks: IntArray) -> tuple[SchemePair, ...]:
    """Compare all pairs of ``k`` schemes, whose scores and ranks are of the shape (k, n)."""
    spearman = spearman_matrix(scores.T)
    tau_b = kendall_tau_b(ranks_from_bottom(scores.T).T)
    kappa = cohen_kappas(np.array([quartiles(of_scheme) for of_scheme in ranks]))
    top = (ranks <= TOP).astype(np.int64)
    shared = top @ top.T
    sizes = shared.diagonal()
    return tuple(
        SchemePair(
            one=schemes[i],
            other=schemes[j],
            spearman=known(spearman[i, j]),
            tau_b=known(tau_b[i, j]),
            kappa=known(kappa[i, j]),
            top_overlap=int(shared[i, j]) / max(int(sizes[i]), int(sizes[j]), 1),
        )
        for i, j in itertools.combinations(range(len(schemes)), 2)
    )
