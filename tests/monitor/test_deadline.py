"""One deadline for whatever blocks: a host with many dead addresses, a drip, a resolver, a service behind a library."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from brainalign_monitor.base.deadline import OverdueError, within
from brainalign_monitor.base.errors import DeadlineError, DeliveryError
from brainalign_monitor.base.outgoing import Channel, Kind, Message
from brainalign_monitor.delivery.mail import MailServer, send_mail
from brainalign_monitor.delivery.services import Service, apprise_is_there, beat, post_webhook, send_notification
from brainalign_monitor.sources.fetching import fetch_body
from brainalign_monitor.sources.payload import FetchLimits

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MESSAGE = Message("1@brainalign", Channel.MAIL, Kind.ALERT, "a@lab.example", "News", b"To: a\r\n\r\nNews", NOW)


def fetched(host: str, port: int) -> None:
    limits = FetchLimits(timeout=2, deadline=1, attempts=3, wait_initial=0, wait_jitter=0)
    with pytest.raises(DeadlineError, match="did not finish within 1 s"):
        fetch_body(f"http://{host}:{port}/", received_at=NOW, limits=limits)


def posted(host: str, port: int) -> None:
    hook = Service("lab", f"http://{host}:{port}/canary-31", timeout=2, deadline=1)
    with pytest.raises(DeliveryError, match=f"at {host} cannot be reached: not finished within 1 s"):
        post_webhook(hook, MESSAGE, lambda: NOW)


def called(host: str, port: int) -> None:
    assert not beat(f"http://{host}:{port}/canary-31", seconds=1)


def mailed(host: str, port: int) -> None:
    server = MailServer(host, port, "none", sender="b@lab.example", timeout=2, deadline=1)
    with pytest.raises(DeliveryError, match="did not finish within 1 s"):
        send_mail(server, MESSAGE)


def notified(host: str, port: int) -> None:
    if not apprise_is_there():
        pytest.skip("apprise is not installed")
    service = Service("chat", f"json://{host}:{port}/canary-31", timeout=2, deadline=1)
    with pytest.raises(DeliveryError, match="did not accept it: not finished within 1 s"):
        send_notification(service, MESSAGE)


ERRANDS = [fetched, posted, called, mailed, notified]


@contextmanager
def dripping():
    """A server that sends a byte now and then, for ever."""

    def drip(connection):
        with connection:
            try:
                while True:
                    connection.sendall(b"2")
                    time.sleep(0.2)
            except OSError:
                return

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def promptly(errand, host, port):
    began = time.monotonic()
    errand(host, port)
    assert time.monotonic() - began < 4


@contextmanager
def deaf():
    """An address that answers no handshake, because its queue is full and nobody takes from it."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.parametrize("errand", ERRANDS)
def test_a_host_with_eight_dead_addresses_keeps_the_deadline(errand, monkeypatch):
    found = socket.getaddrinfo

    def eight_times(_, *given, **named):
        return found("127.0.0.1", *given, **named)[:1] * 8

    monkeypatch.setattr(socket, "getaddrinfo", eight_times)
    with deaf() as port:
        promptly(errand, "dead.example", port)


@pytest.mark.parametrize("errand", ERRANDS)
def test_a_name_that_is_looked_up_for_long_keeps_the_deadline(errand, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(20))
    promptly(errand, "slow.example", 80)


@pytest.mark.parametrize("errand", ERRANDS[:-1])
def test_a_server_that_drips_keeps_the_deadline(errand):
    with dripping() as port:
        promptly(errand, "127.0.0.1", port)


def test_what_ends_in_time_is_as_without_a_deadline():
    assert within(5, lambda _: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda _: 1 // 0)
    with pytest.raises(OverdueError, match=r"within 0\.05 s"):
        within(0.05, lambda _: time.sleep(5))
