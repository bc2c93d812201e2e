"""Bounds of memory, time and rights, processes that end, and what is shipped; each returns a line of the table."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import sqlalchemy as sa

from brainalign_monitor.health.endpoints import health_json
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.operations.status import standing
from tests import test_deploy
from tests.commands import brainalign, environment
from tests.conftest import ROOT
from tests.monitor import test_deadline
from tests.monitor.faults.driver import now
from tests.monitor.faults.harness import Row, in_child, patient
from tests.monitor.faults.stores import NOBODY, STORE, become_nobody, fed
from tests.monitor.sources.samples import benchmark, body_of, cell, document
from tests.postgres import with_driver

# Bytes that a run may hold: half of MemoryMax in the unit of systemd.
MOST = 1_000_000_000
COMMANDS = (("rank", "--jobs", "2", "--thorough"), ("audit", "--jobs", "2", "--thorough"), ("run", "--source"))
ENDS: dict[str, Callable[[int], None]] = {
    # As from a terminal, whose Ctrl-C reaches all processes.
    "Ctrl-C": lambda pid: os.killpg(pid, signal.SIGINT),
    "SIGINT": lambda pid: os.kill(pid, signal.SIGINT),
    "SIGTERM": lambda pid: os.kill(pid, signal.SIGTERM),
    "SIGKILL": lambda pid: os.kill(pid, signal.SIGKILL),
}
HOSTS = ("smtp..example.org", "", "a b", "host:25", "http://host", "x" * 64, "-host", "[::1]", "a\\tb")


def ended_commands(folder: Path, tries: int) -> Row:
    """A signal at some moment of a command that has workers, or of a run."""
    wrong: list[str] = []
    finished = 0
    folder.mkdir(parents=True)
    path = folder / "board.json"
    path.write_bytes(body_of(document(60)))
    for number in range(tries):
        words = COMMANDS[number % len(COMMANDS)]
        end = list(ENDS)[number % len(ENDS)]
        process = subprocess.Popen(
            [sys.executable, "-m", "brainalign_monitor", *words, str(path)],
            env=environment(home=folder / f"home{number}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- nothing else runs in it yet
        )
        # A run has no workers, and is met in the middle of its analysis.
        until(lambda process=process, words=words: len(session(process.pid)) > 2 or words[0] == "run", 120)
        time.sleep(number % 3 if words[0] == "run" else number % 2 / 10)
        ENDS[end](process.pid)
        # Its pipes end with the last process that holds them.
        _, errors = process.communicate(timeout=60)
        gone = until(lambda process=process: not session(process.pid), 10)
        # Before Python has set its handler, Ctrl-C ends the process by itself.
        ends = (130, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL)
        # On a machine at work the command may have ended before the signal came.
        finished += process.returncode == 0
        if process.returncode not in (0, *ends) or errors or not gone:
            wrong.append(f"{end} at {words[0]}: {process.returncode}, {session(process.pid)} left, {errors}")
    if finished > tries // 2:
        wrong.append(f"{finished} of {tries} commands ended before the signal came")
    return Row(
        "Ctrl-C, SIGINT, SIGTERM, SIGKILL at rank and audit with --jobs 2, and at run",
        tries,
        len(wrong),
        "no process is left, and no traceback" if not wrong else str(wrong[:2]),
    )


def session(leader: int) -> list[int]:
    """The processes of a session that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended
            continue
        if int(of) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; False if it never was."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def large(models: int, leaves: int) -> dict[str, Any]:
    """A complete board of any size, in the format of the site."""
    random = np.random.default_rng(1)
    scores = random.normal(size=(models, 1)) + random.normal(size=(models, leaves))
    names = [f"Lab{2000 + number // 2}.V{number}-pls" for number in range(leaves)]
    groups = ["average_vision", "neural_vision"]
    values = {name: 1 / (1 + np.exp(-column)) for name, column in zip(names, scores.T, strict=True)}
    values |= dict.fromkeys(groups, np.mean(list(values.values()), axis=0))
    return {
        "domain": "vision",
        "datetime_range": {"min": None, "max": "2024-01-01T00:00:00+00:00"},
        "benchmarks": [benchmark(groups[0], None, None), benchmark(groups[1], groups[0], None)]
        + [benchmark(name, groups[1], 0) for name in names],
        "models": [
            {
                "id": number,
                "name": f"model {number}",
                "rank": number + 1,
                "submission_timestamp": "2023-06-29T15:53:56+00:00",
                "scores": {name: [cell(f"{column[number]:.4f}", 0)] for name, column in values.items()},
            }
            for number in range(models)
        ],
    }


def large_boards(folder: Path, sizes: Sequence[tuple[int, int]]) -> Row:
    """Runs on complete boards of many models, with reports as users have them; each twice, as cron does."""
    wrong, most = [], 0
    folder.mkdir(parents=True)
    for models, leaves in sizes:
        path = folder / f"{models}.json"
        path.write_bytes(body_of(large(models, leaves)))
        for _ in range(2):
            command = [sys.executable, "-m", "brainalign_monitor", "run", "--source", str(path)]
            process = subprocess.Popen(
                command, env=environment(home=folder / f"home{models}"), cwd=ROOT, stdout=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            most = max(most, used.ru_maxrss * 1024)
            if process.returncode or used.ru_maxrss * 1024 > MOST:
                wrong.append(f"{models} x {leaves}: {process.returncode}, {used.ru_maxrss} kB")
    shown = ", ".join(f"{models:,} × {leaves}" for models, leaves in sizes)
    return Row(
        f"runs on complete boards of {shown}",
        2 * len(sizes),
        len(wrong),
        f"at most {most / 1e6:.0f} MB" if not wrong else str(wrong),
    )


def small_budgets(folder: Path) -> Row:
    """A study that may take little memory, or no time: the report is written, and names what is missing."""
    wrong: list[str] = []
    folder.mkdir(parents=True)
    path = folder / "board.json"
    path.write_bytes(body_of(large(40, 6)))
    given: tuple[tuple[dict[str, object], str], ...] = (
        ({"study_memory": 50_000}, r"left out, because it takes about [\d.]+ GB"),
        ({"study_seconds": 0.001}, "reached its limit of 0.001 seconds"),
    )
    for number, (settings, said) in enumerate(given):
        home = folder / f"home{number}"
        brainalign("run", "--source", path, home=home, **settings).succeeded()
        (report,) = (home / "reports").rglob("*.html")
        if not re.search(said, report.read_text(encoding="utf-8")):
            wrong.append(f"{settings}: nothing of it in the report")
    return Row(
        "runs that may take little memory or time for the study of schemes",
        len(given),
        len(wrong),
        "reported all the same, with the name of each scheme that is missing" if not wrong else str(wrong),
    )


def missed_deadlines(_folder: Path) -> Row:
    """Hosts with eight dead addresses, resolvers that do not answer, servers that drip; a deadline of a second."""
    find, late, tries = test_deadline.socket.getaddrinfo, [], 0

    def eight_times(_: object, *given: Any, **named: Any) -> Any:
        return find("127.0.0.1", *given, **named)[:1] * 8

    with ExitStack() as stack:
        dead, drip = (stack.enter_context(one()) for one in (test_deadline.deaf, test_deadline.dripping))
        faults: tuple[tuple[str, str, int, Any, int], ...] = (
            ("eight dead addresses", "dead.example", dead, eight_times, 5),
            ("a slow resolver", "slow.example", 80, lambda *_, **__: time.sleep(20), 5),
            ("a drip", "127.0.0.1", drip, find, 4),
        )
        for name, host, port, look_up, errands in faults:
            for errand in test_deadline.ERRANDS[:errands]:
                tries += 1
                began = time.monotonic()
                with mock.patch("socket.getaddrinfo", look_up):
                    errand(host, port)
                if time.monotonic() - began > 4:
                    late.append(f"{errand.__name__} at {name}")
    return Row(
        "fetch, webhook, heartbeat, mail, apprise at eight dead addresses, a slow resolver, a drip",
        tries,
        len(late),
        "each ends within its deadline" if not late else str(late),
    )


def locked_tables(folder: Path, store: str) -> Row:
    """Reading commands while another session holds every table of a PostgreSQL store; with the server's own limit."""
    wrong, commands = [], (("status",), ("snapshots", "list"), ("store", "check"))
    with fed(folder, 1, store) as one:
        engine = sa.create_engine(with_driver(store), poolclass=sa.NullPool)
        with engine.begin() as database:
            name = database.exec_driver_sql("SELECT current_database()").scalar_one()
            database.exec_driver_sql(f"ALTER DATABASE {name} SET lock_timeout = '1s'")
        with engine.begin() as database:
            tables = database.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            database.exec_driver_sql(f"LOCK TABLE {', '.join(tables.scalars())} IN ACCESS EXCLUSIVE MODE")
            for words in commands:
                began = time.monotonic()
                ended = brainalign(*words, home=one.home)
                if ended.code != STORE or time.monotonic() - began > 15:
                    wrong.append(f"{words}: {ended}")
        for words in commands:
            brainalign(*words, home=one.home)
    return Row(
        "reading commands while every table is locked (PostgreSQL)",
        len(commands),
        len(wrong),
        "each ends, and names the lock" if not wrong else str(wrong[:2]),
    )


def asked_when_ill(folder: Path) -> Row:
    """Doctor and health check after failed pulls, below a closed folder, without an operator, with a bad host."""
    wrong: list[str] = []
    with patient(folder, publishes=False) as one:
        settings = one.settings.model_copy(update={"base_url": "http://127.0.0.1:1/canary", "attempts": 1})
        given = {"home": one.home, "base_url": settings.base_url, "attempts": 1, "operator__after_failures": 1}
        if brainalign("run", **given).code != 4:
            wrong.append("a pull from nowhere succeeded")
        ended = brainalign("doctor", **given)
        expected = ("last pull", "failed at", "does not answer", "contact")
        if ended.code == 0 or not all(words in ended.out for words in expected):
            wrong.append(f"the doctor: {ended}")
        with open_home(settings) as store:
            said = str(health_json(standing(settings, store, now())))
        if "UnreachableError" not in said or "127.0.0.1" in said or "canary" in said:
            wrong.append(f"the health check says {said}")
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        look = partial(_closed_home, closed / "far" / "home")
        if os.getuid() == 0 and (status := in_child(look, folder / "errors")):
            wrong.append(f"below a closed folder: {status}, {one.errors[-500:]}")
    for host in HOSTS:
        (one.home / "brainalign.toml").write_text(f'[mail]\nhost = "{host}"\nsender = "a@lab.example"\n')
        if brainalign("config", "check", home=one.home).code != 3:
            wrong.append(f"{host!r} passes as a host")
    return Row(
        "doctor, health check and `config check` after failed pulls, below a closed folder, with bad hosts",
        3 + len(HOSTS),
        len(wrong),
        "each fault is named; no address, no traceback" if not wrong else str(wrong[:2]),
    )


def _closed_home(home: Path) -> None:
    become_nobody()
    ended = brainalign("doctor", home=home, base_url="http://127.0.0.1:1")
    if ended.code in (0, 1) or "Traceback" in ended.err or os.getuid() != NOBODY:
        raise AssertionError(ended)


def shipped_files(_folder: Path) -> Row:
    """The workflow, the image and the lock file: everything by its hash, and nothing by our bare name."""
    checks = (
        test_deploy.test_the_workflow_uses_actions_that_github_still_runs,
        test_deploy.test_the_token_is_in_the_step_that_pushes_alone,
        test_deploy.test_nothing_says_to_install_this_by_its_bare_name,
        test_deploy.test_the_lock_file_has_all_that_is_asked_for_with_hashes,
        test_deploy.test_the_image_is_small_and_runs_as_nobody_special,
    )
    wrong = []
    for check in checks:
        try:
            check()
        except AssertionError as failure:
            wrong.append(f"{check.__name__}: {failure}")
    return Row(
        "unpinned actions, packages and images, tokens and bare names looked for in what is shipped",
        len(checks),
        len(wrong),
        "none" if not wrong else str(wrong[:2]),
    )
