"""The commands as a user meets them: help, terminals, logs."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from brainalign_monitor.cli import delivery_commands
from brainalign_monitor.cli import main as cli
from tests.commands import brainalign, brainalign_process, documented_table, environment
from tests.conftest import ROOT
from tests.local_site import local_site
from tests.monitor.sources.samples import body_of, document


def names(group: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = {(*path, c.name or c.callback.__name__.replace("_", "-")) for c in group.registered_commands}
    for inner in group.registered_groups:
        found |= names(inner.typer_instance, (*path, inner.name))
    return found


COMMANDS = sorted(names(cli.app))


def test_every_command_is_documented():
    documented = {tuple(row[0].strip("`").split()[1:]) for row in documented_table("# Commands")}
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("command", [(), ("snapshots",), ("reference",), *COMMANDS], ids=" ".join)
def test_help_answers(command):
    ended = brainalign(*command, "--help").succeeded()
    assert ended.out.startswith(f"Usage: {' '.join(('', *command)).strip()}") or " ".join(command) in ended.out
    assert "\x1b" not in ended.out


@pytest.mark.parametrize("group", [(), *{command[:-1] for command in COMMANDS if len(command) > 1}], ids=" ".join)
def test_no_command_is_described_in_half_a_sentence(group):
    listed = brainalign_process(*group, "--help", variables={"COLUMNS": "80"}).succeeded().out
    lines = [line for line in listed.splitlines() if not line.startswith("Usage:")]
    assert [line for line in lines if "..." in line or "…" in line or len(line) > 80] == []
    own = {command[len(group)] for command in COMMANDS if command[: len(group)] == group}
    assert own <= {line.split()[0] for line in lines if line.startswith("  ")}


HEAVY = (
    *("numpy", "pandas", "scipy", "vl_convert", "sqlalchemy", "alembic", "httpx", "rich", "jinja2"),
    *("stamina", "structlog", "joblib", "platformdirs", "pydantic_settings", "brainscore_vision", "torch"),
)


def loaded_by_help(*commands: tuple[str, ...]) -> set[str]:
    """Top-level modules that the help of these commands loads in a fresh interpreter."""
    script = (
        "import sys, io, contextlib\n"
        "from brainalign_monitor.cli.main import main\n"
        f"for command in {[list(command) for command in commands]!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        assert main([*command, '--help']) == 0\n"
        "    assert 'Usage' in out.getvalue()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_help_loads_nothing_heavy():
    assert loaded_by_help(()) & {*HEAVY, "pydantic"} == set()
    # Releases of typer use pydantic by themselves for the options before a command's name.
    assert loaded_by_help(*COMMANDS) & set(HEAVY) == set()


def test_the_version_is_printed():
    assert re.fullmatch(r"brainalign \d+\.\d+\.\d+\n", brainalign("--version").succeeded().out)


@pytest.mark.parametrize("command", [(), ("snapshots",), ("reference",)], ids=" ".join)
def test_no_command_is_wrong_usage_and_shows_help(command):
    ended = brainalign(*command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage:")


def on_a_terminal(*arguments: object, columns: int = 120, **settings: object) -> tuple[int, str]:
    """Exit code of a command whose three streams are a terminal, and what the terminal was sent."""
    ours, its = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "brainalign_monitor", *map(str, arguments)],
        env=environment(**settings) | {"TERM": "xterm", "COLUMNS": str(columns)},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side is gone
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return process.wait(), sent.decode()


def test_progress_is_shown_on_a_terminal_only(stored):
    code, sent = on_a_terminal("analyze", "latest", home=stored)
    assert code == 0
    assert sent.index("analysing") < sent.index("━") < sent.index("mean rank correlation")
    ended = brainalign_process("analyze", "latest", home=stored).succeeded()
    assert "analysing" not in ended.out
    assert "mean rank correlation" in ended.out


def test_every_stage_is_shown(small, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(delivery_commands, "stage", lambda text: shown.append(text) or nullcontext())
    brainalign("run", "--source", small, home=tmp_path / "home").succeeded()
    assert shown[:2] == [f"fetching {small}", "storing"]
    later = ("committing", "analysing", "comparing the schemes of aggregation", "writing the report")
    assert [stage for stage in shown if stage in later] == list(later), "what is stored is committed before the report"


HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07",
    "two\nlines\rand\ttabs",
    "\u202egnp.exe\u202c",
    "\u2066isolated\u2069",
    "c1 \x9b31m",
    "[bold red]markup[/] :skull:",
    "zero\u200bwidth",
)


def test_names_cannot_drive_a_terminal(tmp_path):
    board = document(len(HOSTILE))
    for model, name in zip(board["models"], HOSTILE, strict=True):
        model["name"] = name
    board["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = "\x1b[2J"
    board["models"][1]["scores"]["\x1b[31mno such\u202e"] = []
    path = tmp_path / "board.json"
    path.write_bytes(body_of(board))
    home = tmp_path / "home"
    outputs = [
        brainalign("run", "--source", path, home=home),
        brainalign("analyze", path),
        brainalign("analyze", "1", home=home),
        brainalign("snapshots", "show", home=home),
        brainalign("snapshots", "show", "--json", home=home),
        brainalign("snapshots", "list", home=home),
        brainalign("run", "--source", path, "--json", home=home),
    ]
    for ended in outputs:
        assert ended.code == 0, ended
        for line in (ended.out + ended.err).split("\n"):
            assert line.isprintable(), repr(line)
    analysed = outputs[1].out
    assert "[bold red]markup[/] :skull:" in analysed, "a name is no markup"
    assert sum("lines" in line for line in analysed.splitlines()) == 1
    assert "note: model 1" in outputs[1].err


def test_external_metrics_are_joined_and_what_is_not_is_named(small, tmp_path):
    board = json.loads(small.read_text("utf-8"))
    first, second = board["models"][:2]
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(f"id,model,\x1b[2Jalign\n{first['id']},,0.5\n,{second['name']}!,0.25\n,\x1b]0;x,low\n")
    ended = brainalign("analyze", small, "--with", metrics)
    assert ended.code == 0
    assert "\x1b" not in ended.out + ended.err
    assert "note: line 3" in ended.err
    assert f"{second['name']} (id {second['id']})" in ended.err
    assert "counts as unknown" in ended.err
    assert "20 are needed" in ended.out
    record = brainalign("analyze", small, "--with", metrics, "--json").json["external"]
    assert (record["matched"], len(record["unmatched"])) == (1, 2)
    aliases = tmp_path / "aliases.csv"
    aliases.write_text(f"model,id\n{second['name']}!,{second['id']}\n")
    known = brainalign("analyze", small, "--with", metrics, "--aliases", aliases, "--json").json["external"]
    assert (known["matched"], len(known["unmatched"])) == (2, 1)
    assert "external" not in brainalign("analyze", small, "--json").json


def test_a_message_cannot_drive_a_terminal(tmp_path):
    path = tmp_path / "\x1b[2Jboard\u202e.json"
    board = document(4)
    board["benchmarks"][0]["\x1b[31m"] = board["benchmarks"][0].pop("type_id")
    path.write_bytes(body_of(board))
    for arguments in (("fetch", path), ("-v", "fetch", path), ("--log-json", "fetch", path)):
        ended = brainalign(*arguments, home=tmp_path / "home")
        assert ended.code == 5
        for line in ended.err.split("\n"):
            assert line.isprintable(), repr(line)


def test_a_locale_without_dashes_prints_all_the_same(stored):
    ended = brainalign_process("analyze", "latest", home=stored, variables={"PYTHONIOENCODING": "ascii"})
    assert "4 models \\xd7 3 benchmarks" in ended.succeeded().out


def test_a_verbose_run_says_what_it_does(small, tmp_path):
    ended = brainalign("-v", "run", "--source", small, home=tmp_path / "home")
    assert ended.code == 0
    assert [word for word in ("stored", "reported") if word in ended.err] == ["stored", "reported"]
    ended = brainalign("--log-json", "run", "--source", small, home=tmp_path / "home")
    (line,) = map(json.loads, ended.err.splitlines())
    assert (line["event"], line["level"], line["snapshot"]) == ("unchanged", "info", 1)


def test_a_password_in_an_address_is_written_nowhere(stored):
    body = body_of(document(5))
    with local_site(body) as site:
        secret = site.url.replace("http://", "http://user:secret@")
        told = [
            brainalign("-v", "run", "--source", secret, home=stored),
            brainalign("run", "--json", home=stored, base_url=secret),
            brainalign("snapshots", "show", home=stored),
        ]
        site.serve(b"nonsense")
        told.append(brainalign("-v", "run", "--source", secret, home=stored))
        site.serve(b"", status=500)
        told.append(brainalign("-v", "run", home=stored, base_url=secret, attempts=1))
    assert [ended.code for ended in told] == [0, 0, 0, 5, 4]
    assert not [ended for ended in told if "secret" in ended.out + ended.err]
    for path in stored.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            packed = data.startswith(b"\x1f\x8b")
            assert b"secret" not in (gzip.decompress(data) if packed else data), path


def test_the_module_is_the_command(stored):
    ended = brainalign_process("snapshots", "list", "--json", home=stored).succeeded()
    assert [info["id"] for info in ended.json] == [1]
    script = Path(sys.executable).with_name("brainalign")
    if script.exists():
        done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == brainalign("--version").out


def shell(line: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `brainalign` is the command."""
    line = f'brainalign() {{ "{sys.executable}" -m brainalign_monitor "$@"; }}\n{line}'
    return subprocess.run(
        ["bash", "-c", line],
        check=False,
        env=environment(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_stops_no_work(tmp_path, closed):
    body = tmp_path / "board.json"
    body.write_bytes(body_of(document()))
    home = tmp_path / "home"
    assert shell(f"brainalign run {closed}", home=home, source=body).returncode == 0
    listed = brainalign("snapshots", "list", home=home).succeeded().out
    assert "observed" in listed
    assert len(list((home / "reports").rglob("*.html"))) == 1
    # The failure is not lost either: its code is there.
    assert shell(f"brainalign fetch /no/such/file {closed}", home=home).returncode == 4


def test_a_reader_that_has_seen_enough_is_no_error(stored):
    done = shell("brainalign rank latest --scheme HIER,RANK | head -1; echo ${PIPESTATUS[0]}", home=stored)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")
    # A reader that reads nothing at all.
    done = shell("brainalign snapshots list --json | true; echo ${PIPESTATUS[0]}", home=stored)
    assert (done.stderr, done.stdout.strip() in ("0", "141")) == ("", True)


def test_eighty_columns_show_the_day_and_the_hash(stored):
    _, sent = on_a_terminal("snapshots", "list", columns=80, home=stored)
    info = brainalign("snapshots", "list", "--json", home=stored).json[0]
    (line,) = [line for line in sent.splitlines() if info["sha256"][:12] in line]
    assert info["as_of"][:10] in line


def test_the_home_may_stand_before_the_command(stored, tmp_path):
    before = brainalign("--home", stored, "snapshots", "list").succeeded()
    assert before.out == brainalign("snapshots", "list", "--home", stored).succeeded().out
    # The nearest one counts, and each wins over the environment.
    assert before.out == brainalign("--home", tmp_path, "snapshots", "list", "--home", stored).out
    assert before.out == brainalign("--home", stored, "snapshots", "list", home=tmp_path).out


def test_an_empty_home_asks_for_nothing_that_was_not_typed(tmp_path):
    for command in ("report", "eras", "snapshots show", "reference freeze base"):
        problem = brainalign(*command.split(), home=tmp_path).problem
        assert "latest" not in problem
        assert "`brainalign fetch` pulls the first" in problem
    assert "'typed'" in brainalign("analyze", "typed", home=tmp_path).problem
