"""A leaf that becomes a group, and a group that becomes a leaf, stop no command."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from brainalign_monitor.simulator import SimulationParameters, payload, simulate
from tests.commands import brainalign
from tests.simulated import quiet

LEAF = "Ersatz2015.IT-pls"
DAYS = tuple(date(2022, 3, 1) + timedelta(days=7 * week) for week in range(3))


def grouped(document: dict[str, Any]) -> dict[str, Any]:
    """The board on which the scores of a leaf are those of two leaves in a group of its name."""
    found = copy.deepcopy(document)
    group = next(node for node in found["benchmarks"] if node["type_id"] == LEAF)
    children = [
        {**copy.deepcopy(group), "id": f"{LEAF}{mark}_v1", "type_id": f"{LEAF}{mark}", "parent_id": group["id"]}
        for mark in "ab"
    ]
    group["is_leaf"] = False
    found["benchmarks"] += children
    for model in found["models"]:
        cells = model["scores"].get(LEAF, [])
        for child in children:
            model["scores"][child["type_id"]] = copy.deepcopy(cells)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaf became a group and, a week later, a leaf again."""
    folder = tmp_path_factory.mktemp("regrouped")
    life = simulate(3, quiet(SimulationParameters(models=40, repeated_names=0, end=date(2022, 2, 1))))
    boards = [payload(life, day) for day in DAYS]
    boards[1] = grouped(boards[1])
    for day, document in zip(DAYS, boards, strict=True):
        path = folder / f"compare-data-{day}.json"
        path.write_text(json.dumps(document))
        brainalign("run", "--source", path, home=folder / "home").succeeded()
    return folder / "home"


def test_the_leaf_goes_its_leaves_come_and_back(home):
    record = brainalign("history", "--json", "--figure", "benchmarks", home=home).succeeded().json
    assert [(change["delta"], [line.split(",")[-1] for line in change["reasons"]]) for change in record["changes"]] == [
        (1, [" new to the leaderboard", " now a group"]),
        (-1, [" removed from the leaderboard", " a group before"]),
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("backfill",),
        ("history",),
        ("drift",),
        ("eras",),
        ("diff", "1", "2"),
        ("diff", "2", "3", "--json"),
        ("alerts", "backtest"),
        ("report", "2"),
        ("report", "latest"),
        ("publish",),
        ("mail", "preview", "weekly"),
    ],
)
def test_no_command_stops(home, tmp_path, command):
    output = {"report": ("-o", tmp_path / "r.html"), "publish": ("-o", tmp_path / "site")}
    if command[0] == "mail":
        output["mail"] = ("-o", tmp_path / "mail.html")
    brainalign(*command, *output.get(command[0], ()), home=home).succeeded()
