"""What a simulated board publishes: the site's format and rules, slices in time, and the same bytes each time."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.simulator import (
    DEFAULT_PAPERS,
    NEVER,
    Life,
    SimulationParameters,
    payload,
    payload_bytes,
    published_text,
    simulate,
)

END = date(2024, 1, 1)
Payload = dict[str, Any]


@pytest.fixture(scope="module")
def life() -> Life:
    return simulate(1)


@pytest.fixture(scope="module")
def board(life: Life) -> Payload:
    return payload(life, END)


def leaves(document: Payload, under: str = "average_vision") -> list[str]:
    parent = {node["id"]: node["parent_id"] for node in document["benchmarks"]}

    def root(node: str) -> str:
        return node if parent[node] is None else root(parent[node])

    return [n["type_id"] for n in document["benchmarks"] if n["is_leaf"] and root(n["id"]) == f"{under}_v0"]


def current(document: Payload) -> dict[tuple[int, str], dict[str, Any]]:
    return {(m["id"], leaf): cells[-1] for m in document["models"] for leaf, cells in m["scores"].items()}


# What is published obeys the site's rules and format


@pytest.mark.parametrize("failure", [None, 0.3])
def test_published_parents_follow_the_official_rules(failure: float | None) -> None:
    papers = DEFAULT_PAPERS if failure is None else tuple(replace(p, failure=failure) for p in DEFAULT_PAPERS)
    board = payload(simulate(1, SimulationParameters(papers=papers, repeated_names=2)), END)
    children = defaultdict(list)
    for node in board["benchmarks"]:
        children[node["parent_id"]].append(node["type_id"])
    groups = [n for n in board["benchmarks"] if not n["is_leaf"] and not n["is_engineering"]]
    blends = 0
    ranked = []
    for model in board["models"]:
        text = {leaf: cells[-1]["value"] for leaf, cells in model["scores"].items()}

        def recomputed(type_id: str, text: dict[str, str] = text) -> float | str:
            if f"{type_id}_v0" not in children:
                return text[type_id] if text[type_id] in ("", "X") else float(text[type_id])
            below = [recomputed(child) for child in children[f"{type_id}_v0"]]
            numbers = [value for value in below if isinstance(value, float)]
            nonlocal blends
            blends += set(below) == {"X", ""}
            return sum(numbers) / len(below) if numbers else "X" if "X" in below else ""

        for group in groups:
            value = recomputed(group["type_id"])
            if isinstance(value, str):
                assert text[group["type_id"]] == value
            else:
                assert abs(float(text[group["type_id"]]) - value) <= 0.001
        average = text["average_vision"]
        ranked.append((model["rank"], -1 if average == "X" else (round(float(average) * 1000) + 5) // 10))
    assert [rank for rank, _ in ranked] == [1 + sum(v > value for _, v in ranked) for _, value in ranked]
    assert len({rank for rank, _ in ranked}) < len(ranked)
    assert blends > 0 or failure is None


def test_rows_are_sorted_by_rank_and_a_model_of_failures_comes_last() -> None:
    papers = tuple(replace(paper, failure=0.3) for paper in DEFAULT_PAPERS)
    document = payload(simulate(4, SimulationParameters(papers=papers, failure_correlation=1.0)), END)
    averages = [model["scores"]["average_vision"][0]["value"] for model in document["models"]]
    ranks = [model["rank"] for model in document["models"]]
    assert ranks == sorted(ranks)
    assert "" not in averages
    assert averages[-1] == "X"
    assert averages.index("X") + 1 == ranks[-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, ".000"),
        (0.0625, ".063"),
        (0.5404, ".540"),
        (0.9994, ".999"),
        (0.9996, "1.000"),
        (1.0, "1.0"),
        (1.27, "1.3"),
        (-0.1234, "-0.123"),
        (-0.0004, ".000"),
    ],
)
def test_text_of_a_score(value: float, text: str) -> None:
    assert published_text(value) == text


def test_only_engineering_is_uncapped(board: Payload) -> None:
    cost = [cell["value"] for (_, leaf), cell in current(board).items() if leaf == "Contoura2022-relative_cost"]
    assert any(text not in ("", "X") and float(text) > 1.0 for text in cost)
    texts = {model["scores"][leaf][0]["value"] for model in board["models"] for leaf in leaves(board)}
    scores = [float(text) for text in texts - {"", "X"}]
    assert min(scores) >= 0.0
    assert max(scores) <= 1.0


def shape(value: Any, path: str, found: dict[str, set[str]]) -> None:
    """Record, by place, the keys of objects in their order, the types of values, and the forms of texts."""
    if isinstance(value, dict):
        by_type_id = path.endswith(".scores")
        if not by_type_id:
            found[path].add(",".join(key for key in value if key != "simulated"))
        for key, inner in value.items():
            shape(inner, f"{path}.*" if by_type_id else f"{path}.{key}", found)
    elif isinstance(value, list):
        for inner in value:
            shape(inner, f"{path}[]", found)
    elif isinstance(value, str) and path.endswith(("timestamp", "valid_from", ".min", ".max", ".value", ".error")):
        fraction = "" if path.endswith(".value") else r"(?<=:\d\d\.)\d+"
        found[path].add(re.sub(r"\d", "9", re.sub(fraction, "9", value) if fraction else value))
    else:
        found[path].add(type(value).__name__)


@pytest.mark.needs("shared")
def test_format_is_that_of_the_site(shared_site: Any, board: Payload) -> None:
    real: Payload = json.loads(gzip.decompress((shared_site / "compare-data-2024-01-01.json.gz").read_bytes()))
    expected: dict[str, set[str]] = defaultdict(set)
    found: dict[str, set[str]] = defaultdict(set)
    shape(real, "", expected)
    shape(board, "", found)
    found.pop(".simulated")
    # The rules round 0.9996 to three decimals, not to one; no cell of the real payload happens to lie there.
    expected[".models[].scores.*[].value"].add("9.999")
    assert found.keys() == expected.keys()
    for path, forms in found.items():
        assert forms <= expected[path], path
    assert {n["display_domain"] for n in board["benchmarks"]} == {n["display_domain"] for n in real["benchmarks"]}
    for document in (real, board):
        assert all(list(m["scores"]) == [n["type_id"] for n in document["benchmarks"]] for m in document["models"])
        for node in document["benchmarks"]:
            below = [n["type_id"] for n in document["benchmarks"] if n["parent_id"] == node["id"]]
            for model in document["models"] if below else []:
                stamps = [model["scores"][child][0]["timestamp"] for child in below]
                newest = max((text for text in stamps if text), default=None)
                assert model["scores"][node["type_id"]][0]["timestamp"] == newest
            times = [m["scores"][node["type_id"]][0]["timestamp"] for m in document["models"]]
            first = min((text for text in times if text), default=None)
            if node["is_leaf"]:
                assert node["versions"][0]["valid_from"] == (first and f"{first}+00:00")


def test_everything_is_marked_as_simulated(life: Life) -> None:
    assert payload(life, date(2021, 1, 1))["simulated"] is True
    assert payload_bytes(life, END).startswith(b'{"simulated":true,"domain":"vision",')


def test_identifiers_are_invented_but_readable(board: Payload) -> None:
    papers = {re.search(r"[A-Z][A-Za-z]+[0-9]{4}", leaf) for leaf in leaves(board)}
    assert None not in papers
    assert len({match[0] for match in papers if match}) == 10
    assert not {"Marques2020", "Geirhos2021", "MajajHong2015"} & {match[0] for match in papers if match}


def test_language_board_has_roots_of_its_own() -> None:
    document = payload(simulate(1, SimulationParameters(domain="language")), END)
    roots = [node["type_id"] for node in document["benchmarks"] if node["parent_id"] is None]
    assert roots == ["average_language", "engineering_language"]
    assert document["benchmarks"][0]["display_domain"] == "Average Language"


# Time and determinism


def test_same_seed_same_bytes(life: Life) -> None:
    digest = sha256(payload_bytes(life, END)).hexdigest()
    assert sha256(payload_bytes(simulate(1), END)).hexdigest() == digest
    assert sha256(payload_bytes(simulate(2), END)).hexdigest() != digest


@pytest.mark.parametrize("day", [date(2020, 8, 28), date(2021, 7, 1), date(2022, 7, 1), date(2023, 12, 21)])
def test_an_earlier_payload_is_a_slice_of_a_later_one(life: Life, board: Payload, day: date) -> None:
    earlier = payload(life, day)
    now, before = current(board), current(earlier)
    assert {model["id"] for model in earlier["models"]} <= {model["id"] for model in board["models"]}
    assert [n["type_id"] for n in earlier["benchmarks"]] == [n["type_id"] for n in board["benchmarks"]]
    names = [node["type_id"] for node in board["benchmarks"] if node["is_leaf"]]
    for (number, leaf), cell in before.items():
        if leaf in names:
            later = now[number, leaf]
            known = later["timestamp"] is not None and later["timestamp"] < f"{day}T00:00:00"
            assert cell == (later if known else {**later, "value": "", "error": None, "timestamp": None})
    assert all(f"{day}" > model["submission_timestamp"] for model in earlier["models"])
    assert earlier["datetime_range"]["max"] == f"{day}T00:00:00+00:00"


def test_scores_come_after_submission_and_arrival(life: Life) -> None:
    arrivals = np.concatenate(
        [[np.datetime64(p.arrives, "us").astype(np.int64)] * len(p.leaves) for p in DEFAULT_PAPERS]
    )
    assert (life.times > life.submitted[:, None]).all()
    assert (life.times > arrivals).all()
    never = (life.times == NEVER).mean(axis=1)
    assert never.std() > 0.1


def test_names_repeat_and_ids_do_not(board: Payload) -> None:
    names = [model["name"] for model in board["models"]]
    assert len(set(names)) == len(names) - 4
    assert len({model["id"] for model in board["models"]}) == len(names)
