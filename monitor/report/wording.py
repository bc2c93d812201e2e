"""Numbers, dates and foreign text as the page shows them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import PurePath

from brainalign_plugin.certainty.bootstrap import Interval
from brainalign_plugin.text import UNKNOWN, visible

from ..history.figures import COUNTS, MINUS, SHARES

# Outcomes of the poster's claims.
CLAIM = {"holds": "holds", "weaker": "is weaker", "fails": "fails"}
_THIN = "\N{NARROW NO-BREAK SPACE}"


def public_source(source: str) -> str:
    """Return a source as strangers may read it: an address without credentials and query, a path's last name."""
    scheme, sign, rest = source.partition("://")
    if not sign:
        return PurePath(source).name or source
    if scheme not in ("http", "https"):
        return f"a {scheme.partition('+')[0]} database"
    return f"{scheme}://{rest.partition('?')[0].partition('#')[0].rpartition('@')[2]}"


def known(value: float | None) -> float | None:
    """Return the value as a float, or None if it is missing or not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals and a true minus sign."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:z.{digits}f}".replace("-", MINUS)


def small(value: float | None) -> str:
    """Return a difference that may be tiny: six decimals, without the zeros at the end."""
    text = number(value, 6)
    return text if text == UNKNOWN else text.rstrip("0").rstrip(".")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage."""
    text = number(None if value is None else 100 * value, digits)
    return text if text == UNKNOWN else f"{text}{_THIN}%"


def chance(value: float) -> str:
    """Return a probability from a finite number of draws, which is never 0 or 1."""
    if value > 0.99:
        return "a probability above 0.99"
    return "a probability below 0.01" if value < 0.01 else f"a probability of {number(value, 2)}"


def rank_words(rank: int | None) -> str:
    """Return an official rank in words."""
    return "no official rank" if rank is None else f"official rank {rank}"


def count(value: int) -> str:
    """Return a count with thousands marked."""
    return f"{value:,}"


def within(name: str, interval: Interval | None) -> str:
    """Return an interval of a headline figure in words, in brackets; empty if there is none."""
    if interval is None:
        return ""
    low, high = (figure(name, end) for end in (interval.low, interval.high))
    return f" ({percent(interval.level, 0)} interval {low} to {high})"


def span(interval: Interval | None) -> str:
    """Return an interval as its two ends."""
    return UNKNOWN if interval is None else f"{number(interval.low, 2)} to {number(interval.high, 2)}"


def figure(name: str, value: float | None) -> str:
    """Return a headline figure by its kind: a count, a share or a number."""
    if value is None:
        return UNKNOWN
    if name in COUNTS:
        return count(round(value))
    return percent(value) if name in SHARES else number(value)


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '…')) else '.'}"


def whole_names(reason: str, limit: int = 120) -> str:
    """Return a reason on one line; names in it that are too many end after a whole one."""
    shown = visible(reason, 5000)
    if len(shown) <= limit:
        return shown
    head, comma, _ = shown[:limit].rpartition(", ")
    if not comma:
        return visible(shown, limit)
    return f"{head}, …{')' * (head.count('(') - head.count(')'))}"


def listed(words: tuple[str, ...]) -> str:
    """Words as an enumeration: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def day(moment: datetime) -> str:
    """Return a date in UTC, e.g. 1 January 2024; with the time of day unless it is midnight."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B} {utc.year}" + ("" if (utc.hour, utc.minute) == (0, 0) else f", {utc:%H:%M} UTC")
