"""Mails over real sockets: encrypted, logged in, refused, dropped at every step, stalled."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from brainalign_monitor.base.errors import DeliveryError
from brainalign_monitor.base.outgoing import Channel, Message
from brainalign_monitor.delivery.composing import compose_alerts
from brainalign_monitor.delivery.mail import MailServer, send_mail
from brainalign_monitor.delivery.messages import Subscriber
from brainalign_monitor.notify.channels import make_send
from tests.monitor.delivery.conftest import ALERT, AT, LETTERHEAD
from tests.monitor.delivery.mail_host import PASSWORD, USER, MailHost, mail_host, make_certificates


def message_to(*addresses: str) -> list[Message]:
    people = [Subscriber(Channel.MAIL, address) for address in addresses]
    return compose_alerts([ALERT], people, LETTERHEAD, AT)


(MESSAGE,) = message_to("reader@lab.example")


def server_of(host: MailHost, security: str = "none", **changes: object) -> MailServer:
    server = MailServer("127.0.0.1", host.port, security, sender=LETTERHEAD.sender, timeout=5)
    return replace(server, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain():
    with mail_host(login=True) as host:
        yield host


@pytest.fixture(scope="module")
def starttls(certificates):
    with mail_host(certificates) as host:
        yield host


@pytest.fixture(scope="module")
def tls(certificates):
    with mail_host(certificates, tls=True) as host:
        yield host


@pytest.fixture(autouse=True)
def _forget(request):
    yield
    for name in ("plain", "starttls", "tls"):
        if name in request.fixturenames:
            host = request.getfixturevalue(name)
            host.answers.clear()
            host.taken.clear()
            host.steps.clear()


def failed(server: MailServer, message: Message = MESSAGE) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send_mail(server, message)
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_over_an_encrypted_connection_with_a_login(certificates, starttls, tls, security):
    host = starttls if security == "starttls" else tls
    server = server_of(host, security, user=USER, password=PASSWORD, certificates=certificates.trusted)
    send_mail(server, MESSAGE)
    assert [to for to, _ in host.taken] == ["reader@lab.example"]
    assert host.mails[0]["Message-ID"].startswith(f"<{MESSAGE.id.partition('@')[0]}@")
    assert host.taken[0][1] == MESSAGE.body, "as it was composed, byte for byte"
    assert host.steps[-1] == "QUIT"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_gets_neither_mail_nor_password(starttls, tls, security):
    host = starttls if security == "starttls" else tls
    error = failed(server_of(host, security, user=USER, password=PASSWORD))
    assert "is not trusted" in str(error)
    assert not error.permanent
    assert (host.taken, "AUTH" in host.steps) == ([], False)


def test_a_certificate_of_another_host_is_not_trusted(tmp_path):
    with mail_host(make_certificates(tmp_path, "mail.lab.example"), tls=True) as host:
        trusting = server_of(host, "tls", certificates=tmp_path / "trusted.pem")
        assert "is not trusted: IP address mismatch" in str(failed(trusting))
    assert host.taken == []


def test_certificates_that_cannot_be_read_are_named(starttls, tmp_path):
    error = failed(server_of(starttls, "starttls", certificates=tmp_path / "none.pem"))
    assert "none.pem" in str(error)
    assert "correct mail.certificates" in str(error)


def test_a_server_without_starttls_gets_no_mail(plain):
    error = failed(server_of(plain, "starttls", user=USER, password=PASSWORD))
    assert "offers no STARTTLS" in str(error)
    assert (plain.taken, "AUTH" in plain.steps) == ([], False)


def test_starttls_that_is_refused_is_not_skipped(certificates, starttls):
    starttls.answers["STARTTLS"] = "454 TLS not available"
    error = failed(server_of(starttls, "starttls", certificates=certificates.trusted))
    assert not error.permanent
    assert starttls.taken == []


def test_a_wrong_password_is_told_and_not_repeated(plain):
    error = failed(server_of(plain, user=USER, password="another planted secret"))
    assert "refused the login of 'monitor' (535); correct mail.user and mail.password" in str(error)
    assert not error.permanent, "the mail waits until the password is right"
    assert "another planted secret" not in repr(error) + repr(error.__cause__)
    assert error.__suppress_context__


def test_a_password_is_no_part_of_what_a_server_looks_like():
    server = MailServer("h", 1, "tls", "u", "the planted secret")
    assert "planted" not in repr(server)


def test_a_password_that_cannot_be_sent_is_told(plain):
    error = failed(server_of(plain, user=USER, password="geheimnißvoll"))
    assert "ASCII" in str(error)
    assert "geheim" not in str(error)


def test_a_server_without_a_login_is_told():
    with mail_host(login=False) as host:
        error = failed(server_of(host, user=USER, password=PASSWORD))
    assert "offers no login" in str(error)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 450, 451, 452, 500, 550, 554])
def test_4xx_may_pass_and_5xx_is_for_good(plain, step, code):
    plain.answers[step] = f"{code} said so"
    error = failed(server_of(plain))
    assert error.permanent is (code >= 500)
    assert f"{code} said so" in str(error)
    assert plain.taken == []


def test_each_recipient_is_told_apart(plain):
    plain.answers["RCPT gone@lab.example"] = "550 no such user"
    plain.answers["RCPT full@lab.example"] = "452 mailbox full"
    ended, told = {}, []
    send = make_send(server_of(plain), [], [], lambda: AT)
    for message in message_to("here@lab.example", "gone@lab.example", "full@lab.example", "too@lab.example"):
        try:
            send(message)
            ended[message.recipient] = "sent"
        except DeliveryError as error:
            ended[message.recipient] = "for good" if error.permanent else "may pass"
            told.append(str(error))
    assert list(ended.values()) == ["sent", "for good", "may pass", "sent"]
    assert "gone@lab.example: 550 no such user" in told[0]
    assert "full@lab.example: 452 mailbox full" in told[1]
    assert [to for to, _ in plain.taken] == ["here@lab.example", "too@lab.example"]


def test_what_a_server_says_cannot_drive_a_terminal(plain):
    plain.answers["RCPT"] = "550 \x1b[31mred\x07"
    assert "\x1b" not in str(failed(server_of(plain)))


@pytest.mark.parametrize("step", ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"])
def test_a_connection_that_is_dropped_may_come_back(certificates, starttls, step):
    starttls.answers[step] = "drop"
    server = server_of(starttls, "starttls", user=USER, password=PASSWORD, certificates=certificates.trusted)
    assert not failed(server).permanent
    assert starttls.steps[-1] == step
    starttls.answers.clear()
    send_mail(server, MESSAGE)
    names = {mail["Message-ID"] for mail in starttls.mails}
    assert {name.partition("@")[0] for name in names} == {f"<{MESSAGE.id.partition('@')[0]}"}, (
        "a reader can tell that it is the same"
    )
    # Dropped after the mail was there: it comes a second time, rather than not at all.
    assert len(starttls.taken) == (2 if step == "DATA" else 1)


def test_a_connection_that_is_dropped_after_the_mail_was_taken_is_a_success(plain):
    plain.answers["QUIT"] = "drop"
    send_mail(server_of(plain), MESSAGE)
    assert len(plain.taken) == 1


@contextmanager
def raw_server(speak):
    """A server of which each connection is handed to ``speak``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    speak(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        host = MailHost(port=listener.getsockname()[1])
        yield host
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"", "closed the connection"),
        (b"554 go away\r\n", "554 go away"),
        (b"HTTP/1.1 400 Bad\r\n", "cannot be|answered|closed"),
    ],
)
def test_a_greeting_that_is_none_may_pass(greeting, said):
    with raw_server(lambda connection: connection.sendall(greeting)) as host:
        error = failed(server_of(host))
    assert not error.permanent
    assert re.search(said, str(error))


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_stalls_does_not_hold_the_monitor(plain, step):
    plain.answers[step] = "stall"
    began = time.monotonic()
    error = failed(server_of(plain, timeout=0.3))
    assert time.monotonic() - began < 10
    assert "did not answer within 0.3 s" in str(error)
    assert not error.permanent
    assert plain.steps[-1] == step


def test_a_server_that_drips_meets_the_deadline():
    def drip(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"2")
                time.sleep(0.05)
        except OSError:
            return

    with raw_server(drip) as host:
        error = failed(server_of(host, timeout=5, deadline=0.5))
    assert "did not finish within 0.5 s" in str(error)


def test_nobody_there_may_pass():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failed(MailServer("127.0.0.1", port, "none", sender=LETTERHEAD.sender, timeout=2))
    assert "cannot be reached" in str(error)
    assert not error.permanent


def test_an_unknown_host_may_pass():
    error = failed(MailServer("nobody.invalid", 25, "none", sender=LETTERHEAD.sender, timeout=5))
    assert not error.permanent


def test_a_mail_for_which_no_server_is_configured_is_given_up():
    with pytest.raises(DeliveryError, match="no mail server is configured any more") as caught:
        make_send(None, [], [], lambda: AT)(MESSAGE)
    assert caught.value.permanent
