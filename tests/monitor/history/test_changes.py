"""What differs between two snapshots: nothing to itself, and enough to make the later one from the earlier one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings

from brainalign_monitor.history.changelog import changes_in_words, changes_json, score_changes
from brainalign_monitor.history.changes import compare
from brainalign_monitor.simulator import SimulationParameters
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.errors import InputError
from tests.boards import small_tree, snapshot_of, snapshots
from tests.monitor.history.pairs import snapshot_pairs
from tests.monitor.history.planted import DENSE
from tests.planted_events import RemovedBenchmark, RemovedModel, RenamedModel, Restatement, payload_bytes, simulate
from tests.simulated import quiet


@given(snapshots())
@settings(max_examples=50)
def test_a_snapshot_does_not_differ_from_itself(snapshot):
    changes = compare(snapshot, snapshot)
    assert changes.empty
    assert changes.cells == changes.rank_moves == score_changes(changes) == ()
    assert changes_in_words(changes) == ("nothing changed",)


@given(snapshot_pairs())
@settings(max_examples=30)
def test_changes_are_empty_only_between_equal_boards(pair):
    earlier, later = pair
    if compare(earlier, later).empty:
        assert {m.id: m for m in earlier.models} == {m.id: m for m in later.models}
        assert earlier.board().to_frame().sort_index().equals(later.board().to_frame().sort_index())


ROWS = [[0.5, 0.4, 0.3, 0.2, 0.1, 0.6, 0.7], [0.1, "X", "", 0.2, 0.1, 0.6, 0.7]]


def test_each_kind_of_change_is_told():
    earlier = snapshot_of(small_tree(), ROWS)
    changed = [[0.5, 0.45, "", 0.2, 0.1, 0.6, 0.7], [0.1, "X", 0.3, "X", 0.1, 0.6, 0.7], [0.9] * 7]
    later = snapshot_of(small_tree(), changed)
    changes = compare(earlier, later)
    old = {m.id for m in earlier.models}
    assert {(c.model, c.kind) for c in score_changes(changes) if c.model in old} == {
        (earlier.models[0].id, "restated"),
        (earlier.models[0].id, "removed"),
        (earlier.models[1].id, "scored"),
        (earlier.models[1].id, "restated"),
    }
    record = changes_json(changes)
    assert [m["id"] for m in record["models"]["added"]] == [later.models[2].id]
    assert sum(c["kind"] == "scored" for c in record["cells"]) == 8
    words = changes_in_words(changes)
    assert words[0].startswith("1 model came: ")
    assert any(line.startswith("2 scores were restated: on ") for line in words)
    assert any(line.startswith("1 score went: on ") for line in words)
    assert record["words"] == list(words)


# --- each kind of event that a board's life can hold, once ---

_DAY = date(2021, 3, 2)
_LEAF = DENSE[0]


def around(event):
    """The boards of two days of a quiet board, on which one thing happens."""
    life = simulate(3, quiet(SimulationParameters(models=30, repeated_names=2)), (event,))
    return tuple(
        parse_payload(payload_bytes(life, day), "simulated", datetime(2022, 1, 1, tzinfo=UTC)).snapshot
        for day in (date(2021, 3, 1), date(2021, 3, 4))
    )


def told(earlier, later):
    record = changes_json(compare(earlier, later))
    kinds = {}
    for cell in record["cells"]:
        kinds.setdefault(cell["kind"], set()).add(cell["benchmark"])
    return record, kinds


def test_values_restated_in_place_are_told_and_nothing_else():
    earlier, later = around(Restatement(_DAY, (_LEAF,), scale=0.8, new_version=False))
    record, kinds = told(earlier, later)
    assert kinds == {"restated": {_LEAF}}
    assert any(f"scores were restated: on {_LEAF}" in line for line in record["words"])
    assert record["benchmarks"]["versions"] == []
    first = record["cells"][0]
    assert (first["from"]["version"], first["from"]["score"]) != (first["to"]["version"], first["to"]["score"])


def test_a_new_version_is_told_with_who_was_run_again():
    earlier, later = around(Restatement(_DAY, (_LEAF,), scale=0.8, noise=0.01, coverage=0.5))
    record, kinds = told(earlier, later)
    # What is published of the older version has more digits now; that is no restatement.
    assert kinds == {"rerun": {_LEAF}, "removed": {_LEAF}}
    (version,) = record["benchmarks"]["versions"]
    assert version == {"benchmark": _LEAF, "from": version["from"], "to": version["from"] + 1}
    again, lost = (sum(cell["kind"] == kind for cell in record["cells"]) for kind in ("rerun", "removed"))
    assert again > 5
    assert lost > 5
    assert any(
        line == f"{_LEAF} went from version {version['from']} to {version['to']}: {again} models run again, {lost} not"
        for line in record["words"]
    )
    assert all(c["from"]["version"] < c["to"]["version"] for c in record["cells"] if c["kind"] == "rerun")


def test_a_model_that_went_and_one_that_was_renamed_are_told_by_id():
    number = simulate(3, SimulationParameters(models=30, repeated_names=2), ()).life.ids[4]
    earlier, later = around(RemovedModel(_DAY, number))
    record, kinds = told(earlier, later)
    assert [m["id"] for m in record["models"]["removed"]] == [number]
    assert kinds.keys() == {"removed"}
    assert record["models"]["added"] == record["models"]["renamed"] == []
    back, kinds = told(later, earlier)
    assert [m["id"] for m in back["models"]["added"]] == [number]
    assert kinds.keys() <= {"scored", "failed"}
    earlier, later = around(RenamedModel(_DAY, number, "another name"))
    record, kinds = told(earlier, later)
    (renamed,) = record["models"]["renamed"]
    assert (renamed["id"], renamed["to"], kinds) == (number, "another name", {})
    assert record["words"] == [f"model {number} was {renamed['from']} and is now another name"]


def test_a_benchmark_that_went_or_moved_in_the_tree_is_told():
    earlier, later = around(RemovedBenchmark(_DAY, _LEAF))
    record, kinds = told(earlier, later)
    assert _LEAF in record["benchmarks"]["removed"]
    assert kinds == {"removed": {_LEAF}}
    assert f"1 benchmark removed: {_LEAF}" in record["words"]
    parent = earlier.tree[_LEAF].parent
    elsewhere = next(n.parent for n in earlier.tree.nodes if n.type_id in DENSE and n.parent != parent)
    nodes = tuple(replace(n, parent=elsewhere) if n.type_id == _LEAF else n for n in earlier.tree.nodes)
    record, kinds = told(earlier, replace(earlier, tree=type(earlier.tree)(nodes)))
    assert record["benchmarks"]["moved"] == [{"benchmark": _LEAF, "from": parent, "to": elsewhere}]
    assert kinds == {}
    assert f"{_LEAF} moved from {parent} to {elsewhere}" in record["words"]


def test_boards_of_two_domains_are_not_compared():
    board = snapshot_of(small_tree(), ROWS)
    nodes = tuple(
        replace(
            node,
            type_id=node.type_id.replace("_vision", "_language"),
            parent=None if node.parent is None else node.parent.replace("_vision", "_language"),
        )
        for node in board.tree.nodes
    )
    language = replace(board, domain="language", tree=type(board.tree)(nodes))
    with pytest.raises(InputError, match="a vision board cannot be compared with a language board"):
        compare(board, language)
