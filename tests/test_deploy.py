"""What is in deploy/: checked by the tools of its field where they are, and run as far as a test can."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from brainalign_monitor.config.reading import IN_FILE, is_secret, setting_fields, variable
from brainalign_monitor.config.settings import Settings
from tests.commands import brainalign, environment
from tests.conftest import ROOT
from tests.local_site import local_site
from tests.monitor.sources.samples import body_of, document

DEPLOY = ROOT / "deploy"
UNITS = ("brainalign.service", "brainalign-run.service", "brainalign-run.timer")
WORKFLOW = DEPLOY / "github-pages.yml"


def known_variables() -> set[str]:
    found = set()
    for path, field in setting_fields(Settings):
        found.add(variable(path))
        if is_secret(field.annotation):
            found.add(variable(path) + IN_FILE.upper())
    return found


@pytest.mark.parametrize("path", sorted(path.name for path in DEPLOY.iterdir()))
def test_every_file_has_its_paragraph_and_names_only_settings_that_exist(path):
    assert f"deploy/{path}" in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    text = (DEPLOY / path).read_text(encoding="utf-8")
    named = set(re.findall(r"\bBRAINALIGN_[A-Z_]+[A-Z]\b", text))
    # Of the repository on GitHub: what it calls its secrets and its package is its own.
    named -= {"BRAINALIGN_MAIL_PASSWORD", "BRAINALIGN_HEARTBEAT_URL", "BRAINALIGN_REPOSITORY", "BRAINALIGN_COMMIT"}
    assert named <= known_variables()


# --- systemd -------------------------------------------------------------------------------------------------


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("name", UNITS[:2])
def test_the_service_is_hardened(name):
    service = unit(name)["Service"]
    for key in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictNamespaces"):
        assert service[key] == "yes", key
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectory"] == "brainalign"
    command = service["ExecStart"].split()[1:]
    assert brainalign(*command, "--help").succeeded().out.startswith("Usage:")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze: this system has none")
def test_systemd_takes_the_units(tmp_path):
    for name in UNITS:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    paths = [str(tmp_path / name) for name in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    asked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", paths[0]]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


# --- cron ----------------------------------------------------------------------------------------------------


def test_the_line_of_cron_is_a_run():
    lines = [line for line in (DEPLOY / "crontab").read_text().splitlines() if line and not line.startswith("#")]
    *variables, line = lines
    assert all(re.fullmatch(r"[A-Z_]+=\S+", one) for one in variables)
    minute, hour, day, month, weekday, command, *arguments = line.split()
    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert (day, month, weekday) == ("*", "*", "*"), "once a day is polite"
    assert command.endswith("/bin/brainalign")
    assert arguments == ["run", ">/dev/null"]


# --- Docker --------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_is_small_and_runs_as_nobody_special():
    found = instructions()
    stages = [argument for name, argument in found if name == "FROM"]
    assert len(stages) == 2, "what builds is not in what runs"
    assert all(re.match(r"python:3\.1[12]-slim-\w+@sha256:[0-9a-f]{64}\b", stage) for stage in stages)
    assert len({stage.split()[0] for stage in stages}) == 1
    installs = " ".join(argument for name, argument in found if name == "RUN")
    assert "torch" not in installs
    assert "brainscore" not in installs
    users = [argument for name, argument in found if name == "USER"]
    assert users == ["10001:10001"]
    assert not any(name == "ADD" for name, _ in found)
    (check,) = [argument for name, argument in found if name == "HEALTHCHECK"]
    command = json.loads(check.split("CMD", 1)[1])
    compile(command[2], "health check", "exec")
    (command,) = [argument for name, argument in found if name == "CMD"]
    assert brainalign(*json.loads(command), "--help").succeeded().out.startswith("Usage:")


def test_what_the_image_copies_is_there_and_not_kept_out():
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [argument.split()[:-1] for name, argument in instructions() if name == "COPY" and "--from" not in argument]
    for source in {path for paths in copied for path in paths}:
        assert (ROOT / source).exists(), source
        assert source in kept, f"{source} is kept out by .dockerignore"


@pytest.mark.skipif(not shutil.which("hadolint", path=Path(sys.executable).parent), reason="hadolint: not installed")
def test_hadolint_takes_the_dockerfile():
    program = str(Path(sys.executable).parent / "hadolint")
    done = subprocess.run([program, str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# --- GitHub --------------------------------------------------------------------------------------------------


def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def test_the_workflow_is_one_by_githubs_schema():
    program = str(Path(sys.executable).parent / "check-jsonschema")
    asked = [program, "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_may_do_no_more_than_it_needs():
    found = workflow()
    assert found["permissions"] == {"contents": "read"}
    assert found["jobs"]["watch"]["permissions"] == {"contents": "write"}
    assert found["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert found["concurrency"]["cancel-in-progress"] is False
    # Foreign text never reaches a shell but through its environment.
    for job in found["jobs"].values():
        assert all("${{" not in step.get("run", "") for step in job["steps"])


# The first major release of each that runs on Node 24: GitHub has taken Node 20 away.
ON_NODE_24 = {"actions/setup-python": 6, "actions/upload-pages-artifact": 5, "actions/deploy-pages": 5}


def test_the_workflow_uses_actions_that_github_still_runs():
    used = re.findall(r"uses: (\S+)@([0-9a-f]{40}) # v(\d+)\.\d+\.\d+\n", WORKFLOW.read_text(encoding="utf-8"))
    assert len(used) == sum("uses" in one for job in workflow()["jobs"].values() for one in job["steps"])
    for name, _, release in used:
        assert int(release) >= ON_NODE_24[name], name


def test_the_token_is_in_the_step_that_pushes_alone():
    steps = [one for job in workflow()["jobs"].values() for one in job["steps"]]
    assert [one["name"] for one in steps if "github.token" in str(one)] == ["Keep the store"]
    assert "brainalign " not in step("Keep the store")["run"].replace("config user.name brainalign", "")


@pytest.mark.parametrize(("repository", "commit"), [("", ""), ("https://x", "main"), ("../x", "0" * 40)])
def test_nothing_is_installed_but_a_commit_that_was_named(tmp_path, repository, commit):
    done = subprocess.run(
        ["bash", "-e", "-c", step("Install the monitor")["run"]],
        env={"PATH": os.environ["PATH"], "REPOSITORY": repository, "COMMIT": commit},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "set the variables BRAINALIGN_REPOSITORY" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_says_to_install_this_by_its_bare_name():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            text = (ROOT / name).read_bytes().decode("utf-8", "replace")
            assert not re.search(r"pip install[^\n]*[ '\"/]brainalign(\[|['\"`\s;]|==|$)", text), name


def test_the_lock_file_has_all_that_is_asked_for_with_hashes():
    text = (DEPLOY / "requirements.lock").read_text(encoding="utf-8").replace(" \\\n", " ")
    locked = {}
    for line in text.splitlines()[1:]:
        found = re.fullmatch(r"([a-z0-9-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)", line)
        assert found, line
        locked[found[1]] = found[2]
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    for one in f"{settings['options']['install_requires']}\n{extras['postgres']}\n{extras['notify']}".splitlines():
        if one.strip() and not one.startswith("#"):
            wanted = Requirement(one)
            assert wanted.specifier.contains(locked[wanted.name.lower().replace("_", "-")]), one


def step(name: str) -> dict[str, Any]:
    (found,) = [one for one in workflow()["jobs"]["watch"]["steps"] if one["name"] == name]
    return found  # type: ignore[no-any-return]


def test_the_store_is_kept_from_run_to_run_and_the_site_is_there(tmp_path):
    """The steps of the workflow, as GitHub's shell runs them, with a bare repository in the place of GitHub's."""
    hub, bin_folder = tmp_path / "hub.git", tmp_path / "bin"
    subprocess.run(["git", "init", "--quiet", "--bare", str(hub)], check=True)
    bin_folder.mkdir()
    program = bin_folder / "brainalign"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m brainalign_monitor "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def job(number: int, url: str) -> tuple[Path, int]:
        workspace = tmp_path / f"workspace{number}"
        workspace.mkdir()
        given = {
            name: value
            for name, value in workflow()["env"].items()
            if name.startswith("BRAINALIGN_") and "${{" not in value
        }
        variables = environment(base_url=url, attempts=1) | given
        variables |= {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TOKEN": "token",
            "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
            "GITHUB_REPOSITORY": "lab/board",
            "BRAINALIGN_SITE__ADDRESS": "https://lab.github.io/board",
            "BRAINALIGN_MAIL__PASSWORD": "",
        }
        (tmp_path / "gitconfig").write_text(f'[url "file://{hub}"]\n\tinsteadOf = https://github.com/lab/board.git\n')
        outcome = 0
        for name in ("Fetch the store", "Run", "Back the store up", "Keep the store"):
            # As GitHub runs a step: stopped at the first command that fails.
            done = subprocess.run(
                ["bash", "-e", "-c", step(name)["run"]],
                cwd=workspace,
                env=variables,
                capture_output=True,
                text=True,
                check=False,
            )
            if name == "Run":
                outcome = done.returncode
            else:
                assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert "token" not in (workspace / "store/.git/config").read_text()
        return workspace, outcome

    with local_site(body_of(document(4))) as site:
        first, outcome = job(1, site.url)
        assert outcome == 0
        assert (first / "site/current/index.html").is_file()
        (upload,) = [one for one in workflow()["jobs"]["watch"]["steps"] if one["name"] == "Publish"]
        assert (first / upload["with"]["path"] / "index.html").is_file()
        later = document(5)
        later["datetime_range"]["max"] = "2024-02-01T00:00:00+00:00"
        site.serve(body_of(later))
        assert job(2, site.url)[1] == 0
        site.serve(b"<html>down</html>")
        third, outcome = job(3, site.url)
        assert outcome == 5
    listed = brainalign("snapshots", "list", "--json", home=third / "home").json
    assert sorted(info["models"] for info in listed) == [4, 5]
    assert (
        brainalign("status", "--json", home=third / "home").json["leaderboards"][0]["pulls"]["last"]["outcome"]
        == "refused"
    )
    log = subprocess.run(
        ["git", f"--git-dir={hub}", "log", "--oneline", "brainalign-store"], capture_output=True, text=True, check=True
    )
    assert len(log.stdout.splitlines()) == 1, "the branch stays small"


def test_the_steps_are_in_the_order_that_keeps_a_failed_run():
    names = [one["name"] for one in workflow()["jobs"]["watch"]["steps"]]
    assert names.index("Run") < names.index("Keep the store") < names.index("Say that the run failed")
    assert step("Run")["continue-on-error"] is True
    assert step("Say that the run failed")["if"] == "steps.run.outcome == 'failure'"
