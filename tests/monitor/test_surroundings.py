"""``brainalign doctor`` on what the monitor stands on, with a real mail server."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections import namedtuple
from datetime import UTC, datetime

import pytest

from brainalign_monitor.config.sections import SiteSettings
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.health import doctor as health
from brainalign_monitor.health.doctor import Check
from brainalign_monitor.store.schema import REVISION, REVISION_TABLE
from brainalign_plugin.brainscore.link import LinkState, LinkStatus
from tests.commands import brainalign, stored_state
from tests.local_site import local_site
from tests.monitor.delivery.mail_host import PASSWORD, USER, mail_host, make_certificates
from tests.monitor.faults.harness import in_child
from tests.monitor.sources.samples import body_of, document


@pytest.fixture(autouse=True)
def _without_brainscore(monkeypatch):
    monkeypatch.setattr(
        health, "link_status", lambda *_: LinkStatus("brainscore_vision", LinkState.ABSENT, None, None, "absent")
    )
    monkeypatch.setattr(health, "_probe", lambda *_: ({"place": "x", "wrong": ""}, ""))


def examined(home, code=0, **settings):
    given = {"base_url": "http://127.0.0.1:1", "home": home} | settings
    found = brainalign("doctor", "--json", **given)
    assert (found.code, found.err) == (code, "")
    return {check["name"]: Check(**check) for check in found.json["checks"]}


def test_a_new_home_is_in_order_and_stays_empty(tmp_path):
    home = tmp_path / "home"
    checks = examined(home)
    names = ["settings", "store", "source", "last pull", "disk", "clock", "mail server", "recipients", "contact"]
    assert list(checks)[:10] == [*names, "site folder"]
    assert {checks[name].state for name in names} <= {"ok", "warning"}
    assert checks["store"].message.startswith("there is none yet")
    assert not home.exists()


def test_a_store_is_looked_at_and_not_touched(stored):
    before = stored_state(stored)
    assert examined(stored)["store"].message == f"1 snapshot, schema {REVISION}"
    assert stored_state(stored) == before
    with contextlib.closing(sqlite3.connect(stored / "brainalign.sqlite")) as database:
        database.execute(f"UPDATE {REVISION_TABLE} SET version_num = '0005'")
        database.commit()
    check = examined(stored, code=8)["store"]
    assert (check.state, "older release than 1.0.0" in check.message) == ("problem", True)
    assert check.next_step.startswith("move it away, make a new one with `brainalign store begin`")
    (stored / "brainalign.sqlite").write_bytes(b"not a database, and long enough to look like a damaged one" * 20)
    check = examined(stored, code=8)["store"]
    assert (check.state, "is not a database" in check.message) == ("problem", True)


def test_the_source_and_the_last_pull_are_looked_at(tmp_path):
    with local_site(body_of(document(4))) as site:
        given = {"home": tmp_path / "home", "base_url": site.url, "attempts": 1}
        assert examined(**given)["source"].state == "ok"
        brainalign("fetch", **given).succeeded()
        assert examined(**given)["last pull"].message.startswith("stored at ")
        site.serve(b"<html>")
        assert brainalign("fetch", **given).code == 5
        check = examined(code=8, **given)["last pull"]
        assert (check.state, check.message[:10]) == ("problem", "refused at")
        assert "everything is in order" not in brainalign("doctor", **given).out
    check = examined(code=8, **given)["source"]
    assert (check.state, "does not answer (ConnectError)" in check.message) == ("warning", True)


def test_a_source_that_is_no_site(tmp_path):
    home = tmp_path / "home"
    check = examined(home, code=8, source=tmp_path / "none.json")["source"]
    assert (check.state, "none.json" in check.message) == ("problem", True)
    (tmp_path / "board.json").write_bytes(body_of(document(4)))
    assert examined(home, source=tmp_path / "board.json")["source"].state == "ok"
    check = examined(home, source="https://me:canary@127.0.0.1:1/x?key=canary")["source"]
    assert check.state == "warning"
    assert "canary" not in check.message


def test_who_hears_of_failures_and_whom_the_site_can_reach(tmp_path):
    checks = examined(tmp_path, contact="https://lab.example", webhooks__lab__url="http://127.0.0.1:1/")
    assert checks["contact"] == Check("contact", "ok", "https://lab.example")
    assert checks["recipients"].state == "warning"
    assert checks["recipients"].next_step == "set operator = true for one of them"
    checks = examined(tmp_path, webhooks__lab__url="http://127.0.0.1:1/", webhooks__lab__operator="true")
    assert checks["recipients"].message == "1 recipient, 1 of them with operator messages"
    assert checks["contact"].state == "warning"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("inside", ["home", "site"])
def test_what_lies_below_a_folder_that_one_may_not_enter(tmp_path, open_folder, inside):
    closed, log = open_folder / "closed", tmp_path / "log"
    closed.mkdir(mode=0o700)
    place = closed / "far" / inside
    settings = load_settings(home=place if inside == "home" else open_folder / "new", base_url="http://127.0.0.1:1")
    settings = settings.model_copy(update={"site": SiteSettings(folder=closed / "far" / "site")})

    def look():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        for check in health.examine(settings, datetime.now(UTC), health.CHECKERS[:9]):
            os.write(1, f"{check.name} {check.state}\n".encode())

    assert in_child(look, log) == 0, log.read_text()
    found = dict(line.rsplit(" ", 1) for line in log.read_text().splitlines())
    assert found["site folder"] == "problem"
    assert {"settings", "store", "source", "disk", "clock", "mail server"} <= found.keys()


def test_a_server_that_does_not_answer(tmp_path):
    check = examined(tmp_path, code=8, store="postgresql://me:canary@127.0.0.1:1/x")["store"]
    assert (check.state, "cannot be reached" in check.message) == ("problem", True)
    assert "canary" not in check.message


def test_secrets_that_others_may_read(tmp_path):
    path = tmp_path / "brainalign.toml"
    path.write_text('source = "https://me:canary@host"\n')
    path.chmod(0o644)
    check = examined(tmp_path)["settings"]
    assert (check.state, check.next_step) == ("warning", f"chmod 600 {path}")
    path.chmod(0o600)
    assert examined(tmp_path)["settings"].state == "ok"


@pytest.mark.parametrize(("free", "state", "code"), [(10**7, "problem", 8), (10**8, "warning", 0), (10**10, "ok", 0)])
def test_a_disk_that_fills(tmp_path, monkeypatch, free, state, code):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**11, 0, free))
    assert examined(tmp_path, code=code)["disk"].state == state


def test_a_clock_that_was_set_back(stored, monkeypatch):
    from brainalign_monitor.cli import status_commands

    monkeypatch.setattr(status_commands, "now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    check = examined(stored, code=8)["clock"]
    assert (check.state, "earlier than the last pull" in check.message) == ("problem", True)


@pytest.mark.parametrize(("says", "state"), [("yes", "ok"), ("no", "warning"), ("", "ok")])
def test_what_the_system_says_of_its_clock(tmp_path, monkeypatch, says, state):
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\necho {says}\n")
    program.chmod(0o755)
    monkeypatch.setattr(health.shutil, "which", lambda _: str(program))
    assert examined(tmp_path / "home")["clock"].state == state


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    assert examined(tmp_path)["site folder"].message == "none is configured"
    assert examined(tmp_path, site__folder=tmp_path / "a/b/site")["site folder"].state == "ok"
    (tmp_path / "file").write_text("")
    assert examined(tmp_path, code=8, site__folder=tmp_path / "file")["site folder"].state == "problem"
    real = os.access  # root may write everything, so the refusal of the system is played
    monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path) and real(path, mode))
    (tmp_path / "locked").mkdir()
    assert examined(tmp_path, code=8, site__folder=tmp_path / "locked/x")["site folder"].state == "problem"


def test_the_mail_server_is_asked_and_nothing_is_sent(tmp_path):
    certificates = make_certificates(tmp_path)
    given = {"mail__user": USER, "mail__password": PASSWORD, "mail__certificates": certificates.trusted}
    with mail_host(certificates) as host:
        given |= {"mail__host": "localhost", "mail__port": host.port, "mail__sender": "m@lab.test"}
        check = examined(tmp_path, **given)["mail server"]
        assert check.message == f"localhost:{host.port} answers, login as 'monitor'"
        assert "AUTH" in host.steps
        assert "MAIL" not in host.steps
        check = examined(tmp_path, code=8, **given | {"mail__password": "another"})["mail server"]
        assert "refused the login of 'monitor'" in check.message
        assert "another" not in check.message
    check = examined(tmp_path, code=8, **given)["mail server"]
    assert check.state == "problem"
