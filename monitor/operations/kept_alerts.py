"""Alerts out of the findings that the store keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..delivery.messages import Alert, HeadlineFigure
from ..history.alerts import On

if TYPE_CHECKING:
    from ..store import Finding, SnapshotInfo, Store

# Kinds of findings: an alert held since the first board, so that it never fired.
FIRING, RESOLVED, HELD = "alert firing", "alert resolved", "alert held"


def alert_record(news: Mapping[str, Any], info: SnapshotInfo) -> Alert:
    """Return an alert for messages from the stored record of its news (`news_json`)."""
    # A rule on changes saw a difference, which is not the figure.
    level = news["value"] is not None and news["on"] == On.LEVEL.value
    words, attribution = news["words"], news["attribution"]
    return Alert(
        domain=info.domain,
        rule=news["rule"],
        fired=news["event"] != "ended",
        words=words if attribution is None else f"{words}; {attribution}",
        as_of=datetime.fromisoformat(news["as_of"]),
        # With its moment, because the same content can be news again later.
        board=f"{info.digest} {news['as_of']}",
        figure=HeadlineFigure(news["figure"], news["value"], tuple(news["interval"])) if level else None,
        simulated=info.simulated,
    )


def told_alerts(
    store: Store, domain: str, since: datetime | None = None, until: datetime | None = None
) -> tuple[Finding, ...]:
    """Return alerts that fired or ended from one moment to before another, in this order."""
    return tuple(one for one in store.findings(domain, since, until) if one.kind in (FIRING, RESOLVED))


def last_alerts(store: Store, domain: str) -> tuple[Finding, ...]:
    """Return the last alerts that fired or ended with one board: those of one message; none if none ever did."""
    found = told_alerts(store, domain)
    return tuple(one for one in found if (one.snapshot_id, one.found_at) == (found[-1].snapshot_id, found[-1].found_at))


def active_alerts(store: Store, domain: str, at: datetime | None = None) -> tuple[Finding, ...]:
    """Return the finding that each alert active now (or ``at`` a moment) fired or held with, by the rule's name.

    A rule that was removed since that moment, without its alert having ended, is left out.
    """
    state: Mapping[str, Any] = store.alert_state(domain) or {}
    active = {name for name, entry in state.get("rules", {}).items() if entry["standing"]["active"]}
    if at is not None:
        active |= {one.subject for one in told_alerts(store, domain, since=at)}
    known = (one for one in store.findings(domain, until=at) if one.kind in (FIRING, RESOLVED, HELD))
    last = {one.subject: one for one in known}
    return tuple(last[name] for name in sorted(active & last.keys()) if last[name].kind != RESOLVED)
