"""Choice models: each model has a worth, and a benchmark prefers models in proportion to their worths.

Both likelihoods are concave in the logarithms of the worths. Their maximum exists if no set of models is above all the
others on every benchmark that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError, ConvergenceError
from ..scales import ranks_from_bottom, rounded
from ..text import first_few
from .base import Claims
from .pairwise import pairwise_compared
from .registry import register
from .voting import matrices, ordinal

# Largest number of Newton steps; about ten are usual.
_MAX_ITERATIONS = 100
# Tolerance of the gradient, relative to the largest number of comparisons (or benchmarks) of a model.
_TOLERANCE = 1e-11

Evaluate = Callable[[FloatArray], tuple[float, FloatArray]]
Step = Callable[[FloatArray, FloatArray], FloatArray]


def bradley_terry(scores: FloatArray, names: Sequence[str] | None = None) -> FloatArray:
    """Fit the Bradley-Terry model: i is above j with probability w_i / (w_i + w_j); log worths (n,) with mean 0.

    Existence of the maximum: Ford (1957), Am. Math. Mon. 64(8), 28-33.
    """
    _refuse_infinite_worths("BT", scores, names)
    won, met = totals(scores)
    compared = pairwise_compared(scores).astype(np.float64)
    np.fill_diagonal(compared, 0.0)

    def evaluate(log_worth: FloatArray) -> tuple[float, FloatArray]:
        worth = np.exp(log_worth - log_worth.max())
        together = worth[:, None] + worth
        loss = float((compared * np.log(together)).sum() / 2 - won @ np.log(worth))
        return loss, (compared / together).sum(axis=1) * worth - won

    def step(log_worth: FloatArray, gradient: FloatArray) -> FloatArray:
        worth = np.exp(log_worth - log_worth.max())
        hessian = -compared * np.outer(worth, worth) / (worth[:, None] + worth) ** 2
        np.fill_diagonal(hessian, -hessian.sum(axis=1))
        # The worths have a free common factor, so a penalty on the mean of the logarithms makes the Hessian regular.
        hessian += np.trace(hessian) / len(log_worth) ** 2
        factor: Any = cho_factor(hessian, overwrite_a=True, check_finite=False)
        return -np.asarray(cho_solve(factor, gradient))

    log_worth = _minimum("BT", evaluate, step, _start(won, met), float(met.max(initial=1.0)))
    return _centred(_levelled(np.column_stack((~np.isnan(scores), won)), log_worth))


def _levelled(totals_on: FloatArray, log_worth: FloatArray) -> FloatArray:
    """Average the log worths (n,) over models with the same totals, which differ by rounding alone."""
    alike = np.unique(totals_on, axis=0, return_inverse=True)[1].reshape(-1)
    return np.asarray((np.bincount(alike, log_worth) / np.bincount(alike))[alike])


def plackett_luce(scores: FloatArray, names: Sequence[str] | None = None) -> FloatArray:
    """Fit the Plackett-Luce model: benchmarks pick models in turn, by their worths; log worths (n,) with mean 0.

    Of t tied models, the l-th is picked after (l - 1) / t of their total worth is removed, the mean over random orders
    (Efron 1977, J. Am. Stat. Assoc. 72, 557-565).
    """
    _refuse_infinite_worths("PL", scores, names)
    picks = picks_of(scores)

    def evaluate(log_worth: FloatArray) -> tuple[float, FloatArray]:
        worth, left = picks.left(log_worth)
        loss = float(np.log(left).sum() - picks.count @ np.log(worth))
        return loss, picks.expected(worth, 1.0 / left) - picks.count

    # Loading takes as long as analysing a board.
    from scipy.sparse.linalg import LinearOperator, cg

    def step(log_worth: FloatArray, gradient: FloatArray) -> FloatArray:
        worth, left = picks.left(log_worth)
        expected = picks.expected(worth, 1.0 / left)

        def curve(direction: FloatArray) -> FloatArray:
            change = picks.sums(worth * direction) / left**2
            # The penalty of the Bradley-Terry Hessian above.
            penalty = float(expected.mean() * direction.mean())
            return np.asarray(expected * direction - picks.expected(worth, change) + penalty)

        # Inexact Newton: the tolerance of the step falls with the gradient.
        exact = max(min(0.1, float(np.abs(gradient).max() / picks.count.max())), 1e-6)
        n = len(gradient)
        # The diagonal of the expected picks approximates the Hessian, so its inverse is the preconditioner.
        direction, _ = cg(
            LinearOperator((n, n), matvec=curve, dtype=np.float64),
            -gradient,
            rtol=exact,
            maxiter=n,
            M=LinearOperator((n, n), matvec=lambda rest: rest / expected, dtype=np.float64),
        )
        return np.asarray(direction)

    won, met = totals(scores)
    return _centred(_minimum("PL", evaluate, step, _start(won, met), float(picks.count.max(initial=1.0))))


@dataclass(frozen=True, eq=False)
class Picks:
    """Rankings of ``m`` benchmarks as a sequence of picks, one row a benchmark, flattened."""

    model: IntArray  # Shape (m, n); best first, those without a score last
    scored: BoolArray  # Shape (m, n)
    # Shape (m, n); start of the group of tied models, and of the next group, as positions in m rows of n + 1.
    first: IntArray
    after: IntArray
    gone: FloatArray  # Shape (m, n); share of the group's worth that earlier picks of the group have taken
    count: FloatArray  # Shape (n,); number of picks of each model

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum the values of the models left at each pick; 1 at positions without a pick."""
        ordered = np.where(self.scored, values[self.model], 0.0)
        tails = np.zeros((ordered.shape[0], ordered.shape[1] + 1))
        tails[:, :-1] = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1]
        flat = tails.ravel()
        summed: FloatArray = flat[self.first] * (1.0 - self.gone) + flat[self.after] * self.gone
        summed[~self.scored] = 1.0
        return summed

    def left(self, log_worth: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the worths, and the sum of those left at each pick."""
        worth = np.exp(log_worth - log_worth.max())
        return worth, self.sums(worth)

    def expected(self, worth: FloatArray, rates: FloatArray) -> FloatArray:
        """Sum each model's worth times the rate over the picks at which it is left, shape (n,)."""
        rows, models = self.model.shape
        known = np.where(self.scored, rates, 0.0)
        size = rows * (models + 1)
        steps = np.bincount(self.first.ravel(), ((1.0 - self.gone) * known).ravel(), size)
        steps += np.bincount(self.after.ravel(), (self.gone * known).ravel(), size)
        total = np.cumsum(steps.reshape(rows, models + 1)[:, :-1], axis=1)
        total = np.where(self.scored, total, 0.0)
        return np.asarray(np.bincount(self.model.ravel(), total.ravel(), models) * worth)


def ranked(scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """Sort the models of each benchmark, best first and missing ones last; models and scores of shape (m, n)."""
    values = rounded(scores.T)
    model = np.argsort(-values, axis=1, kind="stable")
    return model, np.take_along_axis(values, model, axis=1)


def picks_of(scores: FloatArray) -> Picks:
    """Convert scores of shape (n, m), NaN where missing, to picks."""
    model, ordered = ranked(scores)
    benchmarks, models = ordered.shape
    position = np.arange(models)
    new = np.ones(ordered.shape, dtype=np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    ends = np.full(ordered.shape, models)
    ends[:, :-1] = np.where(new[:, 1:], position[1:], models)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    row = np.arange(benchmarks)[:, None] * (models + 1)
    return Picks(
        model=model,
        scored=~np.isnan(ordered),
        first=first + row,
        after=after + row,
        gone=(position - first) / (after - first),
        count=(~np.isnan(scores)).sum(axis=1).astype(np.float64),
    )


def totals(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Count comparisons won (a tie is half a win) and comparisons, over benchmarks and opponents. Shape (n,) each."""
    won = np.nansum(ranks_from_bottom(scores) - 1.0, axis=1)
    present = ~np.isnan(scores)
    met: FloatArray = (present * np.maximum(present.sum(axis=0) - 1.0, 0.0)).sum(axis=1)
    return won, met


def _start(won: FloatArray, met: FloatArray) -> FloatArray:
    """Return the log odds of winning as starting values, which are finite and close to both solutions."""
    return _centred(np.log((won + 0.5) / (met - won + 0.5)))


def _centred(log_worth: FloatArray) -> FloatArray:
    return np.asarray(log_worth - log_worth.mean())


def _minimum(name: str, evaluate: Evaluate, step: Step, start: FloatArray, scale: float) -> FloatArray:
    """Minimise a convex function by Newton steps with a backtracking line search."""
    point, steps, steepest = start, 0, np.inf
    loss, gradient = evaluate(point)
    for _ in range(_MAX_ITERATIONS + 1):
        steepest = float(np.abs(gradient).max())
        if steepest <= _TOLERANCE * scale:
            return point
        direction = step(point, gradient)
        slope = float(gradient @ direction)
        for length in 0.5 ** np.arange(60):
            there = point + length * direction
            new_loss, new_gradient = evaluate(there)
            # Close to the minimum the loss is dominated by rounding, so the line search compares gradients.
            if new_loss <= loss + 1e-4 * length * slope or np.abs(new_gradient).max() <= steepest / 2:
                break
        else:
            break
        point, loss, gradient, steps = there, new_loss, new_gradient, steps + 1
    raise ConvergenceError(
        f"{name} stopped after {min(steps, _MAX_ITERATIONS)} iterations with a gradient of {steepest:.3g}, not below "
        f"{_TOLERANCE * scale:.3g}: the models are connected by few comparisons; drop models with few scores, or "
        "choose another scheme"
    )


def _refuse_infinite_worths(scheme: str, scores: FloatArray, names: Sequence[str] | None) -> None:
    """Raise unless every model can be reached from every other by wins and ties."""
    model, ordered = ranked(scores)
    both = ~np.isnan(ordered[:, 1:])
    upper, lower = model[:, :-1][both], model[:, 1:][both]
    tie = (ordered[:, 1:] == ordered[:, :-1])[both]
    winner, loser = np.concatenate((upper, lower[tie])), np.concatenate((lower, upper[tie]))
    # Loading takes as long as analysing a board.
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    graph = sparse.csr_array((np.ones(len(winner)), (winner, loser)), shape=(len(scores), len(scores)))
    count, label = connected_components(graph, directed=True, connection="strong")
    if count <= 1:
        return
    across = label[winner] != label[loser]
    beaten, beats = (np.isin(np.arange(count), label[models[across]]) for models in (loser, winner))
    # The message names the smallest of the sets that only win or only lose.
    extreme = np.flatnonzero(~(beaten & beats))
    chosen = int(extreme[np.argmin(np.bincount(label)[extreme])])
    members = np.flatnonzero(label == chosen)
    called = first_few([names[i] if names is not None else f"row {i}" for i in members.tolist()])
    fate = "was never compared with" if not (beats[chosen] or beaten[chosen]) else "never lost to or tied with"
    fate = "never beat or tied with" if beaten[chosen] else fate
    raise BoardError(
        f"{scheme} has no finite worths: {called} {fate} any of the other "
        f"{len(scores) - len(members)} models on any benchmark; drop such models, or choose another scheme or rule for "
        "missing cells"
    )


def _of_scored(fit: Callable[[FloatArray, Sequence[str]], FloatArray]) -> Callable[[FloatArray, Board], FloatArray]:
    def combine(scaled: FloatArray, board: Board) -> FloatArray:
        scored = np.flatnonzero(~np.isnan(scaled).all(axis=1))
        names = [f"model {board.models[i].id} ({board.models[i].name!r})" for i in scored.tolist()]
        worths = np.full(len(board.models), np.nan)
        worths[scored] = fit(scaled[scored], names)
        return worths

    return combine


for _scheme in (
    ordinal(
        name="BT",
        combination=(
            "log worth of maximum likelihood, where i is above j with probability w_i / (w_i + w_j) on every benchmark "
            "that has both; a tie is half a win"
        ),
        source="Bradley, Terry (1952), Biometrika 39, 324-345",
        claims=Claims(affine=True, monotone=True, monotonicity=True, pareto=True),
        combine=_of_scored(bradley_terry),
        effort="fit",
        memory=matrices(6),
    ),
    ordinal(
        name="PL",
        combination=(
            "log worth of maximum likelihood, where each benchmark picks the models that it scored best first, each "
            "with probability w_i / (sum over those left); ties by Efron's average"
        ),
        source="Plackett (1975), Appl. Stat. 24, 193-202; Luce (1959); Hunter (2004), Ann. Stat. 32, 384-406",
        claims=Claims(affine=True, monotone=True, pareto=True),
        combine=_of_scored(plackett_luce),
        effort="fit",
        memory=lambda n, m: 200.0 * n * m,
    ),
):
    register(_scheme)
