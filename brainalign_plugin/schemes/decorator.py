"""Schemes made from functions of a score matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray
from ..data.board import Board
from ..errors import SchemeError
from .base import Effort, Scheme
from .missing import CONVENTIONS, Convention
from .registry import OWN, register
from .scaling import NONE

MatrixFunction = Callable[[FloatArray], npt.ArrayLike]


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

        def combine(scaled: FloatArray, board: Board) -> FloatArray:
            del board
            # A copy, because a function may change its argument.
            return np.asarray(function(np.array(scaled)), dtype=np.float64)

        text = (function.__doc__ or "").strip().partition("\n")[
            0
        ] or f"the function {getattr(function, '__name__', name)}"
        made = Scheme(
            name=name,
            family="cardinal",
            scale=NONE,
            combination=text,
            source=OWN,
            conventions=(missing,),
            combine=combine,
            effort=effort,
        )
        return register(made, overwrite=overwrite)

    return registered
