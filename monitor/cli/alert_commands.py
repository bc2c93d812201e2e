"""Commands for the alert rules: ``brainalign alerts list | test | backtest``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainalign_plugin.text import counted

from .options import AsJson, Domain, Home, MaxMissing, command_group, print_json, say, settings_from, stage

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..history.alerts import Rule

alerts_app = command_group("List, test and backtest the alert rules.")


@alerts_app.command("list")
def list_rules(home: Home = None, as_json: AsJson = False) -> None:
    """List the configured rules, or the default ones."""
    from dataclasses import asdict

    rules = _rules(settings_from(home=home))
    if as_json:
        print_json(
            [{name: value for name, value in asdict(rule).items() if name != "tests"} for rule in rules]
        )
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
def backtest_rules(
    home: Home = None, domain: Domain = None, max_missing: MaxMissing = None, as_json: AsJson = False
) -> None:
    """Evaluate the rules over the stored history."""
    from ..base.cache import Cache
    from ..history.series import HistoryOptions
    from ..history.timeline import Timeline
    from ..operations import alerting, pull

    settings = settings_from("latest", home=home, domain=domain, max_missing=max_missing)
    rules = _rules(settings)
    with pull.open_existing(settings, "latest") as store:
        cache, options = (
            Cache(settings.home / "cache"),
            HistoryOptions(settings.max_missing, families=settings.family_table),
        )
        with stage("evaluating the alert rules"):
            found = alerting.backtest(Timeline(store, settings.domain, options, cache), rules)
    if as_json:
        print_json([alerting.news_json(event) for event in found.events])
        return
    say(
        f"{counted(len(rules), 'rule')} over {counted(len(found.boards), 'data version')}: "
        f"{counted(len(found.events), 'event')}"
    )
    for event in found.events:
        say(f"{event.as_of:%Y-%m-%d} {event.words}")
        if event.attribution is not None:
            say(f"           {event.attribution}")


def _rules(settings: Settings) -> tuple[Rule, ...]:
    from ..config.alert_rules import load_rules
    from ..config.reading import CONFIG_NAME

    return load_rules(settings.home / CONFIG_NAME)
