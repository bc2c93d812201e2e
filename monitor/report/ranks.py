"""Section 5: the best models, and how sure their ranks are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from brainalign_plugin.certainty.suite import next_benchmarks
from brainalign_plugin.certainty.variance_components import Certainty, NotEstimable
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import UNKNOWN, counted, visible

from .evidence import Evidence
from .model_board import APART, Standing, standings_of
from .records import Column, Figure, Section, Table
from .sample import panels_of
from .wording import count, known, listed, number, percent, within

_SHOWN, _CHARTED = 20, 20


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
    standings = standings_of(found)
    table = _table(evidence, standings)
    if isinstance(found, NotEstimable):
        answer = f"No model can be told to be best: {visible(found.reason, 200)}."
        return Section("ranks", question, answer, how, tables=(table,))
    first, *_ = top = list(standings)[:_CHARTED]
    apart = sum(one.above(other) >= APART for one, other in pairwise(standings.values()))
    answer = (
        f"{evidence.names[first]} comes first by universe score and is truly first with probability "
        f"{number(float(found.first[found.ids.index(first)]), 2)}; {count(apart)} of "
        f"{counted(len(standings) - 1, 'pair')} of neighbours "
        f"{'is' if apart == 1 else 'are'} told apart (reliability {number(found.scored.reliability, 2)})."
    )
    chart = dots(
        [evidence.names[i] for i in top],
        [float(standings[i].rank) for i in top],
        title=answer,
        alt="Dots with bars, one row a model: rank by universe score with its 95 % interval, official rank "
        f"hollow. {answer}",
        axis="rank, 95 % (hollow: official)",
        low=[float(standings[i].low) for i in top],
        high=[float(standings[i].high) for i in top],
        reference=[known(evidence.official[i]) for i in top],
        ids=top,
        form="d",
    )
    points = tuple(filter(None, (_official(evidence), _papers(evidence))))
    return Section("ranks", question, answer, how, None, points, (Figure("best", chart, True, True),), (table,))


def _official(evidence: Evidence) -> str:
    first = [i for i in evidence.official_order if evidence.official[i] == 1]
    if not first:
        return ""
    official = evidence.certainty.schemes.get("HIER")
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


def _table(evidence: Evidence, standings: Mapping[int, Standing]) -> Table:
    ranges = {} if evidence.study is None else {one.id: one for one in evidence.study.comparison.models}
    before = {} if evidence.since is None else {m.model: m for m in evidence.since.changes.rank_moves}
    considered = evidence.analysis.cleaning.considered
    scored = dict(zip(considered.ids, (~np.isnan(considered.scores)).sum(axis=1).tolist(), strict=True))
    rows = []
    for i in evidence.official_order:
        own, move = standings.get(i), before.get(i)
        rows.append(
            (
                evidence.names[i],
                number(evidence.official[i], 0),
                *((str(own.rank), f"{own.low}–{own.high}", str(own.tier)) if own else (UNKNOWN,) * 3),
                f"{ranges[i].best}–{ranges[i].worst}" if i in ranges else UNKNOWN,
                f"{scored.get(i, 0)} of {len(considered.leaves)}",
                f"{'↑' if move.after < move.before else '↓'} {abs(move.after - move.before)}" if move else UNKNOWN,
            )
        )
    columns = (
        Column("model", "name"),
        *map(Column, ("official rank", "universe rank", "95 % interval", "tier")),
        Column("range", hint="best and worst rank under all schemes but GLS, poster’s board"),
        Column("scored on"),
        Column("trend", hint="places of the official rank since the last report"),
    )
    ids = tuple(map(str, evidence.official_order))
    panels = tuple(panels_of(evidence, i) for i in evidence.official_order)
    return Table("all-models", "All models, by official rank", columns, tuple(rows), _SHOWN, ids, panels)
