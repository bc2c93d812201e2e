"""The CSV export in both dialects: cells, models and the tree come back, and hostile files are refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.errors import (
    BodyTooLargeError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    TruncatedPayloadError,
)
from brainalign_monitor.sources import parse_payload, pull_file
from brainalign_monitor.sources.csv_text import Field, csv_rows
from brainalign_plugin.official import CellState
from tests.commands import brainalign
from tests.monitor.sources.exports import (
    COMMENTS,
    new_csv,
    new_export,
    old_export,
    plugins_csv,
    text_of,
    zipped,
)
from tests.monitor.sources.samples import RECEIVED_AT, body_of, document


def board_of(what):
    return parse_payload(body_of(what), "payload", RECEIVED_AT).snapshot


NEURAL, BEHAVIOR = ("Ada2020.V1-pls", "Bea2021.IT-pls"), "Cid2022-i2n"


def scored_document(models=5):
    """A payload with scores of its own in every cell, of which one is FAILED and one NEVER, and their means."""
    what = document(models)
    for i, model in enumerate(what["models"]):
        leaves = {NEURAL[0]: 110 + 70 * i, NEURAL[1]: 520 - 30 * i, BEHAVIOR: 300 + 45 * i * i % 400}
        said = {name: f".{value:03}" for name, value in leaves.items()} | {"ImageNet-top1": f".{730 - i}"}
        said["engineering_vision"] = said["ImageNet-top1"]
        if i < 2:
            said[BEHAVIOR], leaves[BEHAVIOR] = ("X", "")[i], 0
        neural = (leaves[NEURAL[0]] + leaves[NEURAL[1]]) / 2000
        said["neural_vision"], said["behavior_vision"] = f"{neural:.3f}"[1:], said[BEHAVIOR]
        said["average_vision"] = f"{(neural + leaves[BEHAVIOR] / 1000) / 2:.3f}"[1:]
        for name, value in said.items():
            model["scores"][name][0]["value"] = value
    return what


@pytest.fixture
def board():
    return board_of(scored_document())


def read(body, tmp_path, name="export", **more):
    path = tmp_path / name
    path.write_bytes(body)
    return pull_file(path, RECEIVED_AT, **more)


def same_board(found, board, decimals, models="ids"):
    """Assert that an export says of each cell what the board does, as printed, in the same tree."""
    if models == "ids":
        assert [m.id for m in found.models] == [m.id for m in board.models]
    assert [m.name for m in found.models] == [m.name for m in board.models]
    assert {n.type_id: (n.parent, n.is_leaf, n.is_engineering) for n in found.tree.nodes} == {
        n.type_id: (n.parent, n.is_leaf, n.is_engineering) for n in board.tree.nodes
    }
    for node in board.tree.nodes:
        j, k = found.tree.index[node.type_id], board.tree.index[node.type_id]
        np.testing.assert_array_equal(found.states[:, j], board.states[:, k], err_msg=node.type_id)
        texts = [text_of(board, i, k, decimals) for i in range(len(board.models))]
        assert [text_of(found, i, j, decimals) for i in range(len(found.models))] == texts


@pytest.mark.parametrize("sidecar", [True, False])
@pytest.mark.parametrize("decimals", [2, 3])
def test_the_newer_dialect_comes_back(board, tmp_path, sidecar, decimals):
    found = read(new_export(board, decimals, sidecar), tmp_path)
    same_board(found.snapshot, board, decimals)
    assert found.snapshot.as_of_time == board.as_of_time, "of the range of dates that was exported"
    assert [m.published_rank for m in found.snapshot.models] == [m.published_rank for m in board.models]
    assert found.snapshot.tree["Ada2020.V1-pls"].version == (2 if sidecar else 0)
    assert found.set_aside == ()


def test_the_older_dialect_comes_back(board, tmp_path):
    found = read(old_export(board), tmp_path).snapshot
    same_board(found, board, 3, models="names")
    assert found.as_of_time == RECEIVED_AT, "it does not say of when it is"
    assert len({model.id for model in found.models}) == 5


def test_failed_and_never_are_told_apart_by_their_quotes(board, tmp_path):
    found = read(new_export(board), tmp_path).snapshot
    column = found.tree.index["Cid2022-i2n"]
    assert [CellState(s).name for s in found.states[:, column]] == ["FAILED", "NEVER", *["SCORED"] * 3]


def test_models_of_one_name_without_ids_are_two_and_keep_their_ids(board, tmp_path):
    text = old_export(board).replace(b'"model 2"', b'"model 1"')
    ids = [m.id for m in read(text, tmp_path).snapshot.models]
    assert len(set(ids)) == 5
    shorter = b"\r\n".join(text.split(b"\r\n")[:4])
    assert [m.id for m in read(shorter, tmp_path).snapshot.models] == ids[:3]


@pytest.mark.needs("shared")
@pytest.mark.parametrize("date", ["2023-01-01", "2024-01-01"])
def test_the_tree_of_a_real_board_is_read_from_its_numbers(shared_site, tmp_path, date):
    payload = gzip.decompress((shared_site / f"compare-data-{date}.json.gz").read_bytes())
    board = parse_payload(payload, "payload", RECEIVED_AT).snapshot
    same_board(read(old_export(board), tmp_path).snapshot, board, 3, models="names")
    same_board(read(new_export(board, sidecar=False), tmp_path).snapshot, board, 2)
    same_board(read(new_export(board), tmp_path).snapshot, board, 2)


@pytest.mark.needs("shared")
def test_a_tree_that_the_numbers_leave_open_is_not_guessed(shared_site, tmp_path):
    """In 2021 nothing was scored yet in the groups of one paper."""
    payload = gzip.decompress((shared_site / "compare-data-2021-07-01.json.gz").read_bytes())
    board = parse_payload(payload, "payload", RECEIVED_AT).snapshot
    with pytest.raises(PayloadShapeError, match="nothing is scored in some, so that its tree cannot be told"):
        read(new_export(board), tmp_path)


def test_a_short_name_gets_its_lab_and_version_back(board, tmp_path):
    text = new_csv(board).replace("Cid2022-i2n", "Dana2022-i2n")
    sidecar = plugins_csv(board).replace("Cid2022-i2n", "lab.Dana2022-i2n")
    found = read(zipped(leaderboard__csv=text, **{"plugin-info__csv": sidecar}), tmp_path).snapshot
    assert "lab.Dana2022-i2n" in found.tree
    assert found.tree["lab.Dana2022-i2n"].parent == "behavior_vision"


def test_other_names_of_the_files_and_folders_are_known(board, tmp_path):
    files = {"x/brain-score-leaderboard-2024__csv": new_csv(board), "__MACOSX/._leaderboard.csv.txt": b"junk"}
    same_board(read(zipped(**files), tmp_path).snapshot, board, 2)


def test_the_export_is_a_source_for_the_commands(board, tmp_path):
    path = tmp_path / "export.zip"
    path.write_bytes(new_export(board, 3))
    home = tmp_path / "home"
    brainalign("run", "--source", path, home=home).succeeded()
    (listed,) = brainalign("snapshots", "list", "--json", home=home).succeeded().json
    assert (listed["models"], listed["domain"]) == (5, "vision")
    body = next((home / "bodies").rglob("*.json.gz"))
    assert brainalign("analyze", body, "--json", home=home).json["snapshot"]["models"] == 5, (
        "the kept body is read too"
    )


def test_a_folder_is_imported_in_any_order_and_what_fails_keeps_nothing_out(board, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    later = document(5)
    later["datetime_range"]["max"] = "2024-02-01T00:00:00+00:00"
    (folder / "a.json").write_bytes(body_of(later))
    (folder / "b.zip").write_bytes(new_export(board))
    (folder / "c.json.gz").write_bytes(gzip.compress(body_of(document(4))))
    (folder / "notes.txt").write_text("not a payload")
    home = tmp_path / "home"
    brainalign("run", "--source", folder, home=home).succeeded()
    listed = brainalign("snapshots", "list", "--json", home=home).succeeded().json
    assert sorted(info["models"] for info in listed) == [4, 5, 5]
    assert len(list((home / "reports/vision").glob("*.html"))) == 1
    (folder / "d.json").write_bytes(b"<html>")
    (folder / "e.json").write_bytes(
        body_of(document(5) | {"datetime_range": {"max": "2024-01-15T00:00:00Z"}})
    )
    ended = brainalign("fetch", folder, home=home)
    assert ended.code == 5
    assert "d.json" in ended.problem
    assert "1 of 5 files failed, the others are stored" in ended.problem
    assert len(brainalign("snapshots", "list", "--json", home=home).json) == 4
    (folder / "empty").mkdir()
    assert "holds no payload" in brainalign("fetch", folder / "empty", home=home).problem


# --- what is refused -----------------------------------------------------------------------------------------


def refused(body, tmp_path, error, match, **more):
    with pytest.raises(error, match=match) as caught:
        read(body, tmp_path, **more)
    assert caught.value.body == body


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    bomb = zipped(leaderboard__csv=b"\0" * 20_000_000)
    refused(bomb, tmp_path, BodyTooLargeError, "to more than 1000000 bytes", max_bytes=1_000_000)


def lying_about_its_size():
    """A zip that says its file unpacks to ten bytes."""
    data = bytearray(zipped(leaderboard__csv=b"\0" * 5_000_000))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.start_dir
    struct.pack_into("<I", data, start + 24, 10)
    struct.pack_into("<I", data, 22, 10)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda _: zipped(other__csv="x"), PayloadShapeError, "a zip with 0 files leaderboard.csv"),
        (
            lambda _: zipped(leaderboard__csv="x", **{"a/leaderboard__csv": "y"}),
            PayloadShapeError,
            "with 2 files",
        ),
        (lambda b: new_export(b)[:-30], TruncatedPayloadError, "cannot be read"),
        (lambda b: new_export(b)[:60], TruncatedPayloadError, "cannot be read"),
        (lambda _: lying_about_its_size(), PayloadError, "."),
        (lambda _: zipped(leaderboard__csv=b"Rank,Model\xff"), NotJsonError, "no CSV in UTF-8"),
        (lambda _: zipped(leaderboard__csv=""), PayloadShapeError, "has no rows"),
        (lambda b: zipped(leaderboard__csv=new_csv(b) + '"x'), PayloadShapeError, "ends within quotes"),
        (lambda b: zipped(leaderboard__csv=new_csv(b) + "\n1,2"), PayloadShapeError, "row 7 has 2 fields"),
        (lambda _: b"Rank,Model,Model ID,V1\n1,a,2,.5\n", PayloadShapeError, "no column average_"),
        (lambda _: b"model_name,layers," + b"x," * 3000 + b"y\n", PayloadShapeError, "3003 columns"),
        (
            lambda _: b"Rank,Model,average_vision,average_vision\n1,a,.5,.6\n",
            PayloadShapeError,
            "occurs twice and differs",
        ),
        (
            lambda b: zipped(leaderboard__csv=new_csv(b).replace('"Model"', '"Modell"')),
            PayloadShapeError,
            "neither a column Model nor|cannot be told",
        ),
    ],
)
def test_a_hostile_or_broken_export_is_refused(board, tmp_path, make, error, match):
    with pytest.raises(error, match=match):
        read(make(board), tmp_path)


def test_an_encrypted_zip_is_refused(board, tmp_path):
    data = bytearray(new_export(board))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.start_dir
    data[start + 8] |= 1
    data[6] |= 1
    refused(bytes(data), tmp_path, TruncatedPayloadError, "cannot be read")


def test_a_filtered_export_has_no_tree(board, tmp_path):
    rows = [line.split(",") for line in new_csv(board).removeprefix(COMMENTS).splitlines()]
    gone = rows[0].index('"Bea2021.IT-pls"')
    for row in rows:
        row[gone - 1] = ".999" if row is not rows[0] else row[gone - 1]
    text = COMMENTS + "\n".join(",".join(field for i, field in enumerate(row) if i != gone) for row in rows)
    with pytest.raises(PayloadShapeError, match="its tree cannot be told; export without filters"):
        read(zipped(leaderboard__csv=text), tmp_path)


def test_names_never_reach_the_disk(board, tmp_path):
    evil = zipped(**{"../../leaderboard__csv": new_csv(board)})
    same_board(read(evil, tmp_path / "").snapshot, board, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


@given(st.binary(max_size=300), st.integers(0, 2000), st.integers(0, 40))
def test_noise_in_an_export_is_read_or_refused(tmp_path_factory, noise, start, length):
    body = bytearray(new_export(board_of(scored_document(3))))
    body[start : start + length] = noise
    with contextlib.suppress(PayloadError, BodyTooLargeError):
        read(bytes(body), tmp_path_factory.getbasetemp(), "noise")


# --- the reader of quotes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,"",\n', [[Field("a"), Field("", True), Field("")]]),
        ('"a,b"\r\n"c\nd",""', [[Field("a,b", True)], [Field("c\nd", True), Field("", True)]]),
        ('"say ""x""",y', [[Field('say "x"', True), Field("y")]]),
        ('"say "x" twice",y', [[Field('say "x" twice', True), Field("y")]]),
        ("\n\na\n\n", [[Field("a")]]),
        ("a,\n", [[Field("a"), Field("")]]),
        (",", [[Field(""), Field("")]]),
        ('""', [[Field("", True)]]),
        ("", []),
    ],
)
def test_quotes_are_seen(text, rows):
    assert [list(row) for row in csv_rows(text)] == rows


@given(st.lists(st.lists(st.tuples(st.text(max_size=8), st.booleans()), min_size=2, max_size=4), max_size=4))
def test_what_is_written_is_read(rows):
    def written(text, quoted):
        if quoted or any(c in text for c in ',"\r\n'):
            return '"' + text.replace('"', '""') + '"', True
        return text, False

    lines, expected = [], []
    for row in rows:
        fields = [written(*field) for field in row]
        lines.append(",".join(text for text, _ in fields))
        expected.append([Field(text, quoted) for (text, _), (_, quoted) in zip(row, fields, strict=True)])
    assert [list(row) for row in csv_rows("\n".join(lines))] == expected
