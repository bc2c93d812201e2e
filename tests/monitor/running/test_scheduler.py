"""What is due by the clock and the store is done, each slot once: late, lost, missed, set back, and by two at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from brainalign_monitor.base.outgoing import Kind
from brainalign_monitor.config.sections import ScheduleSettings, SiteSettings
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.service.run import Monitor, Stopped
from brainalign_monitor.service.scheduler import ATTEMPTS, jobs_of, tend
from brainalign_monitor.store import RunState, Store
from tests.monitor.running.conftest import payload

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock:
    """A clock that runs a millisecond whenever it is looked at, and can be set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduled(monitor: Monitor, clock: Clock, tmp_path: Path) -> Monitor:
    """Pulls a file every hour, and sends no digests."""
    settings = monitor.settings.model_copy(
        update={
            "schedule": ScheduleSettings(pull="every 1h", weekly="never", monthly="never", grace_seconds=600),
            "source": load_settings(source=payload(tmp_path, 1)).source,
        }
    )
    return replace(monitor, settings=settings, clock=clock)


def policy(monitor: Monitor, text: str) -> Monitor:
    schedule = monitor.settings.schedule.model_copy(update={"catch_up": text})
    return replace(monitor, settings=monitor.settings.model_copy(update={"schedule": schedule}))


def work(monitor: Monitor, settle: timedelta = timedelta(0)) -> int:
    return tend(monitor, jobs_of(monitor), lambda _: True, settle)


def slots(store: Store) -> Iterator[tuple[str, str]]:
    return ((f"{run.slot:%d-%H}", run.state.value) for run in reversed(store.runs("pull")))


def test_the_first_pull_is_at_once_and_then_one_in_every_slot(scheduled, store, clock):
    clock.now = NOON + timedelta(minutes=40)
    assert work(scheduled) == 1
    assert work(scheduled) == 0
    clock.now = NOON + HOUR
    assert [work(scheduled), work(scheduled)] == [1, 0]
    assert list(slots(store)) == [("01-12", "finished"), ("01-13", "finished")]


def test_a_slot_is_left_alone_while_it_may_be_put_off(scheduled, clock):
    work(scheduled)
    clock.now = NOON + HOUR + timedelta(seconds=30)
    assert work(scheduled, settle=timedelta(minutes=1)) == 0
    clock.now = NOON + HOUR + timedelta(seconds=90)
    assert work(scheduled, settle=timedelta(minutes=1)) == 1


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("skip", [("01-15", "missed")]),
        ("latest", [("01-14", "missed"), ("01-15", "finished")]),
        ("all(max 2)", [("01-13", "missed"), ("01-14", "finished"), ("01-15", "finished")]),
        ("all(max 9)", [("01-13", "finished"), ("01-14", "finished"), ("01-15", "finished")]),
    ],
)
def test_what_was_missed_is_made_up_for_by_the_policy_and_said(scheduled, store, clock, capsys, text, after):
    work(scheduled)
    clock.now = NOON + 3.5 * HOUR
    monitor = policy(scheduled, text)
    work(monitor)
    assert list(slots(store)) == [("01-12", "finished"), *after]
    missed = [run for run in store.runs() if run.state is RunState.MISSED]
    assert len(missed) == (text != "all(max 9)")
    assert ("] missed" in capsys.readouterr().out) == bool(missed)
    assert work(monitor) == 0


def test_a_slot_that_was_lost_is_done_again_but_not_for_ever(scheduled, store, clock, capsys):
    class Killed(BaseException):
        pass

    def kill(text: str) -> AbstractContextManager[object]:
        if text == "committing":
            raise Killed
        return nullcontext()

    work(scheduled)
    clock.now = NOON + HOUR
    for attempt in range(1, ATTEMPTS + 1):
        clock.now += timedelta(seconds=1)
        with pytest.raises(Killed):
            work(replace(scheduled, stage=kill))
        (run,) = store.slots("pull", NOON + HOUR, NOON + HOUR)
        assert (run.state, run.attempt) == (RunState.CLAIMED, attempt)
    clock.now += HOUR
    assert work(scheduled) == 1
    assert list(slots(store)) == [("01-12", "finished"), ("01-13", "lost"), ("01-14", "finished")]
    assert capsys.readouterr().out.count("run lost") == ATTEMPTS


def test_a_lost_slot_is_completed_by_the_next_start(scheduled, store, clock):
    def stop(text: str) -> AbstractContextManager[object]:
        if text == "storing":
            raise Stopped
        return nullcontext()

    with pytest.raises(Stopped):
        work(replace(scheduled, stage=stop))
    assert list(slots(store)) == [("01-12", "lost")]
    clock.now += timedelta(minutes=5)
    assert work(scheduled) == 1
    assert list(slots(store)) == [("01-12", "finished")]
    assert store.runs()[0].attempt == 2


def test_a_clock_that_is_set_back_does_nothing_twice(scheduled, store, clock):
    for hour in range(4):
        clock.now = NOON + hour * HOUR
        work(scheduled)
    for hour in range(2, 6):
        clock.now = NOON + hour * HOUR
        work(scheduled)
    assert list(slots(store)) == [(f"01-{hour}", "finished") for hour in (12, 13, 14, 15, 16, 17)]


def test_a_clock_that_ran_a_year_ahead_stops_nothing_when_it_is_set_right(scheduled, store, clock):
    work(scheduled)
    clock.now = NOON + 365 * DAY
    assert work(scheduled) == 1
    clock.now = NOON + HOUR
    assert work(scheduled) == 1
    assert [run.state for run in store.runs() if run.state is not RunState.MISSED] == [RunState.FINISHED] * 3


def test_a_failed_slot_is_done_and_the_next_one_tried(scheduled, store, clock, tmp_path, capsys):
    Path(scheduled.settings.source.get_secret_value()).write_bytes(b"<html>")
    assert work(scheduled) == 1
    assert work(scheduled) == 0
    clock.now += HOUR
    payload(tmp_path, 1)
    Path(scheduled.settings.source.get_secret_value()).write_bytes((tmp_path / "board-1.json").read_bytes())
    assert work(scheduled) == 1
    assert list(slots(store)) == [("01-12", "failed"), ("01-13", "finished")]
    assert "NotJsonError" in capsys.readouterr().out


def test_a_fault_of_ours_in_one_run_leaves_no_later_one_undone(scheduled, store, clock, capsys):
    def broken(text: str) -> AbstractContextManager[object]:
        if text == "committing":
            raise ZeroDivisionError
        return nullcontext()

    assert work(replace(scheduled, stage=broken)) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    clock.now += HOUR
    assert work(scheduled) == 1
    assert list(slots(store)) == [("01-12", "failed"), ("01-13", "finished")]


def test_who_waits_for_another_process_can_be_stopped(scheduled, settings, capsys):
    with open_home(settings) as other, other.exclusive("brainalign run"), pytest.raises(Stopped):
        work(scheduled)
    assert "waiting" in capsys.readouterr().out


def test_a_digest_is_queued_once_for_its_week(scheduled, store, clock, mailbox):
    mail = {"host": "127.0.0.1", "sender": "monitor@lab.example"}
    recipients = load_settings(mail=mail, recipients={"reader": {"address": "reader@lab.example"}}).recipients
    schedule = scheduled.settings.schedule.model_copy(update={"weekly": "0 7 * * mon"})
    settings = scheduled.settings.model_copy(update={"schedule": schedule, "recipients": recipients})
    monitor = replace(scheduled, settings=settings)
    work(monitor)
    clock.now = datetime(2024, 3, 4, 7, 0, 1, tzinfo=UTC)
    assert work(monitor) == 2, "a pull and the digest"
    assert work(monitor) == 0
    (letter,) = [one for one in mailbox.letters if one.kind is Kind.DIGEST]
    assert (letter.kind, letter.recipient) == (Kind.DIGEST, "reader@lab.example")
    assert letter.subject.startswith("Brain-Score vision: first report")
    assert [run.state for run in store.runs("weekly")] == [RunState.FINISHED]
    clock.now += 7 * DAY
    work(monitor)
    assert [one.kind for one in mailbox.letters].count(Kind.DIGEST) == 2


def test_the_site_is_published_by_the_run_and_again_if_that_was_stopped(scheduled, clock, tmp_path):
    site = tmp_path / "site"
    settings = scheduled.settings.model_copy(update={"site": SiteSettings(folder=site)})
    monitor = replace(scheduled, settings=settings)

    def stop(text: str) -> AbstractContextManager[object]:
        if text == "swapping the site in":
            raise Stopped
        return nullcontext()

    with pytest.raises(Stopped):
        work(replace(monitor, stage=stop))
    assert not (site / "current").exists()
    clock.now += timedelta(minutes=1)
    assert work(monitor) == 1
    assert (site / "current" / "feed.xml").is_file()


def test_two_at_once_do_each_slot_once(scheduled, settings, store, clock):
    barrier, done = Barrier(2), []

    def serve() -> None:
        with open_home(settings) as own:
            monitor = replace(scheduled, store=own)
            barrier.wait()
            for hour in range(5):
                clock.now = max(clock.now, NOON + hour * HOUR)
                done.append(tend(monitor, jobs_of(monitor), lambda _: False))

    threads = [Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finished = [run for run in store.runs() if run.state is RunState.FINISHED]
    assert sum(done) == len(finished)
    assert {run.attempt for run in finished} == {1}
    assert [run.slot for run in finished][:1] == [NOON + 4 * HOUR]
