"""The outbox, what is remembered of watching, and that all of it is committed together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from brainalign_monitor.base.errors import StoreError
from brainalign_monitor.base.outgoing import Channel, Kind, Message, message_id
from brainalign_monitor.store import Alarm, Finding, MessageState, Queued, Store
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.boards import small_tree, snapshot_of
from tests.contracts.conftest import Backend

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BOARD = snapshot_of(small_tree(), [[0.5, 0.25, "X", 0.75, "", 0.125, 0.5]])
BODY = snapshot_bytes(BOARD)


def letter(occasion: str = "weekly 2026-W01", to: str = "reader@example.org", at: datetime = NOW) -> Message:
    name = message_id(Channel.MAIL, Kind.DIGEST, to, occasion)
    return Message(name, Channel.MAIL, Kind.DIGEST, to, f"About {occasion}", b"\x00\xff\r\n", at)


def finding(snapshot: int, subject: str = "mean_rho", at: datetime = NOW) -> Finding:
    return Finding(snapshot, "changed", subject, at, f"{subject} changed", {"delta": -0.25, "why": ["new"]})


def _in_language(name: str | None) -> str | None:
    return None if name is None else name.replace("vision", "language")


# The outbox


def test_a_message_is_queued_once(store: Store) -> None:
    first, second = letter(), letter(to="other@example.org")
    assert store.enqueue([first, second, first]) == (first, second)
    assert store.enqueue([letter(at=NOW + HOUR)]) == ()
    due = store.due_messages(NOW)
    assert {queued.message.id for queued in due} == {first.id, second.id}
    assert Queued(first, MessageState.PENDING, 0, NOW, None, "") in due
    assert store.message_counts() == {MessageState.PENDING: 2, MessageState.SENT: 0, MessageState.GIVEN_UP: 0}


def test_messages_are_due_in_order_and_in_time(store: Store) -> None:
    later, sooner = letter("b", at=NOW + MINUTE), letter("a")
    store.enqueue([later, sooner])
    assert [queued.message for queued in store.due_messages(NOW)] == [sooner]
    assert [queued.message for queued in store.due_messages(NOW + HOUR)] == [sooner, later]
    assert [queued.message for queued in store.due_messages(NOW + HOUR, limit=1)] == [sooner]


def test_a_failed_message_is_tried_again_sent_and_never_again(store: Store) -> None:
    message = letter()
    store.enqueue([message])
    store.mark_failed(message.id, NOW, "451 later", NOW + MINUTE)
    assert store.due_messages(NOW) == ()
    (queued,) = store.due_messages(NOW + MINUTE)
    assert (queued.attempts, queued.last_error, queued.state) == (1, "451 later", MessageState.PENDING)
    store.mark_sent(message.id, NOW + HOUR)
    store.mark_failed(message.id, NOW, "too late to fail", NOW)
    assert store.due_messages(NOW + DAY) == ()
    (queued,) = store.messages(MessageState.SENT)
    assert (queued.settled_at, queued.next_try_at, queued.attempts) == (NOW + HOUR, None, 1)
    assert store.enqueue([message]) == (), "what was sent is not queued again"


def test_a_postponed_message_was_not_tried(store: Store) -> None:
    message = letter()
    store.enqueue([message])
    store.postpone(message.id, NOW + HOUR)
    assert store.due_messages(NOW) == ()
    (queued,) = store.due_messages(NOW + HOUR)
    assert (queued.attempts, queued.last_error) == (0, "")


def test_a_message_that_is_given_up_stays_to_be_seen(store: Store) -> None:
    message = letter()
    store.enqueue([message])
    store.mark_failed(message.id, NOW, "550 no such user", None)
    assert store.due_messages(NOW + DAY) == ()
    (queued,) = store.messages()
    assert (queued.state, queued.settled_at, queued.last_error) == (MessageState.GIVEN_UP, NOW, "550 no such user")
    store.mark_sent(message.id, NOW)
    assert store.message_counts()[MessageState.GIVEN_UP] == 1


def test_a_next_try_of_a_clock_that_ran_ahead_is_due(store: Store) -> None:
    message = letter()
    store.enqueue([message])
    store.mark_failed(message.id, NOW, "later", NOW + 365 * DAY)
    assert [queued.message for queued in store.due_messages(NOW)] == [message]
    assert store.due_messages(NOW, horizon=400 * DAY) == ()


def mail(to: str, body: bytes) -> Message:
    name = message_id(Channel.MAIL, Kind.DIGEST, to, "weekly")
    return Message(name, Channel.MAIL, Kind.DIGEST, to, "News", b"To: %s\r\n\r\n%s" % (to.encode(), body), NOW)


def test_what_the_mails_of_an_occasion_share_is_stored_once_and_removed_in_time(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        many = [mail(f"reader{number}@example.org", b"\x00\xff" * 50_000) for number in range(20)]
        other = mail("other@example.org", b"another text\r\n\r\nof two parts")
        assert len(store.enqueue([*many, other])) == 21
        assert [one.message for one in store.messages()] == sorted([*many, other], key=lambda one: one.id)

        def stored() -> int:
            sizes = "SELECT coalesce(sum(length(body)), 0) FROM"
            return sum(int(str(backend.execute(url, f"{sizes} {t}")[0][0])) for t in ("message", "shared_body"))

        assert stored() < 102_000
        for message in many[1:]:
            store.mark_sent(message.id, NOW + HOUR)
        store.mark_failed(other.id, NOW + HOUR, "550 no such user", None)
        store.forget_bodies(NOW + HOUR)
        assert stored() > 100_000, "not yet"
        store.forget_bodies(NOW + DAY)
        assert [one.message for one in store.due_messages(NOW)] == [many[0]], "what waits keeps its body"
        store.mark_sent(many[0].id, NOW + HOUR)
        store.forget_bodies(NOW + DAY)
        assert stored() == 0
        assert store.enqueue([*many, other]) == (), "that they were sent stays known"


def test_one_of_all_who_try_to_send_a_message_gets_it(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store, backend.open(url) as other:
        store.enqueue([letter()])
        (mine,), (theirs,) = store.due_messages(NOW), other.due_messages(NOW)
        assert store.claim_message(mine, "1 here", NOW + HOUR)
        assert not other.claim_message(theirs, "2 there", NOW + HOUR)
        assert not other.claim_message(mine, "2 there", NOW + HOUR)
        assert other.due_messages(NOW) == ()
        other.release_messages(lambda by: by == "2 there", NOW)
        assert other.due_messages(NOW) == (), "who has it is at it"
        (late,) = other.due_messages(NOW + HOUR)
        assert late.claimed_by == "1 here"
        assert other.claim_message(late, "2 there", NOW + 2 * HOUR)
        other.release_messages(lambda by: by == "2 there", NOW)
        (again,) = store.due_messages(NOW)
        assert (again.claimed_by, again.attempts) == (None, 0)
        store.mark_sent(again.message.id, NOW)
        assert not store.claim_message(again, "1 here", NOW + HOUR)


# What is remembered of watching


def test_where_the_rules_stand_is_kept_for_each_domain(store: Store) -> None:
    assert store.alert_state("vision") is None
    state = {"rules": {"hardly \x00 agree": {"active": True, "streak": 2, "last": None}}}
    store.put_alert_state("vision", state, NOW)
    store.put_alert_state("language", {}, NOW)
    assert store.alert_state("vision") == state
    store.put_alert_state("vision", {"rules": {}}, NOW)
    assert store.alert_state("vision") == {"rules": {}}
    assert store.alert_state("language") == {}


def test_findings_are_kept_once_and_read_by_period_and_domain(store: Store) -> None:
    vision = store.add(BOARD, BODY, NOW).id
    tree = BenchmarkTree(
        tuple(
            replace(node, type_id=_in_language(node.type_id), parent=_in_language(node.parent))
            for node in small_tree().nodes
        )
    )
    other = snapshot_of(tree, [[0.5] * 7], domain="language")
    language = store.add(other, snapshot_bytes(other), NOW).id
    found = (finding(vision), finding(vision, "models", NOW + HOUR), finding(language))
    assert store.add_findings(found) == found
    assert store.add_findings([finding(vision, at=NOW + DAY)]) == ()
    assert store.findings("vision") == found[:2]
    assert store.findings() == (found[0], found[2], found[1])
    assert store.findings("vision", since=NOW + MINUTE) == (found[1],)
    assert store.findings("vision", until=NOW + HOUR) == (found[0],)


def test_an_alarm_is_put_in_place_of_what_was_known(store: Store) -> None:
    assert store.alarm("pull vision") is None
    alarm = Alarm("pull vision", 1, NOW, NOW, None, "no answer \ud800")
    store.put_alarm(alarm)
    store.put_alarm(Alarm("delivery", 3, NOW, NOW + HOUR, NOW + HOUR, "refused"))
    assert store.alarm("pull vision") == alarm
    again = Alarm("pull vision", 2, NOW, NOW + HOUR, NOW + HOUR, "no answer")
    store.put_alarm(again)
    assert [known.name for known in store.alarms()] == ["delivery", "pull vision"]
    assert store.alarm("pull vision") == again
    store.clear_alarm("pull vision")
    assert store.alarm("pull vision") is None


# All together or not at all


def test_a_transaction_commits_all_of_it(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store, backend.open(url) as other:
        with store.transaction() as inside:
            number = inside.add(BOARD, BODY, NOW).id
            assert inside.snapshot(number) == BOARD, "what was written is read"
            assert inside.latest(BOARD.domain) == inside.info(number)
            inside.put_alert_state("vision", {"schema": 1}, NOW)
            inside.add_findings([finding(number)])
            inside.enqueue([letter()])
            inside.put_alarm(Alarm("pull", 1, NOW, NOW, None, ""))
            with inside.transaction() as further:
                further.enqueue([letter("b")])
            assert inside.check() == []
            assert (other.snapshots(), other.messages(), other.findings()) == ((), (), ())
        assert other.snapshot(number) == BOARD
        assert len(other.messages()) == 2
        assert other.alert_state("vision") == {"schema": 1}
        assert other.findings() == (finding(number),)
        assert other.alarm("pull") is not None


def broken_transaction(store: Store, snapshot_id: int | None = None) -> None:
    with store.transaction() as inside:
        number = inside.add(BOARD, BODY, NOW).id
        inside.put_alert_state("vision", {"schema": 1}, NOW)
        inside.enqueue([letter()])
        inside.add_findings([finding(number if snapshot_id is None else snapshot_id)])
        raise ZeroDivisionError


@pytest.mark.parametrize(("snapshot_id", "error"), [(None, ZeroDivisionError), (7, StoreError)])
def test_a_transaction_that_fails_leaves_nothing(store: Store, snapshot_id: int | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        broken_transaction(store, snapshot_id)
    assert (store.snapshots(), store.pulls(), store.messages(), store.findings()) == ((), (), (), ())
    assert store.alert_state("vision") is None
    with store.transaction() as inside:
        inside.enqueue([letter()])
    assert len(store.messages()) == 1


def test_a_number_that_was_rolled_back_is_not_taken_for_the_board_that_has_it_now(store: Store) -> None:
    def add_and_fail() -> None:
        with store.transaction() as inside:
            number = inside.add(BOARD, BODY, NOW).id
            assert inside.snapshot(number) == BOARD
            raise ZeroDivisionError

    other = snapshot_of(small_tree(), [[0.25, 0.25, "X", 0.75, "", 0.125, 0.5]])
    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert store.snapshot(store.add(other, snapshot_bytes(other), NOW).id) == other


def test_moments_have_a_zone(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    number = store.add(BOARD, BODY, NOW).id
    for refused in (
        lambda: store.enqueue([letter(at=naive)]),
        lambda: store.due_messages(naive),
        lambda: store.mark_sent("a", naive),
        lambda: store.postpone("a", naive),
        lambda: store.mark_failed("a", naive, "", None),
        lambda: store.put_alert_state("vision", {}, naive),
        lambda: store.add_findings([finding(number, at=naive)]),
        lambda: store.put_alarm(Alarm("a", 1, naive, NOW, None, "")),
    ):
        with pytest.raises(StoreError, match="without a time zone"):
            refused()
