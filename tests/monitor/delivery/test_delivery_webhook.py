"""Webhooks and notifications against real HTTP servers: signed, refused, redirected, stalled."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from brainalign_monitor.base.errors import DeliveryError
from brainalign_monitor.base.outgoing import Channel, Message
from brainalign_monitor.delivery import services as notify_module
from brainalign_monitor.delivery.composing import compose_alerts, compose_digest, compose_operator
from brainalign_monitor.delivery.messages import Subscriber
from brainalign_monitor.delivery.services import Service, post_webhook, send_notification
from brainalign_monitor.notify.channels import make_send
from tests.conftest import ROOT
from tests.monitor.delivery.conftest import ALERT, AT, LETTERHEAD, digest
from tests.monitor.delivery.test_delivery_mail import NOTE

SECRET = "the planted secret"


class Receiver:
    """Takes what is posted, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.endless = self.stalls = self.drips = False
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((self.path, dict(self.headers), body))
                while receiver.stalls:
                    time.sleep(0.02)
                while receiver.drips:
                    self.wfile.write(b"H")
                    time.sleep(0.02)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                while receiver.endless:
                    self.wfile.write(b"x" * 65536)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/{SECRET.replace(' ', '-')}"

    def close(self) -> None:
        self.endless = self.stalls = self.drips = False
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def message_for(channel: Channel, name: str = "lab") -> Message:
    (message,) = compose_alerts([ALERT], [Subscriber(channel, name)], LETTERHEAD, AT)
    return message


def now() -> datetime:
    return datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def failed(receiver: Receiver, **changes: object) -> DeliveryError:
    hook = replace(Service("lab", receiver.url, SECRET, timeout=5), **changes)  # type: ignore[arg-type]
    with pytest.raises(DeliveryError) as caught:
        post_webhook(hook, message_for(Channel.WEBHOOK), now)
    said = f"{caught.value} {caught.value.__cause__!r}"
    assert SECRET not in said
    assert "/hook" not in said
    return caught.value


def test_a_webhook_gets_signed_json(receiver):
    message = message_for(Channel.WEBHOOK)
    make_send(None, [Service("lab", receiver.url, SECRET)], [], now)(message)
    ((_, headers, body),) = receiver.posts
    assert body == message.body
    assert headers["Content-Type"] == "application/json"
    assert headers["X-BrainAlign-Id"] == message.id
    assert headers["X-BrainAlign-Timestamp"] == str(int(now().timestamp()))
    signed = headers["X-BrainAlign-Timestamp"].encode() + b"." + body
    assert (
        headers["X-BrainAlign-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    )
    record = json.loads(body)
    assert record["schema"] == 3
    assert record["kind"] == "alert"
    assert record["id"] == message.id
    (alert,) = record["alert"]["alerts"]
    assert alert["state"] == "firing"
    assert alert["figure"]["now"] == 83.0


def test_without_a_secret_there_is_no_signature(receiver):
    post_webhook(Service("lab", receiver.url), message_for(Channel.WEBHOOK), now)
    assert "X-BrainAlign-Signature" not in receiver.posts[0][1]


def test_the_documented_snippet_verifies_it(receiver):
    post_webhook(Service("lab", receiver.url, SECRET), message_for(Channel.WEBHOOK), now)
    _, headers, body = receiver.posts[0]
    page = (ROOT / "docs/delivery.md").read_text(encoding="utf-8")
    snippet = next(code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "hmac" in code)
    names: dict[str, object] = {}
    exec(snippet, names)
    genuine = names["genuine"]
    at = now().timestamp()
    assert genuine(SECRET, headers, body, at + 10)
    assert not genuine(SECRET, headers, body + b" ", at)
    assert not genuine("another", headers, body, at)
    assert not genuine(SECRET, headers, body, at + 3600), "sent again by somebody who listened"
    assert not genuine(SECRET, {**headers, "X-BrainAlign-Timestamp": str(int(at + 3600))}, body, at + 3600)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_is_one(receiver, status):
    receiver.status = status
    post_webhook(Service("lab", receiver.url), message_for(Channel.WEBHOOK), now)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (400, 401, 404, 410, 413)),
        *((status, False) for status in (408, 425, 429, 500, 502, 503)),
    ],
)
def test_a_refusal_is_for_good_and_a_failure_may_pass(receiver, status, permanent):
    receiver.status = status
    error = failed(receiver)
    assert error.permanent is permanent
    assert str(error) == f"the webhook 'lab' at 127.0.0.1 answered {status}"


@pytest.mark.parametrize(("asked", "wait"), [("120", 120.0), ("soon", None), ("-1", None)])
def test_a_receiver_may_ask_for_a_pause(receiver, asked, wait):
    receiver.status, receiver.headers = 429, {"Retry-After": asked}
    assert failed(receiver).retry_after == wait


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    receiver.status, receiver.headers = status, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    assert "redirect" in str(failed(receiver))
    assert len(receiver.posts) == 1


def test_an_endless_answer_is_not_read(receiver):
    receiver.endless = True
    post_webhook(Service("lab", receiver.url), message_for(Channel.WEBHOOK), now)


def test_a_receiver_that_stalls_does_not_hold_the_monitor(receiver):
    receiver.stalls = True
    error = failed(receiver, timeout=0.2)
    assert "no answer within 0.2 s" in str(error)
    assert not error.permanent


def test_a_receiver_that_drips_meets_the_deadline(receiver):
    receiver.drips = True
    error = failed(receiver, deadline=0.4)
    assert "not finished within 0.4 s" in str(error)
    assert not error.permanent


def test_nobody_there_may_pass(receiver):
    receiver.close()
    assert not failed(receiver).permanent


def test_a_webhook_that_is_no_longer_configured_is_given_up(receiver):
    for channel in (Channel.WEBHOOK, Channel.NOTIFY):
        with pytest.raises(DeliveryError, match="of this name is configured any more for 'lab'") as caught:
            make_send(None, [], [], now)(message_for(channel))
        assert caught.value.permanent


def test_tokens_are_no_part_of_what_a_webhook_looks_like():
    assert "planted" not in repr(Service("lab", f"https://x.example/{SECRET}", SECRET))
    assert "planted" not in repr(Service("lab", f"slack://{SECRET}"))


def test_every_kind_has_its_record():
    hook = [Subscriber(Channel.WEBHOOK, "lab", operator=True)]
    (told,) = compose_digest(digest(), hook, LETTERHEAD, AT)
    record = json.loads(told.body)
    assert record["digest"]["name"] == "2026-W48"
    assert record["digest"]["figures"][1]["now_interval"] == [0.17, 0.21]
    assert record["digest"]["alerts"][0]["rule"] == "complete models fell"
    (note,) = compose_operator(NOTE, hook, LETTERHEAD, AT)
    assert json.loads(note.body)["operator"]["facts"] == {"source": "x"}


def service(receiver: Receiver, path: str = "") -> Service:
    return Service("chat", f"json://127.0.0.1:{receiver.port}/{path or SECRET.replace(' ', '-')}", timeout=5)


def test_a_notification_arrives_through_apprise(receiver):
    message = message_for(Channel.NOTIFY, "chat")
    make_send(None, [], [service(receiver)], now)(message)
    ((_, _, body),) = receiver.posts
    record = json.loads(body)
    assert record["title"] == message.subject
    assert record["message"].startswith("complete models fell is firing")
    assert record["message"].endswith("https://lab.example/brainalign/")


MENTIONS = ("@everyone", "x@here", "@room", "@channel", "<!channel>", "<@U123>", "<@&42>", "\uff20everyone", "@reader")


@pytest.mark.parametrize("mention", MENTIONS)
def test_a_name_that_is_a_mention_calls_nobody_in_a_chat(receiver, mention):
    alert = replace(ALERT, rule=mention, words=f"{mention} fell to 0.1 < 0.2 <{mention}")
    (message,) = compose_alerts([alert], [Subscriber(Channel.NOTIFY, "chat")], LETTERHEAD, AT)
    make_send(None, [], [service(receiver)], now)(message)
    record = json.loads(receiver.posts[0][2])
    for text in (record["title"], record["message"]):
        assert mention not in text
        assert mention in text.replace("\u200b", ""), "it looks the same"
    (hook,) = compose_alerts([alert], [Subscriber(Channel.WEBHOOK, "lab")], LETTERHEAD, AT)
    assert mention in json.loads(hook.body)["subject"], "a program gets the name as it is"
    (note,) = compose_operator(
        replace(NOTE, words="to reader@lab.example"),
        [Subscriber(Channel.NOTIFY, "chat", operator=True)],
        LETTERHEAD,
        AT,
    )
    assert b"reader@lab.example" in note.body, "an address can be copied"


def test_a_service_that_refuses_is_told_without_its_tokens(receiver, capfd, caplog):
    receiver.status = 403
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError) as caught:
        send_notification(service(receiver), message_for(Channel.NOTIFY))
    assert str(caught.value) == "the service of the notification 'chat' answered 403"
    assert not caught.value.permanent
    written = capfd.readouterr()
    assert written.out + written.err == ""


def test_a_service_that_is_not_there_is_told(receiver, capfd):
    receiver.close()
    with pytest.raises(DeliveryError, match="could not be reached"):
        send_notification(service(receiver), message_for(Channel.NOTIFY))
    assert capfd.readouterr().err == ""


def test_an_address_that_apprise_does_not_know_is_told(capfd):
    with pytest.raises(DeliveryError, match="none that apprise knows; correct its url") as caught:
        send_notification(Service("chat", f"nothing://{SECRET}"), message_for(Channel.NOTIFY))
    assert SECRET not in str(caught.value)
    assert SECRET not in capfd.readouterr().err


def test_without_the_extra_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setattr(notify_module, "apprise_is_there", lambda: False)
    with pytest.raises(DeliveryError, match=r"pip install 'apprise>=2\.3'") as caught:
        send_notification(Service("chat", "slack://x"), message_for(Channel.NOTIFY))
    assert not caught.value.permanent, "it goes out once it is installed"
