"""Planted secrets are found nowhere: everything is run, much of it fails, and all that comes of it is searched."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import tarfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from brainalign_monitor.config.reading import ANY, is_secret, setting_fields
from brainalign_monitor.config.settings import Settings
from brainalign_monitor.operations import pull as pipeline
from brainalign_monitor.store.schema import metadata
from tests.commands import brainalign, environment
from tests.conftest import ROOT
from tests.contracts.conftest import Backend
from tests.local_site import LocalSite, local_site
from tests.monitor.delivery.mail_host import MailHost, mail_host
from tests.monitor.sources.samples import body_of, document

CANARY = "canary-4f9e1b"
# A program of somebody who prints the settings, and fails with them in hand.
TELL_ALL = """
from brainalign_monitor.config.settings import load_settings
settings = load_settings()
print(settings)
raise RuntimeError(repr(settings) + str(settings.model_dump()) + settings.model_dump_json())
"""


def planted(name: str) -> str:
    """The secret of a setting: each is another, so that a find says which."""
    return f"{CANARY}-{name.replace('.', '-').replace('_', '-')}"


@dataclass
class Searched:
    """What was printed, and where else to look."""

    said: list[str] = field(default_factory=list)

    def run(self, *arguments: object, **settings: object) -> int:
        ended = brainalign(*arguments, **settings)
        self.said += [f"{len(self.said)}: {ended.out}", f"{len(self.said)}: {ended.err}"]
        return ended.code


def secrets_of(postgres_url: str, site: LocalSite, mail: MailHost, folder: Path) -> dict[str, str]:
    """Every secret setting, by its environment variable without the prefix; half of them in files."""
    url = sa.make_url(postgres_url).set(password=planted("store"))
    values = {
        "store": url.render_as_string(hide_password=False),
        "source": site.url.replace("http://", f"http://me:{planted('source')}@") + f"?key={planted('source')}",
        "health.heartbeat_url": f"http://127.0.0.1:1/{planted('health.heartbeat_url')}",
        "mail.password": planted("mail.password"),
        "webhooks.lab.url": f"http://127.0.0.1:1/{planted('webhooks.lab.url')}",
        "webhooks.lab.secret": planted("webhooks.lab.secret"),
        "notify.chat.url": f"json://127.0.0.1:1/{planted('notify.chat.url')}",
    }
    given = {}
    for number, (name, value) in enumerate(values.items()):
        variable = name.replace(".", "__")
        if number % 2:
            path = folder / variable
            path.write_text(value)
            given[f"{variable}_file"] = str(path)
        else:
            given[variable] = value
    return given


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with local_site(body_of(document(9))) as running:
        yield running


def test_every_secret_setting_is_planted(site: LocalSite, tmp_path: Path) -> None:
    given = secrets_of("postgresql://x@localhost/y", site, MailHost(), tmp_path)
    names = {name.removesuffix("_file").replace("__", ".") for name in given}
    patterns = {".".join(path) for path, field in setting_fields(Settings) if is_secret(field.annotation)}
    as_patterns = {
        ".".join(ANY if i == 1 and len(parts) == 3 else part for i, part in enumerate(parts))
        for parts in (name.split(".") for name in names)
    }
    assert as_patterns == patterns, "a new secret has to be planted here"
    assert issubclass(Settings, BaseModel)


def everywhere(home: Path, store: Backend, url: str, more: list[Path]) -> Iterator[tuple[str, bytes]]:
    """All bytes that are kept: files, packed ones unpacked, and the rows of all tables."""
    for place in (home, *more):
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if not path.is_file():
                continue
            yield str(path), path.read_bytes()
            if path.suffix == ".gz":
                if tarfile.is_tarfile(path):
                    with tarfile.open(path) as archive:
                        for info in archive:
                            inner = archive.extractfile(info)
                            yield f"{path}:{info.name}", inner.read() if inner else b""
                else:
                    yield f"{path} (unpacked)", gzip.decompress(path.read_bytes())
    for table in metadata.sorted_tables:
        rows = store.execute(url, f"SELECT * FROM {table.name}")
        yield f"table {table.name}", repr([tuple(map(_plain, row)) for row in rows]).encode()


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("planted failure")


def test_planted_secrets_are_found_nowhere(
    postgres: Backend, site: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, home, keys = postgres.fresh(), tmp_path / "home", tmp_path / "keys"
    keys.mkdir()
    searched = Searched()
    with mail_host(login=False) as mail:
        given: dict[str, object] = {
            "home": home,
            "attempts": 1,
            "site__folder": tmp_path / "site",
            "site__address": "https://site.test",
            "mail__host": "127.0.0.1",
            "mail__port": mail.port,
            "mail__security": "none",
            "mail__user": "monitor",
            "mail__sender": "monitor@lab.test",
            "recipients__me__address": "me@lab.test",
            "recipients__me__operator": "true",
            "webhooks__lab__operator": "true",
            "notify__chat__operator": "true",
            "operator__after_failures": 1,
            **secrets_of(url, site, mail, keys),
        }
        assert searched.run("--log-json", "run", **given) == 0
        assert site.visits[-1][1]["authorization"].startswith("Basic "), "the login was used"
        later = document(5)
        later["datetime_range"]["max"] = "2024-02-01T00:00:00+00:00"
        site.serve(body_of(later))
        assert searched.run("-v", "run", **given) == 5, "it shrank, and the operators are told"
        site.serve(b"<html>", status=500)
        assert searched.run("--log-json", "fetch", **given) == 4
        for command in (
            ("deliver",),
            ("deliver", "--dry-run"),
            ("mail", "test", "me@lab.test"),
            ("doctor", "--json"),
            ("doctor",),
            ("status",),
            ("status", "--json"),
            ("config", "show"),
            ("config", "show", "--json"),
            ("config", "check"),
            ("publish",),
            ("snapshots", "show"),
            ("store", "check"),
            ("store", "backup", tmp_path / "backup.tar.gz"),
            ("store", "prune", "--dry-run"),
            ("fetch", f"http://me:{CANARY}@127.0.0.1:1/?token={CANARY}"),
            ("fetch", f"postgresql://me:{CANARY}@127.0.0.1:1/x?password={CANARY}"),
            ("fetch", f"ftp://me:{CANARY}@host/x"),
        ):
            searched.run("--log-json", *command, **given)
        for name in ("health__heartbeat_url", "webhooks__lab__url", "webhooks__lab__wrong"):
            assert searched.run("config", "check", **given | {name: f"no address {CANARY}", f"{name}_file": ""}) == 3
        serving(searched, given)
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "pull", broken)
            with pytest.raises(RuntimeError) as caught:
                brainalign("--log-json", "run", **given)
            searched.said.append("".join(traceback.format_exception(caught.value)))
        process = subprocess.run(
            [sys.executable, "-c", TELL_ALL],
            env=environment(**given),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert "RuntimeError" in process.stderr
        searched.said += [process.stdout, process.stderr]
        taken = b"".join(body for _, body in mail.taken)
    for said in searched.said:
        assert CANARY not in said, said
    assert CANARY.encode() not in taken
    found = dict(everywhere(home, postgres, url, [tmp_path / "site", tmp_path / "backup.tar.gz"]))
    assert len([name for name in found if name.startswith("table")]) == len(metadata.sorted_tables)
    assert any("manifest.json" in name for name in found)
    assert any(name.endswith("feed.xml") for name in found)
    assert [name for name, data in found.items() if CANARY.encode() in data] == []
    assert b"refused" in found["table pull"], "there was something to tell secrets of"
    assert json.loads(next(data for name, data in found.items() if name.endswith("manifest.json")))


def serving(searched: Searched, given: dict[str, object]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "brainalign_monitor", "--log-json", "serve"],
        env=environment(**given),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in iter(process.stderr.readline, ""):  # it says when it works
        searched.said.append(line)
        if '"serving"' in line:
            break
    else:
        raise AssertionError(process.communicate())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=90)
    searched.said += [out, err]
