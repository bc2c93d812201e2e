"""Every command in an empty home folder names the first step, and takes ``--home`` before its name as after it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.commands import brainalign, environment
from tests.monitor.test_cli import COMMANDS

GIVEN = {
    "analyze": ["latest"],
    "audit": ["latest"],
    "deliver": ["--digest", "weekly"],
    "diff": ["1", "2"],
    "mail test": ["me@lab.example"],
    "metadata": ["latest"],
    "place": ["scores.csv"],
    "plot": ["heatmap"],
    "publish": ["--output", "site"],
    "rank": ["latest"],
    "reference export": ["base", "--output", "base.json.gz"],
    "reference freeze": ["base"],
    "reference show": ["base"],
    "snapshots export": ["latest", "--output", "board.snapshot.json.gz"],
    "snapshots remove": ["1"],
    "snapshots show": ["latest"],
    "store backup": ["backup.tar.gz"],
    "store restore": ["backup.tar.gz"],
    "validity": ["latest"],
}
# They need no store: they read settings, make one, look at Brain-Score or run for ever.
WITHOUT = {"alerts list", "alerts test", "config check", "config show", "demo", "doctor", "link", "serve", "unlink"}
MAKING = {"config init", "fetch", "run", "store begin"}
NAMES = sorted({" ".join(command) for command in COMMANDS} - WITHOUT)


@pytest.fixture
def empty(tmp_path, monkeypatch):
    (tmp_path / "scores.csv").write_text("benchmark,score,error\nFreemanZiemba2013.V1-pls,0.5,\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def answer(home, words, *, before):
    named = ["--home", home]
    given = [*words.split(), *GIVEN.get(words, [])]
    arguments = [*named, *given] if before else [*given, *named]
    return brainalign(*arguments, base_url="http://127.0.0.1:1", attempts=1)


@pytest.mark.parametrize("name", sorted(set(NAMES) - MAKING))
def test_an_empty_home_is_left_empty_and_the_first_step_named(empty, name):
    ended = answer(empty, name, before=True)
    assert ended == answer(empty, name, before=False)
    said = ended.out or ended.problem
    assert re.search(r"`brainalign fetch|set mail\.host|check the path", said), said
    assert not empty.exists()


@pytest.mark.parametrize("name", sorted(MAKING))
def test_what_is_made_is_made_in_the_folder_that_was_named(empty, name):
    answer(empty, name, before=True)
    assert any(empty.iterdir())


# Without these rights root is refused as all others are.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("status", 0o000, r"cannot read '.*/brainalign.toml': Permission denied; make it and its folder readable"),
        ("doctor", 0o000, r"cannot read '.*/brainalign.toml': Permission denied; make it and its folder readable"),
        ("config init", 0o000, r"cannot write '.*/brainalign.toml': Permission denied; check the path"),
        ("fetch", 0o500, r"cannot open the lock '.*': Permission denied; make it and its folder writable"),
        ("doctor", 0o500, r"✗ store +'.*/home' may not be written by this user\n +give this user the right"),
    ],
)
def test_a_home_without_permission_is_named_with_the_next_step(empty, name, mode, expected):
    empty.mkdir(mode=mode)
    program = [*(UNPRIVILEGED if os.getuid() == 0 else []), sys.executable, "-m", "brainalign_monitor"]
    variables = environment(base_url="http://127.0.0.1:1", attempts=1)
    for words in (["--home", empty, *name.split()], [*name.split(), "--home", empty]):
        ended = subprocess.run([*program, *words], env=variables, capture_output=True, text=True, check=False)
        assert re.search(expected, ended.stdout + ended.stderr), ended
        assert "Traceback" not in ended.stderr
