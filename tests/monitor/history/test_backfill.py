"""``brainalign backfill``: the boards of the past, stored apart from what was observed, once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from brainalign_monitor.simulator import SimulationParameters, payload_bytes, simulate
from brainalign_monitor.store import open_store
from tests.commands import brainalign, stored_rows


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that holds one observed board of a small simulated life."""
    home = tmp_path_factory.mktemp("home")
    body = home / "payload.json"
    body.write_bytes(payload_bytes(simulate(2, SimulationParameters(models=40)), date(2022, 3, 15)))
    brainalign("fetch", body, home=home).succeeded()
    return home


def test_the_first_run_has_a_board_for_every_month_of_the_past(observed):
    done = brainalign("backfill", "--json", home=observed).succeeded().json
    months = [f"{year}-{month:02d}-01" for year in (2020, 2021, 2022) for month in range(1, 13)]
    assert done["boards"] == [month for month in months if "2020-09" <= month < "2022-04"]
    assert done["added"] == done["boards"]
    with open_store(observed / "brainalign.sqlite", observed / "bodies") as store:
        latest = store.latest("vision")
        assert latest is not None
        assert not latest.reconstructed
        whole = store.snapshot(latest.id)
        reconstructed = [info for info in store.snapshots("vision") if info.reconstructed]
        assert [info.as_of_time.date().isoformat() for info in reconstructed] == done["boards"]
        for info in reconstructed[::5]:
            assert store.snapshot(info.id) == whole.as_of(info.as_of_time)
            assert info.seen_at == latest.seen_at
        assert store.check() == []


def test_a_second_run_adds_nothing(observed):
    brainalign("backfill", home=observed).succeeded()
    before = stored_rows(observed)
    again = brainalign("backfill", "--json", home=observed).succeeded().json
    assert again["added"] == []
    assert len(again["boards"]) == 19
    assert stored_rows(observed) == before
    text = brainalign("backfill", "--every", "quarter", home=observed).succeeded().out
    assert text == "6 boards reconstructed from snapshot 1, 2020-10-01 to 2022-01-01; 0 of them new\n"


def test_days_can_be_chosen(observed):
    done = brainalign(
        *("backfill", "--from", "2021-02-01", "--to", "2021-02-28", "--every", "week", "--json"), home=observed
    )
    assert done.succeeded().json["boards"] == ["2021-02-01", "2021-02-08", "2021-02-15", "2021-02-22"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--to", "2030-01-01"), 8, "choose an earlier --to"),
        (("--from", "2022-03-01", "--to", "2021-03-01"), 8, "choose an earlier --from"),
        (("--domain", "language"), 6, "no observed snapshot of 'language'"),
    ],
)
def test_what_cannot_be_done_is_said(observed, arguments, code, said):
    before = stored_rows(observed)
    ended = brainalign("backfill", *arguments, home=observed)
    assert ended.code == code
    assert said in ended.problem
    assert stored_rows(observed) == before


def test_an_empty_home_is_left_alone(tmp_path):
    ended = brainalign("backfill", home=tmp_path / "none")
    assert ended.code == 6
    assert not (tmp_path / "none").exists()
