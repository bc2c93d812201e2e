"""The JSON records of an analysis: with its certainty, the structure of the board and its suite of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, get_args

import numpy as np

from ..agreement.correlation import significant_pairs
from ..analysis import Analysis, analysis_fields
from ..data.board import Board
from ..errors import BoardError
from ..files.metadata import Described, Metadata, described
from ..files.metric_table import MetricTable
from .benchmarks import agreement_testing, new_benchmarks
from .board_certainty import BoardCertainty, Universe, certainty
from .bootstrap import Interval, one_vote_each
from .external import External, external
from .families import Families, FamilyTable, families
from .figures import OFFICIAL, panels
from .good_models import agreement_curve, family_agreement, good_agreement
from .influence import Kind, influence
from .rank import bounds_json
from .structure import BoardClusters, BoardDimensions, BoardDrivers, board_clusters, board_dimensions, board_drivers
from .suite import next_benchmarks, short_panel
from .validity import Validity, validity, validity_over_time
from .variance_components import Certainty, NotEstimable


def plain(found: Any) -> Any:
    """Return a record as plain values: intervals as their two ends, days as text, unknown as None; or its reason."""
    if isinstance(found, Interval):
        found = found.low, found.high
    elif isinstance(found, NotEstimable):
        found = {"reason": found.reason}
    elif isinstance(found, np.ndarray):
        found = None if np.isnan(found).any() else tuple(found.tolist())
    elif is_dataclass(found):
        found = {one.name: getattr(found, one.name) for one in fields(found)}
    if isinstance(found, tuple):
        return [plain(one) for one in found]
    if isinstance(found, Mapping):
        return {name: plain(one) for name, one in found.items()}
    if isinstance(found, date):
        return found.isoformat()
    return None if isinstance(found, float) and not math.isfinite(found) else found


def record(found: Any) -> dict[str, Any]:
    """Return a frozen record, or the reason why there is none, as plain values; ``reason`` is always there."""
    return {"reason": None} | dict(plain(found))


def _of(found: Any, names: str) -> dict[str, Any]:
    """Return some attributes as plain values."""
    return {name: plain(getattr(found, name)) for name in names.split()}


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
    names = "models mean negative_share predicted_mean predicted_negative_share"
    record["agreement"]["good_models"] = _of(good_agreement(cleaning.board), names)
    record["agreement"]["families"] = _of(
        family_agreement(cleaning.board, found.families), "within between models_within"
    ) | {"one_vote_a_copy": one_vote_each(cleaning.board, found.families)}
    record["certainty"] = certainty_json(found, [model.id for model in analysis.snapshot.models])
    boot = found.bootstrap
    record["certainty"]["related_pairs"] = None
    if boot.rho is not None and boot.rho_p is not None:
        tested = ~np.isnan(boot.rho_p)
        pairs = boot.rho[tested], boot.rho_p[tested]
        record["certainty"]["related_pairs"] = significant_pairs(*pairs, analysis.significance.level)
    record["panels"] = [
        {"max_missing": panel.max_missing, "models": len(panel.ids), "benchmarks": len(panel.leaves)}
        | {name: panel.figures[name] for name in ("mean_rho", "negative_share")}
        for panel in panels(cleaning.considered)
    ]
    if full:
        record["external"] = None
        steps = _steps(analysis, found.families, families(cleaning.considered, named), metadata, seed)
        for k, (name, fields_of) in enumerate(steps.items()):
            with stage(f"{name} ({k + 1} of {len(steps)})"):
                for field, value in fields_of().items():
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
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what makes the fields that take longest, by the name of its stage."""
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    board, known = cleaning.board, described(cleaning.considered, metadata)

    def predictions() -> dict[str, Any]:
        arrivals = plain(validity_over_time(snapshot, max_missing=cleaning.max_missing))
        try:
            found = validity_json(validity(board, seed=seed, grouped=grouped))
        except BoardError:  # too small a board
            found = {}
        return {"validity": found, "validity_over_time": arrivals}

    def structure() -> dict[str, Any]:
        return {
            "metadata": metadata_json(known),
            "drivers": drivers_json(board_drivers(board, grouped, known, seed=seed)),
            "clusters": clusters_json(board_clusters(board, grouped, seed=seed)),
        }

    def dimensions() -> dict[str, Any]:
        overlap, counted = analysis.pairwise.min_overlap, analysis.dimensions
        found = board_dimensions(board, grouped, cleaning.considered, snapshot, overlap, seed=seed, found=counted)
        return {"dimensions": dimensions_json(found)}

    return {
        "predicting unseen papers": predictions,
        "leaving papers, benchmarks and models out": lambda: {
            "good_models_curve": plain(agreement_curve(board)),
            "influence": influence_json(board),
        },
        "comparing new benchmarks and panels": lambda: suite_json(analysis, grouped, of_all, seed),
        "finding drivers and clusters": structure,
        "counting dimensions": dimensions,
    }


def suite_json(analysis: Analysis, grouped: Families, of_all: Families, seed: int = 0) -> dict[str, Any]:
    """Make the fields of ``analyze --full --json`` on the suite of benchmarks, with families of both sets of models."""
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    board = cleaning.board
    return {
        "new_benchmarks": record(new_benchmarks(snapshot, (), cleaning.max_missing, of_all, seed=seed)),
        "panel": record(short_panel(board, snapshot, grouped, seed=seed)),
        "next_benchmarks": record(next_benchmarks(board, grouped=grouped, seed=seed)),
        "agreement_testing": record(agreement_testing(board, grouped=grouped, seed=seed)),
    }


def influence_json(board: Board) -> dict[str, Any]:
    """Make the record of what single papers, benchmarks and models do to a complete board; empty if it is."""
    if not (board.models and board.leaves):
        return {}
    found = influence(board)
    names = "claims winner mean_shift rho changes"
    kinds = {f"{kind}s": {left.name: _of(left, names) for left in found.of(kind)} for kind in get_args(Kind)}
    ranges = {str(model): list(ends) for model, ends in found.ranks.items()}
    return {"claims": found.claims, **kinds, "rank_ranges": ranges}


def certainty_json(found: BoardCertainty, ids: list[int]) -> dict[str, Any]:
    """Make the record of a board's certainty. `ids`: all models of the snapshot."""
    official = found.schemes[OFFICIAL]
    strata, tiers = (official.strata, official.tiers) if isinstance(official, Certainty) else ((), None)
    bootstrap = found.bootstrap
    return {
        "schemes": {name: _scheme_json(one) for name, one in found.schemes.items()},
        "strata": {
            one.name: {"weight": one.weight, "papers": len(one.papers), "paper_variance": one.paper_variance}
            for one in strata
        },
        "components": found.components,
        "first": {str(model): probability for model, probability in found.first.items()},
        "tiers": plain(found.tiers),
        "neighbours": None if tiers is None else tiers.neighbours,
        "neighbours_told_apart": None if tiers is None else tiers.neighbours_apart,
        "rank_intervals": {}
        if found.ranks is None
        else bounds_json(found.board.ids, found.ranks.low, found.ranks.high),
        "leave_one_paper_out": {
            left.name: {"mean_shift": left.mean_shift, "rho": left.rho, "mean_rho": left.figures["mean_rho"]}
            for left in found.papers
        },
        "near_copies": plain(found.families.near_copies),
        "families": found.families.count,
        "effective_n": bootstrap.effective_n["mean_rho"],
        "intervals": plain(bootstrap.intervals),
        "corrected_negative_share": bootstrap.corrected_negative_share,
        "universe": _universe_json(found.universe, ids),
    }


def _scheme_json(found: Certainty | NotEstimable) -> dict[str, Any]:
    names = "reliability standard_error told_apart_from told_apart_share"
    if isinstance(found, NotEstimable):
        return {**dict.fromkeys(names.split()), "reason": found.reason}
    return {**_of(found, names), "reason": None}


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
            "interval": plain(one.interval),
            "papers": one.papers,
            "differences": {
                other: None if gap is None else [gap.value, gap.low, gap.high]
                for other, gap in ((other, found.difference(name, other)) for other in found.schemes)
                if other != name
            },
        }
        for name, one in found.schemes.items()
    }


def external_json(found: External) -> dict[str, Any]:
    """Make the record of external metrics: what was joined, and what it has in common with the benchmarks."""
    metrics = {one.metric: plain(one) for one in found.metrics}
    own = {"metrics": metrics, "dimensions": plain(found.dimensions), "drivers": None}
    return _of(found.joined, "matched unmatched notes") | own


def drivers_json(found: BoardDrivers) -> dict[str, Any]:
    """Make the record of the drivers of agreement, by scope."""
    return {
        scope: {"benchmarks": one.units, "pairs": one.pairs, "r2": one.r2, "interval": plain(found.r2[scope])}
        | _of(one, "p reason")
        | {
            "properties": [
                _of(driver, "properties shared mean_shared mean_other r2 coefficient")
                | {"coefficient_interval": plain(found.coefficient[scope, driver.properties])}
                | {"partial_r2": driver.partial_r2}
                | {"partial_r2_interval": plain(found.partial_r2[scope, driver.properties])}
                | _of(driver, "p unknown reason")
                for driver in one.drivers
            ]
        }
        for scope, one in found.scopes.items()
    }


def dimensions_json(found: BoardDimensions) -> dict[str, Any]:
    """Make what ``--full`` adds to the record of the dimensions."""
    return _of(found, "by_family intervals halves") | {
        "scree": [
            {"value": value, "interval": plain(row[:2]), "shuffled": plain(row[2:])}
            for value, row in zip(found.found.eigenvalues.tolist(), found.scree, strict=True)
        ],
        "loadings": {
            leaf: [{"value": value, "interval": plain(ends)} for value, ends in zip(row.tolist(), own, strict=True)]
            for leaf, row, own in zip(found.found.leaves, found.loadings, found.loading_intervals, strict=True)
        },
        "treatments": {
            name: {"models": one.models, "benchmarks": len(one.leaves)}
            | _of(one, "filled pc1_share parallel_analysis congruence correlation")
            | {"loadings": dict(zip(one.leaves, one.loadings.tolist(), strict=False)), "reason": one.reason}
            for name, one in found.treatments.items()
        },
        "imagenet": plain(found.outside),
    }


def clusters_json(found: BoardClusters) -> dict[str, Any]:
    """Make the record of the clusters of the benchmarks."""
    order = found.found.order.tolist()
    return _of(found.found, "silhouette p reason") | {
        "order": [found.leaves[j] for j in order],
        "clusters": [
            {
                "benchmarks": [found.leaves[j] for j in order if found.found.labels[j] == cluster],
                "stability": plain(float(found.stability[cluster])),
                "mean_rho": mean,
                "interval": plain(ends),
            }
            for cluster, (mean, ends) in enumerate(found.mean_rho)
        ],
    }


def metadata_json(found: Described) -> dict[str, Any]:
    """Make the record of the metadata of a board: values and their sources, gaps and contradictions."""
    return {
        "benchmarks": {leaf: {**values, "sources": found.origins[leaf]} for leaf, values in found.benchmarks.items()},
        "models": {str(model): values for model, values in found.models.items() if any(values.values())},
        "gaps": plain(found.gaps),
        "contradictions": [
            _of(one, "name field") | {"values": [{"source": source, "value": value} for source, value in one.values]}
            for one in found.contradictions
        ],
        "problems": list(found.problems),
    }
