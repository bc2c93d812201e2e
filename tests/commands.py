"""Runs ``brainalign`` as a user does: in this process for speed, or in one of its own where that is the point."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from brainalign_monitor.cli.main import main
from tests.conftest import ROOT

# What no command of a test may take from whoever runs it: settings, and proxies on the way to the loopback.
_KEPT = ("BRAINALIGN_REQUIRE", "BRAINALIGN_SHARED", "BRAINALIGN_TEST_POSTGRES")
# Tables that change with every run.
_LOGS = ("pull", "run", "alert_state", "alarm", "sqlite_sequence")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_refuse)

    @property
    def problem(self) -> str:
        """The one line on stderr of a command that failed for a known reason."""
        assert self.code not in (0, 1), self
        assert self.err.startswith("brainalign: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n"), self.err
        return self.err.removeprefix("brainalign: ").strip()

    def succeeded(self) -> Ended:
        """Itself, if it succeeded and said nothing on stderr."""
        assert (self.code, self.err) == (0, ""), self
        return self


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def environment(**settings: object) -> dict[str, str]:
    """The environment of a command: that of the tests without settings, and these ones of ``BRAINALIGN_``."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not (name.startswith("BRAINALIGN_") or name.lower().endswith("_proxy"))
    }
    # The boards of the tests are of years ago, of which an operator would be told.
    given = {"BRAINALIGN_HEALTH__STALE_AFTER_DAYS": "100000"}
    given |= {f"BRAINALIGN_{name.upper()}": str(value) for name, value in settings.items()}
    # A client reads all certificates that it trusts, some 20 ms: here there are none.
    return inherited | {"SSL_CERT_DIR": os.devnull, "COLUMNS": "200"} | given


def brainalign(*arguments: object, **settings: object) -> Ended:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.dict(os.environ, environment(**settings), clear=True), redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


def brainalign_process(*arguments: object, variables: Mapping[str, str] | None = None, **settings: object) -> Ended:
    """Run a command in a process of its own, as its module."""
    done = subprocess.run(
        [sys.executable, "-m", "brainalign_monitor", *map(str, arguments)],
        env=environment(**settings) | dict(variables or {}),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def stored_state(home: Path) -> dict[str, Any]:
    """All that is kept in a home folder but the log of pulls and what was refused."""
    files = {
        str(path.relative_to(home)): (path.read_bytes(), path.stat().st_mtime_ns)
        for folder in ("bodies", "reports", "references")
        for path in sorted((home / folder).rglob("*"))
        if path.is_file()
    }
    return {"files": files, "rows": stored_rows(home)}


def stored_rows(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table but the logs of pulls, runs and failures, and where the alert rules stand."""
    with sqlite3.connect(f"file:{home / 'brainalign.sqlite'}?mode=ro", uri=True) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(database.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}
    database.close()
    return {name: found for name, found in rows.items() if name not in _LOGS}


def documented_table(heading: str, page: str = "commands.md") -> list[list[str]]:
    """Cells of the rows of the first table below a heading of a page in docs/."""
    text = "\n" + (ROOT / "docs" / page).read_text(encoding="utf-8")
    lines = text.split(f"\n{heading}\n", 1)[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows
