"""``brainalign serve`` as a process: it works by its schedule, stops when asked to, and at once when it must."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import brainalign, environment
from tests.conftest import ROOT
from tests.monitor.running.conftest import payload
from tests.monitor.sources.conftest import Server, dripping, reply


@contextmanager
def serving(home: Path, log: Path, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    given = {"home": home, "schedule__jitter_seconds": 0, **settings}
    command = [sys.executable, "-m", "tests.monitor.faults.driver", "serve"]
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, env=environment(**given), cwd=ROOT, stdout=stream, stderr=stream) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def runs(home: Path) -> list[tuple[str, str]]:
    if not (home / "brainalign.sqlite").exists():
        return []
    with sqlite3.connect(f"file:{home / 'brainalign.sqlite'}?mode=ro", uri=True) as database:
        try:
            found = database.execute("SELECT state, message FROM run ORDER BY slot").fetchall()
        except sqlite3.OperationalError:
            found = []
    database.close()
    return found


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait_for(home: Path, count: int, state: str = "finished") -> None:
    wait_until(lambda: sum(found == state for found, _ in runs(home)) >= count)


def wait_to_read(log: Path, words: str) -> None:
    wait_until(lambda: words in log.read_text())


def test_it_works_by_its_schedule_and_stops_with_code_0(tmp_path):
    home, log = tmp_path / "home", tmp_path / "log"
    with serving(home, log, source=payload(tmp_path, 1), schedule__pull="every 1s") as process:
        wait_for(home, 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert {state for state, _ in runs(home)} <= {"finished", "lost", "missed"}
    assert "serving" in log.read_text()
    assert "stopped" in log.read_text()
    assert len(brainalign("snapshots", "list", "--json", home=home).succeeded().json) == 1


def test_a_stop_ends_the_run_between_two_stages_and_the_next_start_takes_it_up(tmp_path):
    home, log = tmp_path / "home", tmp_path / "log"
    settings = {"source": payload(tmp_path, 1), "schedule__pull": "every 1d", "schedule__timezone": "UTC"}
    with serving(home, log, **settings, driver_pause="storing") as process:
        wait_to_read(log, "paused at storing")
        process.send_signal(signal.SIGINT)
        wait_to_read(log, "] stopping")
        assert runs(home) == [("claimed", "")]
        (home / "go-on").touch()
        assert process.wait(90) == 0
    assert runs(home) == [("lost", "stopped before it was done")]
    assert "stopped between two stages" in log.read_text()
    with serving(home, log, **settings) as process:
        wait_to_read(log, "] serving")
        wait_for(home, 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert runs(home) == [("finished", "")], "the same slot"


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(tmp_path):
    home, log = tmp_path / "home", tmp_path / "log"
    settings = {"source": payload(tmp_path, 1), "schedule__pull": "every 1d"}
    with serving(home, log, **settings, driver_pause="evaluating") as process:
        wait_to_read(log, "paused at evaluating")
        process.send_signal(signal.SIGTERM)
        wait_to_read(log, "] stopping")
        assert process.poll() is None, "it is in the middle of a stage"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert runs(home) == [("claimed", "")]
    with serving(home, log, **settings) as process:
        wait_for(home, 1)
    assert "run lost" in log.read_text()


STALLS = {
    "a drip of the body": dripping(reply(headers={"Content-Length": "100000"}), b" "),
    "a pause that is asked for": reply(503, headers={"Retry-After": "200"}),
}


@pytest.mark.parametrize("answer", STALLS.values(), ids=STALLS)
def test_a_site_that_stalls_holds_up_no_stop(tmp_path, answer):
    home, log = tmp_path / "home", tmp_path / "log"
    settings = {"schedule__pull": "every 1d", "schedule__timezone": "UTC"}
    server = Server()
    server.answers = [answer]
    with serving(home, log, base_url=server.url, **settings) as process:
        wait_until(lambda: len(server.requests) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(50) == 0
    server.close()
    assert "stopped without waiting for others" in log.read_text()
    # As after a stop between two stages, so that the next start takes it up.
    assert runs(home) == [("lost", "stopped before it was done")]


def test_a_mail_server_that_stalls_holds_up_no_stop(tmp_path):
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as stalled:
        port = stalled.getsockname()[1]
        (home / "brainalign.toml").write_text(
            f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "m@lab.example"\n'
            '[recipients.operator]\naddress = "operator@lab.example"\noperator = true\n'
            "[operator]\nafter_failures = 1\n"
        )
        stalled.settimeout(120)
        with serving(home, log, source=tmp_path / "nothing", schedule__pull="every 1d") as process:
            connection, _ = stalled.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                assert process.wait(50) == 0
    assert "stopped without waiting for others" in log.read_text()
    assert brainalign("status", "--json", home=home).json["messages"]["pending"] == 1


@pytest.mark.parametrize(
    ("settings", "code", "problem"),
    [
        ({"schedule__pull": "hourly"}, 3, "the setting schedule.pull is 'hourly': neither five fields of cron"),
        ({"schedule__catch_up": "all"}, 3, "not skip, latest or all"),
        ({"store": "/proc/no/store.sqlite"}, 6, "cannot"),
    ],
)
def test_what_is_wrong_at_the_start_ends_it(tmp_path, settings, code, problem):
    ended = brainalign("serve", home=tmp_path, **settings)
    assert ended.code == code
    assert problem in ended.problem
