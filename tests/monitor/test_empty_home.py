"""Every command in an empty home folder names the first step, and takes ``--home`` before its name as after it."""

from __future__ import annotations

import re

import pytest

from tests.commands import brainalign
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
WITHOUT = {
    "alerts list",
    "alerts test",
    "config check",
    "config show",
    "demo",
    "doctor",
    "link",
    "serve",
    "unlink",
}
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
    assert re.search(r"`brainalign (fetch|reference freeze)|set mail\.host|check the path", said), said
    assert not empty.exists()


@pytest.mark.parametrize("name", sorted(MAKING))
def test_what_is_made_is_made_in_the_folder_that_was_named(empty, name):
    answer(empty, name, before=True)
    assert any(empty.iterdir())
