"""Known structural breaks: a file that ships with the package, and one that users write."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from brainalign_plugin.errors import InputError, TextError
from brainalign_plugin.files.decoding import decode

from ..base.files import fields_of

FILE_NAME = "known_events.toml"


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """Something that happened to the leaderboard between two days, both included."""

    first: date
    last: date
    domains: tuple[str, ...]
    text: str


def known_events(domain: str, home: Path) -> tuple[KnownEvent, ...]:
    """Return a domain's events by first day: the package's and the home folder's; InputError if it cannot be read."""
    own = files("brainalign_monitor.history").joinpath(FILE_NAME).read_text(encoding="utf-8")
    events = list(_read(own, FILE_NAME))
    path = home / FILE_NAME
    if path.is_file():
        try:
            events += _read(decode(path.read_bytes()), repr(str(path)))
        except TextError as cause:
            raise InputError(f"{str(path)!r} is {cause}; save it as UTF-8") from cause
        except OSError as cause:
            raise InputError(f"cannot read the known events in {str(path)!r}: {cause}") from cause
    return tuple(sorted((e for e in events if domain in e.domains), key=lambda e: (e.first, e.last, e.text)))


def _read(text: str, origin: str) -> list[KnownEvent]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise InputError(f"{origin} is not valid TOML: {cause}; correct it or move it away") from cause
    entries = document.get("events", [])
    if not isinstance(entries, list) or document.keys() - {"events"}:
        raise InputError(f"{origin} holds {', '.join(document)}; it must hold tables [[events]] alone")
    return [_event(entry, f"event {number} in {origin}") for number, entry in enumerate(entries, start=1)]


def _event(entry: Any, name: str) -> KnownEvent:
    fields = {"first", "last", "domains", "text"}
    if not isinstance(entry, dict) or not {"first", "text"} <= entry.keys() <= fields:
        raise InputError(f"{name} needs first and text, and may have last and domains; nothing else")
    first, last = _day(entry["first"], name), _day(entry.get("last", entry["first"]), name)
    if last < first:
        raise InputError(f"{name} ends on {last}, before it begins on {first}; swap them")
    domains = entry.get("domains", ["vision", "language"])
    if not isinstance(domains, list) or not all(isinstance(domain, str) for domain in domains):
        raise InputError(f'{name} has the domains {domains!r}; write ["vision"]')
    if not isinstance(entry["text"], str) or not entry["text"].strip():
        raise InputError(f"{name} has no text; describe the event in a sentence")
    return KnownEvent(first, last, tuple(domains), entry["text"])


def _day(value: Any, name: str) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InputError(f"{name} has the day {value!r}; write it as 2026-01-31, without quotes")
    return value


def events_json(events: Iterable[KnownEvent]) -> dict[str, Any]:
    """Return the part of the record of a history on known structural breaks."""
    return {"known_events": [fields_of(event, "first", "last", "text") for event in events]}
