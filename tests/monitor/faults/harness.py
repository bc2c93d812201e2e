"""A monitor to be hurt: a home, a world around it, runs in processes of their own, and an account of what was lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from brainalign_monitor.config import Settings, load_settings
from brainalign_monitor.pipeline import open_home
from brainalign_monitor.running import monitor_of, run_once
from tests.conftest import ROOT
from tests.monitor.faults.driver import Stage, alone_with_plain_reports, now
from tests.monitor.sources.samples import body_of, document

READER, OPERATOR = "reader@lab.example", "operator@lab.example"
# The alert fires on a board with fewer models than the one before, and ends on one with as many or more.
SETTINGS = f"""
base_url = "http://127.0.0.1:SITE"

[mail]
host = "127.0.0.1"
port = MAIL
security = "none"
sender = "monitor@lab.example"

[recipients.reader]
address = "{READER}"
digest = "none"

[recipients.operator]
address = "{OPERATOR}"
alerts = false
digest = "none"
operator = true

[operator]
after_failures = 1000

[health]
stale_after_days = 1e6

[[alerts]]
name = "the board shrank"
figure = "models"
condition = "below"
bound = -1
resolve = 0
on = "change"
versions = 1
min_overlap = 1
"""


@dataclass(frozen=True)
class Row:
    """A line of the table: what was done, how often, and what was lost."""

    fault: str
    tries: int
    lost: int
    found: str


@dataclass
class Patient:
    """A monitor in a home folder, and the world that it sees."""

    folder: Path
    ports: dict[str, int]
    boards: int = 0
    settings: Settings = field(init=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.write_settings()

    def write_settings(self) -> None:
        """The file of the home folder."""
        text = SETTINGS.replace("SITE", str(self.ports["site"])).replace("MAIL", str(self.ports["mail"]))
        (self.home / "brainalign.toml").write_text(text)
        self.settings = load_settings(home=self.home)

    def next_board(self) -> None:
        """The site shows another board, by turns with 9 and with 7 models: every one of them is an alert's news."""
        self.boards += 1
        moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=self.boards)
        board = document(9 if self.boards % 2 else 7)
        board["datetime_range"] = {"min": None, "max": moment.isoformat()}
        (self.folder / "board.json").write_bytes(body_of(board))

    def run(self, stage: Stage = lambda _: nullcontext(), hurt: Callable[[], None] = lambda: None) -> int:
        """One run in a process of its own; its wait status."""
        return in_child(lambda: self._run(stage, hurt), self.folder / "errors")

    def start(self, stage: Stage = lambda _: nullcontext()) -> int:
        """The same, not waited for; its process id."""
        return _fork(lambda: self._run(stage, lambda: None), self.folder / "errors")

    def _run(self, stage: Stage, hurt: Callable[[], None]) -> None:
        alone_with_plain_reports()
        hurt()
        with open_home(self.settings) as store:
            run_once(monitor_of(self.settings, store, now, stage))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.home / 'brainalign.sqlite'}?mode=ro", uri=True) as database:
            found = database.execute(query).fetchall()
        database.close()
        return found

    def mails(self) -> Counter[str]:
        """How often each mail was taken, by its Message-ID."""
        path = self.folder / "mails"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(line.split("\t")[0].strip("<>") for line in lines)

    def damage(self) -> list[str]:
        """What is wrong with the store."""
        with open_home(self.settings) as store:
            return store.check()


@contextmanager
def patient(folder: Path) -> Iterator[Patient]:
    """A monitor with its world."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.monitor.faults.world", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as world:
        assert world.stdout is not None
        assert world.stdin is not None
        try:
            yield Patient(folder, json.loads(world.stdout.readline()))
        finally:
            world.stdin.close()
            world.wait(10)


def _fork(work: Callable[[], None], errors: Path) -> int:
    # All that a run imports is there already, so that a child costs a tenth of a process that starts from nothing.
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        stream = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as the test that it was)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def in_child(work: Callable[[], None], errors: Path, seconds: float = 120) -> int:
    """Do something in a process of its own; its wait status."""
    child = _fork(work, errors)
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"a run hung; see {errors}: {errors.read_text()[-2000:]}")
        time.sleep(0.01)


def stages_of_a_run(one: Patient) -> list[str]:
    """The names of all stages of a run with news, in order, as the run itself says them."""
    seen = one.folder / "stages"

    def noted(text: str) -> nullcontext[None]:
        with seen.open("a") as stream:
            stream.write(text + "\n")
        return nullcontext()

    one.next_board()
    assert one.run() == 0, (one.folder / "errors").read_text()
    one.next_board()
    assert one.run(noted) == 0
    return list(dict.fromkeys(seen.read_text().splitlines()))


def limit_file_size(most: int) -> Callable[[], None]:
    """A disk that is full: no file of this process may grow above so many bytes."""

    def hurt() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return hurt
