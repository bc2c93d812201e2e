"""The CSV export in both dialects: cells, models and the tree come back, and hostile files are refused."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    TruncatedPayloadError,
)
from brainalign_monitor.sources.dispatch import files_of, pull_file
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.official import CellState
from brainalign_plugin.files.csv_table import Field, csv_rows
from tests.commands import brainalign
from tests.monitor.sources.exports import COMMENTS, new_csv, new_export, old_export, plugins_csv, text_of, zipped
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
    assert found.rejected == ()


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
    text = old_export(board).replace(b"model 2", b"model 1")
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
    with pytest.raises(PayloadShapeError, match="nothing is scored in some, so that its tree is unknown"):
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
    assert brainalign("analyze", body, "--json", home=home).json["snapshot"]["models"] == 5, "the kept body is read too"


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
    (folder / "e.json").write_bytes(body_of(document(6) | {"datetime_range": {"max": "2024-01-15T00:00:00Z"}}))
    ended = brainalign("fetch", folder, home=home)
    assert ended.code == 5
    assert "d.json" in ended.problem
    assert "1 of 5 files failed, the others are stored" in ended.problem
    assert len(brainalign("snapshots", "list", "--json", home=home).json) == 4
    (folder / "empty").mkdir()
    assert "holds no payload" in brainalign("fetch", folder / "empty", home=home).problem


def resaved(board, separator=",", point=".", quotes=csv.QUOTE_MINIMAL, end="\r\n"):
    """The newer export as a spreadsheet saves it: nothing quoted, comments padded, zeros as it likes them."""
    lines = new_csv(board, 3).splitlines()
    rows = [[line] + [""] * (lines[2].count(",")) for line in lines[:2]]
    rows += list(csv.reader(lines[2:]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quotes, lineterminator=end)
    for row in rows:
        numbers = [re.sub(r"^\.(\d+?)0*$", rf"0{point}\1", field) for field in row[4:]]
        writer.writerow([*row[:4], *numbers, ""])
    return out.getvalue() + separator * 3 + end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"separator": ";", "point": ",", "end": "\n"},
        {"separator": "\t", "point": ",", "end": "\r"},
        {"point": ",", "quotes": csv.QUOTE_ALL},
        {"separator": ";"},
    ],
)
def test_an_export_is_read_as_a_spreadsheet_saves_it(board, tmp_path, how, encoding):
    text = resaved(board, **how).replace("model 3", "m\u00f6del 3")
    found = read(text.encode(encoding), tmp_path)
    failed = board.states == CellState.FAILED
    # Saved again, FAILED and NEVER are one.
    expected = replace(
        board,
        states=np.where(failed, np.int8(CellState.NEVER), board.states),
        models=tuple(replace(m, name=m.name.replace("model 3", "m\u00f6del 3")) for m in board.models),
    )
    same_board(found.snapshot, expected, 3)
    assert found.snapshot.as_of_time == board.as_of_time
    told = [entry.reason for entry in found.rejected]
    if how.get("quotes"):
        assert told == []
    else:
        assert len(told) == 1
        assert "empty cells count as never run: a spreadsheet saved the export again" in told[0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda text: zipped(leaderboard__csv=text)])
def test_an_export_is_read_whatever_is_above_its_header(board, tmp_path, pack):
    text = "\ufeffsep=,\r\n\r\n" + new_csv(board)
    same_board(read(pack(text.encode()), tmp_path).snapshot, board, 2)


def test_what_macos_adds_to_a_zip_or_a_folder_is_no_board(board, tmp_path):
    junk = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"
    files = {"x/leaderboard__csv": new_csv(board), "x/": b"", "x/.DS_Store": junk}
    added = {"__MACOSX/leaderboard__csv": junk, "__MACOSX/x/._leaderboard__csv": junk, "x/._leaderboard__csv": junk}
    same_board(read(zipped(**files, **added), tmp_path).snapshot, board, 2)
    folder = tmp_path / "folder"
    (folder / "__MACOSX").mkdir(parents=True)
    (folder / "b.zip").write_bytes(zipped(**files))
    for name in ("._b.zip", "._a.json", ".DS_Store", ".hidden.csv"):
        (folder / name).write_bytes(junk)
    assert files_of(str(folder)) == (str(folder / "b.zip"),)


def test_a_zip_of_the_json_is_read(board, tmp_path):
    body = body_of(scored_document())
    found = read(zipped(**{"data__json": body, "__MACOSX/._data__json": b"x"}), tmp_path)
    assert found.snapshot.models == board.models
    assert found.body == body


@pytest.mark.parametrize("name", ["leaderboard.csv", "plugin-info.csv"])
def test_a_damaged_member_of_a_zip_is_named(board, tmp_path, name):
    data = bytearray(new_export(board))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(name)
    data[info.header_offset + 30 + len(name) + info.compress_size // 2] ^= 0xFF
    refused(bytes(data), tmp_path, TruncatedPayloadError, f"is a zip with a damaged member {name}")


def test_groups_may_be_means_of_scores_above_one(board, tmp_path):
    """Until 2026 the site capped no score."""
    text = old_export(board).decode()
    lines = [line.split(",") for line in text.split("\r\n")]
    at = {name: i + 1 for i, name in enumerate(lines[0])}  # the layers of a model hold a comma
    for row in lines[3:]:
        row[at["Cid2022-i2n"]] = row[at["behavior_vision"]] = "1.4"
        row[at["average_vision"]] = f"{(1.4 + float(row[at['neural_vision']])) / 2:.3f}"
    found = read("\r\n".join(",".join(row) for row in lines).encode(), tmp_path).snapshot
    assert found.tree["Cid2022-i2n"].parent == "behavior_vision"
    assert found.scores[3, found.tree.index["Cid2022-i2n"]] == 1.4


def test_engineering_that_failed_is_nothing_below_a_group_that_failed(tmp_path):
    what = scored_document()
    what["models"][4]["scores"]["ImageNet-top1"][0]["value"] = ""
    what["models"][4]["scores"]["engineering_vision"][0]["value"] = "X"
    board = board_of(what)
    same_board(read(new_export(board), tmp_path).snapshot, board, 2)


def test_an_export_without_the_average_gets_it(tmp_path):
    what = scored_document()
    board = board_of(what)
    rows = list(csv.reader(new_csv(board, 3).removeprefix(COMMENTS).splitlines()))
    gone = rows[0].index("average_vision")
    lines = [new_csv(board, 3).splitlines()[2 + i].split(",") for i in range(len(rows))]
    text = COMMENTS + "\n".join(",".join(f for i, f in enumerate(line) if i != gone) for line in lines)
    found = read(text.encode(), tmp_path).snapshot
    same_board(found, board, 2)
    assert found.official().ranks == board.official().ranks


@pytest.mark.needs("shared")
@pytest.mark.parametrize(
    ("name", "models", "decimals"),
    [
        ("csv_downloadable-vision.csv.gz", "names", 3),
        ("leaderboard_export-vision.zip", "ids", 2),
        ("real-2025-05-old_leaderboard.csv.gz", "ids", 2),
    ],
)
def test_the_exports_of_2025_say_what_the_json_does(shared_site, name, models, decimals):
    more = shared_site.parent / "more"
    board = pull_file(more / "compare-data-2025-05-07.json.gz", RECEIVED_AT).snapshot
    found = pull_file(more / name, RECEIVED_AT)
    assert found.rejected == ()
    one, other = board.board(), found.snapshot.board()
    assert {n.type_id: n.parent for n in found.snapshot.tree.nodes} == {n.type_id: n.parent for n in board.tree.nodes}
    by_key = {(m.id if models == "ids" else m.name): i for i, m in enumerate(other.models)}
    if models == "ids":
        rows = [by_key[m.id] for m in one.models]
        columns = [other.leaves.index(leaf) for leaf in one.leaves]
        np.testing.assert_array_equal(other.states[np.ix_(rows, columns)], one.states)
        apart = np.abs(other.scores[np.ix_(rows, columns)] - one.scores)
        assert np.nanmax(apart) <= 10.0**-decimals
    else:
        assert sorted(other.states.ravel().tolist()) == sorted(one.states.ravel().tolist())


@pytest.mark.needs("shared")
def test_other_real_exports_are_read(shared_site):
    more = shared_site.parent / "more"
    new = pull_file(more / "real-2025-05-new_leaderboard.csv.gz", RECEIVED_AT).snapshot
    assert (len(new.models), len(new.board().leaves)) == (455, 81)
    language = pull_file(more / "leaderboard_export-language.zip", RECEIVED_AT).snapshot
    json = pull_file(more / "compare-data-2025-05-07-language.json.gz", RECEIVED_AT).snapshot
    assert language.domain == "language"
    np.testing.assert_allclose(language.board().scores, json.board().scores, atol=0.0051)
    np.testing.assert_array_equal(language.board().states, json.board().states)


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
        (lambda _: zipped(other__txt="x"), PayloadShapeError, r"a zip with 0 boards .*other\.txt"),
        (
            lambda _: zipped(leaderboard__csv="x", **{"a/leaderboard__csv": "y"}),
            PayloadShapeError,
            "a zip with 2 boards",
        ),
        (lambda b: new_export(b)[:-30], TruncatedPayloadError, "a zip that is damaged or cut off"),
        (lambda b: new_export(b)[:60], TruncatedPayloadError, "a zip that is damaged or cut off"),
        (lambda _: lying_about_its_size(), PayloadError, "."),
        (
            lambda b: zipped(leaderboard__csv=new_csv(b).encode("utf-16-le")),
            NotJsonError,
            "is UTF-16 text without a byte order mark; save it as UTF-8",
        ),
        (
            lambda b: zipped(leaderboard__csv=new_csv(b).replace("model 1", "é").encode() + b"\xff"),
            NotJsonError,
            "is UTF-8 text that has a damaged character at byte",
        ),
        (lambda _: zipped(leaderboard__csv=""), EmptyPayloadError, "is empty"),
        (lambda b: zipped(leaderboard__csv=new_csv(b) + '"x'), PayloadShapeError, "ends within quotes"),
        (lambda b: zipped(leaderboard__csv=new_csv(b) + "\n1,2"), PayloadShapeError, "line 9 has 2 fields"),
        (lambda _: b"Rank,Model,Model ID,V1\n1,a,2,.5\n", PayloadShapeError, "no column average_"),
        (lambda _: b"model_name,layers," + b"x," * 3000 + b"y\n", PayloadShapeError, "3003 columns"),
        (
            lambda _: b"Rank,Model,average_vision,average_vision\n1,a,.5,.6\n",
            PayloadShapeError,
            "occurs twice and differs",
        ),
        (
            lambda b: zipped(leaderboard__csv=new_csv(b).replace('"Model"', '"Modell"')),
            NotJsonError,
            "is text that begins '# Generated on",
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
    refused(bytes(data), tmp_path, PayloadShapeError, r"a zip with an encrypted member leaderboard\.csv")


def test_a_filtered_export_has_no_tree(board, tmp_path):
    rows = [line.split(",") for line in new_csv(board).removeprefix(COMMENTS).splitlines()]
    gone = rows[0].index('"Bea2021.IT-pls"')
    for row in rows:
        row[gone - 1] = ".999" if row is not rows[0] else row[gone - 1]
    text = COMMENTS + "\n".join(",".join(field for i, field in enumerate(row) if i != gone) for row in rows)
    with pytest.raises(PayloadShapeError, match="its tree is unknown; export without filters"):
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
    assert [list(row.fields) for row in csv_rows(text)] == rows


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
    assert [list(row.fields) for row in csv_rows("\n".join(lines))] == expected


def test_an_export_without_models_is_empty(tmp_path):
    text = new_csv(board_of(scored_document()))
    (tmp_path / "board.csv").write_text("\n".join(text.split("\n")[:3]) + "\n")
    with pytest.raises(EmptyPayloadError, match="lists no models"):
        pull_file(tmp_path / "board.csv", RECEIVED_AT)


def test_decimal_commas_quoted_in_a_file_with_commas_make_no_cell_failed(tmp_path):
    rows = list(csv.reader(io.StringIO(new_csv(board_of(scored_document()), comments=""))))
    out = io.StringIO()
    csv.writer(out).writerows([[re.sub(r"^([0-9]*)\.([0-9]+)$", r"\1,\2", cell) for cell in row] for row in rows])
    (tmp_path / "board.csv").write_text(out.getvalue())
    found = pull_file(tmp_path / "board.csv", RECEIVED_AT)
    assert not (found.snapshot.states == CellState.FAILED).any()
    assert any("saved the export again" in one.reason for one in found.rejected)
