"""Recovery of planted structure: ``make structure`` simulates boards with known truth and writes docs/structure.md.

Boards have 82 models in families like those of the board of 2024-01-01, whose members share half of the variance, and
45 benchmarks of 15 papers: two of them large, as there. Each benchmark is a sum of factors (general, of its region, of
its metric, of its paper) and noise of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brainalign_plugin.agreement.clustering import clusters
from brainalign_plugin.agreement.correlation import spearman_matrix
from brainalign_plugin.agreement.dimensionality import dimensions, half_counts, resampled_dimensions
from brainalign_plugin.agreement.drivers import Scope, drivers
from brainalign_plugin.arrays import FloatArray, IntArray
from brainalign_plugin.certainty.bootstrap import draw_counts, effective_families, interval
from brainalign_plugin.certainty.families import Families
from brainalign_plugin.certainty.structure import board_clusters, board_drivers
from brainalign_plugin.files.metadata import FIELDS, Described
from brainalign_plugin.scales import z_scores
from tests.bench.coverage import SIZES
from tests.boards import board_of_matrix, halves

PAPERS = np.repeat(np.arange(15), (15, 8, 4, 3, 3, 2, 2, *(1,) * 8))
LABELS = np.repeat(np.arange(len(SIZES)), SIZES)
LEVEL = 0.05
SCOPES: tuple[Scope, ...] = ("all", "across")


@dataclass(frozen=True)
class World:
    """Variance of each kind of factor; the rest is the benchmark's own."""

    name: str
    general: float = 0.2
    region: float = 0.0
    metric: float = 0.0
    paper: float = 0.0


WORLDS = (
    World("nothing"),
    World("papers", paper=0.3),
    World("region", region=0.3),
    World("metric", metric=0.3),
    World("region, papers", region=0.3, paper=0.2),
)


def models_factors(rng: np.random.Generator, count: int, labels: IntArray = LABELS) -> FloatArray:
    """Draw factor scores of models, half of whose variance the members of a family share; shape (n, count)."""
    family = rng.normal(size=(int(labels.max()) + 1, count))[labels]
    drawn: FloatArray = np.sqrt(0.5) * (family + rng.normal(size=family.shape))
    return drawn


def properties(rng: np.random.Generator) -> dict[str, list[str | None]]:
    """Draw a metric for each paper, and a region for each benchmark, but one for all of a large paper."""
    metric = rng.integers(0, 4, 15)[PAPERS]
    region = np.where(PAPERS < 2, rng.integers(0, 4, 15)[PAPERS], rng.integers(0, 4, len(PAPERS)))
    return {"metric": list(map(str, metric)), "region": list(map(str, region)), "paper": list(map(str, PAPERS))}


def scores(rng: np.random.Generator, world: World, values: dict[str, list[str | None]], labels: IntArray) -> FloatArray:
    """Draw a board of this world, shape (n, 45)."""
    x = np.sqrt(world.general) * models_factors(rng, 1, labels) * np.ones(len(PAPERS))
    for name in ("region", "metric", "paper"):
        kinds, number = np.unique(np.array(values[name]), return_inverse=True)
        x += np.sqrt(getattr(world, name)) * models_factors(rng, len(kinds), labels)[:, number]
    rest = 1 - world.general - world.region - world.metric - world.paper
    drawn: FloatArray = x + np.sqrt(rest) * models_factors(rng, len(PAPERS), labels)
    return drawn


def capped(x: FloatArray) -> FloatArray:
    """Return scores between 0 and 1 in the same order."""
    found: FloatArray = 1 / (1 + np.exp(-x / 2))
    return found


def driver_rows(boards: int, seed: int) -> Iterator[list[str]]:
    """Return how often each property counts as a driver, by world and scope."""
    for world in WORLDS:
        found: dict[tuple[str, str], list[bool]] = {}
        for b in range(boards):
            rng = np.random.default_rng([seed, b])
            values = properties(rng)
            rho = spearman_matrix(scores(rng, world, values, LABELS))
            for scope in SCOPES:
                one = drivers(rho, values, values["paper"], scope, 199, b)
                found.setdefault((scope, "together"), []).append((one.p or 1) <= LEVEL)
                for driver in one.drivers:
                    for name in driver.properties:
                        found.setdefault((scope, name), []).append(driver.p is not None and driver.p <= LEVEL)
        for scope in SCOPES:
            shares = [found[scope, name] for name in ("together", "region", "metric", "paper")]
            paper = "" if scope == "across" else f"{np.mean(shares[3]):.2f}"
            yield [world.name, scope, *(f"{np.mean(share):.2f}" for share in shares[:3]), paper]


def described_as(values: dict[str, list[str | None]], leaves: tuple[str, ...]) -> Described:
    """Make metadata of these values."""
    own = {leaf: dict.fromkeys(FIELDS) | {k: v[j] for k, v in values.items()} for j, leaf in enumerate(leaves)}
    return Described(own, {}, {}, {}, (), (), ())


def interval_rows(boards: int, resamples: int, seed: int) -> Iterator[list[str]]:
    """Return how often the intervals of drivers hold the truth, that of 20,000 models without families."""
    world = WORLDS[2]
    held: dict[str, list[tuple[bool, float]]] = {}
    for b in range(boards):
        rng = np.random.default_rng([seed, 1, b])
        values = properties(rng)
        many = scores(rng, world, values, np.arange(20_000))
        board = board_of_matrix(capped(scores(rng, world, values, LABELS)), halves(len(PAPERS)))
        families = Families(board.ids, LABELS, ())
        found = board_drivers(board, families, described_as(values, board.leaves), resamples, b)
        matrices = [spearman_matrix(scores(rng, world, values, LABELS)) for _ in range(40)]
        for scope in SCOPES:
            truth = [drivers(rho, values, values["paper"], scope, 1) for rho in (spearman_matrix(many), *matrices)]
            own = [next((one for one in of.drivers if one.properties == ("region",)), None) for of in truth]
            key = scope, ("region",)
            if key not in found.coefficient or any(one is None or one.reason for one in own):
                continue
            known = [one for one in own if one is not None]
            shares = np.array([(one.partial_r2, of.r2) for one, of in zip(known, truth, strict=True)][1:], dtype=float)
            for what, ends, value in (
                ("coefficient of the region", found.coefficient[key], known[0].coefficient or 0.0),
                ("its partial R²", found.partial_r2[key], float(shares[:, 0].mean())),
                ("R² of all properties", found.r2[scope], float(shares[:, 1].mean())),
            ):
                if ends is not None:
                    each = held.setdefault(f"{what}, {scope}", [])
                    each.append((ends.low <= value <= ends.high, ends.high - ends.low))
    for what, each in held.items():
        yield [what, f"{np.mean([one[0] for one in each]):.2f}", f"{np.mean([one[1] for one in each]):.2f}"]


def dimension_rows(boards: int, resamples: int, seed: int) -> Iterator[list[str]]:
    """Return how often the planted number of factors is counted, and is in the interval and between the halves."""
    alone = np.arange(len(LABELS))
    for labels, factors in ((alone, 0), (alone, 3), (LABELS, 0), (LABELS, 1), (LABELS, 3), (LABELS, 5)):
        found: list[list[bool]] = []
        for b in range(boards):
            rng = np.random.default_rng([seed, 2, b])
            x = np.sqrt(0.4) * models_factors(rng, 45, labels)
            if factors:
                x += np.sqrt(0.6) * models_factors(rng, factors, labels)[:, np.arange(45) % factors]
            board = board_of_matrix(capped(x), halves(45))
            z, first = z_scores(board.scores), np.ones((45, 1))
            counts = [
                resampled_dimensions(z, times, first, labels, b).components
                for times in (
                    np.ones((resamples, len(labels)), dtype=np.int64),
                    draw_counts(labels, resamples, b),
                    half_counts(labels, resamples // 2, b),
                )
            ]
            by_family = int(counts[0][0])
            ends = interval(float(by_family), counts[1].astype(np.float64), effective_families(labels))
            low, high = np.percentile(counts[2], (2.5, 97.5), method="nearest")
            found.append(
                [
                    dimensions(board, 200, b).parallel_analysis == factors,
                    by_family == factors,
                    ends is not None and ends.low <= factors <= ends.high,
                    low <= factors <= high,
                ]
            )
        shares = np.mean(np.array(found), axis=0)
        yield [str(labels.max() + 1), str(factors), *(f"{share:.2f}" for share in shares)]


def cluster_rows(boards: int, resamples: int, seed: int) -> Iterator[list[str]]:
    """Return how often there are clusters, as many as planted, with the stability of true and of false ones."""
    worlds: tuple[tuple[str, int, float, float], ...] = (
        ("nothing", 1, 0.0, 0.0),
        ("one dimension", 1, 0.5, 0.0),
        ("3 groups", 3, 0.2, 0.5),
        ("5 groups", 5, 0.2, 0.5),
        ("5 groups, 1 general factor as large", 5, 0.35, 0.35),
    )
    for name, groups, general, own in worlds:
        some, right, stable = [], [], []
        for b in range(boards):
            rng = np.random.default_rng([seed, 3, b])
            planted = np.arange(45) % groups
            loading = np.sqrt(general) * (rng.uniform(0.4, 1.4, 45) if groups == 1 else 1)
            x = models_factors(rng, 1) * loading + np.sqrt(own) * models_factors(rng, groups)[:, planted]
            x += np.sqrt(1 - general - own) * models_factors(rng, 45)
            found = clusters(x, 99, b)
            some.append(found.reason is None)
            pairs = {tuple(np.unique(found.labels[planted == g]).tolist()) for g in range(groups)}
            right.append(found.count == groups and len(pairs) == groups and all(len(one) == 1 for one in pairs))
            if found.reason is None and b < boards // 2:
                board = board_of_matrix(capped(x), halves(45))
                sure = board_clusters(board, Families(board.ids, LABELS, ()), resamples, b)
                stable.extend(sure.stability.tolist())
        share = f"{np.mean(right):.2f}" if groups > 1 else ""
        yield [name, f"{np.mean(some):.2f}", share, f"{np.median(stable):.2f}" if stable else ""]


def table(head: str, rows: Iterator[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def page(boards: int, resamples: int, seed: int) -> Iterator[str]:
    """Return the sections of the page."""
    many, half, most = 2 * boards, f"Share of {boards} boards", 5 * boards
    sections = (
        (
            f"### Drivers\n\nShare of {most} boards on which a property counts as a driver (p at most {LEVEL}).",
            "planted | pairs | together | region | metric | paper",
            driver_rows(most, seed),
        ),
        (
            f"{half} with *region* planted whose 95 % interval holds the truth (of a share: 40 other boards).",
            "interval | coverage | width",
            interval_rows(boards, resamples, seed),
        ),
        (
            f"### Dimensions\n\n{half} on which the planted factors are counted, or are in an interval.",
            "families | factors | parallel analysis | by family | its interval | the halves",
            dimension_rows(boards, resamples, seed),
        ),
        (
            f"### Clusters\n\nShare of {many} boards with clusters, and with the planted ones.",
            "planted | clusters | the planted ones | median stability",
            cluster_rows(many, resamples, seed),
        ),
    )
    head = (
        f"\n## Drivers, dimensions and clusters\n\nSimulated boards of {len(LABELS)} models in {len(SIZES)} families on"
        f"\n45 benchmarks of 15 papers, {resamples} resamples, seed {seed}. Families share half of the variance."
    )
    yield head
    for text, names, rows in sections:
        yield f"\n{text}\n\n{table(names, rows)}"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=20)
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for section in page(given.boards, given.resamples, given.seed):
        print(section, flush=True)


if __name__ == "__main__":
    main()
