"""When a job is due: cron lines and intervals, the slots that they give, and what is done about missed ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Older slots are not made up for: a monthly report is, if the monitor was away for a month.
LOOK_BACK = timedelta(days=62)
_MOST_SLOTS = 1000
# Intervals are counted from here, so that every process, whenever it starts, has the same slots.
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL = re.compile(r"every ([1-9][0-9]{0,5}) ?(s|m|h|d|seconds?|minutes?|hours?|days?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Fields of a cron line: the least and the largest number of each, and the names of these numbers.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _WEEKDAYS),
)
_CATCH_UP = re.compile(r"skip|latest|all\(max ([1-9][0-9]{0,2})\)")
_NEVER = timedelta(days=366 * 9)
_DAY = timedelta(days=1)
# Offsets of one zone differ by less: so far may slots of one day reach into those of another.
_LARGEST_STEP = timedelta(hours=26)


@dataclass(frozen=True)
class Schedule:
    """When a job is due."""

    text: str  # As it was written
    after: Callable[[datetime], Iterator[datetime]]  # Slots after a moment, in order and in UTC
    interval: timedelta | None = None  # From slot to slot, if that is always the same

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot after a moment, in UTC; None if there is none."""
        return next(self.after(after), None)

    def slots(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Return the slots after a moment, up to and including another."""
        return takewhile(lambda slot: slot <= until, self.after(after))


def parse_schedule(text: str, zone: str = "UTC") -> Schedule:
    """Read a cron line (``minute hour day month weekday``) in a time zone or an interval (``every 6h``).

    Weekdays are those of cron: 0 and 7 are Sunday. A time that a zone skips is due at the moment at which it would
    have been; a repeated one is due the first time, and both times if the line begins its hours with a star. Raises
    ValueError if it cannot be read, or never occurs.
    """
    if found := _INTERVAL.fullmatch(text):
        length = timedelta(**{_UNITS[found[2][0]]: int(found[1])})
        return Schedule(text, lambda after: _every(length, after), length)
    fields = text.split()
    if len(fields) != 5:
        raise ValueError("neither five fields of cron (minute hour day month weekday) nor an interval (every 6h)")
    _, hour, day, _, weekday = fields
    if not day.startswith("*") and not weekday.startswith("*"):
        # To cron that is either of them, to other programs both: it would be due at other times than expected.
        raise ValueError("both a day of the month and a weekday; leave one of them a star")
    line = _read_line(fields, read_zone(zone), twice=hour.startswith("*"))
    schedule = Schedule(text, line.after)
    if schedule.next_slot(datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("it never occurs")
    return schedule


def _every(length: timedelta, after: datetime) -> Iterator[datetime]:
    slot = _ORIGIN + (after - _ORIGIN) // length * length
    with suppress(OverflowError):
        while True:
            slot += length
            yield slot


@dataclass(frozen=True)
class _Line:
    """A line of cron: the days on which it is due, the times on each, and whether a repeated time is due twice."""

    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    zone: ZoneInfo
    twice: bool

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield slots after a moment, in UTC, until there is none for nine years."""
        day, waiting = moment.astimezone(self.zone).date() - 2 * _DAY, set[datetime]()
        last = day + _NEVER
        with suppress(OverflowError):
            while day < last or waiting:
                waiting |= {slot for slot in self._slots(day) if slot > moment}
                day += _DAY
                # No later day has a slot before this.
                settled = _in_utc(day, time(), self.zone) - _LARGEST_STEP
                for slot in sorted(slot for slot in waiting if slot < settled):
                    waiting.remove(slot)
                    last = day + _NEVER
                    yield slot

    def _slots(self, day: date) -> Iterator[datetime]:
        if not (day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays):
            return
        for at in self.times:
            # Of a time that is skipped this is when it would have been, of a repeated one the first.
            first = _in_utc(day, at, self.zone)
            yield first
            if self.twice and (second := _in_utc(day, at.replace(fold=1), self.zone)) > first:
                yield second


def _in_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _read_line(fields: list[str], zone: ZoneInfo, *, twice: bool) -> _Line:
    read = zip(_FIELDS, fields, strict=True)
    minutes, hours, days, months, weekdays = (_values(field.lower(), *kind) for kind, field in read)
    times = tuple(time(*found) for found in product(sorted(hours), sorted(minutes)))
    return _Line(times, days, months, weekdays, zone, twice)


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
        raise ValueError("not a time zone such as UTC or Europe/Berlin") from cause


def _values(field: str, unit: str, least: int, most: int, names: Sequence[str]) -> frozenset[int]:
    """Return the numbers that a field of cron means: stars, numbers, names, ranges and steps, divided by commas."""
    named, week = {name: least + i for i, name in enumerate(names)}, unit == "weekday"

    def number(word: str) -> int:
        found = named.get(word, int(word) if re.fullmatch("[0-9]{1,2}", word) else -1)
        if not least <= found <= most + week:  # 7 is Sunday too
            spelled = f", or {names[0]} to {names[-1]}" if names else ""
            raise ValueError(f"{word!r} is no {unit}: {least}{' (Sunday)' if week else ''} to {most}{spelled}")
        return found

    values: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not (re.fullmatch("[1-9][0-9]?", step) and int(step) <= most - least + 1):
            raise ValueError(f"{part!r} has no valid step")
        begin, dash, last = (str(least), "-", str(most)) if span == "*" else span.partition("-")
        first = number(begin)
        end = number(last) if dash else most if step else first
        if week and end == 0 < first:
            end = 7  # fri-sun
        if end < first:
            raise ValueError(f"{part!r} ends before it begins")
        values |= {value % 7 if week else value for value in range(first, end + 1, int(step or 1))}
    return frozenset(values)


def parse_catch_up(text: str) -> int:
    """Read ``skip``, ``latest`` or ``all(max 10)``: the number of missed slots that are done late."""
    found = _CATCH_UP.fullmatch(text)
    if found is None:
        raise ValueError("not skip, latest or all(max 10)")
    return int(found[1] or text == "latest")


@dataclass(frozen=True, slots=True)
class Due:
    """Slots to be done now, in order, and those that were missed and will not be."""

    now: tuple[datetime, ...]
    missed: tuple[datetime, ...]


def due_slots(
    schedule: Schedule, now: datetime, last: datetime | None, lost: Iterable[datetime], late: int, grace: timedelta
) -> Due:
    """Decide which slots have to be done.

    Of several that are due at once the newest is done, and before it as many as make up ``late``; one that is older
    than the grace was missed, and with ``late`` 0 is not done. ``last`` is the newest slot, not later than ``now``,
    that was ever begun or missed; if there was none, slots due before the grace are not of this schedule. ``lost``
    slots were begun and may be begun again.
    """
    begin = max(now - grace if last is None else last, now - LOOK_BACK)
    if schedule.interval is not None:
        # Every second for two months would be millions.
        begin = max(begin, now - _MOST_SLOTS * schedule.interval)
    fresh = deque(schedule.slots(begin, now), maxlen=_MOST_SLOTS)
    again = {slot for slot in lost if now - LOOK_BACK < slot <= now}
    candidates = sorted({*fresh, *again})
    chosen = candidates[-max(1, late) :]
    if not late:
        chosen = [slot for slot in chosen if slot >= now - grace]
    missed = [slot for slot in fresh if slot not in chosen]
    return Due(tuple(chosen), tuple(missed))
