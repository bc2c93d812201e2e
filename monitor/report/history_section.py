"""The section on a board's past: what changed since the board before, the figures over time, and why they moved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from brainalign_plugin.text import visible

from ..history.attribution import STEPS
from ..history.changelog import changes_in_words
from ..history.series import ANALYSIS, FULL, Change, Chronicle, Point
from .history_panels import (
    LABELS,
    NAMES,
    PANEL_NAMES,
    Columns,
    cohort_columns,
    cohorts_figure,
    cohorts_table,
    figure_value,
    panel_tables,
    panels,
    rounded,
    short_day,
    signed,
)
from .history_records import Break, ChartGroup, HistorySection, SincePrevious, Step
from .records import Column, Figure, Table
from .wording import UNKNOWN, count, day, listed, plural

RANKS_SHOWN = 10
BREAKS_SHOWN = 12
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOTHING = 1e-12
# A minus sign before a number, not the hyphen inside a name.
_SIGN = re.compile(r"(?:(?<=^)|(?<=, ))-(?=[0-9])")
Moments = tuple[datetime, datetime]


def history_section(past: Chronicle) -> HistorySection:
    """Build the section from the history of the boards up to this one."""
    points = past.history.series["models"]
    full = [p for p in points if p.panel == FULL]
    letters = _letters(past)
    return HistorySection(
        headline=_headline(past),
        text=_text(full),
        panels=panels(past),
        since=_since(past, full),
        groups=tuple(
            ChartGroup(group, tuple(_figure(past, name, label) for name, label in labels.items()))
            for group, labels in LABELS.items()
        ),
        breaks=tuple(Break(letter, when, text) for letter, when, _, text in letters),
        breaks_text=_breaks_text(past, len(letters)),
        steps=_steps(past, {moment: letter for letter, _, moment, _ in letters}),
        cohorts=cohorts_figure(past.history.cohorts),
        cohorts_table=cohorts_table(past.history.cohorts),
        panel_tables=panel_tables(past),
    )


def history_tables(past: Chronicle) -> dict[str, Columns]:
    """Tables of the charts: one a figure, and one of the breaks."""
    tables: dict[str, Columns] = {}
    why = {(change.figure, change.later): change for change in past.history.changes}
    for name in NAMES:
        points = [p for p in past.history.series[name] if p.value is not None]
        tables[f"history_{name}"] = {
            "at": tuple(_millis(p.as_of) for p in points),
            "when": tuple(short_day(p.as_of) for p in points),
            "value": tuple(rounded(p.value) for p in points),
            "low": tuple(None if p.interval is None else rounded(p.interval[0]) for p in points),
            "high": tuple(None if p.interval is None else rounded(p.interval[1]) for p in points),
            "panel": tuple(p.panel for p in points),
            "held": tuple(PANEL_NAMES[p.panel] for p in points),
            "origin": tuple(p.origin for p in points),
            "size": tuple(f"{p.models} × {p.benchmarks}" for p in points),
            "cause": tuple(_main_cause(why.get((name, p.as_of))) if p.panel == FULL else "" for p in points),
        }
    tables["history_cohorts"] = cohort_columns(past.history.cohorts)
    letters = _letters(past)
    tables["history_breaks"] = {
        "at": tuple(_millis(moment) for _, _, moment, _ in letters),
        "letter": tuple(letter for letter, *_ in letters),
    }
    return tables


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _text(full: Sequence[Point]) -> str:
    made = sum(point.origin == "reconstructed" for point in full)
    which = (
        "all of them observed"
        if not made
        else f"{count(made)} of them reconstructed from a later one by the times of its scores: such a board lacks the "
        "models and benchmarks that are gone, and has what was overwritten since"
    )
    return f"{plural(len(full), 'board')} from {day(full[0].as_of)} to {day(full[-1].as_of)}, {which}."


def _headline(past: Chronicle) -> str:
    """What the reader of the first screen should know of the last step; empty if no figure moved."""
    if past.changes is None:
        return ""
    earlier, later = past.changes.earlier.as_of_time, past.changes.later.as_of_time
    moved = _by_step(past).get((earlier, later), [])
    if not moved:
        return f"Since the board of {day(earlier)} no figure moved."
    models = next((change for change in moved if change.figure == "models"), None)
    why = f" ({_typeset(models.causes)})" if models is not None else ""
    return f"Since the board of {day(earlier)}: {_summary(moved, why)}."


def _figure(past: Chronicle, name: str, label: str) -> Figure:
    known = [p for p in past.history.series[name] if p.panel == FULL and p.value is not None]
    if not known:
        return Figure(f"history-{name}", label, "", "It exists on no board.")
    first, last = ((figure_value(name, p.value), day(p.as_of)) for p in (known[0], known[-1]))
    return Figure(
        f"history-{name}",
        label,
        f"{label} over time: {first[0]} on {first[1]}, {last[0]} on {last[1]}. Every value is in the table below.",
    )


# --- breaks ---------------------------------------------------------------------------------------------------------

_Letter = tuple[str, str, datetime, str]


def _letters(past: Chronicle) -> list[_Letter]:
    """Letter, day, moment and sentence of the breaks: the sample's benchmarks changed, or scores were restated."""
    found: dict[datetime, list[str]] = {}
    weight: dict[datetime, float] = {}
    points = [p for p in past.history.series["models"] if p.panel == FULL]
    first, last = points[0].as_of, points[-1].as_of
    for moments, changes in _by_step(past).items():
        by = {change.figure: change for change in changes}
        if _sample_changed(by.get("benchmarks")):
            found.setdefault(moments[1], []).append(_sample_text(by))
            models = by.get("models")
            weight[moments[1]] = abs(models.delta) if models else 0.0
    for later, steps in groupby(past.restated, key=lambda r: r.later):
        moved = listed(tuple(NAMES[r.figure] for r in steps))
        found.setdefault(later, []).append(
            f"scores were restated: {moved} changed on the models and benchmarks that the boards share"
        )
        weight[later] = float("inf")
    for event in past.events:
        start = datetime(event.first.year, event.first.month, event.first.day, tzinfo=UTC)
        if first <= start <= last:
            found.setdefault(start, []).append(f"known: {visible(event.text)}")
            weight[start] = float("inf")
    chosen = sorted(sorted(found, key=lambda moment: -weight[moment])[:BREAKS_SHOWN])
    return [
        (letter, day(moment), moment, "; ".join(found[moment]))
        for letter, moment in zip(_LETTERS, chosen, strict=False)
    ]


def _by_step(past: Chronicle) -> dict[Moments, list[Change]]:
    steps: dict[Moments, list[Change]] = {}
    for change in past.history.changes:
        steps.setdefault((change.earlier, change.later), []).append(change)
    return steps


def _sample_changed(benchmarks: Change | None) -> bool:
    return benchmarks is not None and any(
        abs(part or 0.0) > _NOTHING for part in benchmarks.attribution.values()
    )


def _sample_text(by: Mapping[str, Change]) -> str:
    parts = [f"benchmarks kept {_from_to(by['benchmarks'])} ({_typeset(by['benchmarks'].causes)})"]
    if "models" in by:
        parts.append(f"complete cases {_from_to(by['models'])} ({_typeset(by['models'].causes)})")
    return "; ".join(parts)


def _from_to(change: Change) -> str:
    before, after = (figure_value(change.figure, v) for v in (change.before, change.after))
    return f"stayed at {after}" if before == after else f"{before} → {after}"


def _breaks_text(past: Chronicle, shown: int) -> str:
    if not shown:
        return (
            "No benchmark entered or left the sample, no figure changed by restated scores, and no known event lies in "
            "this time."
        )
    steps = [{change.figure: change for change in changes} for changes in _by_step(past).values()]
    many = sum(_sample_changed(by.get("benchmarks")) for by in steps)
    return (
        "Letters in the charts: the cleaning kept other benchmarks than before, scores were restated, or something is "
        f"known to have happened to the leaderboard. The sample of benchmarks changed at {count(many)} of "
        f"{plural(len(steps), 'step')}; at most {BREAKS_SHOWN} breaks are named here, those that moved the most models."
    )


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(past: Chronicle, letters: Mapping[datetime, str]) -> tuple[Step, ...]:
    """Every step in which a figure moved, the newest first."""
    found = []
    for number_, ((earlier, later), changes) in enumerate(_by_step(past).items()):
        found.append(
            Step(
                when=f"{day(earlier)} to {day(later)}",
                letter=letters.get(later, ""),
                summary=_summary(changes),
                reasons=_reasons(changes),
                table=_change_table(f"history-step-{number_}", "Figures that moved", changes),
            )
        )
    return tuple(reversed(found))


def _summary(changes: Sequence[Change], why: str = "") -> str:
    """The main figures' moves; ``why`` is said behind the first."""
    by = {change.figure: change for change in changes}
    told = [
        f"{NAMES[name]} {_from_to(by[name])}" for name in ("models", "mean_rho", "r2_behavior") if name in by
    ]
    first, *others = told or [plural(len(changes), "figure") + " moved"]
    return ", ".join([first + why, *others])


def _reasons(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return the reasons of all changes of a step, each once."""
    return tuple(dict.fromkeys(visible(reason, 600) for change in changes for reason in change.reasons))


def _change_table(table_id: str, caption: str, changes: Sequence[Change]) -> Table:
    """Return every figure that moved, and the part of each step of the path that moved any."""
    steps = [
        step
        for step in (*STEPS, ANALYSIS)
        if any(abs(c.attribution[step] or 0.0) > _NOTHING for c in changes)
    ]
    columns = (
        Column("figure", "text"),
        Column("before"),
        Column("after"),
        Column("change"),
        *(Column(step.replace("_", " ")) for step in steps),
    )
    rows = tuple(
        (
            NAMES[c.figure],
            figure_value(c.figure, c.before),
            figure_value(c.figure, c.after),
            signed(c.figure, c.delta),
            *(_part(c, step) for step in steps),
        )
        for c in changes
    )
    return Table(table_id, caption, columns, rows)


def _part(change: Change, step: str) -> str:
    part = change.attribution[step]
    return UNKNOWN if part is None else "0" if abs(part) <= _NOTHING else signed(change.figure, part)


def _typeset(causes: str) -> str:
    return _SIGN.sub("−", visible(causes, 600))


def _main_cause(change: Change | None) -> str:
    if change is None:
        return ""
    why = f": {change.reasons[0]}" if change.reasons else ""
    return visible(f"{signed(change.figure, change.delta)}{why}", 120)


# --- since the board before -----------------------------------------------------------------------------------------


def _since(past: Chronicle, full: Sequence[Point]) -> SincePrevious | None:
    changes = past.changes
    if changes is None:
        return None
    moves = changes.rank_moves[:RANKS_SHOWN]
    earlier, later = changes.earlier.as_of_time, changes.later.as_of_time
    last = _by_step(past).get((earlier, later), [])
    origin = {point.as_of: point.origin for point in full}
    text = (
        f"Between the board of {day(earlier)} ({origin[earlier]}) and that of {day(later)} ({origin[later]})."
    )
    if later != full[-1].as_of:
        text += " The boards since then say the same."
    return SincePrevious(
        text=text,
        lines=tuple(visible(line, 600) for line in changes_in_words(changes)),
        reasons=_reasons(last),
        figures=_change_table("history-last-step", "Figures that moved since then, and by which step", last),
        ranks=Table(
            "history-ranks",
            f"Official ranks that moved furthest, of {plural(len(changes.rank_moves), 'model')} that moved",
            (Column("model", "name"), Column("before"), Column("now"), Column("places")),
            tuple(
                (
                    f"{visible(m.name, 120)} · id {m.model}",
                    count(m.before),
                    count(m.after),
                    f"+{m.before - m.after}" if m.after < m.before else f"−{m.after - m.before}",
                )
                for m in moves
            ),
        ),
    )
