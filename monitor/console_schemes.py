"""What ``rank`` and ``audit`` print for people."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table

from .console import figure, out, printable

if TYPE_CHECKING:
    from brainalign_plugin.analysis.audit import ConventionMove, SchemeAudit
    from brainalign_plugin.analysis.boards import ComparedBoard
    from brainalign_plugin.analysis.ranking import RankedScheme
    from brainalign_plugin.references import Reference

TOP_MODELS = 20
TOP_MOVES = 10


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show which scheme is worked on, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(what)) as status:
        yield lambda name: status.update(escape(f"{what}: {name}"))


def ranking(compared: ComparedBoard, reference: Reference, found: Sequence[RankedScheme]) -> None:
    """Print the best models with their rank and interval under each scheme."""
    console = out()
    board = compared.board
    console.print(f"{compared.kind} board: {len(board.models)} models × {len(board.leaves)} benchmarks")
    if compared.left_out:
        console.print(f"not on it: {len(compared.left_out)} models without the scores that it needs")
    if any(one.scheme.family == "reference" for one in found):
        for line in (reference.description, *reference.notes(board)):
            console.print(printable(line))
    usable = [(one, one.ranking) for one in found if one.ranking is not None]
    for one in found:
        if one.problem:
            console.print(printable(f"{one.scheme.name}: {one.problem}"))
        if one.kemeny is not None:
            console.print(
                f"KEMENY: {one.kemeny.objective:g} pairwise agreements, proven bound {one.kemeny.bound:g}"
                + ("; optimal" if one.kemeny.optimal else f"; gap {one.kemeny.gap:.2%}")
            )
    if not usable:
        return
    first, lead = usable[0]
    order = sorted(range(len(board.models)), key=lambda i: (int(lead.ranks[i]), board.ids[i]))
    # Six schemes fit a page; a longer list goes below it.
    for start in range(0, len(usable), 6):
        shown = usable[start : start + 6]
        table = Table(
            "model", "id", *(one.scheme.name for one, _ in shown), title=f"best by {first.scheme.name}"
        )
        for i in order[:TOP_MODELS]:
            cells = [_rank_cell(one, int(ranks.ranks[i]), i) for one, ranks in shown]
            table.add_row(printable(board.models[i].name), str(board.ids[i]), *cells)
        console.print(table)
    rules = {one.scheme.name: ranks.convention for one, ranks in usable if ranks.convention != "complete"}
    if rules:
        console.print(
            "rule for missing cells: " + ", ".join(f"{name} {rule}" for name, rule in rules.items())
        )


def _rank_cell(one: RankedScheme, rank: int, row: int) -> str:
    if one.uncertainty is None:
        return str(rank)
    return f"{rank} [{one.uncertainty.low[row]}–{one.uncertainty.high[row]}]"


def ranking_csv(compared: ComparedBoard, found: Sequence[RankedScheme]) -> None:
    """Print one line a model and scheme."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["model_id", "model", "scheme", "convention", "score", "rank", "low", "high"])
    for one in found:
        if one.ranking is None:
            continue
        for i, model in enumerate(compared.board.models):
            bounds = ["", ""]
            if one.uncertainty is not None:
                bounds = [str(one.uncertainty.low[i]), str(one.uncertainty.high[i])]
            writer.writerow(
                [
                    model.id,
                    _cell_text(model.name),
                    one.scheme.name,
                    one.ranking.convention,
                    repr(float(one.ranking.scores[i])),
                    int(one.ranking.ranks[i]),
                    *bounds,
                ]
            )


def _cell_text(name: str) -> str:
    """A name that a spreadsheet will not take for a formula, on one line."""
    text = str(printable(name))
    return f"'{text}" if text[:1] in "=+-@\t" else text


def audit(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[SchemeAudit],
    moves: Sequence[ConventionMove],
) -> None:
    """Print what each scheme claims and what was measured."""
    console = out()
    board = compared.board
    console.print(f"{compared.kind} board: {len(board.models)} models × {len(board.leaves)} benchmarks")
    for line in (reference.description, *reference.notes(board)):
        console.print(printable(line))
    console.print(
        "shares of pairs of models whose order changes; a tick is a claim, proven for every complete board"
    )
    names = {model.id: model.name for model in board.models}
    table = Table(
        "scheme", "IIA", "affine", "monotone", "clone", "Pareto", "monotonicity", "hierarchy", "worst spoiler"
    )
    for one in found:
        claims = one.scheme.claims
        rate = None if one.removal is None else one.removal.rate
        spoiler = ""
        if one.removal is not None and one.removal.worst_spoiler is not None and one.removal.worst_changes:
            spoiler = f"{names[one.removal.worst_spoiler]} ({one.removal.worst_spoiler})"
        table.add_row(
            one.scheme.name,
            _measured(figure(rate, ".5f"), claims.iia),
            _measured(figure(one.affine, ".5f"), claims.affine),
            _measured(figure(one.monotone, ".5f"), claims.monotone),
            _measured(figure(one.clone, ".5f"), claims.clone),
            _measured("–" if one.pareto is None else str(one.pareto), claims.pareto),
            _measured("–" if one.monotonicity is None else str(one.monotonicity), claims.monotonicity),
            _measured({True: "yes", False: "no", None: "–"}[one.hierarchy], claims.hierarchy),
            printable(spoiler),
        )
    console.print(table)
    for one in found:
        if one.violated:
            console.print(
                f"{one.scheme.name} claims {', '.join(one.violated)}, and this board contradicts it"
            )
        if one.problem:
            console.print(printable(f"{one.scheme.name}: {one.problem}"))
        if one.kemeny is not None:
            console.print(
                f"KEMENY: {one.kemeny.objective:g} pairwise agreements, proven bound {one.kemeny.bound:g}"
            )
    _moves(moves)


def _measured(text: str, claimed: bool) -> str:
    return f"{text} ✓" if claimed else text


def _moves(moves: Sequence[ConventionMove]) -> None:
    if not moves:
        return
    table = Table("scheme", "own rule", "other rule", "mean shift", "moves most", "from", "to")
    for move in sorted(moves, key=lambda m: -m.mean_shift)[:TOP_MOVES]:
        table.add_row(
            move.scheme,
            move.own,
            move.other,
            f"{move.mean_shift:.1f}",
            str(move.model),
            str(move.rank),
            str(move.other_rank),
        )
    out().print("rules for missing cells on the full board: the largest shifts of ranks")
    out().print(table)
