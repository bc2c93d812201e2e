"""Measured properties of schemes on a board, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from ..audit.audit import SchemeAudit, audit_case, audit_json, audit_schemes, measures
from ..audit.monotonicity import Monotonicity
from ..audit.perturb import Case, halved, squared
from ..audit.stability import RemovalAudit, scale_shares
from ..data.board import Board
from ..errors import InputError
from ..files.reference import Reference, given_board
from ..plot.chart import Chart
from ..plot.rows import dots
from ..ranking.boards import BoardKind, ComparedBoard, compared_board
from ..results import Result, Rows
from ..schemes import Scheme, get_scheme, scheme_names
from ..text import counted
from .sources import Source, snapshot_of

# The fields of an audit by the names of the properties.
PROPERTIES = {
    "iia": ("removal",),
    "scale": ("affine", "monotone"),
    "clone": ("clone",),
    "pareto": ("pareto",),
    "monotonicity": ("monotonicity",),
    "hierarchy": ("hierarchy",),
    "influence": ("influence",),
}
_COLUMNS = {"removal": "iia"}


@dataclass(frozen=True, eq=False, repr=False)
class RemovalResult(Result):
    """Independence of irrelevant alternatives: what the removal of each model changes.

    Attributes
    ----------
    scheme : str
    found : RemovalAudit
    board : Board
    """

    scheme: str
    found: RemovalAudit
    board: Board

    @property
    def title(self) -> str:
        """One line that names the result."""
        rate = "unknown" if self.found.rate is None else f"{self.found.rate:.2%}"
        return f"Removal of each model under {self.scheme}: {rate} of the pairs of others change their order"

    @property
    def by_model(self) -> pd.DataFrame:
        """Pairs of others whose order the removal of each model changes, the most first."""
        return self.to_frame()

    def to_frame(self) -> pd.DataFrame:
        """Return what the removal of each model changes, the most first.

        Returns
        -------
        DataFrame
            Columns model, id, changes, share: of the C(n - 1, 2) pairs of others.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> int(ba.audit(ba.example(), ["HIER"], ["iia"])["HIER"].iia.to_frame()["changes"].sum())
        0
        """
        pairs = max((len(self.board.models) - 1) * (len(self.board.models) - 2) / 2, 1)
        frame = pd.DataFrame(
            {
                "model": [model.name for model in self.board.models],
                "id": self.board.ids,
                "changes": self.found.changes,
                "share": self.found.changes / pairs,
            }
        )
        return frame.sort_values(["changes", "id"], ascending=[False, True], ignore_index=True)

    @property
    def fragile(self) -> Rows:
        """The pairs of models whose order most removals change."""
        rows = [(pair.one, pair.other, pair.removals) for pair in self.found.fragile]
        return Rows("Fragile pairs", pd.DataFrame(rows, columns=["one", "other", "removals"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the rate and the model that changes most, as in ``brainalign audit --json``.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["HIER"], ["iia"])["HIER"].iia.to_dict()["rate"]
        0.0
        """
        return {"rate": self.found.rate, "worst_spoiler": self.found.worst_spoiler}


@dataclass(frozen=True, eq=False, repr=False)
class ScaleResult(Result):
    """Share of pairs of models whose order changes when a benchmark is rescaled.

    Attributes
    ----------
    scheme : str
    by_benchmark : DataFrame
        Columns benchmark, affine (scores halved), monotone (scores squared), the largest change first.
    """

    scheme: str
    by_benchmark: pd.DataFrame

    @property
    def title(self) -> str:
        """One line that names the result."""
        mean = self.by_benchmark[["affine", "monotone"]].mean()
        return (
            f"Rescaling under {self.scheme}: {mean['affine']:.2%} of the pairs change when a benchmark is halved, "
            f"{mean['monotone']:.2%} when it is squared"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the share of pairs that change, by benchmark.

        Returns
        -------
        DataFrame, shape (m, 3)

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> float(ba.audit(ba.example(), ["RANK"], ["scale"])["RANK"].scale.to_frame()["monotone"].max())
        0.0
        """
        return self.by_benchmark.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the means over the benchmarks, as in ``brainalign audit --json``.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["RANK"], ["scale"])["RANK"].scale.to_dict()
        {'affine': 0.0, 'monotone': 0.0}
        """
        return {name: float(self.by_benchmark[name].mean()) for name in ("affine", "monotone")}


@dataclass(frozen=True, eq=False, repr=False)
class MonotonicityResult(Result):
    """Number of models that fall because one of their scores has risen.

    Attributes
    ----------
    scheme : str
    found : Monotonicity
    board : Board
    """

    scheme: str
    found: Monotonicity
    board: Board

    @property
    def title(self) -> str:
        """One line that names the result."""
        tried = (
            f"{self.found.tried} of {counted(self.found.cells, 'cell')}"
            if self.found.sampled
            else "each cell"
        )
        return f"Monotonicity of {self.scheme}: {counted(self.found.violations, 'violation')}, {tried} raised by 0.01"

    @property
    def witnesses(self) -> Rows:
        """Each cell whose raising lowers the rank of its model."""
        names = {model.id: model.name for model in self.board.models}
        rows = [
            (names[w.model], w.model, w.leaf, w.score, w.raised, w.rank, w.rank_after)
            for w in self.found.witnesses
        ]
        columns = ["model", "id", "benchmark", "score", "raised", "rank", "rank_after"]
        return Rows(counted(len(rows), "violation"), pd.DataFrame(rows, columns=columns))

    def to_frame(self) -> pd.DataFrame:
        """Return the witnesses: each cell whose raising lowers the rank of its model.

        Returns
        -------
        DataFrame
            Columns model, id, benchmark, score, raised, rank, rank_after.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.audit(ba.example(), ["HIER"], ["monotonicity"])["HIER"].monotonicity.to_frame())
        0
        """
        return self.witnesses.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["HIER"], ["monotonicity"])["HIER"].monotonicity.to_dict()["violations"]
        0
        """
        found = self.found
        return {"violations": found.violations, "tried": found.tried, "cells": found.cells}


@dataclass(frozen=True, eq=False, repr=False)
class SchemeAuditResult(Result):
    """Measured properties of one scheme. One that was not asked for is measured when it is looked at.

    Attributes
    ----------
    one : SchemeAudit
    compared : ComparedBoard
    reference : Reference
    n_jobs : int
    """

    one: SchemeAudit
    compared: ComparedBoard
    reference: Reference
    n_jobs: int = 1

    @property
    def title(self) -> str:
        """One line that names the result."""
        return f"Audit of {self.one.scheme.name}: {self.compared.size}"

    @cached_property
    def _case(self) -> Case:
        return audit_case(self.one.scheme, self.compared.board)[0]

    def _measured(self, name: str) -> Any:
        found = getattr(self.one, name)
        return measures(self._case, self.n_jobs)[name]() if found is None else found

    @cached_property
    def iia(self) -> RemovalResult:
        """Independence of irrelevant alternatives."""
        return RemovalResult(self.one.scheme.name, self._measured("removal"), self.compared.board)

    @cached_property
    def scale(self) -> ScaleResult:
        """Share of pairs whose order changes when one benchmark is rescaled."""
        frame = pd.DataFrame(
            {
                "benchmark": list(self.compared.board.leaves),
                "affine": scale_shares(self._case, halved),
                "monotone": scale_shares(self._case, squared),
            }
        )
        largest = frame[["affine", "monotone"]].max(axis=1).sort_values(ascending=False, kind="stable")
        return ScaleResult(self.one.scheme.name, frame.loc[largest.index].reset_index(drop=True))

    @cached_property
    def monotonicity(self) -> MonotonicityResult:
        """Models that fall when one of their cells is raised; also measured where the property is proven."""
        return MonotonicityResult(self.one.scheme.name, self._measured("monotonicity"), self.compared.board)

    @property
    def influence(self) -> pd.DataFrame:
        """Shifts of the ranks without each benchmark, the largest mean shift first."""
        found = self.one.influence or measures(self._case, self.n_jobs)["influence"]()
        rows = [(item.leaf, item.mean_shift, item.max_shift, item.most_moved) for item in found]
        frame = pd.DataFrame(rows, columns=["benchmark", "mean_shift", "max_shift", "most_moved"])
        return frame.sort_values("mean_shift", ascending=False, kind="stable", ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """Return each measured property with what is claimed of it.

        Returns
        -------
        DataFrame
            Index property; columns measured (missing where it was not), claimed.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["HIER"], ["iia"])["HIER"].to_frame().loc["iia"].tolist()
        [0.0, True]
        """
        claims = self.one.scheme.claims
        measured = _row(self.one)
        frame = pd.DataFrame({"measured": pd.Series(measured, dtype=object)})
        frame["claimed"] = pd.Series(
            {name: bool(getattr(claims, name, False)) for name in measured}, dtype=object
        )
        frame.index.name = "property"
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return what ``brainalign audit --json`` has of the scheme; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["HIER"], ["iia"])["HIER"].to_dict()["iia"]["rate"]
        0.0
        """
        record: dict[str, Any] = audit_json(self.compared, self.reference, [self.one])["schemes"]
        return dict(record[self.one.scheme.name])


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(Result):
    """Measured properties of schemes; indexed by name, each is a `SchemeAuditResult`.

    Attributes
    ----------
    schemes : dict of str to SchemeAuditResult
        Those that were asked for, and those that were looked at since.
    compared : ComparedBoard
    reference : Reference
    properties : tuple of str
    thorough : bool
    n_jobs : int
    """

    schemes: dict[str, SchemeAuditResult]
    compared: ComparedBoard
    reference: Reference
    properties: tuple[str, ...]
    thorough: bool
    n_jobs: int
    _asked: tuple[str, ...] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """One line that names the result."""
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

    def to_frame(self) -> pd.DataFrame:
        """Return what was measured, a row a scheme.

        Returns
        -------
        DataFrame
            Shares of pairs that change (iia, affine, monotone, clone), numbers of violations (pareto, monotonicity),
            hierarchy; ``violated``: the claims that the measurement contradicts; ``problem``. Missing where a property
            is proven, or too dear to measure without ``thorough``.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.audit(ba.example(), ["HIER", "ZMEAN"], ["iia", "scale"]).to_frame().columns.tolist()
        ['iia', 'affine', 'monotone', 'violated', 'problem']
        """
        fields = {field for name in self.properties for field in PROPERTIES[name]}
        columns = [_COLUMNS.get(name, name) for name in _FIELDS if name in fields]
        rows = [
            {name: _row(one.one)[name] for name in columns}
            | {"violated": ", ".join(one.one.violated), "problem": one.one.problem}
            for one in self
        ]
        index = pd.Index(self._asked, name="scheme")
        return pd.DataFrame(rows, index=index, columns=[*columns, "violated", "problem"])

    def to_dict(self) -> dict[str, Any]:
        """Return what ``brainalign audit --json`` prints; unknown is None.

        Returns
        -------
        dict

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> list(ba.audit(ba.example(), ["HIER"], ["iia"]).to_dict()["schemes"])
        ['HIER']
        """
        return audit_json(self.compared, self.reference, [one.one for one in self])

    @property
    def plot(self) -> AuditPlots:
        """Charts: ``violations``."""
        return AuditPlots(self)


@dataclass(frozen=True)
class AuditPlots:
    """Charts of an audit."""

    result: AuditResult

    def violations(self, column: str = "iia") -> Chart:
        """Draw one measured property of each scheme.

        Parameters
        ----------
        column : str
            A column of `AuditResult.to_frame`.

        Returns
        -------
        Chart

        Raises
        ------
        InputError
            If it was not measured.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.audit(ba.example(), ["HIER", "ZMEAN"], ["iia"]).plot.violations().to_frame())
        2
        """
        frame = self.result.to_frame()
        shown = [name for name in frame.columns if name not in ("violated", "problem")]
        if column not in shown:
            raise InputError(f"{column!r} was not measured; here are {', '.join(map(repr, shown))}")
        values = pd.to_numeric(frame[column]).sort_values()
        title = f"{column} of {counted(len(values), 'scheme')} on {self.result.compared.size}"
        return dots(
            [str(name) for name in values.index],
            values.tolist(),
            title=title,
            alt=f"A dot a scheme. {title}.",
            axis=column,
            zero=True,
        )


_FIELDS = [field for fields in PROPERTIES.values() for field in fields if field != "influence"]


def _row(one: SchemeAudit) -> dict[str, Any]:
    removal, monotone = one.removal, one.monotonicity
    found = {
        "iia": None if removal is None else removal.rate,
        **{name: getattr(one, name) for name in ("affine", "monotone", "clone", "pareto")},
        "monotonicity": None if monotone is None else monotone.violations,
        "hierarchy": one.hierarchy,
    }
    return {name: pd.NA if value is None else value for name, value in found.items()}


def _audited(result: AuditResult, schemes: Sequence[str | Scheme]) -> tuple[str, ...]:
    """Audit the schemes that were not yet audited, and return the names of all."""
    wanted = [get_scheme(scheme) for scheme in schemes]
    new = [one for one in wanted if one.name not in result.schemes]
    if new:
        fields = [field for name in result.properties for field in PROPERTIES[name]]
        found = audit_schemes(
            result.compared, result.reference, new, result.thorough, result.n_jobs, properties=fields
        )
        for one in found:
            result.schemes[one.scheme.name] = SchemeAuditResult(
                one, result.compared, result.reference, result.n_jobs
            )
    return tuple(one.name for one in wanted)


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
    source : Snapshot, Board, DataFrame or path
    schemes : str, Scheme or sequence of them
        All registered schemes if empty.
    properties : sequence of str
        Of ``iia`` (a model removed), ``scale`` (a benchmark halved or squared), ``clone`` (a benchmark copied),
        ``pareto``, ``monotonicity``, ``hierarchy`` and ``influence`` (a benchmark left out).
    board : {"cleaned", "full"}
        As in `rank`.
    reference : Reference, optional
        Frozen norms of the REF schemes; the given board if None.
    thorough : bool
        Also measure what takes long, and every cell for monotonicity.
    n_jobs : int
        Processes; the numbers do not depend on it.

    Returns
    -------
    AuditResult

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
    >>> import brainalign_plugin as ba
    >>> found = ba.audit(ba.example(), ["ZMEAN", "HIER"], properties=("iia", "scale"))
    >>> found.title
    'Audit of 2 schemes (iia, scale): 11 models × 8 benchmarks (cleaned)'
    """
    asked = (properties,) if isinstance(properties, str) else tuple(properties)
    for name in asked:
        if name not in PROPERTIES:
            raise InputError(f"there is no property {name!r}; known are {', '.join(map(repr, PROPERTIES))}")

    snapshot = snapshot_of(source)
    given = [schemes] if isinstance(schemes, str | Scheme) else list(schemes)
    wanted = given or list(scheme_names())
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    names = tuple(get_scheme(one).name for one in wanted)
    result = AuditResult({}, compared, norms, asked, thorough, n_jobs, names)
    _audited(result, wanted)
    return result
