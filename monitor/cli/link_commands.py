"""Commands for Brain-Score's plugins: ``brainalign link`` and ``unlink``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AsJson, Home, Reference, print_json, say, settings_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainalign_plugin.brainscore.link import LinkStatus

Check = Annotated[bool, typer.Option("--check", help="Only check the link; exit code 8 if it is missing.")]


def link(
    check: Check = False,
    submission: Annotated[
        Path | None,
        typer.Option(help="Write a plugin that can be submitted to Brain-Score into a new folder.", metavar="DIR"),
    ] = None,
    reference: Reference = "",
    repository: Annotated[
        str,
        typer.Option(
            help="Of a submission: address of brainalign's repository or wheel, for its requirements.",
            envvar="BRAINALIGN_REPOSITORY",
            show_envvar=True,
            metavar="URL",
        ),
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an installed Brain-Score find the meta-benchmarks.

    They are linked for each of its domains.
    """
    from brainalign_plugin.brainscore import link as linking

    settings = settings_from(home=home)
    if submission is not None:
        from brainalign_plugin.brainscore.registration import write_submission
        from brainalign_plugin.files.reference_file import choose_reference, find_reference

        frozen = (
            find_reference(settings.references, reference)
            if reference
            else choose_reference(settings.references, "", settings.domain)
        )
        folder, step = write_submission(submission, frozen, repository)
        typer.echo(f"written: {folder}, with the reference {frozen.name}{step and f'; {step}'}")
        return
    record = settings.link_record
    found = _each(linking.link_status if check else linking.link, record, as_json)
    if check and not all(status.ok for status in found):
        raise typer.Exit(8)


def unlink(home: Home = None, as_json: AsJson = False) -> None:
    """Remove the links into Brain-Score."""
    from brainalign_plugin.brainscore import link as linking

    _each(linking.unlink, settings_from(home=home).link_record, as_json)


def _each(change: Callable[[Path, str], LinkStatus], record: Path, as_json: bool) -> list[LinkStatus]:
    """Do the same for each domain's package; one that fails keeps no other from it."""
    from brainalign_plugin.brainscore import link as linking
    from brainalign_plugin.errors import LinkError

    found, failures = [], []
    for domain in linking.domains_here():
        try:
            found.append(change(record, domain))
        except LinkError as failure:
            failures.append(failure)
    if found and as_json:
        print_json([{**asdict(status), "linked": status.ok} for status in found])
    elif found:
        say(*("; ".join(filter(None, (status.message, status.next_step))) for status in found))
    if failures:
        raise failures[0]
    return found
