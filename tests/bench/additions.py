"""Planted and found: ``make structure`` simulates boards with known truth and writes docs/structure.md.

Boards have 83 models of 23 families (sizes as on the board of 2024-01-01), whose members share half of the variance,
on benchmarks of as many papers. What is planted: benchmarks that confirm, add to or oppose the average of the older
ones; a panel that decides the average; a part of the tree whose papers disagree most. With nothing planted nothing is
to be found, at the rate that the method states.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
import pandas as pd

from brainalign_plugin.arrays import FloatArray, IntArray
from brainalign_plugin.certainty.benchmarks import agreement_testing, new_benchmarks
from brainalign_plugin.certainty.external import external
from brainalign_plugin.certainty.suite import next_benchmarks, short_panel
from brainalign_plugin.certainty.variance_components import linear_form, resampled_components
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.files.metric_table import metrics_of
from tests.bench.coverage import labels_of, named
from tests.boards import board_of_matrix, dated, halves, tree_of

LEAVES, SHARED, POPULATION = 12, 0.5, 5_000
# Correlation of each planted benchmark with the average of the older ones, and the verdict that it should get.
PLANTED = {"unrelated": (0.0, "orthogonal"), "confirmatory": (0.8, "confirmatory"), "partial": (0.4, "partial"),
           "opposed": (-0.6, "opposed")}  # fmt: skip
# Two benchmarks in either half of the tree, so that a panel of them weighs them alike.
DECIDING = (1, 4, 7, 9)
# Spread of the papers of each part of the tree in the study of further papers, and their number.
DISAGREE = {"S0": (0.5, 3), "S1": (1.5, 3), "S2": (0.8, 3)}


class Rates:
    """Rates over boards, by what was planted and what was looked for, with the rate that was stated."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def add(self, planted: str, looked_for: str, stated: str, found: object) -> None:
        """Count one board."""
        self.found[planted, looked_for, stated].append(float(bool(found)))

    def rows(self) -> list[str]:
        """Lines of the table."""
        lines = []
        for (planted, looked_for, stated), values in self.found.items():
            rate = float(np.mean(values))
            error = np.sqrt(rate * (1 - rate) / len(values))
            lines.append(f"| {planted} | {looked_for} | {rate:.3f} | {error:.3f} | {stated} |")
        return lines


def normals(random: np.random.Generator, labels: IntArray, columns: int) -> FloatArray:
    """Standard normals of which the members of a family share half of the variance, shape (n, columns)."""
    family = random.normal(size=(int(labels.max()) + 1, columns))[labels]
    return np.sqrt(SHARED) * family + np.sqrt(1 - SHARED) * random.normal(size=(len(labels), columns))


def board_of(values: FloatArray, labels: IntArray, tree: BenchmarkTree | None = None) -> Board:
    """Board of deviations, its models named by family."""
    scores = np.clip(0.5 + 0.03 * values, 0.0, 1.0)
    return named(board_of_matrix(scores, tree or halves(values.shape[1])), labels)


def arrivals(rates: Rates, seed: int) -> None:
    """One benchmark of each kind arrives."""
    random, labels = np.random.default_rng(seed), labels_of()
    old = np.sqrt(0.3) * normals(random, labels, 1) + np.sqrt(0.7) * normals(random, labels, LEAVES)
    average = old.mean(axis=1) / np.sqrt(0.3 + 0.7 / LEAVES)
    own = normals(random, labels, len(PLANTED))
    rho = np.array([value for value, _ in PLANTED.values()])
    new = average[:, None] * rho + own * np.sqrt(1 - rho**2)
    half = LEAVES // 2
    board = board_of(np.column_stack([old[:, :half], new, old[:, half:]]), labels, halves(LEAVES + len(PLANTED)))
    days = [0] * half + [5] * len(PLANTED) + [0] * half
    found = new_benchmarks(dated(board, days, [0] * len(labels)), resamples=400, seed=seed).found
    for (name, (true, verdict)), one in zip(PLANTED.items(), found, strict=True):
        if one.interval is None:
            continue
        spearman = 6 / np.pi * np.arcsin(true / 2)
        rates.add(
            f"{name} benchmark", "interval holds the truth", "0.95", one.interval.low <= spearman <= one.interval.high
        )
        if name == "unrelated":
            other = one.verdict in ("confirmatory", "partial", "opposed")
            rates.add("nothing (unrelated benchmark)", "a verdict other than orthogonal", "at most 0.05", other)
            continue
        rates.add(f"{name} benchmark", f"verdict {verdict}", "", one.verdict == verdict)
        opposite = one.verdict == ("opposed" if true > 0 else "confirmatory")
        rates.add(f"{name} benchmark", "verdict of the other sign", "at most 0.025", opposite)
    table = metrics_of(pd.DataFrame({"metric": normals(random, labels, 1)[:, 0]}, index=list(board.ids)))
    metric = external(board, board, table, resamples=400, seed=seed).metrics[0].average
    if metric.interval is not None:
        related = not metric.interval.low <= 0 <= metric.interval.high
        rates.add("nothing (unrelated external metric)", "an interval without 0", "at most 0.05", related)


def panels(rates: Rates, seed: int) -> None:
    """Four benchmarks decide the average, or all alike."""
    random, labels = np.random.default_rng(seed), labels_of()
    # Families stay together in time: else the later models are no new ones.
    days = np.argsort(random.permutation(int(labels.max()) + 1))[labels].tolist()
    values = normals(random, labels, LEAVES)
    spreads = np.full(LEAVES, 0.2)
    spreads[list(DECIDING)] = 2.0
    board = board_of(values * spreads, labels)
    found = short_panel(board, dated(board, [0] * LEAVES, days), resamples=20, seed=seed)
    planted = tuple(board.leaves[j] for j in DECIDING)
    rates.add("panel of 4 of 12 benchmarks", "the same panel", "", found.curve[len(planted) - 1].benchmarks == planted)
    rates.add("panel of 4 of 12 benchmarks", "smallest size is 4", "", found.smallest == 4)
    # All in one group: else panels with as many benchmarks in either half are better in truth.
    group = dict.fromkeys(board.leaves)
    alike = board_of(values, labels, tree_of({"average_vision": {"neural_vision": group}}))
    found = short_panel(alike, dated(alike, [0] * LEAVES, days), resamples=20, seed=seed)
    better = found.curve[3].random_share < 0.05
    rates.add("nothing (all benchmarks alike)", "a panel of 4 above 95 % of random ones", "0.05", better)
    rates.add("nothing (all benchmarks alike)", "a panel of 4 or fewer suffices", "0", (found.smallest or LEAVES) <= 4)


def further(rates: Rates, seed: int) -> None:
    """The papers of one part of the tree disagree most."""
    random, labels = np.random.default_rng(seed), labels_of()
    number = sum(papers for _, papers in DISAGREE.values())
    names = iter(f"Paper{2000 + k}-leaf" for k in range(number))
    strata = {name: {next(names): None for _ in range(papers)} for name, (_, papers) in DISAGREE.items()}
    tree = tree_of({"average_vision": {"neural_vision": strata}})
    stratum = np.repeat(np.arange(len(DISAGREE)), [papers for _, papers in DISAGREE.values()])
    spread = np.array([s for s, _ in DISAGREE.values()])[stratum]

    def made(labels: IntArray) -> Board:
        ability = normals(random, labels, 1) + normals(random, labels, len(DISAGREE))
        return board_of(ability[:, stratum] + spread * normals(random, labels, number), labels, tree)

    everyone, most = made(np.arange(POPULATION)), "papers of one part of 3 disagree most"
    found = next_benchmarks(made(labels), 1, resamples=400, seed=seed)
    form = linear_form("HIER", everyone)
    once = np.ones((1, POPULATION), dtype=np.int64)
    truth = float(resampled_components(form, everyone, once).reliability[0])
    rates.add(
        "papers of one part of 3 disagree most",
        "a further paper there",
        "",
        found.steps and found.steps[0].stratum == "S1",
    )
    if found.interval is not None:
        held = found.interval.low <= truth <= found.interval.high
        rates.add(most, "interval holds the reliability", "0.95", held)


def testing(rates: Rates, seed: int) -> None:
    """One benchmark of twelve is opposed to the others, or none."""
    random, labels = np.random.default_rng(seed), labels_of()
    ability, own = normals(random, labels, 1), normals(random, labels, LEAVES)
    signs = np.ones(LEAVES)
    signs[5] = -1
    opposed = board_of(np.sqrt(0.3) * ability * signs + np.sqrt(0.7) * own, labels)
    found = agreement_testing(opposed, (10,), 20, seed=seed)
    z = [one.z for one in found.benchmarks]
    rates.add("one benchmark of 12 against the others", "the lowest z", "", int(np.argmin(z)) == 5)
    unrelated = agreement_testing(board_of(own, labels), (10,), 20, seed=seed).benchmarks[0].interval
    if unrelated is not None:
        related = not unrelated.low <= 0 <= unrelated.high
        rates.add("nothing (unrelated benchmarks)", "agreement with the others without 0", "at most 0.05", related)


HEAD = """# Planted and found

Written by `make structure`: {boards} simulated boards with 83 models of 23 families (as on the real board of
January 2024), whose members share half of the variance, on {leaves} benchmarks; seed {seed}. *Rate*: share of the
boards on which it was found; *±*: its standard error; *stated*: the rate that the method promises, where it promises
one. A benchmark called partial has a correlation of 0.4 with the average of the others, which 23 families often leave
open. [Methods](methods.md) has the definitions.

| planted | looked for | rate | ± | stated |
|---|---|---|---|---|"""


def main(arguments: list[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    rates = Rates()
    for study in (arrivals, panels, further, testing):
        for number in range(given.boards):
            study(rates, given.seed * 100_000 + number)
    print("\n".join([HEAD.format(boards=given.boards, leaves=LEAVES, seed=given.seed), *rates.rows()]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
