"""``brainalign store``: what its commands print and refuse."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile

import pytest

from tests.commands import brainalign, environment, stored_state
from tests.conftest import ROOT
from tests.monitor.sources.samples import body_of, document


def test_check_finds_damage(stored):
    assert brainalign("store", "check", home=stored).succeeded().out == "1 snapshot, no problem\n"
    body = next((stored / "bodies").rglob("*.json.gz"))
    body.write_bytes(b"x")
    ended = brainalign("store", "check", "--json", home=stored)
    assert ended.code == 6
    assert ended.json["snapshots"] == 1
    assert "is damaged" in ended.json["problems"][0]
    ended = brainalign("store", "check", home=stored)
    assert (ended.code, "is damaged" in ended.err, ended.out) == (6, True, "1 snapshot, 1 problem\n")


def test_a_backup_is_restored_into_a_new_home_without_secrets(stored, tmp_path):
    (stored / "brainalign.toml").write_text(
        'attempts = 3\nsource = "postgresql://a:canary-7f@host/db"\n[health]\nheartbeat_url = "https://canary-7f.test"\n'
        'port = 9187\n[[alerts]]\nname = "a"\nfigure = "mean_rho"\ncondition = "below"\nbound = 0.1\n'
    )
    path = tmp_path / "backup.tar.gz"
    out = brainalign("store", "backup", path, home=stored).succeeded().out
    assert out.startswith(f"{path}: 1 snapshot, ")
    with tarfile.open(path) as archive:
        everything = b"".join(archive.extractfile(info).read() for info in archive)
    assert b"canary-7f" not in everything
    new = tmp_path / "new"
    out = brainalign("store", "restore", path, home=new).succeeded().out
    assert "secrets were left out" in out
    assert stored_state(new)["rows"] == stored_state(stored)["rows"]
    shown = {one["name"]: one for one in brainalign("config", "show", "--json", home=new).json["settings"]}
    assert (shown["attempts"]["value"], shown["health.port"]["value"], shown["source"]["value"]) == (3, 9187, None)
    assert "source, " in (new / "brainalign.toml").read_text().splitlines()[0]
    assert brainalign("alerts", "list", home=new).succeeded().out.count("mean_rho") == 1
    ended = brainalign("store", "restore", path, home=new)
    assert (ended.code, "overwrites nothing" in ended.problem) == (6, True)


KILLED = """
import os, pathlib, signal, sys, tarfile
from brainalign_monitor.cli import main as cli
step, path = sys.argv[1:]
real = tarfile.TarFile.addfile
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def addfile(self, info, *more):
    if info.name.startswith(step): die()
    real(self, info, *more)
tarfile.TarFile.addfile = addfile
if step == "the end": pathlib.Path.replace = die
sys.exit(cli.main(["store", "backup", path]))
"""


@pytest.mark.parametrize("step", ["tables/run", "bodies/", "the end"])
def test_a_backup_that_is_killed_leaves_the_one_before(stored, tmp_path, step):
    path = tmp_path / "backup.tar.gz"
    brainalign("store", "backup", path, home=stored).succeeded()
    before = path.read_bytes()
    brainalign("run", "--source", tmp_path / "nothing", home=stored)
    command = [sys.executable, "-c", KILLED, step, str(path)]
    done = subprocess.run(command, env=environment(home=stored), cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    brainalign("store", "restore", path, home=tmp_path / "new").succeeded()


def test_without_a_store_there_is_nothing_to_back_up(tmp_path):
    ended = brainalign("store", "backup", tmp_path / "b", home=tmp_path / "home")
    assert (ended.code, "holds no store" in ended.problem) == (6, True)
    assert not (tmp_path / "b").exists()


def test_prune_says_what_would_go_and_does_it(tmp_path):
    home = tmp_path / "home"
    for year, month in ((2020, 1), (2020, 2), (2020, 3), (2026, 1)):
        for day in (3, 20):
            what = document(4 + day % 2) | {"datetime_range": {"max": f"{year}-{month:02}-{day:02}T00:00:00+00:00"}}
            path = tmp_path / "board.json"
            path.write_bytes(body_of(what))
            brainalign("fetch", path, home=home).succeeded()
    before = stored_state(home)
    plan = brainalign("store", "prune", "--dry-run", "--json", home=home).succeeded().json
    assert stored_state(home) == before
    assert (plan["snapshots"], plan["left"], len(plan["bodies_aside"])) == ([1, 3, 5], 5, 3)
    text = brainalign("store", "prune", home=home).succeeded().out
    assert "deleted 3 snapshots" in text
    assert [i["id"] for i in brainalign("snapshots", "list", "--json", home=home).json] == [2, 4, 6, 7, 8]
    assert "no problem" in brainalign("store", "check", home=home).succeeded().out
    assert json.loads(brainalign("store", "prune", "--json", home=home).out)["snapshots"] == []
