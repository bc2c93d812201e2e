"""Aggregation schemes, which give each model of a board one score: a module for each family, one registry."""

from . import means, voting, kemeny, choice_models, latent, frozen, universe  # noqa: F401, I001 -- importing a family registers its schemes, in this order
from .base import Claims, Scheme
from .missing import CONVENTIONS, Convention
from .registry import Ranking, get_scheme, rank_models, register, scheme_names
from .scaling import Scale

__all__ = [
    "CONVENTIONS",
    "Claims",
    "Convention",
    "Ranking",
    "Scale",
    "Scheme",
    "get_scheme",
    "rank_models",
    "register",
    "scheme_names",
]
