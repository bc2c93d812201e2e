"""Commands for frozen reference boards: ``brainalign reference freeze | list | show | export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, AsOf, Domain, Given, Home, command_group, now, print_json, say, settings_from

if TYPE_CHECKING:
    from brainalign_plugin.files.reference import Reference

reference_app = command_group("Freeze and show reference boards, the norms of REF schemes.")

Replace = Annotated[bool, typer.Option("--replace", help="Replace an existing reference of this name.")]
Wanted = Annotated[str, typer.Argument(metavar="NAME", help="A frozen reference, or the path of its file.")]


@reference_app.command("freeze")
def freeze_reference(
    name: Annotated[str, typer.Argument(help="Name to freeze it under: letters, digits, '_' and '-'.")],
    snapshot: Given = "latest",
    as_of: AsOf = None,
    replace: Replace = False,
    home: Home = None,
    domain: Domain = None,
    as_json: AsJson = False,
) -> None:
    """Freeze a snapshot under a name."""
    from brainalign_plugin.files.reference import freeze
    from brainalign_plugin.files.reference_file import reference_path, write_reference

    from ..operations.pull import find_snapshot
    from .printing import rejected_lines

    settings = settings_from(snapshot, home=home, domain=domain)
    # Check the name first, because reading takes longer.
    path = reference_path(settings.references, name)
    frozen_at = now()
    found = find_snapshot(settings, snapshot, frozen_at)
    say(*rejected_lines(found.rejected), err=True)
    board = found.snapshot if as_of is None else found.snapshot.as_of(as_of.date())
    frozen = freeze(board, name, frozen_at)
    write_reference(path, frozen, replace_existing=replace)
    if as_json:
        print_json(_summary(frozen) | {"path": str(path)})
        return
    say(f"frozen: {frozen.description}", *_remarks(frozen), f"reference: {path}")


@reference_app.command("list")
def list_frozen(home: Home = None, as_json: AsJson = False) -> None:
    """List the frozen references. Exit code 8 if a file among them is damaged."""
    from brainalign_plugin.files.reference_file import list_references

    from .printing import print_table

    settings = settings_from(home=home)
    references, damaged = list_references(settings.references)
    if as_json:
        print_json([_summary(reference) for reference in references])
    elif references:
        print_table(
            ("name", "domain", "as of", "frozen", "models", "benchmarks", "sha256"),
            (
                (
                    one.name,
                    one.domain,
                    f"{one.as_of:%Y-%m-%d}{_marks(one)}",
                    f"{one.frozen_at:%Y-%m-%d %H:%M}",
                    len(one.board.models),
                    len(one.board.leaves),
                    one.sha256[:12],
                )
                for one in references
            ),
        )
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

    from .printing import figure, print_facts, print_table

    reference = find_reference(settings_from(home=home).references, name)
    if as_json:
        print_json(_summary(reference) | {"norms": _norms(reference)})
        return
    print_facts(_summary(reference))
    print_table(
        ("benchmark", "scores", "mean", "sd"),
        (
            (leaf, norms["scores"], figure(norms["mean"]), figure(norms["sd"]))
            for leaf, norms in _norms(reference).items()
        ),
    )
    say(*_remarks(reference))


@reference_app.command("export")
def export_reference(
    name: Wanted,
    output: Annotated[Path, typer.Option("--output", "-o", help="Reference file to write (.reference.json.gz).")],
    replace: Replace = False,
    home: Home = None,
) -> None:
    """Write a reference to a file that others can use."""
    from brainalign_plugin.files.reference_file import find_reference, write_reference

    reference = find_reference(settings_from(home=home).references, name)
    write_reference(output, reference, replace_existing=replace)
    say(f"reference: {output}")


def _summary(reference: Reference) -> dict[str, Any]:
    return {
        "name": reference.name,
        "domain": reference.domain,
        "as_of": reference.as_of.isoformat(),
        "frozen_at": reference.frozen_at.isoformat(),
        "models": len(reference.board.models),
        "benchmarks": len(reference.board.leaves),
        "left_out": list(reference.left_out),
        "snapshot_sha256": reference.snapshot.sha256,
        "sha256": reference.sha256,
        "source": reference.snapshot.source,
        "reconstructed": reference.snapshot.reconstructed,
        "simulated": reference.snapshot.simulated,
    }


def _norms(reference: Reference) -> dict[str, dict[str, Any]]:
    """Return the norms of each leaf; None if it has too few scores."""
    return {
        leaf: {
            "scores": norms.count,
            "mean": norms.mean if norms.count else None,
            "sd": norms.sd if norms.usable else None,
        }
        for leaf, norms in reference.norms.items()
    }


def _remarks(reference: Reference) -> list[str]:
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


def _marks(reference: Reference) -> str:
    snapshot = reference.snapshot
    return (" reconstructed" if snapshot.reconstructed else "") + (" simulated" if snapshot.simulated else "")
