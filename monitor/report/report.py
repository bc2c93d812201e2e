"""The report of one board: its sections in the order of the page; in the words of any leaderboard for other boards."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from brainalign_plugin.text import counted, leaderboard, visible

from .agreement import agreement_section, pair_data
from .average import average_section
from .changed import changed_section, moves_section
from .evidence import Evidence
from .over_time import series_data, time_section
from .ranks import ranks_section
from .records import Page, Report, Section
from .sample import panel_choices, sample_section, search_entries
from .schemes import PARTS_NEEDED, missing_schemes, scheme_ranks, schemes_section
from .trust import citations, facts, trust_section
from .wording import day

# Phrases of the sections about Brain-Score alone, in the order in which they are replaced.
_PHRASES = (
    ("The poster’s claim 1, benchmarks conflict,", "The claim that benchmarks conflict"),
    ("The poster’s claim 2, behaviour decides,", "The claim that behaviour decides"),
    ("The poster’s claim 3, use what relates benchmarks,", "The claim that what relates benchmarks should be used"),
    ("The poster’s three properties", "Three properties"),
    ("he poster’s board (Ahlert et al. 2024)", "he complete board"),
    ("he poster’s board", "he complete board"),
    ("poster’s board", "complete board"),
    ("Brain-Score’s average", "the tree mean"),
    ("Brain-Score’s tree mean", "tree mean"),
    ("Officially first", "First by tree mean"),
    ("official average", "tree mean"),
    ("hollow: official", "hollow: tree mean"),
    ("Official rank", "Tree-mean rank"),
    ("; see the benchmark’s page at Brain-Score", ""),
    ("places from official", "places from tree mean"),
)
_OFFICIAL = re.compile(r"\bofficial (?=rank|order|score|top \d)")


def build_report(evidence: Evidence) -> Report:
    """Turn the evidence on one board into the records that its report displays. Equal evidence gives equal records."""
    analysis, since, study, past = evidence.analysis, evidence.since, evidence.study, evidence.past
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    agrees = analysis.agreement.all_pairs.pairs > 0
    halves = evidence.has_parts and all(part.r2 is not None for part in analysis.explained.parts.values())
    # Of a section that this board cannot have, the question and the reason.
    found: list[Section | str] = [
        changed_section(since, cleaning.board, evidence.certainty.bootstrap),
        sample_section(evidence),
        agreement_section(evidence)
        if agrees
        else "Do the benchmarks agree? (no pair of benchmarks has a rank correlation)",
        average_section(evidence) if halves else f"What decides the average? (it needs {PARTS_NEEDED})",
        ranks_section(evidence),
        schemes_section(evidence, study)
        if study
        else "What would another aggregate change? (it needs two models without a gap)",
        *(missing_schemes(evidence, study) if study else ()),
        moves_section(evidence, since) if since else "Who moved, and why? (no board was observed before)",
        time_section(past) if past else "How did that come about? (the store holds no other board)",
        trust_section(evidence),
    ]
    report = Report(
        title=visible(evidence.title or leaderboard(snapshot.domain), 120),
        as_of=day(snapshot.as_of_time) if snapshot.dated else "",
        size=f"{counted(len(snapshot.models), 'model')} × {counted(len(cleaning.considered.leaves), 'benchmark')}",
        simulated=snapshot.simulated,
        reconstructed=snapshot.reconstructed,
        sections=tuple(one for one in found if isinstance(one, Section)),
        left_out=tuple(one for one in found if isinstance(one, str)),
        panels=panel_choices(evidence),
        models=search_entries(evidence),
        pairs=pair_data(evidence) if agrees else {},
        series={} if past is None else series_data(past),
        schemes=scheme_ranks(evidence, study) if study else (),
        citations=citations(evidence),
        command=visible(evidence.command, 4000),
        facts=facts(evidence),
        brain_score=evidence.brain_score,
    )
    return report if evidence.brain_score else reworded(report)


def reworded(record: Report) -> Report:
    """Return a report without the words that hold for Brain-Score alone."""
    words: Report = _reworded(record)
    # A name in it is the user's, and the command must work as it stands.
    models = tuple((i, name, _words(text)) for i, name, text in record.models)
    return replace(words, title=record.title, command=record.command, models=models)


def reworded_page(page: Page) -> Page:
    """Return a page of the site without the words that hold for Brain-Score alone."""
    links = tuple(link for link in page.links if not link[0].startswith("https:"))
    return replace(page, answer=_words(page.answer), sections=_reworded(page.sections), links=links)


def _reworded(value: Any) -> Any:
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, tuple | list):
        return type(value)(map(_reworded, value))
    if isinstance(value, dict):
        return {key: _reworded(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _reworded(getattr(value, one.name)) for one in fields(value)})
    return value


def _words(text: str) -> str:
    for phrase, other in _PHRASES:
        text = text.replace(phrase, other)
    return _OFFICIAL.sub("tree-mean ", text)
