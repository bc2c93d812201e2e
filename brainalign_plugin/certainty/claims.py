"""The poster's first two claims as rules on headline figures, of a board or of many resamples at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray

# Correlations that Cohen (1988) calls medium and large.
MEDIUM, LARGE = 0.3, 0.5
# Share of the average's variance that behaviour explains, alone and as its Shapley value, where it decides.
R2, SHAPLEY = 0.8, 2 / 3

Outcomes = npt.NDArray[np.str_]  # "holds", "weaker", "fails"; "" where a figure does not exist


def benchmarks_conflict(mean_rho: FloatArray) -> Outcomes:
    """Judge claim 1: the claim holds below a medium mean correlation, and fails from a large one on."""
    return np.select([np.isnan(mean_rho), mean_rho < MEDIUM, mean_rho < LARGE], ["", "holds", "weaker"], "fails")


def behaviour_decides(r2_behavior: FloatArray, r2_neural: FloatArray) -> Outcomes:
    """Judge claim 2 by the variance that behaviour explains, and its Shapley share in that of both parts."""
    shapley = (r2_behavior + 1 - r2_neural) / 2
    return np.select(
        [np.isnan(shapley), shapley <= 0.5, (r2_behavior >= R2) & (shapley >= SHAPLEY)],
        ["", "fails", "holds"],
        "weaker",
    )
