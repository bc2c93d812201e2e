"""The site itself as a source."""

from __future__ import annotations

from datetime import datetime

import httpx

from brainalign_plugin.files.json_text import shown
from brainalign_plugin.text import masked_address

from ..base.errors import PayloadShapeError
from .fetching import checked_url, fetch_body
from .payload import DEFAULT_LIMITS, FetchLimits, Pull, parse_payload

SITE = "https://www.brain-score.org"


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
    base_url: str = SITE,
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
