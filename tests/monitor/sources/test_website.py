"""The far side misbehaves in every way we could think of; each has its named failure, within the deadline."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.base.errors import (
    BodyTooLargeError,
    DeadlineError,
    EmptyPayloadError,
    HttpStatusError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    PrivateRedirectError,
    RateLimitedError,
    RedirectError,
    ServerError,
    SourceError,
    TruncatedPayloadError,
    UnreachableError,
    exit_code,
)
from brainalign_monitor.sources.dispatch import pull, shown_source
from brainalign_monitor.sources.fetching import fetch_body, payload_url, pull_website, retry_after, user_agent
from brainalign_monitor.sources.payload import FetchLimits
from brainalign_plugin import __version__
from brainalign_plugin.errors import InputError
from tests.monitor.sources.conftest import chunked, dripping, reply, silent
from tests.monitor.sources.samples import RECEIVED_AT, body_of, document

BODY = body_of(document())
QUICK = FetchLimits(
    timeout=1.0, deadline=4.0, attempts=3, wait_initial=0.01, wait_max=0.02, wait_jitter=0.0, max_bytes=100_000
)
ONCE = replace(QUICK, attempts=1)
IMPATIENT = replace(QUICK, timeout=0.1)
SHORT = replace(QUICK, timeout=0.2, deadline=0.3)


def ask(server, limits=QUICK, path="", **more):
    return pull_website(server.url + path, received_at=RECEIVED_AT, limits=limits, **more)


def failing(server, error, limits=QUICK, path="", match=None):
    """Assert that the pull fails with exactly this error, in time, naming the address and what to do next."""
    start = time.monotonic()
    with pytest.raises(error, match=match) as caught:
        ask(server, limits, path)
    assert time.monotonic() - start < limits.deadline + 10
    assert type(caught.value) is error
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert re.search(
        r"try again|fetch it again|check|raise the|give this|the site may|refuses this|is this the|is there a|open it",
        str(caught.value),
    )
    assert exit_code(caught.value) == (5 if issubclass(error, PayloadError) else 4)
    return caught.value


# --- what is read --------------------------------------------------------------------------------------------


def test_a_payload_is_fetched_and_read(server):
    server.answers = [reply(body=BODY)]
    pull = ask(server)
    assert pull.body == BODY
    assert pull.rejected == ()
    assert pull.snapshot.source == f"{server.url}/vision/compare/data/"
    assert pull.snapshot.as_of_time == datetime(2024, 1, 1, tzinfo=UTC)
    (request,) = server.requests
    assert request.startswith("GET /vision/compare/data/ HTTP/1.1\r\n")
    assert f"User-Agent: brainalign/{__version__} (" in request
    assert "Accept-Encoding: gzip\r\n" in request


@pytest.mark.parametrize(
    "answer",
    [
        reply(body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"}),
        reply(body=gzip.compress(BODY), headers={"Content-Encoding": "x-gzip"}),
        reply(body=BODY, headers={"Content-Encoding": "identity"}),
        reply(body=BODY, headers={"Content-Length": None}),
        reply(body=gzip.compress(BODY), headers={"Content-Encoding": "GZIP", "Content-Length": None}),
        chunked(BODY[:100], BODY[100:]),
        chunked(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n"),
    ],
    ids=["gzip", "x-gzip", "identity", "to the end", "gzip to the end", "chunked", "gzip chunked"],
)
def test_however_it_is_sent_the_body_is_the_same(server, answer):
    server.answers = [answer]
    assert ask(server).body == BODY


def test_a_packed_file_on_a_server_is_read_as_it_is(server):
    packed = gzip.compress(BODY)
    server.answers = [reply(body=packed, headers={"Content-Type": "application/gzip"})]
    assert ask(server, path="/mirror/2024.json.gz").body == packed
    assert server.requests[0].startswith("GET /mirror/2024.json.gz HTTP")


def test_a_bad_cell_does_not_fail_the_pull(server):
    what = document()
    what["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = "?"
    server.answers = [reply(body=body_of(what))]
    assert len(ask(server).rejected) == 1


@pytest.mark.parametrize(
    ("url", "domain", "expected"),
    [
        ("https://h.org", "vision", "https://h.org/vision/compare/data/"),
        ("https://h.org/", "language", "https://h.org/language/compare/data/"),
        ("https://h.org/vision", "vision", "https://h.org/vision/compare/data/"),
        ("https://h.org/vision/", "vision", "https://h.org/vision/compare/data/"),
        ("https://h.org/television", "vision", "https://h.org/television/vision/compare/data/"),
        ("http://h.org:8000/mirror//", "vision", "http://h.org:8000/mirror/vision/compare/data/"),
        ("https://h.org/?key=1#top", "vision", "https://h.org/vision/compare/data/?key=1"),
        ("https://h.org/x%2Fy/ü", "vision", "https://h.org/x%2Fy/%C3%BC/vision/compare/data/"),
        ("https://h.org/vision/compare/data", "language", "https://h.org/vision/compare/data"),
        ("https://h.org/vision/compare/data/?a=b#c", "vision", "https://h.org/vision/compare/data/?a=b"),
        ("https://h.org/a/board.json", "vision", "https://h.org/a/board.json"),
        ("https://h.org/a/board.JSON.GZ?v=2", "vision", "https://h.org/a/board.JSON.GZ?v=2"),
        ("https://h.org/a/boardjson", "vision", "https://h.org/a/boardjson/vision/compare/data/"),
    ],
)
def test_the_address_of_the_payload(url, domain, expected):
    assert payload_url(url, domain) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "www.brain-score.org",
        "ftp://h.org",
        "http://",
        "https:///vision",
        "http://[::1",
        "http://h:port/",
        "http://h:0/",
        "http://h:99999/",
        "http://exa mple/",
        "http://h.org/\n",
        "http://\ud800/",
        f"http://{'a' * 64}.org/",
        "http://a..b/",
        "javascript:alert(1)",
        "http:user:geheim@h",
        "http://user:gehe/im@h",
        "http://user:gehe?im@h",
        "http://user:gehe#im@h",
        "ftp://user:geheim@h/",
    ],
)
def test_what_is_no_web_address_is_an_input_error(url):
    with pytest.raises(InputError) as caught:
        fetch_body(url, received_at=RECEIVED_AT)
    assert exit_code(caught.value) == 8
    assert "give " in str(caught.value)
    assert "gehe" not in str(caught.value)
    str(caught.value).encode("utf-8")
    assert caught.value.__cause__ is None


def test_the_board_of_another_domain_is_refused_where_one_was_asked_for(server):
    server.answers = [reply(body=BODY)]
    with pytest.raises(PayloadShapeError, match="is the board of 'vision', but 'language' was requested"):
        ask(server, domain="language")
    assert ask(server, domain="language", path="/vision/compare/data/").snapshot.domain == "vision"


# --- answers other than 200 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 401, 403, 404, 408, 410, 418, 451])
def test_other_answers_end_it_at_once(server, status):
    page = b"" if status in (204, 304) else b"<html>no</html>"
    server.answers = [reply(status, page, headers={} if page else {"Content-Length": None})]
    error = failing(server, HttpStatusError, match=f"answered {status} ")
    assert len(server.requests) == 1
    assert (error.status, error.body, error.retry_after) == (status, page, None)


def test_server_errors_are_tried_again_until_the_last_attempt(server):
    server.answers = [reply(500, b"one"), reply(502, b"two"), reply(503, b"three")]
    error = failing(server, ServerError, match=r"answered 503 \(Service Unavailable\) at try 3 of 3")
    assert len(server.requests) == 3
    assert (error.status, error.body) == (503, b"three")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_a_passing_failure_is_no_failure(server, status):
    server.answers = [reply(status), reply(status), reply(body=BODY)]
    assert ask(server).body == BODY
    assert len(server.requests) == 3
    waits = [later - sooner for sooner, later in zip(server.times, server.times[1:], strict=False)]
    assert all(0.01 <= wait < 0.5 for wait in waits)


def in_seconds(seconds, zone="GMT"):
    moment = format_datetime(RECEIVED_AT + timedelta(seconds=seconds), usegmt=True)
    return {"Retry-After": moment.replace("GMT", zone), "Date": format_datetime(RECEIVED_AT, usegmt=True)}


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {"Retry-After": "1"}), (503, in_seconds(1))], ids=["seconds", "date"]
)
def test_retry_after_is_honoured(server, status, headers):
    server.answers = [reply(status, headers=headers), reply(body=BODY)]
    assert ask(server).body == BODY
    assert len(server.requests) == 2
    assert 0.99 <= server.times[1] - server.times[0] < 1.6


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": " 120 "}, 120),
        (in_seconds(90), 90),
        (in_seconds(90, "-0000"), 90),
        (in_seconds(90, "+0100"), 0),
        ({"Retry-After": in_seconds(90)["Retry-After"]}, 90),
        ({"Retry-After": in_seconds(90)["Retry-After"], "Date": "today"}, 90),
        # A server whose clock is an hour ahead of ours means the same ninety seconds.
        ({"Retry-After": in_seconds(3690)["Retry-After"], "Date": in_seconds(3600)["Retry-After"]}, 90),
        (in_seconds(-60), 0),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(headers, seconds):
    assert retry_after(httpx.Headers(headers), RECEIVED_AT) == seconds


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "3600"}, {"Retry-After": "9" * 5000}, in_seconds(3600), in_seconds(10**9)],
    ids=["hour", "for ever", "date", "date in decades"],
)
def test_a_wait_past_the_deadline_is_not_begun(server, headers):
    server.answers = [reply(429, headers=headers)]
    start = time.monotonic()
    error = failing(server, RateLimitedError, match=r"answered 429 \(Too Many Requests\) .* as the server requests")
    assert time.monotonic() - start < QUICK.deadline
    assert len(server.requests) == 1
    assert error.retry_after >= 3600


@pytest.mark.parametrize("value", ["0", "-5", "soon", "", "1.5", "Mon, 99 Foo 2024 99:99:99 GMT", "٣"])
def test_a_retry_after_that_asks_nothing_leaves_the_pause_to_us(server, value):
    server.answers = [reply(503, headers={"Retry-After": value.encode().decode("latin-1")}), reply(body=BODY)]
    assert ask(server).body == BODY
    assert 0.01 <= server.times[1] - server.times[0] < 1.4


def test_a_date_in_the_past_asks_nothing(server):
    server.answers = [reply(503, headers=in_seconds(-60)), reply(body=BODY)]
    assert ask(server).body == BODY


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} \d\d:\d\d:\d\d [+-]\d{1,9}"))
@settings(max_examples=50)
def test_no_retry_after_breaks_the_reader(value):
    headers = httpx.Headers({"retry-after": value.encode("utf-8", "replace")})
    found = retry_after(headers, RECEIVED_AT)
    assert found is None or found >= 0


def test_pauses_that_would_pass_the_deadline_are_not_begun(server):
    server.answers = [reply(500)]
    limits = FetchLimits(timeout=1.0, deadline=2.0, attempts=9, wait_initial=0.7, wait_max=60, wait_jitter=0.2)
    start = time.monotonic()
    failing(server, ServerError, limits)
    assert time.monotonic() - start < 2.0
    assert len(server.requests) == 2


# --- no answer -----------------------------------------------------------------------------------------------


def test_nobody_listens(server):
    server.close()
    error = failing(server, UnreachableError, match="cannot be reached at try 3 of 3")
    assert isinstance(error.__cause__, httpx.ConnectError)


def test_an_unknown_host_is_unreachable(server):
    with pytest.raises(UnreachableError, match=r"no-such-host\.invalid.* cannot be reached"):
        pull_website("http://no-such-host.invalid", received_at=RECEIVED_AT, limits=ONCE)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (b"", "cannot be reached"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n", "cannot be reached"),
        (silent, "sent nothing for 0.1 s"),
    ],
    ids=["closed", "not http", "torn header", "bad length", "endless header", "silent"],
)
def test_no_answer_that_can_be_read_is_tried_again(server, answer, match):
    server.answers = [answer]
    limits = IMPATIENT if answer is silent else QUICK
    failing(server, UnreachableError, limits, match=match)
    assert len(server.requests) == 3
    server.answers = [answer] * 4 + [reply(body=BODY)]
    assert ask(server, limits).body == BODY


def test_a_port_that_speaks_no_tls_is_unreachable(server):
    server.answers = [reply(body=BODY)]
    with pytest.raises(UnreachableError, match="cannot be reached"):
        pull_website(server.url.replace("http:", "https:"), received_at=RECEIVED_AT, limits=replace(ONCE, timeout=0.2))


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (reply(headers={"Content-Length": "100000"}), b"{"),
        (reply(headers={"Content-Length": None}), b"{"),
        (chunked(b"{", end=False), b"1\r\n \r\n"),
        (chunked(b"{", end=False) + b"1;", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (reply(503, headers={"Content-Length": "100000"}), b"<"),
    ],
    ids=["status line", "header", "body", "body to the end", "chunks", "chunk header", "interim answers", "error page"],
)
def test_a_slow_drip_is_cut_at_the_deadline(server, start, drop):
    server.answers = [dripping(start, drop)]
    error_page = b" 503 " in start
    error = failing(server, ServerError if error_page else DeadlineError, SHORT)
    if not error_page:  # which is waited for no longer than for any other piece, and then asked again
        assert "did not finish within 0.3 s" in str(error)
        assert len(server.requests) <= 1


def test_what_a_slow_drip_brought_is_kept(server):
    server.answers = [dripping(reply(headers={"Content-Length": "100000"}), b'{"a":')]
    limits = replace(SHORT, deadline=0.6)
    assert failing(server, DeadlineError, limits, match="bytes received").body.startswith(b'{"a":{"a":')


def test_a_stall_in_the_body_is_tried_again(server):
    def stall(connection):
        connection.sendall(reply(headers={"Content-Length": "100000"}) + b'{"domain"')
        silent(connection)

    server.answers = [stall]
    error = failing(
        server, UnreachableError, IMPATIENT, match=r"sent nothing for 0\.1 s at try 3 of 3 \(9 bytes received\)"
    )
    assert error.body == b'{"domain"'
    server.answers = [stall] * 4 + [reply(body=BODY)]
    assert ask(server, IMPATIENT).body == BODY


def test_no_thread_or_socket_is_left_behind(server):
    server.answers = [reply(503), reply(503), reply(body=BODY)]
    before = set(threading.enumerate())
    # Much longer than a thread that was told to end may take for it.
    ask(server, replace(QUICK, deadline=3600))
    assert len(server.requests) == 3
    left = [thread for thread in set(threading.enumerate()) - before if isinstance(thread, threading.Timer)]
    for thread in left:
        thread.join(60)
    assert not any(thread.is_alive() for thread in left)
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()]
    # Established, or only waiting for this side to close.
    assert not [row for row in rows if row[2].endswith(f":{server.port:04X}") and row[3] in {"01", "08"}]


# --- torn, too large, something else -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply(body=BODY)[:-200],
        chunked(BODY[:-200], end=False),
        chunked(BODY, end=False),
        chunked(BODY[:-200], end=False) + b"ff\r\n" + BODY[-200:-190],
    ],
    ids=["length", "chunked", "without its last chunk", "in a chunk"],
)
def test_a_body_that_breaks_off_is_tried_again(server, answer):
    server.answers = [answer]
    error = failing(server, TruncatedPayloadError, match="broke off after")
    assert len(server.requests) == 3
    assert error.body == BODY[: len(error.body)]
    assert len(error.body) >= len(BODY) - 200
    assert isinstance(error.__cause__, httpx.RemoteProtocolError)
    server.answers = [answer] * 4 + [reply(body=BODY)]
    assert ask(server).body == BODY


def test_a_connection_that_is_reset_in_the_body_is_a_torn_body(server):
    def reset(connection):
        connection.sendall(reply(headers={"Content-Length": "100000"}) + b'{"domain"')
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    server.answers = [reset]
    assert failing(server, TruncatedPayloadError).body == b'{"domain"'


@pytest.mark.parametrize("cut", [1, 200, len(BODY) - 1])
def test_a_torn_body_without_a_length_is_torn_too(server, cut):
    server.answers = [reply(body=BODY[:cut], headers={"Content-Length": None})]
    error = failing(server, TruncatedPayloadError, match="in the middle")
    assert error.body == BODY[:cut]
    assert len(server.requests) == 1


def test_a_torn_gzip_body_is_torn(server):
    torn = gzip.compress(BODY)[:-20]
    server.answers = [reply(body=torn, headers={"Content-Encoding": "gzip"})]
    assert failing(server, TruncatedPayloadError, match="gzipped and ends too early").body == torn


@pytest.mark.parametrize(
    ("body", "headers", "error", "match"),
    [
        (b"<!doctype html><title>Login</title>", {}, NotJsonError, "is an HTML page, and no board"),
        (b"", {}, EmptyPayloadError, "is empty"),
        (b" \n", {}, EmptyPayloadError, "is empty"),
        (b'{"error": "busy"}', {}, PayloadShapeError, "another shape"),
        (b'{"models": [], "benchmarks": [], "domain": "vision"}', {}, EmptyPayloadError, "lists no"),
        (BODY, {"Content-Encoding": "br"}, NotJsonError, "encoding 'br', which was not requested"),
        (BODY, {"Content-Encoding": "gzip, gzip"}, NotJsonError, "encoding 'gzip, gzip'"),
        (BODY, {"Content-Encoding": "gzip"}, NotJsonError, "does not unpack"),
    ],
)
def test_an_answer_that_is_no_board_is_refused_and_kept(server, body, headers, error, match):
    server.answers = [reply(body=body, headers=headers)]
    assert failing(server, error, match=match).body == body
    assert len(server.requests) == 1


def test_a_length_above_the_cap_is_not_read(server):
    server.answers = [dripping(reply(headers={"Content-Length": "100001"}), b"x")]
    start = time.monotonic()
    failing(server, BodyTooLargeError, match="sends more than 100000 bytes; raise the cap")
    assert time.monotonic() - start < QUICK.deadline
    server.answers = [reply(headers={"Content-Length": "9" * 19})]
    failing(server, BodyTooLargeError)


@pytest.mark.parametrize("start", [reply(headers={"Content-Length": None}), chunked(end=False)])
def test_an_endless_body_is_cut_at_the_cap(server, start):
    piece = b"[" * 5000
    server.answers = [dripping(start, b"1388\r\n" + piece + b"\r\n" if b"chunked" in start else piece, 0)]
    error = failing(server, BodyTooLargeError)
    assert 0 < len(error.body) <= 65_536
    assert len(server.requests) == 1


def test_a_gzip_bomb_is_not_unpacked_beyond_the_cap(server, monkeypatch):
    bomb = gzip.compress(b"[" * 50_000_000, compresslevel=9)
    server.answers = [reply(body=bomb, headers={"Content-Encoding": "gzip"})]
    error = failing(server, BodyTooLargeError, match=rf"unpacks from {len(bomb)} to more than 100000 bytes")
    assert error.body == bomb
    server.answers = [reply(body=bomb)]
    failing(server, BodyTooLargeError, match="unpacks from")


# --- redirects -----------------------------------------------------------------------------------------------


def redirect(location, status=302):
    return reply(status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(server, status):
    server.answers = [redirect("/elsewhere/?a=b", status), reply(body=BODY)]
    pull = ask(server)
    assert server.requests[1].startswith("GET /elsewhere/?a=b HTTP")
    assert pull.snapshot.source == f"{server.url}/vision/compare/data/"


@pytest.mark.parametrize(
    ("location", "match"),
    [
        ("https://evil.example/x?token=geheim", r"another host, https://evil\.example/x\?token=\*\*\*"),
        ("//evil.example/x", r"another host, http://evil\.example/x"),
        ("http://localhost/x", "the private address http://localhost/x"),
        ("http://10.0.0.1/x", r"the private address http://10\.0\.0\.1/x"),
        ("http://169.254.169.254/latest/meta-data/", "the private address http://169"),
        ("http://[::1]/", r"the private address http://\[::1\]/"),
        ("http://db.internal/", "the private address"),
        ("http://127.0.0.1:1/x", "another port"),
        ("https://127.0.0.1/x", "another port"),
        ("ftp://127.0.0.1/x", "not on the web"),
        ("file:///etc/passwd", "not on the web"),
        ("javascript:alert(1)", r"not on the web, javascript:alert\(1\)"),
        ("http://[::1", "no address"),
        ("http://user:geheim@[::1", "no address"),
        ("http://user:geheim@evil.example/", r"another host, http://evil\.example/"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(server, location, match):
    server.answers = [redirect(location)]
    kind = PrivateRedirectError if "private" in match else RedirectError
    error = failing(server, kind, match=f"redirects to .*{match}")
    assert "geheim" not in str(error)
    assert len(server.requests) == 1


def test_a_redirect_in_a_circle_ends(server):
    server.answers = [redirect("/b"), redirect("/a")]
    failing(server, RedirectError, match="redirected more than 5 times")
    assert len(server.requests) == 6


def test_a_redirect_to_nowhere_is_a_status(server):
    server.answers = [reply(302)]
    assert failing(server, HttpStatusError, match="answered 302").status == 302


@pytest.mark.parametrize(
    ("base", "location", "followed"),
    [
        ("http://h.org", "https://h.org/vision/compare/data/", True),
        ("http://h.org", "https://H.ORG/x", True),
        ("http://h.org:8000", "https://h.org:8000/x", True),
        ("https://h.org", "http://h.org/x", False),
        ("https://h.org:8000", "http://h.org:8000/x", False),
        ("http://h.org", "https://h.org:8443/x", False),
        ("http://h.org", "http://h.org:443/x", False),
        ("http://h.org:8000", "https://h.org/x", False),
        ("http://h.org", "https://www.h.org/x", False),
        ("https://h.org", "https://h.org.evil.example/x", False),
    ],
)
def test_the_same_host_may_move_to_https_and_not_back(base, location, followed):
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return (
            httpx.Response(302, headers={"Location": location})
            if len(asked) == 1
            else httpx.Response(200, stream=httpx.ByteStream(BODY))
        )

    transport = httpx.MockTransport(answer)
    if followed:
        assert pull_website(base, received_at=RECEIVED_AT, transport=transport).body == BODY
        assert asked[1].startswith("https://h.org")
    else:
        with pytest.raises(RedirectError):
            pull_website(base, received_at=RECEIVED_AT, transport=transport)
        assert len(asked) == 1


# --- credentials ---------------------------------------------------------------------------------------------


def test_credentials_are_used_and_never_told(server, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    url = f"http://user:geh%20eim@127.0.0.1:{server.port}/?token=geheim"
    server.answers = [redirect("/vision/compare/data/?token=geheim"), reply(body=BODY)]
    pull = pull_website(url, received_at=RECEIVED_AT, limits=QUICK)
    assert pull.snapshot.source == f"http://***@127.0.0.1:{server.port}/vision/compare/data/?token=***"
    for request in server.requests:
        assert "Authorization: Basic dXNlcjpnZWggZWlt\r\n" in request  # user:geh eim
        assert "GET /vision/compare/data/?token=geheim " in request
    for answer in (reply(404), redirect("http://evil.example/"), b"", reply(body=b"<html>"), reply(body=BODY)[:-9]):
        server.answers = [answer]
        with pytest.raises(SourceError) as caught:
            pull_website(url, received_at=RECEIVED_AT, limits=ONCE)
        assert "geh" not in str(caught.value) + repr(caught.value.__cause__)
    assert "geh%20eim" not in caplog.text + "".join(capsys.readouterr())
    assert "geh eim" not in caplog.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://h.org/vision", "https://h.org/vision"),
        ("https://u:p@h.org:8000/a?b=c&d#e", "https://***@h.org:8000/a?b=***&***"),
        ("https://u:p?q@r/s#t@h.org/a?b=c", "https://***@h.org/a?b=***"),
        ("https://u:12/3@h.org/", "https://***@h.org/"),
        ("https://token@h.org/", "https://***@h.org/"),
        ("https://h.org:80/a", "https://h.org:80/a"),
        ("postgresql+psycopg://me:p@h/db?sslpassword=p", "postgresql+psycopg://***@h/db?sslpassword=***"),
        ("sqlite:////data/a@b.sqlite", "sqlite:////data/a@b.sqlite"),
        ("https://h.org/a@b", "https://h.org/a@b"),
        ("ftp://u:p@h.org/a?b=c", "ftp://***@h.org/a?b=***"),
        ("board.json.gz", "board.json.gz"),
        ("/data/a@b?c.json", "/data/a@b?c.json"),
    ],
)
def test_a_source_is_shown_without_its_secrets(source, shown):
    assert shown_source(source) == shown


# --- settings ------------------------------------------------------------------------------------------------


def test_the_user_agent_names_us_and_whom_to_ask(server):
    assert user_agent() == f"brainalign/{__version__} (monitor of the Brain-Score leaderboard)"
    server.answers = [reply(body=BODY)]
    pull(server.url, received_at=RECEIVED_AT, contact="mailto:lab@uni.example")
    assert f"User-Agent: brainalign/{__version__} (+mailto:lab@uni.example)\r\n" in server.requests[0]


def test_a_proxy_of_the_environment_is_used(server, monkeypatch):
    server.answers = [reply(body=BODY)]
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert pull_website("http://site.example", received_at=RECEIVED_AT, limits=QUICK).body == BODY
    assert server.requests[0].startswith("GET http://site.example/vision/compare/data/ HTTP")
    server.answers = [dripping(b"", b"H")]
    with pytest.raises(UnreachableError, match="did not finish within"):
        pull_website("http://site.example", received_at=RECEIVED_AT, limits=SHORT)
    monkeypatch.setenv("HTTP_PROXY", "gopher://user:geheim@nowhere")
    with pytest.raises(SourceError, match="check the proxies") as caught:
        pull_website("http://site.example", received_at=RECEIVED_AT, limits=QUICK)
    assert "geheim" not in str(caught.value)
