"""A monitor to be hurt: a home, a world around it, runs in processes of their own, and an account of what was lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from brainalign_monitor.base.errors import exit_code
from brainalign_monitor.config.settings import Settings, load_settings
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.rendering.page import vega_runtime
from brainalign_monitor.service.run import monitor_of, run_once
from brainalign_plugin.errors import BrainAlignError
from tests.conftest import ROOT
from tests.monitor.faults.driver import Stage, alone, now, with_plain_reports
from tests.monitor.sources.samples import body_of, document
from tests.postgres import with_driver

# Those of sessions that a server has not ended yet, too.
_LOCKS = (
    "pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)
READER, OPERATOR = "reader@lab.example", "operator@lab.example"
# The alert fires on a board with fewer models than the one before, and ends on one with as many or more.
SETTINGS = f"""
base_url = "http://127.0.0.1:PORT"
STORE
PUBLISHES

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
    """A monitor in a home folder, and the world that it sees.

    Attributes
    ----------
    folder : Path
    ports : dict
        Of the world: ``site``, ``mail``.
    store : str
        Address of a PostgreSQL database; empty for SQLite in the home folder.
    plain : bool
        Whether reports are of one line, and the site without charts.
    publishes : bool
        Whether it has a site.
    """

    folder: Path
    ports: dict[str, int]
    store: str = ""
    plain: bool = True
    publishes: bool = True
    boards: int = 0
    # How far its clock is ahead of ours.
    ahead: timedelta = timedelta(0)
    settings: Settings = field(init=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def site(self) -> Path:
        return self.home / "site"

    @property
    def errors(self) -> str:
        """The end of what its runs said."""
        return (self.folder / "errors").read_text()[-3000:]

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.write_settings()

    def write_settings(self) -> None:
        """The file of the home folder."""
        text = SETTINGS.replace("PORT", str(self.ports["site"]), 1).replace("MAIL", str(self.ports["mail"]))
        text = text.replace("STORE", f'store = "{self.store}"' if self.store else "")
        text = text.replace("PUBLISHES", '[site]\nfolder = "site"' if self.publishes else "")
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

    def complete(self) -> None:
        """A run that has to complete what the one before had begun."""
        # A server notices the death of its client, and the end of its locks, a moment later.
        deadline = time.monotonic() + 120
        while self.store and self.count(_LOCKS) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.run() == 0, f"the next run failed: {self.errors}"

    def _run(self, stage: Stage, hurt: Callable[[], None]) -> None:
        alone()
        if self.plain:
            with_plain_reports()
        hurt()
        with open_home(self.settings) as store:
            run_once(monitor_of(self.settings, store, lambda: now() + self.ahead, stage))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the store, read past it; none if it is not made yet."""
        address: str | sa.URL = f"sqlite:///file:{self.home / 'brainalign.sqlite'}?mode=ro&uri=true"
        if self.store:
            address = with_driver(self.store)
        try:
            with sa.create_engine(address, poolclass=sa.NullPool).connect() as database:
                return [tuple(row) for row in database.exec_driver_sql(query)]
        except (sa.exc.OperationalError, sa.exc.ProgrammingError):
            return []

    def count(self, table: str) -> int:
        """How many rows there are of a table, or of some by ``WHERE``."""
        found = self.rows(f"SELECT count(*) FROM {table}")
        return int(str(found[0][0])) if found else 0

    def mails(self) -> Counter[str]:
        """How often each mail was taken, by its message's id, of which the Message-ID has the digits."""
        path = self.folder / "mails"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(f"{line.strip('<').partition('@')[0]}@brainalign" for line in lines)

    def damage(self) -> list[str]:
        """What is wrong with the store."""
        with open_home(self.settings) as store:
            return store.check()


@contextmanager
def patient(folder: Path, store: str = "", *, plain: bool = True, publishes: bool = True) -> Iterator[Patient]:
    """A monitor with its world; see `Patient`."""
    if publishes:
        # Once here and not in every child: it takes seconds.
        vega_runtime()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.monitor.faults.world", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as world:
        assert world.stdout is not None
        assert world.stdin is not None
        try:
            yield Patient(folder, json.loads(world.stdout.readline()), store, plain, publishes)
        finally:
            world.stdin.close()
            world.wait(60)


def where(store: str) -> str:
    """What a line of the table says of a store."""
    return " (PostgreSQL)" if store else ""


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
        # pytest has others in their place.
        sys.stdout, sys.stderr = (os.fdopen(one, "w", 1, closefd=False) for one in (1, 2))
        work()
        code = 0
    except BrainAlignError as failure:
        traceback.print_exc()
        code = exit_code(failure)
    except BaseException:  # noqa: BLE001 (whatever it is, this process must not go on as the test that it was)
        traceback.print_exc()
    finally:
        # With a full disk nothing can be written, and the process must end all the same.
        for written in (sys.stdout, sys.stderr):
            with suppress(OSError):
                written.flush()
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


def stages_of_a_run(one: Patient) -> list[tuple[str, int]]:
    """All stages of a run with news in order, as the run itself says them: the name, and for which time it comes."""
    seen = one.folder / "stages"

    def noted(text: str) -> nullcontext[None]:
        with seen.open("a") as stream:
            stream.write(text + "\n")
        return nullcontext()

    one.next_board()
    one.complete()
    one.next_board()
    assert one.run(noted) == 0, one.errors
    times: Counter[str] = Counter()
    found = []
    for name in seen.read_text().splitlines():
        times[name] += 1
        found.append((name, times[name]))
    return found


def limit_file_size(most: int) -> Callable[[], None]:
    """A disk that is full: no file of this process may grow above so many bytes."""

    def hurt() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return hurt
