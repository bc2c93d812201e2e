"""Figures, dates and foreign text as messages and the site show them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from brainalign_plugin.text import printable

from ..history.figures import COUNTS, FIGURES, difference_text, figure_text
from ..history.series import FULL, History, Point
from .messages import Digest, DigestPeriod, HeadlineFigure

Interval = tuple[float, float] | None


def one_line(text: str, limit: int = 400) -> str:
    """Return foreign text on one line, without control and direction characters, cut to a length."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


# Mentions and links in chats: of all in a room, as Slack and Discord write it, of a person.
_MENTION = re.compile(r"(?<![\w.+-])[@\uff20](?=\S)|[@\uff20](?=everyone|here|channel|all|room)|<(?=\S)", re.IGNORECASE)


def without_mentions(text: str) -> str:
    """Return foreign text that looks the same in a chat without mentions, because names of models are arbitrary."""
    return _MENTION.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)


def figure_label(name: str) -> str:
    """Return the name of a headline figure in words."""
    return FIGURES.get(name, name)


def interval_text(name: str, interval: tuple[float, float] | None) -> str:
    """Return an interval of a headline figure as text; empty if there is none, or if it has no width."""
    if interval is None or interval[0] == interval[1]:
        return ""
    return f"{figure_text(name, interval[0])} to {figure_text(name, interval[1])}"


def change_text(figure: HeadlineFigure) -> str:
    """Return the change of a figure; empty if it is unknown or zero."""
    if figure.now is None or figure.before is None:
        return ""
    return difference_text(figure.name, figure.now - figure.before)


def shown_figure(figure: HeadlineFigure) -> dict[str, str]:
    """Return a headline figure for the templates."""
    return {
        "name": figure.name,
        "label": figure_label(figure.name),
        "now": figure_text(figure.name, figure.now),
        "interval": interval_text(figure.name, figure.now_interval),
        "before": figure_text(figure.name, figure.before),
        "before_interval": interval_text(figure.name, figure.before_interval),
        "change": change_text(figure),
    }


def figures_at(
    history: History, now: int, before: int | None, intervals: Mapping[str, Interval] | None = None
) -> tuple[HeadlineFigure, ...]:
    """Return the headline figures of two boards of a history, on the whole board after cleaning.

    `now, before`: numbers of their snapshots. `intervals`: of the figures now, from more resamples than the history
    takes: those that the report of that board shows.
    """
    found = []
    for name in FIGURES:
        points = {point.snapshot: point for point in history.series[name] if point.panel == FULL}
        value, interval = _seen(points[now])
        if intervals is not None and name not in COUNTS:
            interval = intervals[name]
        earlier = None if before is None else points.get(before)
        found.append(HeadlineFigure(name, value, interval, *_seen(earlier)))
    return tuple(found)


def _seen(point: Point | None) -> tuple[float | None, Interval]:
    return (None, None) if point is None else (point.value, point.interval)


def day_text(day: date | datetime) -> str:
    """Return a day in words, such as 1 January 2024."""
    return f"{day.day} {day:%B} {day.year}"


def period_text(digest: Digest) -> str:
    """Return the period of a digest in words."""
    if digest.period is DigestPeriod.MONTHLY:
        return f"{digest.first:%B} {digest.first.year}"
    year, week, _ = digest.first.isocalendar()
    return f"week {week} of {year}"


def period_name(digest: Digest) -> str:
    """Return the period of a digest as a name: 2026-W48, 2026-11."""
    if digest.period is DigestPeriod.MONTHLY:
        return f"{digest.first:%Y-%m}"
    year, week, _ = digest.first.isocalendar()
    return f"{year}-W{week:02d}"
