"""Reports of boards that are not Brain-Score's: the same sections in the words of any leaderboard."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .records import Page, Report

# Phrases of the sections about Brain-Score alone, in the order in which they are replaced.
_PHRASES = (
    ("The poster’s claim 1, benchmarks conflict,", "The claim that benchmarks conflict"),
    ("The poster’s claim 2, behaviour decides,", "The claim that behaviour decides"),
    ("The poster’s claim 3, use what relates benchmarks,", "The claim that what relates benchmarks should be used"),
    ("The poster’s three properties", "Three properties"),
    ("he poster’s board (Ahlert et al. 2024)", "he complete board"),
    ("he poster’s board", "he complete board"),
    ("poster’s board", "complete board"),
    ("Brain-Score’s average", "the tree mean"),
    ("Brain-Score’s tree mean", "tree mean"),
    ("Officially first", "First by tree mean"),
    ("official average", "tree mean"),
    ("hollow: official", "hollow: tree mean"),
    ("Official rank", "Tree-mean rank"),
    ("; see the benchmark’s page at Brain-Score", ""),
    ("places from official", "places from tree mean"),
)
_OFFICIAL = re.compile(r"\bofficial (?=rank|order|score|top \d)")


def reworded(record: Report) -> Report:
    """Return a report without the words that hold for Brain-Score alone."""
    words: Report = _reworded(record)
    # A name in it is the user's, and the command must work as it stands.
    return replace(words, title=record.title, command=record.command, models=_entries(record))


def reworded_page(page: Page) -> Page:
    """Return a page of the site without the words that hold for Brain-Score alone."""
    links = tuple(link for link in page.links if not link.href.startswith("https:"))
    return replace(page, answer=_words(page.answer), sections=_reworded(page.sections), links=links)


def _entries(record: Report) -> tuple[Any, ...]:
    return tuple(replace(one, text=_words(one.text)) for one in record.models)


def _reworded(value: Any) -> Any:
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, tuple | list):
        return type(value)(map(_reworded, value))
    if isinstance(value, dict):
        return {key: _reworded(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _reworded(getattr(value, one.name)) for one in fields(value)})
    return value


def _words(text: str) -> str:
    for phrase, other in _PHRASES:
        text = text.replace(phrase, other)
    return _OFFICIAL.sub("tree-mean ", text)
