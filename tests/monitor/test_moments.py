"""Moments that are believed, and the moment that a board is dated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brainalign_monitor.base.moments import believed_moment, is_believed

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def test_a_day_ahead_is_believed_and_no_more():
    assert is_believed(NOW + DAY, NOW)
    assert not is_believed(NOW + DAY + TICK, NOW)
    assert not is_believed(datetime.max.replace(tzinfo=UTC), NOW)
    assert is_believed(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("newest", [None, NOW - DAY])
def test_a_board_keeps_a_moment_that_can_be_believed(live, newest):
    for stated in (NOW - 900 * DAY, NOW, NOW + DAY):
        assert believed_moment(stated, NOW, newest, live=live) == (stated, "")
    moment, note = believed_moment(NOW + DAY + TICK, NOW, newest, live=live)
    assert moment == NOW
    assert "states the moment 2026-05-02 12:00 UTC" in note


def test_the_newest_moment_known_is_now_for_a_clock_that_ran_ahead():
    ahead = NOW + 1000 * DAY
    # A board without a moment of its own, and the board of a live source, are later than those before.
    for stated, live in ((NOW, False), (NOW, True), (NOW - DAY, True)):
        moment, note = believed_moment(stated, NOW, ahead, live=live)
        assert moment == ahead + TICK
        assert "check the clock" in note
    # A file may be of any time.
    assert believed_moment(NOW - DAY, NOW, ahead, live=False) == (NOW - DAY, "")


def test_a_clock_that_is_behind_makes_no_board_one_of_the_future():
    behind = NOW - 10_000 * DAY
    assert believed_moment(NOW, behind, NOW - DAY / 2, live=True) == (NOW, "")


def test_an_old_page_of_a_cache_is_not_the_newest_board():
    assert believed_moment(NOW - 9 * DAY, NOW, NOW - DAY, live=True) == (NOW - 9 * DAY, "")
    # Nor if the two clocks differ by an hour.
    assert believed_moment(NOW - 9 * DAY, NOW, NOW + DAY / 24, live=True) == (NOW - 9 * DAY, "")
