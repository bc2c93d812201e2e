"""Output of ``rank``, ``validity`` and ``audit``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brainalign_plugin.files.csv_table import csv_text
from brainalign_plugin.text import UNKNOWN, counted

from ..base.errors import in_shell
from .printing import figure, print_table, say

if TYPE_CHECKING:
    from brainalign_plugin.audit.audit import ConventionMoves, SchemeAudit
    from brainalign_plugin.certainty.bootstrap import Interval
    from brainalign_plugin.certainty.rank import RankedScheme
    from brainalign_plugin.certainty.validity import Validity
    from brainalign_plugin.files.reference import Reference
    from brainalign_plugin.ranking.boards import ComparedBoard
    from brainalign_plugin.ranking.compare import SchemeComparison
    from brainalign_plugin.schemes import Ranking

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


def ranking(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[RankedScheme],
    comparison: SchemeComparison | None = None,
) -> None:
    """Print the best models with rank and interval under each scheme, and the schemes against each other."""
    board = compared.board
    _board(compared)
    if any(one.scheme.family == "reference" for one in found):
        say(reference.description, *reference.notes(board))
    usable = [(one, one.ranking) for one in found if one.ranking is not None]
    for one in found:
        _outcome(one)
    if usable:
        _best(compared, usable)
    rules = {one.scheme.name: ranks.convention for one, ranks in usable if ranks.convention != "complete"}
    if rules:
        say("rule for missing cells: " + ", ".join(f"{name} {rule}" for name, rule in rules.items()))
    _interval_kinds(found)
    _above(compared, found)
    if comparison is not None:
        _compared(compared, comparison, len(usable))


def _outcome(one: RankedScheme | SchemeAudit) -> None:
    """Print why a scheme has no result, and how near its ranking is to the best possible one."""
    if one.problem:
        say(in_shell(f"{one.scheme.name}: {one.problem}"))
    found = one.optimum
    if found is None:
        return
    gap = (found.bound - found.objective) / found.bound if found.bound else 0.0
    say(
        f"{one.scheme.name}: {found.objective:g} pairwise agreements, proven bound {found.bound:g}"
        + (f"; gap {gap:.2%}" if gap else "; optimal")
        + (f"; the proof stopped after {found.stopped}" if found.stopped else "")
    )


def _board(compared: ComparedBoard) -> None:
    say(f"{compared.kind} board: {compared.size}")
    if compared.left_out:
        say(f"models of the snapshot that are not on it, because they lack scores: {len(compared.left_out)}")
    say(*compared.notes)


def _best(compared: ComparedBoard, usable: Sequence[tuple[RankedScheme, Ranking]]) -> None:
    """Print the best models by the first scheme, with their ranks under all."""
    board = compared.board
    first, lead = usable[0]
    order = sorted(range(len(board.models)), key=lambda i: (int(lead.ranks[i]), board.ids[i]))[:TOP_MODELS]
    if len(usable) == 1:
        _one_scheme(compared, first, lead, order)
        return
    # Six schemes fit a page; a longer list goes below it.
    for start in range(0, len(usable), 6):
        shown = usable[start : start + 6]
        rows = [
            (board.models[i].name, board.ids[i], *(_rank_cell(one, int(ranks.ranks[i]), i) for one, ranks in shown))
            for i in order
        ]
        print_table(("model", "id", *(one.scheme.name for one, _ in shown)), rows, f"best by {first.scheme.name}")


def _one_scheme(compared: ComparedBoard, one: RankedScheme, ranking: Ranking, order: Sequence[int]) -> None:
    """Print the ranks under a single scheme with intervals and probabilities."""
    board, sure = compared.board, one.uncertainty
    rows = []
    for i in order:
        cells = [UNKNOWN] * 3
        if sure is not None:
            shares = (UNKNOWN if found is None else f"{found[i]:.1%}" for found in (sure.first, sure.top_ten))
            cells = [f"{sure.low[i]}–{sure.high[i]}", *shares]
        rows.append((board.models[i].name, board.ids[i], f"{ranking.scores[i]:.4f}", ranking.ranks[i], *cells))
    span = "range" if sure is not None and sure.kind == "papers" else "interval"
    columns = ("model", "id", "score", "rank", span, "is first", "in the top ten")
    print_table(columns, rows, f"best by {one.scheme.name}")


def _interval_kinds(found: Sequence[RankedScheme]) -> None:
    """Print what the intervals are, each kind with its schemes."""
    known = [(one.scheme.name, one.uncertainty) for one in found if one.uncertainty is not None]
    posterior = [(name, sure) for name, sure in known if sure.kind == "posterior"]
    ranges = [(name, sure) for name, sure in known if sure.kind == "papers"]
    if posterior:
        say(
            f"{100 * (posterior[0][1].level or 0):g} % intervals of the true rank, had other papers measured the same "
            f"parts of the tree (posterior): {', '.join(name for name, _ in posterior)}"
        )
    if ranges:
        names = ", ".join(name for name, _ in ranges)
        say(f"ranges of the rank over the board and the board without each paper, which have no probability: {names}")
    for reason in dict.fromkeys(sure.reason for _, sure in ranges):
        if "no weighted mean" not in reason:
            say(f"no posterior: {reason}")
    for name, sure in ranges:
        if sure.failed:
            say(f"{name} cannot do without {sure.failed} of {sure.papers} papers")


def _above(compared: ComparedBoard, found: Sequence[RankedScheme]) -> None:
    """Print how probable it is that one model is truly above another, under each scheme that has a posterior."""
    names = _names(compared)
    for a, b in dict.fromkeys((a, b) for one in found for a, b, _ in one.above):
        shares = {one.scheme.name: share for one in found for *pair, share in one.above if pair == [a, b]}
        rows = [(scheme, f"{share:.1%}") for scheme, share in shares.items()]
        print_table(("scheme", "probability"), rows, title=f"{names[a]} above {names[b]}")


def _names(compared: ComparedBoard) -> dict[int, str]:
    return {model.id: f"{model.name} ({model.id})" for model in compared.board.models}


def _compared(compared: ComparedBoard, comparison: SchemeComparison, schemes: int) -> None:
    """Print the agreement of the schemes, and the models that they disagree about."""
    names = _names(compared)
    say(
        f"{schemes} schemes, {counted(comparison.distinct, 'distinct ranking')}; Kendall's W "
        f"{figure(comparison.concordance, '.3f')}"
    )
    if schemes > 2 and any("GLS" in (pair.one, pair.other) for pair in comparison.pairs):
        say("GLS rewards benchmarks that agree with no other, so that it is left out of what follows")
    say(f"in the top ten under every scheme: {_listed(comparison.always_top, names) or 'no model'}")
    front = comparison.pareto_front
    if front is None:
        say("Pareto front: none on a board with missing scores")
    else:
        say(f"on the Pareto front: {len(front)} of {len(names)} models{_listed(front, names, ': ')}")
    pairs = []
    for pair in comparison.least_alike[:FEWEST_PAIRS]:
        figures = (figure(value, ".3f") for value in (pair.spearman, pair.tau_b, pair.kappa))
        pairs.append((pair.one, pair.other, *figures, f"{pair.top_overlap:.0%}"))
    print_table(("scheme", "and", "rho", "tau-b", "kappa", "top ten"), pairs, "schemes that agree least")
    contested = [
        (names[model.id], model.best, model.best_scheme, model.worst, model.worst_scheme)
        for model in comparison.models[:TOP_CONTESTED]
    ]
    print_table(("model", "best", "under", "worst", "under"), contested, "most contested models")


def _listed(ids: Sequence[int], names: Mapping[int, str], before: str = "") -> str:
    """Return names of models, empty if they are too many."""
    return before + ", ".join(names[i] for i in ids) if 0 < len(ids) <= MOST_NAMES else ""


def _rank_cell(one: RankedScheme, rank: int, row: int) -> str:
    sure = one.uncertainty
    return str(rank) if sure is None else f"{rank} [{sure.low[row]}–{sure.high[row]}]"


def ranking_csv(compared: ComparedBoard, reference: Reference, found: Sequence[RankedScheme]) -> None:
    """Print one line a model and scheme; the last column names the reference that a scheme's norms are from."""
    header = ["model_id", "model", "scheme", "convention", "score", "rank", "low", "high", "reference"]
    rows: list[list[object]] = []
    for one in found:
        if one.ranking is None:
            continue
        for i, model in enumerate(compared.board.models):
            sure, ranks = one.uncertainty, one.ranking
            ends = (None, None) if sure is None else (sure.low[i], sure.high[i])
            norms = reference.name if one.scheme.family == "reference" else None
            figures = (ranks.convention, float(ranks.scores[i]), int(ranks.ranks[i]))
            rows.append([model.id, model.name, one.scheme.name, *figures, *ends, norms])
    sys.stdout.write(csv_text(header, rows))


def validity(found: Validity) -> None:
    """Print each scheme's mean correlation with unseen papers, the best first, and its gap to the first."""
    best = next(iter(found.schemes), "")
    say(
        f"mean Spearman's rho over {counted(len(found.papers), 'paper')}, each scheme fitted without the paper; 95 % "
        f"intervals over {counted(found.families, 'family', 'families')} of {counted(found.models, 'model')}"
    )
    rows = []
    for name, one in found.schemes.items():
        gap = None if name == best else found.difference(name, best)
        less = None if gap is None else gap.value
        rows.append((name, figure(one.mean, ".3f"), _span(one.interval), figure(less, "+.3f"), _span(gap)))
    print_table(("scheme", "mean rho", "interval", f"less {best}", "interval"), rows)


def _span(found: Interval | None) -> str:
    return UNKNOWN if found is None else f"{found.low:.3f} to {found.high:.3f}"


def audit(
    compared: ComparedBoard, reference: Reference, found: Sequence[SchemeAudit], conventions: ConventionMoves
) -> None:
    """Print what each scheme claims and what was measured."""
    board, names = compared.board, _names(compared)
    _board(compared)
    say(reference.description, *reference.notes(board))
    say("shares of pairs of models whose order changes; a tick is a claim, proven for every complete board")
    columns = ("scheme", "IIA", "affine", "monotone", "clone", "Pareto", "monotonicity", "hierarchy", "worst spoiler")
    print_table(columns, (_audited(one, names) for one in found))
    _left_out(found, len(board.models))
    for one in found:
        if one.violated:
            say(f"{one.scheme.name} claims {', '.join(one.violated)}, and this board contradicts it")
        _outcome(one)
    for one in found if len(found) <= FEW_SCHEMES else ():
        if one.removal is not None and one.removal.fragile:
            rows = ((names[pair.one], names[pair.other], pair.removals) for pair in one.removal.fragile)
            print_table(("model", "and", "removals"), rows, f"most fragile pairs under {one.scheme.name}")
    _influences(found, names)
    _moves(conventions, names | {model.id: f"{model.name} ({model.id})" for model in compared.left_out})


def _audited(one: SchemeAudit, names: Mapping[int, str]) -> tuple[str, ...]:
    """Return a scheme's row: each property as measured, with a tick if it is claimed, and the worst spoiler."""
    claims, removal = one.scheme.claims, one.removal
    measured = (
        (figure(None if removal is None else removal.rate, ".5f"), claims.iia),
        (figure(one.affine, ".5f"), claims.affine),
        (figure(one.monotone, ".5f"), claims.monotone),
        (figure(one.clone, ".5f"), claims.clone),
        (UNKNOWN if one.pareto is None else str(one.pareto), claims.pareto),
        (_monotonicity(one), claims.monotonicity),
        ({True: "yes", False: "no", None: UNKNOWN}[one.hierarchy], claims.hierarchy),
    )
    spoiler = None if removal is None or not removal.worst_changes else removal.worst_spoiler
    cells = (f"{text} ✓" if claimed else text for text, claimed in measured)
    return (one.scheme.name, *cells, "" if spoiler is None else names[spoiler])


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
        say(
            f"{', '.join(names)}: {', '.join(called)} not measured, because it takes long on {models} models; "
            "--thorough measures it"
        )


def _influences(found: Sequence[SchemeAudit], names: Mapping[int, str]) -> None:
    """Print the benchmarks whose absence moves ranks most, over all audited schemes."""
    audited = [one.scheme.name for one in found if one.influence]
    if len(audited) > FEW_SCHEMES:
        audited = [f"{len(audited)} schemes"]
    shifts: dict[str, list[tuple[float, int, int, str]]] = {}
    for one in found:
        for item in one.influence:
            shift = (item.mean_shift, item.max_shift, item.most_moved, one.scheme.name)
            shifts.setdefault(item.leaf, []).append(shift)
    if not shifts:
        return
    mean = {leaf: sum(shift for shift, *_ in some) / len(some) for leaf, some in shifts.items()}
    worst = {leaf: max(some, key=lambda shift: shift[1]) for leaf, some in shifts.items()}
    rows = []
    for leaf in sorted(shifts, key=lambda leaf: (-mean[leaf], leaf))[:TOP_INFLUENCES]:
        _, largest, model, scheme = worst[leaf]
        rows.append((leaf, f"{mean[leaf]:.2f}", largest, names[model], scheme))
    title = f"benchmarks left out: shifts of ranks under {', '.join(audited)}"
    print_table(("benchmark left out", "mean shift", "largest", "of", "under"), rows, title)


def _moves(conventions: ConventionMoves, names: Mapping[int, str]) -> None:
    say(*(in_shell(f"rule for missing cells: {problem}") for problem in conventions.problems))
    moves, title = conventions.moves, "the largest shifts of ranks"
    if len({move.scheme for move in moves}) > FEW_SCHEMES:
        moves, title = conventions.largest, "the largest shift of each scheme"
    if moves:
        say(f"rules for missing cells on the full board: {title}")
        rows = ((m.scheme, m.own, m.other, f"{m.mean_shift:.1f}", names[m.model], m.rank, m.other_rank) for m in moves)
        print_table(("scheme", "own rule", "other rule", "mean shift", "moves most", "from", "to"), rows)
