"""The alert rules of the configuration: ``[[alerts]]`` in the file of the home folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from brainalign_plugin.files.decoding import decode

from ..base.errors import ConfigError
from ..history.alerts import DEFAULT_RULES, Rule


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read the rules of a configuration file; the default ones if it has none.

    Raises ConfigError if a rule is wrong, or two have one name.
    """
    if not path.is_file():
        return DEFAULT_RULES
    # The settings were read from this file before, so that it is there and valid TOML.
    document = tomllib.loads(decode(path.read_bytes()))
    if "alerts" not in document:
        return DEFAULT_RULES
    try:
        rules = TypeAdapter(tuple[Rule, ...]).validate_python(document["alerts"])
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"alerts.{where} in {str(path)!r}: {problem}; correct it".rstrip(".")) from cause
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two alerts in {str(path)!r} have the name {twice!r}; rename one")
    return rules
