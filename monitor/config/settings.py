"""One validated settings object: defaults, a TOML file, the environment, the command line; the last one wins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import platformdirs
from pydantic import BaseModel, ByteSize, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from brainalign_plugin.text import masked_address

from ..base.cache import Cache
from ..base.errors import ConfigError
from . import reading, sections
from .reading import CONFIG_NAME, IN_FILE, PREFIX, Environment, HomeFile, Keys, variable

if TYPE_CHECKING:
    from brainalign_plugin.certainty.families import FamilyTable
    from brainalign_plugin.files.metadata import Metadata

# Read by the test suite and by the plugin, not by the monitor.
_OTHER_VARIABLES = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("REQUIRE", "SHARED", "TEST_POSTGRES", "TEST_LANGUAGE"),
        *("SCORES", "SNAPSHOT", "DATABASE", "MODEL", "RUN", "RESULTS"),
        *("MIN_CONSTITUENTS", "LEAVE_OUT", "REPOSITORY"),
    )
)


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("brainalign"))


class Settings(BaseSettings):
    """Settings of the monitor.

    Each is read from ``BRAINALIGN_<NAME>`` in the environment or ``<name>`` in ``<home>/brainalign.toml``; one of a
    section from ``BRAINALIGN_<SECTION>__<NAME>`` or the table ``[section]``; ``home`` from the environment alone.
    Options of the command line come before both. A secret may be in a file of its own, which ``<name>_file`` names.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=reading.DIVIDER,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Folder of all state.
    home: sections.Home = Field(default_factory=_default_home)
    # Address of a PostgreSQL database, or path of an SQLite file (from the home folder), instead of the file there.
    store: sections.StoreAddress | None = None
    domain: sections.DomainName = "vision"  # Leaderboard, `vision` or `language`
    domains: tuple[sections.DomainName, ...] = ()  # Leaderboards to watch in one home, in place of `domain`
    # Source instead of the site: an address, a file, a folder or a result database of Brain-Score.
    source: sections.SourceAddress | None = None
    base_url: sections.WebAddress = "https://www.brain-score.org"  # Site whose `/<domain>/compare/data/` is read
    # Contact of this monitor's operator for the site's operators; part of the User-Agent.
    contact: sections.Comment = ""
    # Longest wait for a connection and each piece of an answer; longest time for a pull with all its tries.
    timeout_seconds: sections.Seconds = 30.0
    deadline_seconds: sections.Seconds = 300.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5  # Tries of a pull
    max_body_bytes: Annotated[int, Field(ge=1000)] = 64_000_000  # Largest body, as sent and unpacked
    # Largest share of missing scores with which a benchmark is kept.
    max_missing: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    # Fewest common models for which a pair of benchmarks counts among the pairwise-complete ones.
    min_overlap: Annotated[int, Field(ge=2)] = 20
    # The user's table of families of models, a CSV file: model,family; a relative one is from the home folder.
    families: Path | None = None
    # Sources of metadata, the first one counts most: tables of the user's (TOML), saved pages, folders, `installed`.
    metadata: tuple[str, ...] = ()
    # Frozen reference of the REF_ schemes in reports and on the site: a name, or the path of a file.
    reference: str = ""
    # Limits of a report's study of the schemes: memory for one scheme, time after which no other is begun.
    study_memory: Annotated[ByteSize, Field(gt=0)] = ByteSize(1_000_000_000)
    study_seconds: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] = 600.0
    # The text of a message is kept for so long after it was sent or given up.
    keep_messages_days: Annotated[float, Field(ge=0, le=36500, allow_inf_nan=False)] = 30.0
    schedule: sections.ScheduleSettings = sections.ScheduleSettings()
    operator: sections.Operator = sections.Operator()
    health: sections.Health = sections.Health()
    site: sections.SiteSettings = sections.SiteSettings()
    # Folder of the user's own templates; a relative one is meant from the home folder.
    templates: Path | None = None
    mail: sections.MailSettings = sections.MailSettings()
    recipients: dict[sections.TableName, sections.Recipient] = {}
    webhooks: dict[sections.TableName, sections.WebhookSettings] = {}
    notify: dict[sections.TableName, sections.NotifySettings] = {}

    @field_validator("recipients")
    @classmethod
    def _mail_can_be_sent(
        cls, recipients: dict[str, sections.Recipient], others: ValidationInfo
    ) -> dict[str, sections.Recipient]:
        mail = others.data.get("mail")
        if recipients and mail is not None and mail.host is None:
            raise ValueError("recipients need a mail.host; set it, or remove the recipients")
        return recipients

    def each(self) -> tuple[Settings, ...]:
        """Return the settings of each leaderboard; each of several has a folder of its own on the site."""
        names = tuple(dict.fromkeys(self.domains)) or (self.domain,)
        if len(names) == 1:
            return (self.model_copy(update={"domain": names[0], "domains": ()}),)
        return tuple(
            self.model_copy(update={"domain": name, "domains": (), "site": self.site.of_domain(name)}) for name in names
        )

    def suffixes(self) -> tuple[str, ...]:
        """Return the ends of the names of jobs, in the order of `each`; the first leaderboard has none."""
        return tuple(f" {one.domain}" if i else "" for i, one in enumerate(self.each()))

    @property
    def store_address(self) -> str | Path:
        """The database: the address of a server, or the path of a file; the former may hold a password."""
        given = None if self.store is None else self.store.get_secret_value()
        if given is None:
            return self.home / "brainalign.sqlite"
        return given if "://" in given else self.home / Path(given).expanduser()

    @property
    def limits(self) -> dict[str, Any]:
        """Limits of a pull, as sources take them."""
        times = {"timeout": self.timeout_seconds, "deadline": self.deadline_seconds}
        return {**times, "attempts": self.attempts, "max_bytes": self.max_body_bytes}

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
    def cache(self) -> Cache:
        """Results that were computed before."""
        return Cache(self.home / "cache")

    @property
    def site_folder(self) -> Path | None:
        """Folder of the published site."""
        return None if self.site.folder is None else self.home / self.site.folder.expanduser()

    @property
    def site_address(self) -> str:
        """Public address of the site, with a slash at its end; empty if it is not set."""
        return "" if self.site.address is None else self.site.address.rstrip("/") + "/"

    @property
    def templates_folder(self) -> Path | None:
        """The user's own templates."""
        return None if self.templates is None else self.home / self.templates.expanduser()

    @property
    def metadata_sources(self) -> tuple[Metadata, ...]:
        """The sources of metadata, read anew; InputError if one cannot be read."""
        if not self.metadata:
            return ()
        from brainalign_plugin.files.metadata import INSTALLED, read_metadata

        paths = (one if one == INSTALLED else self.home / Path(one).expanduser() for one in self.metadata)
        return tuple(read_metadata(path) for path in paths)

    @property
    def family_table(self) -> FamilyTable:
        """Models and the families that the user's table and the metadata name, read anew."""
        named: dict[str, str] = {}
        for source in reversed(self.metadata_sources):
            named |= {model: facts["family"] for model, facts in source.models.items() if "family" in facts}
        return self.own_families + tuple(named.items())

    @property
    def own_families(self) -> FamilyTable:
        """The user's table of families of models, read anew; empty if none is set; InputError if it cannot be read."""
        if self.families is None:
            return ()
        from brainalign_plugin.certainty.families import read_families

        return read_families(self.home / self.families.expanduser())

    @property
    def link_record(self) -> Path:
        """File that records the link into Brain-Score, to distinguish its loss from its absence."""
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
        """Return the sources by precedence: command line, environment, the file in the home folder."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        home = load_home(init_settings().get("home"))
        return init_settings, Environment(cls, home), HomeFile(cls, home)


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting in force."""

    name: str  # Dotted: `mail.host`
    value: Any  # As JSON has it; a secret is masked
    origin: str  # An option, a variable, the file, or `default`
    secret: bool  # It is masked


def load_settings(**options: Any) -> Settings:
    """Read the settings; options of the command line that are None were not given.

    Raises ConfigError if a value is wrong, a key is unknown (the nearest known one is named) or a file is unreadable.
    """
    given = {name: value for name, value in options.items() if value is not None}
    reading.check_environment(Settings, _OTHER_VARIABLES)
    try:
        read = Settings(**given)
        if "domain" in given or not read.domains:
            # One leaderboard that is asked for is watched alone, in its own folder.
            alone = read.model_copy(update={"domains": ()})
            return next((one for one in read.each() if one.domain == read.domain), alone)
        return read.model_copy(update={"domain": read.domains[0]})
    except OSError as cause:
        step = "make it and its folder readable for this user, or name another folder with --home"
        raise ConfigError(f"cannot read {str(cause.filename)!r}: {cause.strerror}; {step}") from cause
    except ValidationError as cause:
        raise ConfigError(_message(cause, given)) from cause


def effective_settings(settings: Settings, **options: Any) -> tuple[Effective, ...]:
    """Return every setting in force, as `load_settings` gave it for these options, and its origin, in their order."""
    given = {name for name, value in options.items() if value is not None}
    environment, file = Environment(Settings, settings.home)(), HomeFile(Settings, settings.home)()

    def origin(path: Keys) -> str:
        if path[0] in given:
            return _option(path)
        if _within(environment, path):
            return [*_variables(path), variable(path) + IN_FILE.upper()][0]
        return CONFIG_NAME if _within(file, path) else "default"

    return tuple(
        Effective(".".join(path), _shown(value), origin(path), isinstance(value, SecretStr))
        for path, value in _leaves(settings, ())
    )


def exposed_secrets(home: Path, effective: Iterable[Effective]) -> tuple[str, ...]:
    """Return the names of the secrets that are in the file of the home folder while others may read it."""
    names = tuple(one.name for one in effective if one.secret and one.origin == CONFIG_NAME)
    return names if names and (home / CONFIG_NAME).stat().st_mode & 0o077 else ()


def changed_settings(settings: Settings, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named settings that differ from their defaults."""
    defaults = {name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names}
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != defaults[name]}


def load_home(given: Path | str | None) -> Path:
    """Return the home folder: of an option, else of the environment, else of the user; ConfigError for no such user."""
    home = Path(given or os.environ.get(f"{PREFIX}HOME") or _default_home())
    try:
        return sections.absolute(home)
    except ValueError as cause:
        raise ConfigError(f"the home folder {str(home)!r} cannot be found: {cause}") from cause


def _leaves(section: BaseModel, above: Keys) -> Iterator[tuple[Keys, Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, (*above, name))
        elif isinstance(value, dict) and value and all(isinstance(v, BaseModel) for v in value.values()):
            for key, inner in value.items():
                yield from _leaves(inner, (*above, name, key))
        else:
            yield (*above, name), value


def _within(values: Mapping[str, Any], path: Keys) -> bool:
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, tuple | list):
        return [_shown(one) for one in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, bool | int | float | None):
        return value
    # A plain address may hold a password too, of a site behind a login.
    return masked_address(str(value)) if "://" in str(value) else str(value)


def _message(cause: ValidationError, given: Mapping[str, Any]) -> str:
    first = cause.errors(include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    name = ".".join(path)
    others = cause.error_count() - 1
    more = f" ({others} more {'is' if others == 1 else 'are'} wrong)" if others else ""
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name!r} in {CONFIG_NAME}{_nearest_setting(path)}{more}"
    if first["type"] == "missing":
        return f"the setting {name} is missing; give it in {CONFIG_NAME} or as {variable(path)}{more}"
    problem = first["msg"].removeprefix("Value error, ")
    where = _option(path) if path[0] in given else [*_variables(path), CONFIG_NAME][0]
    return (
        f"the setting {name} {_given(path, first['input'])}: {problem[:1].lower()}{problem[1:]}; correct it in "
        f"{where}{more}"
    )


def _given(path: Keys, value: Any) -> str:
    """Return the end of a message with the given value, without the value if it may hold a secret."""
    fields = dict(reading.setting_fields(Settings))
    field = fields.get(path) or fields.get(tuple(reading.ANY if i == 1 else key for i, key in enumerate(path)))
    if field is None or reading.is_secret(field.annotation):
        return "cannot be used"
    return f"is {masked_address(repr(value))}"


def _nearest_setting(path: Keys) -> str:
    """Return the setting that an unknown name may mean: of the same section, else of that name elsewhere."""
    model: type[BaseModel] = Settings
    for key in path[:-1]:
        field = model.model_fields.get(key)
        section = None if field is None else reading.section_of(field.annotation)[0]
        model = model if section is None else section
    above = "".join(f"{key}." for key in path[:-1])
    beside = {f"{above}{name}" for name in model.model_fields} - {"home"}
    elsewhere = {".".join(found) for found, _ in reading.setting_fields(Settings) if found[-1] == path[-1]}
    return reading.nearest(".".join(path), elsewhere or beside)


def _variables(path: Keys) -> list[str]:
    """Return the variables that give a setting, itself or in a file."""
    return [name for name in (variable(path), variable(path) + IN_FILE.upper()) if os.environ.get(name)]


def _option(path: Keys) -> str:
    return f"the option --{path[0].replace('_', '-')}"
