"""Schemes with frozen norms: a model's score depends on its own scores and the reference, never on other models.

Missing cells are left out, or count as 0. The rules that fill a cell from the board at hand (just below its lowest
score, its mean) are not offered: through them the other models would move the score after all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..arrays import FloatArray
from ..errors import ReferenceBoardError, SchemeError
from ..references import LeafNorms, Reference
from .registry import Claims, Columnwise, Convention, Scale, Scheme, register

_CONVENTIONS: tuple[Convention, ...] = ("skip", "zero", "attempted")
_Scaled = Callable[[LeafNorms, FloatArray], FloatArray]


def _unbound(_: FloatArray) -> FloatArray:
    raise SchemeError(
        "norms are frozen benchmark by benchmark: bind the scheme to a reference and take the scale of a board"
    )


def _register(template: Scheme, scaled: _Scaled) -> Scheme:
    """Register a scheme that becomes ``template`` with the norms of the reference that it is bound to."""

    def bind(reference: Any) -> Scheme:
        if not isinstance(reference, Reference):
            raise ReferenceBoardError(
                f"{template.name} was given {reference!r} for a reference; read one with `read_reference`, "
                "or freeze one with `brainalign reference freeze`"
            )

        def by_leaf(leaf: str) -> Columnwise:
            norms = reference.norms_of(leaf)
            return lambda scores: scaled(norms, scores)

        return replace(template, scale=replace(template.scale, by_leaf=by_leaf, check=reference.check))

    return register(replace(template, weights=None, bind=bind))


_Z = Scale(
    "reference z",
    "(score - mean) / sd, mean and sd (n - 1) of the reference's scores; 0 if those are constant",
    _unbound,
)
_NORMAL = Scale(
    "reference normal score",
    "inverse normal of p = (number below + half the number equal + 0.5) / (n + 1) among the reference's n scores",
    _unbound,
)
_POSTER = "z-scores as in Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530, with norms of a reference group"
_WAERDEN = "van der Waerden (1952), Indag. Math. 14, 453-458, with norms of a reference group"
_ORDINAL = Claims(iia=True, affine=True, monotone=True, monotonicity=True, pareto=True)

REF_ZMEAN = _register(
    Scheme(
        name="REF_ZMEAN",
        family="reference",
        scale=_Z,
        combination="arithmetic mean of the z-scores on the reference's norms",
        source=_POSTER,
        conventions=_CONVENTIONS,
        claims=Claims(iia=True, affine=True, monotonicity=True, pareto=True),
        weights="flat",
    ),
    LeafNorms.z,
)

REF_NORMAL = _register(
    Scheme(
        name="REF_NORMAL",
        family="reference",
        scale=_NORMAL,
        combination="arithmetic mean of the normal scores on the reference's norms",
        source=_WAERDEN,
        conventions=_CONVENTIONS,
        claims=_ORDINAL,
        weights="flat",
    ),
    LeafNorms.normal_scores,
)

HIER_REF_NORMAL = _register(
    Scheme(
        name="HIER_REF_NORMAL",
        family="reference",
        scale=_NORMAL,
        combination="recursive mean over the tree of the leaves' normal scores on the reference's norms",
        source=f"{_WAERDEN}, on the tree",
        conventions=_CONVENTIONS,
        claims=replace(_ORDINAL, hierarchy=True),
        weights="tree",
    ),
    LeafNorms.normal_scores,
)
