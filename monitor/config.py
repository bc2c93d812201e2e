"""One validated settings object: defaults, a TOML file, the environment, the command line; the last one wins."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .errors import ConfigError

CONFIG_NAME = "brainalign.toml"

# Read by the test suite and by the plugin, not by the monitor.
_OTHER_VARIABLES = frozenset(
    f"BRAINALIGN_{name}"
    for name in (
        *("REQUIRE", "SHARED", "TEST_POSTGRES"),
        *("REFERENCE", "SCORES", "SNAPSHOT", "DATABASE", "MODEL", "RUN", "RESULTS"),
        *("MIN_CONSTITUENTS", "LEAVE_OUT"),
    )
)
_PREFIX = "BRAINALIGN_"


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("brainalign"))


def _absolute(path: Path) -> Path:
    # A tilde is expanded by shells; in a crontab or a unit file it would become a folder of that name.
    try:
        return path.expanduser().absolute()
    except RuntimeError as cause:
        raise ValueError("no such user; give the whole path") from cause


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("not an address such as https://www.brain-score.org")
    return text


def _word(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise ValueError("not one lower-case word; the site has vision and language")
    return text


def _comment(text: str) -> str:
    # Parentheses would end the comment of a User-Agent.
    if not re.fullmatch(r"[!-'*-~ ]{0,200}", text):
        raise ValueError("not up to 200 printable ASCII characters without ()")
    return text


_Seconds = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Settings of the monitor.

    Each is read from ``BRAINALIGN_<NAME>`` in the environment or ``<name>`` in ``<home>/brainalign.toml``; ``home``
    from the environment alone. Options of the command line come before both.

    Attributes
    ----------
    home : Path
        Folder of all state.
    domain : str
        Leaderboard, ``vision`` or ``language``.
    base_url : str
        Site whose ``/<domain>/compare/data/`` is read.
    contact : str
        Where the site's operators reach whoever runs this monitor; part of the User-Agent.
    timeout_seconds, deadline_seconds : float
        Longest wait for a connection and each piece of an answer; longest time for a pull with all its tries.
    attempts : int
        Tries of a pull.
    max_body_bytes : int
        Largest body, as sent and unpacked.
    max_missing : float
        Largest share of missing scores with which a benchmark is kept.
    min_overlap : int
        Fewest common models for which a pair of benchmarks counts among the pairwise-complete ones.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    home: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=_default_home)
    domain: Annotated[str, AfterValidator(_word)] = "vision"
    base_url: Annotated[str, AfterValidator(_web_address)] = "https://www.brain-score.org"
    contact: Annotated[str, AfterValidator(_comment)] = ""
    timeout_seconds: _Seconds = 30.0
    deadline_seconds: _Seconds = 300.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    max_body_bytes: Annotated[int, Field(ge=1000)] = 64_000_000
    max_missing: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    min_overlap: Annotated[int, Field(ge=2)] = 20

    @property
    def store_path(self) -> Path:
        """The embedded database."""
        return self.home / "brainalign.sqlite"

    @property
    def bodies(self) -> Path:
        """Folder of the raw bodies, gzipped under their sha256."""
        return self.home / "bodies"

    @property
    def reports(self) -> Path:
        """Folder of the reports that ``run`` writes."""
        return self.home / "reports"

    @property
    def references(self) -> Path:
        """Folder of the frozen reference boards."""
        return self.home / "references"

    @property
    def link_record(self) -> Path:
        """File that remembers the link into Brain-Score, so that its loss can be told from its absence."""
        return self.home / "link.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: command line, environment, the file in the home folder."""
        del dotenv_settings, file_secret_settings
        home = Path(init_settings().get("home") or env_settings().get("home") or _default_home())
        try:
            path = _absolute(home) / CONFIG_NAME
        except ValueError as cause:
            raise ConfigError(f"the home folder {str(home)!r} cannot be found: {cause}") from cause
        return init_settings, env_settings, _HomeFile(settings_cls, path)


class _HomeFile(TomlConfigSettingsSource):
    """The settings in the file of the home folder."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path) -> None:
        if path.exists() and not path.is_file():
            raise ConfigError(
                f"{str(path)!r} is not a file; move it away, or write the settings in its place"
            )
        try:
            super().__init__(settings_cls, path)
        except tomllib.TOMLDecodeError as cause:
            raise ConfigError(
                f"{str(path)!r} is not valid TOML: {cause}; correct it or move it away"
            ) from cause
        except UnicodeDecodeError as cause:
            raise ConfigError(f"{str(path)!r} is not UTF-8 ({cause.reason}); save it as UTF-8") from cause
        if "home" in self.toml_data:
            raise ConfigError(
                f"{str(path)!r} sets home, but lies in the home folder itself; give --home or BRAINALIGN_HOME, and "
                "remove the line"
            )

    def __call__(self) -> dict[str, Any]:
        # Rules are no settings: they have no variable, no option, and a reader of their own.
        return {name: value for name, value in super().__call__().items() if name != "alerts"}


def load_settings(**options: Any) -> Settings:
    """Read the settings.

    Parameters
    ----------
    options
        Settings from the command line; what is None was not given.

    Raises
    ------
    ConfigError
        If a value is wrong, a key is unknown (the nearest known one is named) or the file cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
    _check_environment()
    try:
        return Settings(**given)
    except OSError as cause:
        raise ConfigError(
            f"cannot read {str(cause.filename)!r}: {cause.strerror}; make it readable"
        ) from cause
    except ValidationError as cause:
        raise ConfigError(_message(cause, given)) from cause


def changed_settings(settings: Settings, names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the named settings that differ from their defaults."""
    defaults = {name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names}
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != defaults[name]}


def _check_environment() -> None:
    # pydantic-settings ignores an unknown variable, and a misspelt one would be an option that does nothing.
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(_PREFIX) and variable not in known | _OTHER_VARIABLES:
            raise ConfigError(f"the environment variable {variable} is no setting{_nearest(variable, known)}")


def _message(cause: ValidationError, given: Mapping[str, Any]) -> str:
    first = cause.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    more = f" ({cause.error_count() - 1} more are wrong)" if cause.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = set(Settings.model_fields) - {"home"}
        return f"there is no setting {name!r} in {CONFIG_NAME}{_nearest(name, known)}{more}"
    problem = first["msg"].removeprefix("Value error, ")
    variable = f"{_PREFIX}{name.upper()}"
    where = (
        f"the option --{name.replace('_', '-')}"
        if name in given
        else variable
        if os.environ.get(variable)
        else CONFIG_NAME
    )
    # An address may hold a password.
    value = re.sub(r"//[^/@]*@", "//***@", repr(first["input"]))
    return f"the setting {name} is {value}: {problem[:1].lower()}{problem[1:]}; correct it in {where}{more}"


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
