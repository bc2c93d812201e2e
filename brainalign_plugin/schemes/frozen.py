"""Schemes with frozen norms: a model's score depends on its own scores and the reference, never on other models.

Rules that fill a missing cell from the board are not offered, because they make a score depend on the other models.
"""

from __future__ import annotations

from dataclasses import replace

from .base import Claims, Scheme
from .missing import LOCAL_RULES
from .registry import register
from .scaling import NORMAL_SCORE, Z

_OF_Z = "(score - mean) / sd, mean and sd (n - 1) of the reference's scores; 0 if those are constant"
_Z = replace(Z, name="reference z", description=_OF_Z)
_OF_P = "inverse normal of p = (number below + half the number equal + 0.5) / (n + 1) among the reference's n scores"
FROZEN_NORMAL = replace(NORMAL_SCORE, name="reference normal score", description=_OF_P)
_MEAN = "arithmetic mean of the {} on the reference's norms"
_RECURSIVE = "recursive mean over the tree of the leaves' normal scores on the reference's norms"
_POSTER = "z-scores as in Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530, with norms of a reference group"
_WAERDEN = "van der Waerden (1952), Indag. Math. 14, 453-458, with norms of a reference group"
_NORMED = Claims(iia=True, affine=True, monotonicity=True, pareto=True)
_ORDINAL = replace(_NORMED, monotone=True)
_TREE = replace(_ORDINAL, hierarchy=True)

for _name, _scale, _combination, _source, _claims, _weights in (
    ("REF_ZMEAN", _Z, _MEAN.format("z-scores"), _POSTER, _NORMED, "flat"),
    ("REF_NORMAL", FROZEN_NORMAL, _MEAN.format("normal scores"), _WAERDEN, _ORDINAL, "flat"),
    ("HIER_REF_NORMAL", FROZEN_NORMAL, _RECURSIVE, f"{_WAERDEN}, on the tree", _TREE, "tree"),
):
    register(
        Scheme(_name, "reference", _scale, _combination, _source, LOCAL_RULES, _claims, _weights, needs_norms=True)
    )
