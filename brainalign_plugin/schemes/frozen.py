"""Schemes with frozen norms: a model's score depends on its own scores and the reference, never on other models.

Missing cells are left out, or count as 0. Rules that fill a cell from the board (just below its lowest score, its mean)
are not offered, because they make a score depend on the other models.
"""

from __future__ import annotations

from dataclasses import replace

from .base import Scheme
from .missing import Convention
from .parts import Claims
from .registry import register
from .scaling import NORMAL_SCORE, Z

_CONVENTIONS: tuple[Convention, ...] = ("skip", "zero", "attempted")
_Z = replace(
    Z,
    name="reference z",
    description=(
        "(score - mean) / sd, mean and sd (n - 1) of the reference's scores; 0 if those are constant"
    ),
)
FROZEN_NORMAL = replace(
    NORMAL_SCORE,
    name="reference normal score",
    description=(
        "inverse normal of p = (number below + half the number equal + 0.5) / (n + 1) among the reference's n scores"
    ),
)
_POSTER = "z-scores as in Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530, with norms of a reference group"
_WAERDEN = "van der Waerden (1952), Indag. Math. 14, 453-458, with norms of a reference group"
_ORDINAL = Claims(iia=True, affine=True, monotone=True, monotonicity=True, pareto=True)

REF_ZMEAN = register(
    Scheme(
        name="REF_ZMEAN",
        family="reference",
        scale=_Z,
        combination="arithmetic mean of the z-scores on the reference's norms",
        source=_POSTER,
        conventions=_CONVENTIONS,
        claims=Claims(iia=True, affine=True, monotonicity=True, pareto=True),
        weights="flat",
        needs_norms=True,
    )
)

REF_NORMAL = register(
    Scheme(
        name="REF_NORMAL",
        family="reference",
        scale=FROZEN_NORMAL,
        combination="arithmetic mean of the normal scores on the reference's norms",
        source=_WAERDEN,
        conventions=_CONVENTIONS,
        claims=_ORDINAL,
        weights="flat",
        needs_norms=True,
    )
)

HIER_REF_NORMAL = register(
    Scheme(
        name="HIER_REF_NORMAL",
        family="reference",
        scale=FROZEN_NORMAL,
        combination="recursive mean over the tree of the leaves' normal scores on the reference's norms",
        source=f"{_WAERDEN}, on the tree",
        conventions=_CONVENTIONS,
        claims=replace(_ORDINAL, hierarchy=True),
        weights="tree",
        needs_norms=True,
    )
)
