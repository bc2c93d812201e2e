"""One registry of aggregation schemes: a name, how it scales, how it combines, and what it does with missing cells."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from ..arrays import FloatArray, IntArray, StateArray
from ..board import Board
from ..errors import BoardError, SchemeError
from ..official import CellState
from ..scales import competition_ranks

Columnwise = Callable[[FloatArray], FloatArray]
Family = Literal["tree", "cardinal", "ordinal", "latent", "reference"]
Convention = Literal["zero", "attempted", "skip", "worst", "mean"]
CONVENTIONS: dict[Convention, str] = {
    "zero": "FAILED and NEVER count as a score of 0",
    "attempted": "FAILED counts as 0, NEVER is left out",
    "skip": "FAILED and NEVER are left out",
    "worst": "FAILED and NEVER count as just below the lowest score of the benchmark",
    "mean": "FAILED and NEVER take the mean score of the benchmark",
}


@dataclass(frozen=True, slots=True)
class Claims:
    """Properties that a scheme has on every complete board, by proof; measured rates are something else.

    Attributes
    ----------
    iia : bool
        Independence of irrelevant alternatives: removing a model never changes the order of two others.
    affine, monotone : bool
        Invariance to an increasing affine, or any strictly increasing, rescaling of one benchmark.
    clone : bool
        A copy of a benchmark beside it changes no order.
    monotonicity : bool
        Raising a score never lowers the rank of its model.
    pareto : bool
        A model at least as good on all benchmarks and better on one is never ranked below.
    hierarchy : bool
        Doubling a benchmark's leaves inside its own group leaves the group's weight.
    """

    iia: bool = False
    affine: bool = False
    monotone: bool = False
    clone: bool = False
    monotonicity: bool = False
    pareto: bool = False
    hierarchy: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """What each benchmark's scores are turned into, column by column.

    Attributes
    ----------
    name, description : str
    function : callable
        From a matrix of shape (n, m), NaN where missing, to one of the same shape.
    by_leaf : callable, optional
        For frozen norms: from a leaf to the function for scores on that leaf (of any shape), used instead of
        `function`.
    check : callable, optional
        Raises if the scale has no norms for a board.
    """

    name: str
    description: str
    function: Columnwise
    by_leaf: Callable[[str], Columnwise] | None = None
    check: Callable[[Board], None] | None = None

    def for_leaf(self, leaf: str) -> Columnwise:
        """Return the function for scores on one leaf, each column a board of its own."""
        return self.function if self.by_leaf is None else self.by_leaf(leaf)

    def of(self, board: Board) -> FloatArray:
        """Scale a board's scores, shape (n, m). A leaf without any score stays so and needs no norms."""
        if self.by_leaf is None:
            return self.function(board.scores)
        if self.check is not None:
            self.check(board)
        scaled = np.full(board.scores.shape, np.nan)
        for j in np.flatnonzero(~np.isnan(board.scores).all(axis=0)):
            scaled[:, j] = self.by_leaf(board.leaves[j])(board.scores[:, j])
        return scaled


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to aggregate a board into one score a model.

    A scheme is either a weighted mean of scaled leaves (`weights` is given) or a function of its own (`combine`).

    Attributes
    ----------
    name : str
        The field's name for it.
    family : str
    scale : Scale
        What each benchmark's scores are turned into.
    combination : str
        How the scaled scores are combined, with the formula.
    source : str
        Where it is from.
    conventions : tuple of str
        Rules for missing cells that it supports; the first is its own.
    claims : Claims
    weights : str, optional
        ``flat`` (every leaf counts the same) or ``tree`` (recursive mean over the tree).
    combine : callable, optional
        From a board to scores of shape (n,), higher is better. NaN cells remain only under a convention that leaves
        cells out.
    bind : callable, optional
        For a scheme with frozen norms: from a `Reference` to the scheme that uses it.
    costly : bool
        Too dear to resample thousands of times.
    """

    name: str
    family: Family
    scale: Scale
    combination: str
    source: str
    conventions: tuple[Convention, ...]
    claims: Claims = Claims()
    weights: Literal["flat", "tree"] | None = None
    combine: Callable[[Board], FloatArray] | None = None
    bind: Callable[[Any], Scheme] | None = None
    costly: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("_", "").isalnum():
            raise SchemeError(f"a scheme is named {self.name!r}; use letters, digits and underscores")
        if self.family not in get_args(Family):
            raise SchemeError(
                f"scheme {self.name} has the family {self.family!r}; known are {', '.join(get_args(Family))}"
            )
        for field, kind in (("scale", Scale), ("claims", Claims)):
            if not isinstance(getattr(self, field), kind):
                raise SchemeError(
                    f"scheme {self.name} has the {field} {getattr(self, field)!r}; it must be a {kind.__name__}"
                )
        for field in ("combination", "source"):
            if not getattr(self, field).strip():
                raise SchemeError(f"scheme {self.name} has no {field}; say it in words")
        ways = [self.weights is not None, self.combine is not None, self.bind is not None]
        if sum(ways) != 1:
            raise SchemeError(
                f"scheme {self.name} has {sum(ways)} of weights, combine and bind; it needs exactly one"
            )
        if self.weights not in (None, "flat", "tree"):
            raise SchemeError(
                f"scheme {self.name} has the weights {self.weights!r}; known are 'flat' and 'tree'"
            )
        given = [function for function in (self.combine, self.bind) if function is not None]
        for function in (*given, self.scale.function):
            if not callable(function):
                raise SchemeError(
                    f"scheme {self.name} has no function to combine with: {function!r} cannot be called"
                )
        unknown = [c for c in self.conventions if c not in CONVENTIONS]
        if unknown or not self.conventions:
            raise SchemeError(
                f"scheme {self.name} has the conventions for missing cells {self.conventions!r}; known are "
                f"{', '.join(CONVENTIONS)}, and at least one is needed"
            )

    def scores(self, board: Board) -> FloatArray:
        """Aggregate a board on which missing cells have been dealt with (see `fill_missing`).

        Returns
        -------
        ndarray, shape (n,)
            Higher is better; NaN for a model with nothing to aggregate.
        """
        if self.combine is not None:
            combined = np.asarray(self.combine(board), dtype=np.float64)
            if combined.shape != (len(board.models),):
                raise SchemeError(
                    f"scheme {self.name} returned the shape {combined.shape} for {len(board.models)} models; "
                    "return one score a model"
                )
            return combined
        if self.weights is None:
            raise SchemeError(
                f"{self.name} needs a reference board; freeze one with `brainalign reference freeze`"
            )
        scaled = replace(board, scores=self.scale.of(board))
        return tree_mean(scaled) if self.weights == "tree" else row_means(scaled.scores)


def row_means(values: FloatArray) -> FloatArray:
    """Mean of each row over the cells that are not NaN; NaN for an empty row. Shape (n, m) to (n,)."""
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    means: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def tree_mean(board: Board) -> FloatArray:
    """Recursive mean at the root of the board's tree, shape (n,); cells that are NaN are left out."""
    if len(board.tree.roots) != 1:
        raise BoardError(
            f"the board's tree has the roots {', '.join(board.tree.roots) or 'none'}; a tree scheme needs one"
        )
    means: FloatArray = board.node_scores()[:, board.tree.index[board.tree.roots[0]]]
    return means


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores and competition ranks (1, 2, 2, 4; 1 is best) of ``n`` models under one scheme.

    Attributes
    ----------
    scheme : str
    convention : str
        The rule for missing cells that was used; ``complete`` if the board has none.
    ids : tuple of int, length n
    scores : ndarray of float, shape (n,)
    ranks : ndarray of int, shape (n,)
    """

    scheme: str
    convention: str
    ids: tuple[int, ...]
    scores: FloatArray
    ranks: IntArray

    def by_id(self) -> dict[int, int]:
        """Rank of each model id."""
        return dict(zip(self.ids, self.ranks.tolist(), strict=True))


_REGISTRY: dict[str, Scheme] = {}
_PENDING: list[Callable[[], Iterable[SchemeError]]] = []
_REFUSED: list[SchemeError] = []


def register(scheme: Scheme) -> Scheme:
    """Add a scheme under its name; adding the same object again changes nothing.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    Scheme
        The same, so that a definition can be registered where it is made.

    Raises
    ------
    SchemeError
        If the name is taken, in whatever case.
    """
    # A module may register its scheme itself and name it in an entry point too.
    if _REGISTRY.get(scheme.name) is scheme:
        return scheme
    for known in _REGISTRY:
        if known.lower() == scheme.name.lower():
            raise SchemeError(f"there is already a scheme {known}; choose another name than {scheme.name!r}")
    _REGISTRY[scheme.name] = scheme
    return scheme


def before_first_look_up(load: Callable[[], Iterable[SchemeError]]) -> None:
    """Have more schemes registered when a name is first looked up, not on import; ``load`` returns what it refused."""
    _PENDING.append(load)


def _known() -> dict[str, Scheme]:
    while _PENDING:
        # Taken off first: a scheme that is being loaded may look others up.
        load = _PENDING.pop()
        _REFUSED.extend(load())
    return _REGISTRY


def scheme_names() -> tuple[str, ...]:
    """Names of all registered schemes, those of other distributions too.

    Returns
    -------
    tuple of str
        In the order of registration.
    """
    return tuple(_known())


def refused_schemes() -> tuple[SchemeError, ...]:
    """What is wrong with the schemes of other distributions that could not be registered."""
    _known()
    return tuple(_REFUSED)


def get_scheme(name: str) -> Scheme:
    """Look a scheme up by name, whatever its case.

    Parameters
    ----------
    name : str

    Returns
    -------
    Scheme

    Raises
    ------
    SchemeError
        If there is none; the message suggests the nearest names.
    """
    schemes = _known()
    for known, scheme in schemes.items():
        if known.lower() == name.lower():
            return scheme
    near = difflib.get_close_matches(name.upper(), [n.upper() for n in schemes], n=3, cutoff=0.4)
    hint = (
        f"did you mean {', '.join(n for n in schemes if n.upper() in near)}?"
        if near
        else f"known are {', '.join(schemes)}"
    )
    refused = "".join(f"; refused: {error}" for error in _REFUSED)
    raise SchemeError(f"there is no aggregation scheme {name!r}; {hint}{refused}")


def fill_missing(board: Board, convention: Convention) -> Board:
    """Apply a rule for FAILED and NEVER; cells that are left out stay NaN."""
    return replace(board, scores=filled(board.scores, board.states, convention))


def filled(scores: FloatArray, states: StateArray, convention: Convention) -> FloatArray:
    """Apply a rule for FAILED and NEVER to columns of scores, each by itself. Shapes (n, m), NaN where missing.

    A column without any score has neither a lowest one nor a mean: where those would be needed, it stays empty.
    """
    values = np.array(scores)
    missing = np.isnan(values)
    if convention == "zero":
        values[missing] = 0.0
    elif convention == "attempted":
        values[missing & (states == CellState.FAILED)] = 0.0
    elif convention in ("worst", "mean"):
        empty = missing.all(axis=0)
        known = np.where(empty, 0.0, values)
        # Just below the lowest, so that on ordinal scales a missing score also ranks below every score.
        fill = np.nanmin(known, axis=0) - 1e-6 if convention == "worst" else np.nanmean(known, axis=0)
        values = np.where(missing & ~empty, fill, values)
    return values


def rank_models(
    board: Board, scheme: str | Scheme, convention: Convention | None = None, reference: Any = None
) -> Ranking:
    """Aggregate a board under a scheme.

    Parameters
    ----------
    board : Board
        ``n`` models; complete (the cleaned board) or with missing cells.
    scheme : str or Scheme
    convention : str, optional
        Rule for missing cells; the scheme's own if None. Without effect on a complete board.
    reference : Reference, optional
        Frozen reference board, for the schemes that need one.

    Returns
    -------
    Ranking
        Of all ``n`` models.

    Raises
    ------
    SchemeError
        If the scheme is unknown, does not support the convention, or needs a reference and gets none.
    BoardError
        If the board has no model or no leaf, or the scheme leaves a model without a score.
    """
    used = get_scheme(scheme) if isinstance(scheme, str) else scheme
    if used.bind is not None and reference is not None:
        used = used.bind(reference)
    rule = used.conventions[0] if convention is None else convention
    if rule not in used.conventions:
        raise SchemeError(
            f"{used.name} does not support {rule!r} for missing cells; it has {', '.join(used.conventions)}"
        )
    if not board.models or not board.leaves:
        raise BoardError(
            f"{used.name} was asked to rank {len(board.models)} models on {len(board.leaves)} benchmarks; "
            "it needs at least one of each: take another snapshot or a looser cleaning"
        )
    complete = board.complete
    scores = used.scores(board if complete else fill_missing(board, rule))
    if np.isnan(scores).any():
        nameless = board.models[int(np.flatnonzero(np.isnan(scores))[0])]
        raise BoardError(
            f"{used.name} gives model {nameless.id} ({nameless.name!r}) no score under {rule!r}: nothing was scored; "
            "drop such models first, or choose another rule for missing cells"
        )
    return Ranking(used.name, "complete" if complete else rule, board.ids, scores, competition_ranks(scores))
