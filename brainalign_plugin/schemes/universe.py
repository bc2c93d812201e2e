"""Universe scores of a board: each model's best prediction of its average over all papers that could have measured it.

They use the relationships between benchmarks, keep the weights of the tree, and score models that lack benchmarks; see
`universe_fit` for the model. A missing score, FAILED or NEVER, is left out, which takes it as missing at random.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..data.board import Board
from ..errors import BoardError
from .base import Claims, Scheme
from .combining import Combination, RowByRow
from .frozen import FROZEN_NORMAL
from .registry import register
from .scaling import NONE, NORMAL_SCORE, Z
from .units import not_estimable, paper_variances, units_of
from .universe_fit import DECIMALS, UniverseFit, fit_universe

MAX_MISSING = 0.5


@dataclass(frozen=True, eq=False)
class BoardFit:
    """A universe score fitted on a board of ``m`` leaves."""

    kept: BoolArray  # Shape (m,); leaves that it uses
    fit: UniverseFit  # Its units refer to the kept leaves
    # Share of a unit's variance that is its paper's, from the models that have all kept leaves.
    pooled: float

    def unit_means(self, scaled: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Return unit means of rows of scaled cells on all leaves of the board; shapes (k, m) to (k, p)."""
        return self.fit.units.means(scaled[:, self.kept], None if counts is None else counts[:, self.kept])

    def __call__(self, cells: FloatArray, counts: FloatArray) -> FloatArray:
        """Return the universe score of each row of scaled cells."""
        return self.fit.scores(self.unit_means(cells, counts)).scores


def fit_board(scaled: FloatArray, board: Board, max_missing: float = MAX_MISSING) -> BoardFit:
    """Fit the universe score on the scaled cells (n, m) of a board, on leaves with at most a share of missing ones."""
    missing = np.isnan(scaled)
    kept = missing.sum(axis=0) / max(len(scaled), 1) <= max_missing
    if not kept.any():
        raise BoardError(
            f"no benchmark of {len(kept)} is scored for {1 - max_missing:.0%} of the {len(scaled)} models; a universe "
            "score needs some: allow more missing scores"
        )
    columns = np.flatnonzero(kept)
    leaves = [board.leaves[j] for j in columns]
    tree = board.tree if kept.all() else board.tree.pruned(leaves)
    if len(tree.roots) != 1:
        raise BoardError(f"the board's tree has the roots {', '.join(tree.roots)}; a universe score needs one")
    units = units_of(tree, leaves, tree.nominal_weights(leaves, tree.roots[0]))
    # Equal but for rounding, unit means get the same fit: a search need not end at the same last digits.
    means = np.round(units.means(scaled[:, columns]), DECIMALS)
    complete = means[~missing[:, columns].any(axis=1)]
    if len(complete) < 2:
        raise BoardError(
            f"models with all {len(leaves)} kept benchmarks: {len(complete)}; the variance between papers needs 2: "
            "take another snapshot or a stricter cleaning"
        )
    variances = paper_variances(complete, units)
    if variances.pooled is None:
        raise BoardError(f"a universe score is not estimable: {not_estimable(units)}")
    pooled = round(variances.pooled, DECIMALS)
    return BoardFit(kept, fit_universe(means, units, pooled), pooled)


def is_universe(scheme: Scheme) -> bool:
    """Return whether a scheme is a universe score, which needs no complete board."""
    return scheme.rows is fit_board


def universe_of(combination: Combination, scaled: FloatArray) -> tuple[BoardFit, FloatArray] | None:
    """Return the fit of a universe score, and the unit means of rows (k, m); None for another scheme's combination."""
    if not isinstance(combination, RowByRow) or not isinstance(combination.function, BoardFit):
        return None
    return combination.function, combination.function.unit_means(combination.aligned(scaled))


_SOURCE = "Wainer and others (2001), Augmented scores, in Test Scoring; Brennan (2001), Generalizability Theory"
_COMBINATION = (
    "best linear prediction of the average over all papers that could have measured the parts of the tree, fitted by "
    "maximum likelihood"
)

_UNIVERSE = Scheme(
    name="UNIVERSE",
    family="latent",
    scale=NONE,
    combination=_COMBINATION,
    source=_SOURCE,
    conventions=("skip", "zero", "attempted", "worst", "mean"),
    rows=fit_board,
    effort="fit",
)
_REF_UNIVERSE = replace(
    _UNIVERSE,
    name="REF_UNIVERSE",
    family="reference",
    combination=f"{_COMBINATION} on the reference",
    conventions=("skip", "zero", "attempted"),
    claims=Claims(iia=True),
    needs_norms=True,
    rows_of_norms=True,
)
_MONOTONE = Claims(affine=True, monotone=True)
for _scheme in (
    _UNIVERSE,
    replace(_UNIVERSE, name="Z_UNIVERSE", scale=Z, claims=Claims(affine=True)),
    replace(_UNIVERSE, name="NORMAL_UNIVERSE", scale=NORMAL_SCORE, claims=_MONOTONE),
    _REF_UNIVERSE,
    replace(_REF_UNIVERSE, name="REF_NORMAL_UNIVERSE", scale=FROZEN_NORMAL, claims=replace(_MONOTONE, iia=True)),
):
    register(_scheme)
