"""Causes planted in a simulated history, names that attack, and boards for measuring speed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from brainalign_monitor import simulator
from brainalign_monitor.simulator import Paper, SimulationParameters
from tests.bench.boards import random_board
from tests.hostile import HOSTILE_NAMES
from tests.planted_events import (
    Backfill,
    Event,
    NewBenchmark,
    NewModels,
    PlantedLife,
    RemovedBenchmark,
    RemovedModel,
    RenamedModel,
    Restatement,
    payload,
    payload_bytes,
    simulate,
)
from tests.simulated import expected_figures, quiet

ON = date(2021, 3, 1)
BEFORE, AFTER = ON, date(2021, 3, 2)
NOVELTY = Paper("Novella2021", "behavior", ("Novella2021/Novella2021-consistency",), ON, rerun=0.9)
Payload = dict[str, Any]


def planted(*events: Event, seed: int = 7, models: int = 120) -> PlantedLife:
    return simulate(seed, quiet(SimulationParameters(models=models)), events)


@pytest.fixture(scope="module")
def calm() -> PlantedLife:
    return planted()


def cells(document: Payload) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """All versions of the leaves' cells; parents follow from them."""
    names = [node["type_id"] for node in document["benchmarks"] if node["is_leaf"]]
    return {(model["id"], name): model["scores"][name] for model in document["models"] for name in names}


def changed(one: Payload, other: Payload) -> set[tuple[int, str]]:
    first, second = cells(one), cells(other)
    return {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}


def names(document: Payload) -> dict[int, str]:
    return {model["id"]: model["name"] for model in document["models"]}


def missing(document: Payload, leaf: str) -> float:
    return float(np.mean([model["scores"][leaf][-1]["value"] in ("", "X") for model in document["models"]]))


def test_nothing_happens_on_a_quiet_board(calm: PlantedLife) -> None:
    first, last = payload(calm, date(2020, 10, 1)), payload(calm, date(2023, 12, 31))
    assert first["models"] == last["models"]
    assert first["benchmarks"] == last["benchmarks"]
    assert len(first["models"]) == 120


@pytest.mark.parametrize(
    "event",
    [
        NewBenchmark(NOVELTY),
        NewModels(ON, 15),
        Restatement(ON, ("Synthetica2018-i2n",), shift=0.1),
        Restatement(ON, ("Synthetica2018-i2n",), shift=0.1, new_version=False),
        Backfill(ON, "Mirage2020.IT-pls", 0.8),
        RemovedModel(ON, simulator.simulate(7, quiet(SimulationParameters(models=120))).ids[3]),
        RenamedModel(ON, simulator.simulate(7, quiet(SimulationParameters(models=120))).ids[3], "renamed"),
        RemovedBenchmark(ON, "Synthetica2018-i2n"),
    ],
    ids=lambda event: f"{type(event).__name__}-{getattr(event, 'new_version', '')}",
)
def test_an_event_changes_the_board_from_its_day_on_and_never_before(event: Event, calm: PlantedLife) -> None:
    life = planted(event)
    assert payload_bytes(life, BEFORE) == payload_bytes(calm, BEFORE)
    assert payload(life, AFTER)["models"] != payload(calm, AFTER)["models"]
    assert payload_bytes(life, AFTER) == payload_bytes(planted(event), AFTER)


def test_a_new_benchmark_is_absent_before_and_changes_no_old_cell(calm: PlantedLife) -> None:
    life = planted(NewBenchmark(NOVELTY))
    before, after = payload(life, BEFORE), payload(life, date(2021, 4, 1))
    leaf = "Novella2021-consistency"
    assert all(leaf not in model["scores"] for model in before["models"])
    assert {name for _, name in changed(before, after)} == {leaf}
    assert [n["parent_id"] for n in after["benchmarks"] if n["type_id"] == leaf] == ["Novella2021_v0"]
    assert 0.02 < missing(after, leaf) < 0.25
    assert expected_figures(life.life).dimensions == expected_figures(calm.life).dimensions
    assert life.life.truth.leaves == (*calm.life.truth.leaves, leaf)


def test_new_models_leave_the_old_ones_as_they_were(calm: PlantedLife) -> None:
    life = planted(NewModels(ON, 30, ability=2.0))
    before, after = payload(life, BEFORE), payload(life, AFTER)
    came = names(after).keys() - names(before).keys()
    assert len(came) == 30
    assert {number for number, _ in changed(before, after)} == came
    assert life.life.ids[:120] == calm.life.ids
    assert all(m["submission_timestamp"].startswith(str(ON)) for m in after["models"] if m["id"] in came)
    assert np.mean([m["rank"] for m in after["models"] if m["id"] in came]) < 60


def test_a_new_version_keeps_the_old_scores_as_history() -> None:
    leaf = "Ersatz2015.V4-pls"
    life = planted(Restatement(ON, (leaf,), scale=2.0, shift=0.2, noise=0.01, coverage=0.8))
    before, after = cells(payload(life, BEFORE)), cells(payload(life, AFTER))
    assert {name for _, name in changed(payload(life, BEFORE), payload(life, AFTER))} == {leaf}
    lapsed = 0
    for key in [key for key in after if key[1] == leaf]:
        (old,) = before[key]
        history, now = after[key]
        assert (history["version"], now["version"]) == (3, 4)
        assert history["error"] is None
        assert history["timestamp"] == f"{old['timestamp']}+00:00"
        if old["value"] == "X":
            assert history["value"] == "NaN"
            assert now["value"] in ("X", "")
            continue
        assert isinstance(history["value"], float)
        assert abs(history["value"] - float(old["value"])) <= 0.0005 + 1e-9
        assert now["value"] == "" or now["timestamp"].startswith(str(ON))
        lapsed += now["value"] == ""
        if now["value"] not in ("", "1.0"):
            assert float(now["value"]) == pytest.approx(2 * history["value"] + 0.2, abs=0.05)
    assert 10 < lapsed < 40
    (node,) = [node for node in payload(life, AFTER)["benchmarks"] if node["type_id"] == leaf]
    old, new = node["versions"]
    assert node["id"] == new["identifier"] == f"{leaf}_v4"
    assert old["identifier"] == f"{leaf}_v3"
    assert old["valid_to"] == new["valid_from"]
    assert new["valid_from"].startswith(str(ON))
    assert new["valid_to"] is None


def test_history_is_uncapped_and_grows_with_every_version() -> None:
    leaf = "Synthetica2018-i2n"
    rises = tuple(Restatement(date(2021, month, 1), (leaf,), shift=0.5) for month in (3, 5, 7))
    life = planted(*reversed(rises))
    document = payload(life, date(2022, 1, 1))
    versions = [cells(document)[model["id"], leaf] for model in document["models"]]
    full = [entry for entry in versions if len(entry) == 4]
    assert len(full) > 100
    assert all([one["version"] for one in entry] == [2, 3, 4, 5] for entry in full)
    assert all(
        entry[2]["value"] == pytest.approx(entry[0]["value"] + 1.0) for entry in full if entry[0]["value"] != "NaN"
    )
    assert {entry[3]["value"] for entry in full} <= {"1.0", "X"}
    (node,) = [node for node in document["benchmarks"] if node["type_id"] == leaf]
    assert [window["valid_to"] for window in node["versions"]] == [
        *(window["valid_from"] for window in node["versions"][1:]),
        None,
    ]


def test_a_silent_restatement_changes_values_and_no_time_or_version() -> None:
    leaf = "Ersatz2015.IT-pls"
    life = planted(Restatement(ON, (leaf,), scale=0.5, new_version=False))
    before, after = cells(payload(life, BEFORE)), cells(payload(life, AFTER))
    assert {name for _, name in changed(payload(life, BEFORE), payload(life, AFTER))} == {leaf}
    for key in [key for key in after if key[1] == leaf and after[key][0]["value"] not in ("", "X")]:
        ((old,), (new,)) = before[key], after[key]
        assert {**old, "value": ""} == {**new, "value": ""}
        assert float(new["value"]) == pytest.approx(float(old["value"]) / 2, abs=0.001)


def test_a_backfill_flips_the_cleaning_and_nothing_else() -> None:
    leaf = "Mirage2020.IT-pls"
    life = planted(Backfill(ON, leaf, 0.75))
    before, after = payload(life, BEFORE), payload(life, AFTER)
    assert missing(before, leaf) > 0.5
    assert missing(after, leaf) == pytest.approx(0.25, abs=0.01)
    came = changed(before, after)
    assert {name for _, name in came} == {leaf}
    assert all(cells(before)[key][0]["value"] == "" for key in came)
    assert all(cells(after)[key][0]["timestamp"].startswith(str(ON)) for key in came)


def test_removed_and_renamed_models(calm: PlantedLife) -> None:
    gone, called = calm.life.ids[5], calm.life.ids[6]
    life = planted(
        RemovedModel(ON, gone), RenamedModel(ON, called, "=new name"), RenamedModel(date(2021, 2, 1), called, "x")
    )
    before, after = payload(life, BEFORE), payload(life, AFTER)
    assert names(before).keys() - names(after).keys() == {gone}
    assert (names(before)[called], names(after)[called]) == ("x", "=new name")
    assert {number for number, _ in changed(before, after)} == {gone}
    assert [model["rank"] for model in after["models"]] == sorted(model["rank"] for model in after["models"])


def test_a_removed_benchmark_takes_its_empty_group_along() -> None:
    life = planted(NewBenchmark(NOVELTY), RemovedBenchmark(date(2021, 5, 1), "Novella2021-consistency"))
    there = {node["type_id"] for node in payload(life, date(2021, 5, 1))["benchmarks"]}
    left = {node["type_id"] for node in payload(life, date(2021, 5, 2))["benchmarks"]}
    assert there - left == {"Novella2021", "Novella2021-consistency"}


def test_causes_do_not_disturb_each_other() -> None:
    one, other = NewModels(ON, 10), Restatement(ON, ("Synthetica2018-i2n",), shift=0.1, noise=0.02)
    alone, both = payload(planted(one), AFTER), payload(planted(other, one), AFTER)
    assert {name for _, name in changed(alone, both)} == {"Synthetica2018-i2n"}
    restated, together = cells(payload(planted(other), AFTER)), cells(both)
    assert {key: together[key] for key in restated} == restated


def test_hostile_names_arrive_unharmed() -> None:
    life = simulator.simulate(3)
    hostile = replace(life, names=(*HOSTILE_NAMES, *life.names[len(HOSTILE_NAMES) :]))
    document = json.loads(simulator.payload_bytes(hostile, date(2024, 1, 1)))
    assert set(HOSTILE_NAMES) <= {model["name"] for model in document["models"]}
    text = "".join(HOSTILE_NAMES)
    for attack in ("<script>", '"', "{{", "{%", "\u202e", "\n", "\x1b", "=1+1", "\U0001f9e0", "x" * 5000):
        assert attack in text
    tame = simulator.payload(life, date(2024, 1, 1))
    assert [m["scores"] for m in tame["models"]] == [m["scores"] for m in document["models"]]


@pytest.mark.parametrize("missing_share", [0.0, 0.1, 0.5])
def test_random_board(missing_share: float) -> None:
    board = random_board(5, 1420, 52, missing_share)
    blank = np.isnan(board)
    assert board.shape == (1420, 52)
    assert blank.sum() == round(missing_share * board.size)
    assert not blank.all(axis=0).any()
    assert not blank.all(axis=1).any()
    assert 0.0 < np.nanmin(board) < np.nanmax(board) < 1.0
    assert random_board(5, 1420, 52, missing_share).tobytes() == board.tobytes()
    assert random_board(6, 1420, 52, missing_share).tobytes() != board.tobytes()
    assert np.nanstd(board, axis=0).min() > 0.005


def test_random_board_is_correlated_and_keeps_a_score_everywhere() -> None:
    rho = np.corrcoef(random_board(5, 1420, 52).T)[np.triu_indices(52, 1)]
    assert 0.05 < rho.mean() < 0.5
    assert (rho < 0).any()
    sparse = ~np.isnan(random_board(1, 6, 40, 0.8))
    assert sparse.any(axis=0).all()
    assert sparse.any(axis=1).all()
