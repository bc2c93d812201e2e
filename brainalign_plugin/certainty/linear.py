"""Schemes that are a weighted mean of scaled leaves, taken apart into the scaled board and the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from ..errors import BoardError
from ..schemes import Scheme, get_scheme


@dataclass(frozen=True, eq=False)
class LinearForm:
    """A weighted mean of ``m`` scaled leaves of a complete board of ``n`` models: ``scaled @ weights``."""

    scheme: str
    scaled: FloatArray  # Shape (n, m)
    weights: FloatArray  # Shape (m,); sum to one

    @property
    def scores(self) -> FloatArray:
        """The aggregate, shape (n,)."""
        aggregate: FloatArray = self.scaled @ self.weights
        return aggregate


def is_linear(scheme: Scheme) -> bool:
    """Return whether a scheme, bound to its reference if it needs one, is a weighted mean of scaled leaves."""
    return scheme.weights in ("flat", "tree", "parts")


def linear_form(scheme: str | Scheme, board: Board, reference: Any = None) -> LinearForm | None:
    """Take a scheme apart on a complete board; None if it is no weighted mean, or lacks the reference it needs."""
    used = get_scheme(scheme) if isinstance(scheme, str) else scheme
    used = used if reference is None else used.bind(reference)
    if not is_linear(used) or (used.needs_norms and used.norms is None):
        return None
    if not board.complete or not board.leaves:
        raise BoardError(
            f"the certainty of {used.name} was asked on {len(board.leaves)} benchmarks with "
            f"{int(np.isnan(board.scores).sum())} missing cells; give it a cleaned board, of `clean`"
        )
    scaled = used.fitted_scale(board)(board.scores)
    weights = used.linear_combination(scaled, board).cell_weights(np.zeros((1, len(board.leaves))))[0]
    return LinearForm(used.name, scaled, weights)
