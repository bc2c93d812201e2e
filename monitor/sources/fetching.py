"""One polite GET: bounded in time, size and number of tries, and every failure has its name.

Foreign errors are translated here, once, keeping the cause. Credentials in an address are never printed.
"""

from __future__ import annotations

import ipaddress
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
import stamina

from brainalign_plugin import __version__
from brainalign_plugin.errors import InputError
from brainalign_plugin.files.decoding import shown
from brainalign_plugin.text import masked_address

from ..base.deadline import Cut, OverdueError, within
from ..base.errors import (
    BodyTooLargeError,
    DeadlineError,
    HttpStatusError,
    NotJsonError,
    PayloadShapeError,
    PrivateRedirectError,
    RateLimitedError,
    RedirectError,
    ServerError,
    SourceError,
    TruncatedPayloadError,
    UnreachableError,
)
from .payload import DEFAULT_LIMITS, FetchLimits, Pull, gunzip, parse_payload

_PORTS = {"http": 80, "https": 443}
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Enough of an error page, or of an endless body, to see what it is.
_KEPT_BYTES = 65_536


def user_agent(contact: str = "") -> str:
    """Return the User-Agent of the monitor, with the contact of its operator for the site's operators."""
    return f"brainalign/{__version__} ({(contact and f'+{contact}') or 'monitor of the Brain-Score leaderboard'})"


def fetch_body(
    url: str,
    *,
    received_at: datetime,
    agent: str | None = None,
    limits: FetchLimits = DEFAULT_LIMITS,
    transport: httpx.BaseTransport | None = None,
) -> bytes:
    """GET a body.

    Connection errors, cut bodies, 429 and 5xx are tried again after a growing pause, never sooner than
    ``Retry-After`` (seconds or date), and not at all if that would pass the deadline; any other status ends it at once.
    Redirects are followed on the same host only. A body sent in gzip is unpacked within the cap. Name and password
    in the address are sent by basic authentication. Proxies are taken from the environment. A date in ``Retry-After``
    is compared to ``received_at`` if the server sends no date. Raises UnreachableError or DeadlineError (no answer, or
    not all of it before the deadline), a named SourceError, or InputError for an address that is none.
    """
    address, name, started = checked_url(url), masked_address(url), time.monotonic()
    client = _client(address, agent or user_agent(), min(limits.timeout, limits.deadline), transport)

    def work(cut: Cut) -> bytes:
        errand = _Errand(client, cut, name, limits, started + limits.deadline)

        def pause(error: Exception) -> bool | float:
            return _pause(error, attempt.next_wait + limits.wait_jitter, errand.ends - time.monotonic())

        for attempt in stamina.retry_context(
            on=pause,
            attempts=limits.attempts,
            timeout=None,
            wait_initial=limits.wait_initial,
            wait_max=limits.wait_max,
            wait_jitter=limits.wait_jitter,
        ):
            with attempt:
                now = received_at + timedelta(seconds=time.monotonic() - started)
                return _get(errand, address.copy_with(userinfo=b""), f"at try {attempt.num} of {limits.attempts}", now)
        raise AssertionError("stamina raises the last error")

    try:
        with client:
            return within(limits.deadline, work)
    except OverdueError as cause:
        raise _too_late(name, limits, b"") from cause


@dataclass(frozen=True, slots=True)
class _Errand:
    client: httpx.Client
    cut: Cut
    name: str
    limits: FetchLimits
    ends: float

    @property
    def is_over(self) -> bool:
        return self.cut.over or time.monotonic() >= self.ends


def _client(address: httpx.URL, agent: str, timeout: float, transport: httpx.BaseTransport | None) -> httpx.Client:
    login = (address.username, address.password) if address.userinfo else None
    # Only gzip is requested, because httpx would unpack it without a limit and others are rare.
    headers = {"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
    try:
        return httpx.Client(
            transport=transport,
            headers=headers,
            auth=login,
            timeout=timeout,
            follow_redirects=False,
            event_hooks={"response": [_take_location]},
        )
    except (ValueError, ImportError, OSError, httpx.InvalidURL) as cause:
        raise SourceError(
            f"cannot prepare a connection ({type(cause).__name__}); check the proxies and certificates that the "
            "environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE, SSL_CERT_DIR)"
        ) from cause


def _take_location(response: httpx.Response) -> None:
    """Hide the target of a redirect from httpx, which parses it with errors of its own."""
    response.extensions["location"] = response.headers.pop("location", None)


def _pause(error: Exception, backoff: float, remaining: float) -> bool | float:
    """Return whether to try again, or the seconds to wait before; ``backoff`` is stamina's longest wait."""
    passing = isinstance(error, RateLimitedError | ServerError | UnreachableError | TruncatedPayloadError)
    asked = error.retry_after if isinstance(error, HttpStatusError) else None
    wait = max(backoff, asked or 0.0)
    if not passing or isinstance(error, DeadlineError) or wait >= remaining:
        return False
    return True if asked is None else wait


def _get(errand: _Errand, url: httpx.URL, which: str, now: datetime) -> bytes:
    received: bytearray | None = None
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            with errand.client.stream("GET", url, extensions={"trace": errand.cut.watch}) as response:
                if response.status_code == HTTPStatus.OK:
                    return _body(errand, response, received := bytearray())
                location = response.extensions["location"]
                if response.status_code not in _REDIRECTS or location is None:
                    raise _status_error(errand, response, which, now)
                url = redirect_target(url, location, errand.name)
    except httpx.HTTPError as cause:
        raise _named(errand, which, cause, received) from cause
    raise RedirectError(f"{errand.name} is redirected more than {_MOST_REDIRECTS} times; open it in a browser")


def _body(errand: _Errand, response: httpx.Response, received: bytearray) -> bytes:
    limit = errand.limits.max_bytes
    length = response.headers.get("content-length", "")
    too_large = f"{errand.name} sends more than {limit} bytes; raise the cap if that is right"
    if length.isdecimal() and int(length[:20]) > limit:
        raise BodyTooLargeError(too_large)
    for chunk in response.iter_raw():
        received += chunk
        if len(received) > limit:
            raise BodyTooLargeError(too_large, bytes(received[:_KEPT_BYTES]))
    body = bytes(received)
    # A body without a length ends with its connection, also when we have cut it.
    if errand.is_over:
        raise _too_late(errand.name, errand.limits, body)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return gunzip(body, errand.name, limit)
    if encoding not in ("identity", ""):
        what = f"{errand.name} is sent in the encoding {shown(encoding, 40)!r}, which was not requested"
        raise NotJsonError(f"{what}; check for a proxy that repacks it", body)
    return body


def _status_error(errand: _Errand, response: httpx.Response, which: str, now: datetime) -> HttpStatusError:
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "unknown"
    asked = retry_after(response.headers, now)
    next_step = "check the address and the domain"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        next_step = "try again later" if asked is None else f"try again in {asked:.0f} s, as the server requests"
    elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        next_step = "the site refuses this client: check its access rules"
    message = f"{errand.name} answered {status} ({phrase}) {which}; {next_step}"
    kind = RateLimitedError if status == HTTPStatus.TOO_MANY_REQUESTS else HttpStatusError
    return (ServerError if status >= 500 else kind)(message, status, _beginning(errand, response), asked)


def _beginning(errand: _Errand, response: httpx.Response) -> bytes:
    """Read the first part of an error page."""
    received = bytearray()
    until = time.monotonic() + errand.limits.timeout
    # The status is the failure to report; what happens to its page is not.
    with suppress(httpx.HTTPError):
        for chunk in response.iter_raw():
            received += chunk
            if len(received) >= _KEPT_BYTES or time.monotonic() >= until:
                break
    return bytes(received[:_KEPT_BYTES])


def retry_after(headers: httpx.Headers, now: datetime) -> float | None:
    """Return the seconds of ``Retry-After``, None if absent or unreadable; ``now`` stands in for a missing ``Date``."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return float(value)
    moment = _http_date(value)
    if moment is None:
        return None
    # Both dates by the server's clock, because ours may be wrong.
    return max(0.0, (moment - (_http_date(headers.get("date", "")) or now)).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _too_late(name: str, limits: FetchLimits, received: bytes) -> DeadlineError:
    return DeadlineError(
        f"{name} did not finish within {limits.deadline:g} s, {len(received)} bytes received; "
        "try again later, or raise the deadline",
        received,
    )


def _named(errand: _Errand, which: str, cause: httpx.HTTPError, received: bytearray | None) -> SourceError:
    """Return httpx's error as one of ours; ``received`` is the body so far, None before it began."""
    body, reason = bytes(received or b""), shown(str(cause), 200) or type(cause).__name__
    if errand.is_over:
        return _too_late(errand.name, errand.limits, body)
    if isinstance(cause, httpx.ReadTimeout):
        what = f"sent nothing for {errand.limits.timeout:g} s {which} ({len(body)} bytes received)"
        return UnreachableError(f"{errand.name} {what}; try again later", body)
    if received is not None:
        message = f"{errand.name} broke off after {len(body)} bytes {which} ({reason}); try again later"
        return TruncatedPayloadError(message, body)
    return UnreachableError(f"{errand.name} cannot be reached {which} ({reason}); check the address and the network")


def checked_url(url: str) -> httpx.URL:
    """Parse an address; InputError if it is not one of http or https with a host."""
    try:
        parsed = httpx.URL(url)
        parsed.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        # Without the cause, which quotes pieces of the address, and a password may be one.
        raise InputError(f"{masked_address(url)!r} is not a web address; give https://HOST/…") from None
    # Characters that no host may contain come back in percent signs; in an IPv6 address they announce a zone.
    if parsed.scheme not in _PORTS or not parsed.host or ("%" in parsed.host and ":" not in parsed.host):
        raise InputError(f"{masked_address(url)!r} is not an address of http or https with a host; give https://HOST/…")
    if parsed.port is not None and not 0 < parsed.port < 2**16:
        raise InputError(f"{masked_address(url)!r} names a port that does not exist; give one from 1 to 65535")
    return parsed


def redirect_target(url: httpx.URL, location: str, name: str) -> httpx.URL:
    """Return the target of a redirect if it may be followed: the same host, and not from https to http."""
    kind = RedirectError
    try:
        target = url.join(location).copy_with(userinfo=b"", fragment=None)
    except (httpx.InvalidURL, UnicodeError) as cause:
        message = f"{name} redirects to {masked_address(location)!r}, which is no address; try again later"
        raise RedirectError(message) from cause
    if target.scheme not in _PORTS:
        problem = "what is not on the web,"
    elif target.host != url.host:
        private = _is_private(target.host)
        kind = PrivateRedirectError if private else RedirectError
        problem = "the private address" if private else "another host,"
    elif url.scheme == "https" and target.scheme == "http":
        problem = "an address without https,"
    elif _port(target) != _port(url) and (_port(url), _port(target), target.scheme) != (80, 443, "https"):
        problem = "another port,"
    else:
        return target
    raise kind(
        f"{name} redirects to {problem} {masked_address(str(target))}; not followed: if that is right, give this "
        "address as source"
    )


def _port(url: httpx.URL) -> int | None:
    return _PORTS.get(url.scheme) if url.port is None else url.port


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def payload_url(url: str, domain: str = "vision") -> str:
    """Return the address of the payload.

    A path that ends in ``/compare/data``, with or without a slash, in ``.json`` or in ``.json.gz`` is the payload's
    own and is taken as it is. Any other is the base of a site: ``/<domain>/compare/data/`` is added, or
    ``/compare/data/`` where the path already ends in ``/<domain>``. A query stays; a fragment is dropped. Raises
    InputError if it is not an address of http or https.
    """
    address = checked_url(url).copy_with(fragment=None)
    if _is_payload(address):
        return str(address)
    raw, mark, query = address.raw_path.decode("ascii").partition("?")
    path = raw.rstrip("/")
    if not path.endswith(f"/{domain}"):
        path += f"/{domain}"
    return str(address.copy_with(raw_path=f"{path}/compare/data/{mark}{query}".encode("ascii")))


def pull_website(
    base_url: str,
    domain: str = "vision",
    *,
    received_at: datetime,
    agent: str | None = None,
    limits: FetchLimits = DEFAULT_LIMITS,
    transport: httpx.BaseTransport | None = None,
) -> Pull:
    """Read the leaderboard from the site; see `payload_url` for the address, `fetch_body` for the others.

    Raises a SourceError of a named kind (not reached, or refused whole); InputError for an unusable address or domain.
    """
    url = payload_url(base_url, domain)
    body = fetch_body(url, received_at=received_at, agent=agent, limits=limits, transport=transport)
    pull = parse_payload(body, masked_address(url), received_at, limits.max_bytes)
    found = pull.snapshot.domain
    if found != domain and not _is_payload(checked_url(base_url)):
        name = masked_address(url)
        message = f"{name} is the board of {shown(found)!r}, but {domain!r} was requested; check the address"
        raise PayloadShapeError(message, body)
    return pull


def _is_payload(address: httpx.URL) -> bool:
    path = address.path.rstrip("/")
    return path.endswith("/compare/data") or path.lower().endswith((".json", ".json.gz"))
