"""The JSON record of an analysis, with its certainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any, get_args

import numpy as np

from ..agreement.significance import false_discovery_rates
from ..analysis import Analysis, analysis_fields
from ..data.board import Board
from ..errors import BoardError
from ..files.metadata import Metadata, described
from ..files.metric_table import MetricTable
from .board_certainty import BoardCertainty, certainty
from .bootstrap import FamilyBootstrap, one_vote_each
from .external import external
from .families import Families, FamilyTable, families
from .figures import OFFICIAL, panels
from .good_models import agreement_curve, family_agreement, good_agreement
from .influence import Kind, influence
from .structure import board_clusters, board_dimensions, board_drivers
from .structure_record import clusters_json, dimensions_json, drivers_json, external_json, metadata_json, suite_json
from .universe_ranks import Universe
from .validity import Validity, validity, validity_over_time
from .variance_components import Certainty, NotEstimable


def analysis_json(
    analysis: Analysis,
    full: bool = False,
    seed: int = 0,
    named: FamilyTable = (),
    found: BoardCertainty | None = None,
    metrics: MetricTable | None = None,
    metadata: Sequence[Metadata] = (),
    stage: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> dict[str, Any]:
    """Make the record that ``brainalign analyze --json`` prints, as docs/commands.md describes it.

    `full`: with predictive validity, structure and the figures of the suite of benchmarks, which take longest. `found`:
    the board's certainty, where it is known already. `metrics`: external ones. `metadata`: sources of it. `stage`: what
    shows the progress.
    """
    record = analysis_fields(analysis)
    cleaning = analysis.cleaning
    with stage("computing intervals"):
        found = found or certainty(cleaning.considered, cleaning.max_missing, seed=seed, named=named)
    good = good_agreement(cleaning.board)
    names = ("models", "mean", "negative_share", "predicted_mean", "predicted_negative_share")
    record["agreement"]["good_models"] = {name: getattr(good, name) for name in names}
    by_family = family_agreement(cleaning.board, found.families)
    record["agreement"]["families"] = {
        "within": by_family.within,
        "between": by_family.between,
        "models_within": by_family.models_within,
        "one_vote_a_copy": one_vote_each(cleaning.board, found.families),
    }
    record["certainty"] = certainty_json(found, [model.id for model in analysis.snapshot.models])
    record["certainty"]["related_pairs"] = _related(found.bootstrap, analysis.significance.level)
    record["panels"] = [
        {
            "max_missing": panel.max_missing,
            "models": len(panel.ids),
            "benchmarks": len(panel.leaves),
            "mean_rho": panel.figures["mean_rho"],
            "negative_share": panel.figures["negative_share"],
        }
        for panel in panels(cleaning.considered)
    ]
    if full:
        record["external"] = None
        steps = _steps(analysis, found.families, families(cleaning.considered, named), metadata, seed)
        for k, (name, fields) in enumerate(steps.items()):
            with stage(f"{name} ({k + 1} of {len(steps)})"):
                for field, value in fields():
                    record[field] = record["dimensions"] | value if field == "dimensions" else value
    if metrics is not None:
        with stage("comparing external metrics"):
            joined = external(cleaning.considered, cleaning.board, metrics, named, seed=seed)
            record["external"] = external_json(joined)
            if full and joined.board is not None:
                of_joined, facts = families(joined.board, named), described(joined.board, metadata)
                record["external"]["drivers"] = drivers_json(board_drivers(joined.board, of_joined, facts, seed=seed))
    return record


def _steps(
    analysis: Analysis, grouped: Families, of_all: Families, metadata: Sequence[Metadata], seed: int
) -> dict[str, Callable[[], Iterator[tuple[str, Any]]]]:
    """Return what makes the fields that take longest, by the name of its stage."""
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    board, known = cleaning.board, described(cleaning.considered, metadata)

    def predictions() -> Iterator[tuple[str, Any]]:
        try:
            yield "validity", validity_json(validity(board, seed=seed, grouped=grouped))
        except BoardError:  # too small a board
            yield "validity", {}
        arrivals = validity_over_time(snapshot, max_missing=cleaning.max_missing)
        yield "validity_over_time", [asdict(one) | {"day": one.day.isoformat()} for one in arrivals]

    def parts() -> Iterator[tuple[str, Any]]:
        yield "good_models_curve", [asdict(one) for one in agreement_curve(board)]
        yield "influence", influence_json(board)

    def structure() -> Iterator[tuple[str, Any]]:
        yield "metadata", metadata_json(known)
        yield "drivers", drivers_json(board_drivers(board, grouped, known, seed=seed))
        yield "clusters", clusters_json(board_clusters(board, grouped, seed=seed))

    def dimensions() -> Iterator[tuple[str, Any]]:
        overlap, counted = analysis.pairwise.min_overlap, analysis.dimensions
        found = board_dimensions(board, grouped, cleaning.considered, snapshot, overlap, seed=seed, found=counted)
        yield "dimensions", dimensions_json(found)

    return {
        "predicting unseen papers": predictions,
        "leaving papers, benchmarks and models out": parts,
        "comparing new benchmarks and panels": lambda: iter(suite_json(analysis, grouped, of_all, seed).items()),
        "finding drivers and clusters": structure,
        "counting dimensions": dimensions,
    }


def influence_json(board: Board) -> dict[str, Any]:
    """Make the record of what single papers, benchmarks and models do to a complete board; empty if it is."""
    if not (board.models and board.leaves):
        return {}
    found = influence(board)
    fields = ("claims", "winner", "mean_shift", "rho", "changes")
    return {
        "claims": found.claims,
        **{
            f"{kind}s": {left.name: {name: getattr(left, name) for name in fields} for left in found.of(kind)}
            for kind in get_args(Kind)
        },
        "rank_ranges": {str(model): list(ends) for model, ends in found.ranks.items()},
    }


def certainty_json(found: BoardCertainty, ids: list[int]) -> dict[str, Any]:
    """Make the record of a board's certainty. `ids`: all models of the snapshot."""
    official = found.schemes[OFFICIAL]
    strata, tiers = (official.strata, official.tiers) if isinstance(official, Certainty) else ((), None)
    bootstrap = found.bootstrap
    return {
        "schemes": {name: _scheme_json(one) for name, one in found.schemes.items()},
        "strata": {
            stratum.name: {
                "weight": stratum.weight,
                "papers": len(stratum.papers),
                "paper_variance": stratum.paper_variance,
            }
            for stratum in strata
        },
        "components": found.components,
        "first": {str(model): probability for model, probability in found.first.items()},
        "tiers": [list(tier) for tier in found.tiers],
        "neighbours": None if tiers is None else tiers.neighbours,
        "neighbours_told_apart": None if tiers is None else tiers.neighbours_apart,
        "rank_intervals": {}
        if found.ranks is None
        else {
            str(model): [low, high]
            for model, low, high in zip(
                found.board.ids, found.ranks.low.tolist(), found.ranks.high.tolist(), strict=True
            )
        },
        "leave_one_paper_out": {
            left.name: {"mean_shift": left.mean_shift, "rho": left.rho, "mean_rho": left.figures["mean_rho"]}
            for left in found.papers
        },
        "near_copies": [list(group) for group in found.families.near_copies],
        "families": found.families.count,
        "effective_n": bootstrap.effective_n["mean_rho"],
        "intervals": {name: None if one is None else [one.low, one.high] for name, one in bootstrap.intervals.items()},
        "corrected_negative_share": bootstrap.corrected_negative_share,
        "universe": _universe_json(found.universe, ids),
    }


def _related(found: FamilyBootstrap, level: float) -> dict[str, dict[str, int]] | None:
    """Count the pairs of leaves that are related whatever families were drawn; None without intervals."""
    if found.rho is None or found.rho_p is None:
        return None
    tested = ~np.isnan(found.rho_p)
    rho, counts = found.rho[tested], {}
    for name, dependent in (("benjamini_hochberg", False), ("benjamini_yekutieli", True)):
        related = false_discovery_rates(found.rho_p[tested], dependent) <= level
        counts[name] = {"positive": int((related & (rho > 0)).sum()), "negative": int((related & (rho < 0)).sum())}
    return counts


def _scheme_json(found: Certainty | NotEstimable) -> dict[str, Any]:
    names = ("reliability", "standard_error", "told_apart_from", "told_apart_share")
    if isinstance(found, NotEstimable):
        return {**dict.fromkeys(names), "reason": found.reason}
    values = {name: getattr(found, name) for name in names}
    return {**{name: x if math.isfinite(x) else None for name, x in values.items()}, "reason": None}


def _universe_json(found: Universe | NotEstimable, ids: list[int]) -> dict[str, Any]:
    unknown = {"score": None, "sd": None, "rank": None, "interval": None, "units": 0}
    models: dict[str, dict[str, Any]] = {str(model): dict(unknown) for model in ids}
    if isinstance(found, NotEstimable):
        return {"reliability": None, "reason": found.reason, "models": models}
    scored = found.scored
    for i, model in enumerate(found.ids):
        if np.isnan(scored.scores[i]):
            continue
        ranked = bool(found.ranks[i])
        models[str(model)] = {
            "score": float(scored.scores[i]),
            "sd": float(scored.sd[i]),
            "rank": int(found.ranks[i]) if ranked else None,
            "interval": [int(found.low[i]), int(found.high[i])] if ranked else None,
            "units": int(scored.units[i]),
        }
    return {"reliability": scored.reliability, "reason": None, "models": models}


def validity_json(found: Validity) -> dict[str, Any]:
    """Make the record of predictive validity, the best scheme first."""
    return {
        name: {
            "mean": one.mean,
            "interval": None if one.interval is None else [one.interval.low, one.interval.high],
            "papers": one.papers,
            "differences": {
                other: None if gap is None else [gap.value, gap.low, gap.high]
                for other, gap in ((other, found.difference(name, other)) for other in found.schemes)
                if other != name
            },
        }
        for name, one in found.schemes.items()
    }
