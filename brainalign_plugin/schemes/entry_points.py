"""Schemes of other distributions, found by their entry points in the group ``brainalign.schemes``.

An entry point names a `Scheme`, or a function without arguments that returns one or several. In the ``pyproject.toml``
of such a distribution::

    [project.entry-points."brainalign.schemes"]
    trimmed = "my_package.schemes:TRIMMED_MEAN"
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from ..errors import SchemeError
from .base import Scheme
from .registry import before_first_look_up, register

GROUP = "brainalign.schemes"


def load_plugin_schemes() -> tuple[SchemeError, ...]:
    """Register the schemes of all entry points, in the order of their names.

    Refused entry points: each error names the entry point, its distribution and the problem, and is a warning as well.
    The others are registered.
    """
    refused: list[SchemeError] = []
    found = entry_points(group=GROUP)
    for point in sorted(found, key=lambda p: (p.name, p.value)):
        for error in _register(point):
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
            refused.append(error)
    return tuple(refused)


def _register(point: EntryPoint) -> list[SchemeError]:
    """Register the schemes of one entry point; return its errors."""
    refused: list[SchemeError] = []
    try:
        schemes = _schemes(point.load())
    except (Exception, SystemExit) as cause:  # noqa: BLE001 -- foreign code may fail in any way, and must not take the others down
        return [_refusal(point, cause)]
    for scheme in schemes:
        try:
            if not isinstance(scheme, Scheme):
                raise SchemeError(f"it gives {scheme!r}, which is not a Scheme")
            register(scheme)
        except SchemeError as cause:
            refused.append(_refusal(point, cause))
    return refused


def _schemes(given: object) -> tuple[object, ...]:
    made = given() if callable(given) else given
    if isinstance(made, Scheme):
        return (made,)
    if isinstance(made, Iterable) and not isinstance(made, str | bytes):
        return tuple(made)
    raise SchemeError(f"it gives {made!r}; give a Scheme, or a function that returns Schemes")


def _refusal(point: EntryPoint, cause: BaseException) -> SchemeError:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    what = str(cause) if isinstance(cause, SchemeError) else f"{type(cause).__name__}: {cause}"
    error = SchemeError(
        f"the entry point {point.name!r} ({point.value}) of {distribution} gives no usable scheme: {what}; "
        "correct it, or uninstall that distribution"
    )
    error.__cause__ = cause
    return error


before_first_look_up(load_plugin_schemes)
