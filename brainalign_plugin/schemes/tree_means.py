"""Schemes that follow the benchmark tree: recursive means of scaled leaves."""

from __future__ import annotations

from dataclasses import replace

from .base import Scheme
from .missing import Convention
from .parts import Claims
from .registry import register
from .scaling import NONE, NORMAL_SCORE, RANK_SCALE, Z

_SITE = "Brain-Score (Schrimpf et al. 2018, bioRxiv 407007; 2020, Neuron 108, 413-423)"
_STRUCTURE = "Brain-Score (2026), Structural properties of the Brain-Score Vision benchmark suite"
_ALL: tuple[Convention, ...] = ("zero", "attempted", "skip", "worst", "mean")

HIER = register(
    Scheme(
        name="HIER",
        family="tree",
        scale=NONE,
        combination="recursive mean over the tree: every group is the mean of all its children",
        source=_SITE,
        conventions=_ALL,
        claims=Claims(iia=True, monotonicity=True, pareto=True, hierarchy=True),
        weights="tree",
    )
)

HIER_ATTEMPTED = register(
    replace(
        HIER,
        name="HIER_attempted",
        combination="recursive mean over the tree: every group is the mean of its children that were attempted",
        source=_STRUCTURE,
        conventions=("attempted", "skip", "zero", "worst", "mean"),
    )
)

HIER_RANK = register(
    replace(
        HIER,
        name="HIER_RANK",
        scale=RANK_SCALE,
        combination="recursive mean over the tree of the leaves' ranks",
        source=_STRUCTURE,
        conventions=("worst", "skip", "zero", "attempted", "mean"),
        claims=Claims(affine=True, monotone=True, monotonicity=True, pareto=True, hierarchy=True),
    )
)

HIER_ZMEAN = register(
    replace(
        HIER,
        name="HIER_ZMEAN",
        scale=Z,
        combination="recursive mean over the tree of the leaves' z-scores",
        source=_STRUCTURE,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(affine=True, pareto=True, hierarchy=True),
    )
)

HIER_NORMAL = register(
    replace(
        HIER_RANK,
        name="HIER_NORMAL",
        scale=NORMAL_SCORE,
        combination="recursive mean over the tree of the leaves' normal scores",
        source="van der Waerden (1952), Indag. Math. 14, 453-458, on the tree",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
    )
)
