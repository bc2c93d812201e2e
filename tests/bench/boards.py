"""Boards to measure on: the real one where it is at hand, and simulated ones of any size."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from brainalign_monitor.simulator.truth import DECIMALS, Floats, logistic, stream
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree

DIMENSIONS = 5
REGIONS = ("V1", "V2", "V4", "IT")


def random_board(seed: int, models: int, benchmarks: int, missing: float = 0.0) -> Floats:
    """Draw correlated scores of many models on many benchmarks.

    Five latent factors with loadings of mixed sign, the first one positive throughout, and as much unique variance;
    each benchmark has its own mean and spread. Scores are in (0, 1), models × benchmarks, NaN where missing.

    Parameters
    ----------
    seed
        Seed.
    models, benchmarks
        Size of the board.
    missing
        Share of the cells that are missing completely at random, to the nearest cell; every model and every
        benchmark keeps at least one score.
    """
    size = models * benchmarks
    blanks = round(missing * size)
    generator = stream(seed, "random board")
    loadings = generator.normal(0.0, 0.3, (benchmarks, DIMENSIONS))
    loadings[:, 0] = np.abs(loadings[:, 0]) + 0.2
    loadings /= np.maximum(1.0, np.linalg.norm(loadings, axis=1, keepdims=True) / 0.95)
    unique = np.sqrt(1.0 - (loadings**2).sum(axis=1))
    x = generator.standard_normal((models, DIMENSIONS)) @ loadings.T
    x += generator.standard_normal((models, benchmarks)) * unique
    scores = logistic(generator.normal(0.0, 0.8, benchmarks) + generator.uniform(0.1, 1.0, benchmarks) * x)
    scores = np.round(scores, DECIMALS)
    if blanks:
        # One kept cell per row and column: the diagonal, wrapped around, of a shuffled board.
        longest = np.arange(max(models, benchmarks))
        kept = generator.permutation(models)[longest % models] * benchmarks
        kept = kept + generator.permutation(benchmarks)[longest % benchmarks]
        free = np.setdiff1d(np.arange(size), kept)
        scores.flat[generator.choice(free, blanks, replace=False)] = np.nan
    return scores


def simulated(models: int, benchmarks: int, missing: float = 0.0, seed: int = 0) -> Board:
    """A random board on a tree like the real one: four regions and behaviour."""
    scores = random_board(seed, models, benchmarks, missing)
    leaves = tuple(f"Bench{2000 + j}-leaf" for j in range(benchmarks))
    neural = round(benchmarks * 0.6)
    nodes = [Benchmark("average_vision", None, is_leaf=False)]
    nodes += [Benchmark(part, "average_vision", is_leaf=False) for part in ("neural_vision", "behavior_vision")]
    nodes += [Benchmark(region, "neural_vision", is_leaf=False) for region in REGIONS]
    nodes += [
        Benchmark(leaf, REGIONS[j % len(REGIONS)] if j < neural else "behavior_vision", is_leaf=True)
        for j, leaf in enumerate(leaves)
    ]
    states = np.where(np.isnan(scores), CellState.NEVER, CellState.SCORED)
    tree = BenchmarkTree(tuple(nodes)).pruned(leaves)
    return Board(
        domain="vision",
        models=tuple(Model(i, f"model-{i}") for i in range(models)),
        tree=tree,
        leaves=tree.leaves(),
        scores=scores,
        states=states.astype(np.int8),
        errors=np.full(scores.shape, np.nan),
    )


def real(day: str, cleaned: bool = True) -> Board | None:
    """The board of one of the real payloads; None where they are not at hand."""
    folder = Path(os.environ.get("BRAINALIGN_SHARED", Path(__file__).parents[3] / "shared" / "data" / "site"))
    path = folder / f"compare-data-{day}.json.gz"
    if not path.exists():
        return None
    board = parse_payload(path.read_bytes(), str(path), datetime.now(UTC)).snapshot.board()
    return clean(board).board if cleaned else board
