"""The feed: an Atom document (RFC 4287) whose entries are changes of the board."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..base.templating import render

MOST_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Topic:
    """Lines under a heading."""

    heading: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One piece of news."""

    key: str  # Key of the entry, from which its id is made
    title: str
    # Moment of the board, and when we had it
    as_of: datetime
    updated: datetime
    topics: Sequence[Topic]
    page: str = ""  # Path of the page that shows it, below the site; empty if there is none


def atom_feed(
    domain: str,
    entries: Sequence[FeedEntry],
    address: str,
    updated: datetime,
    *,
    simulated: bool = False,
    templates: Path | None = None,
) -> bytes:
    """Write the feed; the newest `MOST_ENTRIES` entries come first. Without an ``address`` links are relative."""
    # Without the address: readers know an entry by its id, wherever the site moves to.
    feed = uuid.uuid5(uuid.NAMESPACE_URL, f"brainalign:{domain}")
    newest = sorted(entries, key=lambda entry: (entry.updated, entry.as_of, entry.key), reverse=True)
    shown = [
        {
            "id": uuid.uuid5(feed, entry.key).urn,
            "title": entry.title,
            "updated": _time(entry.updated),
            "topics": entry.topics,
            # The causes come last, and are the news in short.
            "summary": next((line for topic in entry.topics[::-1] for line in topic.lines), entry.title),
            "link": f"{address}{entry.page or 'history.html'}",
        }
        for entry in newest[:MOST_ENTRIES]
    ]
    text = render(
        "feed.xml.j2",
        templates,
        id=feed.urn,
        title=f"{'[simulated] ' if simulated else ''}Brain-Score {domain}: do its benchmarks agree?",
        address=address,
        updated=_time(updated),
        entries=shown,
    )
    return text.encode("utf-8")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
