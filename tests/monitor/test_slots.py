"""When jobs are due: cron as cron means it, both nights in which clocks change, and what is done about missed slots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.config.schedule import due_slots, parse_catch_up, parse_schedule

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# A Wednesday.
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)


def slots(text: str, after: datetime, length: timedelta = DAY, zone: str = "UTC") -> list[datetime]:
    return list(parse_schedule(text, zone).slots(after - timedelta(microseconds=1), after + length))


def clock(found: Sequence[datetime], zone: str = "UTC") -> list[str]:
    return [f"{slot.astimezone(ZoneInfo(zone)):%H:%M}" for slot in found]


def test_a_day_of_cron_and_of_an_interval():
    day = NOON.replace(hour=0)
    assert clock(slots("17 6,18 * * *", day)) == ["06:17", "18:17"]
    assert clock(slots("*/30 22-23 * * *", day)) == ["22:00", "22:30", "23:00", "23:30"]
    assert clock(slots("every 6h", day)) == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert clock(slots("every 90 minutes", day, 4 * HOUR)) == ["00:00", "01:30", "03:00"]
    assert clock(slots("0 7 * * *", day, zone="America/New_York")) == ["11:00"]


@pytest.mark.parametrize(
    ("field", "days"),
    [
        *(("0", "Sun"), ("7", "Sun"), ("1", "Mon"), ("6", "Sat"), ("mon", "Mon"), ("SUN", "Sun")),
        *(("1-5", "Mon Tue Wed Thu Fri"), ("5-7", "Fri Sat Sun"), ("fri-sun", "Fri Sat Sun")),
        *(("*/2", "Tue Thu Sat Sun"), ("0-6/3", "Wed Sat Sun"), ("2,4", "Tue Thu"), ("5/1", "Fri Sat")),
    ],
)
def test_weekdays_are_those_of_cron(field, days):
    monday = NOON.replace(hour=0, day=13)
    assert [f"{slot:%a}" for slot in slots(f"0 1 * * {field}", monday, 7 * DAY)] == days.split()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("daily", "neither five fields of cron"),
        ("* * * *", "neither five fields"),
        ("every 0h", "neither five fields"),
        ("every 5 fortnights", "neither five fields"),
        ("61 * * * *", "'61' is no minute: 0 to 59"),
        ("0 0 * foo *", "'foo' is no month: 1 to 12, or jan to dec"),
        ("0 0 * * 8", "'8' is no weekday"),
        ("0 0 * * 5-2", "ends before it begins"),
        ("0 0 * * */9", "has no valid step"),
        ("0 0 1 * mon", "both a day of the month and a weekday"),
        ("0 0 31 2 *", "never occurs"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_schedule(text)


def test_a_zone_that_is_none_is_refused():
    for name in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="not a time zone"):
            parse_schedule("0 1 * * *", name)


# The two nights. In Berlin 02:00 becomes 03:00 on 29 March, and 03:00 becomes 02:00 on 25 October.


@pytest.mark.parametrize(
    ("text", "spring", "autumn"),
    [
        # A time that is skipped is due when it would have been; one that comes twice the first time.
        ("30 2 * * *", ["01:30"], ["00:30"]),
        ("0 3 * * *", ["01:00"], ["02:00"]),
        ("0 2,3 * * *", ["01:00"], ["00:00", "02:00"]),
        # Every hour that passes.
        ("30 * * * *", ["00:30", "01:30", "02:30"], ["00:30", "01:30", "02:30"]),
        ("every 1h", ["00:00", "01:00", "02:00", "03:00"], ["00:00", "01:00", "02:00", "03:00"]),
    ],
)
def test_the_nights_in_which_clocks_change(text, spring, autumn):
    for night, expected in ((SPRING, spring), (AUTUMN, autumn)):
        assert clock(slots(text, night, 3 * HOUR, "Europe/Berlin")) == expected


# The documented rule, minute by minute, without anything that knows of folds.

ZONES = {
    2026: (
        *("Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Havana", "America/Santiago"),
        *("America/Asuncion", "America/Sao_Paulo", "America/Nuuk", "America/Scoresbysund", "Atlantic/Azores"),
        *("Asia/Beirut", "Asia/Gaza", "Asia/Jerusalem", "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun"),
        *("Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Norfolk"),
        *("Antarctica/Troll", "Asia/Kathmandu", "UTC"),
    ),
    2011: ("Pacific/Apia", "Europe/Moscow", "America/Sao_Paulo", "Asia/Damascus"),
    2018: ("Asia/Pyongyang", "America/Sao_Paulo", "Africa/Sao_Tome"),
}
LINES = (
    *(f"{minute} {hour} * * *" for hour in range(24) for minute in (0, 30, 59)),
    *("* * * * *", "*/20 * * * *", "15 */2 * * *", "0 * * * *", "*/7 0-3 * * *", "0,45 23,0 * * *", "5 0-22/2 * * *"),
    *(f"{at} * * {day}" for at in ("0 0", "30 0", "30 23", "10 *", "0 2,3") for day in range(7)),
    *(f"0 0 {day} * *" for day in ("1", "28-31", "*/2", "29,30,31")),
)


def matching(field: str, least: int, most: int) -> list[int]:
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = f"{least}-{most}".partition("-") if span == "*" else span.partition("-")
        found.update(range(int(first), int(last or first) + 1)[:: int(step or 1)])
    return sorted(found)


def walls_of(passing: Sequence[datetime], zone: ZoneInfo) -> dict[datetime, list[datetime]]:
    """What a clock on the wall shows in minutes that pass, and when; a time that is skipped when it would have been."""
    seen: dict[datetime, list[datetime]] = {}
    for moment in passing:
        seen.setdefault(moment.astimezone(zone).replace(tzinfo=None), []).append(moment)
    for earlier, later in pairwise(sorted(seen)):
        for late in range(1, (later - earlier) // MINUTE):
            seen[earlier + late * MINUTE] = [seen[earlier][0] + late * MINUTE]
    return seen


def by_the_rule(line: str, walls: dict[datetime, list[datetime]]) -> list[datetime]:
    minute, hour, day, _, weekday = line.split()
    found: set[datetime] = set()
    for date in sorted({wall.date() for wall in walls}):
        if date.day in matching(day, 1, 31) and date.isoweekday() % 7 in matching(weekday, 0, 6):
            for at in product(matching(hour, 0, 23), matching(minute, 0, 59)):
                moments = walls.get(datetime.combine(date, time(*at)), [])
                found.update(moments if hour.startswith("*") else moments[:1])
    return sorted(found)


def changes_of(year: int, name: str) -> Iterator[tuple[datetime, dict[datetime, list[datetime]]]]:
    """The hours of a year in which a zone sets its clock, each with what a clock on the wall shows around it."""
    zone = ZoneInfo(name)
    hours = [datetime(year, 1, 1, tzinfo=UTC) + number * HOUR for number in range(366 * 24)]
    changes = [
        later
        for earlier, later in pairwise(hours)
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
    ]
    for change in changes or [hours[2000]]:
        begin = change.replace(hour=0) - 2 * DAY
        yield change, walls_of([begin + number * MINUTE for number in range(4 * 24 * 60)], zone)


@pytest.mark.parametrize(("year", "name"), [(year, name) for year, names in ZONES.items() for name in names])
def test_every_line_follows_the_documented_rule_whenever_a_clock_is_set(year, name):
    for change, walls in changes_of(year, name):
        first, last = change - DAY - HOUR, change + DAY
        for line in LINES:
            expected = [slot for slot in by_the_rule(line, walls) if first < slot <= last]
            assert list(parse_schedule(line, name).slots(first, last)) == expected, (line, change)


@given(
    st.sampled_from(["30 2 * * *", "0 3 * * *", "*/20 1-3 * * *", "15 * * * *", "0 0 * * 0"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
    st.integers(0, 365 * 24 * 60),
)
def test_slots_do_not_depend_on_where_one_begins(text, zone, minutes):
    schedule = parse_schedule(text, zone)
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    middle, end = begin + 7 * HOUR, begin + 30 * HOUR
    whole = list(schedule.slots(begin, end))
    assert whole == [*schedule.slots(begin, middle), *schedule.slots(middle, end)]
    assert whole == sorted(set(whole))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_a_daily_job_is_due_once_on_every_day_of_a_year(zone):
    for text in ("30 2 * * *", "0 2 * * *", "59 1 * * *"):
        found = slots(text, datetime(2026, 1, 1, tzinfo=UTC), 365 * DAY, zone)
        days = [slot.astimezone(ZoneInfo(zone)).date() for slot in found]
        assert len(days) == len(set(days))
        assert len(days) in (365, 366)


# What was missed


def due(
    last: datetime | None,
    policy: str,
    lost: Sequence[datetime] = (),
    now: datetime = NOON + timedelta(minutes=10),
    text: str = "every 6h",
) -> tuple[list[str], list[str]]:
    found = due_slots(parse_schedule(text), now, last, lost, parse_catch_up(policy), HOUR)
    return [f"{slot:%d-%H}" for slot in found.now], [f"{slot:%d-%H}" for slot in found.missed]


def test_what_is_on_time_is_done_under_every_policy():
    for policy in ("skip", "latest", "all(max 5)"):
        assert due(NOON - 6 * HOUR, policy) == (["15-12"], [])
        assert due(NOON, policy) == ([], []), "it is done"
        assert due(None, policy) == (["15-12"], []), "a new schedule misses nothing"


def test_policies_for_what_was_missed():
    now, last = NOON + 3 * HOUR, NOON - 18 * HOUR
    every = ["15-00", "15-06", "15-12"]
    assert due(last, "skip", now=now) == ([], every)
    assert due(last, "latest", now=now) == (["15-12"], ["15-00", "15-06"])
    assert due(last, "all(max 2)", now=now) == (["15-06", "15-12"], ["15-00"])
    assert due(last, "all(max 9)", now=now) == (every, [])


def test_a_lost_slot_is_done_again_unless_a_newer_one_is_due():
    lost = [NOON]
    assert due(NOON, "latest", lost) == (["15-12"], [])
    assert due(NOON, "skip", lost) == (["15-12"], []), "it is within the grace"
    assert due(NOON, "skip", lost, now=NOON + 2 * HOUR) == ([], [])
    assert due(NOON, "latest", lost, now=NOON + 6 * HOUR) == (["15-18"], [])
    assert due(NOON, "all(max 3)", lost, now=NOON + 6 * HOUR) == (["15-12", "15-18"], [])


def test_a_clock_that_jumps_a_year_does_not_make_up_for_a_year():
    now = NOON + 365 * DAY
    found = due_slots(parse_schedule("every 1m"), now, NOON, (), 1, HOUR)
    assert found.now == (now,)
    assert len(found.missed) < 1000
    found = due_slots(parse_schedule("every 1s"), now, NOON, (), 1, HOUR)
    assert found.now == (now,)
    found = due_slots(parse_schedule("every 6h"), now, NOON, (), 3, HOUR)
    assert found.now == (now - 12 * HOUR, now - 6 * HOUR, now)
    assert due(NOON, "all(max 999)", now=NOON - DAY) == ([], []), "nor does one that is set back"


def test_policies_are_written_so():
    assert parse_catch_up("all(max 10)") == 10
    for text in ("all", "all(10)", "none", "all(max 0)"):
        with pytest.raises(ValueError, match="not skip, latest or all"):
            parse_catch_up(text)
