"""Aggregation schemes: a board in, one score a model out. A file a family; all are in one registry."""

from . import means, tree_means  # noqa: F401 -- importing a family registers its schemes
from .registry import CONVENTIONS, Convention, Ranking, Scheme, get_scheme, rank_models, register, scheme_names

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Ranking",
    "Scheme",
    "get_scheme",
    "rank_models",
    "register",
    "scheme_names",
]
