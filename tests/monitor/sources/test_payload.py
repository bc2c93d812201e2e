"""The site's JSON becomes a snapshot; what is wrong in it is set aside by the cell or refused whole."""

from __future__ import annotations

import copy
import gzip
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brainalign_monitor.base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    TruncatedPayloadError,
    exit_code,
)
from brainalign_monitor.base.files import packed
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.official import CellState
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.hostile import HOSTILE_NAMES
from tests.monitor.sources.samples import LEAVES, RECEIVED_AT, SCORED_AT, TREE, body_of, cell, document

LEAF = "Ada2020.V1-pls"
DATES = ("2021-07-01", "2022-01-01", "2022-07-01", "2023-01-01", "2023-07-01", "2023-10-01", "2024-01-01")


def parse(what, **more):
    body = what if isinstance(what, bytes) else body_of(what)
    return parse_payload(body, "the site", RECEIVED_AT, **more)


def refused(what, error, match=None, **more):
    """Assert that a payload is refused whole with exactly this error, which keeps the body."""
    body = what if isinstance(what, bytes) else body_of(what)
    with pytest.raises(error, match=match) as caught:
        parse(body, **more)
    assert type(caught.value) is error
    assert "the site" in str(caught.value)
    assert caught.value.body == body
    str(caught.value).encode("utf-8")
    return caught.value


# --- real payloads -------------------------------------------------------------------------------------------


@pytest.mark.needs("shared")
@pytest.mark.parametrize("date", DATES)
def test_a_real_payload_is_read_whole(shared_site, date):
    body = (shared_site / f"compare-data-{date}.json.gz").read_bytes()
    pull = parse_payload(body, date, RECEIVED_AT)
    assert pull.rejected == ()
    snapshot = pull.snapshot
    assert snapshot.as_of_time == datetime.fromisoformat(date).replace(tzinfo=UTC)
    official = snapshot.official()
    assert official.max_abs_diff[snapshot.root] < 0.001
    assert official.ranks == tuple(model.published_rank for model in snapshot.models)
    raw = json.loads(gzip.decompress(body))
    assert [(m.id, m.name) for m in snapshot.models] == [(m["id"], m["name"]) for m in raw["models"]]
    values = [
        snapshot.states[i, snapshot.tree.index[name]] for i, m in enumerate(raw["models"]) for name in m["scores"]
    ]
    expected = [{"": 0, "X": 1}.get(cells[0]["value"], 2) for m in raw["models"] for cells in m["scores"].values()]
    assert values == expected


# --- what is read --------------------------------------------------------------------------------------------


def test_a_payload_is_read():
    what = document()
    what["models"][0]["scores"][LEAF] = [cell(".540", 2, error=0.25)]
    what["models"][1]["scores"][LEAF] = [cell("X", 2)]
    what["models"][2]["scores"][LEAF] = [cell("", 2)]
    pull = parse(what)
    snapshot = pull.snapshot
    j = snapshot.tree.index[LEAF]
    assert snapshot.states[:, j].tolist() == [CellState.SCORED, CellState.FAILED, CellState.NEVER]
    assert snapshot.scores[0, j] == 0.54
    assert snapshot.errors[0, j] == 0.25
    assert np.isnan(snapshot.scores[1:, j]).all()
    assert snapshot.tree.path(LEAF) == ("average_vision", "neural_vision", LEAF)
    assert (snapshot.source, snapshot.domain, snapshot.simulated) == ("the site", "vision", False)
    assert pull.body == body_of(what)
    assert pull.rejected == ()


@pytest.mark.parametrize(
    ("value", "state", "score"),
    [
        (".540", CellState.SCORED, 0.54),
        ("1.0", CellState.SCORED, 1.0),
        (" -.070 ", CellState.SCORED, -0.07),
        ("1e-3", CellState.SCORED, 0.001),
        (1, CellState.SCORED, 1.0),
        (0.123456789012345678, CellState.SCORED, 0.12345678901234568),
        (1.7, CellState.SCORED, 1.7),
        ("X", CellState.FAILED, None),
        ("NaN", CellState.FAILED, None),
        (float("nan"), CellState.FAILED, None),
        ("", CellState.NEVER, None),
    ],
)
def test_values(value, state, score):
    what = document()
    what["models"][0]["scores"][LEAF] = [cell(value, 2)]
    pull = parse(what)
    j = pull.snapshot.tree.index[LEAF]
    assert pull.snapshot.states[0, j] == state
    assert score == pull.snapshot.scores[0, j] or (score is None and np.isnan(pull.snapshot.scores[0, j]))
    assert pull.rejected == ()


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (SCORED_AT, "2023-06-30T17:49:51.178134"),
        ("2023-06-30T17:49:51.178134+00:00", "2023-06-30T17:49:51.178134"),
        ("2023-06-30T23:30:00-02:00", "2023-07-01T01:30:00"),
        ("2023-06-30T17:49:51Z", "2023-06-30T17:49:51"),
        (None, "NaT"),
    ],
)
def test_times_are_utc_whether_they_say_so_or_not(written, moment):
    what = document()
    what["models"][0]["scores"][LEAF] = [cell(".5", 2, timestamp=written)]
    what["models"][0]["submission_timestamp"] = written
    snapshot = parse(what).snapshot
    found = snapshot.scored_at[0, snapshot.tree.index[LEAF]]
    assert np.array_equal(found, np.datetime64(moment, "us"), equal_nan=True)
    submitted = snapshot.models[0].submitted_at
    assert submitted is None if written is None else submitted.tzinfo is UTC
    assert submitted is None or submitted.replace(tzinfo=None).isoformat() == moment


@pytest.mark.parametrize("stated", [None, {}, {"max": None}])
def test_without_a_stated_time_the_board_is_of_when_it_came(stated):
    what = document() | {"datetime_range": stated}
    assert parse(what).snapshot.as_of_time == RECEIVED_AT
    del what["datetime_range"]
    assert parse(what).snapshot.as_of_time == RECEIVED_AT
    assert parse_payload(body_of(what), "here", datetime(2024, 3, 1, 12)).snapshot.as_of_time == RECEIVED_AT  # noqa: DTZ001


@pytest.mark.parametrize("value", ["soon", "", 1e300, "0001-01-01T00:00:00+14:00"])
def test_a_stated_time_that_cannot_be_read_is_unknown(value):
    pull = parse(document() | {"datetime_range": {"max": value}})
    assert pull.snapshot.as_of_time == RECEIVED_AT
    (aside,) = pull.rejected
    assert (aside.model_id, aside.benchmark) == (None, "")
    assert "datetime_range.max" in aside.reason


def test_a_stated_time_without_zone_is_utc():
    what = document() | {"datetime_range": {"max": "2024-01-01T06:00:00"}}
    assert parse(what).snapshot.as_of_time == datetime(2024, 1, 1, 6, tzinfo=UTC)


def test_older_versions_are_kept_apart():
    what = document()
    what["models"][1]["scores"][LEAF] = [cell(0.1234567, 0, error=0.01), cell(1.5, 1, timestamp=None), cell(".300", 2)]
    what["models"][2]["scores"][LEAF] = [cell(float("nan"), 1)]
    snapshot = parse(what).snapshot
    old = snapshot.superseded
    assert old.row.tolist() == [1, 1, 2]
    assert old.column.tolist() == [snapshot.tree.index[LEAF]] * 3
    assert old.version.tolist() == [0, 1, 1]
    assert old.states.tolist() == [CellState.SCORED, CellState.SCORED, CellState.FAILED]
    assert np.array_equal(old.scores, [0.1234567, 1.5, np.nan], equal_nan=True)
    assert old.errors[0] == 0.01
    assert np.isnat(old.scored_at).tolist() == [False, True, False]
    assert snapshot.scores[1, snapshot.tree.index[LEAF]] == 0.3
    assert snapshot.states[2, snapshot.tree.index[LEAF]] == CellState.NEVER


def test_a_benchmark_that_a_model_does_not_mention_was_never_run_on_it():
    what = document()
    del what["models"][0]["scores"][LEAF]
    what["models"][1]["scores"][LEAF] = []
    pull = parse(what)
    assert pull.rejected == ()
    assert pull.snapshot.states[:2, pull.snapshot.tree.index[LEAF]].tolist() == [CellState.NEVER] * 2


def test_unknown_keys_are_ignored():
    what = document()
    what["models"][0]["colour"] = what["new"] = {"deep": [1, {}]}
    what["models"][0]["scores"][LEAF][0]["ceiling"] = 1
    assert parse(what).snapshot == replace(parse(document()).snapshot, sha256=parse(what).snapshot.sha256)


def test_names_repeat_but_ids_do_not():
    what = document()
    what["models"][0]["name"] = what["models"][1]["name"]
    assert [m.id for m in parse(what).snapshot.models] == [1, 2, 3]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_survive_to_the_letter(name):
    what = document()
    what["models"][0]["name"] = name
    what["benchmarks"][2]["label"] = name
    snapshot = parse(what).snapshot
    assert (snapshot.models[0].name, snapshot.tree.nodes[2].label) == (name, name)
    again = parse(json.dumps(what, ensure_ascii=False).encode())
    assert again.snapshot.models[0].name == name


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"half \ud800 pair", "half \ufffd pair"),
        (r"\udfff\ud83e", "\ufffd\ufffd"),
        (r"whole \ud83e\udde0 pair", "whole \U0001f9e0 pair"),
        (r"nul \u0000 end", "nul \ufffd end"),
        (r"back\\ud800slash", r"back\ud800slash"),
    ],
)
def test_what_no_database_can_hold_is_replaced(written, read):
    body = body_of(document())
    body = body.replace(b'"model 1"', f'"{written}"'.encode()).replace(b'"V1"', f'"{written}"'.encode())
    snapshot = parse(body).snapshot
    assert (snapshot.models[0].name, snapshot.tree.nodes[0].display_domain) == (read, read)
    read.encode("utf-8")


def test_a_replaced_benchmark_name_still_finds_its_scores():
    body = body_of(document()).replace(LEAF.encode(), rb"\ud800.V1-pls")
    pull = parse(body)
    assert pull.rejected == ()
    assert "\ufffd.V1-pls" in pull.snapshot.tree


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: body + b" \n", lambda body: b"\xef\xbb\xbf" + body])
def test_packed_padded_and_marked_bodies_are_read(pack):
    plain = parse(document()).snapshot
    pull = parse(pack(body_of(document())))
    assert pull.snapshot == replace(plain, sha256=pull.snapshot.sha256)


def test_the_same_body_is_packed_to_the_same_bytes():
    body = body_of(document())
    assert packed(body) == packed(body)
    assert packed(packed(body)) == packed(body)
    assert gzip.decompress(packed(body)) == body


@pytest.mark.parametrize("pack", [bytes, gzip.decompress])
def test_an_exported_snapshot_is_a_payload(pack):
    snapshot = parse(document()).snapshot
    pull = parse(pack(snapshot_bytes(snapshot)))
    assert pull.snapshot == snapshot
    indented = json.dumps(json.loads(gzip.decompress(snapshot_bytes(snapshot))), indent=2).encode()
    assert parse(indented).snapshot == snapshot


# --- cells set aside -----------------------------------------------------------------------------------------

BAD_CELLS = [
    (cell("n/a", 2), "n/a", "not a number"),
    (cell("0,5", 2), "0,5", "not a number"),
    (cell("१", 2), "१", "not a number"),
    (cell("1_0", 2), "1_0", "not a number"),
    (cell("1e999", 2), "1e999", "infinite"),
    (cell(None, 2), "None", "missing or null"),
    (cell(True, 2), "True", "type bool"),
    (cell([0.5], 2), "[0.5]", "type list"),
    (cell({"a": 1}, 2), "{'a': 1}", "type dict"),
    (cell(float("inf"), 2), "inf", "infinite"),
    (cell(float("-inf"), 2), "-inf", "infinite"),
    (cell(10**399, 2), "1000", "infinite"),
    (cell(".5", "2"), ".5", "version '2'"),
    (cell(".5", True), ".5", "version 'True'"),
    (cell(".5", -1), ".5", "version '-1'"),
    (cell(".5", 2.0), ".5", "version '2.0'"),
    (cell(".5", 2**31), ".5", "version '2147483648'"),
    (cell(".5", 3), ".5", "latest 2"),
    (".540", ".540", "not an object"),
    (None, "None", "not an object"),
    ([], "[]", "not an object"),
]


@pytest.mark.parametrize(("bad", "value", "reason"), BAD_CELLS)
def test_a_bad_cell_is_rejected_and_the_rest_is_stored(bad, value, reason):
    what = document()
    what["models"][1]["scores"][LEAF] = [bad]
    pull = parse(what)
    (aside,) = pull.rejected
    assert (aside.model_id, aside.model, aside.benchmark) == (2, "model 2", LEAF)
    assert aside.value.startswith(value)
    assert len(aside.value) <= 80
    assert reason in aside.reason
    clean = parse(document()).snapshot
    j = clean.tree.index[LEAF]
    assert pull.snapshot.states[1, j] == CellState.NEVER
    others = np.ones(clean.states.shape, dtype=bool)
    others[1, j] = False
    assert (pull.snapshot.states[others] == clean.states[others]).all()
    assert np.array_equal(pull.snapshot.scores[others], clean.scores[others], equal_nan=True)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("error", "wide", "the error 'wide' is not a number"),
        ("error", [], "the error is of type list"),
        ("error", True, "the error is of type bool"),
        ("error", float("inf"), "the error is infinite"),
        ("timestamp", "yesterday", "the timestamp 'yesterday' is not a date"),
        ("timestamp", "", "the timestamp '' is not a date"),
        ("timestamp", 1700000000, "the timestamp '1700000000' is not text"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "is not a date"),
        ("timestamp", "99999-01-01", "is not a date"),
    ],
)
def test_a_bad_field_of_a_cell_costs_itself_alone(field, value, reason):
    what = document()
    what["models"][1]["scores"][LEAF] = [cell(".5", 2, **{field: value})]
    pull = parse(what)
    (aside,) = pull.rejected
    assert (aside.model_id, aside.model, aside.benchmark) == (2, "model 2", LEAF)
    assert reason in aside.reason
    assert aside.reason.endswith("; it is unknown")
    j = pull.snapshot.tree.index[LEAF]
    assert pull.snapshot.scores[1, j] == 0.5
    assert np.isnan(pull.snapshot.errors[1, j])
    assert np.isnat(pull.snapshot.scored_at[1, j]) == (field == "timestamp")


def test_unreadable_times_throughout_refuse_no_board_and_are_counted():
    what = document(1500)
    for m in what["models"]:
        for entries in m["scores"].values():
            entries[0]["timestamp"] = "?"
    pull = parse(what)
    assert len(pull.rejected) == 10_001
    assert pull.rejected[-1].reason == "2000 more fields are unknown"
    assert (pull.snapshot.states == CellState.SCORED).all()


def test_null_in_a_superseded_version_is_a_failed_run():
    what = document()
    what["models"][0]["scores"][LEAF] = [cell(None, 1), cell(".5", 2)]
    what["models"][1]["scores"][LEAF] = [{"version": 1, "timestamp": SCORED_AT}]
    pull = parse(what)
    assert pull.snapshot.superseded.states.tolist() == [CellState.FAILED]
    assert pull.snapshot.scores[0, pull.snapshot.tree.index[LEAF]] == 0.5
    assert [(aside.model_id, aside.reason) for aside in pull.rejected] == [(2, "the value is missing or null")]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("name", None, "the name is missing"),
        ("name", 7, "the name is not text"),
        ("rank", "first", "the rank is not a whole number"),
        ("rank", True, "the rank is not a whole number"),
        ("rank", 2**31, "the rank is not a whole number"),
        ("submission_timestamp", "", "the submission_timestamp '' is not a date"),
        ("submission_timestamp", "0001-01-01T00:00:00+14:00", "is not a date"),
        ("submission_timestamp", 7, "is not text"),
        ("scores", [], "the model has no scores"),
        ("scores", None, "the model has no scores"),
    ],
)
def test_a_bad_field_of_a_model_refuses_no_board(key, value, reason):
    what = document()
    what["models"][1][key] = value
    pull = parse(what)
    (aside,) = pull.rejected
    assert (aside.model_id, aside.benchmark) == (2, "")
    assert reason in aside.reason
    found = pull.snapshot.models[1]
    assert {"name": found.name, "rank": found.published_rank, "submission_timestamp": found.submitted_at}.get(key) in (
        None,
        "",
    )
    del what["models"][1][key]
    assert len(parse(what).rejected) == (key in ("name", "scores"))
    others = [m for i, m in enumerate(parse(document()).snapshot.models) if i != 1]
    assert [m for i, m in enumerate(pull.snapshot.models) if i != 1] == others


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("is_leaf", "perhaps", "read as a leaf"),
        ("is_engineering", None, "read as false, by its root"),
        ("label", 7, "the label is not text"),
        ("display_domain", [], "the display_domain is not text"),
        ("versions", None, "it lists no versions; those of its cells count: 2"),
        ("versions", [], "it lists no versions; those of its cells count: 2"),
        ("versions", [{"version": "2"}, {"version": 2}], "the version '2' is not a version number; it is left out"),
        ("versions", [7, {"version": 2}], "it is left out"),
        ("versions", [{"version": 2, "valid_from": "soon"}], "the valid_from 'soon' is not a date"),
        ("versions", [{"version": 2, "valid_to": 7}], "the valid_to '7' is not text"),
        ("versions", [{"version": 2, "identifier": 7}], "the identifier of a version is not text"),
    ],
)
def test_a_bad_field_of_a_benchmark_refuses_no_board(key, value, reason):
    what = document()
    what["benchmarks"][2][key] = value
    pull = parse(what)
    (aside,) = pull.rejected
    assert (aside.model_id, aside.benchmark) == (None, LEAF)
    assert reason in aside.reason
    clean = parse(document()).snapshot
    assert np.array_equal(pull.snapshot.scores, clean.scores, equal_nan=True)
    assert (pull.snapshot.states == clean.states).all()
    assert pull.snapshot.tree[LEAF].version == 2


def test_engineering_is_known_by_the_root_where_the_flag_is_unreadable():
    what = document()
    what["benchmarks"][-1]["is_engineering"] = "?"
    what["models"][0]["scores"]["ImageNet-top1"] = [cell("1.4", 1)]
    pull = parse(what)
    assert pull.snapshot.tree["ImageNet-top1"].is_engineering
    assert pull.snapshot.official().at("engineering_vision")[0] == 1.4


# --- which nodes count ---------------------------------------------------------------------------------------


def without_row(what, type_id):
    """Take a benchmark out of every model's scores, as the site does where it has no row."""
    for m in what["models"]:
        del m["scores"][type_id]
    return what


def test_a_type_in_no_models_scores_has_no_row_and_is_listed():
    what = without_row(document(), LEAF)
    pull = parse(what)
    assert LEAF not in pull.snapshot.tree
    (aside,) = pull.rejected
    assert (aside.model_id, aside.benchmark) == (None, LEAF)
    assert "in no model's scores" in aside.reason
    assert pull.snapshot.official().at("neural_vision").tolist() == [0.1, 0.2, 0.3]
    what["models"][2]["scores"][LEAF] = [cell("", 2)]
    assert parse(what).rejected == ()
    assert parse(what).snapshot.official().at("neural_vision").tolist() == [0.05, 0.1, 0.15]


@pytest.mark.parametrize("value", [".500", "X", ""])
def test_a_node_without_children_that_has_scores_is_a_leaf_whatever_its_flag(value):
    what = document()
    what["benchmarks"][2]["is_leaf"] = False
    what["models"][0]["scores"][LEAF] = [cell(value, 2)]
    pull = parse(what)
    assert pull.rejected == ()
    assert pull.snapshot.tree[LEAF].is_leaf
    assert pull.snapshot.tree.leaves("average_vision") == parse(document()).snapshot.tree.leaves("average_vision")


def test_a_node_with_children_is_a_group_whatever_its_flag():
    what = document()
    what["benchmarks"][1]["is_leaf"] = True
    pull = parse(what)
    assert [aside.benchmark for aside in pull.rejected] == ["neural_vision"]
    assert pull.snapshot.official().ranks == parse(document()).snapshot.official().ranks


def test_a_group_whose_children_have_no_row_is_a_leaf_if_it_has_one():
    what = without_row(without_row(document(), LEAF), "Bea2021.IT-pls")
    pull = parse(what)
    assert [aside.benchmark for aside in pull.rejected] == [LEAF, "Bea2021.IT-pls"]
    assert pull.snapshot.tree["neural_vision"].is_leaf
    gone = parse(without_row(what, "neural_vision"))
    assert [aside.benchmark for aside in gone.rejected] == ["neural_vision", LEAF, "Bea2021.IT-pls"]
    assert gone.snapshot.official().at("average_vision").tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("parent", ["hidden", "hidden_v0"])
def test_an_unlisted_parent_is_a_group_of_its_own(parent):
    what = document()
    what["benchmarks"][2]["parent_id"] = parent
    pull = parse(what)
    (aside,) = pull.rejected
    assert (aside.benchmark, aside.value) == (parent, LEAF)
    assert "not listed" in aside.reason
    tree = pull.snapshot.tree
    assert tree.path(LEAF) == (parent, LEAF)
    assert not tree[parent].is_leaf
    assert LEAF not in tree.leaves("average_vision")
    # Nothing is published for it, which is no difference.
    assert pull.snapshot.official().state_mismatches == 0


def test_a_parent_may_be_named_by_its_type():
    what = document()
    what["benchmarks"][2]["parent_id"] = "neural_vision"
    pull = parse(what)
    assert pull.rejected == ()
    assert pull.snapshot.tree == parse(document()).snapshot.tree


@pytest.mark.parametrize(("levels", "refuses"), [(100, False), (101, True), (3000, True)])
def test_a_tree_deeper_than_a_hundred_levels_is_refused(levels, refuses):
    what = document()
    first = what["benchmarks"][0]
    chain = [first | {"id": f"n{k}", "type_id": f"n{k}", "parent_id": f"n{k - 1}"} for k in range(levels)]
    chain[0]["parent_id"] = None
    what["benchmarks"] += chain
    what["models"][0]["scores"][f"n{levels - 1}"] = [cell(".5", 0)]
    if refuses:
        refused(what, PayloadShapeError, "100 levels deep")
    else:
        assert len(parse(what).snapshot.tree.path(f"n{levels - 1}")) == levels


@pytest.mark.needs("shared")
@pytest.mark.parametrize(
    ("name", "leaves", "listed"),
    [
        ("variant-a-children-hidden", 79, ["Maniquet2024"]),
        ("variant-c-leaf-without-instance", 81, ["New2026.V1-ridge"]),
        ("variant-d-prefix-sibling", 82, []),
        ("compare-data-2025-05-07", 81, []),
        ("compare-data-2025-05-07-language", 4, []),
    ],
)
def test_a_later_real_board_is_read_and_checked_without_a_difference(shared_site, name, leaves, listed):
    path = shared_site.parent / "more" / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    pull = parse_payload(path.read_bytes(), name, datetime(2027, 1, 1, tzinfo=UTC))
    assert [aside.benchmark for aside in pull.rejected] == listed
    official = pull.snapshot.official()
    assert len(pull.snapshot.board().leaves) == leaves
    assert max(apart for apart in official.max_abs_diff.values() if apart is not None) < 0.001
    assert (official.state_mismatches, official.rank_differences) == (0, 0)


# --- entries that are no list --------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", ["X", 0.5, None, {"version": 2, "value": ".5"}])
def test_entries_that_are_no_list_are_rejected(entries):
    what = document()
    what["models"][0]["scores"][LEAF] = entries
    (aside,) = parse(what).rejected
    assert (aside.benchmark, aside.reason) == (LEAF, "not a list of versions")


def test_a_benchmark_that_is_not_in_the_tree_is_rejected():
    what = document()
    what["models"][0]["scores"]["Zoe2030-new"] = [cell(".9", 0)]
    (aside,) = parse(what).rejected
    assert (aside.benchmark, aside.reason) == ("Zoe2030-new", "no such benchmark in the payload's tree")


def test_of_a_version_that_occurs_twice_the_second_is_rejected():
    what = document()
    what["models"][0]["scores"][LEAF] = [cell(".4", 2), cell(".6", 2)]
    pull = parse(what)
    assert pull.snapshot.scores[0, pull.snapshot.tree.index[LEAF]] == 0.4
    assert [(a.value, a.reason) for a in pull.rejected] == [(".6", "version 2 occurs twice")]


def test_a_number_of_ten_thousand_digits_is_one_bad_cell():
    what = document()
    what["models"][0]["scores"][LEAF][0]["value"] = "HERE"
    pull = parse(body_of(what).replace(b'"HERE"', b"1" * 10_000))
    assert [a.reason for a in pull.rejected] == ["the value is infinite"]


def test_a_cell_nested_deeply_is_one_bad_cell():
    what = document()
    what["models"][0]["scores"][LEAF][0]["value"] = "HERE"
    pull = parse(body_of(what).replace(b'"HERE"', b"[" * 300 + b"]" * 300))
    (aside,) = pull.rejected
    assert (aside.reason, len(aside.value) <= 80) == ("the value is of type list", True)


def repeated(body, old, new):
    assert body.count(old) >= 1
    return body.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (f'"{LEAF}":['.encode(), f'"{LEAF}":[],"{LEAF}":['.encode(), "the benchmark occurs twice"),
        (b'"value":".100"', b'"value":".9","value":".100"', "the value is a key that occurs twice"),
        (b'"error":null', b'"error":1,"error":null', "the error is a key that occurs twice"),
        (b'"version":0,"value"', b'"version":0,"version":0,"value"', "'a key that occurs twice' is not a"),
        (
            f'"timestamp":"{SCORED_AT}"'.encode(),
            f'"timestamp":"{SCORED_AT}","timestamp":null'.encode(),
            "timestamp 'a key that occurs twice'",
        ),
    ],
)
def test_a_cell_that_says_something_twice_is_rejected(old, new, reason):
    (aside,) = parse(repeated(body_of(document()), old, new)).rejected
    assert reason in aside.reason


def test_a_benchmark_bad_for_every_model_is_rejected():
    what = document()
    for m in what["models"]:
        m["scores"][LEAF][0]["value"] = "?"
    pull = parse(what)
    assert [a.model_id for a in pull.rejected] == [1, 2, 3]
    assert (pull.snapshot.states[:, pull.snapshot.tree.index[LEAF]] == CellState.NEVER).all()


# --- refused whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"  \n\t", gzip.compress(b""), gzip.compress(b"  "), b"{}", b"[]", b"null"])
def test_nothing_is_empty(body):
    assert exit_code(refused(body, EmptyPayloadError, "empty")) == 5


@pytest.mark.parametrize("key", ["models", "benchmarks"])
def test_a_board_without_models_or_benchmarks_is_empty(key):
    refused(document() | {key: []}, EmptyPayloadError, f"lists no {key}")


@pytest.mark.parametrize("value", ["", "X"])
def test_a_board_without_a_score_is_empty(value):
    what = document()
    for m in what["models"]:
        for name in LEAVES:
            if name != "ImageNet-top1":
                m["scores"][name][0]["value"] = value
    refused(what, EmptyPayloadError, "no score below 'average_vision'")


def test_a_tree_without_a_leaf_under_the_average_is_empty():
    what = document()
    what["benchmarks"] = [b for b in what["benchmarks"] if b["is_engineering"] or b["parent_id"] is None]
    for m in what["models"]:
        m["scores"] = {k: v for k, v in m["scores"].items() if "vision" in k or k == "ImageNet-top1"}
    refused(what, EmptyPayloadError, "no score below")


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><html><body>Maintenance</body></html>",
        b"  <html>",
        b"models: none",
        b"\x89PNG\r\n\x1a\n",
        b'{"domain": vision, "models": []}',
        b"{'domain': 'vision'}",
        b'{"domain":"vision",}',
        b'{"domain":"vision"}{"domain":"vision"}',
        b'{"domain":"vision"} x',
        b'{"name":"\xff\xfe"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"a\nb"}',
        "{}".encode("utf-16-le"),
        b"[" * 10_000,
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00 this is no gzip",
    ],
)
def test_what_is_not_json(body):
    error = NotJsonError
    if body == b"\x1f\x8b":
        error = TruncatedPayloadError
    elif body.startswith(b"["):
        error = PayloadShapeError
    refused(body, error)


def test_gzip_with_a_damaged_middle_or_more_behind_it_is_refused():
    body = gzip.compress(body_of(document()))
    damaged = bytearray(body)
    damaged[len(body) // 2] ^= 0xFF
    with pytest.raises((NotJsonError, TruncatedPayloadError)):
        parse(bytes(damaged))
    wrong_sum = body[:-8] + b"\0" * 8
    refused(wrong_sum, NotJsonError, "does not unpack")
    refused(body + b"more", NotJsonError, "does not unpack")
    refused(body + body, NotJsonError, "JSON with an error .Extra data")
    assert parse(body + b"\0" * 512).rejected == ()


def test_gzip_of_several_members_is_read_and_its_last_one_may_not_be_cut():
    whole = body_of(document())
    first, second = gzip.compress(whole[:99]), gzip.compress(whole[99:])
    assert parse(first + second).snapshot == replace(
        parse(whole).snapshot, sha256=parse(first + second).snapshot.sha256
    )
    refused(first + second[:-9], TruncatedPayloadError, "ends too early")
    with pytest.raises(BodyTooLargeError):
        parse(first + second, max_bytes=100)
    assert parse(gzip.compress(first + second)).snapshot.models == parse(whole).snapshot.models
    thrice = gzip.compress(gzip.compress(first + second))
    refused(thrice, NotJsonError, "is gzip data, and no board")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_payload_with_a_byte_order_mark_is_read(encoding):
    body = json.dumps(document() | {"é": "ü"}, ensure_ascii=False).encode(encoding)
    assert len(parse(body).snapshot.models) == len(document()["models"])
    refused(body[: len(body) // 8 * 4], TruncatedPayloadError, "in the middle")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("{}".encode("utf-16-le"), "UTF-16 text without a byte order mark; save it as UTF-8"),
        ("{}  ".encode("utf-16-be"), "UTF-16 text without a byte order mark; save it as UTF-8"),
        ('{"name": "é"}'.encode("cp1252"), "text in an older encoding, perhaps Windows-1252; save it as UTF-8"),
        (b"\n<!-- x --> <HTML><title>Login", "an HTML page, and no board; check that it is the JSON"),
        (b"<?xml version='1.0'?>", "XML, and no board"),
        (b"a,b\n1,2\n", "text that begins 'a,b', and no board"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document, and no board"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "a resource file of macOS"),
        (b"PK\x03\x04\x14\x00xl/workbook.xml", "an Excel workbook"),
        (bytes(range(1, 9)), "binary data that begins with the bytes 01 02"),
        (b'{"models": [1,, 2]}', "JSON with an error .Expecting value: line 1 column 15"),
    ],
)
def test_what_is_not_read_is_named(body, what):
    refused(body, NotJsonError, f"the site is {what}")


WHOLE = body_of(document(2))
ACCENTED = json.dumps(document(2) | {"é": "ü}"}, ensure_ascii=False).encode()


@given(st.sampled_from([WHOLE, ACCENTED]), st.data())
@settings(max_examples=120)
def test_a_payload_torn_anywhere_is_never_a_board(whole, data):
    cut = data.draw(st.integers(0, len(whole) - 1))
    refused(whole[:cut], TruncatedPayloadError if cut else EmptyPayloadError)


def test_a_payload_torn_at_every_byte_of_its_end_is_torn():
    for whole in (WHOLE, ACCENTED):
        for cut in range(len(whole) - 800, len(whole)):
            refused(whole[:cut], TruncatedPayloadError, "in the middle; fetch it again")


@given(st.integers(1, len(gzip.compress(WHOLE)) - 1))
def test_a_packed_payload_torn_anywhere_is_never_a_board(cut):
    body = gzip.compress(WHOLE)[:cut]
    if cut == 1:
        refused(body, NotJsonError)
    else:
        refused(body, TruncatedPayloadError, "ends too early")


def test_a_torn_snapshot_file_is_torn():
    text = gzip.decompress(snapshot_bytes(parse(document()).snapshot))
    refused(text[: len(text) // 2], TruncatedPayloadError)
    refused(snapshot_bytes(parse(document()).snapshot)[:-9], TruncatedPayloadError)


@pytest.mark.parametrize("change", ["scores", "states", "models", "benchmarks", "superseded", "domain", "version"])
def test_a_snapshot_file_of_another_shape_is_refused(change):
    whole = json.loads(gzip.decompress(snapshot_bytes(parse(document()).snapshot)))
    for value in (None, 7, [], {}, "S" * 8, [[[]]]):
        refused(whole | {change: value}, PayloadShapeError)


def test_a_snapshot_file_with_text_that_cannot_be_stored_is_refused():
    text = gzip.decompress(snapshot_bytes(parse(document()).snapshot))
    for written in (rb"\u0000", rb"\ud800"):
        refused(text.replace(b"model 1", written), PayloadShapeError, "cannot be stored")


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"7", b"true", b'{"models": []}', b'{"error": "busy"}'])
def test_json_of_another_shape_is_refused(body):
    refused(body, PayloadShapeError, "JSON of another shape")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("domain", "Vision"),
        ("domain", "../etc"),
        ("domain", "vision\n"),
        ("domain", None),
        ("benchmarks", {}),
        ("benchmarks", [7]),
        ("models", None),
        ("models", "many"),
        ("simulated", "perhaps"),
    ],
)
def test_a_document_of_another_shape_is_refused(key, value):
    error = refused(document() | {key: value}, PayloadShapeError, "JSON of another shape")
    assert key in str(error)


@pytest.mark.parametrize(
    ("key", "value"), [("id", "1"), ("id", 1.5), ("id", -1), ("id", True), ("id", 2**63), ("id", 10**400)]
)
def test_a_model_of_another_shape_is_refused(key, value):
    what = document()
    what["models"][1][key] = value
    assert f"models.1.{key}" in str(refused(what, PayloadShapeError, "JSON of another shape"))
    del what["models"][1][key]
    refused(what, PayloadShapeError, f"models.1.{key}")


@pytest.mark.parametrize(
    ("key", "value"), [("id", ""), ("id", 7), ("type_id", None), ("parent_id", 0), ("parent_id", "")]
)
def test_a_benchmark_of_another_shape_is_refused(key, value):
    what = document()
    what["benchmarks"][2][key] = value
    assert f"benchmarks.2.{key}" in str(refused(what, PayloadShapeError, "JSON of another shape"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"domain":"vision"', b'"domain":"vision","domain":"vision"'),
        (b'"models":[', b'"models":[],"models":['),
        (b'"id":2', b'"id":2,"id":3'),
    ],
)
def test_a_document_that_says_something_twice_is_refused(old, new):
    refused(repeated(body_of(document()), old, new), PayloadShapeError, "a key that occurs twice")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d["models"][1].update(id=1), "model id '1' occurs 2 times"),
        (lambda d: d["benchmarks"][2].update(type_id="Bea2021.IT-pls"), "'Bea2021.IT-pls' occurs twice"),
        (lambda d: d["benchmarks"][2].update(id="Bea2021.IT-pls_v1"), "benchmark id 'Bea2021.IT-pls_v1'"),
        (lambda d: d["benchmarks"][2]["versions"].append({"version": 1}), "1 occurs twice"),
        (lambda d: d["benchmarks"][1].update(parent_id="neural_vision_v0"), "cycle"),
        (lambda d: d["benchmarks"][0].update(parent_id="neural_vision_v0"), "cycle"),
        (lambda d: d["benchmarks"][2].update(parent_id=f"{LEAF}_v2"), "cycle"),
        (lambda d: d.update(domain="language"), "average_language"),
        (lambda d: d["benchmarks"][0].update(type_id="average_sound"), "average_vision"),
    ],
)
def test_a_tree_or_list_that_contradicts_itself_is_refused(change, match):
    what = document()
    change(what)
    refused(what, PayloadShapeError, match)


@pytest.mark.parametrize("changed", ["value", "version", "entries", "names"])
def test_cells_of_another_shape_throughout_are_refused_not_rejected(changed):
    what = document()
    for m in what["models"]:
        scores = m["scores"]
        for name, entries in list(scores.items()):
            if changed == "value":
                entries[0]["score"] = entries[0].pop("value")
            elif changed == "version":
                entries[0]["version"] = str(entries[0]["version"])
            elif changed == "entries":
                scores[name] = entries[0]
            else:
                scores[f"{name}_v0"] = scores.pop(name)
    refused(what, PayloadShapeError, "24 cells cannot be read against 0 that can")


def test_more_bad_cells_than_any_board_explains_are_refused():
    what = document(100)
    for m in what["models"]:
        m["scores"] |= {f"new{k}": None for k in range(150)}
    refused(what, PayloadShapeError, "cells cannot be read")


def test_more_cells_than_memory_holds_are_refused():
    what = document(1)
    what["models"] = [what["models"][0] | {"id": k, "scores": {}} for k in range(3000)]
    what["benchmarks"] += [
        what["benchmarks"][2] | {"id": f"b{k}", "type_id": f"b{k}", "versions": []} for k in range(2000)
    ]
    refused(what, PayloadShapeError, "more than 5000000 cells")


@pytest.mark.parametrize("depth", [2_000, 200_000])
@pytest.mark.parametrize("prefix", [b'{"domain":', b"", b'{"domain":"\\ud800","models":'])
def test_deep_nesting_is_refused(depth, prefix):
    whole = prefix + b"[" * depth + b"]" * depth + (b"}" if prefix else b"")
    refused(whole, PayloadShapeError, "nested too deeply")


def test_a_body_larger_than_the_cap_is_refused():
    body = body_of(document())
    assert parse(body, max_bytes=len(body)).rejected == ()
    assert parse(gzip.compress(body), max_bytes=len(body)).rejected == ()
    refused(body, BodyTooLargeError, f"larger than {len(body) - 1} bytes", max_bytes=len(body) - 1)
    refused(gzip.compress(body), BodyTooLargeError, "unpacks from", max_bytes=len(body) - 1)


def test_a_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=1)
    script = """
import resource, sys
from datetime import UTC, datetime
from brainalign_monitor.base.errors import BodyTooLargeError
from brainalign_monitor.sources.payload import parse_payload
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    parse_payload(sys.stdin.buffer.read(), "bomb", datetime.now(UTC), max_bytes=1_000_000)
except BodyTooLargeError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], input=bomb, capture_output=True, check=True)
    assert len(bomb) < 500_000
    assert int(done.stdout) < 30_000  # KiB


# --- fuzz ----------------------------------------------------------------------------------------------------

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["X", "", ".5", "9999-12-31T23:59:59-14:00", 10**20, -(10**400), "average_vision", LEAF])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "value", "error", "id", "x\ud800", LEAF]), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(what, path=()):
    yield path
    if isinstance(what, dict | list):
        for key, inner in what.items() if isinstance(what, dict) else enumerate(what):
            yield from places(inner, (*path, key))


PLACES = [path for path in places(document(2)) if path]


@given(st.lists(st.tuples(st.sampled_from(PLACES), _JSON | st.just("DELETE")), min_size=1, max_size=4))
@settings(max_examples=150)
@example([(("models", 0, "name"), "\ud800\0")])
def test_a_payload_with_anything_anywhere_is_read_or_refused(changes):
    what = copy.deepcopy(document(2))
    for path, value in changes:
        inner = what
        try:
            for key in path[:-1]:
                inner = inner[key]
            if value == "DELETE":
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    try:
        pull = parse(what)
    except PayloadError as refusal:
        str(refusal).encode("utf-8")
        return
    assert (np.isfinite(pull.snapshot.scores) == (pull.snapshot.states == CellState.SCORED)).all()
    for text in [*(m.name for m in pull.snapshot.models), *(n.label for n in pull.snapshot.tree.nodes)]:
        text.encode("utf-8")
        assert "\0" not in text
    for aside in pull.rejected:
        f"{aside.benchmark}{aside.value}{aside.reason}".encode()
    assert parse(snapshot_bytes(pull.snapshot)).snapshot == pull.snapshot


@given(st.binary(max_size=200), st.integers(0, len(WHOLE)), st.integers(0, 60))
@settings(max_examples=100)
def test_bytes_replaced_anywhere_are_read_or_refused(noise, start, length):
    with suppress(PayloadError):
        parse(WHOLE[:start] + noise + WHOLE[start + length :])


SNAPSHOT = json.loads(gzip.decompress(snapshot_bytes(parse(document(2)).snapshot)))
SNAPSHOT_PLACES = [path for path in places(SNAPSHOT) if path and path[0] != "format"]


@given(st.sampled_from(SNAPSHOT_PLACES), _JSON)
@settings(max_examples=100)
def test_a_snapshot_file_with_anything_anywhere_is_read_or_refused(path, value):
    what = copy.deepcopy(SNAPSHOT)
    inner = what
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    try:
        parse(what)
    except PayloadError as refusal:
        str(refusal).encode("utf-8")


def test_the_tree_of_the_samples_is_that_of_the_site():
    assert set(parse(document()).snapshot.tree.roots) == {n for n, (parent, _) in TREE.items() if parent is None}
