"""Commands that watch and deliver: ``brainalign run | serve | publish | deliver | alerts | mail``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brainalign_plugin.text import counted

from ..base.files import fields_of
from . import printing
from .options import LOG_LINES, AsJson, Home, Limits, Where, command_group, now, opened, option, settings_from
from .printing import print_json, say, stage

if TYPE_CHECKING:
    from ..base.errors import DeliveryError
    from ..base.outgoing import Message
    from ..config.settings import Settings
    from ..history.alerts import Rule
    from ..notify.outbox import Drained
    from ..service.run import Done
    from ..store import Queued, SnapshotInfo

# Most messages of the outbox to print.
_MOST = 1000

Source = Annotated[str | None, option("Address, file or folder to read instead of the configured source.", "URL|PATH")]


def run(source: Source = None, *, where: Limits, as_json: AsJson = False) -> None:
    """Fetch, store, check alerts, report and deliver, once (for cron)."""
    from brainalign_plugin.errors import BrainAlignError

    from ..operations import pull
    from ..service.run import monitor_of, run_once

    settings = settings_from(**where)
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
    say(*(f"brainalign: {other}" for other in failures[1:]), err=True)
    if failures:
        raise failures[0]


def _print_run(done: Done, info: SnapshotInfo) -> None:
    from ..operations.kept_alerts import HELD

    printing.fetched(done.result.fetched, info)
    printing.report(done.result.report, done.result.wrote_report)
    for news in done.news:
        say(f"{'note' if news.kind == HELD else 'alert'}: {news.words}")
    drained = done.drained
    counts = {"queued": done.queued, "sent": drained.sent}
    counts |= {"to be tried again": drained.failed + drained.postponed, "given up": drained.given_up}
    if any(counts.values()):
        say("messages: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count))


def _run_json(done: Done, info: SnapshotInfo) -> dict[str, Any]:
    from ..operations.alerting import news_json

    result, fetched = done.result, done.result.fetched
    board = {"snapshot": info.id, "domain": info.domain, "as_of": info.as_of_time, "sha256": info.sha256}
    return {
        "news": fetched.stored.new,
        **board,
        "rejected": len(fetched.pull.rejected),
        "notes": fetched.notes,
        "report": result.report,
        "report_written": result.wrote_report,
        "alerts": [news_json(news) for news in done.news],
        "messages": {"queued": done.queued, **asdict(done.drained)},
    }


def serve(*, where: Limits) -> None:
    """Run everything by the configured schedule until SIGTERM."""
    from ..operations import pull
    from ..service.run import monitor_of
    from ..service.serve import serve as serve_until_stopped

    # A service always logs, because its log is its only output.
    LOG_LINES.set("json" if LOG_LINES.get() == "json" else "text")
    settings = settings_from(**where)
    with pull.open_home(settings) as store:
        serve_until_stopped(monitor_of(settings, store, now))


SiteFolder = Annotated[
    Path | None, option("Folder to publish in (default: site.folder of the settings).", "DIR", name="--output -o")
]


def publish(output: SiteFolder = None, *, where: Limits) -> None:
    """Publish the site: report, history, archive, feed, data.

    Point the web server at the folder ``current`` in it.
    """
    from ..base.errors import ConfigError
    from ..operations import publish as publishing
    from ..operations import pull

    settings = settings_from(**where)
    if output is not None:
        site = settings.site.model_copy(update={"folder": output.absolute()})
        settings = settings.model_copy(update={"site": site})
    if settings.site_folder is None:
        raise ConfigError("there is no folder to publish in; set site.folder, or give --output DIR")
    with pull.open_existing(settings, "latest") as store:
        for one in settings.each():
            folder = one.site_folder or settings.site_folder
            done = publishing.publish(one, store, folder, stage)
            removed = f", {done.removed} removed" if done.removed else ""
            counts = f"{counted(done.written, 'file')} written, {done.kept} unchanged{removed}"
            say(f"site: {done.folder} ({counts if done.new else 'no changes'})")


_QUEUED_BEFORE = "it was queued before for all who get it; each period has one"
Digest = Annotated[
    Literal["weekly", "monthly"] | None,
    option("First queue the digest of the last whole week or month, unless it was queued before."),
]
DryRun = Annotated[bool, option("Print the messages that would be sent; send nothing.", name="--dry-run")]


def deliver(digest: Digest = None, dry_run: DryRun = False, *, where: Where, as_json: AsJson = False) -> None:
    """Send the messages of the outbox that are due."""
    from ..delivery.messages import DigestPeriod
    from ..notify.digests import digest_messages
    from ..service.run import at_work, monitor_of, send_due
    from ..store import MessageState

    with opened(to_write=not dry_run, **where) as (settings, store):

        def made() -> tuple[list[Message], str]:
            """Return the messages of the digest, and why there is none."""
            if digest is None:
                return [], ""
            found = [digest_messages(one, store, DigestPeriod(digest), now(), now(), stage) for one in settings.each()]
            return [message for made, _ in found for message in made], found[0][1] or _QUEUED_BEFORE

        drained = None
        if dry_run:
            messages, why = made()
            known = store.known_messages(message.id for message in messages)
            new = [message for message in messages if message.id not in known]
        else:
            monitor = monitor_of(settings, store, now, stage, "brainalign deliver")
            with at_work(monitor):
                messages, why = made()
                new = list(store.enqueue(messages))
                drained = send_due(monitor)
        why = "" if new else why
        waiting = store.messages(MessageState.PENDING, limit=_MOST)
    record: dict[str, Any] = {"no_digest": why or None, "waiting": [_queued_json(one) for one in waiting]}
    if drained is None:
        record["new"] = [_message_json(one) for one in new]
    if as_json:
        print_json(record if drained is None else asdict(drained) | record)
    elif drained is None:
        _print_waiting(waiting, new, now())
    else:
        counts = f"{drained.sent} sent, {drained.failed} to be tried again, {drained.given_up} given up"
        say(f"{counts}, {len(waiting)} waiting")
    if why and not as_json:
        say(f"no {digest} digest was queued: {why}")
    if drained is not None and (drained.failed or drained.given_up):
        raise _undelivered(drained, waiting)


def _undelivered(drained: Drained, waiting: Sequence[Queued]) -> DeliveryError:
    from ..base.errors import DeliveryError

    last = next((one.last_error for one in reversed(waiting) if one.last_error), "see the log")
    failed = f"{counted(drained.failed, 'message')} not delivered and to be tried again"
    return DeliveryError(f"{failed}, {drained.given_up} given up; the last error: {last}", permanent=False)


def _print_waiting(queued: Sequence[Queued], new: Sequence[Message], now: datetime) -> None:
    """Print the messages that would be sent: pending ones, and those that would be queued first."""
    for message in new:
        say(f"new  {message.channel.value} to {message.recipient}: {message.subject}")
    for one in queued:
        at = one.next_try_at
        when = "due" if at is None or at <= now else f"at {at:%Y-%m-%d %H:%M} UTC"
        tried = f" (tried {counted(one.attempts, 'time')}; {one.last_error})" if one.attempts else ""
        say(f"{when}  {one.message.channel.value} to {one.message.recipient}: {one.message.subject}{tried}")
    say(f"{counted(len(new) + len(queued), 'message')}; nothing was sent")


def _message_json(message: Message) -> dict[str, Any]:
    return {name: value for name, value in asdict(message).items() if name != "body"}


def _queued_json(one: Queued) -> dict[str, Any]:
    tries = fields_of(one, "attempts", "next_try_at", "last_error")
    return {**_message_json(one.message), **tries, "last_error": one.last_error or None}


alerts_app = command_group("List, test and backtest the alert rules.")


@alerts_app.command("list")
def list_rules(home: Home = None, as_json: AsJson = False) -> None:
    """List the configured rules, or the default ones."""
    rules = _rules(settings_from(home=home))
    if as_json:
        print_json([{name: value for name, value in asdict(rule).items() if name != "tests"} for rule in rules])
        return
    for rule in rules:
        say(
            f"{rule.name}: {rule.on.value} of {rule.figure} {rule.condition.value} {rule.bound:g} for "
            f"{counted(rule.versions, 'data version')}, resolved at {rule.back_at:g}, at least "
            f"{counted(rule.min_overlap, 'model')}, {counted(len(rule.tests), 'test')}"
        )


@alerts_app.command("test")
def run_tests(home: Home = None) -> None:
    """Run the rules' own tests; exit code 8 if one fails."""
    from brainalign_plugin.errors import InputError

    from ..history.alerts import failed_tests

    rules = _rules(settings_from(home=home))
    wrong = [sentence for rule in rules for sentence in failed_tests(rule)]
    if wrong:
        raise InputError("; ".join([*wrong, "correct the rule or its test"]))
    say(f"{counted(sum(len(rule.tests) for rule in rules), 'test')} of {counted(len(rules), 'rule')} passed")


@alerts_app.command("backtest")
def backtest_rules(*, where: Limits, as_json: AsJson = False) -> None:
    """Evaluate the rules over the stored history."""
    from ..operations import alerting, reporting

    with opened("latest", **where) as (settings, store):
        rules = _rules(settings)
        with stage("evaluating the alert rules"):
            timeline = reporting.timeline(settings, store)
            events = alerting.backtest(timeline, rules)
    if as_json:
        print_json([alerting.news_json(event) for event in events])
        return
    say(
        f"{counted(len(rules), 'rule')} over {counted(len(timeline.versions), 'data version')}: "
        f"{counted(len(events), 'event')}"
    )
    for event in events:
        say(f"{event.as_of:%Y-%m-%d} {event.words}")
        if event.attribution is not None:
            say(f"           {event.attribution}")


def _rules(settings: Settings) -> tuple[Rule, ...]:
    from ..config.reading import CONFIG_NAME, load_rules

    return load_rules(settings.home / CONFIG_NAME)


mail_app = command_group("Preview and test mails.")
MailKind = Annotated[Literal["weekly", "monthly", "alert"], typer.Argument(help="Kind of mail.")]
MailFile = Annotated[Path, option("File to write: .eml, .html or .txt.", "FILE", name="--output -o")]
Address = Annotated[str, typer.Argument(help="Address of the recipient.", metavar="ADDRESS")]
TestDigest = Annotated[Literal["weekly", "monthly"] | None, option("Send this digest as it would be sent now instead.")]


@mail_app.command("preview")
def mail_preview(kind: MailKind = "weekly", output: MailFile = Path("brainalign-mail.html"), *, where: Where) -> None:
    """Write a mail as its recipients get it.

    It is the digest of the last week or month, or the last alert.
    """
    from ..base.files import write_atomically
    from ..notify.digests import preview, preview_bytes

    with opened("latest", **where) as (settings, store):
        message = preview(settings, store, kind, now(), stage)
    write_atomically(output, preview_bytes(message, output.suffix))
    say(message.subject, f"mail: {output}")


@mail_app.command("test")
def mail_test(address: Address, digest: TestDigest = None, *, where: Where) -> None:
    """Send a test mail to an address right away."""
    from ..base.errors import ConfigError
    from ..config.sections import is_mail_address
    from ..notify import channels
    from ..notify.digests import test_digest, test_message
    from ..operations import pull

    if not is_mail_address(address):
        raise typer.BadParameter(f"{address!r} is not a plain mail address", param_hint="ADDRESS")
    settings = settings_from("latest" if digest else "", **where)
    if settings.mail.host is None:
        raise ConfigError("no mail server is configured; set mail.host and mail.sender")
    if digest is None:
        message = test_message(settings, address, now())
    else:
        with pull.open_existing(settings, "latest") as store:
            message = test_digest(settings, store, digest, address, now(), stage)
    with stage(f"sending to {address}"):
        channels.sender(settings, now)(message)
    server = f"{settings.mail.host}:{settings.mail.used_port}"
    say(f"{server} accepted the mail to {message.recipient} (message {message.id})")
