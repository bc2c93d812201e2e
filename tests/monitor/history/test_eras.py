"""Top models of other years, and known events."""

from __future__ import annotations

from datetime import date

import pytest

from brainalign_monitor.history.changes import eras
from brainalign_monitor.history.known_events import known_events
from brainalign_plugin.errors import InputError
from tests.boards import small_tree, snapshot_of
from tests.commands import brainalign


def test_the_top_of_each_board_is_followed_to_the_other():
    earlier = snapshot_of(small_tree(), [[0.9] * 7, [0.8] * 7, [0.7] * 7])
    today = snapshot_of(small_tree(), [[0.1] * 7, [0.8] * 7, [0.7] * 7, [0.95] * 7])
    ids = [model.id for model in today.models]
    assert [(era.model, era.then, era.now, era.of) for era in eras(earlier, today, top=2)] == [
        (ids[3], None, 1, "now"),
        (ids[1], 2, 2, "both"),
        (ids[0], 1, 4, "then"),
    ]


def test_years_of_a_stored_history(shared_past):
    record = brainalign("eras", "--json", "--top", "3", home=shared_past).succeeded().json
    (year,) = record["eras"]
    assert year["as_of"] == "2021-12-01"
    assert all(era["then"] is None or era["then"] <= 3 or era["now"] <= 3 for era in year["models"])
    assert len(year["models"]) >= 3
    assert "2021-12-01: rank then, rank today" in brainalign("eras", home=shared_past).succeeded().out


def test_the_package_knows_the_break_of_the_ceilings(tmp_path):
    (event,) = known_events("vision", tmp_path)
    assert (event.first, event.last) == (date(2025, 12, 1), date(2026, 1, 31))
    assert "no longer squared" in event.text
    assert known_events("language", tmp_path) == ()


def test_users_add_theirs(past):
    (past / "known_events.toml").write_text('[[events]]\nfirst = 2022-02-10\ntext = "Rescored."\n')
    record = brainalign("history", "--json", home=past).succeeded().json
    assert record["known_events"][0] == {"first": "2022-02-10", "last": "2022-02-10", "text": "Rescored."}
    assert len(record["known_events"]) == 2
    assert "known: 2022-02-10 to 2022-02-10: Rescored." in brainalign("history", home=past).out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("events = 3", "tables"),
        ("[[events", "not valid TOML"),
        ("[[events]]\nfirst = 2022-01-01\n", "needs first and text"),
        ('[[events]]\nfirst = "2022-01-01"\ntext = "x"\n', "without quotes"),
        ('[[events]]\nfirst = 2022-01-02\nlast = 2022-01-01\ntext = "x"\n', "swap them"),
        ('[[events]]\nfirst = 2022-01-02\ntext = " "\n', "no text"),
        ('[[events]]\nfirst = 2022-01-02\ntext = "x"\ndomains = "vision"\n', "domains"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, said):
    (tmp_path / "known_events.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        known_events("vision", tmp_path)
