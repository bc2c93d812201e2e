"""A monitor with a mailbox and a clock of its own, and boards for it to pull."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from brainalign_monitor.base.errors import DeliveryError
from brainalign_monitor.base.files import write_atomically
from brainalign_monitor.base.outgoing import Channel, Message
from brainalign_monitor.config.settings import Settings, load_settings
from brainalign_monitor.delivery.messages import Letterhead, Subscriber
from brainalign_monitor.history.alerts import Condition, On, Rule
from brainalign_monitor.notify.outbox import Outgoing
from brainalign_monitor.operations import reporting
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.service.run import Monitor
from brainalign_monitor.store import Store
from tests.monitor.sources.samples import body_of, document

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SHRANK = Rule("the board shrank", "models", Condition.BELOW, -1, resolve=0, on=On.CHANGE, versions=1, min_overlap=1)
READER = Subscriber(Channel.MAIL, "reader@lab.example")
OPERATOR = Subscriber(Channel.MAIL, "operator@lab.example", alerts=False, operator=True)


@pytest.fixture(autouse=True)
def _log_lines() -> None:
    """All log lines on standard output: a command that ran before may have turned them off."""
    structlog.reset_defaults()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", attempts=1)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_home(settings) as opened:
        yield opened


@pytest.fixture
def quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of one line: what is in it is tested elsewhere, and takes most of the time of a run."""

    def write(_results, path, command, stage):
        with stage("analysing"):
            pass
        with stage("writing the report"):
            return write_atomically(path, command.encode())

    monkeypatch.setattr(reporting, "write_snapshot_report", write)


class Mailbox:
    """Where messages arrive, unless it is closed."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.closed = False

    def __call__(self, message: Message) -> None:
        if self.closed:
            raise DeliveryError("the mailbox is closed", permanent=False)
        self.letters.append(message)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def monitor(settings: Settings, store: Store, mailbox: Mailbox, quick_report: None) -> Monitor:
    moments = (NOW + timedelta(seconds=i) for i in range(10_000))
    outgoing = Outgoing((READER, OPERATOR), Letterhead("monitor@lab.example"), mailbox)
    return Monitor(settings, store, (SHRANK,), outgoing, lambda: next(moments))


def payload(folder: Path, day: int, models: int = 9) -> str:
    board = document(models) | {"datetime_range": {"min": None, "max": f"2024-01-{day:02}T00:00:00+00:00"}}
    path = folder / f"board-{day}.json"
    path.write_bytes(body_of(board))
    return str(path)
