"""The outbox: every message is sent at least once, tried again with back-off, or given up loudly.

Operators get a message after several failures in a row once, and once after the recovery. The count is kept in the
transaction in which a message is queued, so that a crash neither loses nor repeats one.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from brainalign_plugin.text import counted

from ..base.errors import DeliveryError
from ..base.outgoing import Channel, Kind, Message
from ..base.progress import NOTING, SENDING, Stage, silent
from ..delivery.messages import Letterhead, OperatorNote, Subscriber
from ..operations.status import times
from ..store.stored import Alarm

if TYPE_CHECKING:
    from ..operations.alerting import AlertNews
    from ..store import Queued, Store


# Pauses after the first failure, the second and so on: three days in all. After the last it is given up.
BACK_OFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440, 1440))
# The other side may ask for a longer pause, up to this.
LONGEST_WAIT = timedelta(days=1)
# Longer than any pause: a next try further ahead was set by a clock that ran ahead.
HORIZON = timedelta(days=2)
# So many failures in a row of one channel, and the rest of its messages are left for later: a mail server that stalls
# would hold up everything else for as long as it has recipients.
FAILURES_IN_A_ROW = 3
BATCH = 100
# No message takes as long to send: what is claimed for longer is due again.
LONGEST_SENDING = timedelta(minutes=15)

log = structlog.get_logger("brainalign")


@dataclass(frozen=True)
class Outgoing:
    """Recipients and channels of messages."""

    subscribers: Sequence[Subscriber]
    letterhead: Letterhead
    send: Callable[[Message], None]  # Sends one message, or raises DeliveryError

    def alert_messages(self, news: Sequence[AlertNews], store: Store, at: datetime) -> list[Message]:
        """Compose the messages about alerts, one for each board and subscriber who wants it."""
        if not news:
            return []
        # Loaded late, because templates and figures come with it, and most runs have no news.
        from ..delivery.composing import compose_alerts
        from ..operations.alerting import news_json
        from ..operations.kept_alerts import HELD, alert_record

        told = [one for one in news if one.kind != HELD]
        found = []
        for number in dict.fromkeys(one.snapshot for one in told):
            info = store.info(number)
            alerts = [alert_record(news_json(one), info) for one in told if one.snapshot == number]
            found += compose_alerts(alerts, self.subscribers, self.letterhead, at)
        return found

    def operator_messages(self, note: OperatorNote, at: datetime) -> list[Message]:
        """Compose a message to the operators; by the package's template if their own is broken."""
        from ..delivery.composing import compose_operator

        for letterhead in (self.letterhead, replace(self.letterhead, templates=None)):
            try:
                return compose_operator(note, self.subscribers, letterhead, at)
            except Exception:
                log.exception("a note to the operators cannot be composed", subject=note.subject)
        return []


@dataclass(slots=True)
class Drained:
    """Outcome of the messages that were due."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    postponed: int = 0


def drain(
    store: Store, send: Callable[[Message], None], clock: Callable[[], datetime], alarms: Alarms, stage: Stage = silent
) -> Drained:
    """Send what is due; to be called by who holds the store's lock.

    A message is claimed before it is sent, so that a process that has lost the lock sends none a second time, and a
    store that cannot be written to sends nothing. It is marked as sent after it was: if the process dies between the
    two it is sent again, under the same Message-ID. Of messages that are given up the operators hear.
    """
    done = Drained()
    failing: dict[Channel, str] = {}
    working: set[Channel] = set()
    in_a_row: Counter[Channel] = Counter()
    me = f"{os.getpid()} {socket.gethostname()}"
    store.release_messages(_has_ended, clock())
    while batch := store.due_messages(clock(), BATCH, HORIZON):
        for queued in batch:
            channel = queued.message.channel
            if in_a_row[channel] >= FAILURES_IN_A_ROW:
                store.postpone(queued.message.id, clock() + BACK_OFF[0])
                done.postponed += 1
                continue
            try:
                with stage(f"{SENDING} {queued.message.recipient}"):
                    if not store.claim_message(queued, me, clock() + LONGEST_SENDING):
                        continue
                    _try(send, queued.message)
            except DeliveryError as failure:
                given_up = _note_failure(store, queued, failure, clock(), alarms)
                done.given_up += given_up
                done.failed += not given_up
                if not failure.permanent:
                    # A refused recipient is no fault of the server.
                    in_a_row[channel] += 1
                    failing[channel] = str(failure)
                continue
            with stage(NOTING):
                store.mark_sent(queued.message.id, clock())
            in_a_row[channel] = 0
            working.add(channel)
            done.sent += 1
            log.info("sent", channel=channel.value, kind=queued.message.kind.value, message=queued.message.id)
    for channel in working:
        alarms.succeeded(store, f"delivery by {channel.value}", clock())
    for channel in failing.keys() - working:
        alarms.failed(store, f"delivery by {channel.value}", failing[channel], clock())
    return done


def _has_ended(claimed_by: str) -> bool:
    """Return whether a claim is that of a process of this machine that is gone, or of this one, which is not at it."""
    pid, _, host = claimed_by.partition(" ")
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except OSError as failure:  # else it is one of another user
        return isinstance(failure, ProcessLookupError)
    return False


def _try(send: Callable[[Message], None], message: Message) -> None:
    try:
        send(message)
    except DeliveryError:
        raise
    except Exception as failure:
        # A fault of ours, or of a library, with one message is no reason to send none.
        log.exception("a message could not be sent", message=message.id)
        raise DeliveryError(f"{type(failure).__name__}: {failure}", permanent=False) from failure


def _note_failure(store: Store, queued: Queued, failure: DeliveryError, at: datetime, alarms: Alarms) -> bool:
    """Set the next try, or give the message up; return whether it was given up."""
    message = queued.message
    if not failure.permanent and queued.attempts < len(BACK_OFF):
        asked = timedelta(seconds=min(failure.retry_after or 0, LONGEST_WAIT.total_seconds()))
        pause = max(BACK_OFF[queued.attempts], asked)
        store.mark_failed(message.id, at, str(failure), at + pause)
        log.warning(
            "not sent", message=message.id, tried=queued.attempts + 1, again_at=str(at + pause), error=str(failure)
        )
        return False
    with store.transaction() as inside:
        inside.mark_failed(message.id, at, str(failure), None)
        # A failed channel cannot report its own failure.
        if message.kind is not Kind.OPERATOR:
            inside.enqueue(alarms.compose(_given_up_note(queued, failure), at))
    log.error(
        "message given up",
        message=message.id,
        channel=message.channel.value,
        recipient=message.recipient,
        subject=message.subject,
        tried=queued.attempts + 1,
        error=str(failure),
    )
    return True


def _given_up_note(queued: Queued, failure: DeliveryError) -> OperatorNote:
    message = queued.message
    return OperatorNote(
        occasion=f"given up {message.id}",
        subject="a message was given up",
        words=f"{failure}\n\nIt will not be tried again. Correct the recipient or the settings of the channel.",
        facts=(
            ("Channel", message.channel.value),
            ("Recipient", message.recipient),
            ("Subject", message.subject),
            ("Made", f"{message.created_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("Tries", str(queued.attempts + 1)),
        ),
    )


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
    before = before or Alarm(name, 0, at, at, None, "")
    failures, since = before.failures + 1, before.since
    alarm = Alarm(name, failures, since, at, before.raised_at, problem)
    if alarm.raised_at is not None or failures < in_a_row:
        return alarm, None
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
    return replace(alarm, raised_at=at), note


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
