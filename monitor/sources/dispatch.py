"""One door to all sources: an address or a path."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit
from urllib.request import url2pathname

from brainalign_plugin.errors import InputError

from .document import MAX_BODY_BYTES, shown
from .files import pull_file
from .payload import Pull

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(file):", re.IGNORECASE)


def pull(
    source: str,
    *,
    received_at: datetime,
    domain: str = "vision",
    contact: str = "",
    timeout: float = 30.0,
    deadline: float = 300.0,
    attempts: int = 5,
    max_bytes: int = MAX_BODY_BYTES,
) -> Pull:
    """Read the leaderboard from wherever it is.

    ===========================================  ==================================================
    source                                       what is read
    ===========================================  ==================================================
    ``http(s)://…/compare/data`` with or without ``/``, ``….json``, ``….json.gz``
                                                 this address; the payload names its domain
    any other ``http(s)://…``                    base of a site: ``…/<domain>/compare/data/``
                                                 (``…/compare/data/`` if it ends in ``/<domain>``)
    ``file:///…``                                the file, ``%20`` and the like decoded
    anything without a scheme                    the file of this path
    ===========================================  ==================================================

    Parameters
    ----------
    source : str
    received_at : datetime
        Now: as-of time of a payload that does not state its own.
    domain : str
        ``vision`` or ``language``; read for the base of a site only.
    contact : str
        Goes into the User-Agent, see `user_agent`.
    timeout, deadline, attempts, max_bytes
        See `FetchLimits`; a file has only its size checked.

    Raises
    ------
    SourceError
        One of its named kinds: not reached or read, or refused whole.
    InputError
        If the source is none of the above.
    """
    scheme = _SCHEME.match(source)
    kind = (scheme[1] or scheme[2]).lower() if scheme else ""
    if kind in ("http", "https"):
        # Here, because the HTTP client takes a while to load and files do not need it.
        from .fetching import FetchLimits, user_agent
        from .website import pull_website

        limits = FetchLimits(timeout=timeout, deadline=deadline, attempts=attempts, max_bytes=max_bytes)
        return pull_website(source, domain, received_at=received_at, agent=user_agent(contact), limits=limits)
    if kind == "file":
        return pull_file(_path(source), received_at, max_bytes)
    if kind:
        raise InputError(f"a source of the kind {kind!r} cannot be read; give http, https, file or a path")
    return pull_file(source, received_at, max_bytes)


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as cause:
        raise InputError(
            f"{shown(url)!r} is not an address ({cause}); a file address is file:///PATH"
        ) from cause
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"{shown(url)!r} names a host; a file address is file:///PATH")
    return url2pathname(parts.path)


def shown_source(source: str) -> str:
    """Source for messages, logs and tables: an address without its secrets, a path as it is."""
    if not _SCHEME.match(source):
        return shown(source, 300)
    from .addresses import shown_url

    return shown_url(source)
