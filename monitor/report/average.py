"""Section 4, the poster’s second claim: parts and benchmarks that decide the average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainalign_plugin.agreement.explained_variance import explained_variance
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.figures import R2, behaviour_decides
from brainalign_plugin.certainty.suite import short_panel
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.data.board import Board
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.plot.matrices import parts_scatter
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.scales import competition_ranks, z_scores

from .evidence import Evidence
from .records import Figure, Section
from .wording import number, percent, within

_HEAVIEST = 10


def average_section(evidence: Evidence) -> Section:
    """Return the section on the two halves of the average."""
    board = evidence.analysis.cleaning.board
    neural, behavior = board.parts
    explained = evidence.analysis.explained.parts
    answer = (
        f"Behaviour explains {percent(explained[behavior].r2)} of the variance of the average"
        f"{within('r2_behavior', evidence.interval('r2_behavior'))}, the neural half {percent(explained[neural].r2)}; "
        f"were the halves unrelated, spread alone would give behaviour {percent(explained[behavior].null)}."
    )
    scores = board.part_scores()
    chart = parts_scatter(
        [evidence.names[i] for i in board.ids],
        board.ids,
        scores[neural],
        scores[behavior],
        competition_ranks(scores["average"]).tolist(),
        title=answer,
        alt=f"Scatter, a point a model: neural score across, behavioural score up, better models lighter. {answer}",
        official=[evidence.official[i] for i in board.ids],
    )
    how = (
        "R²: squared correlation of a half with the average, the mean of both. Spread alone: var(behaviour) over the "
        f"sum of both variances. Effective weight: nominal weight × covariance with the average over its variance. The "
        f"claim holds if behaviour explains at least {percent(R2, 0)} and its Shapley share is two thirds or more. "
        # Ahlert et al. (2024), arXiv 2407.07530.
        f"Published: {percent(0.9525)} and {percent(0.3333)} (arXiv), {percent(0.8124)} and {percent(0.6731)} "
        "(workshop)."
    )
    r2 = {"r2_behavior": explained[behavior].r2, "r2_neural": explained[neural].r2}
    verdict = evidence.verdict("2, behaviour decides,", behaviour_decides, **r2)
    points = filter(None, (_shares(evidence), _counterfactuals(board), _panel(evidence)))
    figures = (Figure("parts", chart, answer=True), *_heaviest(evidence))
    return Section("average", "What decides the average?", answer, how, verdict, tuple(points), figures)


def _shares(evidence: Evidence) -> str:
    board, weights = evidence.analysis.cleaning.board, evidence.analysis.explained.leaves
    own = [leaf for leaf, part in zip(board.leaves, board.leaf_parts, strict=True) if part == board.parts[1]]
    nominal = sum(weights[leaf].nominal for leaf in own)
    effective = sum(weights[leaf].effective or 0.0 for leaf in own)
    spreads = [evidence.analysis.spreads[part].sd for part in board.parts]
    return (
        f"Behaviour weighs {percent(nominal, 0)} by the tree and {percent(effective, 0)} in effect: its scores "
        f"have a standard deviation of {number(spreads[1])} over models, neural ones of {number(spreads[0])}."
    )


def _counterfactuals(board: Board) -> str:
    """Say what both halves would explain were the benchmarks, or the halves, standardised first."""
    z = z_scores(board.scores)
    # R² stays as it is when all leaves are moved and stretched alike, and a board holds scores from 0 to 1.
    alike = (z - z.min()) / max(float(np.ptp(z)), 1.0)
    leaves = explained_variance(replace(board, scores=alike)).parts
    neural, behavior = board.parts
    scores = board.part_scores()
    halves = z_scores(np.column_stack([scores[part] for part in board.parts]))
    shares = [_r2(half, halves.mean(axis=1)) for half in halves.T]
    return (
        f"Were all benchmarks standardised, behaviour would explain {percent(leaves[behavior].r2, 0)} and the neural "
        f"half {percent(leaves[neural].r2, 0)}; were the two halves standardised, {percent(shares[1], 0)} and "
        f"{percent(shares[0], 0)}."
    )


def _panel(evidence: Evidence) -> str:
    """Return how few benchmarks rank later models as all do; empty where that is unknown."""
    board = evidence.analysis.cleaning.board
    found = short_panel(board, evidence.analysis.snapshot, evidence.certainty.families)
    if isinstance(found, NotEstimable) or found.smallest is None:
        return ""
    one = found.curve[found.smallest - 1]
    if one.rho is None:
        return ""
    return (
        f"{one.size} of the {len(board.leaves)} benchmarks, chosen on the older half of the models, rank the later "
        f"half as all do: ρ = {number(one.rho)}{within('panel', one.interval)}."
    )


def _r2(half: FloatArray, average: FloatArray) -> float | None:
    if np.ptp(half) < 1e-12 or np.ptp(average) < 1e-12:
        return None
    return float(np.corrcoef(half, average)[0, 1] ** 2)


def _heaviest(evidence: Evidence) -> tuple[Figure, ...]:
    board, weights = evidence.analysis.cleaning.board, evidence.analysis.explained.leaves
    labels = dict(zip(board.leaves, leaf_labels(board.leaves), strict=True))
    parts = dict(zip(board.leaves, board.leaf_parts, strict=True))
    known = [leaf for leaf in board.leaves if weights[leaf].effective is not None]
    rows = sorted(known, key=lambda leaf: (-(weights[leaf].effective or 0.0), leaf))[:_HEAVIEST]
    if not rows:
        return ()
    total = sum(weights[leaf].effective or 0.0 for leaf in rows)
    nominal = sum(weights[leaf].nominal for leaf in rows)
    title = (
        f"The {len(rows)} heaviest benchmarks take {percent(total, 0)} of the average’s variance; by the tree they "
        f"weigh {percent(nominal, 0)}."
    )
    chart = dots(
        [labels[leaf] for leaf in rows],
        [100 * (weights[leaf].effective or 0.0) for leaf in rows],
        title=title,
        alt=f"Dots, one row a benchmark: effective weight (filled) and weight by the tree (hollow). {title}",
        axis="% of variance (hollow: tree)",
        reference=[100 * weights[leaf].nominal for leaf in rows],
        groups=[parts[leaf] or "" for leaf in rows],
        form=".1f",
        zero=True,
    )
    return (Figure("heaviest", chart),)
