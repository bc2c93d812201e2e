"""One validated settings object: defaults, a TOML file, the environment, the command line; the last one wins."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .errors import ConfigError

CONFIG_NAME = "brainalign.toml"


class Settings(BaseSettings):
    """Settings of the monitor.

    Each is read from ``BRAINALIGN_<NAME>`` in the environment or ``<name>`` in ``<home>/brainalign.toml``.
    """

    model_config = SettingsConfigDict(env_prefix="BRAINALIGN_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("brainalign")))
    domain: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "vision"
    base_url: str = "https://www.brain-score.org"
    contact: str = ""
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    deadline_seconds: Annotated[float, Field(gt=0)] = 300.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    max_body_bytes: Annotated[int, Field(ge=1000)] = 200_000_000
    max_missing: Annotated[float, Field(ge=0, le=1)] = 0.5
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
        home = (
            init_settings().get("home")
            or env_settings().get("home")
            or cls.model_fields["home"].get_default(call_default_factory=True)
        )
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(home) / CONFIG_NAME)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; an override that is None does not override.

    Raises
    ------
    ConfigError
        If a value is wrong, a key is unknown (the nearest known one is named) or the file is not TOML.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    _check_environment()
    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as cause:
        raise ConfigError(f"{CONFIG_NAME} is not valid TOML: {cause}; correct it or move it away") from cause
    except OSError as cause:
        raise ConfigError(f"cannot read {cause.filename}: {cause.strerror}") from cause
    except ValidationError as cause:
        raise ConfigError(_message(cause)) from cause


def _check_environment() -> None:
    # pydantic-settings ignores an unknown variable, and a misspelt one would be an option that does nothing.
    known = {f"BRAINALIGN_{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith("BRAINALIGN_") and variable not in known and variable not in _OTHER_VARIABLES:
            raise ConfigError(f"the environment variable {variable} is no setting{_nearest(variable, known)}")


# Read by the test suite and by the plugin, not by the monitor.
_OTHER_VARIABLES = frozenset(
    {"BRAINALIGN_REQUIRE", "BRAINALIGN_SHARED", "BRAINALIGN_RUN", "BRAINALIGN_TEST_POSTGRES"}
)


def _message(cause: ValidationError) -> str:
    first = cause.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name!r}{_nearest(name, set(Settings.model_fields))}"
    return (
        f"the setting {name} is {first.get('input')!r}: {first['msg'].lower()}; "
        f"correct it in {CONFIG_NAME}, BRAINALIGN_{name.upper()} or the option"
    )


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
