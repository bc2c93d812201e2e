"""Commands for whole runs: ``brainalign run`` once, ``brainalign serve`` by schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import LOG_LINES, AsJson, Domain, Home, MaxMissing, now, print_json, say, settings_from, stage

if TYPE_CHECKING:
    from ..service.run import Done
    from ..store import SnapshotInfo


def run(
    source: Annotated[
        str | None,
        typer.Option(help="Address, file or folder to read instead of the configured source.", metavar="URL|PATH"),
    ] = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Fetch, store, check alerts, report and deliver, once (for cron)."""
    from brainalign_plugin.errors import BrainAlignError
    from brainalign_plugin.text import printable

    from ..operations import pull
    from ..service.run import monitor_of, run_once

    settings = settings_from(home=home, domain=domain, max_missing=max_missing)
    records, failures = [], []
    with pull.open_home(settings) as store:
        monitor = monitor_of(settings, store, now, stage)
        for one in monitor.each() if source is None else (monitor,):
            try:
                done = run_once(one, source)
            except BrainAlignError as failure:
                # One leaderboard that fails keeps no other from its run.
                failures.append(failure)
                continue
            info = store.info(done.result.fetched.stored.id)
            records.append(_run_json(done, info))
            if not as_json:
                _print_run(done, info)
    if as_json and records:
        print_json({"schema": 1, "runs": records})
    for other in failures[1:]:
        typer.echo(printable(f"brainalign: {other}"), err=True)
    if failures:
        raise failures[0]


def _print_run(done: Done, info: SnapshotInfo) -> None:
    from ..operations.kept_alerts import HELD
    from . import printing

    printing.fetched(done.result.fetched, info)
    printing.report(done.result.report, done.result.wrote_report)
    for news in done.news:
        say(f"{'note' if news.kind == HELD else 'alert'}: {news.words}")
    if line := _messages_line(done):
        say(line)


def _run_json(done: Done, info: SnapshotInfo) -> dict[str, Any]:
    from dataclasses import asdict

    from ..operations.alerting import news_json

    return {
        "news": done.result.fetched.stored.new,
        "snapshot": info.id,
        "domain": info.domain,
        "as_of": info.as_of_time,
        "sha256": info.sha256,
        "rejected": len(done.result.fetched.pull.rejected),
        "notes": done.result.fetched.notes,
        "report": done.result.report,
        "report_written": done.result.wrote_report,
        "alerts": [news_json(news) for news in done.news],
        "messages": {"queued": done.queued, **asdict(done.drained)},
    }


def _messages_line(done: Done) -> str:
    """Return the outcome of the messages in words; empty if there were none."""
    drained = done.drained
    counts = {
        "queued": done.queued,
        "sent": drained.sent,
        "to be tried again": drained.failed + drained.postponed,
        "given up": drained.given_up,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"messages: {said}" if said else ""


def serve(home: Home = None, domain: Domain = None, max_missing: MaxMissing = None) -> None:
    """Run everything by the configured schedule until SIGTERM."""
    from ..operations import pull
    from ..service.run import monitor_of
    from ..service.serve import serve as serve_until_stopped

    # A service always logs, because its log is its only output.
    LOG_LINES.set("json" if LOG_LINES.get() == "json" else "text")
    settings = settings_from(home=home, domain=domain, max_missing=max_missing)
    with pull.open_home(settings) as store:
        serve_until_stopped(monitor_of(settings, store, now))
