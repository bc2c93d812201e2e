"""Frozen reference boards: norms by the definition, files without loss, and damage refused by name."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.errors import BoardError, ReferenceBoardError
from brainalign_plugin.files import reference_file
from brainalign_plugin.files.reference import GIVEN_BOARD, LeafNorms, freeze, given_board, restore
from brainalign_plugin.files.reference_file import (
    SUFFIX,
    find_reference,
    list_references,
    read_reference,
    reference_bytes,
    reference_from_bytes,
    reference_names,
    reference_path,
    write_reference,
)
from brainalign_plugin.schemes.scaling import NORMAL_SCORE, Z
from tests.boards import board_of, day, scores_in, small_tree, snapshot_of, snapshots, tree_of

AT = datetime(2024, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
LEAVES = small_tree().leaves("average_vision")
ROWS = [
    [0.1, 0.2, 0.3, 0.5, "X", 0.5, 0.9],
    [0.4, "", 0.1, 0.5, 0.2, 0.25, 0.8],
    [0.9, 0.3, 0.6, 0.5, 0.8, 1.5, 0.7],
    [0.4, "X", 0.7, 0.5, 0.1, "", ""],
]


def small_reference(name="base", rows=ROWS, **changes):
    return restore(snapshot_of(small_tree(), rows, **changes), name, AT)


# Norms


def on_norms(scale, values, asked):
    """Scores on the norms of a reference's scores on one leaf."""
    return scale.fit(np.array(values)[:, None])(np.asarray(asked)[..., None])[..., 0]


VALUES = st.lists(scores_in(0, 1), min_size=2, max_size=9)


@given(VALUES, st.lists(scores_in(-1, 2), min_size=1, max_size=6))
def test_normal_scores_count_what_is_below_and_equal(values, asked):
    expected = []
    for x in np.round(asked, 9):
        below = sum(v < x for v in np.round(values, 9))
        equal = sum(v == x for v in np.round(values, 9))
        expected.append(NormalDist().inv_cdf((below + 0.5 * equal + 0.5) / (len(values) + 1)))
    found = on_norms(NORMAL_SCORE, values, asked)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@given(VALUES, st.lists(scores_in(0, 1), min_size=1, max_size=6))
def test_z_is_taken_from_the_references_mean_and_sd(values, asked):
    norms = LeafNorms(np.array(values))
    assert norms.mean == pytest.approx(fmean(values))
    if len(set(np.round(values, 9))) == 1:
        assert norms.constant
        assert norms.sd == 0
        assert on_norms(Z, values, asked).tolist() == [0.0] * len(asked)
    else:
        assert norms.sd == pytest.approx(stdev(values))
        np.testing.assert_allclose(
            on_norms(Z, values, asked), [(x - fmean(values)) / stdev(values) for x in asked], rtol=1e-6, atol=1e-9
        )


def test_norms_take_any_shape_and_leave_missing_scores_missing():
    values = [0.2, 0.4, 0.9]
    scores = np.array([[0.2, np.nan], [1.0, 0.4]])
    for scale in (Z, NORMAL_SCORE):
        found = on_norms(scale, values, scores)
        assert np.isnan(found).tolist() == [[False, True], [False, False]]
        assert found[1, 1] == on_norms(scale, values, [0.4])[0]
    assert on_norms(NORMAL_SCORE, values, [-5.0, 5.0]) == pytest.approx(
        [NormalDist().inv_cdf(0.125), NormalDist().inv_cdf(0.875)]
    )


def test_fewer_than_two_scores_are_no_norms():
    for values in ([], [0.5]):
        norms = LeafNorms(np.array(values))
        assert not norms.usable
        assert math.isnan(norms.sd)
        assert math.isnan(norms.mean) == (not values)


# Freezing


def test_a_new_reference_leaves_out_benchmarks_with_few_scores():
    rows = np.random.default_rng(3).uniform(0.1, 0.9, (64, 7)).round(3).tolist()
    for row, lacking in ((0, 35), (1, 34), (2, 32), (3, 33)):
        for i in range(lacking):
            rows[i][row] = "X"
    snapshot = snapshot_of(small_tree(), rows)
    reference = freeze(snapshot, "base", AT)
    # Half of 64 models are 32, which is more than 30.
    assert reference.left_out == (LEAVES[0], LEAVES[1], LEAVES[3])
    assert reference.board.leaves == (LEAVES[2], LEAVES[4], LEAVES[5])
    assert set(reference.norms) == set(reference.board.leaves)
    again = reference_from_bytes(reference_bytes(reference))
    assert (again.left_out, again.sha256) == (reference.left_out, reference.sha256)
    with pytest.raises(ReferenceBoardError, match=rf"lacks .*{LEAVES[0]}.* was left out for too few scores"):
        reference.check(snapshot.board())
    # If no benchmark has 30 scores, those of half of the models are enough.
    few = freeze(snapshot_of(small_tree(), [["X", *row[1:]] for row in rows[35:]]), "few", AT)
    assert few.left_out == (LEAVES[0],)


def test_scores_beyond_the_reference_are_counted():
    reference = small_reference()
    assert reference.saturation(reference.board) == ""
    assert reference.saturation(board_of([[0.95, 0.3, 0.0, 0.5, "X", ""], [0.9] * 6])).startswith(
        "5 of 10 scores lie above the reference's highest and 1 below its lowest"
    )


def test_freezing_keeps_all_models_and_says_where_they_come_from():
    snapshot = snapshot_of(small_tree(), ROWS, sha256="ab" * 32)
    reference = restore(snapshot, "base", AT.astimezone(timezone(timedelta(hours=5))))
    assert (reference.name, reference.frozen_at, reference.domain) == ("base", AT, "vision")
    assert reference.frozen_at.tzinfo is UTC
    assert (reference.as_of, reference.snapshot.sha256) == (day(8), "ab" * 32)
    assert reference.board.models == snapshot.models
    assert reference.board.leaves == LEAVES
    assert set(reference.norms) == set(LEAVES)
    # Engineering is not part of the board, and a score above 1 counts as 1.
    assert reference.norms[LEAVES[5]].values.tolist() == [0.25, 0.5, 1.0]
    assert f"reference base (4 models, vision as of 2024-01-09; frozen 2024-02-03, sha256 {reference.sha256[:12]})" == (
        reference.description
    )


def test_a_board_without_a_named_reference_is_frozen_as_it_is():
    snapshot = snapshot_of(small_tree(), ROWS)
    reference = given_board(snapshot)
    assert reference.is_given_board
    assert reference.frozen_at == snapshot.as_of_time
    assert reference.sha256 == given_board(snapshot).sha256
    assert reference.description == (
        "no reference was named: norms frozen on the whole given board (4 models, vision as of 2024-01-09)"
    )
    assert not small_reference().is_given_board
    made_up = replace(snapshot, simulated=True, reconstructed=True)
    assert "2024-01-09, reconstructed, SIMULATED; frozen" in restore(made_up, "made-up", day(12)).description


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "a b",
        "a.b",
        "-x",
        "_x",
        "é",
        "a\n",
        "a\0",
        "x" * 65,
        "ba\u202ese",
        "%2e%2e",
        "base.reference.json.gz",
    ],
)
def test_a_name_that_is_no_safe_file_name_is_refused(name, tmp_path):
    with pytest.raises(ReferenceBoardError, match="a reference cannot be named") as caught:
        small_reference(name)
    assert repr(name) in str(caught.value)
    with pytest.raises(ReferenceBoardError, match="a reference cannot be named"):
        reference_path(tmp_path, name)


def test_a_huge_name_is_not_echoed_whole():
    with pytest.raises(ReferenceBoardError) as caught:
        small_reference("x" * 10**6)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["a", "A1", "vision-2024-01-01", "x_y", "x" * 64])
def test_plain_names_are_taken(name, tmp_path):
    assert small_reference(name).name == name
    assert reference_path(tmp_path, name).parent == tmp_path


def test_what_cannot_be_frozen():
    with pytest.raises(ReferenceBoardError, match=f"'{GIVEN_BOARD}' stands for a board without a reference"):
        small_reference(GIVEN_BOARD)
    with pytest.raises(ReferenceBoardError, match="'base' is frozen at 2024-02-03 00:00:00, without a time zone"):
        restore(snapshot_of(small_tree(), ROWS), "base", datetime(2024, 2, 3))  # noqa: DTZ001 -- that is the point
    for rows in ([], [[0.5] * 7], [["X"] * 7] * 3):
        with pytest.raises(ReferenceBoardError, match=f"no benchmark .* \\({len(rows)} models\\) has 2 scores"):
            small_reference(rows=rows)


# Whether a reference fits a board


def test_a_reference_fits_boards_whose_scores_it_has_norms_for():
    reference = small_reference()
    reference.check(board_of([[0.5] * 6]))
    reference.check(reference.board)
    fewer = reference.board.take(columns=[0, 3])
    reference.check(fewer)


def test_a_benchmark_that_is_lacking_is_named():
    wider = tree_of(
        {"average_vision": {"neural_vision": {LEAVES[0]: None, "New1": None, "New2": None, "N3": None, "N4": None}}}
    )
    scores = [[0.1, 0.2, 0.3, 0.4, 0.5]] * 2
    with pytest.raises(
        ReferenceBoardError, match=r"'base' lacks 'New1', 'New2', 'N3' and 1 more; .*freeze\(board, name\)"
    ):
        small_reference().check(board_of(scores, wider))
    # What nobody has a score on needs no norms.
    small_reference().check(board_of([[0.1, "X", "", "", "X"]] * 2, wider))


def test_a_benchmark_with_too_few_scores_is_named():
    rows = [[*row[:1], cell, *row[2:]] for row, cell in zip(ROWS, [0.5, "X", "", ""], strict=True)]
    reference = small_reference(rows=rows)
    with pytest.raises(
        ReferenceBoardError,
        match=rf"'base' has too few scores on '{LEAVES[1]}' \(1\), because norms need at least 2; .*freeze\(board",
    ):
        reference.check(board_of([[0.5] * 6]))
    reference.check(board_of([[0.5, "", 0.5, 0.5, 0.5, 0.5]]))
    given = given_board(snapshot_of(small_tree(), rows))
    with pytest.raises(ReferenceBoardError, match="pass a reference that has it"):
        given.check(board_of([[0.5] * 6]))


def test_a_reference_of_another_domain_is_refused():
    with pytest.raises(
        ReferenceBoardError, match="'base' is of the domain 'vision' and the board of 'language'; pass a reference"
    ):
        small_reference().check(replace(board_of([[0.5] * 6]), domain="language"))


def test_notes_name_constant_benchmarks_and_other_versions():
    reference = small_reference()
    board = board_of([[0.5] * 6])
    constant = f"{LEAVES[3]} is constant on the reference, so its z is 0 for every model"
    beyond = "1 of 6 scores lie above the reference's highest and 0 below its lowest, where normal scores go no further"
    assert reference.notes(board) == (constant, beyond)
    newer = tuple(
        replace(node, versions=(replace(node.versions[0], version=2),)) if node.type_id == LEAVES[0] else node
        for node in board.tree.nodes
    )
    assert reference.notes(replace(board, tree=BenchmarkTree(newer))) == (
        constant,
        f"{LEAVES[0]} has version 1 on the reference and version 2 on the board",
        beyond,
    )


# Variants for audits


def same_norms(one, other):
    assert set(one.norms) == set(other.norms)
    for leaf, norms in one.norms.items():
        assert norms.values.tolist() == other.norms[leaf].values.tolist(), leaf


@pytest.mark.parametrize("function", [np.square, lambda x: x / 2, lambda x: 1 - x])
def test_a_transformed_leaf_is_as_if_it_had_been_frozen_so(function):
    snapshot = snapshot_of(small_tree(), ROWS)
    column = snapshot.tree.index[LEAVES[2]]
    scores = np.array(snapshot.scores)
    scores[:, column] = function(scores[:, column])
    reference = restore(snapshot, "base", AT)
    changed = reference.transformed(LEAVES[2], function)
    expected = restore(replace(snapshot, scores=scores), "base", AT)
    same_norms(changed, expected)
    np.testing.assert_array_equal(changed.board.scores, expected.board.scores)
    assert reference.norms[LEAVES[2]].values.tolist() == [0.1, 0.3, 0.6, 0.7]


def test_a_clone_is_a_sibling_with_the_same_norms():
    reference = small_reference()
    wider = reference.with_clone(LEAVES[0], "copy")
    assert wider.board.leaves == (LEAVES[0], "copy", *LEAVES[1:])
    assert wider.board.tree["copy"].parent == reference.board.tree[LEAVES[0]].parent
    assert wider.norms["copy"].values.tolist() == reference.norms[LEAVES[0]].values.tolist()
    for name in ("scores", "states", "errors"):
        cells = getattr(wider.board, name)
        np.testing.assert_array_equal(cells[:, 1], cells[:, 0])
    wider.check(wider.board)
    with pytest.raises(ReferenceBoardError, match="'base' already has 'copy'"):
        wider.with_clone(LEAVES[1], "copy")


def test_variants_are_never_written(tmp_path):
    variant = small_reference().transformed(LEAVES[0], np.square).with_clone(LEAVES[1], "copy")
    for write in (reference_bytes, lambda r: write_reference(tmp_path / "x", r), lambda r: r.sha256):
        with pytest.raises(ReferenceBoardError, match=f"{LEAVES[0]} transformed; copy copied from {LEAVES[1]}"):
            write(variant)
    assert list(tmp_path.iterdir()) == []


def test_variants_of_what_is_not_there_or_not_defined():
    reference = small_reference()
    for change in (lambda r: r.transformed("None", np.square), lambda r: r.with_clone("None", "copy")):
        with pytest.raises(ReferenceBoardError, match="'base' lacks 'None'"):
            change(reference)
    with pytest.raises(ReferenceBoardError, match=f"'{LEAVES[0]}' has no value for a score of the reference"):
        reference.transformed(LEAVES[0], lambda x: np.where(x > 0.5, np.nan, x))
    with pytest.raises(BoardError, match="score inf"):
        reference.transformed(LEAVES[0], lambda x: np.where(x > 0.5, np.inf, x))


# Files


@settings(max_examples=30)
@given(snapshots(), st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- hypothesis asks for a naive bound
def test_nothing_is_lost_in_a_file(snapshot, at):
    board = snapshot.board()
    assume((~np.isnan(board.scores)).sum(axis=0).max(initial=0) > 1)
    reference = restore(snapshot, "base", at)
    data = reference_bytes(reference)
    again = reference_from_bytes(data)
    assert again.snapshot == snapshot
    assert (again.name, again.frozen_at, again.sha256) == ("base", at, reference.sha256)
    same_norms(again, reference)
    assert reference_bytes(again) == data


def test_the_hash_is_of_the_document_and_tells_references_apart():
    reference = small_reference()
    loose = json.dumps(json.loads(gzip.decompress(reference_bytes(reference))), indent=1).encode()
    assert reference_from_bytes(loose).sha256 == reference.sha256
    others = [
        small_reference("other"),
        restore(reference.snapshot, "base", AT + timedelta(microseconds=1)),
        small_reference(rows=[[0.11, *ROWS[0][1:]], *ROWS[1:]]),
        small_reference(sha256="1" * 64),
    ]
    assert len({reference.sha256, *(other.sha256 for other in others)}) == 5


def parsed():
    return json.loads(gzip.decompress(reference_bytes(small_reference())))


def damaged(**changes):
    return json.dumps(parsed() | changes).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a reference file"),
        (b"junk", "is not a reference file"),
        (b"\x1f\x8bjunk", "is not a reference file"),
        (reference_bytes(small_reference())[:-20], "is not a reference file"),
        (reference_bytes(small_reference()) + b"more", "is not a reference file"),
        (b"[" * 100_000, "is not a reference file"),
        (b"[]", "is JSON but not a reference file"),
        (b'{"format":"brainalign-snapshot"}', "is JSON but not a reference file"),
        (damaged(version=2), "has the reference format version 2; this release reads 1: upgrade"),
        (damaged(name="../x"), "is a damaged reference file .a reference cannot be named '../x'"),
        (damaged(name=5), "is a damaged reference file .TypeError"),
        (damaged(name=GIVEN_BOARD), "is a damaged reference file"),
        (damaged(frozen_at="yesterday"), "is a damaged reference file .ValueError"),
        (damaged(frozen_at="2024-01-01"), "is a damaged reference file .* without a time zone"),
        (damaged(frozen_at=None), "is a damaged reference file .TypeError"),
        (damaged(snapshot=None), "is a damaged reference file .the board in 'x.gz' is JSON but not a snapshot"),
        (damaged(snapshot={**parsed()["snapshot"], "models": []}), "is a damaged reference file"),
        (damaged(snapshot={**parsed()["snapshot"], "version": 9}), "snapshot format version 9"),
        (damaged(snapshot={**parsed()["snapshot"], "domain": "language"}), "is a damaged reference file"),
        (json.dumps({k: v for k, v in parsed().items() if k != "snapshot"}).encode(), "KeyError: 'snapshot'"),
    ],
)
def test_a_damaged_file_is_refused_by_name(data, message):
    with pytest.raises(ReferenceBoardError, match=message) as caught:
        reference_from_bytes(data, origin="'x.gz'")
    assert str(caught.value).startswith("'x.gz' ")


@given(st.data())
def test_a_flipped_byte_never_passes_as_another_reference(data):
    whole = bytearray(reference_bytes(small_reference()))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        found = reference_from_bytes(bytes(whole))
    except ReferenceBoardError:
        return
    # The header of a gzip file has bytes without a meaning.
    assert found.sha256 == small_reference().sha256


def test_reading_says_which_file(tmp_path):
    path = tmp_path / "gone.reference.json.gz"
    with pytest.raises(
        ReferenceBoardError, match=r"cannot read the reference file .*gone.reference.json.gz.*: No such"
    ):
        read_reference(path)
    path.write_bytes(b"junk")
    with pytest.raises(ReferenceBoardError, match=r"gone\.reference\.json\.gz' is not a reference file"):
        read_reference(str(path))
    with pytest.raises(ReferenceBoardError, match="cannot read the reference file"):
        read_reference("a\0b")


def test_a_reference_is_written_once(tmp_path):
    path = tmp_path / "new" / "folder" / f"base{SUFFIX}"
    first, second = small_reference(), small_reference(rows=ROWS[:3])
    assert write_reference(path, first) == path
    with pytest.raises(ReferenceBoardError, match=f"base{SUFFIX}' exists, .*replace_existing=True"):
        write_reference(path, second)
    assert read_reference(path).sha256 == first.sha256
    write_reference(path, second, replace_existing=True)
    assert read_reference(path).sha256 == second.sha256
    assert [p.name for p in path.parent.iterdir()] == [f"base{SUFFIX}"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / f"base{SUFFIX}"
    write_reference(path, small_reference())
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reference_file.os, "fsync", full)
    with pytest.raises(ReferenceBoardError, match=r"cannot write .*base.*: No space left on device"):
        write_reference(path, small_reference(rows=ROWS[:2]), replace_existing=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_references_are_found_by_name_or_path(tmp_path):
    for name in ("vision-2024", "vision-2023", "animals"):
        write_reference(reference_path(tmp_path, name), small_reference(name))
    (tmp_path / "notes.txt").write_text("not a reference", encoding="utf-8")
    assert reference_names(tmp_path) == ("animals", "vision-2023", "vision-2024")
    assert find_reference(tmp_path, "animals").name == "animals"
    elsewhere = write_reference(tmp_path / "sent" / "by-mail.json.gz", small_reference("theirs"))
    assert find_reference(tmp_path, str(elsewhere)).name == "theirs"
    with pytest.raises(
        ReferenceBoardError, match=r"no reference 'vision-2025' in .*; did you mean vision-202[34], vision"
    ):
        find_reference(tmp_path, "vision-2025")
    with pytest.raises(
        ReferenceBoardError, match=r"no reference 'Q' in .*; there are animals, vision-2023, vision-2024"
    ):
        find_reference(tmp_path, "Q")
    with pytest.raises(
        ReferenceBoardError, match=r"no reference 'Q' in .*; pull the leaderboard and freeze it: freeze\(board"
    ):
        find_reference(tmp_path / "nowhere", "Q")
    with pytest.raises(ReferenceBoardError, match=r"a reference cannot be named '\.\.'"):
        find_reference(tmp_path, "..")


def test_a_renamed_file_is_not_taken_for_another_reference(tmp_path):
    write_reference(tmp_path / f"new{SUFFIX}", small_reference("old"))
    with pytest.raises(ReferenceBoardError, match=f"new{SUFFIX}' holds the reference 'old'; name the file old{SUFFIX}"):
        find_reference(tmp_path, "new")


def test_one_damaged_file_does_not_hide_the_others(tmp_path):
    for name in ("a", "c"):
        write_reference(reference_path(tmp_path, name), small_reference(name))
    (tmp_path / f"b{SUFFIX}").write_bytes(b"junk")
    (tmp_path / f"b.b{SUFFIX}").write_bytes(b"junk")
    references, broken = list_references(tmp_path)
    assert [reference.name for reference in references] == ["a", "c"]
    assert str(broken[0]).startswith(f"'{tmp_path / f'b{SUFFIX}'}' is not a reference file")
    assert str(broken[1]).startswith("a reference cannot be named 'b.b'")
    assert len(broken) == 2
    assert list_references(tmp_path / "nowhere") == ((), ())


def test_the_real_board_is_frozen_whole(real_snapshots, tmp_path):
    snapshot = real_snapshots["2024-01-01"]
    reference = restore(snapshot, "real", AT)
    assert len(reference.board.models) == 281
    assert sum(norms.count for norms in reference.norms.values()) == int((~np.isnan(snapshot.board().scores)).sum())
    again = read_reference(write_reference(tmp_path / f"real{SUFFIX}", reference))
    assert again.snapshot == snapshot
    assert again.sha256 == reference.sha256
