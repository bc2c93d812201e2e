"""``run`` against a site that serves one payload after the other, and what ``analyze`` says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brainalign_plugin import read_snapshot
from tests.commands import brainalign, brainalign_process, documented_table, stored_state
from tests.monitor.conftest import DATES, reports_in
from tests.monitor.sources.samples import body_of, document


def test_seven_payloads_are_seven_snapshots(watched):
    for number, (day, ended) in enumerate(zip(DATES, watched.pulls, strict=True), start=1):
        ended.succeeded()
        assert ended.out.startswith(f"stored snapshot {number}: vision as of {day}, ")
    reports = reports_in(watched.home)
    for day, report, ended in zip(DATES, reports, watched.pulls, strict=True):
        assert ended.out.splitlines()[1] == f"report: {report}"
        assert report.name.startswith(day)
        assert report.read_text()
    assert report.read_text().startswith("<!doctype html>")
    assert [path for path, _ in watched.site.visits[:7]] == ["/vision/compare/data/"] * 7
    listed = brainalign("snapshots", "list", "--json", home=watched.home).succeeded().json
    assert [info["as_of"][:10] for info in listed] == list(DATES)
    assert [info["models"] for info in listed] == [144, 160, 220, 255, 271, 279, 281]


def test_a_run_with_news_writes_one_more_report(stored, tmp_path):
    (first,) = reports_in(stored)
    before = first.read_bytes()
    board = document(5) | {"datetime_range": {"min": None, "max": "2024-02-01T00:00:00+00:00"}}
    (tmp_path / "board.json").write_bytes(body_of(board))
    ended = brainalign("run", "--source", tmp_path / "board.json", home=stored).succeeded()
    assert ended.out.startswith("stored snapshot 2: vision as of 2024-02-01, ")
    report = Path(ended.out.splitlines()[1].removeprefix("report: "))
    assert reports_in(stored) == [first, report]
    assert report.parent == stored / "reports/vision"
    assert report.read_text().startswith("<!doctype html>")
    assert first.read_bytes() == before


def test_an_eighth_pull_of_the_same_body_adds_nothing(watched):
    before = stored_state(watched.home)
    watched.site.serve(watched.bodies[-1])
    ended = brainalign_process("run", home=watched.home, base_url=watched.site.url).succeeded()
    assert stored_state(watched.home) == before, "rows, bodies and reports, with the times of the files"
    assert sum(name.endswith(".json.gz") for name in before["files"]) == 7
    assert ended.out.splitlines()[0] == (
        "no news: this is snapshot 7, vision as of 2024-01-01 00:00 UTC, newest score of 2023-12-31"
    )
    assert ended.out.splitlines()[1].endswith("(unchanged)")
    (again,) = brainalign("run", "--json", home=watched.home, base_url=watched.site.url).succeeded().json["runs"]
    assert (again["news"], again["snapshot"], again["report_written"]) == (False, 7, False)
    assert stored_state(watched.home) == before


def test_every_field_of_run_json_is_documented(watched):
    watched.site.serve(watched.bodies[-1])
    record = brainalign("run", "--json", home=watched.home, base_url=watched.site.url).json["runs"][0]
    documented = [(row[0].strip("`").removeprefix("runs[]."), row[1]) for row in documented_table("## `run --json`")]
    assert [("schema", "integer"), *((name, json_type(value)) for name, value in record.items())] == documented


# From the table of published figures: models, dropped, complete models × leaves, mean rho, share below zero,
# R² of behaviour and of the neural part, sd of the neural part and of behaviour.
RIDGE, OST, PLS = "Igustibagus2024-ridge", "Kar2019-ost", "Rajalingham2020.IT-pls"
FIGURES = {
    "2022-07-01": (220, {RIDGE, OST}, 54, 51, 0.2071, 0.2306, 0.9528, 0.3492, 0.0181, 0.0673),
    "2023-07-01": (271, {RIDGE, OST, PLS}, 128, 50, 0.1758, 0.2849, 0.9622, 0.2720, 0.0229, 0.1007),
    "2024-01-01": (281, {OST, PLS}, 83, 51, 0.1867, 0.2620, 0.9456, 0.4564, 0.0262, 0.0829),
}


def figures(record: dict[str, Any]) -> tuple[Any, ...]:
    cleaning, spread, explained = (record[name] for name in ("cleaning", "spread", "explained_variance"))
    numbers = (
        record["agreement"]["mean"],
        record["agreement"]["negative_share"],
        explained["behavior_vision"],
        explained["neural_vision"],
        spread["neural_vision"]["sd"],
        spread["behavior_vision"]["sd"],
    )
    return (
        record["snapshot"]["models"],
        set(cleaning["dropped_benchmarks"]),
        cleaning["models"],
        cleaning["benchmarks"],
        *(round(number, 4) for number in numbers),
    )


@pytest.mark.parametrize("day", FIGURES)
def test_analyze_prints_the_published_figures(watched, day):
    record = brainalign("analyze", str(DATES.index(day) + 1), "--json", home=watched.home).succeeded().json
    assert figures(record) == FIGURES[day]
    assert record["snapshot"]["official_max_abs_diff"] < 0.001
    assert len(record["official"]) == record["snapshot"]["models"]


def test_a_snapshot_is_found_by_file_number_hash_and_latest(watched, shared_site, tmp_path):
    packed = shared_site / f"compare-data-{DATES[-1]}.json.gz"
    plain = tmp_path / "plain.json"
    plain.write_bytes(watched.bodies[-1])
    sha256 = brainalign("snapshots", "show", "--json", home=watched.home).json["sha256"]
    exported = tmp_path / "latest.snapshot.json.gz"
    brainalign("snapshots", "export", "latest", "-o", exported, home=watched.home).succeeded()
    # In an empty home: a file needs no store.
    empty = tmp_path / "empty"
    outputs = [
        brainalign("analyze", wanted, "--json", home=home).succeeded().json
        for wanted, home in (
            ("7", watched.home),
            (sha256, watched.home),
            (sha256[:6].upper(), watched.home),
            ("latest", watched.home),
            (plain, empty),
            (exported, empty),
            (packed, empty),
        )
    ]
    assert not empty.exists(), "looking makes no store"
    assert all(output == outputs[0] for output in outputs[1:-1])
    # The hash is that of the body as received, and the file is packed.
    outputs[-1]["snapshot"]["sha256"] = outputs[0]["snapshot"]["sha256"]
    assert outputs[-1] == outputs[0]
    assert len(read_snapshot(exported).models) == 281


def test_as_of_reconstructs_an_earlier_board(watched, shared_site):
    now = brainalign("analyze", "latest", "--json", home=watched.home).json
    then = brainalign("analyze", "latest", "--as-of", "2022-07-01", "--json", home=watched.home).succeeded().json
    assert now["snapshot"]["official_max_abs_diff"] is not None
    assert then["snapshot"]["official_max_abs_diff"] is None, "nothing is published for a reconstructed board"
    assert then["snapshot"]["as_of"] == "2022-07-01T00:00:00+00:00"
    observed = brainalign("analyze", "3", "--json", home=watched.home).json
    assert figures(then)[2:] == figures(observed)[2:] == FIGURES["2022-07-01"][2:]
    dropped = set(observed["cleaning"]["dropped_benchmarks"])
    # A benchmark that nobody had run by then was not on the board.
    assert set(then["cleaning"]["dropped_benchmarks"]) == dropped - {"Igustibagus2024-ridge"} == {"Kar2019-ost"}
    assert then["snapshot"]["benchmarks"] == observed["snapshot"]["benchmarks"] - 1
    text = brainalign("analyze", "latest", "--as-of", "2022-07-01", home=watched.home).succeeded().out
    assert "vision as of 2022-07-01" in text
    assert "reconstructed" in text


def test_max_missing_decides_what_is_dropped(watched):
    record = brainalign("analyze", "latest", "--json", "--max-missing", "0.9", home=watched.home).json
    assert record["cleaning"]["max_missing"] == 0.9
    assert len(record["cleaning"]["dropped_benchmarks"]) < 2


def json_type(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    kinds |= {list: "list", dict: "object"}
    return kinds[type(value)]


def paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything in a record; the ids of models become one path, as leaves and papers do."""
    named = {
        "agreement.within_paper": "<paper>",
        "left_out": "<field>",
        "certainty.schemes": "<scheme>",
        "certainty.strata": "<node>",
        "certainty.leave_one_paper_out": "<paper>",
        "certainty.intervals": "<figure>",
        "weights": "<leaf>",
    }
    if isinstance(value, dict) and prefix != "certainty.related_pairs":
        for key, inner in value.items():
            name = named.get(prefix, "<model id>" if re.fullmatch(r"[0-9]+", key) else key)
            yield from paths(inner, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, value


def allowed(text: str) -> set[str]:
    """JSON types that a documented type stands for; an integer is a number."""
    words = set(text.split(" or "))
    return words | ({"integer"} if "number" in words else set())


@pytest.mark.parametrize("which", ["real", "small", "nothing left"])
def test_analyze_json_is_what_is_documented(which, request, small, tmp_path):
    documented = {row[0].strip("`"): row[1] for row in documented_table("## `analyze --json`")}
    if which == "real":
        watched = request.getfixturevalue("watched")
        record = brainalign("analyze", "latest", "--json", home=watched.home).succeeded().json
    elif which == "small":
        record = brainalign("analyze", small, "--json").succeeded().json
    else:
        # Nobody had been scored by then: everything is unknown, nothing is NaN.
        record = brainalign("analyze", small, "--json", "--as-of", "2000-01-01").succeeded().json
    found = list(paths(record))
    assert {path for path, _ in found} - documented.keys() == set()
    missing = documented.keys() - {path for path, _ in found}
    # With --full alone, or absent because the board has no parts.
    absent = (
        *(
            "validity",
            "influence",
            "good_models_curve",
            "metadata",
            "drivers",
            "clusters",
            "agreement_testing",
            "external",
        ),
        *("new_benchmarks", "next_benchmarks", "panel"),
        *(
            f"dimensions.{name}"
            for name in ("by_family", "intervals", "halves", "scree", "loadings", "treatments", "imagenet")
        ),
        *record["left_out"],
    )
    assert [path for path in missing if "<" not in path and not path.startswith(absent)] == []
    assert "weights.<leaf>.nominal" not in missing or which == "nothing left"
    assert [path for path in documented if path not in missing] == list(dict.fromkeys(path for path, _ in found))
    for path, value in found:
        if documented[path].startswith("array of "):
            kinds = {"array of strings": str, "array of numbers": int | float}
            kinds |= {"array of arrays": list, "array of objects": dict}
            assert all(isinstance(item, kinds[documented[path]]) for item in value), path
        else:
            assert json_type(value) in allowed(documented[path]), (path, value)
    assert which != "nothing left" or record["agreement"]["mean"] is None


def test_analyze_prints_text_for_people(stored):
    out = brainalign("analyze", "latest", home=stored).succeeded().out
    assert "vision as of 2024-01-01: 4 models × 3 benchmarks; cleaned 4 × 3" in out
    assert "mean rank correlation" in out
    assert "model 4" in out


def test_full_adds_to_the_text_too(watched, stored):
    out = brainalign("analyze", "latest", "--full", home=watched.home).succeeded().out
    assert re.search(r"50 % +│ 42 +│ 0\.1071 +│ 0\.4290 +│ 0\.1587", out)
    assert "mean Spearman's rho over 9 papers, each scheme fitted without the paper" in " ".join(out.split())
    few = brainalign("analyze", "latest", "--full", home=stored).succeeded().out
    assert "agreement among the best models" in few
    none = brainalign("analyze", "latest", "--full", "--as-of", "2000-01-01", home=stored).succeeded().out
    assert "predictive validity" in none


def test_cells_that_cannot_be_read_are_named_on_stderr(tmp_path):
    board = document(4)
    board["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = "n/a"
    path = tmp_path / "board.json"
    path.write_bytes(body_of(board))
    ended = brainalign("analyze", path, "--json")
    assert ended.code == 0
    assert ended.json["snapshot"]["states"] == {"SCORED": 11, "FAILED": 0, "NEVER": 1}
    assert re.fullmatch(r"note: model 1 \(model 1\) on Cid2022-i2n: .*n/a.*\n", ended.err)
    # A run reports them among its results: it is a success.
    ended = brainalign("run", "--source", path, home=tmp_path / "home").succeeded()
    assert "note: model 1 (model 1) on Cid2022-i2n" in ended.out
    shown = brainalign("snapshots", "show", "--json", home=tmp_path / "home").json
    assert [(cell["model_id"], cell["benchmark"]) for cell in shown["rejected"]] == [(1, "Cid2022-i2n")]
    assert "note: model 1" in brainalign("snapshots", "show", home=tmp_path / "home").out
    assert brainalign("run", "--json", "--source", path, home=tmp_path / "home").json["runs"][0]["rejected"] == 1


def test_many_bad_cells_do_not_hide_the_rest(tmp_path):
    board = document(60)
    for model in board["models"]:
        model["scores"]["Cid2022-i2n"][0]["value"] = "n/a"
    path = tmp_path / "board.json"
    path.write_bytes(body_of(board))
    lines = brainalign("analyze", path).err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "note: 40 more like these"
