"""A run: committed whole or not at all, one at a time, and told to whoever wants to know."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.base.errors import BusyError, NotJsonError, StoreError
from brainalign_monitor.base.outgoing import Kind
from brainalign_monitor.config.sections import SiteSettings
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.delivery.messages import Letterhead
from brainalign_monitor.history.alerts import DEFAULT_RULES, Condition, On, Rule
from brainalign_monitor.notify.digests import preview
from brainalign_monitor.operations import alerting
from brainalign_monitor.operations.kept_alerts import active_alerts
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.service import run as running
from brainalign_monitor.service.run import Done, Monitor, Stopped, run_once
from brainalign_monitor.store import MessageState, RunState, Store, open_store
from brainalign_plugin import analysis
from brainalign_plugin.analysis import Analysis
from tests.commands import brainalign
from tests.monitor.running.conftest import NOW, payload
from tests.monitor.sources.samples import LEAVES, body_of, document


def run(monitor: Monitor, source: str) -> Done:
    return run_once(monitor, source)


def state_of(store: Store) -> tuple[object, ...]:
    """All that one transaction of a run may change."""
    return store.snapshots(), store.findings(), store.alert_state("vision"), store.messages()


def test_a_run_is_noted_and_what_fired_is_told_once(monitor, store, mailbox, tmp_path):
    run(monitor, payload(tmp_path, 1))
    done = run(monitor, payload(tmp_path, 2, models=7))
    assert [(news.rule, news.fired) for news in done.news] == [("the board shrank", True)]
    assert (done.queued, done.drained.sent) == (1, 1)
    (letter,) = mailbox.letters
    assert (letter.kind, letter.recipient) == (Kind.ALERT, "reader@lab.example")
    assert letter.subject == "Brain-Score vision: the board shrank firing"
    again = run(monitor, payload(tmp_path, 2, models=7))
    assert (again.news, again.queued, len(mailbox.letters)) == ([], 0, 1)
    run(monitor, payload(tmp_path, 3, models=7 + 2))
    assert [letter.subject.rpartition(" ")[2] for letter in mailbox.letters] == ["firing", "resolved"]
    kinds = [finding.kind for finding in store.findings("vision")]
    assert kinds == ["alert firing", "alert resolved"]
    assert {record.state for record in store.runs("pull")} == {RunState.FINISHED}
    assert len(store.runs()) == 4


def test_a_run_computes_what_report_and_site_share_once(settings, store, tmp_path, monkeypatch):
    own = settings.model_copy(update={"site": SiteSettings(folder=tmp_path / "site")})
    stages: list[str] = []
    analysed: list[object] = []
    analyse = analysis.analyse

    def counted(*given: Any, **options: Any) -> Analysis:
        analysed.append(given)
        return analyse(*given, **options)

    def stage(text: str) -> AbstractContextManager[object]:
        stages.append(text)
        return nullcontext()

    monkeypatch.setattr(analysis, "analyse", counted)
    moments = iter(NOW + timedelta(seconds=i) for i in range(1000))
    monitor = running.monitor_of(own, store, lambda: next(moments), stage)
    for day in (1, 2):
        analysed.clear()
        stages.clear()
        run(monitor, payload(tmp_path, day, day + 5))
        assert len(analysed) == 1
    assert stages.count("analysing the history") == 1
    assert "comparing the schemes of aggregation" in stages
    assert (tmp_path / "site" / "current" / "reports" / "latest.html").is_file()


def board_of_noise(folder: Path, day: int, models: int) -> str:
    """Benchmarks that do not agree: random scores."""
    board = document(models) | {"datetime_range": {"max": f"2024-01-{day:02}T00:00:00+00:00"}}
    values = np.random.default_rng(models).uniform(0.1, 0.9, (models, len(LEAVES)))
    for k, (model, row) in enumerate(zip(board["models"], values, strict=True)):
        # No two of one family, so that there is an interval.
        model["name"] = f"{chr(97 + k // 26)}{chr(97 + k % 26)}net"
        for name, value in zip(LEAVES, row, strict=True):
            model["scores"][name][0]["value"] = f"{value:.3f}"
    path = folder / f"noise-{day}.json"
    path.write_bytes(body_of(board))
    return str(path)


def test_what_is_so_on_the_first_board_alarms_nobody_and_one_board_is_one_mail(
    monitor, settings, store, mailbox, tmp_path
):
    growth = Rule("it grew", "models", Condition.ABOVE, 5, on=On.CHANGE, versions=1, min_overlap=1)
    fell = Rule("it fell", "models", Condition.BELOW, -5, on=On.CHANGE, versions=1, min_overlap=1)
    low = replace(
        next(rule for rule in DEFAULT_RULES if rule.figure == "mean_rho" and rule.on is On.LEVEL),
        bound=0.8,
        resolve=0.9,
    )
    watched = replace(monitor, rules=(low, growth, fell, replace(growth, name="it grew again")))
    first = run(watched, board_of_noise(tmp_path, 1, 160))
    assert [(news.rule, news.kind) for news in first.news] == [(low.name, "alert held")]
    assert "holds since the first board: mean rank correlation" in first.news[0].words
    second = run(watched, board_of_noise(tmp_path, 2, 161))
    assert (second.news, mailbox.letters) == ([], [])
    assert [one.subject for one in active_alerts(store, "vision")] == [low.name]
    # Two alerts of a board are one mail to the reader.
    third = run(watched, board_of_noise(tmp_path, 3, 180))
    assert [news.rule for news in third.news] == ["it grew", "it grew again"]
    (letter,) = mailbox.letters
    assert letter.subject == "Brain-Score vision: 2 alerts: it grew firing, it grew again firing"
    run(watched, board_of_noise(tmp_path, 4, 170))
    later = mailbox.letters[1]
    assert later.subject.endswith("3 alerts: it grew resolved, it fell firing, it grew again resolved")
    assert len(mailbox.letters) == 2
    # A preview is what was sent, also when the outbox has forgotten it.
    mailing = settings.model_copy(update=mail_to(later.recipient))
    assert preview(mailing, store, "alert", NOW).body == later.body
    store.forget_bodies(NOW + timedelta(days=900))
    assert preview(mailing, store, "alert", NOW).body == later.body


def mail_to(address: str) -> dict[str, Any]:
    loaded = load_settings(
        mail={"host": "localhost", "sender": "monitor@lab.example"}, recipients={"r": {"address": address}}
    )
    return {"mail": loaded.mail, "recipients": loaded.recipients}


STAGES = ("fetching", "storing", "evaluating", "composing", "committing")


class Broken(BaseException):
    """What a crash is to the process itself."""


def breaking(at: str, leaving: bool = False) -> Callable[[str], AbstractContextManager[object]]:
    class Break(nullcontext[object]):
        def __enter__(self) -> None:
            if not leaving:
                raise Broken

        def __exit__(self, *_: object) -> None:
            if leaving:
                raise Broken

    return lambda text: Break() if text.startswith(at) else nullcontext()


@pytest.mark.parametrize("stage", STAGES)
def test_until_it_is_committed_a_run_leaves_nothing(monitor, store, mailbox, tmp_path, stage):
    run(monitor, payload(tmp_path, 1))
    before = state_of(store)
    source = payload(tmp_path, 2, models=7)
    with pytest.raises(Broken):
        run(replace(monitor, stage=breaking(stage)), source)
    assert state_of(store) == before
    assert [record.state for record in store.runs()] == [RunState.CLAIMED, RunState.FINISHED]
    done = run(monitor, source)
    assert done.result.wrote_report
    assert [letter.kind for letter in mailbox.letters] == [Kind.ALERT]
    assert [record.state for record in store.runs()] == [RunState.FINISHED, RunState.LOST, RunState.FINISHED]


@pytest.mark.parametrize(
    ("stage", "leaving"),
    [
        ("storing", True),
        ("analysing", False),
        ("writing", False),
        ("sending", False),
        ("sending", True),
        ("noting", False),
    ],
)
def test_what_is_committed_is_completed_by_the_next_run(monitor, store, mailbox, tmp_path, stage, leaving):
    run(monitor, payload(tmp_path, 1))
    source = payload(tmp_path, 2, models=7)
    with pytest.raises(Broken):
        run(replace(monitor, stage=breaking(stage, leaving)), source)
    assert len(store.snapshots()) == 2
    assert len(store.messages()) == 1
    done = run(monitor, source)
    assert done.result.report.is_file()
    assert len({letter.id for letter in mailbox.letters}) == 1, "at least once, under one id"
    assert [queued.state for queued in store.messages()] == [MessageState.SENT]


def test_a_slot_that_was_lost_is_said_and_counts_as_a_failure(monitor, store, mailbox, tmp_path, capsys):
    source = payload(tmp_path, 1)
    for _ in range(3):
        with pytest.raises(Broken):
            run(replace(monitor, stage=breaking("storing")), source)
    run(monitor, source)
    assert "run lost" in capsys.readouterr().out
    assert [letter.subject for letter in mailbox.letters] == [
        "BrainAlign: watching vision failed 3 times in a row",
        "BrainAlign: watching vision works again",
    ]


def test_what_a_killed_run_left_half_written_goes(monitor, settings, tmp_path):
    left = settings.home / "cache" / f".{'0' * 16}.tmp"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("half")
    os.utime(left, (0, (NOW - timedelta(days=2)).timestamp()))
    run(monitor, payload(tmp_path, 1))
    assert not left.exists()


def test_results_go_to_readers_and_failures_once_to_the_operator(monitor, store, mailbox, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"<html>")
    for _ in range(5):
        with pytest.raises(NotJsonError):
            run(monitor, str(bad))
    run(monitor, payload(tmp_path, 1))
    assert [(letter.recipient, letter.subject) for letter in mailbox.letters] == [
        ("operator@lab.example", "BrainAlign: watching vision failed 3 times in a row"),
        ("operator@lab.example", "BrainAlign: watching vision works again"),
    ]
    assert {record.error for record in store.runs("pull") if record.state is RunState.FAILED} == {"NotJsonError"}


def test_mail_that_cannot_be_sent_now_is_sent_by_a_later_run_even_one_that_fails(monitor, mailbox, tmp_path):
    run(monitor, payload(tmp_path, 1))
    mailbox.closed = True
    done = run(monitor, payload(tmp_path, 2, models=7))
    assert (done.queued, done.drained.sent, done.drained.failed) == (1, 0, 1)
    mailbox.closed = False
    later = replace(monitor, clock=lambda: NOW + timedelta(days=1))
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"<html>")
    with pytest.raises(NotJsonError):
        run(later, str(bad))
    assert [letter.kind for letter in mailbox.letters] == [Kind.ALERT]


def test_an_unexpected_error_in_every_run_keeps_no_message_back(monitor, store, mailbox, tmp_path):
    run(monitor, payload(tmp_path, 1))

    @contextmanager
    def failing(text):
        if text == "writing the report":
            raise ZeroDivisionError("a fault of ours")
        yield

    broken = replace(monitor, stage=failing)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            run(broken, payload(tmp_path, 2, models=7))
    assert [letter.kind for letter in mailbox.letters] == [Kind.ALERT, Kind.OPERATOR]
    assert "a fault of ours" in mailbox.letters[1].body.decode()
    assert len(store.snapshots()) == 2


def test_a_site_is_made_again_only_if_something_of_it_changed(monitor, store, tmp_path):
    begun = []

    @contextmanager
    def noting(text):
        begun.append(text)
        yield

    own = tmp_path / "templates"
    own.mkdir()
    settings = monitor.settings.model_copy(update={"site": SiteSettings(folder=tmp_path / "site"), "templates": own})
    monitor = replace(monitor, settings=settings, stage=noting)
    page = tmp_path / "site" / "current" / "index.html"

    def made(source, **changes):
        begun.clear()
        run(replace(monitor, settings=settings.model_copy(update=changes)), source)
        return "writing the site" in begun

    first = payload(tmp_path, 1)
    assert [made(first), made(first)] == [True, False]
    page.unlink()
    assert [made(first), made(first)] == [True, False]
    assert page.is_file()
    (own / "site.css").write_text("body { color: red }")
    assert [made(first), made(first)] == [True, False]
    assert [made(first, max_missing=0.25), made(first, max_missing=0.25)] == [True, False]
    assert [made(payload(tmp_path, 2, models=7)), made(payload(tmp_path, 2, models=7))] == [True, False]


def test_rules_that_cannot_be_followed_do_not_keep_a_board_from_being_stored(
    monitor, store, mailbox, tmp_path, monkeypatch
):
    run(monitor, payload(tmp_path, 1))
    stood = store.alert_state("vision")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("no figures today")

    with monkeypatch.context() as patch:
        patch.setattr(alerting, "evaluate_alerts", broken)
        done = run(monitor, payload(tmp_path, 2, models=7))
    assert done.result.fetched.stored.new
    assert store.alert_state("vision") == stood
    assert store.alarm(running.FOLLOWING).message == "ZeroDivisionError: no figures today"
    done = run(monitor, payload(tmp_path, 2, models=7))
    assert [news.rule for news in done.news] == ["the board shrank"], "told as soon as it can be"
    assert store.alarm(running.FOLLOWING) is None
    assert len(mailbox.letters) == 1


def test_a_template_that_is_broken_costs_no_board_and_no_alert(monitor, store, mailbox, tmp_path):
    run(monitor, payload(tmp_path, 1))
    own = tmp_path / "templates"
    own.mkdir()
    (own / "mail_alert.txt.j2").write_text("{% nonsense %}")
    letterhead = Letterhead("monitor@lab.example", templates=own)
    broken = replace(monitor, outgoing=replace(monitor.outgoing, letterhead=letterhead))
    assert run(broken, payload(tmp_path, 2, models=7)).result.fetched.stored.new
    assert mailbox.letters == []
    (own / "mail_alert.txt.j2").unlink()
    run(broken, payload(tmp_path, 2, models=7))
    assert [letter.kind for letter in mailbox.letters] == [Kind.ALERT]


def test_one_at_a_time(monitor, settings, store, tmp_path):
    with (
        open_store(settings.store_address, settings.bodies) as other,
        other.exclusive("brainalign serve"),
        pytest.raises(BusyError, match=r"brainalign serve \(process \d+ on .*\) is at work"),
    ):
        run(monitor, payload(tmp_path, 1))
    assert store.runs() == ()


def test_whoever_was_taken_for_dead_commits_nothing(monitor, store, tmp_path):
    run(monitor, payload(tmp_path, 1))
    before = state_of(store)

    def lose(text: str) -> AbstractContextManager[object]:
        # As another process would that sees no lock, because the connection which held it was lost.
        if text.startswith("fetching"):
            store.lose_claimed(NOW)
        return nullcontext()

    with pytest.raises(StoreError, match="taken over by another process"):
        run(replace(monitor, stage=lose), payload(tmp_path, 2))
    assert state_of(store) == before


def test_a_stop_leaves_the_slot_to_be_done_again(monitor, store, tmp_path):
    def stop(text: str) -> AbstractContextManager[object]:
        if text == "committing":
            raise Stopped
        return nullcontext()

    with pytest.raises(Stopped):
        run(replace(monitor, stage=stop), payload(tmp_path, 1))
    (record,) = store.runs()
    assert (record.state, record.message) == (RunState.LOST, "stopped before it was done")
    assert store.snapshots() == ()


@pytest.mark.usefixtures("quick_report")
def test_the_command_says_what_fired_and_what_became_of_messages(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "brainalign.toml").write_text(
        '[[alerts]]\nname = "the board shrank"\nfigure = "models"\ncondition = "below"\nbound = -1\n'
        'on = "change"\nversions = 1\nmin_overlap = 1\n'
    )
    brainalign("run", "--source", payload(tmp_path, 1), home=home).succeeded()
    told = brainalign("run", "--source", payload(tmp_path, 2, models=7), "--json", home=home).succeeded().json
    (done,) = told["runs"]
    (alert,) = done["alerts"]
    assert (alert["rule"], alert["event"], alert["snapshot"]) == ("the board shrank", "fired", 2)
    assert done["messages"] == {"queued": 0, "sent": 0, "failed": 0, "given_up": 0, "postponed": 0}
    text = brainalign("run", "--source", payload(tmp_path, 3, models=9), home=home).succeeded().out
    assert "alert: the board shrank resolved" in text


def test_commands_that_would_meet_a_run_say_who_is_at_work(tmp_path):
    home = tmp_path / "home"
    settings = load_settings(home=home)
    with open_home(settings) as store, store.exclusive("brainalign serve"):
        for command in (["run", "--source", payload(tmp_path, 1)], ["fetch", payload(tmp_path, 1)]):
            ended = brainalign(*command, home=home)
            assert ended.code == 10
            assert ended.problem.startswith("brainalign serve (process ")
