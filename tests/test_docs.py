"""The documentation is built without a warning, and a reader who types what its pages say gets what they say."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import brainalign_plugin as ba
from brainalign_monitor.base.outgoing import Channel
from brainalign_monitor.delivery.composing import compose_alerts, compose_digest, compose_operator
from brainalign_monitor.delivery.messages import Subscriber
from brainalign_monitor.history.figures import FIGURES
from brainalign_plugin.certainty.families import read_families
from brainalign_plugin.files.model_scores import COLUMNS
from tests.commands import brainalign, documented_table, environment
from tests.conftest import ROOT, shared_folder
from tests.local_site import local_site
from tests.monitor.delivery.conftest import ALERT, AT, LETTERHEAD, digest
from tests.monitor.delivery.mail_host import mail_host
from tests.monitor.delivery.test_delivery_mail import NOTE
from tests.monitor.sources.samples import body_of, document
from tests.monitor.test_cli import COMMANDS
from tests.test_packaging import IN_REPOSITORY_ONLY

DOCS = ROOT / "docs"
SCRIPTS = Path(sys.executable).parent
BOARD = "compare-data-2024-01-01.json.gz"
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# `text` is what only a machine of the reader's own can do: a download, an installation.
RUN = {"sh", "python", "toml", "csv", "crontab"}


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, file and text of the blocks of a page; Python without a command between it is one script."""
    found = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert {language for language, _, _ in found} <= RUN | {"text"}, page
    joined = []
    for (language, title), group in groupby(found, key=lambda one: one[:2]):
        texts = [text for _, _, text in group]
        joined += (
            [(language, title, "\n".join(texts))] if language == "python" else [(language, title, t) for t in texts]
        )
    return joined


def script(page: str) -> str:
    """All that a page has a reader do, as one script."""
    lines = ["set -eu"]
    for language, title, text in blocks(page):
        if title:
            lines.append(f"cat > {title} <<'END OF FILE'\n{text}END OF FILE")
        elif language == "python":
            lines.append(f"python -W error::UserWarning - <<'END OF FILE'\n{text}END OF FILE")
        elif language == "sh":
            lines.append(text)
        elif language == "crontab":
            lines += [line.split(maxsplit=5)[5] for line in text.splitlines()]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder in which all pages are followed in turn, a leaderboard and a mail server."""
    folder = tmp_path_factory.mktemp("desk")
    body = body_of(document(12))
    real = shared_folder() / BOARD
    if real.exists():
        shutil.copy(real, folder / BOARD)
    (folder / "mine.csv").write_text("benchmark,score\nMockwell2013.V1-pls,0.3\nErsatz2015.IT-pls,0.4\n", "utf-8")
    (folder / "board.json").write_bytes(gzip.decompress(real.read_bytes()) if real.exists() else body)
    with local_site(body) as site:
        path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
        yield folder, environment(base_url=site.url, attempts=1) | {"HOME": str(folder), "PATH": path}


def follow(page: str, desk: tuple[Path, dict[str, str]], **more: str) -> str:
    """Output of all that a page has a reader do."""
    folder, variables = desk
    done = subprocess.run(
        ["bash", "-c", script(page)], cwd=folder, env=variables | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{page}\n{done.stdout[-3000:]}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def started(desk):
    return follow("start.md", desk)


def test_start_answers_its_question(started, desk):
    assert "above rodworks_tiny (1535)" in started
    assert re.search(r"HIER +│ 63\.\d%", started)
    assert re.search(r"glianet_w24-in22k_ft +│ 1714 │ [\d.]+ +│ 1 +│ 1–15 ", started)
    assert (desk[0] / "tiers.svg").exists()
    assert (desk[0] / "real.html").read_text("utf-8").startswith("<!doctype html>")


def test_what_start_installs_can_be_installed(tmp_path):
    (text,) = [text for language, _, text in blocks("start.md") if "pip install" in text]
    source = shutil.copytree(ROOT, tmp_path / "brainalign-source", ignore=IN_REPOSITORY_ONLY)
    *_, command = text.splitlines()
    assert command == f"pip install ./{source.name}"
    options = ["--dry-run", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run([sys.executable, "-m", *command.split(), *options], cwd=tmp_path, check=False)
    assert done.returncode == 0


@pytest.fixture(scope="module")
def submitted(started, desk):
    """The site that the page for submitters has published."""
    out = follow("howto/submitted.md", desk)
    assert "rodworks_tiny (1535) rose 1 place under HIER, from 4 to 3: 1 by a new benchmark (Chimera2024-ridge)" in out
    assert "site/current/models/1535.html" in out
    assert "frozen: reference base" in out
    return desk[0] / "site/current"


def test_a_submitter_learns_why_a_model_moved(submitted):
    documented = csv_columns()
    for path in submitted.rglob("*.csv"):
        folder = path.parent.name
        columns = documented[f"{folder}/{path.name}" if folder == "latest" else f"{folder}/<id>.csv"]
        header = path.read_text("utf-8").splitlines()[0].split(",")
        assert [name for name in header if name not in columns] in ([], header[len(columns) :]), path


def csv_columns() -> dict[str, list[str]]:
    """Columns of each CSV file that docs/csv.md describes; those of a figure or a scheme under every name."""
    sections = re.split(r"^### `", (DOCS / "csv.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        cells = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
        names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
        found[section.partition("`")[0]] = [
            name.replace("<figure>", figure) for name in names for figure in (FIGURES if "<figure>" in name else ("",))
        ]
    return found


def test_the_columns_of_tables_are_documented(started, desk):
    def columns(heading: str) -> list[str]:
        rows = documented_table(heading, "csv.md")
        return [name for row in rows for name in re.findall(r"`([^`]+)`", row[0])]

    ranked = brainalign("rank", "latest", "--scheme", "HIER", "--csv", home=desk[0] / "first/demo/seed-1").out
    assert ranked.splitlines()[0].split(",") == columns("## Printed by `brainalign rank --csv`")
    assert columns("## Read by `brainalign place`") == list(COLUMNS)
    (desk[0] / "families.csv").write_text(",".join(columns("## Read by the setting `families`")) + "\nresnet,mine\n")
    assert read_families(desk[0] / "families.csv") == (("resnet", "mine"),)


def test_a_benchmark_maker_learns_what_it_adds(started, desk):
    out = follow("howto/benchmark.md", desk)
    assert "Mine2026-match" in out


def test_a_maintainer_gets_a_weekly_mail(desk):
    with mail_host() as mail:
        server = {"host": "127.0.0.1", "port": str(mail.port), "security": "none"}
        out = follow(
            "howto/weekly.md", desk, **{f"BRAINALIGN_MAIL__{name.upper()}": one for name, one in server.items()}
        )
    assert "stored snapshot 1" in out
    (arrived,) = mail.mails
    assert (arrived["To"], arrived["Subject"]) == ("me@lab.example", "Brain-Score vision: first report; agreement 1.00")


def test_a_journalist_reads_a_report(started, desk):
    assert "mean_rho" in follow("howto/reader.md", desk)


def test_another_leaderboard_is_a_table(desk):
    assert "<Ranks under 3 schemes" in follow("howto/another.md", desk)
    assert (desk[0] / "agreement.svg").exists()


@pytest.mark.needs("shared")
def test_the_figures_of_the_methods_are_those_of_the_real_board(desk):
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    expected = re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE)
    assert follow("methods.md", desk).splitlines() == expected
    assert len(expected) > 20


def test_every_page_with_blocks_is_followed():
    with_blocks = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "```" in path.read_text("utf-8")}
    elsewhere = {
        "brainscore.md",
        "configuration.md",
        "delivery.md",
        "deploy.md",
        "history.md",
        "running.md",
        "schemes.md",
    }
    here = {"start.md", "methods.md", *(f"howto/{path.name}" for path in (DOCS / "howto").glob("*.md"))}
    assert with_blocks == elsewhere | here


# --- The site -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as MkDocs builds it; a warning, as of a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_needs_no_other_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"(https?:[^\"]+)|<link[^>]+rel=\"(?:stylesheet|preconnect)\"[^>]+href=\"(https?:[^\"]+)"
    )
    assert [found for page in pages for found in loaded.findall(page.read_text("utf-8"))] == []


def test_every_command_and_public_name_has_its_place(site):
    text = (site / "help.html").read_text("utf-8")
    assert set(re.findall(r'<h2 id="(brainalign[^"]*)"', text)) >= {f"brainalign-{'-'.join(name)}" for name in COMMANDS}
    text = (site / "python.html").read_text("utf-8")
    for name in ba.__all__:
        if not name.startswith("__"):
            assert f'.{name}"' in text, name


def test_every_chart_is_in_the_gallery(site):
    shown = (DOCS / "generated.py").read_text("utf-8")
    charts = {
        f".{name}("
        for module in (ROOT / "brainalign_plugin/api").glob("*.py")
        for plots in re.split(r"^class ", module.read_text("utf-8"), flags=re.MULTILINE)[1:]
        if re.match(r"\w+Plots\b", plots)
        for name in re.findall(r"^    def (\w+)\(self.*-> Chart:", plots, re.MULTILINE)
    }
    assert charts
    assert {name for name in charts if name not in shown} == set()
    pictures = re.findall(r'src="(gallery/[^"]+\.png)"', (site / "gallery.html").read_text("utf-8"))
    assert len(pictures) >= len(charts)
    assert all((site / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


RECORDS = {
    "analyze": "latest",
    "audit": "latest --scheme HIER",
    "alerts backtest": "",
    "alerts list": "",
    "backfill": "--from 2023-01-01 --to 2023-03-01",
    "config show": "",
    "deliver": "",
    "diff": "3 4",
    "doctor": "",
    "drift": "",
    "eras": "",
    "history": "",
    "link": "--check",
    "metadata": "latest",
    "place": "{desk}/mine.csv --scheme HIER",
    "rank": "latest --scheme HIER,KEMENY",
    "reference freeze": "frozen",
    "reference list": "",
    "reference show": "frozen",
    "run": "--source {desk}/board.json --home {desk}/watched",
    "snapshots list": "",
    "snapshots remove": "1 --dry-run",
    "snapshots show": "",
    "status": "",
    "store check": "",
    "store prune": "--dry-run",
    "unlink": "",
    "validity": "latest --scheme HIER,ZMEAN --resamples 20",
}


def test_every_command_with_json_has_a_schema(site):
    with_json = {" ".join(name) for name in COMMANDS if "--json " in brainalign(*name, "--help").out}
    assert set(RECORDS) == with_json


def closed(schema: Any) -> Any:
    """A schema that takes no field that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    named = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    return named | {key: closed(value) for key, value in schema.items()}


@pytest.mark.parametrize("command", RECORDS)
def test_a_record_is_as_its_schema_says(site, started, desk, command):
    words = [*command.split(), *RECORDS[command].format(desk=desk[0]).split(), "--json"]
    ended = brainalign(*words, home=desk[0] / "first/demo/seed-1", base_url="http://127.0.0.1:1", attempts=1)
    check(ended.json, site, command.replace(" ", "-"))


def check(record: Any, site: Path, name: str) -> None:
    """Hold a record to the schema of the site, in which every field is named."""
    schema = json.loads((site / f"schemas/{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(record, closed(schema))


def test_the_files_of_the_published_site_are_as_their_schemas_say(site, submitted):
    names = {"latest/analysis.json": "analyze", "latest/history.json": "history"}
    shared = {"models": "models-ID", "benchmarks": "benchmarks-NAME"}
    files = sorted(submitted.rglob("*.json"))
    for file in files:
        path = file.relative_to(submitted).as_posix()
        name = names.get(path) or shared.get(file.parent.name) or path.removesuffix(".json").replace("/", "-")
        check(json.loads(file.read_text("utf-8")), site, name)
    assert {file.parent.name for file in files} == {"latest", "models", "benchmarks"}


@pytest.mark.parametrize("kind", ["alert", "digest", "operator"])
def test_the_body_of_a_webhook_is_as_its_schema_says(site, kind):
    content = {
        "alert": (compose_alerts, [ALERT]),
        "digest": (compose_digest, digest()),
        "operator": (compose_operator, NOTE),
    }
    compose, news = content[kind]
    (message,) = compose(news, [Subscriber(Channel.WEBHOOK, "lab", operator=True)], LETTERHEAD, AT)
    record = json.loads(message.body)
    check(record, site, "webhook")
    assert record["kind"] == kind


def test_a_timeline_is_as_the_schema_of_the_history_says(site):
    then, now = ba.example().as_of("2023-01-01"), ba.example()
    record = ba.timeline([then, now]).to_dict()
    schema = json.loads((site / "schemas/history.schema.json").read_text("utf-8"))
    jsonschema.validate(record, closed(schema))
    assert set(record) == set(schema["properties"])
    (point,) = record["series"]["models"][1:]
    assert set(point) >= {"as_of", "value", "interval", "panel", "models", "benchmarks", "origin", "snapshot"}
    (change,) = [one for one in record["changes"] if one["figure"] == "models"]
    assert (change["from"], change["to"]) == tuple(one["as_of"] for one in record["series"]["models"])
    assert change["delta"] == change["after"] - change["before"]
    assert change["reasons"] == ["2 models and 0 benchmarks came or left"]
