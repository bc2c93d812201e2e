"""Alarms: counts failures, and queues messages to the operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from ..base.messages import Message
from ..delivery import OperatorNote
from ..operations.operator_alarm import Notice, after_failure, after_success

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
        """Note a failure, and queue messages to the operators if it is the last of so many in a row.

        `name`: what failed, as messages call it: ``pulling vision``. `problem`: message of the failure.
        """
        with store.transaction() as inside:
            alarm, notice = after_failure(name, inside.alarm(name), at, problem, self.after)
            inside.put_alarm(alarm)
            self._tell(inside, notice, at)

    def succeeded(self, store: Store, name: str, at: datetime) -> None:
        """Note a success, and queue messages to the operators if they got one about the failures."""
        if store.alarm(name) is None:
            return
        with store.transaction() as inside:
            notice = after_success(inside.alarm(name), at)
            inside.clear_alarm(name)
            self._tell(inside, notice, at)

    def _tell(self, inside: Store, notice: Notice | None, at: datetime) -> None:
        if notice is None:
            return
        note = OperatorNote(notice.occasion, notice.subject, notice.text)
        queued = inside.enqueue(self.compose(note, at))
        (log.info if notice.recovered else log.error)(notice.subject, told=len(queued))
