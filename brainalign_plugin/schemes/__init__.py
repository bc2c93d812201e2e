"""Aggregation schemes, which give each model of a board one score: a module for each family, one registry."""

from . import tree_means, means, ranks, voting, kemeny, choice_models, latent, frozen, universe, entry_points  # noqa: F401, I001 -- importing a family registers its schemes, in this order
from .base import Scheme
from .parts import Claims, Scale
from .missing import CONVENTIONS, Convention
from .registry import Ranking, get_scheme, rank_models, refused_schemes, register, scheme_names

__all__ = [
    "CONVENTIONS",
    "Claims",
    "Convention",
    "Ranking",
    "Scale",
    "Scheme",
    "get_scheme",
    "rank_models",
    "refused_schemes",
    "register",
    "scheme_names",
]
