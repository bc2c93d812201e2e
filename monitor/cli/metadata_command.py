"""Metadata of a board's benchmarks: values, gaps and contradictions of the sources."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Annotated

import typer

from brainalign_plugin.text import counted

from .options import AsJson, Domain, Given, Home, now, print_json, say, settings_from, stage


def metadata(
    snapshot: Given = "latest",
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="A TOML table, a saved page, a folder or 'installed', before those of the settings.", metavar="SOURCE"
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Pull the leaderboard's page, write it to this file, and read it after these.", metavar="FILE"
        ),
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
    domain: Domain = None,
) -> None:
    """List what sources say of a board's benchmarks, and where they contradict."""
    from brainalign_plugin.certainty.structure_record import metadata_json
    from brainalign_plugin.files.metadata import absent, described
    from brainalign_plugin.files.metadata_file import page, read_metadata

    from ..base.files import write_atomically
    from ..operations.pull import find_snapshot
    from ..sources.fetching import FetchLimits, fetch_body, user_agent

    settings = settings_from(home=home, domain=domain)
    sources = [read_metadata(one) for one in source or ()]
    if save is not None:
        limits = FetchLimits(
            timeout=settings.timeout_seconds,
            deadline=settings.deadline_seconds,
            attempts=settings.attempts,
            max_bytes=settings.max_body_bytes,
        )
        url = f"{settings.base_url.rstrip('/')}/{settings.domain}/leaderboard/content/"
        with stage("pulling the leaderboard's page"):
            body = fetch_body(url, received_at=now(), agent=user_agent(settings.contact), limits=limits)
        sources.append(page(body.decode("utf-8", "replace"), save.name))
        write_atomically(save, gzip.compress(body, mtime=0) if save.suffix == ".gz" else body)
    board = find_snapshot(settings, snapshot, now()).snapshot.board()
    # A table of the user's is to set right what a page has wrong.
    sources = sorted([*sources, *settings.metadata_sources], key=lambda one: not one.source.endswith(".toml"))
    found = described(board, sources)
    if as_json:
        print_json(metadata_json(found))
        return
    for field, leaves in found.gaps.items():
        known = len(board.leaves) - len(leaves)
        say(f"{field}: {known} of {counted(len(board.leaves), 'benchmark')}")
    families = sum(facts["family"] is not None for facts in found.models.values())
    say(f"family: {families} of {counted(len(board.models), 'model')}")
    for one in found.contradictions:
        say(f"contradiction: {one}; set it in a table of your own, which comes first")
    for table in sources:
        if table.source.endswith(".toml") and (missing := absent(table, board)):
            say(f"{table.source} names {', '.join(missing)}, which this board lacks", err=True)
    say(*found.problems, err=True)
