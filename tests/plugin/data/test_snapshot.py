from __future__ import annotations

import copy
import math
import re
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.cells import NO_TIME, SupersededCells, no_superseded
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import BenchmarkVersion
from brainalign_plugin.errors import InputError, SnapshotError
from brainalign_plugin.files.site_json import parse_site_json
from tests.boards import (
    EPOCH,
    FAILED,
    LAST_DAY,
    NEVER,
    SCORED,
    as_time,
    day,
    reordered,
    small_tree,
    snapshot_of,
    snapshots,
    tree_of,
)

TWO_LEAVES = {"average_vision": {"a": None, "b": None}}
ARRAYS = ("states", "scores", "errors", "scored_at")


def times(*numbers):
    """A row of times from days; None is unknown."""
    return [NO_TIME if number is None else as_time(day(number)) for number in numbers]


def older(rows, **changes):
    """Superseded cells from rows of (row, column, version, cell, day)."""
    row, column, version, cells, days = zip(*rows, strict=True)
    found = {
        "row": row,
        "column": column,
        "version": version,
        "states": [FAILED if c == "X" else NEVER if c == "" else SCORED for c in cells],
        "scores": [math.nan if isinstance(c, str) else c for c in cells],
        "errors": [math.nan] * len(rows),
        "scored_at": times(*days),
    }
    return SupersededCells(**{name: np.array(value) for name, value in (found | changes).items()})


# What a snapshot is


@settings(max_examples=30)
@given(snapshots())
def test_nothing_in_a_snapshot_can_be_changed(snapshot):
    for field in fields(Snapshot):
        with pytest.raises(FrozenInstanceError):
            setattr(snapshot, field.name, None)
    for holder in (snapshot, snapshot.superseded):
        for field in fields(holder):
            array = getattr(holder, field.name)
            if isinstance(array, np.ndarray):
                assert not array.flags.writeable
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0
    with pytest.raises(FrozenInstanceError):
        snapshot.superseded.row = None
    with pytest.raises(FrozenInstanceError):
        Model(1, "a").name = "b"


def test_a_snapshot_keeps_copies_of_its_arrays():
    scores = np.array([[np.nan, 0.5, 0.25]])
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [[0.5, 0.25]], scores=scores)
    scores[:] = 0.75
    assert snapshot.scores[0, 1:].tolist() == [0.5, 0.25]


@settings(max_examples=30)
@given(snapshots())
def test_equality_is_of_contents(snapshot):
    twin = replace(snapshot, scores=np.array(snapshot.scores))
    assert twin == snapshot
    assert hash(twin) == hash(snapshot)
    assert snapshot != "snapshot"
    changes = {
        "domain": None,
        "as_of_time": snapshot.as_of_time - timedelta(microseconds=1),
        "source": snapshot.source + "!",
        "sha256": snapshot.sha256 + "0",
        "models": None,
        "tree": None,
        "reconstructed": not snapshot.reconstructed,
        "simulated": not snapshot.simulated,
    }
    for name, value in changes.items():
        if value is not None:
            assert replace(snapshot, **{name: value}) != snapshot, name


@pytest.mark.parametrize("name", ARRAYS)
def test_one_cell_makes_snapshots_unequal(name):
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [[0.5, "X"], [0.25, ""]])
    array = np.array(getattr(snapshot, name))
    array[1, 2 if name == "states" else 1] = {"states": FAILED, "scored_at": as_time(EPOCH)}.get(name, 0.125)
    assert replace(snapshot, **{name: array}) != snapshot


def test_a_superseded_cell_makes_snapshots_unequal():
    tree = tree_of({"average_vision": {"a": (1, 2)}})
    cells = [(0, 1, 1, 0.5, 0)]
    snapshot = snapshot_of(tree, [[0.5]], superseded=older(cells))
    assert snapshot == snapshot_of(tree, [[0.5]], superseded=older(cells))
    assert snapshot != snapshot_of(tree, [[0.5]])
    assert snapshot != snapshot_of(tree, [[0.5]], superseded=older([(0, 1, 1, 0.5, 1)]))


def test_minus_zero_is_zero():
    # They are equal, so they must not lead to different bytes and hashes.
    snapshot = snapshot_of(
        tree_of({"average_vision": {"a": (1, 2)}}),
        [[-0.0]],
        errors=np.full((1, 2), -0.0),
        superseded=older([(0, 1, 1, -0.0, None)], errors=[-0.0]),
    )
    for array in (snapshot.scores[:, 1], snapshot.errors, snapshot.superseded.scores, snapshot.superseded.errors):
        assert not np.signbit(array).any()


def test_the_moment_is_kept_in_utc():
    berlin = datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [], as_of_time=berlin)
    assert snapshot.as_of_time == EPOCH
    assert snapshot.as_of_time.tzinfo is UTC


def test_names():
    snapshot = snapshot_of(small_tree(), [[0.5] * 7, ["X"] * 7])
    assert snapshot.root == "average_vision"
    assert snapshot.parts == ("neural_vision", "behavior_vision")
    assert [snapshot.rows[model.id] for model in snapshot.models] == [0, 1]


def test_another_domain_has_its_own_root_and_parts():
    spec = {"average_language": {"neural_language": {"a": None}, "behavior_language": {"b": None}}}
    snapshot = snapshot_of(tree_of(spec), [[0.25, 0.75]], domain="language")
    assert snapshot.root == "average_language"
    assert snapshot.official().at("average_language").tolist() == [0.5]
    board = snapshot.board()
    assert board.parts == board.leaf_parts == ("neural_language", "behavior_language")
    assert board.part_scores()["average"].tolist() == [0.5]


NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 -- what is to be refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"as_of_time": NAIVE}, "as_of_time 2024-01-01 00:00:00 has no time zone"),
        ({"states": np.zeros((2, 2), np.int8)}, "states has the shape (2, 2); 2 models and 3 benchmarks need (2, 3)"),
        ({"scores": np.zeros((1, 3))}, "scores has the shape (1, 3)"),
        ({"errors": np.zeros(3)}, "errors has the shape (3,)"),
        ({"scored_at": np.full((3, 2), NO_TIME)}, "scored_at has the shape (3, 2)"),
        ({"models": (Model(7, "a"), Model(7, "b"))}, "model id 7 occurs twice"),
        ({"models": (Model(7, "a"), Model(8, "b", NAIVE))}, "model 8 was submitted at 2024-01-01 00:00:00, without"),
        ({"domain": "language"}, "no node 'average_language'"),
        ({"states": np.full((2, 3), 3)}, "model 100 on 'average_vision' has the state 3"),
        ({"states": np.full((2, 3), -1)}, "model 100 on 'average_vision' has the state -1"),
        ({"states": np.full((2, 3), SCORED)}, "model 100 on 'average_vision' is SCORED with the score nan"),
        ({"scores": [[math.nan, 0.5, 0.1], [math.nan, 0.25, math.nan]]}, "on 'b' is FAILED with the score 0.1"),
        ({"scores": [[math.nan, math.inf, math.nan], [math.nan, 0.25, math.nan]]}, "'a' is SCORED with the score inf"),
        ({"scores": [[math.nan, 0.5, -math.inf], [math.nan, 0.25, math.nan]]}, "'b' is FAILED with the score -inf"),
        ({"errors": [[0, 0, math.inf], [0, 0, 0]]}, "model 100 on 'b' has the error inf"),
        ({"superseded": older([(2, 1, 0, 0.5, 0)])}, "a superseded cell is of model number 2"),
        ({"superseded": older([(-1, 1, 0, 0.5, 0)])}, "a superseded cell is of model number -1"),
        ({"superseded": older([(0, 3, 0, 0.5, 0)])}, "a superseded cell is of benchmark number 3"),
        ({"superseded": older([(0, -1, 0, 0.5, 0)])}, "a superseded cell is of benchmark number -1"),
        (
            {"superseded": older([(0, 1, 1, 0.5, 0)])},
            "model 100 on version 1 of 'a' is a superseded cell, but the latest version is 1",
        ),
        ({"superseded": older([(0, 1, 0, 0.5, 0)] * 2)}, "model 100 on version 0 of 'a' occurs twice"),
        ({"superseded": older([(0, 1, 0, "X", 0)], scores=[0.5])}, "version 0 of 'a' is FAILED with the score 0.5"),
        (
            {"superseded": older([(0, 1, 0, 0.5, 0)], scores=[math.nan])},
            "version 0 of 'a' is SCORED with the score nan",
        ),
        (
            {"superseded": older([(0, 1, 0, 0.5, 0)], scores=[math.inf])},
            "version 0 of 'a' is SCORED with the score inf",
        ),
        ({"superseded": older([(0, 1, 0, 0.5, 0)], states=[5])}, "version 0 of 'a' has the state 5"),
        ({"superseded": older([(0, 1, 0, 0.5, 0)], errors=[-math.inf])}, "version 0 of 'a' has the error -inf"),
    ],
)
def test_what_contradicts_itself_is_refused(changes, message):
    with pytest.raises(SnapshotError, match=re.escape(message)):
        snapshot_of(tree_of(TWO_LEAVES), [[0.5, "X"], [0.25, ""]], **changes)


@pytest.mark.parametrize("name", ["valid_from", "valid_to"])
def test_a_window_without_a_time_zone_is_refused(name):
    tree = tree_of(TWO_LEAVES)
    naive = replace(tree["a"], versions=(BenchmarkVersion(1, "a_v1", **{name: NAIVE}),))
    with pytest.raises(SnapshotError, match=r"version 1 of 'a' .* without a time zone"):
        snapshot_of(replace(tree, nodes=(tree.nodes[0], naive, tree.nodes[2])), [])


def test_superseded_columns_of_different_length_are_refused():
    with pytest.raises(SnapshotError, match=r"version has 2 entries and row has 1"):
        older([(0, 1, 0, 0.5, 0)], version=[0, 0])


# The board that is analysed


def test_the_board_holds_the_capped_leaves_of_the_ranked_aggregate():
    tree = small_tree()
    cells = [[-0.5, 1.5, "X", "", 0.5, 0.25, 7.0], [0.1] * 7]
    errors = np.arange(2.0 * len(tree.nodes)).reshape(2, -1)
    snapshot = snapshot_of(tree, cells, errors=errors, published={"V1": [0.9, 0.9]})
    board = snapshot.board()
    assert board.leaves == tree.leaves("average_vision") == board.tree.leaves()
    assert board.tree.roots == ("average_vision",)
    assert "ImageNet-top1" not in board.tree
    np.testing.assert_array_equal(board.scores, [[0, 1, np.nan, np.nan, 0.5, 0.25], [0.1] * 6])
    assert board.states.tolist() == [[SCORED, SCORED, FAILED, NEVER, SCORED, SCORED], [SCORED] * 6]
    assert board.errors[1].tolist() == [errors[1, tree.index[leaf]] for leaf in board.leaves]
    assert board.models == snapshot.models


def test_a_board_below_another_node():
    snapshot = snapshot_of(small_tree(), [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 7.0]])
    assert snapshot.board("engineering_vision").scores.tolist() == [[7.0]]
    assert snapshot.board("V1").scores.tolist() == [[0.1, 0.2]]
    assert snapshot.board("V1").tree.roots == ("V1",)
    with pytest.raises(SnapshotError, match="no benchmark 'V9'"):
        snapshot.board("V9")


# The board as of an earlier moment


def cells_by_version(snapshot, column):
    """Every cell of a leaf: {(row, version): (state, score, error, time)}."""
    found = {}
    for row in range(len(snapshot.models)):
        cell = tuple(getattr(snapshot, name)[row, column] for name in ARRAYS)
        found[row, snapshot.tree.nodes[column].version] = cell
    old = snapshot.superseded
    for i in np.flatnonzero(old.column == column):
        found[int(old.row[i]), int(old.version[i])] = tuple(getattr(old, name)[i] for name in ARRAYS)
    return found


def slow_as_of(snapshot, moment):
    """What `as_of` promises, a leaf at a time: ({(model id, leaf): cell}, {(model id, leaf, version): cell})."""
    limit = as_time(moment)
    current, earlier = {}, {}
    for column, node in enumerate(snapshot.tree.nodes):
        if not node.is_leaf or not node.versions:
            continue
        cells = {key: cell for key, cell in cells_by_version(snapshot, column).items() if cell[3] < limit}
        opened = [
            v.version
            for v in node.versions
            if (
                v.valid_from < moment
                if v.valid_from is not None
                else any(number == v.version and cell[0] == SCORED for (_, number), cell in cells.items())
            )
        ]
        in_force = max(opened or [min(v.version for v in node.versions)])
        for (row, version), cell in cells.items():
            model = snapshot.models[row].id
            if version == in_force:
                current[model, node.type_id] = cell
            elif version < in_force:
                earlier[model, node.type_id, version] = cell
    return current, earlier


def same_cell(one, other):
    return all(a == b or (np.isnan(a) and np.isnan(b)) for a, b in zip(one, other, strict=True))


BLANK = (NEVER, np.nan, np.nan, NO_TIME)


@given(snapshots(), st.integers(0, LAST_DAY))
def test_as_of_agrees_with_a_slow_one(snapshot, number):
    then = snapshot.as_of(day(number))
    current, earlier = slow_as_of(snapshot, day(number))
    ran = {model for (model, *_), cell in [*current.items(), *earlier.items()] if cell[0] != NEVER}
    assert [m.id for m in then.models] == [m.id for m in snapshot.models if m.id in ran]
    arrived = {leaf for (_, leaf, *_), cell in [*current.items(), *earlier.items()] if cell[0] != NEVER}
    assert {node.type_id for node in then.tree.nodes if node.is_leaf} == arrived
    holding = {name for leaf in arrived for name in snapshot.tree.path(leaf)} | {snapshot.root}
    assert [node.type_id for node in then.tree.nodes] == [n for n in snapshot.tree.index if n in holding]
    for column, node in enumerate(then.tree.nodes):
        for row, model in enumerate(then.models):
            cell = tuple(getattr(then, name)[row, column] for name in ARRAYS)
            assert same_cell(cell, current.get((model.id, node.type_id), BLANK))
    old = then.superseded
    found = {
        (then.models[old.row[i]].id, then.tree.nodes[old.column[i]].type_id, int(old.version[i])): tuple(
            getattr(old, name)[i] for name in ARRAYS
        )
        for i in range(len(old))
    }
    expected = {key: cell for key, cell in earlier.items() if key[0] in ran and key[1] in arrived}
    assert found.keys() == expected.keys()
    assert all(same_cell(found[key], expected[key]) for key in found)


@given(snapshots(), st.integers(0, LAST_DAY), st.integers(0, LAST_DAY))
def test_as_of_composes(snapshot, one, other):
    early, late = sorted((one, other))
    assert snapshot.as_of(day(late)).as_of(day(early)) == snapshot.as_of(day(early))


@given(snapshots(), st.integers(0, LAST_DAY))
def test_nothing_from_the_future_shows(snapshot, number):
    then = snapshot.as_of(day(number))
    limit = as_time(day(number))
    known = then.states != NEVER
    assert (then.scored_at[known] < limit).all()
    assert (then.superseded.scored_at < limit).all()
    leaf = np.array([node.is_leaf for node in then.tree.nodes])
    assert not known[:, ~leaf].any()
    assert leaf[then.superseded.column].all()
    for node in then.tree.nodes:
        assert node.versions or not snapshot.tree[node.type_id].versions
        for version in node.versions:
            assert version.valid_from is None or version.valid_from < day(number)
            assert version.valid_to is None or version.valid_to < day(number)
    assert all(model.published_rank is None for model in then.models)
    assert then.reconstructed
    assert then.as_of_time == day(number)
    official = then.official()
    assert set(official.max_abs_diff.values()) == {None}
    kept = ("domain", "source", "sha256", "simulated")
    assert [getattr(then, name) for name in kept] == [getattr(snapshot, name) for name in kept]


def test_a_cell_counts_from_the_moment_after_it_was_scored():
    at = np.array([times(None, 3, None)])
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [[0.5, 0.25]], scored_at=at)
    assert snapshot.as_of(day(3)).models == ()
    just_after = snapshot.as_of(day(3) + timedelta(microseconds=1))
    # The leaf whose cell has no time is not there: nothing says that it was.
    assert just_after.tree.leaves() == ("a",)
    assert just_after.states.tolist() == [[NEVER, SCORED]]


def test_a_date_means_midnight_utc_and_so_does_a_time_without_zone():
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [[0.5, 0.25]], scored_at=np.array([times(None, 2.999, 3)]))
    expected = snapshot.as_of(day(3))
    assert expected.states.tolist() == [[NEVER, SCORED]]
    assert snapshot.as_of(date(2024, 1, 4)) == expected
    assert snapshot.as_of(datetime(2024, 1, 4)) == expected  # noqa: DTZ001 -- that is the point
    tokyo = timezone(timedelta(hours=9))
    assert snapshot.as_of(datetime(2024, 1, 4, 9, tzinfo=tokyo)) == expected


def test_the_future_is_refused():
    snapshot = snapshot_of(tree_of(TWO_LEAVES), [[0.5, 0.25]])
    assert snapshot.as_of(day(LAST_DAY)).as_of_time == day(LAST_DAY)
    later = day(LAST_DAY) + timedelta(microseconds=1)
    with pytest.raises(SnapshotError, match="later than this snapshot of 2024-01-09 00:00 UTC"):
        snapshot.as_of(later)
    assert issubclass(SnapshotError, InputError)
    earlier = snapshot.as_of(day(2))
    with pytest.raises(SnapshotError, match="later than"):
        earlier.as_of(day(3))


def version_board(first_window=(None, None), second_window=(None, None)):
    """One leaf, versions 1 (scored on days 1 and 3) and 2 (FAILED on day 4, scored on day 5)."""
    tree = tree_of({"average_vision": {"a": (1, 2)}})
    windows = (first_window, second_window)
    versions = tuple(
        replace(v, valid_from=start, valid_to=end) for v, (start, end) in zip(tree["a"].versions, windows, strict=True)
    )
    return snapshot_of(
        replace(tree, nodes=(tree.nodes[0], replace(tree["a"], versions=versions))),
        [["X"], [0.9], [""]],
        scored_at=np.array([times(None, 4), times(None, 5), times(None, None)]),
        superseded=older([(0, 1, 1, 0.25, 1), (1, 1, 1, 0.5, 3), (2, 1, 1, "X", 3)]),
    )


def shown(snapshot):
    column = snapshot.tree.index["a"]
    states = {NEVER: "", FAILED: "X"}
    return {
        snapshot.rows[model.id]: states.get(state, score)
        for model, state, score in zip(
            snapshot.models, snapshot.states[:, column].tolist(), snapshot.scores[:, column].tolist(), strict=True
        )
    }, snapshot.tree["a"].version


def test_a_version_without_a_window_opens_with_its_first_score():
    board = version_board()
    assert "a" not in board.as_of(day(1)).tree
    assert shown(board.as_of(day(2))) == ({0: 0.25}, 1)
    # On day 4.5 version 2 has only a failure, so version 1 still counts.
    assert shown(board.as_of(day(4.5))) == ({0: 0.25, 1: 0.5, 2: "X"}, 1)
    assert len(board.as_of(day(4.5)).superseded) == 0
    assert shown(board.as_of(day(6))) == ({0: "X", 1: 0.9, 2: ""}, 2)
    assert board.as_of(day(6)).superseded.scores.tolist()[:2] == [0.25, 0.5]


def test_a_window_decides_when_a_version_opens():
    board = version_board((day(0), day(2)), (day(2), None))
    assert shown(board.as_of(day(2))) == ({0: 0.25}, 1)
    # Version 2 opened before anything was scored in it.
    assert shown(board.as_of(day(2.5))) == ({0: ""}, 2)
    first, second = board.as_of(day(2.5)).tree["a"].versions
    assert (first.valid_to, second.valid_from) == (day(2), day(2))
    (first,) = board.as_of(day(2)).tree["a"].versions
    assert first.valid_to is None


def test_a_benchmark_that_only_failed_is_there():
    tree = tree_of(TWO_LEAVES)
    board = snapshot_of(tree, [["X", 0.5], [0.5, 0.5]], scored_at=np.array([times(None, 1, 1), times(None, 3, 1)]))
    then = board.as_of(day(2))
    assert then.tree.leaves() == ("a", "b")
    assert then.official().at("average_vision").tolist() == [0.25, 0.25]


def test_the_averages_of_the_site_itself_are_met(real_documents, shared_site):
    """The site's history knows the `-pls` leaves only as rescored later, and never had that one benchmark."""
    document = copy.deepcopy(real_documents["2024-01-01"])
    ends = ("-pls", "Igustibagus2024-ridge")
    gone = {b["type_id"] for b in document["benchmarks"] if b["is_leaf"] and b["type_id"].endswith(ends)}
    document["benchmarks"] = [b for b in document["benchmarks"] if b["type_id"] not in gone]
    for model in document["models"]:
        model["scores"] = {name: cells for name, cells in model["scores"].items() if name not in gone}
    board, rejected = parse_site_json(document, "the site", "")
    assert rejected == ()
    path = shared_site.parent / "more" / "real-site-monthly-averages.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    averages = pd.read_csv(path, index_col="model_id")
    for month in ("2020-08", "2021-05", "2021-07", "2021-12", "2022-05", "2022-12", "2023-12"):
        first = pd.Period(month).end_time.date() + timedelta(days=1)
        then = board.as_of(first)
        ours = pd.Series(then.official().at("average_vision"), index=[m.id for m in then.models]).fillna(0.0)
        both = ours.index.intersection(averages.index[averages[month].notna()])
        assert len(both) > 0.9 * len(ours), month
        assert (ours[both] - averages.loc[both, month]).abs().max() < 0.0015, month


def test_a_benchmark_that_was_scored_before_it_opened_is_there():
    board = version_board((day(7), None), (day(7), None))
    then = board.as_of(day(2))
    assert [v.version for v in then.tree["a"].versions] == [1]
    assert then.official().at("average_vision").tolist() == [0.25]


def test_the_six_earlier_real_boards_come_out_of_the_latest(real_snapshots):
    *earlier, (last, latest) = real_snapshots.items()
    assert len(earlier) == 6
    assert last == "2024-01-01"
    for moment, published in earlier:
        then = latest.as_of(date.fromisoformat(moment))
        assert then.as_of_time == published.as_of_time
        ran = {
            node.type_id
            for j, node in enumerate(published.tree.nodes)
            if node.is_leaf and (published.states[:, j] != NEVER).any()
        }
        assert set(then.tree.leaves()) == ran
        kept = [node for node in published.tree.nodes if node.type_id in then.tree]
        assert [node.type_id for node in then.tree.nodes] == [node.type_id for node in kept]
        assert {m.id for m in then.models} == {m.id for m in published.models}
        assert len(then.models) < len(latest.models)
        order = [published.rows[m.id] for m in then.models]
        for name in ARRAYS:
            columns = ([then.tree.index[n] for n in sorted(ran)], [published.tree.index[n] for n in sorted(ran)])
            np.testing.assert_array_equal(
                getattr(then, name)[:, columns[0]], getattr(published, name)[order][:, columns[1]]
            )
        assert then.models == tuple(replace(published.models[i], published_rank=None) for i in order)
        assert set(then.official().max_abs_diff.values()) == {None}


def test_an_empty_table_of_superseded_cells():
    assert len(no_superseded()) == 0
    assert len(older([(0, 1, 0, 0.5, 0)]).take(np.array([False]))) == 0


@settings(max_examples=30)
@given(snapshots(), st.data())
def test_as_of_does_not_depend_on_the_order_of_models(snapshot, data):
    order = data.draw(st.permutations(range(len(snapshot.models))))
    moment = day(data.draw(st.integers(0, LAST_DAY)))
    one, other = snapshot.as_of(moment), reordered(snapshot, order).as_of(moment)
    assert {m.id for m in one.models} == {m.id for m in other.models}
    rows = [other.rows[m.id] for m in one.models]
    np.testing.assert_array_equal(one.scores, other.scores[rows])
    np.testing.assert_array_equal(one.states, other.states[rows])
