"""Rows of the table on messages and requests: lost locks, unexpected errors, Ctrl-C, slow clients, drips."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import sqlalchemy as sa

from brainalign_monitor.base.outgoing import Channel, Kind, Message, message_id
from brainalign_monitor.config.schedule import parse_schedule
from brainalign_monitor.notify.outbox import Alarms, drain
from brainalign_monitor.operations.pull import open_home
from tests.commands import environment
from tests.monitor.faults.daemons import _daemon, _finished, _until
from tests.monitor.faults.driver import Stage, now
from tests.monitor.faults.harness import READER, Patient, Row, patient, stages_of_a_run, where
from tests.monitor.faults.scenarios import Toll, _hurt, _lost
from tests.monitor.test_slots import LINES, ZONES, by_the_rule, changes_of
from tests.postgres import with_driver

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def letters(occasion: str, count: int, at: datetime, body: bytes = b"News") -> list[Message]:
    """Mails to readers of their own, made a moment after each other."""
    found = []
    for number in range(count):
        to = f"reader{number}@lab.example"
        name = message_id(Channel.MAIL, Kind.DIGEST, to, occasion)
        head = f"From: monitor@lab.example\r\nTo: {to}\r\nMessage-ID: <{name}>\r\nSubject: {occasion}\r\n\r\n"
        moment = at + timedelta(microseconds=number)
        found.append(Message(name, Channel.MAIL, Kind.DIGEST, to, occasion, head.encode() + body, moment))
    return found


def waiting(at: str, time_of_it: int, begun: Path, until: Path) -> Stage:
    """Stages of which one says by a file that it has begun for the first, second, ... time, and lasts until another."""
    left = time_of_it

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        nonlocal left
        left -= text.startswith(at)
        if text.startswith(at) and left == 0:
            begun.touch()
            _until(until.exists, 60)
        yield

    return stage


def _account(one: Patient, wrong: Sequence[str]) -> tuple[int, str]:
    """Say how many messages were not sent exactly once, and what else was wrong."""
    queued, mails = [str(row[0]) for row in one.rows("SELECT id FROM message")], one.mails()
    never, twice = sum(not mails[name] for name in queued), sum(mails[name] > 1 for name in queued)
    unsent = one.count("message WHERE state != 'sent'")
    wrong = [*wrong, *one.damage()]
    words = f"{len(queued)} messages sent, none of them twice"
    lost = never + twice + unsent + len(wrong)
    return lost, words if not lost else f"{never=} {twice=} {unsent=} {wrong[:3]}"


# Where a run that loses its lock is at that moment.
LOSING = (("sending to", 1), ("sending to", 3), ("noting what was sent", 2), ("writing the report", 1))


def lost_lock(folder: Path, tries: int, store: str) -> Row:
    """The session that holds the lock of a PostgreSQL store ends, as in a failover, and another run takes the lock."""
    with patient(folder, store) as one:
        one.next_board()
        one.complete()
        wrong = []
        for number in range(tries):
            one.next_board()
            with open_home(one.settings) as opened:
                opened.enqueue(letters(f"try {number}", 4, now()))
            begun, go = folder / f"begun {number}", folder / f"go {number}"
            child = one.start(waiting(*LOSING[number % len(LOSING)], begun, go))
            if not _until(begun.exists, 60):
                wrong.append(f"try {number} did not begin")
            with sa.create_engine(with_driver(store), poolclass=sa.NullPool).connect() as database:
                database.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND application_name LIKE 'brainalign run%%'"
                )
            one.complete()
            go.touch()
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 6:
                wrong.append(f"try {number} went on without its lock")
            one.complete()
        lost, found = _account(one, wrong)
        return Row(
            "the session of the lock ends while a run works, and another run takes over (PostgreSQL)",
            tries,
            lost,
            found,
        )


def unexpected_errors(folder: Path, tries: int, store: str = "") -> Row:
    """A fault of ours, or of a library, at one message of several; a minute later it is gone."""

    def broken() -> None:
        send = smtplib.SMTP.sendmail

        def fails(server: Any, sender: str, to: list[str], *given: Any, **named: Any) -> Any:
            if to == [READER]:
                raise UnicodeError("label empty or too long")
            return send(server, sender, to, *given, **named)

        smtplib.SMTP.sendmail = fails  # type: ignore[method-assign]

    with patient(folder, store) as one:
        one.next_board()
        one.complete()
        wrong = []
        for number in range(tries):
            one.next_board()
            with open_home(one.settings) as opened:
                opened.enqueue(letters(f"try {number}", 3, now() + one.ahead))
            before = sum(one.mails().values())
            if one.run(hurt=broken) != 0:
                wrong.append(f"run {number} failed: {one.errors}")
            if sum(one.mails().values()) != before + 3:
                wrong.append(f"the others of {number} were not sent")
            one.ahead += timedelta(minutes=2)
            one.complete()
        lost, found = _account(one, wrong)
        return Row(f"an unexpected error at one message of four{where(store)}", tries, lost, found)


def interrupted(folder: Path, tries: int, store: str = "") -> Row:
    """Ctrl-C as a stage of a run begins; it is no failure, and the next run completes what was begun."""
    with patient(folder, store) as one:
        stages = stages_of_a_run(one)
        survived, toll = 0, Toll()
        for number in range(tries):
            name, time_of_it = stages[number % len(stages) if tries >= len(stages) else number * len(stages) // tries]
            one.next_board()
            status = _hurt(one, toll, lambda name=name, at=time_of_it: one.run(_interrupting(name, at)))
            survived += status == 0
            toll.may_double += name == "noting what was sent"
            toll.wrong += [f"Ctrl-C at {name!r} is a failure" for _ in one.rows("SELECT 1 FROM alarm")]
        toll.wrong += [f"{row[0]}" for row in one.rows("SELECT message FROM run WHERE state = 'failed'")]
        lost, found = _lost(one, toll)
        return Row(
            f"Ctrl-C as each of the {len(stages)} stages of a run begins{where(store)}",
            tries,
            lost + survived,
            f"no failure is counted; {found}",
        )


def _interrupting(at: str, time_of_it: int) -> Stage:
    left = time_of_it

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        nonlocal left
        left -= text == at
        if text == at and left == 0:
            # It is ignored in a process that a shell put into the background.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signal.SIGINT)
        yield

    return stage


def slow_clients(folder: Path, clients: int, slots: int = 5) -> Row:
    """Clients at the health port that send a byte now and then, while slots are done every second."""
    with patient(folder, publishes=False) as one, ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        one.next_board()
        given = {"schedule__pull": "every 1s", "schedule__jitter_seconds": 0, "health__port": port}
        process = stack.enter_context(_daemon(folder / "serve.log", environment(home=one.home, **given)))
        try:
            began = _until(lambda: _finished(one) >= 2)
            quiet = _threads(process.pid)
            for _ in range(clients):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                threading.Thread(target=_drip, args=(client, b"G"), daemon=True).start()
            before, most, answered = _finished(one), 0, 0
            for _ in range(slots):
                answered += _answers(port)
                most = max(most, _threads(process.pid) - quiet)
            went_on = _until(lambda: _finished(one) >= before + slots, 60)
            process.send_signal(signal.SIGTERM)
            code = process.wait(70)
        finally:
            process.kill()
        # Eight, and one or two of the work itself.
        lost = (not began) + (slots - answered) + (not went_on) + (most > 12) + (code != 0) + len(one.damage())
        found = f"answered all the while, slots done, at most {most} more threads"
        return Row(
            "slow clients at the health port",
            clients,
            lost,
            found if not lost else f"{answered=} {went_on=} {most=} {code=}",
        )


def _drip(client: socket.socket, byte: bytes) -> None:
    with suppress(OSError):
        while True:
            client.sendall(byte)
            time.sleep(0.2)


def _threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
            return bool(answer.status == 200)
    except HTTPError as answer:
        return answer.code == 503
    except OSError:
        return False


def dripping_heartbeat(folder: Path, tries: int) -> Row:
    """A heartbeat service that drips; the run ends in time, and its lock is free while it waits."""
    with patient(folder, publishes=False) as one, socket.create_server(("127.0.0.1", 0)) as service:
        visits: list[bytes] = []
        threading.Thread(target=_take_calls, args=(service, visits.append), daemon=True).start()
        plain = one.settings
        health = plain.health.model_copy(update={"heartbeat_url": _secret(service.getsockname()[1])})
        late, held = 0, 0
        for _ in range(tries):
            one.next_board()
            one.settings = plain.model_copy(update={"health": health})
            told, began = len(visits), time.monotonic()
            child = one.start()
            _until(lambda told=told: len(visits) >= told + 2, 60)
            one.settings = plain
            one.boards -= 1
            one.next_board()
            held += one.run() != 0
            os.waitpid(child, 0)
            late += time.monotonic() - began > 40
        wrong = [b"/start" not in visit for visit in visits[::2]]
        lost = late + held + sum(wrong) + len(one.damage())
        return Row(
            "a heartbeat service that drips",
            tries,
            lost,
            "begin and end are reported, each within ten seconds; another run works meanwhile"
            if not lost
            else f"{late=} {held=} {wrong=}",
        )


def _secret(port: int) -> Any:
    """An address of the loopback as settings hold it."""
    from pydantic import SecretStr

    return SecretStr(f"http://127.0.0.1:{port}/ping")


def _take_calls(service: socket.socket, seen: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while True:
            client, _ = service.accept()
            seen(client.recv(200))
            threading.Thread(target=_drip, args=(client, b"H"), daemon=True).start()


def every_line(_folder: Path, zones: Sequence[str] = ()) -> Row:
    """Every cron line of the tests whenever a zone sets its clock, compared with the documented rule."""
    tries = wrong = 0
    for year, names in ZONES.items():
        for name in names:
            if zones and name not in zones:
                continue
            for change, walls in changes_of(year, name):
                first, last = change - DAY - HOUR, change + DAY
                for line in LINES:
                    expected = [slot for slot in by_the_rule(line, walls) if first < slot <= last]
                    tries += 1
                    wrong += list(parse_schedule(line, name).slots(first, last)) != expected
    return Row(
        "cron lines in every night in which a zone sets its clock",
        tries,
        wrong,
        "due as the rule says, minute by minute",
    )


def a_year_of_digests(folder: Path, weeks: int, readers: int = 20, store: str = "") -> Row:
    """Digests of 300 kB to many readers, week after week; their texts are stored once, and for a month."""
    with patient(folder, store, publishes=False) as one, open_home(one.settings) as opened:
        start, sent, nobody = datetime(2026, 1, 5, 7, tzinfo=UTC), [], Alarms(3, lambda *_: ())
        for week in range(weeks):
            moment = start + timedelta(weeks=week)
            opened.enqueue(letters(f"week {week}", readers, moment, os.urandom(300_000)))
            drain(opened, lambda message: sent.append(message.id), lambda at=moment: at + HOUR, nobody)
            opened.forget_bodies(moment - timedelta(days=30))
        kept = sum(
            int(str(one.rows(f"SELECT coalesce(sum(length(body)), 0) FROM {t}")[0][0]))
            for t in ("message", "shared_body")
        )
        lost = abs(weeks * readers - len(set(sent))) + len(sent) - len(set(sent)) + (kept > 5 * 300_000 + 500_000)
        return Row(
            f"weekly digests of 300 kB to {readers} readers{where(store)}",
            weeks * readers,
            lost,
            f"each sent once; {kept / 1e6:.1f} MB of texts are kept after {weeks} weeks",
        )
