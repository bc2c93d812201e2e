"""Settings: which source wins, what is refused and how, and that each one does something."""

from __future__ import annotations

import json
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from brainalign_monitor.base.errors import ConfigError
from brainalign_monitor.config.reading import CONFIG_NAME, is_secret, load_rules, setting_fields, variable
from brainalign_monitor.config.sections import is_mail_address
from brainalign_monitor.config.settings import Settings, changed_settings, load_settings
from brainalign_monitor.health.endpoints import metrics_text
from brainalign_monitor.history.known_events import known_events
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.operations.status import standing
from brainalign_monitor.service.run import monitor_of
from brainalign_monitor.service.scheduler import jobs_of
from tests.commands import brainalign
from tests.conftest import ROOT
from tests.local_site import LocalSite, local_site
from tests.monitor.sources.samples import body_of, document

# Each setting but home: a value that is not the default, and how it is written in TOML.
OTHER = {
    "store": ("/tmp/a.sqlite", '"/tmp/a.sqlite"'),
    "source": ("/tmp/board.json", '"/tmp/board.json"'),
    "domain": ("language", '"language"'),
    "domains": (("vision", "language"), '["vision", "language"]'),
    "base_url": ("https://mirror.test", '"https://mirror.test"'),
    "contact": ("me@lab.test", '"me@lab.test"'),
    "timeout_seconds": (1.5, "1.5"),
    "deadline_seconds": (2.5, "2.5"),
    "attempts": (2, "2"),
    "max_body_bytes": (5000, "5000"),
    "max_missing": (0.25, "0.25"),
    "study_memory": (2_000_000, "2000000"),
    "study_seconds": (45.0, "45.0"),
    "min_overlap": (3, "3"),
    "families": (Path("own.csv"), '"own.csv"'),
    "metadata": (("own.toml", "installed"), '["own.toml", "installed"]'),
    "reference": ("base", '"base"'),
    "keep_messages_days": (7.5, "7.5"),
    "schedule.timezone": ("Europe/Berlin", '"Europe/Berlin"'),
    "schedule.pull": ("17 6 * * *", '"17 6 * * *"'),
    "schedule.weekly": ("never", '"never"'),
    "schedule.monthly": ("every 30d", '"every 30d"'),
    "schedule.catch_up": ("all(max 10)", '"all(max 10)"'),
    "schedule.grace_seconds": (60.5, "60.5"),
    "schedule.jitter_seconds": (0.5, "0.5"),
    "operator.after_failures": (5, "5"),
    "health.address": ("0.0.0.0", '"0.0.0.0"'),
    "health.port": (9187, "9187"),
    "health.heartbeat_url": ("https://hc.test/1", '"https://hc.test/1"'),
    "health.late_after_hours": (3.5, "3.5"),
    "health.stale_after_days": (4.5, "4.5"),
    "site.folder": (Path("public"), '"public"'),
    "site.address": ("https://lab.test/site", '"https://lab.test/site"'),
    "templates": (Path("own"), '"own"'),
    "mail.host": ("mail.lab.test", '"mail.lab.test"'),
    "mail.port": (2525, "2525"),
    "mail.security": ("tls", '"tls"'),
    "mail.user": ("monitor", '"monitor"'),
    "mail.password": ("hidden", '"hidden"'),
    "mail.sender": ("me@lab.test", '"me@lab.test"'),
    "mail.unsubscribe": ("mailto:me@lab.test", '"mailto:me@lab.test"'),
    "mail.certificates": (Path("lab.pem"), '"lab.pem"'),
    "mail.timeout_seconds": (1.5, "1.5"),
    "recipients.*.models": (("resnet-50", "12"), '["resnet-50", 12]'),
    "recipients.*.address": ("reader@lab.test", '"reader@lab.test"'),
    "webhooks.*.url": ("https://lab.test/hook", '"https://lab.test/hook"'),
    "webhooks.*.secret": ("hidden", '"hidden"'),
    "notify.*.url": ("json://lab.test", '"json://lab.test"'),
    **{
        f"{table}.*.{key}": value
        for table in ("recipients", "webhooks", "notify")
        for key, value in {
            "alerts": (False, "false"),
            "digest": ("monthly", '"monthly"'),
            "when_quiet": ("nothing", '"nothing"'),
            "operator": (True, "true"),
        }.items()
    },
}
# What a setting cannot be without; a table of this kind is called lab.
_MAIL = '[mail]\nhost = "mail.lab.test"\nsender = "me@lab.test"\n'
WITH = {
    "mail.host": 'sender = "me@lab.test"\n',
    "mail.user": 'password = "hidden"\n',
    "mail.password": 'user = "monitor"\n',
    "recipients": f'{_MAIL}[recipients.lab]\naddress = "reader@lab.test"\n',
    "webhooks": '[webhooks.lab]\nurl = "https://lab.test/hook"\n',
    "notify": '[notify.lab]\nurl = "json://lab.test"\n',
}

FIELDS = {".".join(path): field for path, field in setting_fields(Settings)}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, named by the environment, which holds no other setting."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    return tmp_path


def write(home: Path, text: str | bytes) -> None:
    (home / CONFIG_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())


def refusal(**options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(**options)
    return str(caught.value)


def default(field: FieldInfo) -> object:
    return field.get_default(call_default_factory=True)


def plain(settings: Settings, name: str) -> object:
    """A setting by its dotted name, a secret opened."""
    found: object = settings
    for part in name.replace("*", "lab").split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found.get_secret_value() if isinstance(found, SecretStr) else found


def in_toml(name: str, text: str) -> str:
    """A setting as a file with all that it cannot be without."""
    *section, key = name.replace("*", "lab").split(".")
    needed = WITH.get(name.removesuffix("_file"), "")
    if "*" in name:
        required = WITH[section[0]].splitlines(keepends=True)
        own = [line for line in required if not line.startswith(f"{key.removesuffix('_file')} =")]
        return "".join(own) + f"{key} = {text}\n"
    return (f"[{'.'.join(section)}]\n" if section else "") + f"{key} = {text}\n{needed}"


def in_environment(name: str) -> str:
    return variable(tuple(name.replace("*", "lab").split(".")))


def test_every_setting_is_tried_here():
    assert OTHER.keys() == FIELDS.keys() - {"home"}
    assert all(default(FIELDS[name]) != value for name, (value, _) in OTHER.items())


@pytest.mark.parametrize("name", OTHER)
def test_option_beats_environment_beats_file_beats_default(home, monkeypatch, name):
    value, toml = OTHER[name]
    standard = default(FIELDS[name])
    if "*" not in name:
        assert plain(load_settings(), name) == standard
    write(home, in_toml(name, toml))
    assert plain(load_settings(), name) == value
    if standard in (None, "", PydanticUndefined):
        standard = type(value)(f"{value}0") if isinstance(value, str | Path) else value + 1
    monkeypatch.setenv(in_environment(name), json.dumps(standard) if standard == () else str(standard))
    assert plain(load_settings(), name) == standard
    if "." not in name:  # sections have no options
        assert plain(load_settings(**{name: value}), name) == value
        assert plain(load_settings(**{name: None}), name) == standard, "None is not given"


SECRETS = sorted(name for name, field in FIELDS.items() if is_secret(field.annotation))


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_in_a_file_of_its_own(home, monkeypatch, name):
    value, toml = OTHER[name]
    (home / "given").write_text(f"{value}\n")
    write(home, in_toml(f"{name}_file", '"given"'))
    assert plain(load_settings(), name) == value, "a relative path is meant from the home folder"
    (home / "other").write_text(f"{value}-other")
    monkeypatch.setenv(in_environment(name) + "_FILE", str(home / "other"))
    assert plain(load_settings(), name) == f"{value}-other"
    monkeypatch.delenv(in_environment(name) + "_FILE")
    write(home, in_toml(f"{name}_file", '"given"') + f"{name.split('.')[-1]} = {toml}\n")
    shown = name.replace("*", "lab")
    assert refusal() == f"both {shown} and {shown}_file are set; remove one"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory; check the path"),
        (b"", "is empty or has more than one line"),
        (b"\n", "is empty or has more than one line"),
        (b"canary\nsecond\n", "is empty or has more than one line"),
        (b"canary\xff", "holds no text"),
        (b"canary" * 20_000, "is empty or has more than one line"),
    ],
)
def test_a_file_without_a_usable_secret_is_refused(home, content, said):
    if content is not None:
        (home / "given").write_bytes(content)
    write(home, 'store_file = "given"\n')
    message = refusal()
    assert said in message
    assert "store_file" in message
    assert "canary" not in message


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("wrong", ["[['canary-5b0e']]", "{ a = 'canary-5b0e' }"])
def test_a_refused_secret_is_not_repeated(home, name, wrong):
    write(home, in_toml(name, wrong))
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert name.replace("*", "lab") in str(caught.value)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_section_that_is_no_table_is_not_repeated(home):
    write(home, 'health = "canary-5b0e"\n')
    message = refusal()
    assert message.startswith("the setting health cannot be used: input should be a valid dictionary")
    assert "canary" not in message


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("reader@lab.test", True), ("a.b+c@x.test", True), ("a@localhost", True),
        ("", False), ("a", False), ("a@", False), ("@x", False), ("a b@x.test", False), ("ä@x.test", False),
        ("a@x.test\r\nBcc: b@x", False), ("A <a@x.test>", False), ("a@x.test,b@x.test", False), ("a..b@x.test", False),
    ],
)  # fmt: skip
def test_an_address_of_a_recipient_is_a_plain_one(text, good):
    assert is_mail_address(text) is good


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('[mail]\nhost = "x.test"\n', "mail.host needs a mail.sender"),
        ('[mail]\nuser = "x"\n', "mail.user needs a mail.password"),
        ('[mail]\npassword = "canary"\n', "mail.password needs a mail.user"),
        (
            '[mail]\nhost = "x.test"\nsender = "a@x.test"\nsecurity = "none"\nuser = "x"\npassword = "canary"\n',
            "a password is not sent without encryption",
        ),
        ('[mail]\nsender = "A\\r\\nBcc: b@x.test <a@x.test>"\n', "not a mail address"),
        ('[mail]\nsender = "nobody"\n', "not a mail address"),
        ('[mail]\nunsubscribe = "javascript:x"\n', "neither mailto:"),
        ('[recipients.a]\naddress = "a@x.test"\n', "recipients need a mail.host"),
        ("[recipients.a]\n", "the setting recipients.a.address is missing"),
        ('[webhooks.a]\nurl = "ftp://canary"\n', "not an address such as"),
        ('[webhooks.a]\nurl = "https://x.test"\ndigest = "daily"\n', "'weekly', 'monthly' or 'none'"),
        ('[site]\naddress = "https://x.test/?a=b"\n', "cannot have pages below it"),
    ],
)
def test_what_cannot_deliver_is_refused(home, file, said):
    write(home, file)
    message = refusal()
    assert said in message
    assert "canary" not in message


def test_an_address_is_shown_without_its_password(home, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_STORE", "postgresql://user:ca/na@ry@host/db?sslpassword=canary")
    settings = load_settings()
    assert settings.store_address == "postgresql://user:ca/na@ry@host/db?sslpassword=canary"
    assert str(settings.store) == "postgresql://***@host/db?sslpassword=***"
    assert "ca/na" not in repr(settings)


def test_a_store_is_named_from_the_home_folder(home):
    assert load_settings().store_address == home / "brainalign.sqlite"
    write(home, 'store = "sub/a.sqlite"\n')
    assert load_settings().store_address == home / "sub/a.sqlite"
    write(home, 'store = " "\n')
    assert "the setting store cannot be used: empty" in refusal()


def test_home_comes_from_the_option_the_environment_or_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "variable"))
    assert load_settings().home == tmp_path / "variable"
    assert load_settings(home=tmp_path / "option").home == tmp_path / "option"
    monkeypatch.delenv("BRAINALIGN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert load_settings().home == tmp_path / "data/brainalign"


def test_the_file_of_the_home_in_use_is_read(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, f'contact = "{name}"\n')
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "a"))
    assert load_settings().contact == "a"
    assert load_settings(home=tmp_path / "b").contact == "b"


def test_a_tilde_is_the_users_folder_also_where_no_shell_expands_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "state").mkdir()
    write(tmp_path / "state", 'contact = "found"\n')
    monkeypatch.setenv("BRAINALIGN_HOME", "~/state")
    assert load_settings().home == tmp_path / "state"
    assert load_settings().contact == "found"
    assert "'~nobody-here/x' cannot be found" in refusal(home=Path("~nobody-here/x"))


def test_a_relative_home_is_meant_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(home=Path("state")).home == tmp_path / "state"


def test_an_empty_variable_counts_as_unset(home, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_DOMAIN", "")
    assert load_settings().domain == "vision"
    monkeypatch.setenv("BRAINALIGN_HOME", "")
    assert load_settings().home != Path.cwd()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_missin = 0.3", "no setting 'max_missin' in brainalign.toml; did you mean max_missing?"),
        ("zzz = 1", "no setting 'zzz' in brainalign.toml; known are attempts, base_url,"),
        ("[report]\ncolour = 1", "no setting 'report'"),
        ("[health]\nprot = 1", "no setting 'health.prot' in brainalign.toml; did you mean health.port?"),
        ("late_after_hours = 1", "no setting 'late_after_hours' in brainalign.toml; did you mean health.late_"),
        ("[heath]\nport = 1", "no setting 'heath' in brainalign.toml; did you mean health?"),
        ("a = 1\nb = 2", "(1 more is wrong)"),
        ("a = 1\nb = 2\nc = 3", "(2 more are wrong)"),
        ('home = "/elsewhere"', "sets home, but lies in the home folder itself; give --home or BRAINALIGN_HOME"),
        ("max_missing =", "is not valid TOML: Invalid value"),
        (b'contact = "\xff"', "is text in an older encoding, perhaps Windows-1252; save it as UTF-8"),
        ('contact = "x"'.encode("utf-16-le"), "is UTF-16 text without a byte order mark"),
    ],
)
def test_a_wrong_file_is_refused(home, text, said):
    write(home, text)
    assert said in refusal()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark_are_read(home, encoding):
    mail = '[mail]\nhost = "h"\nuser = "u"\nsender = "a@b.org"\npassword_file = "secret"\n'
    rule = '[[alerts]]\nname = "low"\nfigure = "mean_rho"\non = "level"\ncondition = "below"\nbound = 0\n'
    write(home, f'contact = "me"\r\n{mail}{rule}'.encode(encoding))
    (home / "secret").write_bytes("s\u00e9same\r\n".encode(encoding))
    (home / "known_events.toml").write_bytes('[[events]]\nfirst = 2022-02-10\ntext = "x"\n'.encode(encoding))
    settings = load_settings()
    assert settings.contact == "me"
    assert settings.mail.password.get_secret_value() == "s\u00e9same"
    assert [rule.name for rule in load_rules(home / "brainalign.toml")] == ["low"]
    assert "x" in [event.text for event in known_events("vision", home)]


@pytest.mark.parametrize(
    ("name", "toml", "said"),
    [
        ("domain", '"Vision"', "the setting domain is 'Vision': not one lower-case word"),
        ("domain", '"vision/../x"', "not one lower-case word"),
        ("domain", "5", "should be a valid string"),
        ("base_url", '"brain-score.org"', "not an address such as https://www.brain-score.org"),
        ("base_url", '"file:///etc/passwd"', "not an address"),
        ("base_url", '"http://host:99999"', "not an address"),
        ("base_url", '"https://"', "not an address"),
        ("contact", '"(x)"', "printable ASCII"),
        ("contact", '"a\\r\\nX-Header: b"', "printable ASCII"),
        ("contact", f'"{"x" * 201}"', "up to 200"),
        ("timeout_seconds", "0", "greater than or equal to 0.001"),
        ("timeout_seconds", "nan", "finite"),
        ("deadline_seconds", "inf", "finite"),
        ("deadline_seconds", "86401", "less than or equal to 86400"),
        ("deadline_seconds", "-1", "greater than"),
        ("attempts", "0", "greater than or equal to 1"),
        ("attempts", "1000", "less than or equal to 20"),
        ("max_body_bytes", "10", "greater than or equal to 1000"),
        ("max_missing", "1.5", "less than or equal to 1"),
        ("max_missing", '"half"', "the setting max_missing is 'half': input should be a valid number"),
        ("min_overlap", "1", "greater than or equal to 2"),
        ("min_overlap", "2.5", "valid integer"),
    ],
)
def test_a_wrong_value_is_refused(home, name, toml, said):
    write(home, f"{name} = {toml}\n")
    message = refusal()
    assert said in message
    assert message.endswith("correct it in brainalign.toml")


BAD_HOSTS = ("smtp..example.org", ".", "a b", "-x.test", f"{'a' * 64}.test", "mail.test:25", "[::1", "ho\\u0000st", "")


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_none_is_refused_when_settings_are_read(home, host):
    mail = '[mail]\nsender = "a@x.test"\n'
    for text in (f'{mail}host = "{host}"\n', f'[health]\naddress = "{host}"\n'):
        write(home, text)
        assert "not the name or the address of a host" in refusal()
    address = f"https://{host.replace(':25', ':x')}/"
    for text in (
        f'base_url = "{address}"\n',
        f'source = "{address}"\n',
        f'[health]\nheartbeat_url = "{address}"\n',
        f'[webhooks.a]\nurl = "{address}"\n',
        f'[site]\naddress = "{address}"\n',
    ):
        write(home, text)
        assert "not an address" in refusal()


def test_hosts_that_there_may_be_are_taken(home):
    for host in (
        "localhost",
        "mail.lab.example.",
        "192.0.2.1",
        "::1",
        "fe80::1%eth0",
        "xn--bcher-kva.example",
        "a_b.x",
    ):
        write(home, f'[mail]\nsender = "a@x.test"\nhost = "{host}"\n')
        assert load_settings(home=home).mail.host == host


def test_a_refusal_says_where_the_value_came_from(home, monkeypatch):
    assert refusal(max_missing=2.0).endswith("correct it in the option --max-missing")
    monkeypatch.setenv("BRAINALIGN_MAX_MISSING", "2")
    assert refusal().endswith("correct it in BRAINALIGN_MAX_MISSING")


def test_a_password_is_not_repeated(home):
    write(home, 'base_url = "ftp://user:secret@host/"\n')
    assert "'ftp://***@host/'" in refusal()
    assert "secret" not in refusal()


@pytest.mark.parametrize(
    ("unknown", "near"),
    [
        ("BRAINALIGN_DOMIAN", "BRAINALIGN_DOMAIN"),
        ("BRAINALIGN_HEALTH__PROT", "BRAINALIGN_HEALTH__PORT"),
        ("BRAINALIGN_HEALTH_PORT", "BRAINALIGN_HEALTH__PORT"),
        ("BRAINALIGN_HEALTH", "BRAINALIGN_HEALTH__PORT"),
        ("BRAINALIGN_ATTEMPTS_FILE", "BRAINALIGN_ATTEMPTS"),
        ("BRAINALIGN_STORE_FIEL", "BRAINALIGN_STORE_FILE"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(home, monkeypatch, unknown, near):
    monkeypatch.setenv(unknown, "1")
    assert refusal() == f"the environment variable {unknown} is no setting; did you mean {near}?"


def test_variables_of_the_tests_are_no_settings(home, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_REQUIRE", "browser")
    monkeypatch.setenv("BRAINALIGN_SHARED", "/x")
    load_settings()


def test_a_folder_in_place_of_the_file_is_refused(home):
    (home / CONFIG_NAME).mkdir()
    assert "is not a file" in refusal()


def test_a_file_that_may_not_be_read_is_refused(home, monkeypatch):
    write(home, "attempts = 2\n")
    real = Path.open

    def forbidden(path: Path, *how: object, **more: object) -> object:
        if path.name == CONFIG_NAME:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *how, **more)

    # Root may read everything, so the refusal of the system is played.
    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal().startswith(f"cannot read '{home / CONFIG_NAME}': Permission denied")


def test_changed_settings_are_those_without_their_default(home):
    settings = load_settings(max_missing=0.25)
    assert changed_settings(settings, ("max_missing", "min_overlap")) == {"max_missing": 0.25}


# What follows asks for the effect of each setting at the far end: the server, the store, the analysis.


@pytest.fixture
def site():
    with local_site(body_of(document(4))) as running:
        yield running


def fetched(site: LocalSite, home: Path, **settings: object):
    return brainalign("fetch", home=home, **({"base_url": site.url, "attempts": 1} | settings))


def test_contact_and_version_reach_the_server(site, tmp_path):
    fetched(site, tmp_path, contact="https://lab.test/monitor").succeeded()
    agent = site.visits[-1][1]["user-agent"]
    assert agent.startswith("brainalign/")
    assert "(+https://lab.test/monitor)" in agent


def test_base_url_and_domain_make_the_path(site, tmp_path):
    fetched(site, tmp_path).succeeded()
    assert site.visits[-1][0] == "/vision/compare/data/"
    language = site.answer.body.replace(b"_vision", b"_language").replace(b'"vision"', b'"language"')
    site.serve(language)
    fetched(site, tmp_path, domain="language").succeeded()
    assert site.visits[-1][0] == "/language/compare/data/"
    listed = brainalign("snapshots", "list", "--json", home=tmp_path).succeeded().json
    assert sorted(info["domain"] for info in listed) == ["language", "vision"]
    assert brainalign("snapshots", "show", "--json", home=tmp_path).json["domain"] == "vision"
    assert brainalign("snapshots", "show", "--json", home=tmp_path, domain="language").json["domain"] == "language"
    option = brainalign("snapshots", "show", "--json", "--domain", "language", home=tmp_path)
    assert option.json["domain"] == "language"


def test_both_domains_in_one_home(site, tmp_path):
    """Fetch, run, report, site and alerts for each; one that fails keeps the other from nothing."""
    vision = site.answer.body
    language = vision.replace(b"_vision", b"_language").replace(b'"vision"', b'"language"')
    site.other_domains = {"language": language}
    (tmp_path / "brainalign.toml").write_text(
        'domains = ["vision", "language"]\n[site]\nfolder = "site"\naddress = "https://lab.test/"\n'
    )
    how = {"base_url": site.url, "attempts": 1}
    brainalign("fetch", home=tmp_path, **how).succeeded()
    listed = brainalign("snapshots", "list", "--json", home=tmp_path).succeeded().json
    assert sorted(info["domain"] for info in listed) == ["language", "vision"]
    runs = brainalign("run", "--json", home=tmp_path, **how).succeeded().json["runs"]
    assert [one["domain"] for one in runs] == ["vision", "language"]
    for one in ("vision", "language"):
        assert list((tmp_path / "reports" / one).glob("*.html"))
        page = (tmp_path / "site" / one / "current/index.html").read_text()
        assert one.capitalize() in page or one in page
    assert brainalign("snapshots", "show", "--json", home=tmp_path).json["domain"] == "vision"
    alone = brainalign("run", "--json", "--domain", "language", home=tmp_path, **how).succeeded().json
    assert [one["domain"] for one in alone["runs"]] == ["language"]
    assert {path.name for path in (tmp_path / "site").iterdir()} == {"vision", "language"}
    site.other_domains = {"language": b"nonsense"}
    failed = brainalign("run", home=tmp_path, **how)
    assert failed.code == 5
    assert "vision as of " in failed.out, "the first was run all the same"
    settings = load_settings(home=tmp_path)
    with open_home(settings) as store:
        jobs = jobs_of(monitor_of(settings, store, lambda: datetime.now(UTC)))
    names = [job.name for job in jobs]
    assert names[: len(names) // 2] == [name.removesuffix(" language") for name in names[len(names) // 2 :]]
    assert [job.monitor.settings.domain for job in jobs if job.name.startswith("pull")] == ["vision", "language"]
    told = brainalign("status", "--json", home=tmp_path).succeeded().json
    assert not any("no pull of" in problem for problem in told["problems"])
    assert [one["board"]["snapshot"] for one in told["leaderboards"]] == [1, 2]
    assert "pull language" in told["jobs"]
    text = brainalign("status", home=tmp_path).succeeded().out
    assert any(line.split()[:5] == ["newest", "board", "of", "language", "2,"] for line in text.splitlines())
    with open_home(settings) as store:
        metrics = metrics_text(standing(settings, store, datetime.now(UTC))).decode()
    for one in ("vision", "language"):
        for name in ("last_pull", "last_success", "last_news", "board", "newest_score"):
            assert f'brainalign_{name}_timestamp_seconds{{domain="{one}"}}' in metrics
    for words in (["report", "-o", tmp_path / "x.html"], ["history"], ["reference", "freeze", "base", "--replace"]):
        said = brainalign(*words, home=tmp_path)
        note = "note: this is vision; --domain language names another leaderboard\n"
        assert (said.code, said.err) == (0, note)
        brainalign(*words, "--domain", "language", home=tmp_path).succeeded()
    assert "language" in brainalign("reference", "show", "base", home=tmp_path).out


def test_max_body_bytes_refuses(site, tmp_path):
    ended = fetched(site, tmp_path, max_body_bytes=1000)
    assert ended.code == 4
    assert "more than 1000 bytes" in ended.problem
    ended = brainalign("analyze", ROOT / "setup.cfg", home=tmp_path, max_body_bytes=1000)
    assert ended.code == 4
    assert "more than the cap of 1000" in ended.problem


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"deadline_seconds": 0.3, "timeout_seconds": 20}, "did not finish within 0.3 s"),
        ({"deadline_seconds": 20, "timeout_seconds": 0.3}, "sent nothing for 0.3 s"),
    ],
)
def test_deadline_and_timeout_cut(silent_address, tmp_path, settings, said):
    ended = brainalign("fetch", home=tmp_path, base_url=silent_address, attempts=1, **settings)
    assert ended.code == 4
    assert said in ended.problem


def test_attempts_are_made(site, tmp_path):
    site.serve(b"", status=503)
    ended = fetched(site, tmp_path, attempts=2)
    assert ended.code == 4
    assert "at try 2 of 2" in ended.problem
    assert len(site.visits) == 2


def test_thresholds_change_the_analysis(tmp_path):
    board = document(6)
    for model in board["models"][:2]:
        model["scores"]["Cid2022-i2n"][0]["value"] = "X"
    path = tmp_path / "board.json"
    path.write_bytes(body_of(board))

    def found(**settings: object):
        return brainalign("analyze", path, "--json", home=tmp_path, **settings).succeeded().json

    plain, strict = found(min_overlap=2), found(min_overlap=2, max_missing=0.3)
    assert plain["cleaning"] == {"max_missing": 0.5, "dropped_benchmarks": [], "models": 4, "benchmarks": 3}
    assert strict["cleaning"] == {
        "max_missing": 0.3,
        "dropped_benchmarks": ["Cid2022-i2n"],
        "models": 6,
        "benchmarks": 2,
    }
    assert plain["agreement"]["pairwise"]["pairs"] == 3
    assert found(min_overlap=5)["agreement"]["pairwise"] | {"mean": None, "negative_share": None} == {
        "mean": None,
        "negative_share": None,
        "pairs": 1,
        "min_overlap": 5,
    }
    option = brainalign("analyze", path, "--json", "--max-missing", "0.3", home=tmp_path, max_missing=0.9)
    assert option.json["cleaning"]["max_missing"] == 0.3


def test_home_holds_all_state(site, tmp_path, monkeypatch):
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    home = tmp_path / "home"
    brainalign("run", "--home", home, base_url=site.url, home=tmp_path / "not-this").succeeded()
    assert {path.name for path in home.iterdir()} >= {"brainalign.sqlite", "bodies", "reports"}
    assert list(working.iterdir()) == []
    assert not (tmp_path / "not-this").exists()
    assert not [name for name in os.environ if name == "BRAINALIGN_BASE_URL"], "the test left its settings behind"
