"""Aggregation schemes on a frozen reference board, for placing one model without moving the others.

A scheme is fitted on the reference and then scores the model's own cells: each benchmark's scale, its weight and the
value of a missing cell are fixed. A score that equals a reference model's is scaled as that model's, so that placing
a copy of a reference model gives its own statistic.

Schemes that compare models in pairs or fit all of them together (Condorcet schemes, Kemeny-Young, Bradley-Terry,
Plackett-Luce) cannot be fitted: an additional model changes the scores of the others. They are refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import FloatArray, StateArray
from ..data.board import Board
from ..data.official import CellState
from ..errors import ReferenceBoardError, SchemeError
from ..files.reference import Reference
from ..schemes import Convention, Scheme, get_scheme, scheme_names
from ..schemes.base import Fitted
from ..schemes.combining import scores_under
from ..schemes.missing import fill_missing

# A score below the reference's lowest counts for more than a missing one, which is 1e-6 below the lowest.
_ABOVE_MISSING = 5e-7


@dataclass(frozen=True, eq=False)
class FrozenScheme:
    """Scheme fitted on a reference of ``n`` models and ``m`` constituent benchmarks.

    Attributes
    ----------
    scheme : Scheme
    convention : str
        The scheme's own rule for FAILED and NEVER.
    board : Board
        The reference's models on its constituents; missing cells are filled, NaN is left out.
    fitted : Fitted
        On all models of the reference; `scaled` are those of the board.
    scaled : ndarray, shape (n, m)
        The board's cells on the frozen scales.
    """

    scheme: Scheme
    convention: Convention
    board: Board
    fitted: Fitted
    scaled: FloatArray
    _failed: FloatArray
    _never: FloatArray

    def resolved(self, scores: FloatArray, states: StateArray) -> FloatArray:
        """Fill a model's missing cells by the rule that the reference's cells are filled by.

        Parameters
        ----------
        scores : ndarray, shape (..., m)
            Capped to [0, 1]; NaN where missing.
        states : ndarray of int8, shape (m,)
        """
        known = np.maximum(scores, self._never + _ABOVE_MISSING) if self.convention == "worst" else scores
        missing = np.where(states == CellState.FAILED, self._failed, self._never)
        cells: FloatArray = np.where(states == CellState.SCORED, known, missing)
        return cells

    def scale(self, resolved: FloatArray) -> FloatArray:
        """Scale a model's resolved cells on the frozen scales, shape (..., m) in and out."""
        return self.fitted.scale(resolved)

    def statistics(self, scaled: FloatArray, counts: FloatArray) -> FloatArray:
        """Compute the statistic of one model in each resample of the benchmarks.

        Parameters
        ----------
        scaled : ndarray, shape (size, m) or (1, m)
            Its scaled cells, which may differ from resample to resample.
        counts : ndarray, shape (size, m)
            Number of draws of each benchmark; all ones for the statistic itself.

        Returns
        -------
        ndarray, shape (size,)
            NaN where nothing was left to aggregate.
        """
        return self.fitted.combination.scores(np.broadcast_to(scaled, counts.shape), counts)

    def population(self, counts: FloatArray) -> FloatArray:
        """Return the statistics of the reference's models in each resample, shape (size, n)."""
        return scores_under(self.fitted.combination, self.scaled, counts)


def placeable_schemes() -> tuple[str, ...]:
    """Return the names of the registered schemes that can place one model, in the order of registration."""
    return tuple(name for name in scheme_names() if get_scheme(name).fits)


def freeze_scheme(reference: Reference, scheme: str | Scheme, leave_out: int | None = None) -> FrozenScheme:
    """Fit a scheme on a reference board.

    The constituents are the leaves on which the reference has at least two scores; its models are those that the scheme
    gives a statistic from them.

    Parameters
    ----------
    scheme : str or Scheme
    leave_out : int, optional
        Id of a model of the reference that does not count: neither among the models nor for norms, but for those of the
        REF_ schemes, which belong to the reference as it was frozen.

    Raises
    ------
    SchemeError
        If the scheme is unknown, or has no norms to freeze.
    ReferenceBoardError
        If there is no model to leave out, or fewer than two are left.
    BoardError
        If the scheme cannot be used on this board, for example because it has no neural or no behavioural benchmark.
    """
    used = get_scheme(scheme) if isinstance(scheme, str) else scheme
    if not used.fits:
        raise SchemeError(
            f"{used.name} cannot place one model on a frozen board, because it has no norms that could be frozen: what "
            f"a model gets depends on the others as a whole; schemes that can are {', '.join(placeable_schemes())}"
        )
    used = used.bind(reference)
    board = constituent_board(reference, leave_out)
    rule = used.conventions[0]
    filled, failed, never = _filled(board, rule)
    fitted = used.fit(filled)
    frozen = FrozenScheme(used, rule, filled, fitted, fitted.scaled, failed, never)
    # A model without a cell that the scheme aggregates has no statistic and no place.
    known = np.flatnonzero(~np.isnan(fitted.combination.scores(fitted.scaled)))
    if len(known) == len(filled.models):
        return frozen
    return replace(frozen, board=filled.take(rows=known.tolist()), scaled=fitted.scaled[known])


def constituents(reference: Reference) -> tuple[str, ...]:
    """Return the benchmarks of a placement: the leaves on which the reference has at least two scores."""
    return tuple(leaf for leaf in reference.board.leaves if reference.norms[leaf].usable)


def constituent_board(reference: Reference, leave_out: int | None = None) -> Board:
    """Return the board of a reference's constituents, without models that have no score on any of them."""
    whole = reference.board
    if leave_out is not None and leave_out not in whole.ids:
        raise ReferenceBoardError(
            f"the model {leave_out} that is to be left out is not on the reference {reference.name!r}; "
            "`brainalign reference show` lists what was frozen"
        )
    kept = constituents(reference)
    columns = [j for j, leaf in enumerate(whole.leaves) if leaf in kept]
    scored = ~np.isnan(whole.scores[:, columns]).all(axis=1)
    rows = [i for i, model in enumerate(whole.ids) if scored[i] and model != leave_out]
    if len(rows) < 2 or not columns:
        raise ReferenceBoardError(
            f"the reference {reference.name!r} has {len(rows)} models with a score on {len(columns)} benchmarks; "
            "placing needs two models: freeze a fuller board with `brainalign reference freeze NAME SNAPSHOT`"
        )
    return whole.take(rows, columns)


def _filled(board: Board, rule: Convention) -> tuple[Board, FloatArray, FloatArray]:
    """Fill a board's missing cells, and return the values of a FAILED and a NEVER cell on each leaf as well."""
    # Two additional models without any score receive the rule's values, and do not change the norms.
    probes = np.full((2, len(board.leaves)), np.nan)
    states = np.repeat(
        np.array([[CellState.FAILED], [CellState.NEVER]], dtype=np.int8), len(board.leaves), axis=1
    )
    probed = replace(
        board,
        models=(*board.models, *(replace(board.models[0], id=-1 - k) for k in range(2))),
        scores=np.concatenate([board.scores, probes]),
        states=np.concatenate([board.states, states]),
        errors=np.concatenate([board.errors, probes]),
    )
    scores = fill_missing(probed, rule).scores
    return replace(board, scores=scores[:-2]), scores[-2], scores[-1]
