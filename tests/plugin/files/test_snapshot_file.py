from __future__ import annotations

import gzip
import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.cells import NO_TIME, SupersededCells
from brainalign_plugin.data.tree import Benchmark, BenchmarkVersion
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.files.snapshot_file import (
    content_digest,
    is_snapshot_document,
    read_snapshot,
    snapshot_bytes,
    snapshot_from_bytes,
)
from tests.boards import (
    EPOCH,
    FAILED,
    LAST_DAY,
    NAMES,
    NEVER,
    SCORED,
    as_time,
    day,
    reordered,
    snapshot_of,
    snapshots,
    tree_of,
)
from tests.monitor.sources.samples import body_of, document

ARRAYS = ("states", "scores", "errors", "scored_at")
ANY_MOMENT = st.datetimes(timezones=st.just(UTC))


def one_leaf(**changes):
    return snapshot_of(tree_of({"average_vision": {"a": (1, 2)}}), [[0.5], ["X"], [""]], **changes)


def one_superseded(row, column, version):
    number, value = np.array([0.5]), np.array([np.nan])
    at = np.array([NO_TIME])
    return SupersededCells(*(np.array([x]) for x in (row, column, version, SCORED)), number, value, at)


def document_of(snapshot):
    return json.loads(gzip.decompress(snapshot_bytes(snapshot)))


def packed(document):
    return gzip.compress(json.dumps(document).encode())


# Nothing is lost


@settings(max_examples=60)
@given(snapshots(), st.integers(0, LAST_DAY))
def test_a_snapshot_comes_back_as_it_was(snapshot, number):
    for kept in (snapshot, snapshot.as_of(day(number))):
        data = snapshot_bytes(kept)
        back = snapshot_from_bytes(data)
        assert back == kept
        for name in ARRAYS:
            one, other = getattr(back, name), getattr(kept, name)
            # Equality calls all NaN the same and so do we, but a bit of a score must not be lost.
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        assert snapshot_bytes(back) == data
        assert content_digest(back) == content_digest(kept)
        assert snapshot_from_bytes(gzip.decompress(data)) == kept


@settings(max_examples=30)
@given(st.lists(NAMES, min_size=5, max_size=5), st.text(max_size=5))
def test_names_of_any_kind_survive(names, label):
    source, model, leaf, version, sha256 = names
    node = Benchmark(f"leaf {leaf}", "average_vision", True, False, label, leaf, (BenchmarkVersion(1, version),))
    tree = replace(tree_of({"average_vision": {}}), nodes=(Benchmark("average_vision", None, False), node))
    snapshot = snapshot_of(tree, [[0.5]], source=source, sha256=sha256, models=(Model(1, model),))
    back = snapshot_from_bytes(snapshot_bytes(snapshot))
    assert back == snapshot
    assert back.models[0].name == model


@pytest.mark.parametrize(
    "name", ["\ud800", "\ud83d\ude00", "😀", "\udcff\x00", "</script>", '"],"models":[[', "a\u2028b", "NaN", " ", ""]
)
def test_hostile_names_survive(name):
    # "\ud83d\ude00" is two lone surrogates, which JSON escapes would join into one character.
    snapshot = one_leaf(models=(Model(1, name), Model(2, "b"), Model(3, name)), source=name)
    back = snapshot_from_bytes(snapshot_bytes(snapshot))
    assert [m.name for m in back.models] == [name, "b", name]
    assert back == snapshot


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    st.lists(st.floats(allow_infinity=False), min_size=3, max_size=3),
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=3, max_size=3),
)
def test_values_survive_to_the_last_bit(values, error_values, micros):
    states = np.array([[NEVER, SCORED]] * 3)
    scores = np.array([[np.nan, x] for x in values])
    errors = np.array([[x, np.nan] for x in error_values])
    scored_at = np.array([[np.datetime64(t, "us"), NO_TIME] for t in micros])
    older = SupersededCells(
        row=np.array([0, 1, 2]),
        column=np.array([1, 1, 1]),
        version=np.array([1, 1, 1]),
        states=np.array([SCORED] * 3),
        scores=np.array(values[::-1]),
        errors=np.array(error_values[::-1]),
        scored_at=np.array(micros[::-1]).astype("datetime64[us]"),
    )
    snapshot = one_leaf(states=states, scores=scores, errors=errors, scored_at=scored_at, superseded=older)
    back = snapshot_from_bytes(snapshot_bytes(snapshot))
    assert back == snapshot
    for name in ARRAYS[1:]:
        for one, other in ((back, snapshot), (back.superseded, snapshot.superseded)):
            ours, theirs = getattr(one, name), getattr(other, name)
            missing = np.isnan(theirs)
            np.testing.assert_array_equal(np.isnan(ours), missing)
            np.testing.assert_array_equal(ours[~missing].view(np.int64), theirs[~missing].view(np.int64))


@given(ANY_MOMENT, st.none() | ANY_MOMENT, st.none() | ANY_MOMENT, st.none() | ANY_MOMENT)
def test_moments_survive_to_the_microsecond(as_of, submitted, start, end):
    tree = tree_of({"average_vision": {"a": (1,)}})
    version = BenchmarkVersion(1, "a_v1", start, end)
    tree = replace(tree, nodes=(tree.nodes[0], replace(tree["a"], versions=(version,))))
    snapshot = snapshot_of(tree, [[0.5]], as_of_time=as_of, models=(Model(1, "m", submitted, 3),))
    assert snapshot_from_bytes(snapshot_bytes(snapshot)) == snapshot


def test_large_ids_survive():
    models = (Model(2**63 - 1, "a"), Model(0, "b"), Model(-5, "c"))
    assert snapshot_from_bytes(snapshot_bytes(one_leaf(models=models))).models == models


@pytest.mark.parametrize("rows", [[], [[0.5]]])
def test_a_snapshot_of_nothing_survives(rows):
    snapshot = snapshot_of(tree_of({"average_vision": {"a": None}}), rows)
    assert snapshot_from_bytes(snapshot_bytes(snapshot)) == snapshot


def test_a_file_is_read(tmp_path):
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(one_leaf()))
    assert read_snapshot(path) == read_snapshot(str(path)) == one_leaf()


def test_real_boards_survive(real_snapshots):
    latest = list(real_snapshots.values())[-1]
    data = snapshot_bytes(latest)
    assert snapshot_from_bytes(data) == latest
    # The published payload is the yardstick of what is worth storing.
    assert len(data) < 400_000


# The same bytes, and the same hash, for the same board


@settings(max_examples=30)
@given(snapshots())
def test_equal_snapshots_have_equal_bytes(snapshot):
    twin = replace(snapshot, scores=np.array(snapshot.scores, order="F"))
    assert snapshot_bytes(twin) == snapshot_bytes(snapshot)
    signed = replace(snapshot, scores=np.where(snapshot.scores == 0, -0.0, snapshot.scores))
    assert signed == snapshot
    assert snapshot_bytes(signed) == snapshot_bytes(snapshot)


def test_the_bytes_hold_no_clock():
    data = snapshot_bytes(one_leaf())
    assert data[4:8] == bytes(4)  # the time field of a gzip header
    assert is_snapshot_document(gzip.decompress(data))


@settings(max_examples=30)
@given(snapshots(), st.data())
def test_the_digest_is_of_what_the_board_says(snapshot, data):
    digest = content_digest(snapshot)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    order = data.draw(st.permutations(range(len(snapshot.models))))
    shuffled = reordered(snapshot, order)
    cells = data.draw(st.permutations(range(len(snapshot.superseded))))
    shuffled = replace(shuffled, superseded=shuffled.superseded.take(np.array(cells, dtype=np.int64)))
    assert content_digest(shuffled) == digest
    moved = {"source": "elsewhere", "sha256": "f" * 64, "as_of_time": datetime(2030, 1, 1, tzinfo=UTC)}
    assert content_digest(replace(snapshot, **moved)) == digest


def changed(holder, name, where):
    """The snapshot, or its superseded cells, with the smallest change of one cell."""
    fields = {n: np.array(getattr(holder, n)) for n in ARRAYS}
    old = fields[name][where]
    if name == "states":
        fields["states"][where] = FAILED if old != FAILED else NEVER
        fields["scores"][where] = np.nan
    elif name == "scores":
        fields["states"][where] = SCORED
        fields["scores"][where] = 0.0 if np.isnan(old) else np.nextafter(old, 3)
    elif name == "errors":
        fields["errors"][where] = 0.0 if np.isnan(old) else np.nextafter(old, 3)
    else:
        fields["scored_at"][where] = as_time(EPOCH) if np.isnat(old) else old + np.timedelta64(1, "us")
    return replace(holder, **fields)


@settings(max_examples=40)
@given(snapshots(), st.data())
def test_any_single_change_of_a_cell_changes_the_digest(snapshot, data):
    for name in ARRAYS:
        others = []
        for holder in (snapshot, snapshot.superseded):
            array = getattr(holder, name)
            if array.size:
                where = np.unravel_index(data.draw(st.integers(0, array.size - 1)), array.shape)
                others.append(changed(holder, name, where))
        for other in others:
            whole = replace(snapshot, superseded=other) if isinstance(other, SupersededCells) else other
            assert whole != snapshot
            assert content_digest(whole) != content_digest(snapshot), name
            assert snapshot_bytes(whole) != snapshot_bytes(snapshot), name


def test_the_version_model_and_benchmark_of_a_superseded_cell_are_in_the_digest():
    snapshot = snapshot_of(tree_of({"average_vision": {"a": (3,), "b": (3,)}}), [["", ""], ["", ""]])
    places = [(0, 1, 1), (0, 1, 2), (1, 1, 1), (0, 2, 1)]
    digests = {content_digest(replace(snapshot, superseded=one_superseded(*place))) for place in places}
    assert len(digests) == len(places)


def test_changes_beside_the_cells_change_the_digest():
    snapshot = one_leaf(models=(Model(1, "a", day(1), 1), Model(2, "b"), Model(3, "c")))
    tree = snapshot.tree
    models = snapshot.models
    changes = [
        {"models": (replace(models[0], name="A"), *models[1:])},
        {"models": (replace(models[0], submitted_at=day(2)), *models[1:])},
        {"models": (replace(models[0], published_rank=2), *models[1:])},
        {"models": (replace(models[0], id=9), *models[1:])},
        {"simulated": True},
        {"tree": replace(tree, nodes=(tree.nodes[0], replace(tree["a"], label="new")))},
        {"tree": replace(tree, nodes=(tree.nodes[0], replace(tree["a"], is_engineering=True)))},
        {"tree": replace(tree, nodes=(tree.nodes[0], replace(tree["a"], versions=tree["a"].versions[1:])))},
    ]
    digests = {content_digest(replace(snapshot, **change)) for change in changes}
    assert len(digests | {content_digest(snapshot)}) == len(changes) + 1


# What is no snapshot is refused, by name


def damaged():
    """Documents that went wrong in one place, and a part of the message."""
    old = {"model": [100], "benchmark": [1], "version": [1], "states": "S", "scores": [0.5], "errors": [None]}
    changes = [
        ({"format": "other"}, 'no "format": "brainalign-snapshot"'),
        ({"version": 2}, "snapshot format version 2; this release reads 1"),
        ({"version": "1"}, "snapshot format version '1'"),
        ({"models": None}, "damaged"),
        ({"models": [[1, "a"]]}, "damaged"),
        ({"models": [[7, "a", None, None]] * 3}, "model id 7 occurs twice"),
        ({"states": ["NS", "NF", "NQ"]}, "damaged"),
        ({"states": ["NS", "NF"]}, "damaged"),
        ({"states": ["NSN", "FNN"]}, "damaged"),
        ({"scores": [[None, None]] * 3}, "is SCORED with the score nan"),
        ({"scores": [[None, 0.5], [None, 0.5], [None, None]]}, "is FAILED with the score 0.5"),
        ({"scores": [[None, "half"], [None, None], [None, None]]}, "damaged"),
        ({"scores": [[None, 0.5, None], [None, None, None]]}, "damaged"),
        ({"scores": {}}, "damaged"),
        ({"errors": [[None]] * 3}, "damaged"),
        ({"errors": [[1e999, None]] * 3}, "has the error inf"),
        ({"scored_at": [["noon", None]] * 3}, "damaged"),
        ({"scored_at": [[2**70, None]] * 3}, "damaged"),
        ({"scored_at": [[None] * 6]}, "damaged"),
        ({"as_of_time": None}, "damaged"),
        ({"as_of_time": 2**62}, "damaged"),
        ({"benchmarks": [{"type_id": "average_vision"}]}, "damaged"),
        ({"benchmarks": []}, "damaged"),
        ({"domain": "language"}, "no node 'average_language'"),
        ({"superseded": {}}, "damaged"),
        ({"superseded": {**old, "scored_at": []}}, "scored_at has 0 entries and row has 1"),
        ({"superseded": {**old, "scored_at": [None], "model": [5]}}, "damaged"),
        ({"superseded": {**old, "scored_at": [None], "benchmark": [99]}}, "benchmark number 99"),
        ({"superseded": {**old, "scored_at": [None], "version": [2]}}, "latest version is 2"),
    ]
    return [({**document_of(one_leaf()), **change}, message) for change, message in changes]


@pytest.mark.parametrize(("document", "message"), damaged(), ids=lambda x: x if isinstance(x, str) else "")
def test_a_damaged_file_is_refused_by_name(tmp_path, document, message):
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(packed(document))
    with pytest.raises(SnapshotError, match=re.escape(message)) as caught:
        read_snapshot(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("missing", sorted(document_of(one_leaf())))
def test_a_file_without_one_of_its_fields_is_refused_by_name(missing):
    document = document_of(one_leaf())
    del document[missing]
    with pytest.raises(SnapshotError, match=r"^old\.gz "):
        snapshot_from_bytes(packed(document), origin="old.gz")


OTHERS = {
    "empty": b"",
    "text": b"Rank, Model\n1, resnet50\n",
    "a web page": b"<!doctype html><title>Brain-Score</title>",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an object": b"{}",
    "deep nesting": b"[" * 100_000,
    "binary": bytes(range(256)),
    "a broken gzip header": b"\x1f\x8b" + bytes(50),
    "gzipped text": gzip.compress(b"hello"),
    "gzipped nothing": gzip.compress(b""),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_another_file_is_refused_by_name(tmp_path, data):
    path = tmp_path / "some file"
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match=re.escape(repr(str(path)))):
        read_snapshot(path)


def test_a_torn_file_is_refused_wherever_it_is_torn():
    data = snapshot_bytes(one_leaf())
    text = gzip.decompress(data)
    for whole in (data, text):
        for end in range(0, len(whole), 7):
            with pytest.raises(SnapshotError, match=r"^torn\.gz is not a snapshot file|^torn\.gz is JSON but"):
                snapshot_from_bytes(whole[:end], origin="torn.gz")


@given(st.data())
def test_a_flipped_byte_is_refused_or_harmless(data):
    good = snapshot_bytes(one_leaf())
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    if at >= 10:
        with pytest.raises(SnapshotError, match=r"^flipped\.gz is "):
            snapshot_from_bytes(bytes(bad), origin="flipped.gz")
        return
    # The header also holds a time stamp and the name of a system, which are not ours.
    with suppress(SnapshotError):
        assert snapshot_from_bytes(bytes(bad), origin="flipped.gz") == one_leaf()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "absent.gz", tmp_path):
        with pytest.raises(SnapshotError, match=f"cannot read the snapshot file {re.escape(repr(str(path)))}"):
            read_snapshot(path)


def test_only_a_snapshot_document_looks_like_one():
    assert is_snapshot_document(gzip.decompress(snapshot_bytes(one_leaf())))
    assert not is_snapshot_document(snapshot_bytes(one_leaf()))
    assert not is_snapshot_document(b'{"domain":"vision","benchmarks":[]}')
    assert not is_snapshot_document(b"")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_file_that_the_site_serves_is_read(tmp_path, pack):
    path = tmp_path / "compare data.json"
    path.write_bytes(pack(body_of(document())))
    board = read_snapshot(path)
    assert [model.name for model in board.models] == ["model 1", "model 2", "model 3"]
    assert board.as_of_time == datetime(2024, 1, 1, tzinfo=UTC)
    assert board.official().ranks == (3, 2, 1)
    assert snapshot_from_bytes(snapshot_bytes(board)) == board


def test_a_site_file_that_is_not_read_whole_says_so(tmp_path):
    what = document()
    what["models"][0]["rank"] = "first"
    path = tmp_path / "compare-data.json"
    path.write_bytes(body_of(what))
    with pytest.warns(UserWarning, match="1 of its cells and fields, first .* the rank is not a whole number"):
        assert read_snapshot(path).models[0].published_rank is None
    del what["datetime_range"]
    what["models"][0]["rank"] = 1
    path.write_bytes(body_of(what))
    assert f"{read_snapshot(path).as_of_time:%Y-%m-%d %H:%M}" == "2023-06-30 17:49", "the newest score"
    for change in ({"models": []}, {"domain": 7}, {"benchmarks": None}):
        path.write_bytes(body_of(what | change))
        with pytest.raises(SnapshotError, match=r"compare-data\.json"):
            read_snapshot(path)
