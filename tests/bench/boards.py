"""Boards to measure on: the real one where it is at hand, and simulated ones of any size."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from brainalign_monitor.simulator import random_board
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree

REGIONS = ("V1", "V2", "V4", "IT")


def simulated(models: int, benchmarks: int, missing: float = 0.0, seed: int = 0) -> Board:
    """A random board on a tree like the real one: four regions and behaviour."""
    scores = random_board(seed, models, benchmarks, missing)
    leaves = tuple(f"Bench{2000 + j}-leaf" for j in range(benchmarks))
    neural = round(benchmarks * 0.6)
    nodes = [Benchmark("average_vision", None, is_leaf=False)]
    nodes += [
        Benchmark(part, "average_vision", is_leaf=False) for part in ("neural_vision", "behavior_vision")
    ]
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
