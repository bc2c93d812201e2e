"""A brainalign whose reports are one line and that kills itself, or pauses, where it is told: ``python -m`` this.

The stages of a run are the ones at which the product says what it is doing; nothing in it knows of this module.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brainalign_monitor.base.files import write_atomically
from brainalign_monitor.base.logs import configure_logs
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.operations import publish, pull, reporting
from brainalign_monitor.service.run import monitor_of
from brainalign_monitor.service.serve import serve

Stage = Callable[[str], AbstractContextManager[object]]


def now() -> datetime:
    return datetime.now(UTC)


def write_plain_report(_results: Any, path: Path, command: str, stage: Stage) -> Path:
    """In the place of the real one: what is in a report is tested elsewhere, and takes most of the time of a run."""
    with stage("analysing"):
        pass
    with stage("comparing the schemes of aggregation"):
        pass
    with stage("writing the report"):
        return write_atomically(path, command.encode())


def with_plain_reports() -> None:
    """Reports of one line and a site without charts from now on, in this process."""
    reporting.write_snapshot_report = write_plain_report
    publish.history_page = lambda *_: ((), None)


def alone() -> None:
    """On the loopback from now on, without proxies and the certificates that a client reads for each request."""
    os.environ["SSL_CERT_DIR"] = os.devnull
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killing(at: str, time_of_it: int, leaving: bool) -> Stage:
    """Stages of which one ends the process by SIGKILL, as it begins or ends for the first, second, ... time."""
    left = time_of_it

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        nonlocal left
        left -= text == at
        due = text == at and left == 0
        if due and not leaving:
            die()
        yield
        if due and leaving:
            die()

    return stage


def killed_by_the_mail_server(order: Path, at: str) -> Stage:
    """Stages of a process that the mail server is to kill at an SMTP command; see `world`."""

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        if text.startswith("sending to"):
            order.write_text(f"{os.getpid()} {at}")
        yield

    return stage


# What makes a change on disk durable or seen.
CALLS = ("fsync", "link", "rename", "replace", "rmdir", "symlink", "unlink")


def at_every_call(seen: Callable[[str, int], None]) -> None:
    """From now on, in this process, tell each of `CALLS` before it is done: its name, and for which time it comes."""
    times: Counter[str] = Counter()

    def told(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def first_told(*given: Any, **named: Any) -> Any:
            times[name] += 1
            seen(name, times[name])
            return call(*given, **named)

        return first_told

    for name in CALLS:
        setattr(os, name, told(name, getattr(os, name)))


def at_stage(at: str, hurt: Callable[[], None]) -> Stage:
    """Stages of which one is hurt as it begins."""

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        if text == at:
            hurt()
        yield

    return stage


def pausing(at: str, until: Path) -> Stage:
    """Stages of which one says that it has begun, and lasts until a file is there."""

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        if text.startswith(at):
            print(f"paused at {text}", file=sys.stderr, flush=True)
            while not until.exists():
                time.sleep(0.05)
        yield

    return stage


def main() -> None:
    """Serve with plain reports; at the stage that ``BRAINALIGN_DRIVER_PAUSE`` names until ``go-on`` is in the home."""
    pause = os.environ.pop("BRAINALIGN_DRIVER_PAUSE", None)
    with_plain_reports()
    configure_logs(verbose=True, as_json=False)
    settings = load_settings()
    stage = pausing(pause, settings.home / "go-on") if pause else lambda _: nullcontext()
    with pull.open_home(settings) as store:
        serve(monitor_of(settings, store, now, stage))


if __name__ == "__main__":
    sys.exit(main())
