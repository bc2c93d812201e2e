"""Digests of a week or a month, out of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from brainalign_plugin.certainty.bootstrap import family_bootstrap
from brainalign_plugin.certainty.families import families

from ..base.cache import Cache
from ..base.errors import NoBoardError
from ..base.messages import Message
from ..base.progress import Stage, silent
from ..delivery import Alert, Digest, DigestPeriod, Picture, Subscriber
from ..delivery.composing import compose_digest
from ..delivery.wording import figure_label, figures_at
from ..history.periods import midnight
from ..history.series import BoardChange, Chronicle, History, HistoryOptions
from ..history.timeline import Timeline
from ..operations import reporting
from ..operations.kept_alerts import ENDED, active_alerts, told_alerts
from .channels import letterhead, subscribers

if TYPE_CHECKING:
    from brainalign_plugin.analysis import Analysis

    from ..config.settings import Settings
    from ..store import Finding, SnapshotInfo, Store

# As wide as the mail shows a picture.
_WIDTH = 584
_PICTURED = "mean_rho"
_HOW_TO_READ = (
    "Black: the whole board of its time. Pink, dashed: the same benchmarks throughout the last two years, with all "
    "models that have them. Blue, dotted: the same models, with all benchmarks that they have. Bands are 95 % "
    "intervals over families of models, hollow points reconstructed boards."
)


def period_before(moment: datetime, period: DigestPeriod) -> tuple[date, date]:
    """Return the first and last day of the last whole week (from Monday) or month before a moment, in UTC."""
    today = moment.date()
    if period is DigestPeriod.MONTHLY:
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    last = today - timedelta(days=today.weekday() + 1)
    return last - timedelta(days=6), last


def digest_messages(
    settings: Settings,
    store: Store,
    period: DigestPeriod,
    slot: datetime,
    at: datetime,
    stage: Stage = silent,
) -> Sequence[Message]:
    """Return the messages of the digest that is due at a slot: about the week or month before it.

    Whenever it is made, its messages are the same ones to the outbox.

    Parameters
    ----------
    slot : datetime
        When it was due, in UTC.
    at : datetime
        When it is made: Date of the mails.

    Returns
    -------
    sequence of Message
        None without subscribers to this digest, or without a board by the end of the period.
    """
    wanting: Sequence[Subscriber] = [one for one in subscribers(settings) if one.digest is period]
    digest = digest_of(settings, store, period, slot, stage) if wanting else None
    with stage("composing"):
        return [] if digest is None else compose_digest(digest, wanting, letterhead(settings), at)


def digest_of(
    settings: Settings, store: Store, period: DigestPeriod, slot: datetime, stage: Stage = silent
) -> Digest | None:
    """Return the digest of the last whole week or month before a moment; None before the first board.

    Everything in it is as it was known at the end of the period, also if it is made late.
    """
    first, last = period_before(slot, period)
    begin, end = midnight(first), midnight(last + timedelta(days=1))
    options = HistoryOptions(settings.max_missing, known=end, families=settings.family_table)
    try:
        timeline = Timeline(store, settings.domain, options, Cache(settings.home / "cache"), stage)
    except NoBoardError:
        return None
    newest = timeline.boards[-1]
    before = next((info.id for info in reversed(timeline.boards) if info.seen_at < begin), None)
    # A board that was reconstructed in the period is no news of the period.
    changes = [one for one in timeline.board_changes(since=begin) if not one.later.reconstructed]
    with stage("analysing"):
        analysis = reporting.analyse_snapshot(settings, store.snapshot(newest.id))
        board = analysis.cleaning.board
        intervals = reporting.headline_intervals(family_bootstrap(board, families(board)))
    return Digest(
        domain=settings.domain,
        period=period,
        first=first,
        last=last,
        as_of=newest.as_of_time,
        models=newest.models,
        benchmarks=newest.benchmarks,
        figures=figures_at(timeline.history, newest.id, before, intervals),
        changelog=[f"{_of(change, changes)}{line}" for change in changes for line in change.changelog],
        causes=[f"{_of(change, changes)}{one.sentence}" for change in changes for one in change.causes],
        alerts=[
            alert_of(one, store.described(one.snapshot_id))
            for one in told_alerts(store, settings.domain, begin, end)
        ],
        active=[
            alert_of(one, store.described(one.snapshot_id))
            for one in active_alerts(store, settings.domain, end)
        ],
        pictures=_pictures(timeline.history, analysis),
        simulated=newest.simulated,
    )


def _of(change: BoardChange, changes: Sequence[BoardChange]) -> str:
    """Return the day of a line's board if there are several boards."""
    return "" if len(changes) == 1 else f"{change.later.as_of_time:%Y-%m-%d}: "


def alert_of(finding: Finding, info: SnapshotInfo) -> Alert:
    """Return a firing or resolved alert from its stored finding."""
    return Alert(
        domain=info.domain,
        rule=finding.subject,
        fired=finding.kind != ENDED,
        words=finding.words,
        as_of=info.as_of_time,
        board=info.digest,
        simulated=info.simulated,
    )


def _pictures(record: History, analysis: Analysis) -> tuple[Picture, ...]:
    from ..rendering.pictures import chart_png, history_chart, parts_chart

    found = []
    past = history_chart(Chronicle(record, (), ()), _PICTURED)
    if past is not None:
        title = f"{figure_label(_PICTURED)[:1].upper()}{figure_label(_PICTURED)[1:]}"
        found.append(
            Picture("history-mean_rho", title, past.alt, chart_png(past, _WIDTH), _WIDTH, _HOW_TO_READ)
        )
    parts = parts_chart(analysis)
    if parts is not None:
        found.append(Picture("scatter", parts.title, parts.alt, chart_png(parts, _WIDTH), _WIDTH))
    return tuple(found)
