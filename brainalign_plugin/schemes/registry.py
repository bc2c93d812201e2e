"""Registry of aggregation schemes by name, and the ranking of a board under one of them.

Schemes of other distributions are found by their entry points in the group ``brainalign.schemes``. An entry point names
a `Scheme`, or a function without arguments that returns one or several. In the ``pyproject.toml`` of such a
distribution::

    [project.entry-points."brainalign.schemes"]
    trimmed = "my_package.schemes:TRIMMED_MEAN"
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError, SchemeError
from ..files.reference import Reference
from ..scales import competition_ranks
from ..text import brief
from .base import Effort, Optimum, Scheme
from .missing import CONVENTIONS, Convention, fill_missing
from .scaling import NONE


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores and competition ranks (1, 2, 2, 4; 1 is best) of ``n`` models under one scheme."""

    __repr__ = brief

    scheme: str
    convention: str  # The rule for missing cells that was used; ``complete`` if the board has none
    ids: tuple[int, ...]  # Length n
    scores: FloatArray  # Shape (n,)
    ranks: IntArray  # Shape (n,)
    optimum: Optimum | None = None  # Objective and proven bound, for a scheme that is an optimisation

    def by_id(self) -> dict[int, int]:
        """Return the rank of each model id."""
        return dict(zip(self.ids, self.ranks.tolist(), strict=True))


MatrixFunction = Callable[[FloatArray], npt.ArrayLike]
# Source of a scheme that was made from a function in Python.
OWN = "defined in Python"
GROUP = "brainalign.schemes"
_REGISTRY: dict[str, Scheme] = {}
_LOADED: list[str] = []
_REFUSED: list[SchemeError] = []


def register(scheme: Scheme, overwrite: bool = False) -> Scheme:
    """Add a scheme under its name and return it; only one made from a function is replaced, with ``overwrite``."""
    # A module may register its scheme itself and name it in an entry point too.
    if _REGISTRY.get(scheme.name) is scheme:
        return scheme
    for known in list(_REGISTRY):
        if known.lower() == scheme.name.lower():
            if not overwrite:
                raise SchemeError(f"there is already a scheme {known}; choose another name than {scheme.name!r}")
            if _REGISTRY[known].source != OWN:
                raise SchemeError(f"the scheme {known} comes with a distribution and stays; choose another name")
            del _REGISTRY[known]
    _REGISTRY[scheme.name] = scheme
    return scheme


def scheme(
    name: str, *, missing: Convention = "skip", overwrite: bool = False, effort: Effort = "pairs"
) -> Callable[[MatrixFunction], Scheme]:
    """Register a function of a score matrix as an aggregation scheme; used as a decorator.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    missing : {"skip", "zero", "attempted", "worst", "mean"}
        Rule for missing scores on a board that has them; under ``skip`` they reach the function as NaN.
    overwrite : bool
        Whether a scheme of that name may be replaced, as when a cell of a notebook is run again.
    effort : {"formula", "pairs", "fit", "optimum"}
        With ``formula`` ranks get intervals, which calls the function a thousand times.

    Returns
    -------
    callable
        From a function ``(models, benchmarks) -> (models,)``, higher is better, to its `Scheme`.

    Raises
    ------
    SchemeError
        If the name is taken or cannot be one, the rule is unknown, or the function cannot be called with a matrix.

    See Also
    --------
    rank : Rank a board under schemes.
    audit : Measure what a scheme keeps.

    Examples
    --------
    >>> import numpy as np
    >>> import brainalign_plugin as ba
    >>> @ba.scheme("WORST_OF_ALL", overwrite=True)
    ... def worst_of_all(scores):
    ...     return np.nanmin(scores, axis=1)
    >>> ba.rank(ba.example(), worst_of_all).to_frame()["model"].iloc[0]
    'efficientnet_b0'
    >>> ba.unregister("WORST_OF_ALL")
    """
    if missing not in CONVENTIONS:
        raise SchemeError(
            f"there is no rule {missing!r} for missing cells; known are {', '.join(map(repr, CONVENTIONS))}"
        )

    def registered(function: MatrixFunction) -> Scheme:
        if not callable(function):
            raise SchemeError(
                f"the scheme {name!r} was given {function!r}; use it as a decorator: @scheme({name!r}) above a function"
            )

        def combine(scaled: FloatArray, _board: Board) -> FloatArray:
            # A copy, because a function may change its argument.
            return np.asarray(function(np.array(scaled)), dtype=np.float64)

        first_line = (function.__doc__ or "").strip().partition("\n")[0]
        text = first_line or f"the function {getattr(function, '__name__', name)}"
        made = Scheme(name, "cardinal", NONE, text, OWN, (missing,), combine=combine, effort=effort)
        return register(made, overwrite=overwrite)

    return registered


def unregister(name: str) -> None:
    """Remove a scheme that was made from a function; do nothing if there is none.

    Parameters
    ----------
    name : str

    Raises
    ------
    SchemeError
        If the scheme comes with a distribution.

    See Also
    --------
    scheme : Add one.

    Examples
    --------
    >>> unregister("NO_SUCH_SCHEME")
    """
    for known in [known for known in _REGISTRY if known.lower() == name.lower()]:
        if _REGISTRY[known].source != OWN:
            raise SchemeError(f"the scheme {known} belongs to a distribution and cannot be removed")
        del _REGISTRY[known]


def _known() -> dict[str, Scheme]:
    """Return all schemes; the first look-up registers those of entry points, in the order of their names."""
    if not _LOADED:
        # Noted first, because a scheme that is being loaded may look others up.
        _LOADED.append(GROUP)
        for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
            for error in _register_point(point):
                warnings.warn(str(error), RuntimeWarning, stacklevel=2)
                _REFUSED.append(error)
    return _REGISTRY


def _register_point(point: EntryPoint) -> Iterator[SchemeError]:
    """Register the schemes of one entry point, and yield its errors."""
    try:
        given = point.load()
        made = given() if callable(given) else given
        if not isinstance(made, Scheme | Iterable) or isinstance(made, str | bytes):
            raise SchemeError(f"it gives {made!r}; give a Scheme, or a function that returns Schemes")
        schemes = (made,) if isinstance(made, Scheme) else tuple(made)
    except (Exception, SystemExit) as cause:  # noqa: BLE001 -- foreign code may fail in any way, and must not take the others down
        yield _refusal(point, cause)
        return
    for scheme in schemes:
        try:
            if not isinstance(scheme, Scheme):
                raise SchemeError(f"it gives {scheme!r}, which is not a Scheme")
            register(scheme)
        except SchemeError as cause:
            yield _refusal(point, cause)


def _refusal(point: EntryPoint, cause: BaseException) -> SchemeError:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    what = str(cause) if isinstance(cause, SchemeError) else f"{type(cause).__name__}: {cause}"
    error = SchemeError(
        f"the entry point {point.name!r} ({point.value}) of {distribution} gives no usable scheme: {what}; "
        "correct it, or uninstall that distribution"
    )
    error.__cause__ = cause
    return error


def scheme_names() -> tuple[str, ...]:
    """Return the names of all registered schemes, including those of other distributions.

    Returns
    -------
    tuple of str
        In the order of registration.

    See Also
    --------
    scheme : Add one.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> "HIER" in ba.scheme_names()
    True
    """
    return tuple(_known())


def get_scheme(name: str | Scheme) -> Scheme:
    """Look a scheme up by name, regardless of case; one that is given is returned as it is."""
    if isinstance(name, Scheme):
        return name
    if not isinstance(name, str):
        raise SchemeError(f"a scheme was expected, not {name!r}; give its name, or make one with `scheme`")
    schemes = _known()
    for known, scheme in schemes.items():
        if known.lower() == name.lower():
            return scheme
    near = difflib.get_close_matches(name.upper(), [n.upper() for n in schemes], n=3, cutoff=0.4)
    meant = ", ".join(n for n in schemes if n.upper() in near)
    hint = f"did you mean {meant}?" if near else f"known are {', '.join(schemes)}"
    refused = "".join(f"; refused: {error}" for error in _REFUSED)
    raise SchemeError(f"there is no aggregation scheme {name!r}; {hint}{refused}")


def of_distribution(name: str) -> Scheme | None:
    """Return the scheme of exactly this name that comes with a distribution, None if there is none."""
    found = _REGISTRY.get(name)
    return None if found is None or found.source == OWN else found


def restored(name: str, norms: Reference | None) -> Scheme:
    """Return the scheme of a pickle, bound to its reference."""
    found = get_scheme(name)
    return found if norms is None else found.bind(norms)


def rule_for(scheme: Scheme, convention: Convention | None = None) -> Convention:
    """Return the rule for missing cells that a scheme uses: its own if none is asked for."""
    rule = scheme.conventions[0] if convention is None else convention
    if rule not in scheme.conventions:
        raise SchemeError(
            f"{scheme.name} does not support {rule!r} for missing cells; it has {', '.join(scheme.conventions)}"
        )
    return rule


def rank_models(
    board: Board, scheme: str | Scheme, convention: Convention | None = None, reference: Reference | None = None
) -> Ranking:
    """Aggregate a board under a scheme, with its own rule for missing cells if no convention is given."""
    used = get_scheme(scheme)
    used = used if reference is None else used.bind(reference)
    if not board.models or not board.leaves:
        raise BoardError(
            f"{used.name} was asked to rank {len(board.models)} models on {len(board.leaves)} benchmarks; "
            "it needs at least one of each: take another snapshot or a looser cleaning"
        )
    if convention is not None and convention not in CONVENTIONS:
        raise SchemeError(f"there is no rule {convention!r} for missing cells; known are {', '.join(CONVENTIONS)}")
    resolved, rule = board, "complete"
    if not board.complete:
        rule = own = rule_for(used, convention)
        resolved = fill_missing(board, own)
    scores, optimum = used.outcome(resolved)
    if np.isnan(scores).any():
        nameless = board.models[int(np.flatnonzero(np.isnan(scores))[0])]
        raise BoardError(
            f"{used.name} gives model {nameless.id} ({nameless.name!r}) no score under {rule!r}: nothing was scored; "
            "drop such models first, or choose another rule for missing cells"
        )
    return Ranking(used.name, rule, board.ids, scores, competition_ranks(scores), optimum)
