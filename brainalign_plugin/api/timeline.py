"""Boards after one another: headline figures over time, and what changed from one board to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from ..certainty.figures import FIGURES, headline
from ..data.cleaning import complete_board
from ..data.snapshot import Snapshot
from ..errors import InputError
from ..plot.chart import Chart
from ..plot.curves import over_time
from ..results import Plots, Result, Rows, documented
from ..text import counted
from .sources import Source, snapshot_of

_SIZES = ("models", "benchmarks", "kept_models", "kept_benchmarks")
_NOTHING = 1e-12


class TimelinePlots(Plots["Timeline"]):
    """Charts of a timeline."""

    def figures(self, *names: str) -> Chart:
        """Draw figures over time.

        Parameters
        ----------
        *names : str
            Columns of `Timeline.to_frame`, up to six; the mean correlation, that within and between the parts if none.

        Raises
        ------
        InputError
            If there is no such figure, or a board has no date.

        See Also
        --------
        Timeline.changes : Changes from board to board.

        Examples
        --------
        >>> now = ba.example()
        >>> len(ba.timeline([now.as_of("2023-01-01"), now]).plot.figures("mean_rho").to_frame())
        2
        """
        frame = self.result.figures
        shown = names or ("mean_rho", "neural_rho", "behavior_rho", "cross_rho")
        for name in shown:
            if name not in frame.columns:
                raise InputError(f"there is no figure {name!r}; known are {', '.join(map(repr, frame.columns))}")
        if len(shown) > 6:
            raise InputError(f"{len(shown)} figures in one chart cannot be told apart; give up to 6")
        if frame.index.isna().any():
            raise InputError("a board has no date; pass dates=[…] to timeline, one a board")
        words = {name: FIGURES.get(name, name.replace("_", " ")) for name in shown}
        what = next(iter(words.values())) if len(words) == 1 else "figures" if names else "agreement of benchmarks"
        title = f"{what[0].upper()}{what[1:]}, {counted(len(frame), 'board')}"
        return over_time(
            [f"{day:%Y-%m-%d}" for day in frame.index],
            {words[name]: [None if pd.isna(x) else float(x) for x in frame[name]] for name in shown},
            title=title,
            alt=f"A line a figure. {title}.",
            axis="value" if names else "correlation",
        )


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(Result):
    """Headline figures of boards, oldest first.

    The frame is ``figures``; the record is that of ``brainalign history --json``, without intervals and causes.

    Attributes
    ----------
    snapshots : tuple of Snapshot
    figures : DataFrame, shape (boards, 15)
        Numbers of models and benchmarks, before and after cleaning, and the figures of each cleaned board; NaN where
        one does not exist. By day.
    max_missing : float
        Largest share of missing scores with which a benchmark was kept.

    Examples
    --------
    >>> now = ba.example()
    >>> ba.timeline([now.as_of("2023-01-01"), now]).to_frame()["models"].tolist()
    [14, 16]
    """

    snapshots: tuple[Snapshot, ...]
    figures: pd.DataFrame
    max_missing: float = 0.5

    def _title(self) -> str:
        days = [day for day in self.figures.index if day is not pd.NaT]
        span = f", {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}" if days else ""
        return f"Timeline of {counted(len(self.snapshots), 'board')}{span}"

    def _frame(self) -> pd.DataFrame:
        return self.figures.copy()

    @property
    def changes(self) -> tuple[Rows, ...]:
        """Changes from each board to the next: figures, models and benchmarks that came or left."""
        return tuple(
            _changes(one, other, self.figures.iloc[i], self.figures.iloc[i + 1])
            for i, (one, other) in enumerate(zip(self.snapshots, self.snapshots[1:], strict=False))
        )

    def _record(self) -> dict[str, Any]:
        moments = [None if day is pd.NaT else f"{day.isoformat()}+00:00" for day in self.figures.index]
        cleaned = self.figures.drop(columns=list(_SIZES[:2])).rename(
            columns=dict(zip(_SIZES[2:], _SIZES, strict=False))
        )
        values = {str(name): [None if pd.isna(x) else float(x) for x in column] for name, column in cleaned.items()}

        def point(name: str, i: int) -> dict[str, Any]:
            return {
                "as_of": moments[i],
                "value": values[name][i],
                "interval": None,
                "panel": "full",
                "models": int(cleaned["models"].iloc[i]),
                "benchmarks": int(cleaned["benchmarks"].iloc[i]),
                "origin": "reconstructed" if self.snapshots[i].reconstructed else "observed",
                "snapshot": None,
            }

        changes = []
        for i, came in enumerate(self.changes):
            for name, (before, after) in ((name, series[i : i + 2]) for name, series in values.items()):
                if before is not None and after is not None and abs(after - before) > _NOTHING:
                    sides = {"from": moments[i], "to": moments[i + 1], "before": before, "after": after}
                    known = {"delta": after - before, "attribution": {}, "reasons": [came.name], "words": None}
                    changes.append({"figure": name, **sides, **known})
        made = dict.fromkeys(("known", "window_months", "resamples", "seed", "analysis_version"))
        return {
            "schema": 2,
            "domain": self.snapshots[-1].domain,
            **made,
            "max_missing": self.max_missing,
            "series": {name: [point(name, i) for i in range(len(moments))] for name in values},
            "changes": changes,
            "shared": None,
            "cohorts": [],
            "known_events": [],
        }

    plot = cached_property(TimelinePlots)


@documented
def timeline(
    sources: Sequence[Source], *, dates: Sequence[str | datetime] | None = None, max_missing: float = 0.5
) -> Timeline:
    """Compute the headline figures of boards over time.

    Parameters
    ----------
    sources : sequence of Snapshot, Board, DataFrame or path
        In the order of time.
    dates : sequence of str or datetime, optional
        One a board, for boards that do not say theirs.

    Raises
    ------
    InputError
        If there is no board, or not one date a board.

    See Also
    --------
    Board.as_of : A board as it stood at an earlier moment.

    Examples
    --------
    >>> now = ba.example()
    >>> ba.timeline([now.as_of("2023-01-01"), now]).changes[-1].to_frame().query("kind == 'new model'")["name"].tolist()
    ['pnasnet', 'swin_small']
    """
    if isinstance(sources, str | pd.DataFrame) or not hasattr(sources, "__iter__") or not list(sources):
        raise InputError("a timeline needs a list of boards; give timeline([then, now])")
    snapshots = tuple(snapshot_of(source) for source in sources)
    if dates is not None and len(dates) != len(snapshots):
        raise InputError(f"{counted(len(dates), 'date')} for {counted(len(snapshots), 'board')}; give one a board")
    rows = []
    for snapshot in snapshots:
        board = snapshot.board()
        cleaned = complete_board(board, max_missing)
        sizes = (len(board.models), len(board.leaves), len(cleaned.models), len(cleaned.leaves))
        rows.append(dict(zip(_SIZES, sizes, strict=True)) | headline(cleaned).first())
    days = [pd.Timestamp(snapshot.as_of_time).tz_localize(None) if snapshot.dated else pd.NaT for snapshot in snapshots]
    try:
        index = pd.DatetimeIndex(days if dates is None else list(dates), name="date")
    except ValueError as cause:
        raise InputError(f"a date cannot be read ({cause}); write it as '2023-01-01'") from None
    frame = pd.DataFrame(rows, index=index, columns=[*_SIZES, *FIGURES])
    return Timeline(snapshots, frame.astype(dict.fromkeys(FIGURES, float)), max_missing)


def _changes(one: Snapshot, other: Snapshot, before: pd.Series[Any], after: pd.Series[Any]) -> Rows:
    rows: list[tuple[Any, ...]] = [("figure", str(name), None, before[name], after[name]) for name in before.index]
    # Tables number their models from 1, so that only names and ids together say which model it is.
    then, now = ({(m.id, m.name): m for m in snapshot.models} for snapshot in (one, other))
    rows += [("new model", model.name, model.id, None, None) for key, model in now.items() if key not in then]
    rows += [("model gone", model.name, model.id, None, None) for key, model in then.items() if key not in now]
    old, new = (snapshot.board().leaves for snapshot in (one, other))
    rows += [("new benchmark", leaf, None, None, None) for leaf in new if leaf not in old]
    rows += [("benchmark gone", leaf, None, None, None) for leaf in old if leaf not in new]
    frame = pd.DataFrame(rows, columns=["kind", "name", "id", "before", "after"])
    frame = frame.astype({"id": "Int64", "before": float, "after": float})
    frame["change"] = frame["after"] - frame["before"]
    kinds = frame["kind"].str.split().explode()
    came = " and ".join(counted(int((kinds == one).sum()), one) for one in ("model", "benchmark"))
    return Rows(f"{came} came or left", frame)
