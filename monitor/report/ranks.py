"""Section 5: the best models, and how sure their ranks are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from brainalign_plugin.certainty.design_study import next_benchmarks
from brainalign_plugin.certainty.posterior import Posterior
from brainalign_plugin.certainty.universe_ranks import Universe
from brainalign_plugin.certainty.variance_components import Certainty, NotEstimable
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import UNKNOWN, counted, visible

from .evidence import Evidence
from .records import Column, Figure, Point, Section, Table
from .sample import panels_of
from .wording import count, known, listed, number, percent, within

_SHOWN, _CHARTED = 20, 20
# Two models are distinguished where the better one is above with at least this probability.
_APART = 0.975


def ranks_section(evidence: Evidence) -> Section:
    """Return the section on the ranks of all models."""
    found = evidence.certainty.universe
    question = "Which models are best, and how sure is that?"
    how = (
        "Universe score: the score that a model would have, were the parts of the tree measured by all papers that "
        "could have measured them; missing benchmarks are estimated from the others and need no complete board. Its "
        "interval (95 %) holds the rank among all ranked models; models measured on no more than half have "
        "none. A new tier begins where its best is told apart (probability 0.975) from the next. Range: best and worst "
        "rank under all schemes but GLS on the poster’s board."
    )
    table = _table(evidence, universe_tiers(found) if isinstance(found, Universe) else {})
    if isinstance(found, NotEstimable):
        answer = f"No model can be told to be best: {visible(found.reason, 200)}."
        return Section("ranks", question, answer, how, tables=(table,))
    order = _order(found)
    first = order[0]
    apart = _neighbours_apart(found, order)
    answer = (
        f"{evidence.names[found.ids[first]]} comes first by universe score and is truly first with probability "
        f"{number(float(found.first[first]), 2)}; {count(apart)} of {counted(len(order) - 1, 'pair')} of neighbours "
        f"{'is' if apart == 1 else 'are'} told apart (reliability {number(found.scored.reliability, 2)})."
    )
    top = order[:_CHARTED]
    chart = dots(
        [evidence.names[found.ids[k]] for k in top],
        [float(found.ranks[k]) for k in top],
        title=answer,
        alt="Dots with bars, one row a model: rank by universe score with its 95 % interval, official rank "
        f"hollow. {answer}",
        axis="rank, 95 % (hollow: official)",
        low=[float(found.low[k]) for k in top],
        high=[float(found.high[k]) for k in top],
        reference=[_float(evidence.official[found.ids[k]]) for k in top],
        ids=[found.ids[k] for k in top],
        form="d",
    )
    points = tuple(Point(text) for text in (_official(evidence), _papers(evidence)) if text)
    return Section("ranks", question, answer, how, None, points, (Figure("best", chart, True, True),), (table,))


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _order(found: Universe) -> list[int]:
    """Return the positions of the ranked models, best first."""
    ranked = np.flatnonzero(found.ranks > 0)
    order: list[int] = ranked[np.argsort(found.ranks[ranked], kind="stable")].tolist()
    return order


def _posterior(found: Universe) -> Posterior:
    return Posterior(found.scored.scores, found.sd_widened)


def _neighbours_apart(found: Universe, order: list[int]) -> int:
    posterior = _posterior(found)
    return sum(posterior.above(one, other) >= _APART for one, other in pairwise(order))


def universe_tiers(found: Universe) -> Mapping[int, int]:
    """Return the tier of each ranked model by id: 1 is the best."""
    posterior, tiers, tier, best = _posterior(found), {}, 0, -1
    for k in _order(found):
        if best < 0 or posterior.above(best, k) >= _APART:
            tier, best = tier + 1, k
        tiers[found.ids[k]] = tier
    return tiers


def _official(evidence: Evidence) -> str:
    first = [i for i in evidence.official_order if evidence.official[i] == 1]
    official = evidence.certainty.schemes.get("HIER")
    if not first:
        return ""
    text = f"Officially first: {listed(tuple(evidence.names[i] for i in first[:3]))}"
    if isinstance(official, Certainty):
        text += (
            f". The official average of the poster’s board has reliability {number(official.reliability, 2)} and tells "
            f"{percent(official.told_apart_share)} of all pairs of models apart"
        )
    return f"{text}.{_further(evidence)}"


def _further(evidence: Evidence) -> str:
    """Return the part of the tree in which one more paper would raise the reliability most; empty if unsure."""
    found = next_benchmarks(evidence.analysis.cleaning.board, 1, evidence.certainty.families)
    if isinstance(found, NotEstimable) or not found.steps:
        return ""
    best = found.steps[0]
    if best.interval is None or known(best.reliability) is None:
        return ""
    part = best.stratum.removesuffix(f"_{evidence.analysis.snapshot.domain}")
    what = "behaviour" if evidence.brain_score and part == "behavior" else visible(part, 60)
    return (
        f" One more paper on {what} would raise its reliability most, to "
        f"{number(best.reliability)}{within('reliability', best.interval)}."
    )


def _papers(evidence: Evidence) -> str:
    moved = [one for one in evidence.certainty.papers if one.mean_shift is not None]
    if not moved:
        return ""
    most = max(moved, key=lambda one: one.mean_shift or 0.0)
    return (
        f"Leave one paper out, and the official order moves most without {visible(most.name, 60)}: "
        f"{number(most.mean_shift, 1)} places a model (ρ = {number(most.rho, 2)} with the order of all papers)."
    )


def _table(evidence: Evidence, tiers: Mapping[int, int]) -> Table:
    found = evidence.certainty.universe
    by_id = {} if isinstance(found, NotEstimable) else {i: k for k, i in enumerate(found.ids)}
    ranges = {} if evidence.study is None else {one.id: one for one in evidence.study.comparison.models}
    before = {} if evidence.since is None else {m.model: m for m in evidence.since.changes.rank_moves}
    considered = evidence.analysis.cleaning.considered
    scored = dict(zip(considered.ids, (~np.isnan(considered.scores)).sum(axis=1).tolist(), strict=True))
    rows = []
    for i in evidence.official_order:
        rank = interval = UNKNOWN
        if isinstance(found, Universe) and found.ranks[by_id[i]] > 0:
            k = by_id[i]
            rank, interval = str(found.ranks[k]), f"{found.low[k]}–{found.high[k]}"
        span = f"{ranges[i].best}–{ranges[i].worst}" if i in ranges else UNKNOWN
        move = before.get(i)
        trend = "" if move is None else f"{'↑' if move.after < move.before else '↓'} {abs(move.after - move.before)}"
        official = evidence.official[i]
        rows.append(
            (
                evidence.names[i],
                UNKNOWN if official is None else str(official),
                rank,
                interval,
                str(tiers.get(i, UNKNOWN)),
                span,
                f"{scored.get(i, 0)} of {len(considered.leaves)}",
                trend or UNKNOWN,
            )
        )
    columns = (
        Column("model", "name"),
        Column("official rank"),
        Column("universe rank"),
        Column("95 % interval"),
        Column("tier"),
        Column("range", hint="best and worst rank under all schemes but GLS, poster’s board"),
        Column("scored on"),
        Column("trend", hint="places of the official rank since the last report"),
    )
    ids = tuple(evidence.official_order)
    return Table(
        "all-models",
        "All models, by official rank",
        columns,
        tuple(rows),
        _SHOWN,
        tuple(map(str, ids)),
        tuple(panels_of(evidence, i) for i in ids),
    )
