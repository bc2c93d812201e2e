"""Analysis in, report records out. A pure function: the clock, the version and the command are arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.audit import ConventionMoves
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.data.official import CellState
from brainalign_plugin.files.rejected import Rejected
from brainalign_plugin.text import visible

from ..history.series import Chronicle
from .audit import cleaning_section, reproduction
from .certainty import Certainty, certainty_section
from .chart_data import chart_data
from .claims import claims
from .comparison import comparison, comparison_size
from .history_section import history_section, history_tables
from .rank_section import rank_section
from .records import Header, ReportView, Share
from .scheme_sections import scheme_sections
from .sections import agreement_section, parts_section, spread_section, weight_section
from .wording import count, day, percent, plural


def build_view(  # noqa: PLR0913 -- by keyword alone, one for each thing that a page shows
    analysis: Analysis,
    *,
    study: SchemeStudy | None = None,
    conventions: ConventionMoves | None = None,
    certainty: Certainty | None = None,
    past: Chronicle | None = None,
    set_aside: Sequence[Rejected] = (),
    generated_at: datetime,
    version: str,
    command: str,
    software: Mapping[str, str] | None = None,
) -> ReportView:
    """Turn the analysis of one snapshot into the records that a report displays.

    Parameters
    ----------
    analysis : Analysis
    study : SchemeStudy, optional
        All schemes on the cleaned board; without it the page ranks under the schemes of the analysis alone.
    conventions : ConventionMoves, optional
        What rules for missing cells move; said with the schemes.
    certainty : Certainty, optional
        How sure the figures of agreement are; without it the page does not say.
    past : Chronicle, optional
        The boards before this one; without it the page has no section on them.
    set_aside : sequence of Rejected
        Cells of the payload that could not be read (``Pull.set_aside``).
    generated_at : datetime
        With time zone; printed in the page.
    version : str
        Of BrainAlign.
    command : str
        The command line that makes this report again.
    software : mapping of str to str, optional
        Versions of the libraries that the numbers rest on, by name.

    Returns
    -------
    ReportView
        Equal arguments give equal records.
    """
    charts = chart_data(analysis, study)
    if past is not None:
        charts = replace(charts, tables={**charts.tables, **history_tables(past)})
    return ReportView(
        header=_header(analysis),
        claims=claims(analysis, certainty),
        comparison=comparison(analysis),
        comparison_size=comparison_size(analysis),
        agreement=agreement_section(analysis),
        parts=parts_section(analysis),
        spread=spread_section(analysis),
        weights=weight_section(analysis),
        ranks=rank_section(analysis, study),
        certainty=None if certainty is None else certainty_section(certainty),
        schemes=None if study is None else scheme_sections(analysis, study, conventions),
        history=None if past is None else history_section(past),
        cleaning=cleaning_section(analysis, set_aside),
        reproduction=reproduction(analysis, study, certainty, generated_at, version, command, software or {}),
        charts=charts,
    )


def _header(analysis: Analysis) -> Header:
    snapshot = analysis.snapshot
    considered, board = analysis.cleaning.considered, analysis.cleaning.board
    return Header(
        title=f"Brain-Score {visible(snapshot.domain)}",
        as_of=day(snapshot.as_of_time),
        models=plural(len(snapshot.models), "model"),
        benchmarks=plural(len(considered.leaves), "benchmark"),
        cleaned=f"{count(len(board.models))} × {count(len(board.leaves))}",
        states=_states(analysis),
        simulated=snapshot.simulated,
        reconstructed=snapshot.reconstructed,
    )


def _states(analysis: Analysis) -> tuple[Share, ...]:
    states = analysis.cleaning.considered.states
    shares, start = [], 0.0
    for state in (CellState.SCORED, CellState.FAILED, CellState.NEVER):
        share = float((states == state).mean()) if states.size else 0.0
        shares.append(Share(state.name, percent(share), f"{100 * start:.2f}", f"{100 * share:.2f}"))
        start += share
    return tuple(shares)
