"""Failures as a user meets them: one line that says what to do, one code each, and nothing stored is touched."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from brainalign_monitor.base.errors import MonitorError, exit_code
from brainalign_monitor.base.logs import configure_logs
from brainalign_monitor.cli.main import main
from brainalign_plugin.errors import ConvergenceError, InputError
from tests.commands import (
    Ended,
    brainalign,
    brainalign_process,
    documented_table,
    environment,
    stored_rows,
    stored_state,
)
from tests.conftest import ROOT
from tests.local_site import local_site
from tests.monitor.sources.samples import TREE, body_of, document

REFUSED = {
    "empty": (b"", "is empty"),
    "no models": (body_of(document(0)), "lists no models"),
    "torn": (body_of(document(4))[:-700], "ends after"),
    "a web page": (b"<!doctype html><title>Maintenance</title>", "is an HTML page"),
    "another shape": (b'{"results": [1, 2, 3]}', "JSON of another shape"),
    "a third lost": (body_of(document(2)), "lost 2 of the 4 models"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_payload_touches_nothing_and_is_kept(stored, kind):
    body, said = REFUSED[kind]
    before = stored_state(stored)
    with local_site(body) as site:
        ended = brainalign("run", home=stored, base_url=site.url)
    assert ended.code == 5
    assert ended.out == ""
    assert said in ended.problem
    assert stored_state(stored) == before
    kept = list((stored / "refused").glob("*.body.gz"))
    if not body:
        assert kept == []
        return
    assert [gzip.decompress(path.read_bytes()) for path in kept] == [body]
    assert str(kept[0]) in ended.problem, "the line says where the body is"
    (note,) = (stored / "refused").glob("*.json")
    assert said in json.loads(note.read_text())["reason"]


def test_a_real_board_that_lost_its_models_is_refused(watched, tmp_path):
    board = json.loads(watched.bodies[-1])
    before = stored_state(watched.home)
    board["models"] = board["models"][:187]  # 94 of 281 gone: more than a third
    watched.site.serve(json.dumps(board).encode())
    ended = brainalign("run", home=watched.home, base_url=watched.site.url)
    assert ended.code == 5
    assert "lost 94 of the 281 models" in ended.problem
    watched.site.serve(watched.bodies[-1][:-100_000])
    assert brainalign("run", home=watched.home, base_url=watched.site.url).code == 5
    assert stored_state(watched.home) == before
    # Into a copy of the home, because others look at this one: a third, and no more.
    home = tmp_path / "home"
    shutil.copytree(watched.home, home)
    board["models"] = json.loads(watched.bodies[-1])["models"]
    rows = sorted(board["models"], key=lambda model: -sum(bool(s[0]["value"]) for s in model["scores"].values()))
    board["models"] = rows[:188]
    watched.site.serve(json.dumps(board).encode())
    brainalign("fetch", home=home, base_url=watched.site.url).succeeded()


@pytest.mark.parametrize("most", ["models", "scores", "leaves", "names"])
def test_a_third_may_go_from_a_board_that_is_known(tmp_path, most):
    """Fetched into a home that has the board before; the file after it has one more gone."""
    board = document(9)
    values = {name for name, (_, version) in TREE.items() if version is not None}
    for model in board["models"]:
        for name in values:
            model["scores"][name][0]["value"] = ".5"
    home, source = tmp_path / "home", tmp_path / "board.json"

    def fetched(count: int, day: int) -> Ended:
        changed = json.loads(json.dumps(board))
        changed["datetime_range"] = {"max": f"2024-02-{day:02}T00:00:00+00:00"}
        if most == "models":
            changed["models"] = changed["models"][count:]
        if most == "names":
            for model in changed["models"][:count]:
                model["name"] += " v2"
        cells = [(m, name) for m in changed["models"] for name in sorted(values)]
        order = cells[::4] + cells[1::4] + cells[2::4] + cells[3::4] if most == "scores" else []
        for model, name in order[:count]:
            model["scores"][name][0]["value"] = ""
        for name in sorted(values)[:count] if most == "leaves" else []:
            for model in changed["models"]:
                model["scores"][name][0]["value"] = ""
        source.write_text(json.dumps(changed))
        return brainalign("fetch", source, home=home)

    third = {"models": 3, "scores": 12, "leaves": 1, "names": 3}[most]
    fetched(0, 1).succeeded()
    before = stored_state(home)
    refused = fetched(third + 1, 2)
    assert refused.code == 5
    assert "more than a third" in refused.problem
    assert stored_state(home) == before
    fetched(third, 3).succeeded()
    assert len(brainalign("snapshots", "list", "--json", home=home).succeeded().json) == 2


def closed_port() -> str:
    with local_site() as site:
        return site.url


def test_a_site_that_cannot_be_reached(stored):
    before = stored_state(stored)
    ended = brainalign("run", home=stored, base_url=closed_port(), attempts=1)
    assert ended.code == 4
    assert "cannot be reached" in ended.problem
    assert "check the address and the network" in ended.problem
    assert stored_state(stored) == before


def test_retries_are_silent_unless_asked_for(stored):
    url = closed_port()
    ended = brainalign_process("fetch", home=stored, base_url=url, attempts=2)
    assert ended.code == 4
    assert "at try 2 of 2" in ended.problem, "the one line, and no log of the retries"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_status(stored, status):
    with local_site() as site:
        site.serve(b"<h1>no</h1>", status=status)
        ended = brainalign("run", home=stored, base_url=site.url, attempts=1)
    assert ended.code == 4
    assert f"answered {status}" in ended.problem
    (kept,) = (stored / "refused").glob("*.body.gz")
    assert gzip.decompress(kept.read_bytes()) == b"<h1>no</h1>"


def test_a_board_that_really_lost_its_models_can_be_accepted(stored):
    body = body_of(document(2))
    with local_site(body) as site:
        ended = brainalign("fetch", home=stored, base_url=site.url)
        assert ended.code == 5
        assert "`brainalign fetch --accept-shrunken`" in ended.problem
        brainalign("fetch", "--accept-shrunken", home=stored, base_url=site.url).succeeded()
        later = document(2)
        later["datetime_range"]["max"] = "2024-02-01T00:00:00+00:00"
        later["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = ".987"
        site.serve(body_of(later))
        brainalign("fetch", home=stored, base_url=site.url).succeeded()
    listed = brainalign("snapshots", "list", "--json", home=stored).succeeded().json
    assert sorted(info["models"] for info in listed) == [2, 2, 4]


def test_a_redirect_to_another_host_is_not_followed(stored):
    with local_site() as site:
        site.serve(b"", status=302, headers={"Location": "http://other.test/vision/compare/data/"})
        ended = brainalign("run", home=stored, base_url=site.url, attempts=1)
    assert ended.code == 4
    assert "another host" in ended.problem


def test_an_error_page_that_says_ok_is_refused(stored):
    with local_site() as site:
        site.serve(b"<html><body>We are down</body></html>", content_type="text/html")
        ended = brainalign("run", home=stored, base_url=site.url)
    assert ended.code == 5


@dataclass(frozen=True)
class Failure:
    """A command line, the code that it must end with, and what its line must say."""

    arguments: tuple[str, ...]
    code: int
    said: str
    settings: dict[str, str]


def failure(code: int, said: str, *arguments: str, **settings: str) -> Any:
    return pytest.param(Failure(arguments, code, said, settings), id=f"{code} {' '.join(arguments)[:50]}")


@pytest.mark.parametrize(
    "case",
    [
        failure(2, "No such option: --sorce", "run", "--sorce", "x"),
        failure(2, "see `brainalign run --help`", "run", "--sorce", "x"),
        failure(2, "No such command 'rnu'. Did you mean 'run'", "rnu"),
        failure(2, "Missing argument 'PATH|ID'", "analyze"),
        failure(2, "--max-missing", "analyze", "latest", "--max-missing", "1.5"),
        failure(2, "--max-missing", "analyze", "latest", "--max-missing", "half"),
        failure(2, "--as-of", "analyze", "latest", "--as-of", "last year"),
        failure(2, "unexpected extra argument", "fetch", "a", "b"),
        failure(3, "did you mean BRAINALIGN_DOMAIN?", "run", domian="language"),
        failure(3, "the setting attempts is 'many'", "run", attempts="many"),
        failure(3, "--domain", "run", "--domain", "Vision/.."),
        failure(3, "the setting max_missing is 'nan'", "analyze", "latest", max_missing="nan"),
        failure(4, "cannot read 'nowhere.json'", "run", "--source", "nowhere.json"),
        failure(4, "cannot read 'nowhere.json'", "analyze", "nowhere.json"),
        failure(4, "is a folder", "analyze", "/"),
        failure(8, "the metrics 'nowhere.csv' cannot be read", "analyze", "latest", "--with", "nowhere.csv"),
        failure(3, "the setting source is ''", "run", "--source", ""),
        failure(5, "README.md is text that begins '# ", "analyze", "README.md"),
        failure(6, "there is no snapshot '99'", "analyze", "99"),
        failure(6, "there is no snapshot 'abcdef'", "report", "abcdef"),
        failure(6, "there is no snapshot 'the last'", "snapshots", "show", "the last"),
        failure(6, "no observed snapshot of 'language'", "analyze", "latest", "--domain", "language"),
        failure(6, "'" + "x" * 5000 + "'", "analyze", "x" * 5000),
        failure(7, "cannot write '/dev/null/report.html'", "report", "-o", "/dev/null/report.html"),
        failure(7, "cannot write '/dev/null/x'", "snapshots", "export", "1", "-o", "/dev/null/x"),
        failure(7, "cannot write '/'", "report", "-o", "/"),
        failure(8, "later than this snapshot", "analyze", "latest", "--as-of", "2030-01-01"),
        failure(8, "later than this snapshot", "report", "--as-of", "2030-01-01", "-o", "/dev/null"),
        failure(8, "kind 'gopher'", "run", "--source", "gopher://host/"),
        failure(8, "is not", "run", "--source", "http://[::1/"),
    ],
)
def test_a_failure_for_a_known_reason_is_one_line_and_its_code(stored, case, monkeypatch):
    monkeypatch.chdir(ROOT)
    before = stored_state(stored)
    ended = brainalign(*case.arguments, home=stored, **case.settings)
    assert ended.code == case.code
    assert case.said in ended.problem
    assert ended.out == ""
    assert stored_state(stored) == before


def test_a_broken_file_of_settings(stored):
    (stored / "brainalign.toml").write_text("max_missing = [")
    ended = brainalign("run", home=stored)
    assert ended.code == 3
    assert str(stored / "brainalign.toml") in ended.problem


def test_an_empty_home_has_no_snapshot_and_stays_empty(tmp_path):
    for command in (("analyze", "latest"), ("report",), ("snapshots", "show"), ("reference", "freeze", "x")):
        ended = brainalign(*command, home=tmp_path / "none")
        assert ended.code == 6
        assert "`brainalign fetch` pulls the first" in ended.problem
    listed = brainalign("snapshots", "list", home=tmp_path / "none").succeeded()
    assert "no snapshots yet" in listed.out
    assert brainalign("snapshots", "list", "--json", home=tmp_path / "none").json == []
    assert not (tmp_path / "none").exists()


def test_a_file_in_place_of_the_home_folder(small, tmp_path):
    home = tmp_path / "home"
    home.write_text("in the way")
    ended = brainalign("run", "--source", small, home=home)
    assert ended.code == 6
    assert str(home) in ended.problem
    assert home.read_text() == "in the way"


def test_another_file_in_place_of_the_store(small, tmp_path):
    (tmp_path / "brainalign.sqlite").write_text("not a database, and longer than a header of one hundred bytes" * 9)
    ended = brainalign("run", "--source", small, home=tmp_path)
    assert ended.code == 6
    assert "is not a database" in ended.problem


def test_no_room_for_the_store(stored, tmp_path):
    board = tmp_path / "large.json"
    board.write_bytes(body_of(document(300)))
    before = stored_state(stored)
    # No file may grow beyond 40 kB, as on a full disk: root is stopped by it too.
    script = 'ulimit -f 40 && exec "$0" -m brainalign_monitor run --source "$1"'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, str(board)],
        env=environment(home=stored, attempts=1),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert ended.code == 6, ended
    assert "brainalign.sqlite" in ended.problem or "bodies" in ended.problem
    after = stored_state(stored)
    assert after["rows"] == before["rows"]
    assert before["files"].items() <= after["files"].items()
    ended = brainalign("run", "--source", board, home=stored).succeeded()
    assert "stored snapshot 2" in ended.out


def test_a_report_that_cannot_be_written_is_made_by_the_next_run(small, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "reports").write_text("in the way")
    ended = brainalign("run", "--source", small, home=home)
    assert ended.code == 7
    assert "reports" in ended.problem
    assert len(stored_rows(home)["snapshot"]) == 1, "the snapshot is kept"
    (home / "reports").unlink()
    ended = brainalign("run", "--source", small, home=home).succeeded()
    assert ended.out.startswith("no news")
    assert len(list((home / "reports/vision").iterdir())) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full: this system has none")
@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_output_that_cannot_be_written(stored, arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "brainalign_monitor", "snapshots", "list", *arguments],
            env=environment(home=stored),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    ended = Ended(done.returncode, "", done.stderr)
    assert ended.code == 7
    assert "cannot write the output: No space left on device" in ended.problem


def test_a_reader_that_leaves_early_gets_no_error_message(stored):
    # The reader is gone long before there is something to read.
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -m brainalign_monitor snapshots list | true', sys.executable],
        env=environment(home=stored),
        capture_output=True,
        text=True,
        check=False,
    )
    # As a program ends that SIGPIPE ends.
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


def test_an_interrupted_command_ends_without_a_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        process = subprocess.Popen(
            [sys.executable, "-m", "brainalign_monitor", "-v", "fetch"],
            env=environment(home=tmp_path, base_url=f"http://127.0.0.1:{silent.getsockname()[1]}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has it ignored, which a child inherits.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- nothing else runs in it yet
        )
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(3) == b"GET", "it waits for the answer now"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_traceback_in_the_log_has_lines_and_cannot_drive_a_terminal(capsys):
    for as_json in (False, True):
        configure_logs(verbose=True, as_json=as_json)
        try:
            raise ValueError("a \x1b[2J bug")
        except ValueError:
            structlog.get_logger().exception("failed")
        said = capsys.readouterr().err
        text = json.loads(said)["exception"] if as_json else said
        assert "\x1b[2J" not in text
        assert "Traceback (most recent call last):\n" in text
        assert "ValueError: a \ufffd[2J bug" in text.splitlines()


def test_an_unexpected_error_shows_where_it_arose(tmp_path, small):
    script = (
        "import sys\n"
        "from brainalign_monitor.operations import reporting\n"
        "from brainalign_monitor.cli import main as cli\n"
        "def broken(*_): raise RuntimeError('a bug')\n"
        "reporting.analyse_snapshot = broken\n"
        f"sys.exit(cli.main(['analyze', {str(small)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("RuntimeError: a bug\n")


def test_every_exit_code_is_documented():
    def kinds(root: type[MonitorError]) -> Iterator[type[MonitorError]]:
        yield root
        for inner in root.__subclasses__():
            yield from kinds(inner)

    codes = {kind.exit_code for kind in kinds(MonitorError)}
    codes |= {exit_code(InputError("")), exit_code(ConvergenceError("")), 0, 2, 130}
    assert {int(row[0]) for row in documented_table("## Exit codes")} == codes
    epilog = brainalign("--help").out.split("Exit codes:")[1]
    assert set(map(int, re.findall(r"\b(\d+)\b", epilog))) == codes - {130}


def test_ctrl_c_while_a_library_is_loading_is_ctrl_c(monkeypatch):
    def interrupted(**_):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    def broken(**_):
        raise ImportError("initialization failed")

    monkeypatch.setattr("brainalign_monitor.cli.main.app", interrupted)
    assert main([]) == 130
    monkeypatch.setattr("brainalign_monitor.cli.main.app", broken)
    with pytest.raises(ImportError, match="initialization failed"):
        main([])
