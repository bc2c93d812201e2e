"""The analysis of one snapshot, and the stable JSON record of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .agreement.correlation import Agreement, Significance, agreement, pairwise_agreement, significance
from .agreement.dimensionality import PERCENTILE, PERMUTATIONS, SEED, Dimensions, dimensions
from .agreement.explained_variance import ExplainedVariance, Spread, explained_variance, main_effects, node_spreads
from .arrays import known
from .data.cleaning import Cleaning, clean
from .data.official import CellState, OfficialBoard
from .data.snapshot import Snapshot
from .schemes import Ranking, rank_models
from .text import brief

SCHEMA = 1
# Fields of the record that compare the neural with the behavioural part.
OF_PARTS = ("agreement.blocks", "spread", "explained_variance", "weights")
REPORTED_SCHEMES = ("HIER", "HIER_attempted", "FLAT", "ZMEAN", "RANK")


@dataclass(frozen=True, eq=False)
class Analysis:
    """Analysis of one snapshot."""

    __repr__ = brief

    snapshot: Snapshot
    cleaning: Cleaning  # The cleaned board and its audit log
    official: OfficialBoard  # Brain-Score's aggregate, recomputed
    agreement: Agreement  # On the cleaned board (complete cases)
    pairwise: Agreement  # On the kept leaves with all models, each pair over the models that have both
    spreads: dict[str, Spread]  # By node of the cleaned board's tree
    # Of the average of the neural and the behavioural part, on the cleaned board.
    explained: ExplainedVariance
    rankings: dict[str, Ranking]  # The cleaned board under each scheme; empty if cleaning leaves no model

    @property
    def left_out(self) -> dict[str, str]:
        """Return the fields of the record that are empty because the board lacks one of the two parts, and why."""
        absent = [part for part in self.snapshot.parts if part not in self.snapshot.tree]
        reason = f"no benchmark of the board is under {' or '.join(absent)}"
        return dict.fromkeys(OF_PARTS, reason) if absent else {}

    # The following take long and a history of many boards needs none of them: computed on first access.

    @cached_property
    def dimensions(self) -> Dimensions:
        """Dimensions of the cleaned board."""
        return dimensions(self.cleaning.board)

    @cached_property
    def significance(self) -> Significance:
        """Significance of the correlations of all pairs of leaves of the cleaned board."""
        return significance(self.agreement)

    @cached_property
    def main_effects(self) -> dict[str, float | None]:
        """Main effect of each leaf on the average, by leaf of the cleaned board."""
        return main_effects(self.cleaning.board)


def analyse(snapshot: Snapshot, max_missing: float = 0.5, min_overlap: int = 20) -> Analysis:
    """Clean a snapshot and compute agreement, spread, explained variance and the ranks under the basic schemes.

    `min_overlap`: fewest common models for which a pair of benchmarks counts among the pairwise-complete ones.
    """
    considered = snapshot.board()
    cleaning = clean(considered, max_missing)
    board = cleaning.board
    kept = set(board.leaves)
    on_kept_leaves = considered.take(columns=[j for j, leaf in enumerate(considered.leaves) if leaf in kept])
    rankable = bool(board.models and board.leaves)
    return Analysis(
        snapshot=snapshot,
        cleaning=cleaning,
        official=snapshot.official(),
        agreement=agreement(board),
        pairwise=pairwise_agreement(on_kept_leaves, min_overlap),
        spreads=node_spreads(board),
        explained=explained_variance(board),
        rankings={name: rank_models(board, name) for name in REPORTED_SCHEMES} if rankable else {},
    )


def analysis_fields(analysis: Analysis) -> dict[str, Any]:
    """Build the record of an analysis without its certainty, as docs/commands.md describes it field by field."""
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    parts = () if analysis.left_out else snapshot.parts
    considered = cleaning.considered
    explained = analysis.explained.parts
    return {
        "schema": SCHEMA,
        "snapshot": {
            "domain": snapshot.domain,
            "as_of": snapshot.as_of_time.isoformat(),
            "models": len(snapshot.models),
            "benchmarks": len(considered.leaves),
            "sha256": snapshot.sha256,
            "states": {state.name: int((considered.states == state).sum()) for state in reversed(CellState)},
            "official_max_abs_diff": analysis.official.max_abs_diff[snapshot.root],
            "official_rank_differences": analysis.official.rank_differences,
        },
        "cleaning": {
            "max_missing": cleaning.max_missing,
            "dropped_benchmarks": [dropped.type_id for dropped in cleaning.dropped_benchmarks],
            "models": len(cleaning.board.models),
            "benchmarks": len(cleaning.board.leaves),
        },
        "agreement": _agreement_json(analysis),
        "left_out": analysis.left_out,
        "spread": {part: asdict(analysis.spreads.get(part) or Spread(None, None, None)) for part in parts},
        "explained_variance": {
            **{part: explained[part].r2 for part in parts},
            "null": {part: explained[part].null for part in parts},
            "shapley": {part: explained[part].shapley for part in parts},
        }
        if parts
        else {},
        "weights": {
            leaf: asdict(weight) | {"main_effect": analysis.main_effects[leaf]}
            for leaf, weight in analysis.explained.leaves.items()
        },
        "dimensions": _dimensions_json(analysis.dimensions),
        "official": {
            str(model.id): {"score": known(score), "rank": rank}
            for model, score, rank in zip(
                snapshot.models, analysis.official.at(snapshot.root), analysis.official.ranks, strict=True
            )
        },
        "schemes": {name: {} for name in REPORTED_SCHEMES}
        | {name: {str(i): rank for i, rank in one.by_id().items()} for name, one in analysis.rankings.items()},
    }


def _agreement_json(analysis: Analysis) -> dict[str, Any]:
    found, pairwise, tests = analysis.agreement, analysis.pairwise, analysis.significance
    return {
        "method": "spearman",
        **asdict(found.all_pairs),
        "paper_balanced_mean": found.paper_balanced_mean,
        "pairwise": {name: getattr(pairwise.all_pairs, name) for name in ("mean", "negative_share", "pairs")}
        | {"min_overlap": pairwise.min_overlap},
        "blocks": {}
        if analysis.left_out
        else {"|".join(block): summary.mean for block, summary in found.blocks.items()},
        "within_paper": {name: summary.mean for name, summary in found.within_paper.items()},
        "significance": {"fdr": tests.level, "tested": tests.tested, "untested": tests.untested, **tests.counts},
    }


def _dimensions_json(found: Dimensions) -> dict[str, Any]:
    names = ("participation_ratio", "participation_unrelated", "pc1_share", "parallel_analysis")
    return {
        "benchmarks": len(found.leaves),
        **{name: getattr(found, name) for name in names},
        "permutations": PERMUTATIONS,
        "percentile": PERCENTILE,
        "seed": SEED,
        "map": found.map,
        "eigenvalues": found.eigenvalues.tolist(),
        "thresholds": found.thresholds.tolist(),
    }
