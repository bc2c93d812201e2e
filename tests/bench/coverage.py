"""Coverage of the intervals: ``make coverage`` simulates boards with known truth and writes docs/coverage.md.

Boards have the tree, the shares of variance (model, model × stratum, model × paper, model × leaf) and the families of
the board of 2024-01-01: 83 models of 23 families on 51 benchmarks of 9 papers. Four kinds of boards: without families;
without families and papers; with families whose members share half of the variance; with families whose own part has
heavy tails (Student's t with five degrees of freedom). Two truths:

- the population of models (new families on the same benchmarks), for figures over models;
- all papers that could have measured the same strata, for ranks and scores of the models at hand.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from brainalign_monitor.history.drift import paired_differences
from brainalign_plugin.arrays import FloatArray, IntArray
from brainalign_plugin.certainty.board_certainty import universe
from brainalign_plugin.certainty.bootstrap import family_bootstrap
from brainalign_plugin.certainty.families import Families
from brainalign_plugin.certainty.figures import FIGURES, headline
from brainalign_plugin.certainty.validity import validity
from brainalign_plugin.certainty.variance_components import Certainty, certainty_of
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.files.model_scores import Cell
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.placement.place import place
from tests.boards import snapshot_of, tree_of

SIZES = (14, 9, 8, 7, 7, 6, 4, 4, 3, 3, 3, 2, 2, *(1,) * 11)[:23]
# Standard deviation of a leaf in each stratum, and the papers with the number of their leaves.
STRATA = {
    "V1": (0.06, {"Freeman2013": 1, "Marques2020": 22}),
    "V2": (0.03, {"Freeman2013": 1}),
    "V4": (0.03, {"Majaj2015": 1, "Sanghavi2020": 1, "SanghaviJozwik2020": 1, "SanghaviMurty2020": 1}),
    "IT": (
        0.04,
        {"Majaj2015": 1, "Sanghavi2020": 1, "SanghaviJozwik2020": 1, "SanghaviMurty2020": 1, "Igustibagus2024": 1},
    ),
    "behavior_vision": (0.12, {"Geirhos2021": 17, "Rajalingham2018": 1}),
}
# Bounds of an acceptable coverage at a nominal 0.95, and rows that are no interval.
BOUNDS = 0.92, 0.98
NO_INTERVAL = ("first by", "pairs told apart", "squared correlation")
SHARES = {"model": 0.17, "stratum": 0.20, "paper": 0.34, "leaf": 0.29}
WITHIN_FAMILY = 0.5
POPULATION = 20_000
SHRUNK = 4.0


def site_tree() -> BenchmarkTree:
    """Tree of these strata and papers, each paper with several leaves a group of its own."""

    def below(stratum: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, leaves in STRATA[stratum][1].items():
            single = f"{name}.{stratum}-metric"
            many = {f"{name}.{stratum}{k}-metric": None for k in range(leaves)}
            found |= {single: None} if leaves == 1 else {f"{name}.{stratum}": many}
        return found

    regions = {stratum: below(stratum) for stratum in STRATA if stratum != "behavior_vision"}
    return tree_of({"average_vision": {"neural_vision": regions, "behavior_vision": below("behavior_vision")}})


TREE = site_tree()
LEAVES = TREE.leaves("average_vision")


@dataclass(frozen=True)
class World:
    """A way to make models: whether families and papers share anything, with how heavy tails."""

    name: str
    shared: float
    heavy: bool
    papers: bool = True

    @property
    def shares(self) -> dict[str, float]:
        """Shares of variance; without papers theirs is the leaves'."""
        if self.papers:
            return SHARES
        return SHARES | {"paper": 0.0, "leaf": SHARES["paper"] + SHARES["leaf"]}

    def scales(self, count: int, random: np.random.Generator) -> FloatArray:
        """Factors of the families' own part, of mean square 1; shape (count, 1)."""
        if not self.heavy:
            return np.ones((count, 1))
        return np.sqrt(3 / random.chisquare(5, size=(count, 1)))

    def mixed(self, draw: Callable[[int], FloatArray], labels: IntArray, random: np.random.Generator) -> FloatArray:
        """Add what families share and what is a model's own, each of the kind that ``draw`` makes; shape (n, k)."""
        count = int(labels.max()) + 1
        family = draw(count) * self.scales(count, random)
        return np.sqrt(self.shared) * family[labels] + np.sqrt(1 - self.shared) * draw(len(labels))


WORLDS = (
    World("no families", 0.0, False),
    World("neither families nor papers", 0.0, False, papers=False),
    World("families", WITHIN_FAMILY, False),
    World("families, heavy tails", WITHIN_FAMILY, True),
)


def membership() -> tuple[IntArray, IntArray, FloatArray]:
    """Stratum and unit of each leaf, and its standard deviation."""
    names = list(STRATA)
    strata, units, spreads, known = [], [], [], {}
    for leaf in LEAVES:
        stratum = next(name for name in names if name in TREE.path(leaf))
        unit = (stratum, leaf.split(".")[0])
        strata.append(names.index(stratum))
        units.append(known.setdefault(unit, len(known)))
        spreads.append(STRATA[stratum][0])
    return np.array(strata), np.array(units), np.array(spreads)


STRATUM, UNIT, SPREAD = membership()


def correlations(world: World, random: np.random.Generator) -> FloatArray:
    """Correlations of the leaves of one set of benchmarks: the shares, and directions that some pairs have opposed."""
    shares = world.shares
    same = shares["model"] + shares["stratum"] * (STRATUM[:, None] == STRATUM)
    same = same + shares["paper"] * (UNIT[:, None] == UNIT)
    loadings = random.normal(size=(len(LEAVES), 6)) * 0.3
    covariance = 0.6 * same + loadings @ loadings.T + shares["leaf"] * np.eye(len(LEAVES))
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


def board_of(deviations: FloatArray) -> Board:
    """A complete board; scores deviate by a quarter, so that hardly any is beyond 0 or 1 and the truth is known."""
    scores = np.clip(0.5 + deviations / SHRUNK, 0.0, 1.0)
    return Board(
        domain="vision",
        models=tuple(Model(i + 1, f"m{i + 1}") for i in range(len(scores))),
        tree=TREE.pruned(LEAVES, root="average_vision"),
        leaves=LEAVES,
        scores=scores,
        states=np.full(scores.shape, CellState.SCORED, dtype=np.int8),
        errors=np.full(scores.shape, np.nan),
    )


def named(board: Board, labels: IntArray) -> Board:
    """Give models names that begin with their family's letters."""
    words = [f"{chr(97 + label // 26)}{chr(97 + label % 26)}net{i}" for i, label in enumerate(labels.tolist())]
    return replace(board, models=tuple(Model(i + 1, word) for i, word in enumerate(words)))


def labels_of(sizes: tuple[int, ...] = SIZES) -> IntArray:
    """Family of each model."""
    return np.repeat(np.arange(len(sizes)), sizes)


class Tally:
    """Coverage and width of each interval, board after board."""

    def __init__(self) -> None:
        self.held: dict[str, list[float]] = defaultdict(list)
        self.widths: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, held: float, width: float) -> None:
        """Count one board."""
        self.held[name].append(held)
        self.widths[name].append(width)

    def rows(self) -> list[tuple[str, float, float, float]]:
        """Name, coverage, its standard error, mean width."""
        return [
            (name, float(np.mean(held)), float(np.std(held) / np.sqrt(len(held))), float(np.mean(self.widths[name])))
            for name, held in self.held.items()
        ]


def over_models(world: World, boards: int, resamples: int, seed: int) -> Tally:
    """Intervals of figures over models, against the population of models on the same benchmarks."""
    random, tally, labels = np.random.default_rng(seed), Tally(), labels_of()
    if world.shared == 0:
        labels = np.arange(len(labels))
    for number in range(boards):
        root = np.linalg.cholesky(correlations(world, random) + 1e-9 * np.eye(len(LEAVES)))

        def draw(count: int, root: FloatArray = root) -> FloatArray:
            return random.normal(size=(count, len(LEAVES))) @ root.T

        everyone = board_of(SPREAD * world.mixed(draw, np.arange(POPULATION), random))
        board = named(board_of(SPREAD * world.mixed(draw, labels, random)), labels)
        truth = headline(everyone).first()
        _restated(tally, everyone, board, truth, random)
        grouped = Families(board.ids, labels, ())
        sure_of = family_bootstrap(board, grouped, resamples, number, effective=False).intervals
        for name in FIGURES:
            sure = sure_of[name]
            if sure is not None:
                unit = SHRUNK if name.startswith("sd_") else 1.0
                tally.add(name, float(sure.low <= truth[name] <= sure.high), unit * (sure.high - sure.low))
    return tally


def _restated(
    tally: Tally, everyone: Board, board: Board, truth: dict[str, float | None], random: np.random.Generator
) -> None:
    """Count the interval of a difference, where a tenth of the benchmarks is scored again with noise of its own."""
    again = random.random(len(LEAVES)) < 0.1

    def later(one: Board) -> Board:
        noise = 0.5 * SPREAD / SHRUNK * again * random.normal(size=one.scores.shape)
        return replace(one, scores=np.clip(one.scores + noise, 0.0, 1.0))

    found = paired_differences(board, later(board), (LEAVES, LEAVES), 200, 0)["mean_rho"]
    if found.interval is None or not again.any():
        return
    difference = headline(later(everyone)).first()["mean_rho"] - truth["mean_rho"]
    low, high = found.interval
    tally.add("difference of mean_rho after a restatement", float(low <= difference <= high), high - low)


def over_papers(world: World, boards: int, seed: int) -> Tally:
    """Ranks, first places and scores of the models at hand, against all papers that could have measured the strata."""
    random, tally, labels = np.random.default_rng(seed), Tally(), labels_of()
    weights = TREE.pruned(LEAVES, root="average_vision").nominal_weights(LEAVES, "average_vision")
    of_strata = np.bincount(STRATUM, weights * SPREAD)
    for number in range(boards):
        parts = {}
        for name, columns in (("model", 1), ("stratum", len(STRATA)), ("paper", UNIT.max() + 1), ("leaf", len(LEAVES))):

            def draw(count: int, columns: int = columns) -> FloatArray:
                return random.normal(size=(count, columns))

            parts[name] = np.sqrt(world.shares[name]) * world.mixed(draw, labels, random)
        strata = parts["model"] + parts["stratum"]
        scores = strata[:, STRATUM] + parts["paper"][:, UNIT] + parts["leaf"]
        board = board_of(SPREAD * scores)
        true = strata @ of_strata
        ranks = np.argsort(np.argsort(-true)) + 1
        found = certainty_of("HIER", board)
        if not isinstance(found, Certainty) or found.reliability == 0:
            continue
        drawn = found.posterior.ranks(seed=number)
        tally.add("rank, HIER", np.mean((drawn.low <= ranks) & (ranks <= drawn.high)), np.mean(drawn.high - drawn.low))
        _first(tally, "HIER", found.posterior.first(), ranks)
        apart = found.scores[:, None] - found.scores >= found.told_apart_from
        if apart.any():
            right = np.mean((true[:, None] > true)[apart])
            tally.add("pairs told apart in the right order", float(right), float(found.told_apart_share))
        scored = universe(board, grouped=Families(board.ids, labels, ()), seed=number)
        if hasattr(scored, "reason"):
            continue
        within = (scored.low <= ranks) & (ranks <= scored.high)
        tally.add("rank, universe score", np.mean(within), np.mean(scored.high - scored.low))
        scores, reach = SHRUNK * scored.scored.scores, 1.96 * SHRUNK * scored.sd_widened
        error = scores - scores.mean() - (true - true.mean())
        tally.add("universe score", np.mean(np.abs(error) <= reach), np.mean(2 * reach))
        _first(tally, "universe score", scored.first, ranks)
        _placed(tally, named(board, labels), ranks, random)
        tally.add("squared correlation with the truth, HIER", np.corrcoef(found.scores, true)[0, 1] ** 2, 0.0)
        tally.add(
            "squared correlation with the truth, universe score",
            np.corrcoef(scored.scored.scores, true)[0, 1] ** 2,
            0.0,
        )
    return tally


def _placed(tally: Tally, board: Board, ranks: IntArray, random: np.random.Generator) -> None:
    """Count the interval of the rank of one model, placed with a third of the benchmarks on the board of the others."""
    one = int(random.integers(len(board.models)))
    rows = [row for i, row in enumerate(board.scores.tolist()) if i != one]
    others = tuple(model for i, model in enumerate(board.models) if i != one)
    reference = freeze(snapshot_of(board.tree, rows, models=others), "simulated", datetime(2026, 1, 1, tzinfo=UTC))
    scored = random.permutation(len(LEAVES))[: len(LEAVES) // 3]
    cells = {LEAVES[j]: Cell(float(board.scores[one, j])) for j in scored}
    found = place(reference, cells, ("REF_UNIVERSE",)).schemes[0].uncertainty
    if found is not None:
        low, high = found.ranks
        tally.add("rank, placed with a third of the benchmarks", float(low <= ranks[one] <= high), high - low)


def _first(tally: Tally, name: str, probability: FloatArray, ranks: IntArray) -> None:
    """Whether the likeliest model is truly the first, and with which probability that was claimed."""
    best = int(probability.argmax())
    tally.add(f"first by {name} (width: claimed)", float(ranks[best] == 1), float(probability[best]))


def of_validity(world: World, boards: int, resamples: int, seed: int) -> Tally:
    """Intervals of predictive validity and of differences, against the population of models."""
    random, tally, labels = np.random.default_rng(seed), Tally(), labels_of()
    if world.shared == 0:
        labels = np.arange(len(labels))
    names = ("HIER", "HIER_ZMEAN", "FLAT")
    for number in range(boards):
        root = np.linalg.cholesky(correlations(world, random) + 1e-9 * np.eye(len(LEAVES)))

        def draw(count: int, root: FloatArray = root) -> FloatArray:
            return random.normal(size=(count, len(LEAVES))) @ root.T

        everyone = board_of(SPREAD * world.mixed(draw, np.arange(POPULATION // 4), random))
        alone = Families(everyone.ids, np.arange(POPULATION // 4), ())
        board = board_of(SPREAD * world.mixed(draw, labels, random))
        truth = validity(everyone, names, grouped=alone, resamples=1).schemes
        found = validity(board, names, grouped=Families(board.ids, labels, ()), resamples=resamples, seed=number)
        for name in names:
            one = found.schemes[name].interval
            tally.add(f"validity of {name}", float(one.low <= truth[name].mean <= one.high), one.high - one.low)
        for other in names[1:]:
            one = found.difference(other, "HIER")
            gap = truth[other].mean - truth["HIER"].mean
            tally.add(f"validity of {other} less HIER", float(one.low <= gap <= one.high), one.high - one.low)
    return tally


HEAD = """# How often intervals hold

Written by `make coverage`: {boards} simulated boards of each kind with the tree, the components of variance and
the families of the real board of January 2024 (83 models of 23 families, 51 benchmarks, 9 papers), {resamples}
resamples, seed {seed}. The truth is known: for figures over models the population of models, for ranks and scores
all papers that could have measured the same parts. *±* is the standard error of the share; *width* that of the
interval in the figure's units, or the probability that was claimed.
"""


def main(arguments: list[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", choices=[world.name for world in WORLDS], help="one kind of boards (default: all)")
    given = parser.parse_args(arguments)
    print(HEAD.format(boards=given.boards, resamples=given.resamples, seed=given.seed))
    print("| boards | interval | coverage at 0.95 | ± | width |\n|---|---|---|---|---|")
    outside = []
    for world in (one for one in WORLDS if given.world in (None, one.name)):
        for tally in (
            over_models(world, given.boards, given.resamples, given.seed),
            of_validity(world, given.boards, given.resamples, given.seed),
            over_papers(world, given.boards, given.seed),
        ):
            for name, coverage, error, width in tally.rows():
                print(f"| {world.name} | {name} | {coverage:.3f} | {error:.3f} | {width:.3f} |", flush=True)
                if not name.startswith(NO_INTERVAL) and not BOUNDS[0] <= round(coverage, 3) <= BOUNDS[1]:
                    outside.append(f"{name} {coverage:.3f} ({world.name})")
    print(f"\nOutside {BOUNDS[0]} to {BOUNDS[1]}: {', '.join(outside) or 'none'}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
