"""Messages to the operators: after several failures in a row once, and once after the recovery.

The count is kept in the transaction in which a message is queued, so that a crash neither loses nor repeats one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from brainalign_plugin.text import counted

from ..base.outgoing import Message
from ..delivery.messages import OperatorNote
from ..operations.status import times
from ..store.stored import Alarm

if TYPE_CHECKING:
    from ..store import Store

log = structlog.get_logger("brainalign")


@dataclass(frozen=True)
class Alarms:
    """Threshold and composition of messages to the operators."""

    after: int  # Failures in a row
    # Makes the messages to the operators from a note and a time
    compose: Callable[[OperatorNote, datetime], Sequence[Message]]

    def failed(self, store: Store, name: str, problem: str, at: datetime) -> None:
        """Note a failure, and queue messages to the operators if it is the last of so many in a row."""
        with store.transaction() as inside:
            alarm, note = after_failure(name, inside.alarm(name), at, problem, self.after)
            inside.put_alarm(alarm)
            if note is not None:
                log.error(note.subject, problem=problem, messages=len(inside.enqueue(self.compose(note, at))))

    def succeeded(self, store: Store, name: str, at: datetime) -> None:
        """Note a success, and queue messages to the operators if they got one about the failures."""
        if store.alarm(name) is None:
            return
        with store.transaction() as inside:
            note = after_success(inside.alarm(name), at)
            inside.clear_alarm(name)
            if note is not None:
                log.info(note.subject, messages=len(inside.enqueue(self.compose(note, at))))


def after_failure(
    name: str, before: Alarm | None, at: datetime, problem: str, in_a_row: int
) -> tuple[Alarm, OperatorNote | None]:
    """Count a failure; return the state to keep, and the message if it is the last of so many in a row.

    ``name`` is what failed, as messages call it: ``pulling vision``; ``before`` is what was kept of its failures.
    """
    failures = 1 if before is None else before.failures + 1
    since = at if before is None else before.since
    raised_at = None if before is None else before.raised_at
    if raised_at is not None or failures < in_a_row:
        return Alarm(name, failures, since, at, raised_at, problem), None
    failed = "failed" if failures == 1 else f"failed {times(failures)}"
    note = OperatorNote(
        occasion=f"{name} failing since {since.isoformat()}",
        subject=f"{name} {failed}",
        words=(
            f"{name} {failed}, first at {_minute(since)}. The last error:\n\n{problem}\n\n"
            "There will be no further message about this until it succeeds again. `brainalign status` shows the "
            "state.\n"
        ),
    )
    return Alarm(name, failures, since, at, at, problem), note


def after_success(before: Alarm | None, at: datetime) -> OperatorNote | None:
    """Report the recovery if the operator got a message about the failures; the kept `Alarm` ends either way."""
    if before is None or before.raised_at is None:
        return None
    failures = counted(before.failures, "failure") + " in a row" * (before.failures > 1)
    return OperatorNote(
        occasion=f"{before.name} recovered, failing since {before.since.isoformat()}",
        subject=f"{before.name} works again",
        words=(
            f"{before.name} succeeded at {_minute(at)}, after {failures} since {_minute(before.since)}. The last "
            f"error:\n\n{before.message}\n"
        ),
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
