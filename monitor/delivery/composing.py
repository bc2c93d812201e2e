"""Messages out of records: one for each subscriber who wants it, the same bytes for the same records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from brainalign_plugin.text import counted, leaderboard, printable

from ..base.files import fields_of
from ..base.outgoing import Channel, Kind, Message, message_id
from ..base.templating import render
from ..history.figures import COUNTS, FIGURES, difference_text, figure_text
from ..history.series import FULL, History
from .mail import Content, inlined, mail_bytes
from .messages import Alert, Digest, DigestPeriod, HeadlineFigure, Letterhead, OperatorNote, Picture, Subscriber

SCHEMA = 3
# A mail has at most so many lines of a kind, the page has all.
MOST_CHANGES, MOST_ALERTS, MOST_MODELS = 5, 3, 6
# Of the headline figures, those that a mail shows.
_FIGURES = ("models", "mean_rho", "r2_behavior")


def compose_digest(
    digest: Digest, subscribers: Iterable[Subscriber], letterhead: Letterhead, at: datetime
) -> list[Message]:
    """Compose the digest of a period for each subscriber who wants one of this length; ``at`` is the Date of the mails.

    In a quiet period it has two lines, and subscribers who chose so get none.
    """
    wanting = [one for one in subscribers if one.digest is digest.period and (one.when_quiet or not digest.quiet)]
    changed = _last_states(digest.alerts)
    alerts = _states(changed)
    subject = _subject("; ".join([f"{leaderboard(digest.domain)}: {one_line(digest.news)}", *alerts]), digest.simulated)
    report = f"{letterhead.link.rstrip('/')}/{digest.report}" if letterhead.link and digest.report else ""
    changes = [(one_line(text), anchor) for text, anchor in digest.changes[:MOST_CHANGES]]
    told = _cut([one_line(alert.words, 300) for alert in changed], MOST_ALERTS)
    known = [one for one in digest.figures if one.now is not None or one.before is not None]
    left_out = [one.name for one in digest.figures if one not in known]
    values: dict[str, Any] = {
        "digest": digest,
        "period": period_text(digest),
        "figures": [shown_figure(one) for one in known if one.name in _FIGURES],
        "left_out": [FIGURES[name] for name in left_out if name in _FIGURES],
        "alerts": told,
        "active": _active_line(digest.active),
        "picture": digest.picture,
        "report": report,
    }
    record = {
        **fields_of(
            digest, "domain", "period", "first", "last", "as_of", "models", "benchmarks", "verdict", "simulated"
        ),
        "name": period_name(digest),
        "figures": [asdict(figure) for figure in known],
        "left_out": left_out,
        "answer": one_line(digest.answer),
        "changes": [one_line(text) for text, _ in digest.changes],
        "alerts": [_alert_record(alert) for alert in digest.alerts],
        "active": [_alert_record(alert) for alert in digest.active],
    }
    occasion = f"{digest.period.value} {digest.domain} {period_name(digest)}"
    lines = [f"{digest.verdict}. {one_line(digest.answer)}", *(text for text, _ in changes), *told]
    found = []
    pictures = () if digest.picture is None or digest.quiet else (digest.picture,)
    for models in dict.fromkeys(one.models for one in wanting):
        followed = [one_line(line) for key in models for line in digest.followed.get(key, ())]
        own = _cut(followed, MOST_MODELS)
        # On a phone all is within two screens: more models and alerts leave room for fewer changes.
        most = max(2, MOST_CHANGES - max(0, len(own) + len(told) - 3))
        shown = {**values, "changes": changes[:most], "followed": own}
        news = _News(Kind.DIGEST, occasion, subject, shown, record, lines, pictures)
        found += _messages(news, [one for one in wanting if one.models == models], letterhead, at)
    return found


def compose_alerts(
    alerts: Sequence[Alert], subscribers: Iterable[Subscriber], letterhead: Letterhead, at: datetime
) -> list[Message]:
    """Compose one message on all alerts that changed with one board, for each subscriber who wants alerts."""
    first = alerts[0]
    states = [f"{one_line(alert.rule, 80)} {alert.state}" for alert in alerts]
    number = "" if len(alerts) == 1 else f"{len(alerts)} alerts: "
    subject = _subject(f"{leaderboard(first.domain)}: {number}{', '.join(states)}", first.simulated)
    shown = [
        {
            "rule": one_line(alert.rule, 80),
            "state": alert.state,
            "words": words[:1].upper() + words[1:],
            "figure": None if alert.figure is None else shown_figure(alert.figure),
        }
        for alert in alerts
        # Its heading names rule and state.
        for words in [one_line(alert.words.removeprefix(f"{alert.rule} {alert.state}: "))]
    ]
    values = {"board": first, "alerts": shown}
    record = fields_of(first, "domain", "as_of", "simulated") | {"alerts": list(map(_alert_record, alerts))}
    occasion = f"alert {first.domain} {', '.join(states)} {first.board}"
    lines = [*(one_line(alert.words) for alert in alerts), f"Board of {day_text(first.as_of)}."]
    news = _News(Kind.ALERT, occasion, subject, values, record, lines)
    return _messages(news, [one for one in subscribers if one.alerts], letterhead, at)


def compose_operator(
    note: OperatorNote, subscribers: Iterable[Subscriber], letterhead: Letterhead, at: datetime
) -> list[Message]:
    """Compose the message to the operators: a failure of the monitor, or its end."""
    paragraphs = [one_line(text, 2000) for text in note.words.split("\n\n") if text.strip()]
    facts = [(one_line(term), one_line(text)) for term, text in note.facts]
    values = {"note": note, "paragraphs": paragraphs, "facts": facts}
    record = {"words": paragraphs, "facts": dict(facts)}
    subject = f"BrainAlign: {one_line(note.subject, 120)}"
    news = _News(Kind.OPERATOR, note.occasion, subject, values, record, paragraphs)
    return _messages(news, [one for one in subscribers if one.operator], letterhead, at)


@dataclass(frozen=True, slots=True)
class _News:
    """Content of a message before its recipient is known; `lines` are its shortest form."""

    kind: Kind
    occasion: str
    subject: str
    values: Mapping[str, Any]
    record: Mapping[str, Any]
    lines: Sequence[str]
    pictures: Sequence[Picture] = ()


def _messages(news: _News, subscribers: Iterable[Subscriber], letterhead: Letterhead, at: datetime) -> list[Message]:
    wanting = list(subscribers)
    channels = {one.channel for one in wanting}
    # Rendered once for all subscribers.
    content = _content(news, letterhead) if Channel.MAIL in channels else None
    lines = [without_mentions(line) for line in news.lines]
    quiet = replace(news, subject=without_mentions(news.subject), lines=lines)
    found = []
    for one in wanting:
        name = message_id(one.channel, news.kind, one.name, news.occasion)
        if one.channel is Channel.MAIL and content is not None:
            body = mail_bytes(content, letterhead, one.name, name, at)
        elif one.channel is Channel.WEBHOOK:
            body = _webhook_body(news, letterhead, name, at)
        else:
            text = render("notify.txt.j2", letterhead.templates, news=quiet, link=letterhead.link)
            body = text.strip().encode()
        subject = quiet.subject if one.channel is Channel.NOTIFY else news.subject
        found.append(Message(name, one.channel, news.kind, one.name, subject, body, at))
    return found


def _content(news: _News, letterhead: Letterhead) -> Content:
    values = {"report": "", **news.values, "subject": news.subject, "link": letterhead.link, "day_text": day_text}
    text = render(f"mail_{news.kind.value}.txt.j2", letterhead.templates, **values)
    html = render(f"mail_{news.kind.value}.html.j2", letterhead.templates, **values)
    return Content(news.subject, text, inlined(html, letterhead.templates), tuple(news.pictures))


def _webhook_body(news: _News, letterhead: Letterhead, name: str, at: datetime) -> bytes:
    record = {
        "schema": SCHEMA,
        "id": name,
        "kind": news.kind.value,
        "created_at": at.astimezone(UTC).isoformat(),
        "subject": news.subject,
        "link": letterhead.link or None,
        news.kind.value: news.record,
    }
    compact = json.dumps(
        record, allow_nan=False, sort_keys=True, separators=(",", ":"), default=lambda moment: moment.isoformat()
    )
    return compact.encode("ascii")


def _subject(text: str, simulated: bool) -> str:
    return one_line(f"[simulated] {text}" if simulated else text, 160)


def _last_states(alerts: Sequence[Alert]) -> list[Alert]:
    """Return the last state of each alert that changed; one that was resolved in the same period says since when."""
    found = {alert.rule: alert for alert in alerts}
    first = {alert.rule: alert for alert in reversed(alerts)}
    return [
        one
        if one.fired or not first[rule].fired
        else replace(one, words=f"{one.words}; it was firing since {day_text(first[rule].as_of)}")
        for rule, one in found.items()
    ]


def _states(alerts: Sequence[Alert]) -> list[str]:
    firing = sum(alert.fired for alert in alerts)
    states = ((firing, "firing"), (len(alerts) - firing, "resolved"))
    return [f"{counted(number, 'alert')} {state}" for number, state in states if number]


def _active_line(alerts: Sequence[Alert]) -> str:
    """Return one line on the alerts that fire since before a period; empty if there are none."""
    shown = [f"{one_line(alert.rule, 60)} since {alert.as_of:%Y-%m}" for alert in alerts]
    return "; ".join(_cut(shown, MOST_CHANGES))


def _cut(lines: Sequence[str], most: int) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else list(lines)


def _alert_record(alert: Alert) -> dict[str, Any]:
    record: dict[str, Any] = fields_of(alert, "domain", "rule", "state", "as_of", "simulated")
    return {**record, "words": one_line(alert.words), "figure": alert.figure and asdict(alert.figure)}


Interval = tuple[float, float] | None


def one_line(text: str, limit: int = 400) -> str:
    """Return foreign text on one line, without control and direction characters, cut to a length."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


# Mentions and links in chats: of all in a room, as Slack and Discord write it, of a person.
_MENTION = re.compile(r"(?<![\w.+-])[@\uff20](?=\S)|[@\uff20](?=everyone|here|channel|all|room)|<(?=\S)", re.IGNORECASE)


def without_mentions(text: str) -> str:
    """Return foreign text that looks the same in a chat without mentions, because names of models are arbitrary."""
    return _MENTION.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)


def interval_text(name: str, interval: tuple[float, float] | None) -> str:
    """Return an interval of a headline figure as text; empty if there is none, or if it has no width."""
    if interval is None or interval[0] == interval[1]:
        return ""
    return f"{figure_text(name, interval[0])} to {figure_text(name, interval[1])}"


def change_text(figure: HeadlineFigure) -> str:
    """Return the change of a figure; empty if it is unknown or zero."""
    if figure.now is None or figure.before is None:
        return ""
    return difference_text(figure.name, figure.now - figure.before)


def shown_figure(figure: HeadlineFigure) -> dict[str, str]:
    """Return a headline figure for the templates."""
    return {
        "name": figure.name,
        "label": FIGURES.get(figure.name, figure.name),
        "now": figure_text(figure.name, figure.now),
        "interval": interval_text(figure.name, figure.now_interval),
        "before": figure_text(figure.name, figure.before),
        "before_interval": interval_text(figure.name, figure.before_interval),
        "change": change_text(figure),
    }


def figures_at(
    history: History, now: int, before: int | None, intervals: Mapping[str, Interval] | None = None
) -> tuple[HeadlineFigure, ...]:
    """Return the headline figures of two boards of a history, by the numbers of their snapshots, on the whole board.

    `intervals`: of the figures now, from more resamples than the history takes, as the report of that board shows.
    """
    found = []
    for name in FIGURES:
        points = {point.snapshot: point for point in history.series[name] if point.panel == FULL}
        interval = points[now].interval if intervals is None or name in COUNTS else intervals[name]
        earlier = None if before is None else points.get(before)
        was = (None, None) if earlier is None else (earlier.value, earlier.interval)
        found.append(HeadlineFigure(name, points[now].value, interval, *was))
    return tuple(found)


def day_text(day: date | datetime) -> str:
    """Return a day in words, such as 1 January 2024."""
    return f"{day.day} {day:%B} {day.year}"


def period_text(digest: Digest) -> str:
    """Return the period of a digest in words."""
    if digest.period is DigestPeriod.MONTHLY:
        return f"{digest.first:%B} {digest.first.year}"
    year, week, _ = digest.first.isocalendar()
    return f"week {week} of {year}"


def period_name(digest: Digest) -> str:
    """Return the period of a digest as a name: 2026-W48, 2026-11."""
    if digest.period is DigestPeriod.MONTHLY:
        return f"{digest.first:%Y-%m}"
    return f"{digest.first:%G-W%V}"
