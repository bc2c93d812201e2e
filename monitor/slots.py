"""When a job is due: cron lines and intervals, the slots that they give, and what is done about missed ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

# What was missed longer ago is not made up for: a monthly report is, if the monitor was away for a month.
LOOK_BACK = timedelta(days=62)
_MOST_SLOTS = 1000
# Intervals are counted from here, so that every process, whenever it starts, has the same slots.
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL = re.compile(r"every ([1-9][0-9]{0,5}) ?(s|m|h|d|seconds?|minutes?|hours?|days?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CATCH_UP = re.compile(r"skip|latest|all\(max ([1-9][0-9]{0,2})\)")
_NEVER = timedelta(days=366 * 9)


@dataclass(frozen=True)
class Schedule:
    """When a job is due.

    Attributes
    ----------
    text : str
        As it was written.
    trigger : BaseTrigger
        Without jitter: it gives the slots, not the moments at which they are done.
    once_in_a_repeated_hour : bool
        Whether a slot in the hour that a clock goes through twice is left out the second time.
    interval : timedelta or None
        From slot to slot, if that is always the same.
    """

    text: str
    trigger: BaseTrigger
    once_in_a_repeated_hour: bool
    interval: timedelta | None = None

    def next_slot(self, after: datetime) -> datetime | None:
        """The first slot after a moment, in UTC; None if there is none."""
        begin = after.astimezone(UTC)
        while True:
            found = self.trigger.get_next_fire_time(None, begin + timedelta(microseconds=1))
            if found is None:
                return None
            slot: datetime = found.astimezone(UTC)
            # In the zone again: a wall-clock time that was skipped in spring is only then one that there was.
            if not (self.once_in_a_repeated_hour and slot.astimezone(found.tzinfo).fold):
                return slot
            begin = slot

    def slots(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Slots after a moment, up to and including another."""
        slot = self.next_slot(after)
        while slot is not None and slot <= until:
            yield slot
            slot = self.next_slot(slot)


def parse_schedule(text: str, zone: str = "UTC") -> Schedule:
    """Read a cron line (``minute hour day month weekday``) or an interval (``every 6h``).

    Weekdays are those of cron: 0 and 7 are Sunday. In a night in which clocks are set back, a cron line with given
    hours is due once, one for every hour in every hour that passes; in one in which they are set forward, a time that
    is skipped is due when it would have been.

    Parameters
    ----------
    text : str
    zone : str
        Time zone of a cron line, a name such as ``Europe/Berlin``.

    Raises
    ------
    ValueError
        If it cannot be read, or never comes.
    """
    # The library takes a while to load, and only who has a schedule needs it.
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if found := _INTERVAL.fullmatch(text):
        length = {_UNITS[found[2][0]]: int(found[1])}
        trigger = IntervalTrigger(start_date=_ORIGIN, timezone=UTC, **length)
        return Schedule(text, trigger, False, timedelta(**length))
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(
            "neither five fields of cron (minute hour day month weekday) nor an interval (every 6h)"
        )
    minute, hour, day, month, weekday = fields
    if not day.startswith("*") and not weekday.startswith("*"):
        # To cron that is either of them, to this library both: it would be due at other times than expected.
        raise ValueError("both a day of the month and a weekday; leave one of them a star")
    try:
        cron = CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month.lower(),
            day_of_week=_weekdays(weekday.lower()),
            timezone=read_zone(zone),
        )
    except ValueError as cause:
        raise ValueError(f"not a line of cron: {cause}") from cause
    schedule = Schedule(text, cron, not hour.startswith("*"))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    first = schedule.next_slot(start)
    if first is None or first > start + _NEVER:
        raise ValueError("it never comes")
    return schedule


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises
    ------
    ValueError
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
        raise ValueError("not a time zone such as UTC or Europe/Berlin") from cause


def _weekdays(field: str) -> str:
    """A weekday field of cron in names: the library counts from Monday, cron from Sunday, and names are the same."""

    def number(word: str) -> int:
        if word in _WEEKDAYS:
            return _WEEKDAYS.index(word)
        if not re.fullmatch("[0-7]", word):
            raise ValueError(f"{word!r} is no weekday: 0 (Sunday) to 6, or sun to sat")
        return int(word)

    if field == "*":
        return field
    days: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if step and not re.fullmatch("[1-7]", step):
            raise ValueError(f"{part!r} has no step that there is")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        begin = number(first)
        end = number(last) if dash else 6 if step else begin
        if end < begin and end == 0:
            end = 7  # fri-sun
        if end < begin:
            raise ValueError(f"{part!r} ends before it begins")
        days |= {day % 7 for day in range(begin, end + 1, int(step or 1))}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What is done about slots that were missed.

    Attributes
    ----------
    policy : str
        ``skip``: nothing; ``latest``: the newest of them is done, late; ``all``: the newest ``most`` are.
    most : int
    """

    policy: Literal["skip", "latest", "all"]
    most: int


def parse_catch_up(text: str) -> CatchUp:
    """Read ``skip``, ``latest`` or ``all(max 10)``.

    Raises
    ------
    ValueError
    """
    found = _CATCH_UP.fullmatch(text)
    if found is None:
        raise ValueError("not skip, latest or all(max 10)")
    if found[1] is not None:
        return CatchUp("all", int(found[1]))
    return CatchUp("skip", 0) if text == "skip" else CatchUp("latest", 1)


@dataclass(frozen=True, slots=True)
class Due:
    """Slots to be done now, in order, and those that were missed and will not be."""

    now: tuple[datetime, ...]
    missed: tuple[datetime, ...]


def due_slots(
    schedule: Schedule,
    now: datetime,
    last: datetime | None,
    lost: Iterable[datetime],
    catch_up: CatchUp,
    grace: timedelta,
) -> Due:
    """Decide which slots have to be done.

    Of several that are due at once the newest is done, and with ``all`` some before it; one that is older than the
    grace was missed, and with ``skip`` is not done.

    Parameters
    ----------
    schedule : Schedule
    now : datetime
    last : datetime or None
        The newest slot, not later than ``now``, that was ever begun or missed. None if there was none: then what was
        due before the grace is not of this schedule.
    lost : iterable of datetime
        Slots that were begun and may be begun again.
    catch_up : CatchUp
    grace : timedelta
    """
    begin = max(now - grace if last is None else last, now - LOOK_BACK)
    if schedule.interval is not None:
        # Every second for two months would be millions.
        begin = max(begin, now - _MOST_SLOTS * schedule.interval)
    fresh = deque(schedule.slots(begin, now), maxlen=_MOST_SLOTS)
    again = {slot for slot in lost if now - LOOK_BACK < slot <= now}
    candidates = sorted({*fresh, *again})
    late = now - grace
    chosen = candidates[-max(1, catch_up.most) :]
    if catch_up.policy == "skip":
        chosen = [slot for slot in chosen if slot >= late]
    missed = [slot for slot in fresh if slot not in chosen]
    return Due(tuple(chosen), tuple(missed))
