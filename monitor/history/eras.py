"""Today's top models on the boards of earlier years, and the top models of those years today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from brainalign_plugin.data.snapshot import Snapshot

from .changes import official_ranks

TOP = 10


@dataclass(frozen=True, slots=True)
class Era:
    """A model of the top of one board, and its official rank on another; None where it has none there."""

    model: int
    name: str
    # Rank on the earlier board and today.
    then: int | None
    now: int | None
    of: str  # `then` if it was at the top of the earlier board, `now` if it is at the top today, `both`


def eras(earlier: Snapshot, today: Snapshot, top: int = TOP) -> tuple[Era, ...]:
    """Follow the models of the official top of each board, ties at its end included, to the other, today's first."""
    then, now = official_ranks(earlier), official_ranks(today)
    names = {model.id: model.name for model in (*earlier.models, *today.models)}
    found = []
    for model in sorted(names, key=lambda i: (now.get(i, len(names)), then.get(i, len(names)), i)):
        best_then, best_now = then.get(model, top + 1) <= top, now.get(model, top + 1) <= top
        if best_then or best_now:
            of = "both" if best_then and best_now else "now" if best_now else "then"
            found.append(Era(model, names[model], then.get(model), now.get(model), of))
    return tuple(found)


def eras_json(found: Mapping[date, Sequence[Era]]) -> dict[str, Any]:
    """Return the record that ``brainalign eras --json`` prints."""
    return {
        "schema": 1,
        "eras": [{"as_of": day, "models": [asdict(era) for era in models]} for day, models in found.items()],
    }
