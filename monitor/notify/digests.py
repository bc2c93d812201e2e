"""Digests of a week or a month, out of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from brainalign_plugin.certainty.bootstrap import FamilyBootstrap, family_bootstrap
from brainalign_plugin.certainty.families import families

from ..base.errors import NoBoardError
from ..base.outgoing import Message
from ..base.progress import Stage, silent
from ..delivery.composing import compose_digest
from ..delivery.message_text import day_text, figures_at, period_text
from ..delivery.messages import Alert, Digest, DigestPeriod, NewsLine, Picture
from ..history.figures import cleaned
from ..history.periods import midnight
from ..history.series import Chronicle, History
from ..operations import reporting
from ..operations.kept_alerts import RESOLVED, active_alerts, told_alerts
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


@dataclass(frozen=True, slots=True)
class Composed:
    """Messages of a digest, and the reason why there are none; empty if there are."""

    messages: Sequence[Message]
    reason: str = ""


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
) -> Composed:
    """Compose the digest that is due at a slot: about the week or month before it.

    Whenever it is made (``at``, the Date of the mails), its messages are the same ones to the outbox.
    """
    wanting = [one for one in subscribers(settings) if one.digest is period]
    if not wanting:
        return Composed((), f'no recipient, webhook or notification has digest = "{period.value}"')
    digest = digest_of(settings, store, period, slot, stage)
    if digest is None:
        last = day_text(period_before(slot, period)[1])
        return Composed((), f"no board had been seen by its end, {last}; `brainalign run` pulls one")
    with stage("composing"):
        made = compose_digest(digest, wanting, letterhead(settings), at)
    quiet = f'{period_text(digest)} was quiet, and all who get it have when_quiet = "nothing"'
    return Composed(made, "" if made else quiet)


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
    changes = [NewsLine(*point) for point in zip(section.points, section.links, strict=True)]
    verdict = "" if section.verdict is None else section.verdict.words
    return {"news": news, "verdict": verdict, "answer": section.answer, "changes": changes}


def alert_of(finding: Finding, store: Store) -> Alert:
    """Return a firing or resolved alert from its stored finding."""
    info = store.described(finding.snapshot_id)
    return Alert(
        domain=info.domain,
        rule=finding.subject,
        fired=finding.kind != RESOLVED,
        words=finding.words,
        as_of=info.as_of_time,
        board=info.digest,
        simulated=info.simulated,
    )


def _picture(record: History) -> Picture | None:
    from ..rendering.charts import chart_png, history_chart

    past = history_chart(Chronicle(record), _PICTURED)
    if past is None:
        return None
    return Picture("agreement", past.title, past.alt, chart_png(past, _WIDTH), _WIDTH)
