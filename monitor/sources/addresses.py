"""Addresses of the web: validated, and redirected."""

from __future__ import annotations

import ipaddress

import httpx

from brainalign_plugin.errors import InputError
from brainalign_plugin.text import masked_address

from ..base.errors import PrivateRedirectError, RedirectError

_PORTS = {"http": 80, "https": 443}


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
        raise InputError(
            f"{masked_address(url)!r} is not an address of http or https with a host; give https://HOST/…"
        )
    if parsed.port is not None and not 0 < parsed.port < 2**16:
        raise InputError(
            f"{masked_address(url)!r} names a port that does not exist; give one from 1 to 65535"
        )
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
