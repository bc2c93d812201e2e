"""Commands for the settings: ``brainalign config init``, ``check`` and ``show``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from brainalign_plugin.text import counted

from .options import HOME, AsJson, Domain, Home, MaxMissing, command_group, print_json, say, settings_from

if TYPE_CHECKING:
    from ..config.settings import Effective, Settings

config_app = command_group("Show and check the settings.")


@config_app.command("init")
def init(home: Home = None) -> None:
    """Write an annotated brainalign.toml into the home folder.

    A file that is there stays.
    """
    from importlib.resources import files

    from ..base.errors import ConfigError
    from ..base.files import write_atomically
    from ..config.reading import CONFIG_NAME
    from ..config.settings import load_home

    path = load_home(home or HOME.get()) / CONFIG_NAME
    if os.path.exists(path):  # noqa: PTH110 -- below a closed folder Path.exists raises
        raise ConfigError(f"{str(path)!r} exists already; move it away to get a new one")
    example = files("brainalign_monitor").joinpath("brainalign.example.toml").read_bytes()
    write_atomically(path, example)
    # The file may hold passwords.
    path.chmod(0o600)
    say(f"wrote {path}; every setting in it is commented out; `brainalign config check` validates it")


@config_app.command("check")
def check(home: Home = None, domain: Domain = None, max_missing: MaxMissing = None) -> None:
    """Validate settings and rules, and list what is not default."""
    from ..config.reading import CONFIG_NAME, load_rules
    from ..config.settings import exposed_secrets

    settings, effective = _effective(home=home, domain=domain, max_missing=max_missing)
    path = settings.home / CONFIG_NAME
    rules, named, sources = load_rules(path), settings.own_families, settings.metadata_sources
    there = "is valid" if path.exists() else "does not exist, and is not required"
    say(f"{path} {there}")
    say(*_lines([one for one in effective if one.origin != "default"]))
    say(f"{counted(len(rules), 'alert rule')}: {', '.join(rule.name for rule in rules)}")
    if settings.families is not None:
        say(f"table of families: {counted(len(named), 'line')}")
    for one in sources:
        names = f"{counted(len(one.benchmarks), 'benchmark')}, {counted(len(one.models), 'model')}"
        say(f"metadata of {one.source}: {names}", *one.problems)
    if exposed := exposed_secrets(settings.home, effective):
        problem = f"{str(path)!r} holds {', '.join(exposed)} and other users can read it; run `chmod 600` on it"
        say(f"brainalign: {problem}", err=True)


@config_app.command("show")
def show(home: Home = None, domain: Domain = None, max_missing: MaxMissing = None, as_json: AsJson = False) -> None:
    """Print every setting in force and its origin; secrets masked."""
    from ..base.files import fields_of

    _, effective = _effective(home=home, domain=domain, max_missing=max_missing)
    if as_json:
        print_json({"settings": [fields_of(one, "name", "value", "origin") for one in effective]})
        return
    say(*_lines(effective))


def _effective(**options: Any) -> tuple[Settings, tuple[Effective, ...]]:
    from ..config.settings import effective_settings

    given = {**options, "home": options["home"] or HOME.get()}
    settings = settings_from(**given)
    return settings, effective_settings(settings, **given)


def _lines(settings: list[Effective] | tuple[Effective, ...]) -> list[str]:
    """Return the settings as lines in columns."""
    import json

    from brainalign_plugin.text import printable

    rows = [
        (one.name, "" if one.value is None else json.dumps(one.value, ensure_ascii=False), one.origin)
        for one in settings
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    return [printable(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}").rstrip() for name, value, origin in rows]
