"""The command that checks the installation: ``brainalign doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from .options import AsJson, Home, now, print_json, settings_from, stage


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Check the installation, settings and service.

    Each problem is printed with its next step. Exit code 8 if there is a problem.
    """
    from ..health.doctor import CHECKERS, examine
    from ..health.surroundings import CHECKERS as SURROUNDINGS

    settings = settings_from(home=home)
    with stage("examining"):
        checks = examine(settings, now(), (*SURROUNDINGS, *CHECKERS))
    problems = sum(check.state == "problem" for check in checks)
    if as_json:
        print_json({"ok": not problems, "checks": [asdict(check) for check in checks]})
    else:
        from .printing import checks as show

        show(checks)
    if problems:
        raise typer.Exit(8)
