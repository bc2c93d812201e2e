"""Schemes against each other: how far their rankings agree, whom they disagree about, and who is best under all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..aggregation import Ranking
from ..arrays import FloatArray, IntArray
from ..board import Board
from ..errors import InputError
from ..scales import ranks_from_bottom
from .stability import dominance

TOP = 10


@dataclass(frozen=True, slots=True)
class SchemePair:
    """Agreement of two schemes on the same models; None where it does not exist (all ties).

    Attributes
    ----------
    spearman, tau_b : float or None
        Rank correlations (Kendall's tau-b corrects for ties).
    kappa : float or None
        Cohen's kappa of the quartiles that the models fall into.
    top_overlap : float
        Share of the best ten of one that are among the best ten of the other; ties can make a ten larger.
    """

    one: str
    other: str
    spearman: float | None
    tau_b: float | None
    kappa: float | None
    top_overlap: float


@dataclass(frozen=True, slots=True)
class ContestedModel:
    """Best and worst rank of a model over the schemes, and which scheme gives each (the first of equals)."""

    id: int
    best: int
    worst: int
    best_scheme: str
    worst_scheme: str


@dataclass(frozen=True, eq=False)
class SchemeComparison:
    """All schemes against each other.

    Attributes
    ----------
    pairs : tuple of SchemePair
    concordance : float or None
        Kendall's W over all schemes, corrected for ties.
    models : tuple of ContestedModel
        By the distance between best and worst rank, the most contested first.
    pareto_front : tuple of int or None
        Ids of the models that no other is at least as good as on all benchmarks and better on one; None if scores are
        missing.
    always_top : tuple of int
        Ids of the models among the best ten under every scheme.
    """

    pairs: tuple[SchemePair, ...]
    concordance: float | None
    models: tuple[ContestedModel, ...]
    pareto_front: tuple[int, ...] | None
    always_top: tuple[int, ...]


def quartiles(ranks: IntArray) -> IntArray:
    """Quartile of each of ``n`` competition ranks: 0 for the best quarter. Equal ranks share a quartile."""
    return np.minimum(((ranks - 1) * 4) // max(len(ranks), 1), 3).astype(np.int64)


def cohen_kappa(one: IntArray, other: IntArray) -> float | None:
    """Cohen's kappa of two labellings, shape (n,) each; None if both agree by necessity.

    Source: Cohen (1960), Educ. Psychol. Meas. 20, 37-46.
    """
    if len(one) == 0:
        return None
    labels = np.union1d(one, other)
    expected = float(sum((one == label).mean() * (other == label).mean() for label in labels))
    if expected >= 1:
        return None
    return float(((one == other).mean() - expected) / (1 - expected))


def kendall_w(rankings: FloatArray) -> float | None:
    """Kendall's W of rankings, corrected for ties.

    Parameters
    ----------
    rankings : ndarray, shape (k, n)
        ``k`` sets of scores of ``n`` models.

    Source: Kendall, Babington Smith (1939), Ann. Math. Stat. 10, 275-287.
    """
    k, n = rankings.shape
    if n < 2 or k < 1:
        return None
    ranks = ranks_from_bottom(rankings.T)
    total = ranks.sum(axis=1)
    ties = sum(
        float((c**3 - c).sum()) for c in (np.unique(column, return_counts=True)[1] for column in ranks.T)
    )
    below = k**2 * (n**3 - n) - k * ties
    return float(12 * ((total - total.mean()) ** 2).sum() / below) if below > 0 else None


def compare_schemes(board: Board, rankings: Sequence[Ranking]) -> SchemeComparison:
    """Compare rankings of one board under several schemes.

    Raises
    ------
    InputError
        If there are none, or they do not rank the same models.
    """
    if not rankings:
        raise InputError("no ranking was given to compare; rank the board under one scheme or more")
    for ranking in rankings:
        if ranking.ids != board.ids:
            raise InputError(
                f"{ranking.scheme} ranks other models than the board has; rank the same board under all schemes"
            )
    places = [ranks_from_bottom(ranking.scores[:, None])[:, 0] for ranking in rankings]
    pairs = tuple(
        _pair(rankings[i], rankings[j], places[i], places[j])
        for i, j in itertools.combinations(range(len(rankings)), 2)
    )
    ranks = np.array([ranking.ranks for ranking in rankings]).reshape(len(rankings), len(board.models))
    contested = []
    for i, model in enumerate(board.ids):
        best, worst = int(ranks[:, i].argmin()), int(ranks[:, i].argmax())
        contested.append(
            ContestedModel(
                model,
                int(ranks[best, i]),
                int(ranks[worst, i]),
                rankings[best].scheme,
                rankings[worst].scheme,
            )
        )
    contested.sort(key=lambda model: (model.best - model.worst, model.id))
    front: tuple[int, ...] | None = None
    if board.complete:
        beaten = dominance(board.scores).any(axis=0)
        front = tuple(i for i, lost in zip(board.ids, beaten, strict=True) if not lost)
    return SchemeComparison(
        pairs=pairs,
        concordance=kendall_w(np.array([ranking.scores for ranking in rankings])),
        models=tuple(contested),
        pareto_front=front,
        always_top=tuple(
            i for i, worst in zip(board.ids, ranks.max(axis=0, initial=0), strict=True) if worst <= TOP
        ),
    )


def comparison_json(found: SchemeComparison) -> dict[str, Any]:
    """What ``brainalign rank --json`` says of the schemes against each other; unknown is None."""
    return {
        "kendall_w": found.concordance,
        "pairs": [asdict(pair) for pair in found.pairs],
        "models": {
            str(model.id): {
                "best": model.best,
                "best_scheme": model.best_scheme,
                "worst": model.worst,
                "worst_scheme": model.worst_scheme,
            }
            for model in found.models
        },
        "pareto_front": None if found.pareto_front is None else list(found.pareto_front),
        "always_top_ten": list(found.always_top),
    }


def _pair(one: Ranking, other: Ranking, a: FloatArray, b: FloatArray) -> SchemePair:
    """Compare two rankings of which the average ranks are ``a`` and ``b``."""
    varied = len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    top_a, top_b = (
        set(np.flatnonzero(one.ranks <= TOP).tolist()),
        set(np.flatnonzero(other.ranks <= TOP).tolist()),
    )
    return SchemePair(
        one=one.scheme,
        other=other.scheme,
        spearman=float(np.corrcoef(a, b)[0, 1]) if varied else None,
        tau_b=float(stats.kendalltau(a, b, variant="b").statistic) if varied else None,
        kappa=cohen_kappa(quartiles(one.ranks), quartiles(other.ranks)),
        top_overlap=len(top_a & top_b) / max(len(top_a), len(top_b), 1),
    )
