"""Facts about all models of a board that the pages of single models share, each computed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.board_certainty import Universe
from brainalign_plugin.certainty.families import near_copies
from brainalign_plugin.certainty.posterior import Posterior
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState, official_ranks
from brainalign_plugin.data.tree import names_paper, paper
from brainalign_plugin.errors import BoardError
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.scales import ranks_from_bottom
from brainalign_plugin.schemes import rank_models
from brainalign_plugin.text import distinct_names, visible

from .wording import rank_words

# Two models are distinguished where one is above the other with at least this probability.
APART = 0.975
# Ranks on the poster's board by the name of a scheme and the id of a model.
SchemeRanks: TypeAlias = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class PaperRange:
    """Best and worst rank of a model over boards without one paper, and the paper of each; empty is the whole board."""

    best: int
    without_best: str
    worst: int
    without_worst: str


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

    def above(self, other: Standing) -> float:
        """Return the probability that the model is above another."""
        return Posterior(np.array([self.score, other.score]), np.array([self.sd, other.sd])).above(0, 1)


@dataclass(frozen=True, slots=True)
class ModelLink:
    """A model, the address of its page below the site, and its ranks in words."""

    id: int
    name: str
    page: str
    text: str


def standings_of(found: Universe | NotEstimable | None) -> dict[int, Standing]:
    """Return the standing of each model that has a universe score, by id, the best first."""
    if not isinstance(found, Universe):
        return {}
    posterior = Posterior(found.scored.scores, found.sd_widened)
    order = sorted(np.flatnonzero(found.ranks > 0).tolist(), key=lambda k: found.ranks[k])
    tiers: dict[int, int] = {}
    tier, best = 0, -1
    for k in order:
        # A new tier begins where its first is distinguished from the first of the one before.
        if not tiers or posterior.above(best, k) >= APART:
            tier, best = tier + 1, k
        tiers[k] = tier
    own = (found.ranks, found.low, found.high, found.scored.scores, found.sd_widened)
    ranks, low, high, scores, sd = (column.tolist() for column in own)
    return {
        found.ids[k]: Standing(ranks[k], low[k], high[k], tiers[k], tier, len(order), scores[k], sd[k]) for k in order
    }


@dataclass(frozen=True, eq=False)
class ModelBoard:
    """All ``n`` models of a board on its ``m`` leaves under the average."""

    analysis: Analysis
    universe: Universe | NotEstimable | None = None  # Of the same models

    @cached_property
    def board(self) -> Board:
        """All models on all leaves under the average."""
        return self.analysis.snapshot.board()

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Names by id, fit to be shown; those that occur twice carry their id."""
        ids = self.board.ids
        shown = distinct_names([model.name for model in self.board.models], ids, 60)
        return dict(zip(ids, shown, strict=True))

    @cached_property
    def standings(self) -> Mapping[int, Standing]:
        """Standings by universe score, by id."""
        return standings_of(self.universe)

    @cached_property
    def links(self) -> Mapping[int, ModelLink]:
        """All models with the addresses of their pages, by id, the best official rank first."""
        found = {}
        for row in self.order:
            i = self.board.ids[row]
            text, own = rank_words(self.ranks[row]), self.standings.get(i)
            if own is not None:
                text += f", by universe score {own.rank} ({own.low}–{own.high})"
            found[i] = ModelLink(i, self.names[i], f"models/{i}.html", text)
        return found

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Short names of the leaves."""
        return leaf_labels(self.board.leaves)

    @property
    def ranks(self) -> tuple[int | None, ...]:
        """Official ranks, length n."""
        return self.analysis.official.ranks

    @cached_property
    def scores(self) -> FloatArray:
        """Official scores, shape (n,)."""
        return self.analysis.official.at(self.analysis.official.root)

    @cached_property
    def order(self) -> list[int]:
        """Positions of all models by official rank, those without one last."""
        ids = self.board.ids
        return sorted(range(len(ids)), key=lambda i: (self.ranks[i] is None, self.ranks[i] or 0, ids[i]))

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """Region of each leaf: its group below the neural half, else its half of the tree."""
        tree, found = self.board.tree, []
        neural = self.analysis.snapshot.parts[0]
        for leaf in self.board.leaves:
            groups = tree.path(leaf)[1:-1]
            below = groups[1] if len(groups) > 1 and groups[0] == neural else ""
            region = below if below and not names_paper(below) else (groups or (leaf,))[0]
            found.append(visible(region.removesuffix(f"_{self.board.domain}"), 40))
        return tuple(found)

    @cached_property
    def percentiles(self) -> FloatArray:
        """Percentile of each score among the models that have the benchmark: 0 worst, 100 best; shape (n, m)."""
        others = (~np.isnan(self.board.scores)).sum(axis=0) - 1
        found: FloatArray = 100 * (ranks_from_bottom(self.board.scores) - 1) / np.where(others > 0, others, np.nan)
        return found

    def profile(self, row: int) -> dict[str, FloatArray]:
        """Return the known percentiles of a model by region, in the order of the tree."""
        found: dict[str, FloatArray] = {}
        for region in dict.fromkeys(self.regions):
            own = self.percentiles[row, [j for j, other in enumerate(self.regions) if other == region]]
            if (known := own[~np.isnan(own)]).size:
                found[region] = known
        return found

    @cached_property
    def columns(self) -> tuple[tuple[int, float | None, float | None], ...]:
        """For each leaf the number of models that have it, and the median and best of their scores."""
        found: list[tuple[int, float | None, float | None]] = []
        for column in self.board.scores.T:
            known = column[~np.isnan(column)]
            found.append((known.size, float(np.median(known)), float(known.max())) if known.size else (0, None, None))
        return tuple(found)

    @cached_property
    def weights(self) -> FloatArray:
        """Weight of each leaf in the official average, shape (m,)."""
        return self.board.tree.nominal_weights(self.board.leaves, self.analysis.snapshot.root)

    def costs(self, row: int) -> dict[int, float]:
        """Return the parts of the average that missing scores cost a model, by column.

        A missing score counts as 0; it costs the weight times the median of the models that have the benchmark.
        """
        return {
            j: float(self.weights[j] * median)
            for j, (state, (_, median, _)) in enumerate(zip(self.board.states[row], self.columns, strict=True))
            if state != CellState.SCORED and median is not None
        }

    def rank_without_gaps(self, row: int) -> int | None:
        """Return the official rank that a model would have with the median at each missing score."""
        if np.isnan(self.scores[row]):
            return None
        official = self.analysis.official
        states = official.states[:, official.tree.index[official.root]]
        scores = np.array(self.scores)
        scores[row] += sum(self.costs(row).values())
        return official_ranks(scores, states)[row]

    @cached_property
    def copies(self) -> Mapping[int, tuple[int, ...]]:
        """Ids of the near-copies of each model that has any, by id."""
        ids = self.board.ids
        groups = [[ids[k] for k in group] for group in near_copies(self.board.scores)]
        return {i: tuple(other for other in group if other != i) for group in groups for i in group}

    @cached_property
    def paper_ranges(self) -> Mapping[int, PaperRange]:
        """Ranges of ranks by the official average of full precision without one paper, by id."""
        papers: dict[str, list[int]] = {}
        for j, leaf in enumerate(self.board.leaves):
            papers.setdefault(paper(leaf), []).append(j)
        found: dict[int, list[tuple[int, str]]] = {i: [(rank, "")] for i, rank in self.exact_ranks.items()}
        for name, columns in papers.items():
            for i, rank in self.ranks_without(columns).items():
                found.setdefault(i, []).append((rank, visible(name, 60)))
        return {i: PaperRange(*min(ranks), *max(ranks, key=lambda one: one[0])) for i, ranks in found.items()}

    @cached_property
    def exact_ranks(self) -> Mapping[int, int]:
        """Ranks by the official average of full precision, by id."""
        return self.ranks_without(())

    @cached_property
    def rows(self) -> Mapping[int, int]:
        """Positions of the models by id."""
        return {i: row for row, i in enumerate(self.board.ids)}

    def ranks_without(self, columns: Collection[int]) -> dict[int, int]:
        """Return the ranks of all models that have a score outside some columns, missing scores as 0."""
        board, known = self.board, ~np.isnan(self.board.scores)
        used = [j for j in range(len(board.leaves)) if j not in columns and known[:, j].any()]
        rows = np.flatnonzero(known[:, used].any(axis=1)).tolist()
        try:
            return rank_models(board.take(rows, used), "HIER").by_id() if rows else {}
        except BoardError:
            return {}
