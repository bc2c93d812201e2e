"""Section 6, the poster’s third claim and closing question: other aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import numpy as np

from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.audit.audit import SchemeAudit
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.certainty.board_certainty import Universe
from brainalign_plugin.certainty.variance_components import Certainty
from brainalign_plugin.plot.rows import bump
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.text import UNKNOWN, counted, shortened, visible

from .evidence import Evidence
from .records import Column, Figure, Section, Table, Verdict
from .wording import count, listed, number, percent, span

# One scheme of each kind, in the words of its kind; the others follow in the table.
KINDS = {
    "HIER": "Brain-Score’s tree mean",
    "HIER_ZMEAN": "tree mean of z-scores",
    "FLAT": "flat mean",
    "RANK": "mean rank",
    "COPELAND": "pairwise votes",
    "PL": "choice model",
    "PC1": "first component",
    "UNIVERSE": "universe score",
}
_OTHERS = {
    "HIER_attempted": "tree mean of what was run",
    "HIER_RANK": "tree mean of ranks",
    "HIER_NORMAL": "tree mean of normal scores",
    "ZMEAN": "flat mean of z-scores",
    "ROBUST_Z": "flat mean of robust z-scores",
    "MINMAX": "flat mean of scores between the extremes",
    "NORMAL": "flat mean of normal scores",
    "LOGIT": "flat mean of logits",
    "GEOMETRIC": "geometric mean",
    "MEDIAN_RANK": "median rank",
    "WIN_RATE": "share of comparisons won",
    "BORDA": "Borda count",
    "SIMPSON": "worst pairwise vote",
    "SCHULZE": "strongest paths of votes",
    "KEMENY": "order nearest to all rankings",
    "BT": "Bradley-Terry worth",
    "FACTOR1": "first factor",
    "GLS": "mean by inverse covariances",
    "DSEP": "mean of the two halves’ flat means",
    "DSP_PCA": "first components of the two halves",
    "DSP_PCA_Std": "first standardised components of the two halves",
    "REF_ZMEAN": "flat mean of z-scores, {norms}",
    "REF_NORMAL": "flat mean of normal scores, {norms}",
    "HIER_REF_NORMAL": "tree mean of normal scores, {norms}",
    "REF_UNIVERSE": "universe score, {norms}",
    "REF_NORMAL_UNIVERSE": "universe score of normal scores, {norms}",
    "Z_UNIVERSE": "universe score of z-scores",
    "NORMAL_UNIVERSE": "universe score of normal scores",
}
PARTS_NEEDED = "a neural and a behavioural part that vary"
_OF_PARTS = ("DSEP", "DSP_PCA", "DSP_PCA_Std")
_TOP = 10


def schemes_section(evidence: Evidence, study: SchemeStudy) -> Section:
    """Return the section on other ways to aggregate."""
    how = (
        "Predictive validity: each scheme, fitted without a paper, ranks the models on that paper; mean Spearman’s ρ "
        "over papers, 95 % interval over families of models. The poster’s three properties, measured: irrelevant "
        "models (share of pairs that change order when a model is removed), scale (when a benchmark is squared), "
        "hierarchy (doubling a benchmark leaves its group’s weight). Reliability: of weighted means alone. Distance: "
        "mean places between the scheme’s and the official order of the same models. GLS rewards benchmarks that agree "
        "with no other, noise too, and counts in no range of ranks. Any other dash: norms frozen on this page "
        "leave no unseen paper, or the measurement takes too long on so many models. "
        "Lines are lighter the better the official rank." + _norms(study)
    )
    question, figure, table = "What would another aggregate change?", _bump(evidence, study), _table(evidence, study)
    return Section("schemes", question, _answer(evidence), how, _verdict(evidence), (), (figure,), (table,))


def _norms(study: SchemeStudy) -> str:
    """Return the source of the REF_ schemes’ norms, and the scores beyond it, as sentences after others."""
    if study.reference.is_given_board:
        return " Schemes with frozen norms: norms frozen for this page, so that nothing is claimed over time."
    beyond = study.reference.saturation(study.board)
    return f" Schemes with frozen norms: {study.reference.description}" + (f"; {beyond}." if beyond else ".")


def _without_parts(evidence: Evidence, study: SchemeStudy) -> tuple[str, ...]:
    """Return the schemes that combine a neural and a behavioural part, on a board without them."""
    schemes = () if evidence.has_parts else study.schemes
    return tuple(one.scheme.name for one in schemes if one.scheme.name in _OF_PARTS)


def missing_schemes(evidence: Evidence, study: SchemeStudy) -> tuple[str, ...]:
    """Return the schemes and properties that the study left out, one text for each reason."""
    without = _without_parts(evidence, study)
    reasons: dict[tuple[str, str], list[tuple[str, str]]] = {}
    found = [("scheme", one.scheme.name, one.problem) for one in study.schemes if one.ranking is None]
    found += [("properties of", one.scheme.name, one.problem) for one in study.audits]
    for what, name, problem in found:
        if problem and name not in without:
            reasons.setdefault((what, problem.replace(name, "NAME")), []).append((name, problem))
    lines = [f"The schemes {listed(without)} (they need {PARTS_NEEDED})"] if without else []
    for (what, reason), of in reasons.items():
        names = listed(tuple(shortened(visible(name), 24) for name, _ in of))
        many = "s" if what == "scheme" and len(of) > 1 else ""
        lines.append(f"The {what}{many} {names} ({visible(of[0][1] if len(of) == 1 else reason)})")
    return tuple(lines)


def _answer(evidence: Evidence) -> str:
    found = evidence.validity
    known = [] if found is None else [one for one in found.schemes.values() if one.mean is not None]
    official = next((one for one in known if one.scheme == "HIER"), None)
    if not known or official is None or found is None:
        return "No scheme can be tried on a paper that it has not seen: the board is too small."
    best = known[0]
    interval = "" if best.interval is None else f" (95 % interval {span(best.interval)})"
    return (
        f"The {_words(best.scheme)} ranks models best on papers that it has not seen, with ρ = "
        f"{number(best.mean, 2)}{interval}; Brain-Score’s average reaches {number(official.mean, 2)}."
    )


def _verdict(evidence: Evidence) -> Verdict | None:
    found = evidence.validity
    if found is None or "UNIVERSE" not in found.schemes or "HIER" not in found.schemes:
        return None
    apart = found.difference("UNIVERSE", "HIER")
    if apart is None:
        return None
    words, tone = (
        ("holds", "holds") if apart.low > 0 else ("fails", "fails") if apart.high < 0 else ("is open", "weaker")
    )
    sign = "+" if apart.value > 0 else ""
    return Verdict(
        f"The poster’s claim 3, use what relates benchmarks, {words}: on unseen papers the universe score "
        f"predicts {sign}{number(apart.value, 2)} ({span(apart)}) against the official average",
        tone,  # type: ignore[arg-type]
    )


def _movement(study: SchemeStudy) -> str:
    found = study.comparison
    official = next((one.ranking.by_id() for one in study.schemes if one.scheme.name == "HIER" and one.ranking), {})
    top = [one for one in found.models if official.get(one.id, _TOP + 1) <= _TOP]
    if not top:
        return f"{counted(len(found.models), 'model')} are ranked by {counted(len(study.schemes), 'scheme')}."
    always = len(found.always_top)
    return (
        f"Over {counted(found.distinct, 'distinct ranking')} a model of the official top {len(top)} here moves "
        f"{mean(one.worst - one.best for one in top):.0f} "
        f"places on average; {count(always)} of them {'stays' if always == 1 else 'stay'} in every top {_TOP}."
    )


def _bump(evidence: Evidence, study: SchemeStudy) -> Figure:
    board, ranks, title = study.board, _ranked(evidence, study), _movement(study)
    shown = [name for name in KINDS if name in ranks]
    official = [i for i in evidence.official_order if i in board.ids][:_TOP]
    chart = bump(
        [evidence.names[i] for i in board.ids],
        board.ids,
        [KINDS[name] for name in shown],
        [[ranks[name].get(i) for i in board.ids] for name in shown],
        title=title,
        alt=f"Lines of ranks, one line a model, under {counted(len(shown), 'scheme')}. {title}",
        chosen=official,
        only_chosen=True,
    )
    return Figure("bump", chart, wide=True)


def _ranks_among(ids: Sequence[int], scored: Sequence[int], scores: FloatArray) -> dict[int, int]:
    """Return the ranks of some of the scored models among themselves; empty where one of them has no score."""
    by_id = dict(zip(scored, scores, strict=True))
    own = np.array([by_id[i] for i in ids])
    return {} if np.isnan(own).any() else dict(zip(ids, competition_ranks(own).tolist(), strict=True))


def _ranked(evidence: Evidence, study: SchemeStudy) -> dict[str, dict[int, int]]:
    """Return the ranks of the study's models by scheme, those of one kind each first."""
    found = {one.scheme.name: one.ranking.by_id() for one in study.schemes if one.ranking is not None}
    universe = evidence.certainty.universe
    if isinstance(universe, Universe) and (own := _ranks_among(study.board.ids, universe.ids, universe.scored.scores)):
        found["UNIVERSE"] = own
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[int, str]:
    return (list(KINDS).index(name) if name in KINDS else len(KINDS), name)


def scheme_ranks(evidence: Evidence, study: SchemeStudy) -> tuple[tuple[str, str, tuple[int | None, ...]], ...]:
    """Return each scheme with its words and the ranks of the poster's board, the best official rank first."""
    norms = _norms_used(study)
    return tuple(
        (name, _named(name, norms), tuple(ranks.get(i) for i in evidence.official_order if i in evidence.cleaned))
        for name, ranks in _ranked(evidence, study).items()
    )


def _norms_used(study: SchemeStudy) -> str:
    reference = study.reference
    return "norms frozen for this page" if reference.is_given_board else f"norms of reference {reference.name}"


def _table(evidence: Evidence, study: SchemeStudy) -> Table:
    audits = {one.scheme.name: one for one in study.audits}
    ranked = _ranked(evidence, study)
    tried = {} if evidence.validity is None else evidence.validity.schemes
    names = sorted((ranked.keys() | tried.keys()) - set(_without_parts(evidence, study)), key=_place)
    analysis, norms = evidence.analysis, _norms_used(study)
    official = _ranks_among(study.board.ids, list(evidence.official), analysis.official.at(analysis.official.root))
    rows = tuple(
        (
            _named(name, norms),
            *_properties(audits.get(name)),
            _reliability(evidence, name),
            *((number(tried[name].mean, 2), span(tried[name].interval)) if name in tried else (UNKNOWN, UNKNOWN)),
            _distance(ranked.get(name, {}), official),
        )
        for name in names
    )
    columns = (
        Column("scheme", "name"),
        Column("irrelevant models", "text", "independence of irrelevant alternatives"),
        Column("scale", "text", "no order changes when a benchmark is rescaled without changing its order"),
        Column("hierarchy", "text"),
        *map(Column, ("reliability", "predicts unseen papers", "95 % interval", "places from official")),
    )
    kinds = sum(name in KINDS for name in names)
    caption = f"Which method is most appropriate? One scheme of each of {kinds} kinds; {len(names)} in all"
    return Table("schemes-table", caption, columns, rows, kinds)


def _named(name: str, norms: str) -> str:
    words = _words(name, norms)
    return f"{shortened(visible(name), 24)}: {words}" if name in KINDS | _OTHERS else words


def _words(name: str, norms: str = "frozen norms") -> str:
    """Return the kind of a scheme in words, with the source of its norms; of others than ours the name."""
    return (KINDS | _OTHERS).get(name, f"scheme {shortened(visible(name), 24)}").format(norms=norms)


def _properties(audit: SchemeAudit | None) -> tuple[str, str, str]:
    if audit is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    removal = None if audit.removal is None else audit.removal.rate
    hierarchy = None if audit.hierarchy is None else 0.0 if audit.hierarchy else 1.0
    claims = audit.scheme.claims
    return (
        _kept(removal, claims.iia),
        _kept(audit.monotone, claims.monotone),
        "not kept" if hierarchy else _kept(hierarchy, claims.hierarchy),
    )


def _kept(rate: float | None, claimed: bool) -> str:
    if rate is None:
        return "kept (proven)" if claimed else UNKNOWN
    return "kept" if rate == 0 else f"{percent(rate, 1 if rate >= 0.001 else 3)} change"


def _reliability(evidence: Evidence, name: str) -> str:
    if name == "UNIVERSE" and isinstance(evidence.certainty.universe, Universe):
        return number(evidence.certainty.universe.scored.reliability, 2)
    found = evidence.certainty.schemes.get(name)
    return number(found.reliability, 2) if isinstance(found, Certainty) else UNKNOWN


def _distance(ranks: dict[int, int], official: dict[int, int]) -> str:
    apart = [abs(rank - official[i]) for i, rank in ranks.items() if i in official]
    return number(mean(apart), 1) if apart else UNKNOWN
