"""Tables that a name follows, ``[hooks.NAME]``, and lists: how the file and the environment give them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from brainalign_monitor.base.errors import ConfigError
from brainalign_monitor.config.reading import DIVIDER, PREFIX, Environment, HomeFile, check_environment, setting_fields
from brainalign_monitor.config.sections import Section, TableName


class Hook(Section):
    url: str
    secret: SecretStr | None = None
    events: tuple[str, ...] = ()


class Lab(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DIVIDER, env_ignore_empty=True, extra="forbid", frozen=True
    )

    hooks: dict[TableName, Hook] = {}
    only: Hook | None = None


def read(home):
    check_environment(Lab, frozenset({"BRAINALIGN_HOME", "BRAINALIGN_REQUIRE", "BRAINALIGN_SHARED"}))
    return HomeFile(Lab, home)(), Environment(Lab, home)()


def test_names_stand_in_the_path_of_a_setting():
    assert [".".join(path) for path, _ in setting_fields(Lab)] == [
        *("hooks.*.url", "hooks.*.secret", "hooks.*.events"),
        *("only.url", "only.secret", "only.events"),
    ]


def test_the_environment_fills_a_named_table(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("from a file\n")
    (tmp_path / "brainalign.toml").write_text('[hooks.my_lab]\nurl = "https://lab.test"\n')
    monkeypatch.setenv("BRAINALIGN_HOOKS__MY_LAB__SECRET_FILE", "secret")
    monkeypatch.setenv("BRAINALIGN_HOOKS__OTHER__EVENTS", "alert, digest")
    monkeypatch.setenv("BRAINALIGN_ONLY__EVENTS", '["a,b"]')
    monkeypatch.setenv("BRAINALIGN_ONLY__URL", "")
    file, environment = read(tmp_path)
    assert file == {"hooks": {"my_lab": {"url": "https://lab.test"}}}
    assert environment == {
        "hooks": {"my_lab": {"secret": "from a file"}, "other": {"events": ["alert", "digest"]}},
        "only": {"events": ["a,b"]},
    }


def test_a_secret_of_a_named_table_may_be_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "brainalign.toml").write_text('[hooks.lab]\nsecret_file = "secret"\n')
    assert read(tmp_path)[0] == {"hooks": {"lab": {"secret": "hidden"}}}
    (tmp_path / "brainalign.toml").write_text('[hooks.lab]\nsecret_file = "absent"\n')
    with pytest.raises(ConfigError, match=r"hooks\.lab\.secret_file names 'absent'"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["HOOKS__LAB__URLS", "HOOKS__LAB", "HOOKS", "HOOKS____URL", "ONLY"])
def test_what_names_no_setting_of_a_table_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setenv(f"BRAINALIGN_{name}", "1")
    with pytest.raises(ConfigError, match=rf"BRAINALIGN_{name} is no setting; did you mean BRAINALIGN_"):
        read(tmp_path)
