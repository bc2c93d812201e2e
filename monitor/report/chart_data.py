"""The one dataset that all charts of a page share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from brainalign_plugin.agreement.clustering import clustered_order
from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.data.board import Model
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.text import visible

from .records import CellValue, ChartData
from .scheme_data import (
    Columns,
    ShownScheme,
    interval_table,
    rank_columns,
    scheme_pairs,
    scheme_tables,
    shown_schemes,
)

PART_NAMES = ("Neural", "Behavioural", "Other")
_DIGITS = 4


def part_positions(analysis: Analysis) -> tuple[int, ...]:
    """For each leaf of the cleaned board the position of its part in `PART_NAMES`."""
    board = analysis.cleaning.board
    place = {part: k for k, part in enumerate(board.parts)}
    return tuple(2 if part is None else place[part] for part in board.leaf_parts)


def model_names(models: Sequence[Model]) -> dict[int, str]:
    """Name of each model id, fit to be shown; those that occur more than once carry their id."""
    shown = {model.id: visible(model.name, 120) for model in models}
    repeats = Counter(shown.values())
    return {i: f"{name} · id {i}" if repeats[name] > 1 else name for i, name in shown.items()}


def chart_data(analysis: Analysis, study: SchemeStudy | None = None) -> ChartData:
    """Tables of leaves, pairs of leaves, models, parts and schemes, rounded to four decimals."""
    schemes = shown_schemes(analysis, study)
    ids = _ranked_ids(analysis, schemes)
    leaves, models = _leaves(analysis), _models(analysis, schemes, ids)
    low, high = _score_domain(models)
    tables = {
        "leaves": leaves,
        "pairs": _pairs(analysis),
        "models": models,
        "parts": _parts(analysis),
        "averages": _averages(low, high),
        **scheme_tables(schemes),
    }
    if study is not None:
        tables["intervals"] = interval_table(study, ids)
        tables["scheme_pairs"] = scheme_pairs(study, schemes)
    return ChartData(
        tables=tables,
        heatmap_order=tuple(clustered_order(analysis.agreement.rho).tolist()),
        spread_order=_grouped(analysis, leaves["sd"]),
        weight_order=_grouped(analysis, leaves["effective"]),
        part_names=PART_NAMES,
        score_domain=(low, high),
        models=len(ids),
        schemes=tuple(scheme.name for scheme in schemes),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), _DIGITS) + 0.0


def _leaves(analysis: Analysis) -> Columns:
    board = analysis.cleaning.board
    labels = leaf_labels(board.leaves)
    spreads = [analysis.spreads[leaf] for leaf in board.leaves]
    weights = [analysis.explained.leaves.get(leaf) for leaf in board.leaves]
    columns: dict[str, tuple[CellValue, ...]] = {
        "at": tuple(range(len(board.leaves))),
        "id": tuple(label.full for label in labels),
        "label": tuple(label.label for label in labels),
        "brief": tuple(label.brief for label in labels),
        "part": tuple(PART_NAMES[k] for k in part_positions(analysis)),
        "group": tuple(visible(board.tree[leaf].parent or "", 60) for leaf in board.leaves),
        "nominal": tuple(_rounded(w.nominal) if w else None for w in weights),
        "effective": tuple(_rounded(w.effective) if w else None for w in weights),
    }
    for name in ("low", "q1", "median", "q3", "high", "sd"):
        columns[name] = tuple(_rounded(getattr(spread, name)) for spread in spreads)
    return columns


def _pairs(analysis: Analysis) -> Columns:
    """Every ordered pair of distinct leaves with a correlation, so that the heatmap is symmetric."""
    complete, pairwise = analysis.agreement, analysis.pairwise
    known = ~np.isnan(complete.rho) & ~np.eye(len(complete.leaves), dtype=bool)
    first, second = np.nonzero(known)
    return {
        "i": tuple(first.tolist()),
        "j": tuple(second.tolist()),
        "rho": tuple(round(r, 3) + 0.0 for r in complete.rho[known].tolist()),
        "rho_all": tuple(None if math.isnan(r) else round(r, 3) + 0.0 for r in pairwise.rho[known].tolist()),
        "n_all": tuple(pairwise.overlap[known].tolist()),
    }


def _ranked_ids(analysis: Analysis, schemes: Sequence[ShownScheme]) -> tuple[int, ...]:
    """Ids of the models of the cleaned board, best first by the first scheme."""
    first = schemes[0].ranks if schemes else {}
    return tuple(sorted(analysis.cleaning.board.ids, key=lambda i: (first.get(i, 0), i)))


def _models(analysis: Analysis, schemes: Sequence[ShownScheme], ids: Sequence[int]) -> Columns:
    board = analysis.cleaning.board
    row = {i: k for k, i in enumerate(board.ids)}
    names = model_names(analysis.snapshot.models)
    scores = board.part_scores()
    unknown = np.full(len(board.models), np.nan)
    official = dict(zip((m.id for m in analysis.snapshot.models), analysis.official.ranks, strict=True))
    columns: dict[str, tuple[CellValue, ...]] = {
        "at": tuple(range(len(ids))),
        "name": tuple(names[i] for i in ids),
        "id": tuple(str(i) for i in ids),
        "official": tuple(official[i] for i in ids),
    }
    for name, part in (*zip(("neural", "behavior"), board.parts, strict=True), ("average", "average")):
        values = scores.get(part, unknown)
        columns[name] = tuple(_rounded(float(values[row[i]])) for i in ids)
    return columns | dict(rank_columns(ids, names, schemes))


def _parts(analysis: Analysis) -> Columns:
    board = analysis.cleaning.board
    scores = board.part_scores()
    rows = [
        (PART_NAMES[k], scores[part])
        for k, part in enumerate(board.parts)
        if part in scores and len(scores[part]) > 1
    ]
    spread = [(float(v.mean()), float(v.std(ddof=1))) for _, v in rows]
    return {
        "part": tuple(name for name, _ in rows),
        "mean": tuple(_rounded(mean) for mean, _ in spread),
        "from": tuple(_rounded(mean - sd) for mean, sd in spread),
        "to": tuple(_rounded(mean + sd) for mean, sd in spread),
        "text": tuple(f"±1 sd = {sd:.3f}" for _, sd in spread),
    }


def _score_domain(models: Columns) -> tuple[float, float]:
    """Round twentieths around all neural and behavioural scores, so that both axes have the same scale."""
    values = [v for name in ("neural", "behavior") for v in models[name] if isinstance(v, float)]
    if not values:
        return 0.0, 1.0
    low, high = math.floor(min(values) * 20 - 0.5) / 20, math.ceil(max(values) * 20 + 0.5) / 20
    return round(low, 2), round(high, 2)


def _averages(low: float, high: float) -> Columns:
    """Lines of equal average across the scatter, at every tenth."""
    tenths = [t / 10 for t in range(math.ceil(low * 10), math.floor(high * 10) + 1) if low < t / 10 < high]
    return {
        "x": tuple(round(max(low, 2 * t - high), _DIGITS) for t in tenths),
        "y": tuple(round(min(high, 2 * t - low), _DIGITS) for t in tenths),
        "x2": tuple(round(min(high, 2 * t - low), _DIGITS) for t in tenths),
        "y2": tuple(round(max(low, 2 * t - high), _DIGITS) for t in tenths),
    }


def _grouped(analysis: Analysis, values: tuple[CellValue, ...]) -> tuple[int, ...]:
    """Leaves by part, the largest value first, under a heading -k - 1 for each part that has leaves."""
    parts = part_positions(analysis)
    order: list[int] = []
    for k in range(len(PART_NAMES)):
        members = [(-float(v or 0.0), j) for j, v in enumerate(values) if parts[j] == k]
        if members:
            order += [-k - 1, *(j for _, j in sorted(members))]
    return tuple(order)
