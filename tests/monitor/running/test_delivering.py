"""The outbox is emptied: in order, again after pauses that grow, not for ever; operators hear of what is lost."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from brainalign_monitor.base.errors import DeliveryError, StoreError
from brainalign_monitor.base.outgoing import Channel, Kind, Message, message_id
from brainalign_monitor.delivery.messages import Letterhead, Subscriber
from brainalign_monitor.notify.outbox import (
    BACK_OFF,
    FAILURES_IN_A_ROW,
    HORIZON,
    LONGEST_SENDING,
    LONGEST_WAIT,
    Alarms,
    Drained,
    Outgoing,
    drain,
)
from brainalign_monitor.store import MessageState, Store

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OPERATORS = (
    Subscriber(Channel.MAIL, "operator@lab.example", alerts=False, operator=True),
    Subscriber(Channel.WEBHOOK, "pager", alerts=False, operator=True),
)


class Post:
    """Takes letters, and fails as it is told to; a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.sent: list[str] = []
        self.failing: dict[str, DeliveryError] = {}

    def clock(self) -> datetime:
        return self.now

    def send(self, message: Message) -> None:
        for what in (message.recipient, message.channel.value):
            if what in self.failing:
                raise self.failing[what]
        self.sent.append(message.recipient)


@pytest.fixture
def post() -> Post:
    return Post()


def letter(to: str, channel: Channel = Channel.MAIL, kind: Kind = Kind.ALERT, after: int = 0) -> Message:
    at = NOW + timedelta(seconds=after)
    return Message(message_id(channel, kind, to, f"news {after}"), channel, kind, to, "News", b"News", at)


def deliver(store: Store, post: Post, operators: tuple[Subscriber, ...] = OPERATORS) -> Drained:
    outgoing = Outgoing(operators, Letterhead("monitor@lab.example"), post.send)
    return drain(store, post.send, post.clock, Alarms(3, outgoing.operator_messages))


def refusal(permanent: bool = False, retry_after: float | None = None) -> DeliveryError:
    return DeliveryError("the other side said no", permanent=permanent, retry_after=retry_after)


def test_a_store_that_cannot_be_written_to_sends_nothing(store, post, settings):
    store.enqueue([letter("reader@lab.example")])
    with sqlite3.connect(settings.home / "brainalign.sqlite") as database:
        database.execute("CREATE TRIGGER full BEFORE UPDATE ON message BEGIN SELECT RAISE(FAIL, 'no room'); END")
    database.close()
    for _ in range(3):
        with pytest.raises(StoreError, match="no room"):
            deliver(store, post)
    assert post.sent == [], "it would have been sent every time"


def test_all_is_sent_in_order_and_once(store, post):
    store.enqueue([letter(f"{i}@lab.example", after=i) for i in range(150)])
    post.now = NOW + timedelta(hours=1)
    assert deliver(store, post) == Drained(sent=150)
    assert post.sent == [f"{i}@lab.example" for i in range(150)]
    assert deliver(store, post) == Drained()
    assert store.message_counts()[MessageState.SENT] == 150


def test_a_failure_is_tried_again_after_pauses_that_grow_and_then_given_up(store, post):
    store.enqueue([letter("reader@lab.example")])
    post.failing["reader@lab.example"] = refusal()
    for number, pause in enumerate(BACK_OFF, start=1):
        assert deliver(store, post, ()) == Drained(failed=1)
        (queued,) = store.messages(MessageState.PENDING)
        assert (queued.attempts, queued.next_try_at) == (number, post.now + pause)
        assert deliver(store, post, ()) == Drained(), "not before its time"
        post.now += pause
    assert deliver(store, post, ()) == Drained(given_up=1)
    (queued,) = store.messages(MessageState.GIVEN_UP)
    assert (queued.attempts, queued.last_error) == (len(BACK_OFF) + 1, "the other side said no")
    assert post.now - NOW > 2 * DAY, "a mail server may be away for a weekend"
    assert list(BACK_OFF) == sorted(BACK_OFF)
    assert max(*BACK_OFF, LONGEST_WAIT) < HORIZON


def test_the_other_side_may_ask_for_a_longer_pause_but_not_for_any(store, post):
    store.enqueue([letter("reader@lab.example")])
    for asked, given in ((3600, timedelta(hours=1)), (1, BACK_OFF[1]), (10**9, LONGEST_WAIT)):
        post.failing["reader@lab.example"] = refusal(retry_after=asked)
        deliver(store, post, ())
        (queued,) = store.messages(MessageState.PENDING)
        assert queued.next_try_at == post.now + given
        post.now += given


def test_what_is_refused_for_good_is_given_up_at_once_and_the_operators_are_told(store, post, capsys):
    store.enqueue([letter("nobody@lab.example"), letter("reader@lab.example")])
    post.failing["nobody@lab.example"] = refusal(permanent=True)
    # The notes to the operators are sent in the same go.
    assert deliver(store, post) == Drained(sent=3, given_up=1)
    assert sorted(post.sent) == ["operator@lab.example", "pager", "reader@lab.example"]
    (note,) = [one.message for one in store.messages() if one.message.recipient == "operator@lab.example"]
    assert (note.kind, note.subject) == (Kind.OPERATOR, "BrainAlign: a message was given up")
    assert b"nobody@lab.example" in note.body
    assert "message given up" in capsys.readouterr().out


def test_a_note_to_the_operators_that_is_given_up_makes_no_further_one(store, post):
    store.enqueue([letter("operator@lab.example", kind=Kind.OPERATOR)])
    post.failing["operator@lab.example"] = refusal(permanent=True)
    assert deliver(store, post) == Drained(given_up=1)
    assert len(store.messages()) == 1


def test_a_channel_that_fails_holds_up_no_other_and_is_not_asked_for_every_recipient(store, post):
    store.enqueue([letter(f"{i}@lab.example", after=i) for i in range(120)])
    store.enqueue([letter("hook", Channel.WEBHOOK, after=200)])
    post.now = NOW + timedelta(hours=1)
    post.failing["mail"] = refusal()
    done = deliver(store, post, ())
    assert done == Drained(sent=1, failed=FAILURES_IN_A_ROW, postponed=120 - FAILURES_IN_A_ROW)
    assert post.sent == ["hook"]
    attempts = [one.attempts for one in store.messages(MessageState.PENDING, limit=200)]
    assert sorted(attempts) == [0] * (120 - FAILURES_IN_A_ROW) + [1] * FAILURES_IN_A_ROW
    del post.failing["mail"]
    post.now += DAY
    assert deliver(store, post, ()).sent == 120


def test_one_recipient_who_is_refused_says_nothing_about_the_channel(store, post):
    store.enqueue([letter(f"{i}@lab.example", after=i) for i in range(20)])
    post.now = NOW + timedelta(hours=1)
    for i in range(0, 20, 2):
        post.failing[f"{i}@lab.example"] = refusal(permanent=True)
    assert deliver(store, post, ()) == Drained(sent=10, given_up=10)


def test_a_channel_that_fails_again_and_again_is_told_by_another_and_so_is_its_recovery(store, post):
    post.failing["mail"] = refusal()
    for i in range(4):
        store.enqueue([letter(f"{i}@lab.example", after=i)])
        post.now += MINUTE
        deliver(store, post)
    assert post.sent == ["pager"], "once"
    assert store.alarm("delivery by mail").failures >= 3
    del post.failing["mail"]
    post.now += DAY
    assert deliver(store, post).sent == 5
    assert store.alarm("delivery by mail") is None
    deliver(store, post)
    subjects = [one.message.subject for one in store.messages() if one.message.recipient == "pager"]
    assert subjects == [
        "BrainAlign: delivery by mail failed 3 times in a row",
        "BrainAlign: delivery by mail works again",
    ]


def test_an_error_that_nobody_expected_holds_up_no_other_message(store, post, capsys):
    store.enqueue([letter("a@lab.example"), letter("b@lab.example", after=1), letter("hook", Channel.WEBHOOK)])
    sent: list[str] = []

    def send(message: Message) -> None:
        if message.recipient == "a@lab.example":
            raise UnicodeError("label empty or too long")
        sent.append(message.recipient)

    alarms = Alarms(3, Outgoing(OPERATORS, Letterhead("monitor@lab.example"), send).operator_messages)
    post.now = NOW + MINUTE
    assert drain(store, send, post.clock, alarms) == Drained(sent=2, failed=1)
    for pause in BACK_OFF:
        post.now += pause
        done = drain(store, send, post.clock, alarms)
    assert done.given_up == 1
    assert sent[:2] == ["hook", "b@lab.example"]
    told = [one.message.subject for one in store.messages() if one.message.recipient == "pager"]
    assert "BrainAlign: a message was given up" in told
    (queued,) = store.messages(MessageState.GIVEN_UP)
    assert queued.last_error == "UnicodeError: label empty or too long"
    assert "a message could not be sent" in capsys.readouterr().out


def test_what_a_process_that_is_gone_had_claimed_is_sent_and_what_one_that_lives_has_is_not(store, post):
    messages = [letter(f"{i}@lab.example", after=i) for i in range(4)]
    store.enqueue(messages)
    post.now = NOW + MINUTE
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    here = socket.gethostname()
    claimants = [f"{os.getppid()} {here}", f"{gone.pid} {here}", "1 elsewhere"]
    for queued, by in zip(store.due_messages(post.now), claimants, strict=False):
        assert store.claim_message(queued, by, post.now + LONGEST_SENDING)
    deliver(store, post)
    assert sorted(post.sent) == ["1@lab.example", "3@lab.example"]
    post.now += LONGEST_SENDING
    deliver(store, post)
    assert sorted(post.sent) == [message.recipient for message in messages]


def test_what_was_sent_but_not_noted_is_sent_again_under_the_same_id(store, post):
    message = letter("reader@lab.example")
    store.enqueue([message])

    class Killed(BaseException):
        pass

    seen = []

    def send(sent: Message) -> None:
        seen.append(sent.id)
        if len(seen) == 1:
            raise Killed

    with pytest.raises(Killed):
        drain(store, send, post.clock, Alarms(3, lambda _note, _at: ()))
    drain(store, send, post.clock, Alarms(3, lambda _note, _at: ()))
    assert seen == [message.id] * 2


def test_an_operators_own_template_that_is_broken_silences_nobody(store, post, tmp_path):
    (tmp_path / "mail_operator.txt.j2").write_text("{{ no_such_thing.at_all }} {% nonsense %}")
    letterhead = Letterhead("monitor@lab.example", templates=tmp_path)
    outgoing = Outgoing(OPERATORS, letterhead, post.send)
    Alarms(1, outgoing.operator_messages).failed(store, "pulling vision", "no answer", NOW)
    assert len(store.due_messages(NOW)) == 2
