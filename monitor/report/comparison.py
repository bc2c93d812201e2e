"""Every figure of the claims in one table, beside the published ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.data.tree import paper
from brainalign_plugin.text import visible

from .figures import ARXIV, WORKSHOP, Figures, figures
from .records import Comparison, ComparisonGroup
from .wording import UNKNOWN, count, listed, number, percent, plural


def comparison_size(analysis: Analysis) -> Comparison:
    """How many models and benchmarks each column of the comparison rests on."""
    board = analysis.cleaning.board
    return Comparison(
        "models × benchmarks",
        f"{len(board.models)} × {len(board.leaves)}",
        f"{ARXIV.models} × {ARXIV.benchmarks}",
        f"{WORKSHOP.models} × {WORKSHOP.benchmarks}",
    )


def comparison(analysis: Analysis) -> tuple[ComparisonGroup, ...]:
    """Every figure of the claims beside the published ones."""
    found = figures(analysis)
    return (
        ComparisonGroup("Agreement", _agreement_rows(analysis, found)),
        ComparisonGroup("What decides the average", _dominance_rows(found)),
        ComparisonGroup("Spread", _spread_rows(found)),
    )


def _agreement_rows(analysis: Analysis, found: Figures) -> tuple[Comparison, ...]:
    complete, pairwise = analysis.agreement.all_pairs, analysis.pairwise.all_pairs
    board, considered = analysis.cleaning.board, analysis.cleaning.considered
    selection = (
        f"complete cases are a selection, {len(board.models)} of {plural(len(considered.models), 'model')}; here each "
        f"pair rests on all models that have both (at least {analysis.pairwise.min_overlap})"
    )
    return (
        Comparison(
            "Mean ρ, complete cases",
            number(found.rho),
            number(ARXIV.mean_rho),
            number(WORKSHOP.mean_rho),
            "every pair of benchmarks counts once",
        ),
        Comparison("Mean ρ, paper-balanced", number(found.rho_balanced), note=_papers_note(board.leaves)),
        Comparison("Median ρ", number(complete.median)),
        Comparison("Negative pairs", percent(complete.negative_share), note=f"of {count(complete.pairs)}"),
        Comparison("Mean ρ, pairwise-complete", number(found.rho_pairwise), note=selection),
        Comparison("Mean ρ, pairwise-complete and paper-balanced", number(found.rho_pairwise_balanced)),
        Comparison(
            "Negative pairs, pairwise-complete",
            percent(pairwise.negative_share),
            note=f"of {count(pairwise.pairs)}",
        ),
    )


def _papers_note(leaves: tuple[str, ...]) -> str:
    """Why paper-balanced: how many leaves the two largest papers hold."""
    largest = Counter(paper(leaf) for leaf in leaves).most_common(2)
    text = "every pair of papers counts once"
    held = sum(n for _, n in largest)
    if len(largest) == 2 and held > len(leaves) / 3:
        names = listed(tuple(visible(name, 60) for name, _ in largest))
        text += f": {names} are {held} of {plural(len(leaves), 'benchmark')}"
    return text


def _dominance_rows(found: Figures) -> tuple[Comparison, ...]:
    behavior, neural = found.behavior, found.neural
    return (
        Comparison(
            "R², behaviour",
            percent(behavior.r2, 2),
            percent(ARXIV.r2_behavior, 2),
            percent(WORKSHOP.r2_behavior, 2),
            "squared correlation of the part with the average",
        ),
        Comparison(
            "R², neural",
            percent(neural.r2, 2),
            percent(ARXIV.r2_neural, 2),
            percent(WORKSHOP.r2_neural, 2),
        ),
        Comparison(
            "R² by spread alone, behaviour",
            percent(behavior.null, 2),
            note="a part correlates with the whole it is half of: two unrelated parts of this spread give this much",
        ),
        Comparison("R² by spread alone, neural", percent(neural.null, 2)),
        Comparison(
            "Shapley share, behaviour",
            percent(behavior.shapley),
            percent(ARXIV.shapley_behavior),
            percent(WORKSHOP.shapley_behavior),
            "the shares of the two parts sum to one; the published columns are computed here from the published R²",
        ),
        Comparison(
            "Shapley share, neural",
            percent(neural.shapley),
            percent(1 - ARXIV.shapley_behavior),
            percent(1 - WORKSHOP.shapley_behavior),
        ),
        Comparison(
            "Effective weight, behaviour",
            percent(behavior.effective),
            note=f"the nominal weight of each part is {percent(0.5, 0)}",
        ),
        Comparison("Effective weight, neural", percent(neural.effective)),
    )


def _spread_rows(found: Figures) -> tuple[Comparison, ...]:
    behavior, neural = found.behavior, found.neural
    return (
        Comparison(
            "Standard deviation, behaviour / neural",
            _both(behavior.sd, neural.sd),
            note="over models, of the part’s tree mean; the poster shows the spread and gives no figure",
        ),
        Comparison("Range, behaviour / neural", _both(behavior.range, neural.range)),
        Comparison(
            "Mean sd of single benchmarks, behaviour / neural",
            _both(behavior.leaf_sd, neural.leaf_sd),
            note="weighted like the benchmarks in the part: the part’s sd if they all agreed",
        ),
        Comparison(
            "Left of it after averaging, behaviour / neural", _both(behavior.kept, neural.kept, form=percent)
        ),
    )


def _both(behavior: float | None, neural: float | None, form: Callable[[float | None], str] = number) -> str:
    return UNKNOWN if behavior is None and neural is None else f"{form(behavior)} / {form(neural)}"
