"""``brainalign doctor``; with the real Brain-Score it is run in tests/plugin/brainscore/meta_benchmarks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from brainalign_monitor.health import doctor as health
from brainalign_monitor.health.doctor import Check
from brainalign_plugin.brainscore import link as linking
from brainalign_plugin.brainscore.link import LinkState, LinkStatus
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.files.reference_file import reference_path, write_reference
from tests.boards import day, small_tree, snapshot_of
from tests.commands import brainalign, documented_table
from tests.local_site import local_site
from tests.monitor.sources.samples import body_of, document

LOADED = {"place": "/site/brainscore_vision", "wrong": ""}


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def linked(monkeypatch, tmp_path):
    """Brain-Score in the state and with the answer that the test wants, and the link there."""
    state = {
        "status": LinkStatus(
            "brainscore_vision", LinkState.LINKED, tmp_path / "site", "2.4.2", "linked: it finds them"
        ),
        "loaded": LOADED,
        "problem": "",
    }
    monkeypatch.setattr(health, "link_status", lambda *_: state["status"])
    monkeypatch.setattr(health, "_probe", lambda *_: (state["loaded"], state["problem"]))
    return state


ASKED = {"base_url": "http://127.0.0.1:1", "contact": "me@lab.example"}


def examined(home, *, code=0, **settings):
    found = brainalign("doctor", "--json", home=home, **ASKED | settings)
    assert (found.code, found.err) == (code, "")
    assert found.json["ok"] is (code == 0)
    return {check["name"]: Check(**check) for check in found.json["checks"]}


def frozen(home, name):
    tree = small_tree()
    rows = [[0.1 * i] * len(tree.leaves()) for i in range(4)]
    reference = freeze(snapshot_of(tree, rows), name, day(12))
    write_reference(reference_path(home / "references", name), reference)
    return reference


def test_everything_in_order(home, linked):
    reference = frozen(home, "base")
    with local_site(body_of(document(4))) as site:
        given = ASKED | {"base_url": site.url}
        checks = examined(home, **given)
        shown = brainalign("doctor", home=home, **given).succeeded().out.splitlines()
    assert {check.state for check in checks.values()} == {"ok"}
    assert checks["brainscore_vision"].message == "version 2.4.2 in '/site/brainscore_vision'"
    assert checks["reference to place on"].message == reference.description
    assert checks["references"].message == "base"
    assert any(line.startswith("✓ brainscore_vision ") for line in shown)
    assert shown[-1] == "everything is in order"


@pytest.mark.parametrize(
    ("state", "expected", "code"),
    [
        (LinkState.ABSENT, "warning", 0),
        (LinkState.GONE, "problem", 8),
        (LinkState.OUTDATED, "problem", 8),
        (LinkState.FOREIGN, "problem", 8),
    ],
)
def test_states_of_the_link(home, linked, state, expected, code):
    frozen(home, "base")
    linked["status"] = replace(linked["status"], state=state, message="what is", next_step="what to do")
    assert examined(home, code=code)["link"] == Check("link", expected, "what is", "what to do")
    found = brainalign("doctor", home=home, **ASKED)
    assert (found.code, found.err) == (code, "")
    assert "what is" in found.out
    counted = {"warning": "2 warnings", "problem": "1 problem, 1 warning"}  # and no source answers
    assert found.out.splitlines()[-1] == counted[expected]


def test_without_brainscore(home, monkeypatch):
    monkeypatch.setitem(linking.PACKAGES, "vision", "no_such_package_here")
    check = examined(home)["no_such_package_here"]
    assert (check.state, check.message) == ("ok", "not installed; only the meta-benchmarks need it")
    assert check.next_step == "`pip install 'brainscore-vision>=2.4'`"


def test_a_package_that_is_not_whole(home, monkeypatch, tmp_path):
    (tmp_path / "namespace_of_the_doctor").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(linking.PACKAGES, "vision", "namespace_of_the_doctor")
    check = examined(home, code=8)["namespace_of_the_doctor"]
    assert "has no folder of benchmarks" in check.message
    assert check.next_step == "reinstall brainscore-vision"


def test_brainscore_that_cannot_be_loaded(home, linked):
    frozen(home, "base")
    linked["loaded"], linked["problem"] = None, "ImportError: numpy.core is gone"
    checks = examined(home, code=8)
    assert checks["brainscore_vision"].message == "version 2.4.2 cannot be used: ImportError: numpy.core is gone"
    assert "pip install" in checks["brainscore_vision"].next_step
    assert checks["link"].state == "ok"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('no\\n  such thing')", "such thing"),
        ("import os; os._exit(3)", "loading it ended with code 3"),
        ("import time; time.sleep(60)", "loading it took more than 1 s"),
    ],
)
def test_what_loading_said(monkeypatch, code, message):
    monkeypatch.setattr(health, "_PROBE", code)
    if "took" in message:
        monkeypatch.setattr(health, "_PROBE_SECONDS", 1)
    assert health._probe("brainscore_vision", "") == (None, message)


def test_the_probe_sees_what_this_process_sees(monkeypatch, tmp_path):
    """The same packages, whatever folder it is started in, and nothing that is printed on loading disturbs it."""
    (tmp_path / "only_here.py").write_text("print('loaded')\nplace = 'here'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        health, "_PROBE", "import json, only_here, sys\nprint(json.dumps([only_here.place, sys.argv[2]]))"
    )
    assert health._probe("x", "An-id") == (["here", "An-id"], "")


def test_which_reference_is_placed_on(home, linked):
    name = "reference to place on"
    check = examined(home)[name]
    assert check.state == "warning"
    assert "brainalign reference freeze" in check.next_step
    frozen(home, "a")
    frozen(home, "b")
    check = examined(home)[name]
    assert (check.state, check.next_step) == ("warning", "choose one, for example `export BRAINALIGN_REFERENCE=a`")
    assert "reference b (" in examined(home, reference="b")[name].message
    check = examined(home, code=8, reference="c")[name]
    assert (check.state, check.next_step) == ("problem", "there are a, b")


def test_variables_of_the_plugin_that_are_wrong(home, linked):
    frozen(home, "base")
    linked["loaded"] = LOADED | {"wrong": "BRAINALIGN_RUN is 'yes'; known are no, missing, failed"}
    check = examined(home, code=8)["reference to place on"]
    assert (check.state, check.message) == ("problem", "BRAINALIGN_RUN is 'yes'")


def test_references_that_cannot_be_read(home, linked):
    frozen(home, "base")
    (home / "references/torn.reference.json.gz").write_bytes(b"\x1f\x8btorn")
    check = examined(home, code=8)["references"]
    assert check.state == "problem"
    assert "torn.reference.json.gz' is not a reference file" in check.message
    assert check.next_step == "write one with `brainalign reference freeze`"


def test_every_field_is_documented(home, linked):
    found = brainalign("doctor", "--json", home=home, **ASKED).json
    paths = ["ok", *(f"checks.{field}" for field in found["checks"][0])]
    assert [row[0].strip("`") for row in documented_table("## `doctor --json`")] == paths


@pytest.mark.parametrize("package", ["no_such_package_here", "brainscore_vision"])
def test_every_field_of_the_link_is_documented(home, package, monkeypatch):
    monkeypatch.setitem(linking.PACKAGES, "vision", package)
    found = brainalign("link", "--check", "--json", home=home)
    assert (found.code, found.err) == (8, ""), "the environment of the tests is never linked"
    documented = [row[0].strip("`").removeprefix("[].") for row in documented_table("## `link --json`")]
    assert documented == list(found.json[0])
    assert found.json[0]["linked"] is False


def test_the_clock_reaches_the_checks(home):
    from brainalign_monitor.config.settings import load_settings

    settings = load_settings(home=home)
    made = health.examine(settings, day(3), (lambda _, at: [Check("clock", "ok", at.isoformat())],))
    assert made == (Check("clock", "ok", day(3).isoformat()),)


def test_doctor_changes_nothing(home, linked):
    brainalign("doctor", home=home, **ASKED)
    assert not home.exists()


def test_a_process_of_its_own_loads_brainscore():
    """Nothing that this one imports: it would take seconds, and fail in ways of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, brainalign_monitor.health; print('brainscore_vision' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
