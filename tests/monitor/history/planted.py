"""Simulated boards on which a little happens by itself and one cause was planted, to be found again.

``python -m tests.monitor.history.planted [SEEDS]`` counts over many seeds how often it is (`make causes`).
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

from brainalign_monitor.history.attribution import attribute
from brainalign_monitor.simulator import DEFAULT_PAPERS, Paper, SimulationParameters
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.board import Board
from tests.planted_events import Backfill, Event, NewBenchmark, NewModels, Restatement, payload_bytes, simulate
from tests.simulated import quiet

ON = date(2021, 3, 1)
DURING = date(2021, 3, 2)
AFTER = date(2021, 3, 6)
MODELS = 60

DENSE = tuple(path.rsplit("/", 1)[-1] for paper in DEFAULT_PAPERS if paper.part == "neural" for path in paper.leaves)
_NOVELTY = Paper("Novella2021", "behavior", ("Novella2021/Novella2021-consistency",), DURING, rerun=0.7)
# Few models were ever run on it, so that the cleaning drops it until it is filled.
_SPARSE = Paper("Lacuna2020", "behavior", ("Lacuna2020/Lacuna2020-accuracy",), first_run=0.3, rerun=0.3)

# Each step of the path, an event that plants it, and a figure that it should move more than any other step does.
PLANTED: dict[str, tuple[Event, str]] = {
    "models_left": (NewBenchmark(_NOVELTY), "models"),
    "benchmarks_dropped": (Restatement(DURING, DENSE[:12], coverage=0.3), "benchmarks"),
    "restated": (Restatement(DURING, DENSE[:12], scale=0.8, noise=0.2, new_version=False), "mean_rho"),
    "benchmarks_added": (Backfill(DURING, "Lacuna2020-accuracy", scored=0.95), "benchmarks"),
    "models_joined": (NewModels(DURING, 20, ability=2.0), "sd_behavior"),
}
# What happens on a board in any week.
_EVERYDAY: tuple[Event, ...] = (NewModels(DURING, 1), Restatement(DURING, (DENSE[-1],), noise=0.005, new_version=False))


def boards_around(cause: str, seed: int) -> tuple[Board, Board]:
    """The boards before and after a week of everyday changes and the planted one."""
    event, _ = PLANTED[cause]
    parameters = quiet(SimulationParameters(models=MODELS, papers=(*DEFAULT_PAPERS, _SPARSE)))
    life = simulate(seed, parameters, (*_EVERYDAY, event))
    first, last = (
        parse_payload(payload_bytes(life, day), "simulated", datetime(2022, 1, 1, tzinfo=UTC)).snapshot.board()
        for day in (ON, AFTER)
    )
    return first, last


def largest_part(cause: str, seed: int) -> str | None:
    """The cause that gets the largest part of the change of the figure that the planted one should move."""
    parts = attribute(*boards_around(cause, seed)).parts[PLANTED[cause][1]]
    return None if parts is None else max(parts, key=lambda name: abs(parts[name]))


def main(seeds: int) -> int:
    enough = True
    for cause, (_, figure) in PLANTED.items():
        right = sum(largest_part(cause, seed) == cause for seed in range(seeds))
        enough &= right >= 0.95 * seeds
        print(f"{cause}: largest part of the change of {figure} for {right} of {seeds} seeds")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
