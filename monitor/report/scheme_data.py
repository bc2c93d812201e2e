"""What the charts of aggregation schemes draw: schemes side by side, ranks, their intervals, agreement of schemes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import get_args

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.schemes import get_scheme
from brainalign_plugin.schemes.base import Family
from brainalign_plugin.text import shortened, visible

from .records import CellValue

TOP = 10
NAMED_MODELS = 12
INTERVAL_MODELS = 25
LABEL_STEP = 13
RANK_HEIGHT = (260, 620)
# Room between two families of schemes, in columns.
FAMILY_GAP = 0.7
SCHEME_NAME = 24
# Letters of a model's name that fit beside the rank chart; a longer one loses its middle.
LABEL = 34

Columns = Mapping[str, tuple[CellValue, ...]]


@dataclass(frozen=True, eq=False)
class ShownScheme:
    """A scheme that ranks the cleaned board: its name, its family and the rank of each model id."""

    name: str
    family: str
    ranks: Mapping[int, int]


def scheme_name(name: str) -> str:
    """Name of a scheme, fit to be shown: others than ours may have long ones."""
    return shortened(visible(name), SCHEME_NAME)


def shown_schemes(analysis: Analysis, study: SchemeStudy | None) -> tuple[ShownScheme, ...]:
    """The schemes of the study, or else of the analysis, family by family."""
    families = get_args(Family)
    if study is None:
        found = [
            ShownScheme(name, get_scheme(name).family, ranking.by_id())
            for name, ranking in analysis.rankings.items()
        ]
    else:
        found = [
            ShownScheme(one.scheme.name, one.scheme.family, one.ranking.by_id())
            for one in study.schemes
            if one.ranking is not None
        ]
    return tuple(sorted(found, key=lambda scheme: families.index(scheme.family)))


def scheme_tables(schemes: Sequence[ShownScheme]) -> dict[str, Columns]:
    """Tables ``schemes`` (a column of the rank chart each) and ``families`` (from which column to which)."""
    families = [scheme.family for scheme in schemes]
    gaps = [0, *itertools.accumulate(int(a != b) for a, b in itertools.pairwise(families))]
    slots = [round(k + FAMILY_GAP * gaps[k], 2) for k in range(len(schemes))]
    spans = {
        family: [slot for slot, own in zip(slots, families, strict=True) if own == family]
        for family in dict.fromkeys(families)
    }
    return {
        "schemes": {
            "key": tuple(f"s{k}" for k in range(len(schemes))),
            "at": tuple(range(len(schemes))),
            "name": tuple(scheme_name(scheme.name) for scheme in schemes),
            "family": tuple(families),
            "slot": tuple(slots),
        },
        "families": {
            "name": tuple(spans),
            "from": tuple(min(span) for span in spans.values()),
            "to": tuple(max(span) for span in spans.values()),
        },
    }


def rank_columns(ids: Sequence[int], names: Mapping[int, str], schemes: Sequence[ShownScheme]) -> Columns:
    """For each model its ranks (``s0``, ``s1``, ...), the best and the worst, and its label in the chart if it has one.

    The models that are named in the chart are the best by median rank.
    """
    columns: dict[str, tuple[CellValue, ...]] = {
        f"s{k}": tuple(scheme.ranks[i] for i in ids) for k, scheme in enumerate(schemes)
    }
    ranks = {i: [scheme.ranks[i] for scheme in schemes] for i in ids} if schemes else {}
    named = sorted(ranks, key=lambda i: (median(ranks[i]), i))[:NAMED_MODELS]
    at = dict(zip(named, _label_places([ranks[i][-1] for i in named], len(ids)), strict=True))
    columns["best"] = tuple(min(ranks[i], default=None) if i in ranks else None for i in ids)
    columns["worst"] = tuple(max(ranks[i], default=None) if i in ranks else None for i in ids)
    columns["label"] = tuple(shortened(names[i], LABEL) if i in at else None for i in ids)
    columns["label_at"] = tuple(at.get(i) for i in ids)
    columns["always_top"] = tuple(bool(ranks.get(i)) and max(ranks[i]) <= TOP for i in ids)
    return columns


def rank_height(models: int) -> int:
    """Height of the rank chart in pixels."""
    return min(max(LABEL_STEP * (models - 1), RANK_HEIGHT[0]), RANK_HEIGHT[1])


def _label_places(ranks: Sequence[int], models: int) -> list[float]:
    """Ranks to write labels at, apart enough on the chart's square-root scale not to overlap."""
    height, span = rank_height(models), math.sqrt(max(models, 2)) - 1
    pixels = [(math.sqrt(rank) - 1) / span * height for rank in ranks]
    moved = spread_out(pixels, LABEL_STEP, height)
    return [round((1 + pixel / height * span) ** 2, 3) for pixel in moved]


def spread_out(places: Sequence[float], gap: float, last: float) -> list[float]:
    """Move places apart until neighbours are ``gap`` apart, each as little as a single sweep down and up can.

    Parameters
    ----------
    places : sequence of float
        In any order; equal ones keep the order given.
    gap : float
    last : float
        None is pushed beyond it unless they cannot all fit above.
    """
    order = sorted(range(len(places)), key=lambda k: places[k])
    moved = [float(p) for p in places]
    for before, k in itertools.pairwise(order):
        moved[k] = max(moved[k], moved[before] + gap)
    limit = max(last, min(places, default=0.0) + gap * (len(places) - 1))
    for k in reversed(order):
        moved[k] = min(moved[k], limit)
        limit = moved[k] - gap
    return moved


def interval_schemes(study: SchemeStudy) -> tuple[str, ...]:
    """Names of the schemes whose ranks have intervals, the first one is shown before a reader chooses."""
    return tuple(one.scheme.name for one in study.schemes if one.uncertainty is not None)


def interval_table(study: SchemeStudy, ids: Sequence[int]) -> Columns:
    """Intervals of every model's rank under each scheme that has them; ``model`` and ``scheme`` are positions.

    ``scheme`` counts in `interval_schemes`, ``model`` in ``ids``.
    """
    row = {i: k for k, i in enumerate(study.board.ids)}
    rows = [row[i] for i in ids]
    columns: dict[str, list[CellValue]] = {
        name: [] for name in ("scheme", "model", "rank", "low", "high", "first", "top_ten")
    }
    resampled = [one for one in study.schemes if one.uncertainty is not None]
    for k, one in enumerate(resampled):
        if one.uncertainty is None or one.ranking is None:
            continue
        found = one.uncertainty
        columns["scheme"] += [k] * len(rows)
        columns["model"] += range(len(rows))
        columns["rank"] += one.ranking.ranks[rows].tolist()
        columns["low"] += found.low[rows].tolist()
        columns["high"] += found.high[rows].tolist()
        columns["first"] += [round(share, 3) for share in found.first[rows].tolist()]
        columns["top_ten"] += [round(share, 3) for share in found.top_ten[rows].tolist()]
    return {name: tuple(values) for name, values in columns.items()}


def scheme_pairs(study: SchemeStudy, schemes: Sequence[ShownScheme]) -> Columns:
    """Every ordered pair of distinct schemes that agree to a known degree; ``i`` and ``j`` are positions."""
    at = {scheme.name: k for k, scheme in enumerate(schemes)}
    known = [pair for pair in study.comparison.pairs if pair.spearman is not None]
    both = [(pair.one, pair.other, pair) for pair in known] + [(pair.other, pair.one, pair) for pair in known]

    def rounded(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else round(value, 3) + 0.0

    return {
        "i": tuple(at[one] for one, _, _ in both),
        "j": tuple(at[other] for _, other, _ in both),
        "rho": tuple(rounded(pair.spearman) for _, _, pair in both),
        "tau": tuple(rounded(pair.tau_b) for _, _, pair in both),
        "kappa": tuple(rounded(pair.kappa) for _, _, pair in both),
        "top": tuple(rounded(pair.top_overlap) for _, _, pair in both),
    }


def lowest_agreement(pairs: Columns) -> float:
    """The tenth at or below the lowest correlation of two schemes, where the colours begin; at most 0.9."""
    lowest = min((float(str(rho)) for rho in pairs["rho"]), default=0.9)
    return min(math.floor(10 * lowest) / 10, 0.9)
