"""Order of the benchmarks in a clustered correlation matrix."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray, IntArray


def clustered_order(rho: FloatArray) -> IntArray:
    """Return the order of the leaves in average-linkage clustering on 1 - rho, with optimal leaf ordering.

    Shape (m,).

    `rho`: shape (m, m); correlations; an unknown one counts as zero.
    """
    if len(rho) < 3:
        return np.arange(len(rho))
    # Loading takes as long as analysing a board.
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    distance = 1 - np.nan_to_num(rho, nan=0.0)
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(np.maximum((distance + distance.T) / 2, 0.0), checks=False)
    tree = hierarchy.linkage(condensed, method="average", optimal_ordering=True)
    return hierarchy.leaves_list(tree).astype(np.int64)
