"""Standings of single models among others: by universe score, under schemes, its neighbours, its near-copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from brainalign_plugin.certainty.posterior import Posterior
from brainalign_plugin.certainty.universe_ranks import Universe
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.text import counted

from .model_board import ModelBoard
from .ranks import universe_tiers
from .records import Column, Section, Table
from .wording import number

# Official neighbours above and below.
_NEAR = 3
# Ranks on the poster's board by the name of a scheme and the id of a model.
SchemeRanks: TypeAlias = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class ModelLink:
    """A model, the address of its page below the site, and its ranks in words."""

    id: int
    name: str
    page: str
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Rank by universe score with its interval and tier."""

    rank: int
    low: int
    high: int
    tier: int
    tiers: int
    ranked: int
    score: float
    sd: float


def standings_of(found: Universe | NotEstimable) -> dict[int, Standing]:
    """Return the standing of each model that has a universe score, by id."""
    if isinstance(found, NotEstimable):
        return {}
    tiers = universe_tiers(found)
    most, ranked = max(tiers.values(), default=0), len(tiers)
    own = (found.ranks, found.low, found.high, found.scored.scores, found.sd_widened)
    columns = zip(found.ids, *(column.tolist() for column in own), strict=True)
    return {
        i: Standing(rank, low, high, tiers[i], most, ranked, score, sd)
        for i, rank, low, high, score, sd in columns
        if rank
    }


def over_schemes(ranks: Mapping[str, int], schemes: SchemeRanks) -> str:
    """Return its range over schemes as a further sentence; GLS counts in no range, because it rewards noise."""
    if not any(schemes.values()):
        return ""
    counted_in = {name: rank for name, rank in ranks.items() if name != "GLS"}
    if not counted_in:
        return " It is not on the poster’s board, on which the schemes are compared."
    best, worst = min(counted_in, key=lambda name: counted_in[name]), max(counted_in, key=lambda name: counted_in[name])
    return (
        f" Under {counted(len(counted_in), 'scheme')} its rank among {counted(len(schemes[best]), 'model')} of the "
        f"poster’s board lies between {counted_in[best]} ({best}) and {counted_in[worst]} ({worst})."
    )


def neighbours_section(
    board: ModelBoard, row: int, links: Mapping[int, ModelLink], standings: Mapping[int, Standing]
) -> Section | None:
    """Return the models next to it in the official ranking, each with its probability; None without a rank."""
    ranked = [one for one in board.order if board.ranks[one] is not None]
    if row not in ranked or len(ranked) < 2:
        return None
    at, i = ranked.index(row), board.board.ids[row]
    near = [links[board.board.ids[one]] for one in ranked[max(at - _NEAR, 0) : at + _NEAR + 1] if one != row]
    above = [_above(standings.get(i), standings.get(other.id)) for other in near]
    known_apart = [one for one in above if one is not None]
    apart = sum(max(one, 1 - one) >= 0.975 for one in known_apart)
    answer = (
        f"It is told apart from {apart} of its {counted(len(known_apart), 'neighbour')} in the official ranking."
        if known_apart
        else "Nothing tells it apart from its neighbours: they, or it, have no universe score."
    )
    how = (
        f"Neighbours are up to {_NEAR} models above and below it by official rank. The probability that it is above "
        "each is by universe score; two models are told apart where it is at least 0.975 for one of them."
    )
    columns = (Column("model", "name"), Column("ranks", "prose"), Column("probability that it is above"))
    rows = tuple((other.name, other.text, number(one, 2)) for other, one in zip(near, above, strict=True))
    ids = tuple(str(other.id) for other in near)
    pages = tuple(f"{i}.html" for i in ids)
    table = Table("neighbours", "Its neighbours by official rank", columns, rows, models=ids, links=pages)
    return Section("near", "Is it told apart from its neighbours?", answer, how, tables=(table,))


def _above(one: Standing | None, other: Standing | None) -> float | None:
    """Return the probability that one model is above another by universe score; None if it is unknown."""
    if one is None or other is None:
        return None
    return Posterior(np.array([one.score, other.score]), np.array([one.sd, other.sd])).above(0, 1)


def copies_section(board: ModelBoard, i: int, links: Mapping[int, ModelLink]) -> Section:
    """Return its near-copies with their pages."""
    question, others = "Which models are near-copies of it?", [links[k] for k in board.copies.get(i, ())]
    how = "Near-copies share ten scores or more, half of them equal to three decimals and none further apart than 0.01."
    if not others:
        return Section("copies", question, "None.", how)
    table = Table(
        "near-copies",
        "Its near-copies",
        (Column("model", "name"), Column("ranks", "prose")),
        tuple((other.name, other.text) for other in others),
        models=tuple(str(other.id) for other in others),
        links=tuple(f"{other.id}.html" for other in others),
    )
    return Section("copies", question, f"{counted(len(others), 'other model')}.", how, tables=(table,))
