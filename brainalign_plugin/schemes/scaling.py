"""Scales of schemes, each fitted column by column, with its formula in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .. import scales
from ..arrays import FloatArray
from ..scales import AffineNorms
from .leave_one_out import (
    OfRank,
    affine_without_each,
    min_max_norms_without_each,
    ranked_without_each,
    robust_norms_without_each,
    z_norms_without_each,
)
from .parts import Columnwise, Scale


def _affine(
    name: str,
    description: str,
    norms: Callable[[FloatArray], AffineNorms],
    norms_without: Callable[[FloatArray], AffineNorms] | None = None,
) -> Scale:
    def fit(scores: FloatArray) -> Columnwise:
        return norms(scores).scaled

    closed = None if norms_without is None else partial(affine_without_each, norms_without)
    return Scale(name, description, fit, without_each=closed)


def _ranked(name: str, description: str, of_rank: OfRank) -> Scale:
    def fit(scores: FloatArray) -> Columnwise:
        rank = scales.ranks_among(scores)
        scored = (~np.isnan(scores)).sum(axis=0).astype(np.float64)
        return lambda rows: of_rank(rank(rows), scored, len(scores))

    return Scale(name, description, fit, order_only=True, without_each=partial(ranked_without_each, of_rank))


def _normal_quantile(ranks: FloatArray, scored: FloatArray, _: int) -> FloatArray:
    from scipy.special import ndtri

    quantiles: FloatArray = ndtri(ranks / (scored + 1))
    return quantiles


def _win_rate(ranks: FloatArray, scored: FloatArray, _: int) -> FloatArray:
    # With fewer than two scores there is nothing to compare, so the scale is constant.
    return np.where(scored > 1, (ranks - 1) / np.maximum(scored - 1, 1), np.nan)


def _borda_points(ranks: FloatArray, scored: FloatArray, models: int) -> FloatArray:
    points: FloatArray = models - (scored + 1 - ranks)
    return points


NONE = Scale.fixed("none", "the ceiled score itself, capped to [0, 1]", lambda scores: scores)
LOGIT_SCALE = Scale.fixed("logit", "log odds of the score clipped to [0.001, 0.999]", scales.logits)
CENTRED = _affine("centred", "score - mean of the benchmark", scales.centre_norms)
Z = _affine(
    "z", "(score - mean) / sd, sd with n - 1; a constant benchmark is 0", scales.z_norms, z_norms_without_each
)
ROBUST_Z = _affine(
    "robust z",
    "(score - median) / (1.4826 · median absolute deviation); 0 where that is 0",
    scales.robust_norms,
    robust_norms_without_each,
)
MIN_MAX = _affine(
    "min-max",
    "(score - lowest) / (highest - lowest); a constant benchmark is 0.5",
    scales.min_max_norms,
    min_max_norms_without_each,
)
RANK_SCALE = _ranked("rank", "average rank from the bottom", lambda ranks, *_: ranks)
NORMAL_SCORE = _ranked(
    "normal score", "inverse normal of r / (n + 1), r the average rank from the bottom", _normal_quantile
)
WIN_RATE_SCALE = _ranked(
    "win rate", "share of the other scored models that are beaten, a tie is half", _win_rate
)
BORDA_POINTS = _ranked("Borda points", "n - average rank from the top among the scored", _borda_points)
