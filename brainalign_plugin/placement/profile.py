"""Profile of a model that is on no leaderboard: its place by scheme and benchmark, and its nearest models."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import FloatArray
from ..data.board import Model
from ..data.official import CellState
from ..errors import BoardError, CandidateError, ConvergenceError
from ..files.model_scores import Cell, nearest_names
from ..files.reference import Reference
from ..scales import rounded
from ..schemes import get_scheme
from ..schemes.scaling import NORMAL_SCORE
from .frozen_schemes import FrozenScheme, constituent_board, constituents, freeze_scheme, placeable_schemes
from .intervals import standing
from .place import (
    LEVEL,
    MIN_CONSTITUENTS,
    RESAMPLES,
    Placement,
    candidate_row,
    check_enough,
    check_parameters,
    of_versions,
    place_frozen,
    placement_json,
    reference_json,
)

SCHEMA = 1
# Percentiles of the reference's scores that bound a missing score.
PERCENTILES = (5.0, 95.0)
STRONGEST = 5
NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class SchemePlacement:
    """Place of the model under one scheme.

    Attributes
    ----------
    scheme : str
    placement : Placement or None
        None if the scheme cannot place this model on this reference.
    bounds : tuple of int, or None
        Its rank if every missing score lay at the 5th, and at the 95th percentile of the reference's models.
    problem : str
        Reason why it cannot be placed; empty if it is.
    """

    scheme: str
    placement: Placement | None
    bounds: tuple[int, int] | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkStanding:
    """Score of the model on one benchmark, compared with the reference's models.

    Attributes
    ----------
    benchmark : str
    score, error : float
        As in the model's cell.
    normal_score : float
        Inverse normal of (models below + half of those equal + 1/2) / (models + 1).
    models : int
        Models of the reference with a score on it.
    """

    benchmark: str
    score: float
    error: float
    normal_score: float
    models: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A model of the reference with a similar profile of normal scores.

    Attributes
    ----------
    model : Model
    distance : float
        Root mean square difference of normal scores over the shared benchmarks.
    correlation : float
        Pearson correlation of the two profiles; NaN if one of them is flat.
    shared : int
        Benchmarks on which both have a score.
    """

    model: Model
    distance: float
    correlation: float
    shared: int


@dataclass(frozen=True, slots=True)
class MissingScore:
    """Range of ranks that a benchmark without a score leaves open.

    Attributes
    ----------
    benchmark : str
    state : CellState
        FAILED or NEVER.
    scores : tuple of float
        The 5th and the 95th percentile of the reference's scores on it.
    ranks : mapping of str to tuple of int
        Under each scheme the model's rank with either score, all other missing scores staying missing.
    change : float
        Median over the schemes of the larger distance from the rank as it is; NaN without a scheme.
    """

    benchmark: str
    state: CellState
    scores: tuple[float, float]
    ranks: Mapping[str, tuple[int, int]]
    change: float


@dataclass(frozen=True, eq=False)
class ModelPlacement:
    """Place of one model on a reference board under several schemes.

    Attributes
    ----------
    reference : Reference
    left_out : int or None
        Id of the reference's model that it is not compared with.
    schemes : tuple of SchemePlacement
    benchmarks : tuple of BenchmarkStanding
        Scored constituents, the highest normal score first.
    neighbours : tuple of Neighbour
        The nearest first; only models that share at least half of the model's scored benchmarks.
    missing : tuple of MissingScore
        Constituents without a score, the largest change first.
    unused : mapping of str to str or None
        Benchmarks of the model that are no constituents, each with the nearest name of a constituent without a
        score.
    other_versions : mapping of str to tuple of int
        Benchmarks whose score is on another version than the reference has, and so counts as missing: both versions.
    """

    reference: Reference
    left_out: int | None
    schemes: tuple[SchemePlacement, ...]
    benchmarks: tuple[BenchmarkStanding, ...]
    neighbours: tuple[Neighbour, ...]
    missing: tuple[MissingScore, ...]
    unused: Mapping[str, str | None]
    other_versions: Mapping[str, tuple[int, int]]

    @property
    def above_all(self) -> tuple[str, ...]:
        """Benchmarks with a score above the reference's highest: a normal score or rank there rises no further."""
        return self._outside(lambda score, values: score > values[-1])

    @property
    def below_all(self) -> tuple[str, ...]:
        """Benchmarks with a score below the reference's lowest: a normal score or rank there falls no further."""
        return self._outside(lambda score, values: score < values[0])

    def _outside(self, beyond: Callable[[float, FloatArray], bool]) -> tuple[str, ...]:
        norms = self.reference.norms
        return tuple(
            one.benchmark
            for one in self.benchmarks
            if beyond(float(rounded(np.array(one.score))), rounded(norms[one.benchmark].values))
        )

    @property
    def strongest(self) -> tuple[BenchmarkStanding, ...]:
        """Benchmarks with the highest normal scores, at most half of them."""
        return self.benchmarks[: self._extremes]

    @property
    def weakest(self) -> tuple[BenchmarkStanding, ...]:
        """Benchmarks with the lowest normal scores, the lowest first, at most half of them."""
        return self.benchmarks[::-1][: self._extremes]

    @property
    def _extremes(self) -> int:
        return min(STRONGEST, len(self.benchmarks) // 2)


def place_model(
    reference: Reference,
    cells: Mapping[str, Cell],
    schemes: Sequence[str] = (),
    *,
    leave_out: int | None = None,
    min_constituents: float = MIN_CONSTITUENTS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> ModelPlacement:
    """Place a model that is on no leaderboard under each scheme, with its components and neighbours.

    Parameters
    ----------
    reference : Reference
    cells : mapping of str to Cell
        The model's cell on each benchmark, for example from `read_scores`.
    schemes : sequence of str
        All that can place a model if empty.
    leave_out, min_constituents, resamples, seed, level
        As in `place`.

    Returns
    -------
    ModelPlacement

    Raises
    ------
    CandidateError
        If too few benchmarks are scored.
    SchemeError
        If a scheme is unknown, or cannot place one model.
    ReferenceBoardError, InputError
        As from `place`.
    """
    check_parameters(min_constituents, resamples, level)
    cells, other_versions = of_versions(reference, cells)
    check_enough(reference, cells, min_constituents)
    names = tuple(dict.fromkeys(get_scheme(name).name for name in schemes)) or placeable_schemes()
    board = constituent_board(reference, leave_out)
    own, scores, _ = candidate_row(board.leaves, cells)
    missing = {
        leaf: cell.state
        for leaf, cell in zip(board.leaves, own, strict=True)
        if cell.state != CellState.SCORED
    }
    guesses = {leaf: _percentiles(reference, leaf) for leaf in missing}
    placed: list[SchemePlacement] = []
    ranks: dict[str, dict[str, tuple[int, int]]] = {leaf: {} for leaf in missing}
    for name in names:
        try:
            frozen = freeze_scheme(reference, name, leave_out)
            placement = place_frozen(frozen, reference, cells, leave_out, (resamples, seed, level))
        except (BoardError, CandidateError, ConvergenceError) as error:
            placed.append(SchemePlacement(name, None, None, str(error)))
            continue
        bounds, singly = _bounds(frozen, cells, guesses)
        placed.append(SchemePlacement(name, placement, bounds))
        for leaf, pair in singly.items():
            ranks[leaf][name] = pair
    now = {one.scheme: one.placement.rank for one in placed if one.placement is not None}
    found = [
        MissingScore(leaf, missing[leaf], guesses[leaf], ranks[leaf], _change(now, ranks[leaf]))
        for leaf in missing
    ]
    normals = NORMAL_SCORE.fit(reference.scores_on(board.leaves))(np.vstack([scores, board.scores]))
    known = set(board.leaves)
    return ModelPlacement(
        reference=reference,
        left_out=leave_out,
        schemes=tuple(placed),
        benchmarks=_standings(reference, dict(zip(board.leaves, own, strict=True)), normals[0]),
        neighbours=_neighbours(board.models, normals[0], normals[1:]),
        missing=tuple(sorted(found, key=lambda one: (-one.change, one.benchmark))),
        unused=nearest_names((name for name in cells if name not in known), list(missing)),
        other_versions=other_versions,
    )


def _percentiles(reference: Reference, leaf: str) -> tuple[float, float]:
    low, high = np.percentile(reference.norms[leaf].values, PERCENTILES).tolist()
    return low, high


def _bounds(
    frozen: FrozenScheme, cells: Mapping[str, Cell], guesses: Mapping[str, tuple[float, float]]
) -> tuple[tuple[int, int], dict[str, tuple[int, int]]]:
    """Compute the ranks with a low and a high score in place of all missing ones, and of each alone."""
    leaves = frozen.board.leaves
    _, scores, states = candidate_row(leaves, cells)
    at = [leaves.index(leaf) for leaf in guesses]
    # Two rows for all missing scores together, then two for each: low score first, high score second.
    filled = [at, *([column] for column in at)]
    rows, known = np.tile(scores, (2 * len(filled), 1)), np.tile(states, (2 * len(filled), 1))
    for k, columns in enumerate(filled):
        for end in (0, 1):
            rows[2 * k + end, columns] = [guesses[leaves[column]][end] for column in columns]
            known[2 * k + end, columns] = CellState.SCORED
    once = np.ones(rows.shape)
    statistics = frozen.statistics(frozen.scale(frozen.resolved(rows, known)), once)
    _, ranks = standing(statistics, frozen.population(once[:1]))
    pairs = [(int(low), int(high)) for low, high in ranks.reshape(-1, 2)]
    return pairs[0], dict(zip(guesses, pairs[1:], strict=True))


def _change(now: Mapping[str, int], ranks: Mapping[str, tuple[int, int]]) -> float:
    largest = [max(abs(end - now[scheme]) for end in pair) for scheme, pair in ranks.items()]
    return float(np.median(largest)) if largest else math.nan


def _standings(
    reference: Reference, cells: Mapping[str, Cell], normal: FloatArray
) -> tuple[BenchmarkStanding, ...]:
    found = [
        BenchmarkStanding(leaf, cell.score, cell.error, value, reference.norms[leaf].count)
        for (leaf, cell), value in zip(cells.items(), normal.tolist(), strict=True)
        if cell.state == CellState.SCORED
    ]
    return tuple(sorted(found, key=lambda one: (-one.normal_score, one.benchmark)))


def _neighbours(models: Sequence[Model], own: FloatArray, others: FloatArray) -> tuple[Neighbour, ...]:
    needed = max(2, math.ceil(int((~np.isnan(own)).sum()) / 2))
    found = []
    for model, profile in zip(models, others, strict=True):
        both = ~np.isnan(own) & ~np.isnan(profile)
        shared = int(both.sum())
        if shared >= needed:
            mine, theirs = own[both], profile[both]
            distance = math.sqrt(float(np.mean((mine - theirs) ** 2)))
            found.append(Neighbour(model, distance, _correlation(mine, theirs), shared))
    # Rounded, so that equal distances do not depend on the order of a sum.
    return tuple(sorted(found, key=lambda one: (round(one.distance, 9), one.model.id))[:NEIGHBOURS])


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 1e-12 else math.nan


def model_placement_json(placed: ModelPlacement) -> dict[str, Any]:
    """Build the record of a model's placement; unknown is None.

    Parameters
    ----------
    placed : ModelPlacement

    Returns
    -------
    dict
    """
    reference, board = placed.reference, placed.reference.board
    return {
        "schema": SCHEMA,
        "reference": {
            **reference_json(reference),
            "models": len(board.models),
            "benchmarks": len(constituents(reference)),
        },
        "left_out": placed.left_out,
        "scored": len(placed.benchmarks),
        "failed": sorted(one.benchmark for one in placed.missing if one.state == CellState.FAILED),
        "never": sorted(one.benchmark for one in placed.missing if one.state == CellState.NEVER),
        "unused": [{"benchmark": name, "nearest": near} for name, near in placed.unused.items()],
        "other_versions": [
            {"benchmark": name, "version": version, "reference_version": wanted}
            for name, (version, wanted) in placed.other_versions.items()
        ],
        "schemes": {one.scheme: _scheme_json(one) for one in placed.schemes},
        "benchmarks": [
            {
                "benchmark": one.benchmark,
                "score": one.score,
                "error": _known(one.error),
                "normal_score": one.normal_score,
                "models": one.models,
            }
            for one in placed.benchmarks
        ],
        "above_all": list(placed.above_all),
        "below_all": list(placed.below_all),
        "strongest": [one.benchmark for one in placed.strongest],
        "weakest": [one.benchmark for one in placed.weakest],
        "neighbours": [
            {
                "id": one.model.id,
                "name": one.model.name,
                "distance": one.distance,
                "correlation": _known(one.correlation),
                "shared": one.shared,
            }
            for one in placed.neighbours
        ],
        "missing": [
            {
                "benchmark": one.benchmark,
                "state": one.state.name,
                "scores": list(one.scores),
                "change": _known(one.change),
                "ranks": {scheme: list(pair) for scheme, pair in one.ranks.items()},
            }
            for one in placed.missing
        ],
    }


_OF_SCHEME = (
    *(
        "statistic",
        "share",
        "rank",
        "population",
        "interval",
        "share_interval",
        "level",
        "error",
        "error_over",
        "interval_kind",
    ),
    *("resamples", "seed", "convention", "missing_meant"),
)


def _scheme_json(one: SchemePlacement) -> dict[str, Any]:
    record = {} if one.placement is None else placement_json(one.placement)
    return {name: record.get(name) for name in _OF_SCHEME} | {
        "bounds": None if one.bounds is None else list(one.bounds),
        "problem": one.problem or None,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
