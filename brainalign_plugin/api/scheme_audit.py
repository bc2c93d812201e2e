"""Measured properties of one scheme on a board, with their witnesses, as a notebook shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from ..audit.audit import SchemeAudit, audit_case, audit_json, measures
from ..audit.perturb import Case, halved, squared
from ..audit.stability import scale_shares
from ..files.reference import Reference
from ..ranking.boards import ComparedBoard
from ..results import Result, Rows
from ..text import counted


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

    @property
    def title(self) -> str:
        """One line that names the result."""
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
        shares = {
            "affine": scale_shares(self._case, halved),
            "monotone": scale_shares(self._case, squared),
        }
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
        rows = [
            (names[w.model], w.model, w.leaf, *(getattr(w, name) for name in columns))
            for w in found.witnesses
        ]
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
        rows = [
            (one.leaf, one.mean_shift, one.max_shift, self._names[one.most_moved], one.most_moved)
            for one in found
        ]
        columns = ["benchmark", "mean_shift", "max_shift", "most_moved", "most_moved_id"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("mean_shift", ascending=False, kind="stable", ignore_index=True)

    def _frame(self) -> pd.DataFrame:
        claims, measured = self.one.scheme.claims, measured_row(self.one)
        frame = pd.DataFrame({"measured": pd.Series(measured, dtype=object)})
        frame["claimed"] = pd.Series(
            [bool(getattr(claims, name, False)) for name in measured], measured, object
        )
        return frame.rename_axis("property")

    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = audit_json(self.compared, self.reference, [self.one])["schemes"]
        return dict(record[self.one.scheme.name])


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
