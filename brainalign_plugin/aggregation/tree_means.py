"""Schemes that follow the benchmark tree: recursive means of scaled leaves."""

from __future__ import annotations

from dataclasses import replace

from ..arrays import FloatArray
from ..board import Board
from ..errors import BoardError
from .registry import Scheme, register

_SITE = "Brain-Score (Schrimpf et al. 2018, 2020); names of the variants: Structural properties of the Brain-Score Vision benchmark suite (2026)"


def tree_mean(board: Board) -> FloatArray:
    """Recursive mean at the root of the board's tree, shape (n,); cells that are NaN are left out."""
    if len(board.tree.roots) != 1:
        raise BoardError(f"the board's tree has the roots {', '.join(board.tree.roots) or 'none'}; a tree scheme needs one")
    means: FloatArray = board.node_scores()[:, board.tree.index[board.tree.roots[0]]]
    return means


HIER = register(
    Scheme(
        name="HIER",
        family="tree",
        scale="none",
        combination="recursive mean over the tree: every group is the mean of all its children",
        source=_SITE,
        combine=tree_mean,
        conventions=("zero", "attempted", "skip", "worst", "mean"),
    )
)

HIER_ATTEMPTED = register(replace(HIER, name="HIER_attempted", conventions=("attempted", "skip", "zero", "worst", "mean")))
