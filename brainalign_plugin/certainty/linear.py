"""Schemes that are a weighted mean of scaled leaves, taken apart into the scaled board and the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..aggregation import Scheme, get_scheme
from ..aggregation.latent import DSEP, columns_by_part
from ..aggregation.registry import tree_mean
from ..arrays import FloatArray
from ..board import Board
from ..errors import BoardError


@dataclass(frozen=True, eq=False)
class LinearForm:
    """A weighted mean of ``m`` scaled leaves of a complete board of ``n`` models: ``scaled @ weights``.

    Attributes
    ----------
    scheme : str
    scaled : ndarray, shape (n, m)
    weights : ndarray, shape (m,)
        Sum to one.
    """

    scheme: str
    scaled: FloatArray
    weights: FloatArray

    @property
    def scores(self) -> FloatArray:
        """The aggregate, shape (n,)."""
        aggregate: FloatArray = self.scaled @ self.weights
        return aggregate


def is_linear(scheme: Scheme) -> bool:
    """Return whether a scheme, bound to its reference if it needs one, is a weighted mean of scaled leaves."""
    return scheme.weights is not None or scheme.combine is DSEP.combine


def linear_form(scheme: str | Scheme, board: Board, reference: Any = None) -> LinearForm | None:
    """Take a scheme apart on a complete board.

    Parameters
    ----------
    scheme : str or Scheme
    board : Board
        Complete: the cleaned one.
    reference : Reference, optional
        For the schemes with frozen norms.

    Returns
    -------
    LinearForm or None
        None if the scheme is no weighted mean of scaled leaves, or needs a reference and gets none.

    Raises
    ------
    BoardError
        If the board has missing cells or no leaf.
    """
    used = get_scheme(scheme) if isinstance(scheme, str) else scheme
    if used.bind is not None and reference is not None:
        used = used.bind(reference)
    if not is_linear(used):
        return None
    if not board.complete or not board.leaves:
        raise BoardError(
            f"the certainty of {used.name} was asked on {len(board.leaves)} benchmarks with "
            f"{int(np.isnan(board.scores).sum())} missing cells; give it a cleaned board, of `clean`"
        )
    return LinearForm(used.name, used.scale.of(board), leaf_weights(used, board))


def leaf_weights(scheme: Scheme, board: Board) -> FloatArray:
    """Return the weight of each leaf of a complete board under a weighted mean, shape (m,)."""
    m = len(board.leaves)
    if scheme.combine is DSEP.combine:
        weights = np.zeros(m)
        for columns in columns_by_part(scheme.name, board):
            weights[columns] = 1 / (2 * len(columns))
        return weights
    if scheme.weights == "tree":
        if len(board.tree.roots) != 1:
            tree_mean(board)  # raises, naming the roots
        return board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    return np.full(m, 1 / m)
