"""Section 3, the poster’s first claim: agreement of the benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainalign_plugin.agreement.clustering import clustered_order
from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.bootstrap import one_vote_each
from brainalign_plugin.certainty.figures import LARGE, MEDIUM, benchmarks_conflict
from brainalign_plugin.certainty.good_models import family_agreement
from brainalign_plugin.certainty.influence import influence
from brainalign_plugin.certainty.structure import board_drivers, family_dimensions
from brainalign_plugin.files.metadata import described
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.plot.matrices import heatmap, scatter
from brainalign_plugin.text import counted, visible

from ..history.figures import cleaned
from .evidence import Evidence
from .poster import ARXIV, WORKSHOP
from .records import Figure, Point, Section, Verdict
from .wording import CLAIM, chance, day, listed, number, percent, within

# Largest p-value of properties that count as drivers, as in docs/structure.md.
_CHANCE = 0.05


def agreement_section(evidence: Evidence) -> Section:
    """Return the section on the agreement of benchmarks."""
    found, board = evidence.analysis.agreement, evidence.analysis.cleaning.board
    answer, mean = agreement_answer(evidence), found.all_pairs.mean
    labels = leaf_labels(board.leaves)
    parts = [part or "" for part in board.leaf_parts] if evidence.has_parts else ()
    figures = [
        Figure(
            "matrix",
            heatmap(
                labels,
                found.rho,
                title=answer,
                alt=f"Matrix of Spearman’s rank correlations between {counted(len(labels), 'benchmark')}, "
                f"clustered. {answer}",
                parts=parts,
                overlap=evidence.analysis.pairwise.overlap,
                order=clustered_order(found.rho).tolist(),
            ),
            answer=True,
        ),
        Figure("pair", pair_chart(evidence, *opposite_pair(found.rho))),
    ]
    how = (
        f"Spearman’s ρ over the poster’s board; {percent(0.95, 0)} interval from "
        f"{evidence.certainty.bootstrap.resamples:,} draws of {evidence.certainty.families.count} families of models. "
        f"The claim holds if the mean is below {MEDIUM}, is weaker below {LARGE} (Cohen’s medium and large), and fails "
        "above; its probability is the share of the draws that agree. Among good models: the better half by the "
        "benchmarks of other papers."
    )
    points = tuple(map(Point, (_means(evidence), _influence(evidence), _dimensions(evidence), _drivers(evidence))))
    return Section(
        "agreement", "Do the benchmarks agree?", answer, how, _verdict(evidence, mean),
        tuple(point for point in points if point.text), tuple(figures),
    )  # fmt: skip


def agreement_answer(evidence: Evidence) -> str:
    """Return the mean rank correlation with its interval, in a sentence."""
    pairs = evidence.analysis.agreement.all_pairs
    words, mean = within("mean_rho", evidence.interval("mean_rho")), pairs.mean
    if mean is None:
        return "No pair of benchmarks has a rank correlation on this board."
    level = "they hardly agree" if mean < MEDIUM else "they agree somewhat" if mean < LARGE else "they agree"
    return (
        f"On average two benchmarks rank models alike with ρ = {number(mean)}{words}: {level}; "
        f"{percent(pairs.negative_share)} of {counted(pairs.pairs, 'pair')} are negative."
    )


def _verdict(evidence: Evidence, mean: float | None) -> Verdict | None:
    if mean is None:
        return None
    claim = "The poster’s claim 1, benchmarks conflict,"
    if evidence.interval("mean_rho") is None:
        return Verdict(f"{claim} is open: too few families of models", "unknown")
    outcome = str(benchmarks_conflict(np.array([mean]))[0])
    same = benchmarks_conflict(evidence.resampled["mean_rho"]) == outcome
    return Verdict(f"{claim} {CLAIM[outcome]}, with {chance(float(np.mean(same)))}", outcome)  # type: ignore[arg-type]


def _influence(evidence: Evidence) -> str:
    """Return the paper, benchmark and model without which the mean correlation changes most."""
    found = influence(evidence.analysis.cleaning.board)
    paper, leaf, model = (next(iter(found.of(kind)), None) for kind in ("paper", "benchmark", "model"))
    if paper is None or leaf is None or model is None or paper.figures["mean_rho"] is None:
        return ""
    outcome = paper.claims["conflict"] or ""
    verdict = f", and the claim {CLAIM[outcome]}" if outcome not in ("", found.claims["conflict"]) else ""
    text = f"Without the paper {visible(paper.name, 60)} the mean is {number(paper.figures['mean_rho'])}{verdict}"
    of_leaf, of_model = leaf.changes["mean_rho"], model.changes["mean_rho"]
    if of_leaf is None or of_model is None:
        return f"{text}."
    return (
        f"{text}. No single benchmark moves it by more than {number(abs(of_leaf))}, no single model by more than "
        f"{number(abs(of_model))}."
    )


def _means(evidence: Evidence) -> str:
    analysis, second, (most, good, best) = evidence.analysis, evidence.second_panel, evidence.good
    parts = []
    if good.mean is not None:
        others = f" ({number(most.mean)} among the best three quarters, {number(best.mean)} among the best quarter)"
        parts.append(f"{number(good.mean)} among the better half of the models{'' if best.mean is None else others}")
    families = family_agreement(analysis.cleaning.board, evidence.certainty.families)
    if families.within is not None and families.between is not None:
        parts.append(f"{number(families.between)} between families of models and {number(families.within)} within one")
    single = one_vote_each(analysis.cleaning.board, evidence.certainty.families)
    if single is not None:
        parts.append(f"{number(single)} if near-copies count as one model")
    if analysis.agreement.paper_balanced_mean is not None:
        parts.append(f"{number(analysis.agreement.paper_balanced_mean)} if each pair of papers counts once")
    if analysis.pairwise.all_pairs.mean is not None:
        parts.append(f"{number(analysis.pairwise.all_pairs.mean)} over all models that have both benchmarks")
    if second is not None:
        parts.append(
            f"{number(second.figures['mean_rho'])} on the {counted(len(second.ids), 'model')} that have "
            f"{counted(len(second.leaves), 'benchmark')}"
        )
    if not parts:
        return ""
    if not evidence.brain_score:
        return f"The mean is {', '.join(parts)}."
    return (
        f"The mean is {', '.join(parts)}. The poster had {ARXIV.mean_rho} ({ARXIV.models} models × {ARXIV.benchmarks} "
        f"benchmarks, arXiv) and {WORKSHOP.mean_rho} ({WORKSHOP.models} × {WORKSHOP.benchmarks}, workshop)."
    )


def _dimensions(evidence: Evidence) -> str:
    found = evidence.analysis.dimensions
    if found.participation_ratio is None or found.pc1_share is None or found.parallel_analysis is None:
        return ""
    alike = family_dimensions(evidence.analysis.cleaning.board, evidence.certainty.families, found.leaves)
    # Its interval is not printed: with many true dimensions it lies below them (docs/structure.md).
    by_family = f" (at least {number(alike.value, 0)} with families of models kept alike)" if alike else ""
    return (
        f"The {counted(len(found.leaves), 'benchmark')} have {counted(found.parallel_analysis, 'dimension')} by "
        f"parallel analysis{by_family}; the first carries {percent(found.pc1_share)} of their variance."
    )


def _drivers(evidence: Evidence) -> str:
    """Return what goes with the agreement of benchmarks of different papers; empty for too few pairs or families."""
    board = evidence.analysis.cleaning.board
    found = board_drivers(board, evidence.certainty.families, described(board), among=("across",))
    across = found.scopes["across"]
    # The smallest of several p-values counts as often as there are of them (Bonferroni).
    tried = [(one.p, one) for one in across.drivers if one.p is not None]
    p, first = min(tried, key=lambda one: one[0], default=(1.0, None))
    p = min(1.0, p * len(tried))
    if first is None or first.coefficient is None or across.r2 is None or found.r2["across"] is None:
        return ""
    if p > _CHANCE:
        return f"Across papers, shared properties explain agreement no better than chance (p = {number(p, 2)})."
    sure = within("drivers", found.coefficient["across", first.properties])
    return (
        f"Across papers, shared properties explain {percent(across.r2)} of how far benchmarks agree, "
        f"{listed(first.properties)} most: where it is shared, ρ is "
        f"{'higher' if first.coefficient > 0 else 'lower'} by {number(abs(first.coefficient))}{sure}, p = {number(p)}."
    )


def opposite_pair(rho: FloatArray) -> tuple[int, int]:
    """Return the positions of the two benchmarks that disagree most; the first two where nothing is known."""
    upper = np.where(np.triu(np.ones(rho.shape, dtype=bool), k=1), rho, np.nan)
    if np.isnan(upper).all():
        return 0, min(1, len(rho) - 1)
    first, second = np.unravel_index(int(np.nanargmin(upper)), upper.shape)
    return int(first), int(second)


def pair_chart(evidence: Evidence, first: int, second: int) -> Chart:
    """Draw one benchmark against another."""
    board = evidence.analysis.cleaning.board
    labels = leaf_labels(board.leaves)
    rho = evidence.analysis.agreement.rho[first, second]
    title = f"{labels[first]} and {labels[second]}: ρ = {number(rho, 2)}."
    return scatter(
        [evidence.names[i] for i in board.ids],
        board.ids,
        board.scores[:, first],
        board.scores[:, second],
        title=title,
        alt=f"Scatter, a point a model: {title}",
        axes=(labels[first], labels[second]),
    )


def pair_data(evidence: Evidence) -> dict[str, Any]:
    """Return scores and correlations from which the page draws any pair of benchmarks."""
    board, found, pairwise = (evidence.analysis.cleaning.board, evidence.analysis.agreement, evidence.analysis.pairwise)
    labels = leaf_labels(board.leaves)
    first, second = opposite_pair(found.rho)
    data: dict[str, Any] = {
        "labels": labels,
        "order": clustered_order(found.rho).tolist(),
        "chosen": [first, second],
        "names": [evidence.names[i] for i in board.ids],
        "ids": [str(i) for i in board.ids],
        "scores": [[round(float(x), 3) for x in column] for column in board.scores.T],
        "rho": _half(found.rho),
        "all": _half(pairwise.rho),
        "n": [int(n) for n in pairwise.overlap[np.triu_indices(len(labels), k=1)]],
    }
    if evidence.since is not None:
        earlier = cleaned(evidence.since.changes.earlier.board(), evidence.analysis.cleaning.max_missing)
        data["before"] = _half(_on_leaves(agreement(earlier).rho, earlier.leaves, board.leaves))
        data["day"] = day(evidence.since.earlier.as_of_time)
    return data


def _half(rho: FloatArray) -> list[float | None]:
    values = rho[np.triu_indices(len(rho), k=1)]
    return [None if np.isnan(value) else round(float(value), 2) for value in values]


def _on_leaves(rho: FloatArray, known: tuple[str, ...], leaves: tuple[str, ...]) -> FloatArray:
    """Return correlations in the order of other leaves; NaN for a leaf that is not known."""
    found = np.full((len(leaves), len(leaves)), np.nan)
    here = [j for j, leaf in enumerate(leaves) if leaf in known]
    there = [known.index(leaves[j]) for j in here]
    found[np.ix_(here, here)] = rho[np.ix_(there, there)]
    return found
