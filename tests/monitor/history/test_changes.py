"""What differs between two snapshots: nothing to itself, and enough to make the later one from the earlier one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from brainalign_monitor.history.changes import apply_changes, changes_in_words, changes_json, compare
from brainalign_plugin.errors import InputError
from brainalign_plugin.snapshot import Snapshot
from tests.boards import small_tree, snapshot_of, snapshots
from tests.monitor.history.pairs import snapshot_pairs


def ordered(snapshot: Snapshot) -> Snapshot:
    """The same with its superseded cells in one order; a snapshot lists them in any."""
    old = snapshot.superseded
    return replace(snapshot, superseded=old.take(np.lexsort((old.version, old.column, old.row))))


@given(snapshots())
@settings(max_examples=50)
def test_a_snapshot_does_not_differ_from_itself(snapshot):
    changes = compare(snapshot, snapshot)
    assert changes.empty
    assert changes.cells == changes.rank_moves == ()
    assert changes_in_words(changes) == ("nothing changed",)


@given(snapshot_pairs())
@settings(max_examples=60)
def test_applying_the_changes_makes_the_later_snapshot(pair):
    earlier, later = pair
    made = apply_changes(earlier, compare(earlier, later))
    assert ordered(made) == ordered(later)


@given(snapshot_pairs())
@settings(max_examples=30)
def test_changes_are_empty_only_between_equal_boards(pair):
    earlier, later = pair
    if compare(earlier, later).empty:
        assert {m.id: m for m in earlier.models} == {m.id: m for m in later.models}
        assert earlier.board().frame().sort_index().equals(later.board().frame().sort_index())


ROWS = [[0.5, 0.4, 0.3, 0.2, 0.1, 0.6, 0.7], [0.1, "X", "", 0.2, 0.1, 0.6, 0.7]]


def test_each_kind_of_change_is_told():
    earlier = snapshot_of(small_tree(), ROWS)
    changed = [[0.5, 0.45, "", 0.2, 0.1, 0.6, 0.7], [0.1, "X", 0.3, "X", 0.1, 0.6, 0.7], [0.9] * 7]
    later = snapshot_of(small_tree(), changed)
    changes = compare(earlier, later)
    assert {(c.model, c.kind) for c in changes.cells if c.model in {m.id for m in earlier.models}} == {
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
    assert "2 scores were restated, 2 of them of models that were there before" in words
    assert "1 scores went, 1 of them of models that were there before" in words


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
