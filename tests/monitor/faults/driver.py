"""A brainalign whose reports are one line and that kills itself, or pauses, where it is told: ``python -m`` this.

The stages of a run are the ones at which the product says what it is doing; nothing in it knows of this module.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brainalign_monitor import pipeline
from brainalign_monitor.config import load_settings
from brainalign_monitor.files import write_atomically
from brainalign_monitor.logs import configure_logs
from brainalign_monitor.running import monitor_of
from brainalign_monitor.serving import serve

Stage = Callable[[str], AbstractContextManager[object]]


def now() -> datetime:
    return datetime.now(UTC)


def write_plain_report(
    _settings: Any, _found: Any, path: Path, _clock: Any, command: str, stage: Stage, **_: Any
) -> Path:
    """In the place of the real one: what is in a report is tested elsewhere, and takes most of the time of a run."""
    with stage("analysing"):
        pass
    with stage("comparing the schemes of aggregation"):
        pass
    with stage("writing the report"):
        return write_atomically(path, command.encode())


def with_plain_reports() -> None:
    """Reports of one line from now on, in this process."""
    pipeline.write_snapshot_report = write_plain_report


def alone_with_plain_reports() -> None:
    """The same, and on the loopback without proxies and the certificates that a client reads for each request."""
    with_plain_reports()
    os.environ["SSL_CERT_DIR"] = os.devnull
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def killing(at: str, leaving: bool) -> Stage:
    """Stages of which one ends the process by SIGKILL, as it begins or ends for the first time."""

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        if text == at and not leaving:
            os.kill(os.getpid(), signal.SIGKILL)
        yield
        if text == at and leaving:
            os.kill(os.getpid(), signal.SIGKILL)

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
    with pipeline.open_home(settings) as store:
        serve(monitor_of(settings, store, now, stage))


if __name__ == "__main__":
    sys.exit(main())
