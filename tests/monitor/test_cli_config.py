"""``brainalign config``: the example, what is in force, and where it came from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from brainalign_monitor.config.reading import ANY, is_secret, load_rules, setting_fields
from brainalign_monitor.config.settings import Settings, load_settings
from tests.commands import brainalign
from tests.conftest import ROOT

EXAMPLE = ROOT / "monitor/brainalign.example.toml"


def uncommented() -> str:
    """The example with all its settings switched on; prose has a space behind its #."""
    return re.sub(r"^#(?=[a-z\[])", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def paths(table: dict[str, Any], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = set()
    for key, value in table.items():
        found |= paths(value, (*above, key)) if isinstance(value, dict) else {(*above, key)}
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "new"


def test_init_writes_the_example_once_for_its_owner_only(home):
    said = brainalign("config", "init", "--home", home).succeeded().out
    path = home / "brainalign.toml"
    assert str(path) in said
    assert path.read_bytes() == EXAMPLE.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    ended = brainalign("config", "init", "--home", home)
    assert ended.code == 3
    assert "exists already" in ended.problem


def test_the_example_changes_nothing(home):
    standard = load_settings(home=home)
    brainalign("config", "init", "--home", home).succeeded()
    assert load_settings(home=home) == standard


def test_every_setting_is_in_the_example_with_its_default(home):
    document = tomllib.loads(uncommented())
    document.pop("alerts", None)
    there = paths(document)
    fields = {path: field for path, field in setting_fields(Settings) if path != ("home",)}
    for path in fields:
        pattern = re.compile(r"\.".join("[a-z0-9_]+" if key == ANY else key for key in path))
        assert any(pattern.fullmatch(".".join(one)) for one in there), f"{'.'.join(path)} is not in the example"
    home.mkdir()
    (home / "brainalign.toml").write_text(uncommented())
    loaded = load_settings(home=home)
    standard = load_settings(home=home / "none")
    for path, field in fields.items():
        if ANY in path or is_secret(field.annotation):
            continue
        ours, theirs = loaded, standard
        for key in path:
            ours, theirs = getattr(ours, key), getattr(theirs, key, None)
        if theirs not in (None, "", ()):  # such a default cannot be shown: there it is an example
            assert ours == theirs, path


def test_the_example_rule_is_one(home):
    home.mkdir()
    (home / "brainalign.toml").write_text(uncommented())
    assert [rule.name for rule in load_rules(home / "brainalign.toml")] == ["benchmarks hardly agree"]


def test_check_names_what_is_set_and_where(home):
    home.mkdir()
    (home / "brainalign.toml").write_text("attempts = 3\n[health]\nport = 8000\n")
    out = brainalign("config", "check", "--max-missing", 0.25, home=home, health__address="::1").succeeded().out
    assert out.splitlines()[0] == f"{home / 'brainalign.toml'} is valid"
    rows = {tuple(line.split(maxsplit=2)) for line in out.splitlines()}
    assert {
        ("home", f'"{home}"', "BRAINALIGN_HOME"),
        ("attempts", "3", "brainalign.toml"),
        ("max_missing", "0.25", "the option --max-missing"),
        ("health.address", '"::1"', "BRAINALIGN_HEALTH__ADDRESS"),
        ("health.port", "8000", "brainalign.toml"),
    } <= rows
    assert "alert rules: complete models fell" in out


def test_check_without_a_file_says_that_none_is_needed(home):
    assert "does not exist, and is not required" in brainalign("config", "check", home=home).succeeded().out


def test_check_refuses_what_a_run_would_refuse(home):
    home.mkdir()
    (home / "brainalign.toml").write_text("[health]\nport = 0\n")
    ended = brainalign("config", "check", home=home)
    assert (ended.code, "health.port is 0" in ended.problem) == (3, True)
    (home / "brainalign.toml").write_text("[[alerts]]\nname = 1\n")
    assert brainalign("config", "check", home=home).code == 3


def test_check_warns_of_secrets_that_others_may_read(home):
    home.mkdir()
    path = home / "brainalign.toml"
    path.write_text('store = "postgresql://a:b@host/db"\n')
    path.chmod(0o640)
    ended = brainalign("config", "check", home=home)
    assert ended.code == 0
    assert "holds store and other users can read it; run `chmod 600` on it" in ended.err
    path.chmod(0o600)
    brainalign("config", "check", home=home).succeeded()


def test_show_prints_every_setting_and_masks_secrets(home):
    home.mkdir()
    (home / "token").write_text("https://hc.test/canary")
    given = {"health__heartbeat_url_file": home / "token", "store": "postgresql://me:canary@host/db"}
    shown = brainalign("config", "show", "--json", home=home, **given).succeeded()
    settings = {one["name"]: one for one in shown.json["settings"]}
    assert settings.keys() >= {".".join(path) for path, _ in setting_fields(Settings) if ANY not in path}
    assert settings["store"] == {"name": "store", "value": "postgresql://***@host/db", "origin": "BRAINALIGN_STORE"}
    assert settings["health.heartbeat_url"] == {
        "name": "health.heartbeat_url",
        "value": "**********",
        "origin": "BRAINALIGN_HEALTH__HEARTBEAT_URL_FILE",
    }
    assert settings["attempts"] == {"name": "attempts", "value": 5, "origin": "default"}
    text = brainalign("config", "show", home=home, **given).succeeded().out
    assert len(text.splitlines()) == len(settings)
    assert "canary" not in shown.out + text
