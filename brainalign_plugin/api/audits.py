"""Measured properties of schemes on a board, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from ..audit.audit import SchemeAudit, audit_case, audit_json, audit_schemes, measures
from ..audit.perturb import Case, halved, squared
from ..audit.properties import scale_shares
from ..errors import InputError
from ..files.reference import Reference, given_board
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..ranking.boards import BoardKind, ComparedBoard, compared_board
from ..results import Plots, Result, Rows, documented
from ..schemes import Scheme, get_scheme, scheme_names
from ..text import counted
from .sources import Source, check_work, scheme_list, snapshot_of

# The fields of an audit by the names of the properties.
PROPERTIES = {"iia": ("removal",), "scale": ("affine", "monotone")} | {
    name: (name,) for name in ("clone", "pareto", "monotonicity", "hierarchy", "influence")
}
# Columns of the table of an audit that are not named like the property.
_COLUMNS: dict[str, tuple[str, ...]] = {"scale": ("affine", "monotone"), "influence": ()}


@dataclass(frozen=True, eq=False, repr=False)
class RemovalResult(Rows):
    """Independence of irrelevant alternatives: what the removal of each model changes.

    The frame has a row a model, the one that changes most first: model, id, changes (pairs of others that change their
    order), share (of the C(n - 1, 2) pairs of others).
    """

    fragile: Rows = field(kw_only=True)  # The pairs of models whose order most removals change

    @property
    def by_model(self) -> pd.DataFrame:
        """Pairs of others whose order the removal of each model changes, the most first."""
        return self.to_frame()


class ScaleResult(Rows):
    """Share of pairs of models whose order changes when a benchmark is rescaled.

    The frame has a row a benchmark, the largest change first: benchmark, affine (scores halved), monotone (squared).
    """

    @property
    def by_benchmark(self) -> pd.DataFrame:
        """Share of pairs that change, by benchmark, the largest change first."""
        return self.to_frame()


class MonotonicityResult(Rows):
    """Models that fall because one of their scores has risen.

    The frame has a row a cell whose raising lowers the rank of its model: model, id, benchmark, score, raised, rank,
    rank_after.
    """

    @property
    def witnesses(self) -> Rows:
        """Each cell whose raising lowers the rank of its model."""
        return Rows(counted(len(self.frame), "violation"), self.frame)


@dataclass(frozen=True, eq=False, repr=False)
class SchemeAuditResult(Result):
    """Measured properties of one scheme. One that was not asked for is measured when it is looked at.

    The frame has a row a property: measured (missing where it was not), claimed. The record is that of the scheme in
    ``audit --json``.
    """

    one: SchemeAudit
    compared: ComparedBoard
    reference: Reference
    n_jobs: int = 1

    def _title(self) -> str:
        return f"Audit of {self.one.scheme.name}: {self.compared.size}"

    @cached_property
    def _case(self) -> Case:
        return audit_case(self.one.scheme, self.compared.board)[0]

    @cached_property
    def _names(self) -> dict[int, str]:
        return {model.id: model.name for model in self.compared.board.models}

    def _measured(self, name: str) -> Any:
        found = getattr(self.one, name)
        return measures(self._case, self.n_jobs)[name]() if found is None else found

    @cached_property
    def iia(self) -> RemovalResult:
        """Independence of irrelevant alternatives."""
        found, names = self._measured("removal"), self._names
        pairs = max((len(names) - 1) * (len(names) - 2) / 2, 1)
        frame = pd.DataFrame({"model": names.values(), "id": names.keys(), "changes": found.changes})
        frame["share"] = frame["changes"] / pairs
        rate = "unknown" if found.rate is None else f"{found.rate:.2%}"
        rows = [(names[p.one], p.one, names[p.other], p.other, p.removals) for p in found.fragile]
        columns = ["one", "one_id", "other", "other_id", "removals"]
        return RemovalResult(
            f"Removal of each model under {self.one.scheme.name}: {rate} of the pairs of others change their order",
            frame.sort_values(["changes", "id"], ascending=[False, True], ignore_index=True),
            {"rate": found.rate, "worst_spoiler": found.worst_spoiler},
            fragile=Rows("Fragile pairs", pd.DataFrame(rows, columns=columns)),
        )

    @cached_property
    def scale(self) -> ScaleResult:
        """Share of pairs whose order changes when one benchmark is rescaled."""
        shares = {"affine": scale_shares(self._case, halved), "monotone": scale_shares(self._case, squared)}
        frame = pd.DataFrame({"benchmark": self.compared.board.leaves, **shares})
        largest = frame[list(shares)].max(axis=1).sort_values(ascending=False, kind="stable")
        mean = {name: float(share.mean()) for name, share in shares.items()}
        return ScaleResult(
            f"Rescaling under {self.one.scheme.name}: {mean['affine']:.2%} of the pairs change when a benchmark is "
            f"halved, {mean['monotone']:.2%} when it is squared",
            frame.loc[largest.index].reset_index(drop=True),
            mean,
        )

    @cached_property
    def monotonicity(self) -> MonotonicityResult:
        """Models that fall when one of their cells is raised; also measured where the property is proven."""
        found, names = self._measured("monotonicity"), self._names
        columns = ["score", "raised", "rank", "rank_after"]
        rows = [(names[w.model], w.model, w.leaf, *(getattr(w, name) for name in columns)) for w in found.witnesses]
        tried = f"{found.tried} of {counted(found.cells, 'cell')}" if found.sampled else "each cell"
        return MonotonicityResult(
            f"Monotonicity of {self.one.scheme.name}: {counted(found.violations, 'violation')}, {tried} raised by 0.01",
            pd.DataFrame(rows, columns=["model", "id", "benchmark", *columns]),
            {name: getattr(found, name) for name in ("violations", "tried", "cells")},
        )

    @property
    def influence(self) -> pd.DataFrame:
        """Shifts of the ranks without each benchmark, the largest mean shift first."""
        found = self.one.influence or measures(self._case, self.n_jobs)["influence"]()
        rows = [(one.leaf, one.mean_shift, one.max_shift, self._names[one.most_moved], one.most_moved) for one in found]
        columns = ["benchmark", "mean_shift", "max_shift", "most_moved", "most_moved_id"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("mean_shift", ascending=False, kind="stable", ignore_index=True)

    def _frame(self) -> pd.DataFrame:
        claims, measured = self.one.scheme.claims, measured_row(self.one)
        frame = pd.DataFrame({"measured": pd.Series(measured, dtype=object)})
        frame["claimed"] = pd.Series([bool(getattr(claims, name, False)) for name in measured], measured, object)
        return frame.rename_axis("property")

    def _record(self) -> dict[str, Any]:
        return dict(audit_json(self.compared, self.reference, [self.one])["schemes"][self.one.scheme.name])


def measured_row(one: SchemeAudit) -> dict[str, Any]:
    """Return the measured properties of a scheme by name; missing where they were not measured."""
    removal, monotone = one.removal, one.monotonicity
    found = {
        "iia": None if removal is None else removal.rate,
        **{name: getattr(one, name) for name in ("affine", "monotone", "clone", "pareto")},
        "monotonicity": None if monotone is None else monotone.violations,
        "hierarchy": one.hierarchy,
    }
    return {name: pd.NA if value is None else value for name, value in found.items()}


class AuditPlots(Plots["AuditResult"]):
    """Charts of an audit."""

    def violations(self, column: str = "iia") -> Chart:
        """Draw one measured property of each scheme.

        Parameters
        ----------
        column : str
            A column of `AuditResult.to_frame`.

        Raises
        ------
        InputError
            If it was not measured.

        Examples
        --------
        >>> len(ba.audit(ba.example(), ["HIER", "ZMEAN"], ["iia"]).plot.violations().to_frame())
        2
        """
        frame = self.result.to_frame()
        shown = [name for name in frame.columns if name not in ("violated", "problem")]
        if column not in shown:
            raise InputError(f"{column!r} was not measured; here are {', '.join(map(repr, shown))}")
        values = pd.to_numeric(frame[column]).sort_values().reset_index()
        title = f"{column} of {counted(len(values), 'scheme')} on {self.result.compared.size}"
        return frame_dots(values, "scheme", column, column, title, zero=True)


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(Result):
    """Measured properties of schemes; indexed by name, each is a `SchemeAuditResult`.

    The frame has a row a scheme: shares of pairs that change (iia, affine, monotone, clone), numbers of violations
    (pareto, monotonicity), hierarchy; ``violated``, the claims that the measurement contradicts; ``problem``. Missing
    where a property is proven, or takes too long without ``thorough``. The record is that of ``audit --json``.

    Attributes
    ----------
    schemes : dict of str to SchemeAuditResult
        Those that were asked for, and those that were looked at since.

    Examples
    --------
    >>> found = ba.audit(ba.example(), ["HIER", "RANK"], ["iia", "scale"])
    >>> found.to_frame().columns.tolist()
    ['iia', 'affine', 'monotone', 'violated', 'problem']
    >>> found["HIER"].to_frame().loc["iia"].tolist(), found["RANK"].scale.to_dict()
    ([0.0, True], {'affine': 0.0, 'monotone': 0.0})
    """

    schemes: dict[str, SchemeAuditResult]
    compared: ComparedBoard
    reference: Reference
    properties: tuple[str, ...]
    thorough: bool
    n_jobs: int
    _asked: tuple[str, ...] = field(default=(), repr=False)

    def _title(self) -> str:
        what = ", ".join(self.properties)
        return f"Audit of {counted(len(self._asked), 'scheme')} ({what}): {self.compared.size} ({self.compared.kind})"

    def __len__(self) -> int:
        return len(self._asked)

    def __iter__(self) -> Iterator[SchemeAuditResult]:
        return (self.schemes[name] for name in self._asked)

    def __getitem__(self, scheme: str | Scheme) -> SchemeAuditResult:
        """Return the audit of one scheme; one that was not asked for is audited now."""
        (name,) = _audited(self, [scheme])
        return self.schemes[name]

    def _frame(self) -> pd.DataFrame:
        asked = [name for name in PROPERTIES if name in self.properties]
        columns = [column for name in asked for column in _COLUMNS.get(name, (name,))]
        rows = [
            measured_row(one.one) | {"violated": ", ".join(one.one.violated), "problem": one.one.problem}
            for one in self
        ]
        index = pd.Index(self._asked, name="scheme")
        return pd.DataFrame(rows, index=index, columns=[*columns, "violated", "problem"])

    def _record(self) -> dict[str, Any]:
        return audit_json(self.compared, self.reference, [one.one for one in self])

    plot = cached_property(AuditPlots)


def _audited(result: AuditResult, schemes: Sequence[str | Scheme]) -> tuple[str, ...]:
    """Audit the schemes that were not yet audited, and return the names of all."""
    wanted = [get_scheme(scheme) for scheme in schemes]
    new = [one for one in wanted if one.name not in result.schemes]
    if new:
        fields = [field for name in result.properties for field in PROPERTIES[name]]
        found = audit_schemes(result.compared, result.reference, new, result.thorough, result.n_jobs, properties=fields)
        for one in found:
            result.schemes[one.scheme.name] = SchemeAuditResult(one, result.compared, result.reference, result.n_jobs)
    return tuple(one.name for one in wanted)


@documented
def audit(
    source: Source,
    schemes: str | Scheme | Sequence[str | Scheme] = (),
    properties: Sequence[str] = ("iia", "scale", "clone", "pareto", "monotonicity", "hierarchy"),
    *,
    board: BoardKind = "cleaned",
    reference: Reference | None = None,
    thorough: bool = False,
    n_jobs: int = 1,
) -> AuditResult:
    """Measure properties of aggregation schemes on a board.

    Parameters
    ----------
    schemes : str, Scheme or sequence of them
        All registered schemes if empty.
    properties : sequence of str
        Of ``iia`` (a model removed), ``scale`` (a benchmark halved or squared), ``clone`` (a benchmark copied),
        ``pareto``, ``monotonicity``, ``hierarchy`` and ``influence`` (a benchmark left out).
    board : {"cleaned", "full"}
        As in `rank`.
    thorough : bool
        Also measure what takes long, and every cell for monotonicity.

    Raises
    ------
    SchemeError
        If a scheme is unknown.
    InputError
        If a property is unknown.
    BoardError
        If fewer than two models or no benchmark is left.

    See Also
    --------
    scheme : Make a scheme of a function, to audit it.

    References
    ----------
    Arrow (1951), *Social Choice and Individual Values*; docs/schemes.md has the source of each property.

    Examples
    --------
    >>> found = ba.audit(ba.example(), ["ZMEAN", "HIER"], properties=("iia", "scale"))
    >>> found.title
    'Audit of 2 schemes (iia, scale): 11 models × 8 benchmarks (cleaned)'
    """
    asked = (properties,) if isinstance(properties, str) else tuple(properties)
    for name in asked:
        if name not in PROPERTIES:
            raise InputError(f"there is no property {name!r}; known are {', '.join(map(repr, PROPERTIES))}")

    snapshot = snapshot_of(source)
    check_work(0, n_jobs)
    wanted = scheme_list(schemes) or list(scheme_names())
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    names = tuple(get_scheme(one).name for one in wanted)
    result = AuditResult({}, compared, norms, asked, thorough, n_jobs, names)
    _audited(result, wanted)
    return result
