"""Aggregation schemes on a frozen reference board, so that one model can be placed without moving anybody else.

A scheme is fitted on the reference, and then scores the model's own cells: each benchmark's scale, its weight, and what
a missing cell counts as are decided. A score that equals a reference model's is scaled as that model's, so that placing
a copy of a reference model gives its own statistic.

Schemes that let models meet in pairs or fit all of them together (Condorcet schemes, Kemeny-Young, Bradley-Terry,
Plackett-Luce) cannot be fitted: a model that joins changes what the others get. They rank boards, and are refused here.
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
from ..schemes.missing import fill_missing

# A score under the reference's lowest still counts for more than a missing one, which lies 1e-6 below it.
_ABOVE_MISSING = 5e-7


@dataclass(frozen=True, eq=False)
class FrozenScheme:
    """A scheme with everything that the reference decides decided: ``n`` models, ``m`` constituent benchmarks.

    Attributes
    ----------
    scheme : Scheme
    convention : str
        The scheme's own rule for FAILED and NEVER.
    board : Board
        The reference's models on its constituents; missing cells have been dealt with, NaN is left out.
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
        """A model's scores with its missing cells dealt with as the reference's are.

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
        """A model's resolved cells on the frozen scales, shape (..., m) in and out."""
        return self.fitted.scale(resolved)

    def statistics(self, scaled: FloatArray, counts: FloatArray) -> FloatArray:
        """Statistic of one model in each resample of the benchmarks.

        Parameters
        ----------
        scaled : ndarray, shape (size, m) or (1, m)
            Its scaled cells, which may differ from resample to resample.
        counts : ndarray, shape (size, m)
            How often each benchmark was drawn; all ones for the statistic itself.

        Returns
        -------
        ndarray, shape (size,)
            NaN where nothing was left to aggregate.
        """
        return self.fitted.combination.scores(np.broadcast_to(scaled, counts.shape), counts)

    def population(self, counts: FloatArray) -> FloatArray:
        """Statistics of the reference's models in each resample, shape (size, n)."""
        return self.fitted.combination.resampled(self.scaled)(counts)


def placeable_schemes() -> tuple[str, ...]:
    """Names of the registered schemes that can place one model, in the order of registration."""
    return tuple(name for name in scheme_names() if get_scheme(name).fits)


def freeze_scheme(reference: Reference, scheme: str | Scheme, leave_out: int | None = None) -> FrozenScheme:
    """Fix a scheme on a reference board.

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
        If the scheme cannot be used on this board, for example for want of a neural or a behavioural benchmark.
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
    # A model with nothing that the scheme aggregates has no statistic, so none can be above it.
    known = np.flatnonzero(~np.isnan(fitted.combination.scores(fitted.scaled)))
    if len(known) == len(filled.models):
        return frozen
    return replace(frozen, board=filled.take(rows=known.tolist()), scaled=fitted.scaled[known])


def constituents(reference: Reference) -> tuple[str, ...]:
    """Benchmarks that a model is placed by: the leaves on which the reference has at least two scores."""
    return tuple(leaf for leaf in reference.board.leaves if reference.norms[leaf].usable)


def constituent_board(reference: Reference, leave_out: int | None = None) -> Board:
    """A reference's models on its constituents, but for models without a score on any of them."""
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
    """The board with its missing cells dealt with, and what a FAILED and a NEVER cell becomes on each leaf."""
    # Two models without any score say what the rule makes of a missing cell, and change nothing for the others.
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
