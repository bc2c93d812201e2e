"""Digests of a week or a month, out of the store; previews of mails, and test mails."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Any

from brainalign_plugin.certainty.bootstrap import FamilyBootstrap, family_bootstrap
from brainalign_plugin.certainty.families import families
from brainalign_plugin.errors import InputError

from ..base.errors import NoBoardError, StoreError
from ..base.outgoing import Channel, Kind, Message, message_id
from ..base.progress import Stage, silent
from ..delivery.composing import compose_alerts, compose_digest, compose_operator, day_text, figures_at, period_text
from ..delivery.messages import Alert, Digest, DigestPeriod, OperatorNote, Picture, Subscriber
from ..history.figures import cleaned
from ..history.periods import midnight
from ..history.series import Chronicle, History
from ..operations import reporting
from ..operations.kept_alerts import active_alerts, alert_record, last_alerts, told_alerts
from ..report.changed import changed_section, followed_models, news_in_words
from ..report.wording import number
from .channels import letterhead, subscribers

if TYPE_CHECKING:
    from brainalign_plugin.data.board import Board

    from ..config.settings import Settings
    from ..history.series import Since
    from ..store import Finding, Store


# As wide as the mail shows a picture.
_WIDTH = 584
_PICTURED = "mean_rho"


def period_before(moment: datetime, period: DigestPeriod) -> tuple[date, date]:
    """Return the first and last day of the last whole week (from Monday) or month before a moment, in UTC."""
    today = moment.date()
    if period is DigestPeriod.MONTHLY:
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    last = today - timedelta(days=today.weekday() + 1)
    return last - timedelta(days=6), last


def digest_messages(
    settings: Settings, store: Store, period: DigestPeriod, slot: datetime, at: datetime, stage: Stage = silent
) -> tuple[Sequence[Message], str]:
    """Compose the digest of the week or month before a slot, or say why there is none; ``at`` is the Date of mails.

    Whenever it is made, its messages are the same ones to the outbox.
    """
    wanting = [one for one in subscribers(settings) if one.digest is period]
    if not wanting:
        return (), f'no recipient, webhook or notification has digest = "{period.value}"'
    digest = digest_of(settings, store, period, slot, stage)
    if digest is None:
        last = day_text(period_before(slot, period)[1])
        return (), f"no board had been seen by its end, {last}; `brainalign run` pulls one"
    with stage("composing"):
        made = compose_digest(digest, wanting, letterhead(settings), at)
    quiet = f'{period_text(digest)} was quiet, and all who get it have when_quiet = "nothing"'
    return made, "" if made else quiet


def digest_of(
    settings: Settings, store: Store, period: DigestPeriod, slot: datetime, stage: Stage = silent
) -> Digest | None:
    """Return the digest of the last whole week or month before a moment; None before the first board.

    Everything in it is as it was known at the end of the period, also if it is made late.
    """
    first, last = period_before(slot, period)
    begin, end = midnight(first), midnight(last + timedelta(days=1))
    try:
        timeline = reporting.timeline(settings, store, stage, known=end)
    except NoBoardError:
        return None
    newest = timeline.boards[-1]
    before = next((info.id for info in reversed(timeline.boards) if info.seen_at < begin), None)
    told = [alert_of(one, store) for one in told_alerts(store, settings.domain, begin, end)]
    firing = active_alerts(store, settings.domain, end)
    # A board that was reconstructed in the period is no news of the period.
    new = newest.seen_at >= begin and not newest.reconstructed
    since = timeline.since(begin) if new else None
    with stage("analysing"):
        analysis = reporting.analyse_snapshot(settings, store.snapshot(newest.id))
        board = analysis.cleaning.board
        bootstrap = family_bootstrap(board, families(board))
    page = reporting.report_path(settings, newest)
    # The first board of all is news in full.
    changed = new and (since is None or not since.changes.empty)
    return Digest(
        domain=settings.domain,
        period=period,
        first=first,
        last=last,
        as_of=newest.as_of_time,
        models=newest.models,
        benchmarks=newest.benchmarks,
        figures=figures_at(
            timeline.history,
            newest.id,
            before if since is None else since.earlier.id,
            reporting.headline_intervals(bootstrap),
        ),
        **_news(since, board, bootstrap, settings.max_missing, changed),
        followed={
            key: followed_models(key, analysis.snapshot, analysis.official.ranks, since)
            for recipient in settings.recipients.values()
            for key in recipient.models
        },
        alerts=told,
        active=[alert_of(one, store) for one in firing if one.subject not in {alert.rule for alert in told}],
        picture=_picture(timeline.history),
        report=f"reports/{page.name if page.is_file() else 'latest.html'}#changed",
        quiet=not changed and not told,
        simulated=newest.simulated,
    )


def _news(
    since: Since | None, board: Board, bootstrap: FamilyBootstrap, max_missing: float, changed: bool
) -> dict[str, Any]:
    """Return the news, verdict, answer and changes of a digest."""
    rho = number(bootstrap.figures["mean_rho"], 2)
    if not changed:
        return {
            "news": f"nothing changed; agreement unchanged at {rho}",
            "verdict": "Nothing restated",
            "answer": "Nothing changed.",
        }
    section = changed_section(since, board, bootstrap)
    news = f"first report; agreement {rho}"
    if since is not None:
        news = news_in_words(since, board, bootstrap, cleaned(since.changes.earlier.board(), max_missing).ids)
    changes = list(zip(section.points, section.links, strict=True))
    verdict = "" if section.verdict is None else section.verdict.words
    return {"news": news, "verdict": verdict, "answer": section.answer, "changes": changes}


def alert_of(finding: Finding, store: Store) -> Alert:
    """Return a firing or resolved alert of a digest, which gives no causes and no figure, from its stored finding."""
    info = store.described(finding.snapshot_id)
    return replace(alert_record(finding.data, info), words=finding.words, as_of=info.as_of_time, figure=None)


def _picture(record: History) -> Picture | None:
    from ..rendering.charts import chart_png, history_chart

    past = history_chart(Chronicle(record), _PICTURED)
    if past is None:
        return None
    return Picture("agreement", past.title, past.alt, chart_png(past, _WIDTH), _WIDTH)


_READER = "reader@example.org"


def preview(settings: Settings, store: Store, kind: str, at: datetime, stage: Stage = silent) -> Message:
    """Return the mail of a kind to the first recipient who wants it, as sent or as of now; StoreError without news."""
    alert = kind == "alert"
    made = _alert_preview(settings, store) if alert else _digest_preview(settings, store, kind, at, stage)
    # Byte for byte: its Date is that of the moment at which it was made.
    queued = store.message(made.id)
    return queued.message if queued is not None and queued.message.body else made


def _digest_preview(
    settings: Settings, store: Store, kind: str, at: datetime, stage: Stage, reader: Subscriber | None = None
) -> Message:
    period = DigestPeriod(kind)
    # Of the period that is not over yet, if nothing had been seen before it: what will be sent at its end.
    for slot in (at, at + timedelta(days=7 if period is DigestPeriod.WEEKLY else 31)):
        digest = digest_of(settings, store, period, slot, stage)
        if digest is not None:
            reader = reader or _reader(
                settings, lambda one: one.digest is period, Subscriber(Channel.MAIL, _READER, digest=period)
            )
            # Shown also to a reader who gets none in a quiet period.
            shown = replace(reader, when_quiet=True)
            (message,) = compose_digest(digest, [shown], letterhead(settings), at)
            return message
    raise StoreError("there is no board yet; `brainalign run` pulls one")


def _alert_preview(settings: Settings, store: Store) -> Message:
    found = last_alerts(store, settings.domain)
    if not found:
        raise StoreError(
            "no alert has been firing yet; `brainalign alerts backtest` lists those of the history, `brainalign mail "
            "preview weekly` shows another mail"
        )
    info = store.described(found[0].snapshot_id)
    alerts = [alert_record(one.data, info) for one in found]
    reader = _reader(settings, lambda one: one.alerts, Subscriber(Channel.MAIL, _READER))
    (message,) = compose_alerts(alerts, [reader], letterhead(settings), found[0].found_at)
    return message


def _reader(settings: Settings, wants: Callable[[Subscriber], bool], example: Subscriber) -> Subscriber:
    """Return the first configured recipient who wants a mail, or the example if there is none."""
    mails = (one for one in subscribers(settings) if one.channel is Channel.MAIL and wants(one))
    return next(mails, example)


def test_message(settings: Settings, address: str, at: datetime) -> Message:
    """Return a test mail."""
    note = OperatorNote(
        occasion=f"test {at.isoformat()}",
        subject="test mail",
        words="This is the test mail of `brainalign mail test`. No action is needed.",
        facts=(("Mail server", f"{settings.mail.host}:{settings.mail.used_port}"),),
    )
    reader = Subscriber(Channel.MAIL, address, operator=True)
    (message,) = compose_operator(note, [reader], letterhead(settings), at)
    return message


def test_digest(settings: Settings, store: Store, kind: str, address: str, at: datetime, stage: Stage) -> Message:
    """Return the digest as it would be sent now to an address, with a Message-ID of its own."""
    reader = Subscriber(Channel.MAIL, address, digest=DigestPeriod(kind))
    made = _digest_preview(settings, store, kind, at, stage, reader)
    # Of two mails with one Message-ID, mail programs show the first alone.
    own = message_id(Channel.MAIL, Kind.DIGEST, address, f"test {at.isoformat()}")
    digits, new = (name.partition("@")[0].encode() for name in (made.id, own))
    return replace(made, id=own, body=made.body.replace(digits, new))


def preview_bytes(message: Message, suffix: str) -> bytes:
    """Return a mail as a file: whole (``.eml``), its text (``.txt``), or HTML with pictures (``.html``)."""
    if suffix == ".eml":
        return message.body
    mail: Any = message_from_bytes(message.body, policy=default)
    text, html = mail.iter_parts()
    if suffix == ".txt":
        return _content(text).encode()
    if suffix == ".html":
        return _with_pictures(html).encode()
    raise InputError(f"a mail cannot be written as {suffix!r}; name a file that ends in .eml, .html or .txt")


def _with_pictures(part: EmailMessage) -> str:
    if not part.is_multipart():
        return _content(part)
    parts: list[Any] = list(part.iter_parts())
    pictures = {one["Content-ID"].strip("<>"): base64.b64encode(one.get_content()).decode() for one in parts[1:]}
    return re.sub(
        r'src="cid:([^"]+)"', lambda use: f'src="data:image/png;base64,{pictures[use[1]]}"', _content(parts[0])
    )


def _content(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")
