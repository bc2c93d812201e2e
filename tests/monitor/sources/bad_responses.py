"""Every kind of bad response that we could think of, for whoever asks what is stored of one: nothing."""

from __future__ import annotations

import gzip
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from brainalign_monitor.base.errors import (
    BodyTooLargeError,
    DeadlineError,
    EmptyPayloadError,
    HttpStatusError,
    NotJsonError,
    PayloadShapeError,
    PrivateRedirectError,
    RateLimitedError,
    RedirectError,
    ServerError,
    ShrunkenBoardError,
    SourceError,
    TruncatedPayloadError,
    UnreachableError,
)
from tests.monitor.sources.conftest import Answer, chunked, dripping, reply, silent
from tests.monitor.sources.samples import body_of, document

# What a pull of a bad response is given, so that a slow one ends soon and a bomb is small.
LIMITS = {"attempts": 1, "timeout_seconds": 0.5, "deadline_seconds": 1.0, "max_body_bytes": 200_000}
# Models of the board that is stored before.
STORED_MODELS = 4

GOOD = body_of(document(STORED_MODELS))


@dataclass(frozen=True)
class BadResponse:
    """One kind: what the server answers, the error that it is, and what is kept of it (None: nothing came)."""

    name: str
    answer: Answer
    error: type[SourceError]
    kept: Callable[[bytes], bool] | None = None


def _is(body: bytes) -> Callable[[bytes], bool]:
    return lambda kept: kept == body


def _starts(body: bytes) -> Callable[[bytes], bool]:
    return lambda kept: kept.startswith(body)


def _changed(**changes: Any) -> bytes:
    return body_of(document(STORED_MODELS) | changes)


def _renamed_key() -> bytes:
    """The site after a release that calls the scores of a model something else."""
    return GOOD.replace(b'"scores"', b'"results"')


def _all_cells_of_another_shape() -> bytes:
    return GOOD.replace(b'"value"', b'"score"')


def _reset(connection: socket.socket) -> None:
    connection.sendall(reply(headers={"Content-Length": "100000"}) + GOOD[:100])
    time.sleep(0.05)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _stalled(connection: socket.socket) -> None:
    connection.sendall(reply(headers={"Content-Length": "100000"}) + GOOD[:100])
    silent(connection)


def _redirect(location: str) -> bytes:
    return reply(302, headers={"Location": location})


def _page(body: bytes, kind: str = "text/html") -> bytes:
    return reply(body=body, headers={"Content-Type": kind})


_HTML = b"<!doctype html><html><title>Just a moment...</title></html>"
_BOMB = gzip.compress(b"[" * 20_000_000, 9)
_LATER = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
_SHRUNKEN = body_of(document(2))
_LOOP = GOOD.replace(b'"parent_id":"average_vision_v0"', b'"parent_id":"Ada2020.V1-pls_v2"', 1)
_PACKED = gzip.compress(GOOD)
_TORN_GZIP = reply(body=_PACKED[:-30], headers={"Content-Encoding": "gzip"})
_DEEP = b'{"domain":' + b"[" * 90_000

BAD_RESPONSES: tuple[BadResponse, ...] = (
    BadResponse("not found", reply(404, _HTML), HttpStatusError, _is(_HTML)),
    BadResponse("forbidden", reply(403, _HTML), HttpStatusError, _is(_HTML)),
    BadResponse("no content", reply(204, headers={"Content-Length": None}), HttpStatusError),
    BadResponse("too many requests, seconds", reply(429, headers={"Retry-After": "3600"}), RateLimitedError),
    BadResponse("too many requests, date", reply(429, headers={"Retry-After": _LATER}), RateLimitedError),
    BadResponse("server error", reply(500, b"Traceback"), ServerError, _is(b"Traceback")),
    BadResponse("unavailable, date", reply(503, headers={"Retry-After": _LATER}), ServerError),
    BadResponse("redirect to another host", _redirect("https://evil.example/vision/compare/data/"), RedirectError),
    BadResponse("redirect to a private address", _redirect("http://169.254.169.254/latest/"), PrivateRedirectError),
    BadResponse("redirect to a file", _redirect("file:///etc/passwd"), RedirectError),
    BadResponse("redirect in a circle", _redirect("/vision/compare/data/"), RedirectError),
    BadResponse("connection closed at once", b"", UnreachableError),
    BadResponse("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", UnreachableError),
    BadResponse("silence", silent, UnreachableError),
    BadResponse("drip of a header", dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"), DeadlineError),
    BadResponse(
        "drip of a body", dripping(reply(headers={"Content-Length": "100000"}), b"{"), DeadlineError, _starts(b"{{")
    ),
    BadResponse("stalled body", _stalled, UnreachableError, _is(GOOD[:100])),
    BadResponse("reset in the body", _reset, TruncatedPayloadError, _is(GOOD[:100])),
    BadResponse("torn with a length", reply(body=GOOD)[:-200], TruncatedPayloadError, _is(GOOD[:-200])),
    BadResponse(
        "torn without a length",
        reply(body=GOOD[:-200], headers={"Content-Length": None}),
        TruncatedPayloadError,
        _is(GOOD[:-200]),
    ),
    BadResponse("torn in chunks", chunked(GOOD[:-200], end=False), TruncatedPayloadError, _is(GOOD[:-200])),
    BadResponse("torn gzip", _TORN_GZIP, TruncatedPayloadError, _is(_PACKED[:-30])),
    BadResponse("gzip bomb", reply(body=_BOMB, headers={"Content-Encoding": "gzip"}), BodyTooLargeError, _is(_BOMB)),
    BadResponse(
        "larger than the cap",
        reply(body=b"[" * 300_000, headers={"Content-Length": None}),
        BodyTooLargeError,
        _starts(b"[[["),
    ),
    BadResponse("announced above the cap", reply(headers={"Content-Length": "9" * 15}), BodyTooLargeError),
    BadResponse(
        "encoding that was not asked for", reply(body=GOOD, headers={"Content-Encoding": "br"}), NotJsonError, _is(GOOD)
    ),
    BadResponse("HTML with status 200", _page(_HTML), NotJsonError, _is(_HTML)),
    BadResponse("HTML that says it is JSON", _page(_HTML, "application/json"), NotJsonError, _is(_HTML)),
    BadResponse("not UTF-8", reply(body=GOOD.replace(b"model 1", b"mod\xffel")), NotJsonError, lambda _: True),
    BadResponse("nothing with status 200", reply(), EmptyPayloadError),
    BadResponse("empty object", reply(body=b"{}"), EmptyPayloadError, _is(b"{}")),
    BadResponse("no models", reply(body=_changed(models=[])), EmptyPayloadError, _is(_changed(models=[]))),
    BadResponse("an error as JSON", reply(body=b'{"error":"busy"}'), PayloadShapeError, _is(b'{"error":"busy"}')),
    BadResponse("a key renamed", reply(body=_renamed_key()), EmptyPayloadError, _is(_renamed_key())),
    BadResponse(
        "all cells of another shape",
        reply(body=_all_cells_of_another_shape()),
        PayloadShapeError,
        _is(_all_cells_of_another_shape()),
    ),
    BadResponse("nested too deeply", reply(body=_DEEP), PayloadShapeError, _is(_DEEP)),
    BadResponse("a tree with a loop", reply(body=_LOOP), PayloadShapeError, _is(_LOOP)),
    BadResponse(
        "another domain",
        reply(body=GOOD.replace(b"_vision", b"_language").replace(b'"vision"', b'"language"')),
        PayloadShapeError,
        lambda _: True,
    ),
    BadResponse("half of the models", reply(body=_SHRUNKEN), ShrunkenBoardError, _is(_SHRUNKEN)),
)
