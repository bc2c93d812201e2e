"""The scales that schemes name, each a function of `brainalign_plugin.scales` with its formula in words."""

from __future__ import annotations

from .. import scales
from ..arrays import FloatArray
from .registry import Scale


def _unchanged(scores: FloatArray) -> FloatArray:
    return scores


NONE = Scale("none", "the ceiled score itself, capped to [0, 1]", _unchanged)
Z = Scale("z", "(score - mean) / sd, sd with n - 1; a constant benchmark is 0", scales.z_scores)
ROBUST_Z = Scale(
    "robust z",
    "(score - median) / (1.4826 · median absolute deviation); 0 where that is 0",
    scales.robust_z_scores,
)
MIN_MAX = Scale(
    "min-max", "(score - lowest) / (highest - lowest); a constant benchmark is 0.5", scales.min_max
)
RANK_SCALE = Scale("rank", "average rank from the bottom", scales.ranks_from_bottom)
NORMAL_SCORE = Scale(
    "normal score", "inverse normal of r / (n + 1), r the average rank from the bottom", scales.normal_scores
)
LOGIT_SCALE = Scale("logit", "log odds of the score clipped to [0.001, 0.999]", scales.logits)
