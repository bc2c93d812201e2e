"""Files as a source, and the one door to all sources."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainalign_monitor.base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    SourceError,
    TruncatedPayloadError,
    exit_code,
)
from brainalign_monitor.sources.dispatch import pull, pull_file
from brainalign_monitor.sources.payload import FetchLimits, parse_payload
from brainalign_plugin.errors import InputError
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.monitor.sources.conftest import reply
from tests.monitor.sources.samples import RECEIVED_AT, body_of, document

BODY = body_of(document())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a board #1 é.json"
    path.write_bytes(BODY)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_payload_is_read_plain_or_packed(file, pack):
    file.write_bytes(pack(BODY))
    pulled = pull_file(file, RECEIVED_AT)
    assert pulled.body == pack(BODY)
    assert pulled.snapshot.source == str(file)
    assert pulled.snapshot == parse_payload(pack(BODY), str(file), RECEIVED_AT).snapshot
    assert pulled.snapshot.as_of_time.isoformat() == "2024-01-01T00:00:00+00:00"


def test_an_exported_snapshot_is_read(file):
    snapshot = parse_payload(BODY, "the site", RECEIVED_AT).snapshot
    file.write_bytes(snapshot_bytes(snapshot))
    assert pull_file(file, RECEIVED_AT).snapshot == snapshot


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", EmptyPayloadError),
        (BODY[:-1], TruncatedPayloadError),
        (gzip.compress(BODY)[:-1], TruncatedPayloadError),
        (b"<html>", NotJsonError),
    ],
)
def test_what_is_no_board_is_refused_by_the_name_of_the_file(file, body, error):
    file.write_bytes(body)
    with pytest.raises(error) as caught:
        pull_file(file, RECEIVED_AT)
    assert str(file) in str(caught.value)
    assert caught.value.body == body


def test_a_file_above_the_cap_is_not_read(file):
    size = file.stat().st_size
    assert pull_file(file, RECEIVED_AT, max_bytes=size).body == BODY
    with pytest.raises(BodyTooLargeError, match=f"has {size} bytes, more than the cap of {size - 1}") as caught:
        pull_file(file, RECEIVED_AT, max_bytes=size - 1)
    assert caught.value.body == b""
    with file.open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(BodyTooLargeError, match=str(2**40)):
        pull_file(file, RECEIVED_AT)


def test_a_packed_file_is_not_unpacked_above_the_cap(file):
    file.write_bytes(gzip.compress(BODY))
    with pytest.raises(BodyTooLargeError, match="unpacks from"):
        pull_file(file, RECEIVED_AT, max_bytes=len(BODY) - 1)


def test_what_cannot_be_read_is_named(file, tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(link)
    for path, why in [
        (tmp_path / "absent.json", "No such file"),
        (file / "below", "Not a directory"),
        (tmp_path, "a folder"),
        (pipe, "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (link, "symbolic links"),
        ("nul\0.json", "null"),
        ("x" * 5000, "too long"),
        ("", "a folder"),
        ("half\ud800.json", "surrogates"),
    ]:
        with pytest.raises(SourceError, match=why) as caught:
            pull_file(path, RECEIVED_AT)
        assert type(caught.value) is SourceError
        assert exit_code(caught.value) == 4
        assert str(path)[:20].replace("\0", "").strip("\ud800.json")[:8] in str(caught.value)
        assert any(step in str(caught.value) for step in ("give a file", "name a payload"))
        str(caught.value).encode("utf-8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(file):
    file.chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        pull_file(file, RECEIVED_AT)


def test_a_refusal_of_the_system_is_named(file, monkeypatch):
    def refuse(self, *args):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"cannot read .* \(Permission denied\)") as caught:
        pull_file(file, RECEIVED_AT)
    assert isinstance(caught.value.__cause__, PermissionError)


def test_a_path_a_file_address_and_a_web_address_reach_the_same_board(file, server, monkeypatch):
    server.answers = [reply(body=BODY)]
    monkeypatch.chdir(file.parent)
    sources = {
        str(file): str(file),
        file.name: file.name,
        file.as_uri(): str(file),
        file.as_uri().replace("file://", "file://localhost"): str(file),
        file.as_uri().replace("file://", "FILE:"): str(file),
        server.url: f"{server.url}/vision/compare/data/",
        f"{server.url}/vision": f"{server.url}/vision/compare/data/",
        server.url.replace("http", "HTTP"): f"{server.url}/vision/compare/data/",
    }
    for source, name in sources.items():
        pulled = pull(source, received_at=RECEIVED_AT)
        assert (pulled.body, pulled.snapshot.source) == (BODY, name)
    assert len(server.requests) == 3


def test_the_domain_is_part_of_the_address(server):
    server.answers = [reply(404)]
    with pytest.raises(SourceError, match="/language/compare/data/ answered 404"):
        pull(server.url, received_at=RECEIVED_AT, domain="language")
    assert server.requests[0].startswith("GET /language/compare/data/ ")


def test_the_limits_reach_file_and_website(file, server):
    server.answers = [reply(500)]
    with pytest.raises(BodyTooLargeError):
        pull(str(file), received_at=RECEIVED_AT, limits=FetchLimits(max_bytes=10))
    with pytest.raises(SourceError, match="try 1 of 1"):
        pull(server.url, received_at=RECEIVED_AT, limits=FetchLimits(attempts=1))
    server.answers = [reply(body=BODY)]
    with pytest.raises(BodyTooLargeError):
        pull(server.url, received_at=RECEIVED_AT, limits=FetchLimits(max_bytes=10))


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("ftp://user:geheim@h.org/x.json", "kind 'ftp'"),
        ("mysql://user:geheim@h/db", "kind 'mysql'"),
        ("file://server/share/x.json", "names a host"),
        ("file://[::1/x", "is not an address"),
        ("http://", "not an address of http"),
    ],
)
def test_what_no_source_can_read_is_an_input_error(source, match):
    with pytest.raises(InputError, match=match) as caught:
        pull(source, received_at=RECEIVED_AT)
    assert "geheim" not in str(caught.value)


def test_an_address_without_its_scheme_says_how_addresses_begin():
    with pytest.raises(SourceError, match=r"'www\.brain-score\.org'.*begins with https://"):
        pull("www.brain-score.org", received_at=RECEIVED_AT)


def loaded_after(code):
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_nothing_heavy_is_loaded_before_it_is_needed(file):
    read = (
        "from datetime import UTC, datetime\nfrom brainalign_monitor.sources.dispatch import pull\n"
        f"pull({str(file)!r}, received_at=datetime.now(UTC))"
    )
    after = loaded_after(read)
    assert "pydantic" in after
    assert after & {"httpx", "stamina", "sqlalchemy", "jinja2"} == set()


@pytest.mark.parametrize("marks", [b"\xef\xbb\xbf" * 2, b"\xef\xbb\xbf" * 3])
def test_byte_order_marks_before_byte_order_marks_are_left_out(file, marks):
    file.write_bytes(marks + BODY)
    assert pull_file(file, RECEIVED_AT).snapshot.models == parse_payload(BODY, "x", RECEIVED_AT).snapshot.models


def test_what_is_no_table_under_the_name_of_one_says_what_it_is(tmp_path):
    path = tmp_path / "board.csv"
    path.write_bytes(b"\n<html><body>502 Bad Gateway</body></html>")
    with pytest.raises(NotJsonError, match="is an HTML page"):
        pull_file(path, RECEIVED_AT, tables=True)
    path.write_bytes(BODY)
    assert len(pull_file(path, RECEIVED_AT, tables=True).snapshot.models) == len(document()["models"])
