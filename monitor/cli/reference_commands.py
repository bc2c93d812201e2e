"""Commands for frozen references, ``brainalign reference freeze | list | show | export``, and ``link``, ``unlink``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base.files import fields_of
from .options import AsJson, AsOf, Given, Home, Reference, Where, command_group, now, option, settings_from, snapshot_of
from .printing import figure, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainalign_plugin.brainscore.link import LinkStatus
    from brainalign_plugin.files.reference import Reference as ReferenceBoard

reference_app = command_group("Freeze and show reference boards, the norms of REF schemes.")

Replace = Annotated[bool, option("Replace an existing reference of this name.", name="--replace")]
Wanted = Annotated[str, typer.Argument(metavar="NAME", help="A frozen reference, or the path of its file.")]


ReferenceFile = Annotated[Path, option("Reference file to write (.reference.json.gz).", name="--output -o")]


@reference_app.command("freeze")
def freeze_reference(
    name: Annotated[str, typer.Argument(help="Name to freeze it under: letters, digits, '_' and '-'.")],
    snapshot: Given = "latest",
    as_of: AsOf = None,
    replace: Replace = False,
    *,
    where: Where,
    as_json: AsJson = False,
) -> None:
    """Freeze a snapshot under a name."""
    from brainalign_plugin.files.reference import freeze
    from brainalign_plugin.files.reference_file import reference_path, write_reference

    settings = settings_from(snapshot, **where)
    # Check the name first, because reading takes longer.
    path = reference_path(settings.references, name)
    frozen_at = now()
    frozen = freeze(snapshot_of(settings, snapshot, as_of, frozen_at), name, frozen_at)
    write_reference(path, frozen, replace_existing=replace)
    if as_json:
        print_json(_summary(frozen) | {"path": str(path)})
        return
    say(f"frozen: {frozen.description}", *_remarks(frozen), f"reference: {path}")


@reference_app.command("list")
def list_frozen(home: Home = None, as_json: AsJson = False) -> None:
    """List the frozen references. Exit code 8 if a file among them is damaged."""
    from brainalign_plugin.files.reference_file import list_references

    settings = settings_from(home=home)
    references, damaged = list_references(settings.references)
    if as_json:
        print_json([_summary(reference) for reference in references])
    elif references:
        rows = []
        for one in references:
            made = " reconstructed" * one.snapshot.reconstructed + " simulated" * one.snapshot.simulated
            days = (f"{one.as_of:%Y-%m-%d}{made}", f"{one.frozen_at:%Y-%m-%d %H:%M}")
            rows.append((one.name, one.domain, *days, len(one.board.models), len(one.board.leaves), one.sha256[:12]))
        print_table(("name", "domain", "as of", "frozen", "models", "benchmarks", "sha256"), rows)
    elif not damaged:
        say("no references yet; `brainalign fetch` pulls a board, `brainalign reference freeze NAME` freezes it")
    for error in damaged:
        say(f"brainalign: {' '.join(str(error).split())}", err=True)
    if damaged:
        raise typer.Exit(8)


@reference_app.command("show")
def show_reference(name: Wanted, home: Home = None, as_json: AsJson = False) -> None:
    """Show a reference and its norms on each benchmark."""
    from brainalign_plugin.files.reference_file import find_reference

    reference = find_reference(settings_from(home=home).references, name)
    if as_json:
        print_json(_summary(reference) | {"norms": _norms(reference)})
        return
    print_facts(_summary(reference))
    rows = ((leaf, n["scores"], figure(n["mean"]), figure(n["sd"])) for leaf, n in _norms(reference).items())
    print_table(("benchmark", "scores", "mean", "sd"), rows)
    say(*_remarks(reference))


@reference_app.command("export")
def export_reference(name: Wanted, output: ReferenceFile, replace: Replace = False, home: Home = None) -> None:
    """Write a reference to a file that others can use."""
    from brainalign_plugin.files.reference_file import find_reference, write_reference

    reference = find_reference(settings_from(home=home).references, name)
    write_reference(output, reference, replace_existing=replace)
    say(f"reference: {output}")


def _summary(reference: ReferenceBoard) -> dict[str, Any]:
    return {
        **fields_of(reference, "name", "domain"),
        "as_of": reference.as_of.isoformat(),
        "frozen_at": reference.frozen_at.isoformat(),
        "models": len(reference.board.models),
        "benchmarks": len(reference.board.leaves),
        "left_out": list(reference.left_out),
        "snapshot_sha256": reference.snapshot.sha256,
        "sha256": reference.sha256,
        **fields_of(reference.snapshot, "source", "reconstructed", "simulated"),
    }


def _norms(reference: ReferenceBoard) -> dict[str, dict[str, Any]]:
    """Return the norms of each leaf; None if it has too few scores."""
    found = {}
    for leaf, one in reference.norms.items():
        mean, sd = one.mean if one.count else None, one.sd if one.usable else None
        found[leaf] = {"scores": one.count, "mean": mean, "sd": sd}
    return found


def _remarks(reference: ReferenceBoard) -> list[str]:
    """Return the notes for users of the norms."""
    import numpy as np

    from brainalign_plugin.files.reference import NEW_MIN_SCORES

    scores = reference.snapshot.board().scores_on(reference.left_out)
    counts = dict(zip(reference.left_out, (~np.isnan(scores)).sum(axis=0).tolist(), strict=True))
    few = {leaf: norms.count for leaf, norms in reference.norms.items() if norms.count < NEW_MIN_SCORES}
    constant = [leaf for leaf, norms in reference.norms.items() if norms.constant]
    notes = {
        "left out, because too few models have a score": [f"{leaf} ({n})" for leaf, n in counts.items()],
        f"norms that rest on fewer than {NEW_MIN_SCORES} scores": [f"{leaf} ({n})" for leaf, n in few.items()],
        "sd 0, so that z is 0 for every model": constant,
    }
    return [f"{note}: {', '.join(leaves)}" for note, leaves in notes.items() if leaves]


Check = Annotated[bool, option("Only check the link; exit code 8 if it is missing.", name="--check")]


Submission = Annotated[
    Path | None, option("Write a plugin that can be submitted to Brain-Score into a new folder.", "DIR")
]
Repository = Annotated[
    str,
    option(
        "Of a submission: address of brainalign's repository or wheel, for its requirements.",
        "URL",
        envvar="BRAINALIGN_REPOSITORY",
        show_envvar=True,
    ),
]


def link(
    check: Check = False,
    submission: Submission = None,
    reference: Reference = "",
    repository: Repository = "",
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

        folder = settings.references
        frozen = find_reference(folder, reference) if reference else choose_reference(folder, "", settings.domain)
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
