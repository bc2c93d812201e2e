"""Sources of settings: the file of the home folder, with its alert rules, the environment, files of one secret each."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource

from brainalign_plugin.errors import TextError
from brainalign_plugin.files.decoding import decode
from brainalign_plugin.text import masked_address

from ..base.errors import ConfigError

if TYPE_CHECKING:
    from ..history.alerts import Rule

CONFIG_NAME = "brainalign.toml"
PREFIX = "BRAINALIGN_"
DIVIDER = "__"
# Any name in the path of a setting in a named table.
ANY = "*"
# A secret in a file: BRAINALIGN_MAIL__PASSWORD_FILE, password_file = "…".
IN_FILE = "_file"
_LARGEST_SECRET = 65_536

Keys = tuple[str, ...]

_WRAPPERS = (Union, types.UnionType, Annotated)


def section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the class of a section, and whether it is a table of named ones; None for a plain setting."""
    origin = get_origin(annotation)
    if origin in _WRAPPERS:
        return next((found for arg in get_args(annotation) if (found := section_of(arg))[0]), (None, False))
    if origin is dict:
        return section_of(get_args(annotation)[1])[0], True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    return None, False


def is_secret(annotation: Any) -> bool:
    """Return whether a setting of this type is never shown whole."""
    if get_origin(annotation) in _WRAPPERS:
        return any(map(is_secret, get_args(annotation)))
    return isinstance(annotation, type) and issubclass(annotation, SecretStr)


def setting_fields(model: type[BaseModel], above: Keys = ()) -> Iterator[tuple[Keys, FieldInfo]]:
    """Yield every setting with its path: ``("mail", "host")``; `ANY` is the name of a named table."""
    for name, field in model.model_fields.items():
        section, named = section_of(field.annotation)
        if section is None:
            yield (*above, name), field
        else:
            yield from setting_fields(section, (*above, name, ANY) if named else (*above, name))


def variable(path: Keys) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{DIVIDER.join(path)}".upper()


def nearest(name: str, known: set[str]) -> str:
    """Return the end of a message about a file that was not found."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"


def check_environment(model: type[BaseModel], others: frozenset[str]) -> None:
    """Refuse variables that are no setting, naming the nearest: pydantic-settings would ignore them.

    ``others`` are variables of the same prefix that other programs read.
    """
    known: set[str] = set()
    for path, field in setting_fields(model):
        known.add(variable(path))
        if is_secret(field.annotation):
            known.add(variable(path) + IN_FILE.upper())
    patterns = [re.escape(name).replace(re.escape(ANY), "[A-Z0-9]+(_[A-Z0-9]+)*") for name in known]
    fits = re.compile("|".join(patterns))
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in others and not fits.fullmatch(name):
            shown = {one.replace(ANY, "NAME") for one in known}
            raise ConfigError(f"the environment variable {name} is no setting{nearest(name, shown)}")


class Environment(EnvSettingsSource):
    """The settings in environment variables."""

    def __init__(self, settings_cls: type[BaseSettings], home: Path) -> None:
        super().__init__(settings_cls)
        self._home = home

    def __call__(self) -> dict[str, Any]:  # noqa: D102 (what it returns is what a source is for)
        found = super().__call__()
        for name, field in self.settings_cls.model_fields.items():
            path = os.environ.get(variable((name,)) + IN_FILE.upper())
            if path and is_secret(field.annotation):
                found[name + IN_FILE] = path
        return _with_secrets(self.settings_cls, found, self._home, ())

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """Parse a list from JSON or from commas; leave a value that is no setting as it is."""
        del field_name
        if field is None:
            raise ValueError("not a list")
        try:
            return json.loads(value)
        except ValueError:
            return [part.strip() for part in str(value).split(",")]


class HomeFile(TomlConfigSettingsSource):
    """The settings in the file of the home folder."""

    def __init__(self, settings_cls: type[BaseSettings], home: Path) -> None:
        path = home / CONFIG_NAME
        if path.exists() and not path.is_file():
            raise ConfigError(f"{str(path)!r} is not a file; move it away, or write the settings in its place")
        try:
            super().__init__(settings_cls, path)
        except tomllib.TOMLDecodeError as cause:
            raise ConfigError(f"{str(path)!r} is not valid TOML: {cause}; correct it or move it away") from cause
        except TextError as cause:
            raise ConfigError(f"{str(path)!r} is {cause}; save it as UTF-8") from cause
        if "home" in self.toml_data:
            raise ConfigError(
                f"{str(path)!r} sets home, but lies in the home folder itself; give --home or BRAINALIGN_HOME, and "
                "remove the line"
            )
        self._home = home

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return tomllib.loads(decode(file_path.read_bytes()))

    def __call__(self) -> dict[str, Any]:  # noqa: D102 (as above)
        # Rules are no settings: they have no variable, no option, and a reader of their own.
        given = {name: value for name, value in super().__call__().items() if name != "alerts"}
        return _with_secrets(self.settings_cls, given, self._home, ())


def _with_secrets(model: type[BaseModel], given: Mapping[str, Any], home: Path, above: Keys) -> dict[str, Any]:
    """Return the values, with each ``…_file`` of a secret replaced by the content of that file."""
    values = dict(given)
    for name, field in model.model_fields.items():
        section, named = section_of(field.annotation)
        inner = values.get(name)
        if section is not None and isinstance(inner, dict):
            tables = inner if named else {"": inner}
            read = {
                key: _with_secrets(section, table, home, (*above, name, *([key] if named else [])))
                if isinstance(table, dict)
                else table
                for key, table in tables.items()
            }
            values[name] = read if named else read[""]
        elif is_secret(field.annotation) and name + IN_FILE in values:
            dotted = ".".join((*above, name))
            if name in values:
                raise ConfigError(f"both {dotted} and {dotted}{IN_FILE} are set; remove one")
            values[name] = _secret(values.pop(name + IN_FILE), home, dotted + IN_FILE)
    return values


def _secret(named: Any, home: Path, setting: str) -> str:
    if not isinstance(named, str):
        raise ConfigError(f"the setting {setting} is not the path of a file; write it in quotes")
    which = f"the setting {setting} names {named!r}, which"
    try:
        path = home / Path(named).expanduser()
        with path.open("rb") as file:
            data = file.read(_LARGEST_SECRET + 1)
        text = decode(data)
    except OSError as cause:
        raise ConfigError(f"{which} cannot be read: {cause.strerror}; check the path and its permissions") from cause
    except (RuntimeError, ValueError) as cause:
        # Without the cause, which quotes bytes of the secret.
        kind = type(cause).__name__
        step = "put the secret alone into a file"
        raise ConfigError(f"{which} holds no text or cannot be named ({kind}); {step}") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret or "\n" in secret or len(data) > _LARGEST_SECRET:
        raise ConfigError(f"{which} is empty or has more than one line; put the secret alone into it")
    return secret


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read the alert rules of a configuration file, by default ours; ConfigError if one is wrong."""
    from ..history.alerts import DEFAULT_RULES, Rule

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


# Tables of recipients are useless without an address; they and `alerts` are kept whole or left out.
_PEOPLE = ("recipients", "webhooks", "notify")
_LOGIN = ("mail", "user")


def without_secrets(model: type[BaseModel], document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Leave out of a document of settings all that is masked when they are shown, and all addresses of people.

    Returns the settings, which are valid, and the names of the others.
    """
    secrets = {path for path, field in setting_fields(model) if is_secret(field.annotation)}
    left_out: list[str] = []
    kept = _kept(document, (), secrets, left_out)
    mail = kept.get("mail")
    if isinstance(mail, dict) and not {"mail.password", f"mail.password{IN_FILE}"}.isdisjoint(left_out):
        left_out += [".".join(_LOGIN)] if mail.pop(_LOGIN[-1], None) is not None else []
    return kept, tuple(left_out)


def _kept(table: Mapping[str, Any], above: Keys, secrets: set[Keys], left_out: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in table.items():
        path = (*above, key)
        if (above == () and key in _PEOPLE) or path in secrets or (*above, key.removesuffix(IN_FILE)) in secrets:
            names = [f"{key}.{name}" for name in value] if isinstance(value, Mapping) else [".".join(path)]
            left_out += names
        elif above == () and key == "alerts":
            kept[key] = value
        elif isinstance(value, Mapping):
            kept[key] = _kept(value, path, secrets, left_out)
        elif isinstance(value, str) and "://" in value and masked_address(value) != value:
            left_out.append(".".join(path))
        else:
            kept[key] = value
    return kept
