"""Output of ``place``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Column, Table

from brainalign_plugin.text import UNKNOWN, counted

from .printing import figure, name, out, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainalign_plugin.placement.profile import ModelPlacement, SchemePlacement

TOP_NEIGHBOURS = 5
TOP_MISSING = 10
TOP_UNUSED = 10


def model_placement(placed: ModelPlacement, *, named: bool) -> None:
    """Print a model's ranks, its strengths, its neighbours, and what its missing scores could change."""
    _given(placed, named)
    _schemes(placed.schemes)
    _benchmarks(placed)
    _neighbours(placed)
    _missing(placed)


def _given(placed: ModelPlacement, named: bool) -> None:
    to, reference = out(), placed.reference
    to.print(printable(f"{'' if named else 'the only reference: '}{reference.description}"))
    if placed.left_out is not None:
        models = {model.id: model.name for model in reference.board.models}
        to.print(printable(f"left out: {models[placed.left_out]} ({placed.left_out})"))
    scored, missing = len(placed.benchmarks), len(placed.missing)
    failed = sum(one.state.name == "FAILED" for one in placed.missing)
    to.print(
        f"{scored} of its {scored + missing} benchmarks have a score; {failed} failed, {missing - failed} never run"
    )
    for side, beyond in (("above", placed.above_all), ("below", placed.below_all)):
        if beyond:
            names = ", ".join(beyond[:TOP_UNUSED]) + (", …" if len(beyond) > TOP_UNUSED else "")
            to.print(
                printable(
                    f"{side} all models of the reference on {counted(len(beyond), 'benchmark')}, where normal scores "
                    f"and ranks go no further: {names}"
                )
            )
    for benchmark, (version, wanted) in placed.other_versions.items():
        to.print(printable(f"not used, of version {version} where the reference has {wanted}: {benchmark}"))
    for benchmark, near in list(placed.unused.items())[:TOP_UNUSED]:
        meant = f"; did you mean {near}?" if near else ""
        to.print(printable(f"not used, the reference has no such benchmark: {benchmark[:80]}{meant}"))
    if len(placed.unused) > TOP_UNUSED:
        to.print(f"not used: {len(placed.unused) - TOP_UNUSED} more")


def _schemes(schemes: Sequence[SchemePlacement]) -> None:
    to = out()
    placed = [(one, one.placement, one.bounds) for one in schemes if one.placement and one.bounds]
    known_kinds = {place.uncertainty.kind for _, place, _ in placed if place.uncertainty is not None}
    levels = [
        place.uncertainty.level
        for _, place, _ in placed
        if place.uncertainty is not None and place.uncertainty.level is not None
    ]
    interval = (
        f"{100 * levels[0]:g} % interval" if levels else "without a paper" if known_kinds else "interval"
    )
    # Narrow enough for a terminal of 80 columns.
    table = Table(
        Column("scheme", no_wrap=True), "rank", interval, "above", "score", "missing", "5th to 95th"
    )
    for one, place, bounds in placed:
        known = place.uncertainty
        table.add_row(
            one.scheme,
            str(place.rank),
            UNKNOWN
            if known is None
            else f"{known.ranks[0]}–{known.ranks[1]}{'*' if known.kind == 'papers' and levels else ''}",
            f"{place.share:.1%}",
            f"{place.statistic:.4g}",
            place.convention,
            f"{bounds[0]} to {bounds[1]}" if place.missing else UNKNOWN,
        )
    if placed:
        counts = sorted({place.population for _, place, _ in placed})
        to.print(table)
        to.print(
            f"rank among {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} models and this one; above: "
            "share of them below, plus half of those equal; score: the scheme's own; missing: its rule for FAILED and "
            "NEVER; 5th to 95th: the rank if every missing score lay at that percentile of the reference's models"
        )
        if "papers" in known_kinds:
            to.print(
                ("*: " if levels else "without a paper: ")
                + "range of the rank when each paper in turn is left out, which has no probability"
            )
    for one in schemes:
        if one.problem:
            to.print(printable(f"{one.scheme}: {one.problem}"))


def _benchmarks(placed: ModelPlacement) -> None:
    table = Table("", Column("benchmark", overflow="fold"), "score", "normal score", "models")
    for kind, found in (("strongest", placed.strongest), ("weakest", placed.weakest)):
        for one in found:
            table.add_row(
                kind, name(one.benchmark), figure(one.score), f"{one.normal_score:+.2f}", str(one.models)
            )
    if table.row_count:
        out().print(table)


def _neighbours(placed: ModelPlacement) -> None:
    table = Table(
        Column("nearest by profile", overflow="fold"), "id", "distance", "correlation", "shared benchmarks"
    )
    for one in placed.neighbours[:TOP_NEIGHBOURS]:
        correlation = UNKNOWN if math.isnan(one.correlation) else f"{one.correlation:+.2f}"
        table.add_row(
            name(one.model.name), str(one.model.id), f"{one.distance:.2f}", correlation, str(one.shared)
        )
    if table.row_count:
        out().print(table)


def _missing(placed: ModelPlacement) -> None:
    if not placed.missing:
        return
    lead = next((one.scheme for one in placed.schemes if one.placement is not None), "")
    table = Table(
        Column("missing, moves most first", overflow="fold"),
        "state",
        "5th to 95th",
        "change of rank",
        f"rank by {lead}",
    )
    for one in placed.missing[:TOP_MISSING]:
        low, high = one.scores
        ranks = one.ranks.get(lead)
        table.add_row(
            name(one.benchmark),
            one.state.name,
            f"{low:.3f} to {high:.3f}",
            UNKNOWN if math.isnan(one.change) else f"{one.change:g}",
            UNKNOWN if ranks is None else f"{ranks[0]} to {ranks[1]}",
        )
    to = out()
    to.print(table)
    to.print(
        "change: of rank, the larger one of both percentiles, the others staying missing; median over the schemes"
    )
    if len(placed.missing) > TOP_MISSING:
        to.print(f"{len(placed.missing) - TOP_MISSING} more are missing")
