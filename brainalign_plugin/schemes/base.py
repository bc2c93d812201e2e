"""Schemes: the scale of each benchmark, the combination of scaled cells, and the claims about the result.

A scheme is fitted on a board and then scores rows: those of the board, or of a model that is not on it. Schemes that
compare all models (votes, Kemeny-Young, choice models) cannot be fitted: they score a board as a whole.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import chain
from typing import Any, Literal, SupportsIndex, get_args

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import ReferenceBoardError, SchemeError
from ..files.reference import Reference
from .combining import NAMED, Combination, Linear, RowByRow, RowFunction, WeightedSum
from .missing import CONVENTIONS, Convention
from .pairwise import pairwise_wins
from .scaling import Columnwise, Scale

Family = Literal["tree", "cardinal", "ordinal", "latent", "reference"]
Effort = Literal["formula", "pairs", "fit", "optimum"]


@dataclass(frozen=True, slots=True)
class Claims:
    """Properties that a scheme has on every complete board, by proof and not by measurement."""

    # Independence of irrelevant alternatives: removing a model never changes the order of two others.
    iia: bool = False
    # Invariance to an increasing affine, or any strictly increasing, rescaling of one benchmark.
    affine: bool = False
    monotone: bool = False
    clone: bool = False  # A copy of a benchmark as its sibling changes no order
    monotonicity: bool = False  # Raising a score never lowers the rank of its model
    # A model at least as good on all benchmarks and better on one is never ranked below.
    pareto: bool = False
    hierarchy: bool = False  # Doubling a benchmark's leaves inside its own group leaves the group's weight


@dataclass(frozen=True, eq=False)
class Optimum:
    """Ranking of ``n`` models by a search, with the proven bound of its objective."""

    order: IntArray  # Shape (n,); rows of the models, best first
    scores: FloatArray  # Shape (n,)
    objective: int
    bound: int  # No ranking has a larger objective; proven
    stopped: str = ""  # Limit of work that ended the search before the proof; empty if none


@dataclass(frozen=True, eq=False)
class Fitted:
    """Scheme fitted on a board."""

    scale: Columnwise  # From rows of scores, shape (..., m), to scaled cells
    combination: Combination
    scaled: FloatArray  # Shape (n, m); scaled cells of the board that it was fitted on

    def score(self, rows: FloatArray) -> FloatArray:
        """Return the score of each row of filled cells (k, m) on the fitted leaves; NaN for one without any."""
        return self.combination.scores(self.scale(rows))


@dataclass(frozen=True, slots=True)
class Scheme:
    """Aggregation of a board into one score a model.

    It has a scale and exactly one of `weights`, `rows`, `wins` and `combine`. The scale is applied first, always.

    Attributes
    ----------
    name : str
        Name in the literature.
    family : str
    scale : Scale
    combination : str
        Combination of the scaled scores, with the formula.
    source : str
        Publication.
    conventions : tuple of str
        Rules for missing cells that it supports; the first is its own.
    claims : Claims
    weights : str or callable, optional
        A linear scheme: ``flat`` (every leaf counts the same), ``tree`` (recursive mean over the tree), ``parts`` (mean
        of the neural and the behavioural flat mean), ``sum``; or a function from the scaled board's cells (n, m) and
        the board to the weight of each leaf (m,).
    rows : callable, optional
        From the scaled cells (n, m) and the board to the function that scores rows: from scaled cells (k, m), and how
        often each counts (k, m), to scores (k,).
    wins : callable, optional
        From the matrix of pairwise wins (n, n), see `pairwise_wins`, to scores (n,), or to an `Optimum`.
    combine : callable, optional
        From the scaled cells (n, m) and the board (for its models and its tree) to scores (n,).
    own_cells : bool
        With `rows`: the function does not depend on the scaled cells that it was made from.
    rows_of_norms : bool
        With `rows` and `needs_norms`: the function too is made from the reference, its scaled cells and its board.
    needs_norms : bool
        The scale is fitted on a frozen reference board, see `bind`.
    norms : Reference, optional
        The reference that it is bound to.
    effort : str
        ``formula``; ``pairs`` (time or memory grow with the square of the models or faster); ``fit`` (an iteration);
        ``optimum`` (a search).
    memory : callable
        From the numbers of models and leaves to the bytes that aggregating takes at most.
    without_each : callable, optional
        With `wins`: from the matrix to the scores (n, n) after the removal of each model, row k without model k.

    See Also
    --------
    scheme : Make one of a function.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.rank(ba.example(), "ZMEAN").one.scheme.family
    'cardinal'
    """

    name: str
    family: Family
    scale: Scale
    combination: str
    source: str
    conventions: tuple[Convention, ...]
    claims: Claims = Claims()
    weights: str | Callable[[FloatArray, Board], FloatArray] | None = None
    rows: Callable[[FloatArray, Board], RowFunction] | None = None
    wins: Callable[[IntArray], FloatArray | Optimum] | None = None
    combine: Callable[[FloatArray, Board], FloatArray] | None = None
    own_cells: bool = False
    rows_of_norms: bool = False
    needs_norms: bool = False
    norms: Reference | None = None
    effort: Effort = "formula"
    memory: Callable[[int, int], float] = lambda n, m: 64.0 * n * m
    without_each: Callable[[IntArray], FloatArray] | None = None

    def __repr__(self) -> str:
        return f"<Scheme {self.name}: {self.combination}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickle a scheme of a distribution by its name and reference, because scales are closures."""
        from .registry import of_distribution, restored

        known = of_distribution(self.name)
        named = (field.name for field in fields(self) if field.name != "norms")
        if known is None or any(getattr(self, name) is not getattr(known, name) for name in named):
            return object.__reduce_ex__(self, protocol)
        return restored, (self.name, self.norms)

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("_", "").isalnum():
            raise SchemeError(f"a scheme is named {self.name!r}; use letters, digits and underscores")
        for problem in chain(self._wrong_fields(), self._wrong_functions()):
            raise SchemeError(f"scheme {self.name} {problem}")

    def _wrong_fields(self) -> Iterator[str]:
        for field, known in (("family", get_args(Family)), ("effort", get_args(Effort))):
            if getattr(self, field) not in known:
                yield f"has the {field} {getattr(self, field)!r}; known are {', '.join(known)}"
        for field, kind in (("scale", Scale), ("claims", Claims)):
            if not isinstance(getattr(self, field), kind):
                yield f"has the {field} {getattr(self, field)!r}; it must be a {kind.__name__}"
        for field in ("combination", "source"):
            if not getattr(self, field).strip():
                yield f"has no {field}; say it in words"
        if not self.conventions or set(self.conventions) - set(CONVENTIONS):
            yield (
                f"has the conventions for missing cells {self.conventions!r}; known are {', '.join(CONVENTIONS)}, and "
                "at least one is needed"
            )

    def _wrong_functions(self) -> Iterator[str]:
        ways = {field: getattr(self, field) for field in ("weights", "rows", "wins", "combine")}
        given = [field for field, way in ways.items() if way is not None]
        if len(given) != 1:
            yield f"has {len(given)} of {', '.join(ways)}; it needs exactly one"
        way = ways[given[0]]
        if not isinstance(way, str):
            yield from _wrong_call(given[0], way, 1 if given[0] == "wins" else 2)
        elif given[0] != "weights" or way not in NAMED:
            yield f"has the {given[0]} {way!r}; known weights are {', '.join(NAMED)}, or give a function"
        yield from _wrong_call("scale", self.scale.fit, 1)
        fitted: object = self.scale.fit(np.array([[0.25], [0.5], [0.75]]))
        if not callable(fitted):
            yield (
                f"has a scale whose fit returns {type(fitted).__name__}; it must return a function that scales rows, "
                "see `Scale` and `Scale.fixed`"
            )
        if self.own_cells and self.rows is None:
            yield "sets own_cells, which is for a scheme with rows"
        if self.rows_of_norms and (self.rows is None or not self.needs_norms):
            yield "sets rows_of_norms, which is for rows with frozen norms"

    @property
    def linear(self) -> bool:
        """True if a score is a sum of scaled cells under weights."""
        return self.weights is not None

    @property
    def fits(self) -> bool:
        """True if the scheme can be fitted, and score a model that is not on the board."""
        return self.weights is not None or self.rows is not None

    @property
    def fixed_weights(self) -> bool:
        """True if a score is a sum of scaled cells under weights that do not depend on the scores."""
        return isinstance(self.weights, str)

    @property
    def unfitted(self) -> bool:
        """True if only the scale is fitted: a score is a function of the model's own scaled cells."""
        return self.fixed_weights or self.own_cells

    @property
    def independent(self) -> bool:
        """True if a score is a function of the model's own cells, independent of other models."""
        if self.norms is not None and self.rows_of_norms:
            return True
        return self.unfitted and (self.scale.own_cells or self.norms is not None)

    @property
    def order_only(self) -> bool:
        """True if scores depend only on the order of the models on each leaf."""
        return self.scale.order_only and not self.needs_norms

    @property
    def costly(self) -> bool:
        """True if it is too costly to resample thousands of times."""
        return self.effort != "formula"

    def bind(self, reference: Reference) -> Scheme:
        """Return the scheme with its scale fitted on a reference, or unchanged if it needs none."""
        if not self.needs_norms:
            return self
        if not isinstance(reference, Reference):
            raise ReferenceBoardError(
                f"{self.name} was given {reference!r} for a reference; read one with `read_reference`, or freeze one "
                "with `freeze`"
            )
        return replace(self, norms=reference)

    def fitted_scale(self, board: Board) -> Columnwise:
        """Fit the scale on a board, or on the reference that the scheme is bound to."""
        if not self.needs_norms:
            return self.scale.fit(board.scores)
        if self.norms is None:
            raise SchemeError(f"{self.name} needs a reference board; freeze one and bind the scheme to it")
        self.norms.check(board)
        return self.scale.fit(self.norms.scores_on(board.leaves))

    def scaled_variants(self, leaf: str, variants: FloatArray) -> FloatArray:
        """Scale variants of one leaf's scores, each column by its own norms; shape (n, v) in and out."""
        if self.norms is None:
            return self.scale.fit(variants)(variants)
        function = self.scale.fit(self.norms.scores_on((leaf,)))
        return function(variants[..., None])[..., 0]

    def fitted_combination(self, scaled: FloatArray, board: Board) -> Combination:
        """Fit the combination of the scaled cells (n, m) of a board; SchemeError if it scores whole boards only."""
        if isinstance(self.weights, str):
            return NAMED[self.weights](board, self.name)
        if self.weights is not None:
            weights = np.asarray(self.weights(scaled, board), dtype=np.float64)
            if weights.shape != (len(board.leaves),):
                raise SchemeError(
                    f"scheme {self.name} returned weights of the shape {weights.shape} for {len(board.leaves)} "
                    "benchmarks; return one weight a benchmark"
                )
            return WeightedSum(weights)
        if self.rows is not None and self.rows_of_norms and self.norms is not None:
            place = {leaf: j for j, leaf in enumerate(board.leaves)}
            columns = np.array([place.get(leaf, -1) for leaf in self.norms.board.leaves])
            return RowByRow(_rows_of(self.rows, self.scale, self.norms), columns)
        if self.rows is not None:
            return RowByRow(self.rows(scaled, board))
        raise SchemeError(
            f"{self.name} cannot be fitted: what a model gets depends on the others as a whole, so that it scores "
            "boards, and no single model"
        )

    def linear_combination(self, scaled: FloatArray, board: Board) -> Linear:
        """Fit the weights of a linear scheme on the scaled cells (n, m) of a board."""
        found = self.fitted_combination(scaled, board)
        if not isinstance(found, Linear):
            raise SchemeError(f"{self.name} is no sum of scaled cells, so that it has no weights")
        return found

    def fit(self, board: Board) -> Fitted:
        """Fit the scheme on a board with filled missing cells; NaN is left out."""
        scale = self.fitted_scale(board)
        scaled = scale(board.scores)
        return Fitted(scale, self.fitted_combination(scaled, board), scaled)

    def scores(self, board: Board) -> FloatArray:
        """Score the models of a board with filled missing cells, higher is better; NaN for one without cells."""
        return self.outcome(board)[0]

    def outcome(self, board: Board) -> tuple[FloatArray, Optimum | None]:
        """Score the models of a board, and return the optimisation of the scores, if there is one."""
        return self.combined(self.fitted_scale(board)(board.scores), board)

    def combined(self, scaled: FloatArray, board: Board) -> tuple[FloatArray, Optimum | None]:
        """Combine the scaled cells (n, m) of a board, as in `outcome`."""
        optimum: Optimum | None = None
        if self.wins is not None:
            won = self.wins(pairwise_wins(scaled))
            optimum = won if isinstance(won, Optimum) else None
            found = won.scores if isinstance(won, Optimum) else won
        elif self.combine is not None:
            found = self.combine(scaled, board)
        else:
            found = self.fitted_combination(scaled, board).scores(scaled)
        scores = np.asarray(found, dtype=np.float64)
        if scores.shape != (len(board.models),):
            raise SchemeError(
                f"scheme {self.name} returned the shape {scores.shape} for {len(board.models)} models; return one "
                "score a model"
            )
        if self.wins is not None:
            # A model without any score was compared with no other, which differs from a tie with all.
            scores = np.where(np.isnan(scaled).all(axis=1), np.nan, scores)
        return scores, optimum


# Every raised cell of an audit asks for the same function.
@lru_cache(maxsize=8)
def _rows_of(rows: Callable[[FloatArray, Board], RowFunction], scale: Scale, reference: Reference) -> RowFunction:
    """Make the function of rows from a reference: its cells on the scale that it is fitted on."""
    scores = reference.board.scores
    return rows(scale.fit(scores)(scores), reference.board)


def _wrong_call(field: str, function: object, arguments: int) -> Iterator[str]:
    """Yield the reason why a function cannot be called with so many arguments, if there is one."""
    if not callable(function):
        yield f"has the {field} {function!r}, which cannot be called"
        return
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError as cause:
        many = "argument" if arguments == 1 else "arguments"
        yield (
            f"has a function for {field} that cannot be called with {arguments} {many} ({cause}); see `Scheme` for "
            "what it is given"
        )
    except ValueError:
        # Compiled functions may have no signature.
        return
