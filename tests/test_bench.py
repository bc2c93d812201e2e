"""The benchmark measures what exists: each task runs, by us and by every peer that is there, on a small board."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from tests.bench import __main__ as bench
from tests.bench import additions
from tests.bench.boards import simulated
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def small():
    # Models enough that no peer takes their scores for grades.
    return simulated(12, 10)


@pytest.mark.parametrize("task", bench.TASKS, ids=str)
def test_every_task_runs(task, small):
    # So few that peers come back that try every order of the models.
    board = small.take(rows=range(7)) if "Kemeny" in task.name else small
    task.ours(board)
    for _, run in task.peers:
        # Peers come with an extra of their own.
        with contextlib.suppress(ImportError):
            run(board)


def test_the_table(small, monkeypatch, capsys):
    def absent(_):
        import no_such_peer  # noqa: F401 -- absent by intention

    def broken(_):
        raise ValueError("broken")

    task = dataclasses.replace(bench.TASKS[0], board="small", repeats=2)
    task = dataclasses.replace(task, peers=(("itself", task.ours), ("absent", absent)))
    monkeypatch.setattr(bench, "BOARDS", {"small": lambda: small, "none": lambda: None})
    monkeypatch.setattr(bench, "TASKS", (task, dataclasses.replace(task, board="none")))
    assert bench.main(["--only", "COPELAND"]) == 0
    printed = capsys.readouterr()
    *_, head, _, ours, itself, skipped = printed.out.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, ours, itself)]
    assert cells[0] == ["task", "board", "who", "seconds", "ratio", "MB", "remark"]
    assert cells[1][:3] == ["Copeland", "small", "ours"]
    assert float(cells[2][3]) >= 0
    assert "no_such_peer is not installed" in printed.err
    assert skipped.endswith("skipped: the real payloads are not at hand |")
    monkeypatch.setattr(bench, "TASKS", (dataclasses.replace(task, ours=broken, peers=()),))
    assert bench.main([]) == 1
    assert bench.main(["--only", "nothing of this name"]) == 0


def test_a_peer_that_does_not_come_back_is_stopped(small):
    def sleeper(_):
        import time

        time.sleep(60)

    assert bench.measure(sleeper, small, repeats=5, limit=0.2) == "> 0 s, stopped"


def test_what_is_planted_is_found_at_the_rates_of_the_page(capsys):
    page = (ROOT / "docs/structure.md").read_text("utf-8").partition("\n## ")[0]
    rates = {
        (row[0], row[1]): (float(row[2]), float(row[3]), row[4])
        for line in page.splitlines()
        if len(row := [cell.strip() for cell in line.strip("|").split("|")]) == 5 and row[2][:1].isdigit()
    }
    for (planted, _), (rate, error, stated) in rates.items():
        if planted.startswith("nothing"):
            assert rate <= float(stated.split()[-1]) + 3 * error, planted
    assert additions.main(["--boards", "1"]) == 0
    again = capsys.readouterr().out
    assert all(f"| {planted} | {looked_for} |" in again for planted, looked_for in rates)
