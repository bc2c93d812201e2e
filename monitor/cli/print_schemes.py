"""Output of ``rank`` and ``audit``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table

from brainalign_plugin.files.csv_table import csv_text
from brainalign_plugin.text import UNKNOWN, counted

from ..base.errors import in_shell
from .printing import figure, out, printable

if TYPE_CHECKING:
    from brainalign_plugin.audit.audit import ConventionMoves, SchemeAudit
    from brainalign_plugin.certainty.rank import RankedScheme
    from brainalign_plugin.files.reference import Reference
    from brainalign_plugin.ranking.boards import ComparedBoard
    from brainalign_plugin.ranking.compare import SchemeComparison
    from brainalign_plugin.schemes import Ranking
    from brainalign_plugin.schemes.base import Optimum

TOP_MODELS = 20
TOP_CONTESTED = 10
TOP_INFLUENCES = 10
FEWEST_PAIRS = 5
# A longer list of names is not readable on one line.
MOST_NAMES = 12
# Below this number of schemes the pairs of models that are most fragile are listed as well.
FEW_SCHEMES = 3
# Properties with another name in the table.
_IN_TABLE = {"removal": "IIA", "influence": "benchmarks left out"}


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show the current scheme, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(what)) as status:
        yield lambda name: status.update(escape(f"{what}: {name}"))


def ranking(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[RankedScheme],
    comparison: SchemeComparison | None = None,
) -> None:
    """Print the best models with rank and interval under each scheme, and the schemes against each other."""
    console = out()
    board = compared.board
    _board(compared)
    if any(one.scheme.family == "reference" for one in found):
        for line in (reference.description, *reference.notes(board)):
            console.print(printable(line))
    usable = [(one, one.ranking) for one in found if one.ranking is not None]
    for one in found:
        if one.problem:
            console.print(printable(in_shell(f"{one.scheme.name}: {one.problem}")))
        _optimum(one.scheme.name, one.optimum)
    if usable:
        _best(compared, usable)
    rules = {one.scheme.name: ranks.convention for one, ranks in usable if ranks.convention != "complete"}
    if rules:
        console.print(
            "rule for missing cells: " + ", ".join(f"{name} {rule}" for name, rule in rules.items())
        )
    _interval_kinds(found)
    _above(compared, found)
    if comparison is not None:
        _compared(compared, comparison, len(usable))


def _optimum(scheme: str, found: Optimum | None) -> None:
    if found is None:
        return
    gap = (found.bound - found.objective) / found.bound if found.bound else 0.0
    out().print(
        f"{scheme}: {found.objective:g} pairwise agreements, proven bound {found.bound:g}"
        + (f"; gap {gap:.2%}" if gap else "; optimal")
        + (f"; the proof stopped after {found.stopped}" if found.stopped else "")
    )


def _board(compared: ComparedBoard) -> None:
    out().print(f"{compared.kind} board: {compared.size}")
    if compared.left_out:
        out().print(
            f"models of the snapshot that are not on it, because they lack scores: {len(compared.left_out)}"
        )
    for note in compared.notes:
        out().print(printable(note))


def _best(compared: ComparedBoard, usable: Sequence[tuple[RankedScheme, Ranking]]) -> None:
    """Print the best models by the first scheme, with their ranks under all."""
    board = compared.board
    first, lead = usable[0]
    order = sorted(range(len(board.models)), key=lambda i: (int(lead.ranks[i]), board.ids[i]))
    if len(usable) == 1:
        _one_scheme(compared, first, lead, order[:TOP_MODELS])
        return
    # Six schemes fit a page; a longer list goes below it.
    for start in range(0, len(usable), 6):
        shown = usable[start : start + 6]
        table = Table(
            "model", "id", *(one.scheme.name for one, _ in shown), title=f"best by {first.scheme.name}"
        )
        for i in order[:TOP_MODELS]:
            cells = [_rank_cell(one, int(ranks.ranks[i]), i) for one, ranks in shown]
            table.add_row(printable(board.models[i].name), str(board.ids[i]), *cells)
        out().print(table)


def _one_scheme(compared: ComparedBoard, one: RankedScheme, ranking: Ranking, rows: Sequence[int]) -> None:
    """Print the ranks under a single scheme with intervals and probabilities."""
    table = Table(
        "model",
        "id",
        "score",
        "rank",
        "range" if one.uncertainty is not None and one.uncertainty.kind == "papers" else "interval",
        "is first",
        "in the top ten",
        title=f"best by {one.scheme.name}",
    )
    found = one.uncertainty
    for i in rows:
        table.add_row(
            printable(compared.board.models[i].name),
            str(compared.board.ids[i]),
            f"{ranking.scores[i]:.4f}",
            str(ranking.ranks[i]),
            UNKNOWN if found is None else f"{found.low[i]}–{found.high[i]}",
            UNKNOWN if found is None or found.first is None else f"{found.first[i]:.1%}",
            UNKNOWN if found is None or found.top_ten is None else f"{found.top_ten[i]:.1%}",
        )
    out().print(table)


def _interval_kinds(found: Sequence[RankedScheme]) -> None:
    """Print what the intervals are, each kind with its schemes."""
    known = [(one.scheme.name, one.uncertainty) for one in found if one.uncertainty is not None]
    posterior = [(name, sure) for name, sure in known if sure.kind == "posterior"]
    ranges = [(name, sure) for name, sure in known if sure.kind == "papers"]
    if posterior:
        out().print(
            f"{100 * (posterior[0][1].level or 0):g} % intervals of the true rank, had other papers measured the same "
            f"parts of the tree (posterior): {', '.join(name for name, _ in posterior)}"
        )
    if ranges:
        out().print(
            "ranges of the rank over the board and the board without each paper, which have no probability: "
            + ", ".join(name for name, _ in ranges)
        )
    for reason in dict.fromkeys(sure.reason for _, sure in ranges):
        if "no weighted mean" not in reason:
            out().print(printable(f"no posterior: {reason}"))
    for name, sure in ranges:
        if sure.failed:
            out().print(f"{name} cannot do without {sure.failed} of {sure.papers} papers")


def _above(compared: ComparedBoard, found: Sequence[RankedScheme]) -> None:
    """Print how probable it is that one model is truly above another, under each scheme that has a posterior."""
    names = _names(compared)
    pairs = dict.fromkeys((a, b) for one in found for a, b, _ in one.above)
    for a, b in pairs:
        table = Table("scheme", "probability", title=printable(f"{names[a]} above {names[b]}"))
        for one in found:
            shares = [share for first, second, share in one.above if (first, second) == (a, b)]
            if shares:
                table.add_row(one.scheme.name, f"{shares[0]:.1%}")
        out().print(table)


def _names(compared: ComparedBoard) -> dict[int, str]:
    return {model.id: f"{model.name} ({model.id})" for model in compared.board.models}


def _compared(compared: ComparedBoard, comparison: SchemeComparison, schemes: int) -> None:
    """Print the agreement of the schemes, and the models that they disagree about."""
    console, names = out(), _names(compared)
    console.print(
        f"{schemes} schemes, {counted(comparison.distinct, 'distinct ranking')}; Kendall's W "
        f"{figure(comparison.concordance, '.3f')}"
    )
    console.print(
        printable(f"in the top ten under every scheme: {_listed(comparison.always_top, names) or 'no model'}")
    )
    front = comparison.pareto_front
    if front is None:
        console.print("Pareto front: none on a board with missing scores")
    else:
        console.print(
            printable(
                f"on the Pareto front: {len(front)} of {len(names)} models{_listed(front, names, ': ')}"
            )
        )
    table = Table("scheme", "and", "rho", "tau-b", "kappa", "top ten", title="schemes that agree least")
    known = [(pair.spearman, pair) for pair in comparison.pairs if pair.spearman is not None]
    for _, pair in sorted(known, key=lambda item: item[0])[:FEWEST_PAIRS]:
        table.add_row(
            pair.one,
            pair.other,
            figure(pair.spearman, ".3f"),
            figure(pair.tau_b, ".3f"),
            figure(pair.kappa, ".3f"),
            f"{pair.top_overlap:.0%}",
        )
    console.print(table)
    table = Table("model", "best", "under", "worst", "under", title="most contested models")
    for model in comparison.models[:TOP_CONTESTED]:
        table.add_row(
            printable(names[model.id]),
            str(model.best),
            model.best_scheme,
            str(model.worst),
            model.worst_scheme,
        )
    console.print(table)


def _listed(ids: Sequence[int], names: Mapping[int, str], before: str = "") -> str:
    """Return names of models, empty if they are too many."""
    return before + ", ".join(names[i] for i in ids) if 0 < len(ids) <= MOST_NAMES else ""


def _rank_cell(one: RankedScheme, rank: int, row: int) -> str:
    if one.uncertainty is None:
        return str(rank)
    return f"{rank} [{one.uncertainty.low[row]}–{one.uncertainty.high[row]}]"


def ranking_csv(compared: ComparedBoard, reference: Reference, found: Sequence[RankedScheme]) -> None:
    """Print one line a model and scheme; the last column names the reference that a scheme's norms are from."""
    header = ["model_id", "model", "scheme", "convention", "score", "rank", "low", "high", "reference"]
    rows: list[list[object]] = []
    for one in found:
        if one.ranking is None:
            continue
        for i, model in enumerate(compared.board.models):
            sure = one.uncertainty
            rows.append(
                [
                    model.id,
                    model.name,
                    one.scheme.name,
                    one.ranking.convention,
                    float(one.ranking.scores[i]),
                    int(one.ranking.ranks[i]),
                    *((None, None) if sure is None else (sure.low[i], sure.high[i])),
                    reference.name if one.scheme.family == "reference" else None,
                ]
            )
    sys.stdout.write(csv_text(header, rows))


def audit(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[SchemeAudit],
    conventions: ConventionMoves,
) -> None:
    """Print what each scheme claims and what was measured."""
    console = out()
    board = compared.board
    _board(compared)
    for line in (reference.description, *reference.notes(board)):
        console.print(printable(line))
    console.print(
        "shares of pairs of models whose order changes; a tick is a claim, proven for every complete board"
    )
    names = _names(compared)
    names_of_all = names | {model.id: f"{model.name} ({model.id})" for model in compared.left_out}
    table = Table(
        "scheme", "IIA", "affine", "monotone", "clone", "Pareto", "monotonicity", "hierarchy", "worst spoiler"
    )
    for one in found:
        claims = one.scheme.claims
        rate = None if one.removal is None else one.removal.rate
        spoiler = ""
        if one.removal is not None and one.removal.worst_spoiler is not None and one.removal.worst_changes:
            spoiler = names[one.removal.worst_spoiler]
        table.add_row(
            one.scheme.name,
            _measured(figure(rate, ".5f"), claims.iia),
            _measured(figure(one.affine, ".5f"), claims.affine),
            _measured(figure(one.monotone, ".5f"), claims.monotone),
            _measured(figure(one.clone, ".5f"), claims.clone),
            _measured(UNKNOWN if one.pareto is None else str(one.pareto), claims.pareto),
            _measured(_monotonicity(one), claims.monotonicity),
            _measured({True: "yes", False: "no", None: UNKNOWN}[one.hierarchy], claims.hierarchy),
            printable(spoiler),
        )
    console.print(table)
    _left_out(found, len(board.models))
    for one in found:
        if one.violated:
            console.print(
                f"{one.scheme.name} claims {', '.join(one.violated)}, and this board contradicts it"
            )
        if one.problem:
            console.print(printable(in_shell(f"{one.scheme.name}: {one.problem}")))
        _optimum(one.scheme.name, one.optimum)
    if len(found) <= FEW_SCHEMES:
        for one in found:
            _fragile(one, names)
    _influences(found, names)
    _moves(conventions, names_of_all)


def _monotonicity(one: SchemeAudit) -> str:
    found = one.monotonicity
    if found is None:
        return "proven" if one.proven else UNKNOWN
    if not found.sampled:
        return str(found.violations)
    low, high = found.interval
    return f"{found.violations} of {found.tried} sampled ({low:.1%}–{high:.1%})"


def _left_out(found: Sequence[SchemeAudit], models: int) -> None:
    """Print the properties that were not measured for cost, schemes with the same gaps together."""
    schemes: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        if one.left_out:
            schemes.setdefault(one.left_out, []).append(one.scheme.name)
    for properties, names in schemes.items():
        called = [_IN_TABLE.get(name, name) for name in properties]
        out().print(
            f"{', '.join(names)}: {', '.join(called)} not measured, because it takes long on {models} models; "
            "--thorough measures it"
        )


def _fragile(one: SchemeAudit, names: Mapping[int, str]) -> None:
    """Print the pairs of models whose order the removal of others changes most often."""
    if one.removal is None or not one.removal.fragile:
        return
    table = Table("model", "and", "removals", title=f"most fragile pairs under {one.scheme.name}")
    for pair in one.removal.fragile:
        table.add_row(printable(names[pair.one]), printable(names[pair.other]), str(pair.removals))
    out().print(table)


def _influences(found: Sequence[SchemeAudit], names: Mapping[int, str]) -> None:
    """Print the benchmarks whose absence moves ranks most, over all audited schemes."""
    audited = [one.scheme.name for one in found if one.influence]
    if len(audited) > FEW_SCHEMES:
        audited = [f"{len(audited)} schemes"]
    shifts: dict[str, list[tuple[float, int, int, str]]] = {}
    for one in found:
        for item in one.influence:
            shifts.setdefault(item.leaf, []).append(
                (item.mean_shift, item.max_shift, item.most_moved, one.scheme.name)
            )
    if not shifts:
        return
    table = Table(
        "benchmark left out",
        "mean shift",
        "largest",
        "of",
        "under",
        title=f"benchmarks left out: shifts of ranks under {', '.join(audited)}",
    )

    def mean(leaf: str) -> float:
        return sum(shift for shift, _, _, _ in shifts[leaf]) / len(shifts[leaf])

    for leaf in sorted(shifts, key=lambda leaf: (-mean(leaf), leaf))[:TOP_INFLUENCES]:
        _, most, model, scheme = max(shifts[leaf], key=lambda shift: shift[1])
        table.add_row(printable(leaf), f"{mean(leaf):.2f}", str(most), printable(names[model]), scheme)
    out().print(table)


def _measured(text: str, claimed: bool) -> str:
    return f"{text} ✓" if claimed else text


def _moves(conventions: ConventionMoves, names: Mapping[int, str]) -> None:
    for problem in conventions.problems:
        out().print(printable(in_shell(f"rule for missing cells: {problem}")))
    moves, title = conventions.moves, "the largest shifts of ranks"
    if len({move.scheme for move in moves}) > FEW_SCHEMES:
        moves, title = conventions.largest, "the largest shift of each scheme"
    if not moves:
        return
    table = Table("scheme", "own rule", "other rule", "mean shift", "moves most", "from", "to")
    for move in moves:
        table.add_row(
            move.scheme,
            move.own,
            move.other,
            f"{move.mean_shift:.1f}",
            printable(names[move.model]),
            str(move.rank),
            str(move.other_rank),
        )
    out().print(f"rules for missing cells on the full board: {title}")
    out().print(table)
