"""The report of one board: its sections in the order of the page."""

from __future__ import annotations

from brainalign_plugin.text import counted, leaderboard, visible

from .agreement import agreement_section, pair_data
from .average import average_section
from .changed import changed_section
from .evidence import Evidence
from .moves import moves_section
from .other_boards import reworded
from .over_time import series_data, time_section
from .ranks import ranks_section
from .records import Report, Section
from .sample import panel_choices, sample_section, search_entries
from .schemes import missing_schemes, scheme_ranks, schemes_section, without_parts
from .trust import citations, facts, trust_section
from .wording import day, listed

PARTS_NEEDED = "it needs a neural and a behavioural part that vary"


def build_report(evidence: Evidence) -> Report:
    """Turn the evidence on one board into the records that its report displays. Equal evidence gives equal records."""
    analysis, past = evidence.analysis, evidence.past
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    sections: list[Section] = [
        changed_section(evidence.since, cleaning.board, evidence.certainty.bootstrap),
        sample_section(evidence),
    ]
    left_out = []
    agrees = analysis.agreement.all_pairs.pairs > 0
    if agrees:
        sections.append(agreement_section(evidence))
    else:
        left_out.append("Do the benchmarks agree? (no pair of benchmarks has a rank correlation)")
    if evidence.has_parts and all(part.r2 is not None for part in analysis.explained.parts.values()):
        sections.append(average_section(evidence))
    else:
        left_out.append(f"What decides the average? ({PARTS_NEEDED})")
    sections.append(ranks_section(evidence))
    if evidence.study is not None:
        sections.append(schemes_section(evidence))
        if schemes := without_parts(evidence):
            left_out.append(f"The schemes {listed(schemes)} ({PARTS_NEEDED.replace('it needs', 'they need')})")
        left_out += missing_schemes(evidence)
    else:
        left_out.append("What would another aggregate change? (it needs two models without a gap)")
    if evidence.since is not None:
        sections.append(moves_section(evidence, evidence.since))
    else:
        left_out.append("Who moved, and why? (no board was observed before)")
    if past is not None:
        sections.append(time_section(past))
    else:
        left_out.append("How did that come about? (the store holds no other board)")
    sections.append(trust_section(evidence))
    report = Report(
        title=visible(evidence.title or leaderboard(snapshot.domain), 120),
        as_of=day(snapshot.as_of_time) if snapshot.dated else "",
        size=f"{counted(len(snapshot.models), 'model')} × {counted(len(cleaning.considered.leaves), 'benchmark')}",
        simulated=snapshot.simulated,
        reconstructed=snapshot.reconstructed,
        sections=tuple(sections),
        left_out=tuple(left_out),
        panels=panel_choices(evidence),
        models=search_entries(evidence),
        pairs=pair_data(evidence) if agrees else {},
        series={} if past is None else series_data(past),
        schemes=scheme_ranks(evidence),
        citations=citations(evidence),
        command=visible(evidence.command, 4000),
        facts=facts(evidence),
        brain_score=evidence.brain_score,
    )
    return report if evidence.brain_score else reworded(report)
