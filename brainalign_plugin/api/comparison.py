"""Comparison of schemes on a board, for notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..ranking.compare import SchemeComparison, comparison_json
from ..results import Result
from ..text import counted


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Result):
    """Comparison of schemes.

    The frame has a row a pair of schemes: one, other, spearman, tau_b, kappa, top_overlap. The record is the field
    ``comparison`` of ``rank --json``.

    Attributes
    ----------
    found : SchemeComparison
    names : dict of int to str
        Name of each model id.

    See Also
    --------
    SchemesResult.compare : Make it.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> compared = ba.rank(ba.example(), ["HIER", "RANK"]).compare()
    >>> sorted(compared.to_dict())
    ['always_top_ten', 'distinct_rankings', 'kendall_w', 'models', 'pairs', 'pareto_front']
    """

    found: SchemeComparison
    names: dict[int, str]

    @property
    def title(self) -> str:
        """One line that names the result."""
        w = self.found.concordance
        agreed = "" if w is None else f", Kendall's W {w:.3f}"
        top = f"{len(self.found.always_top)} always in the top ten"
        return f"Comparison of schemes: {counted(len(self.found.pairs), 'pair')}{agreed}, {top}"

    def _frame(self) -> pd.DataFrame:
        columns = ["one", "other", "spearman", "tau_b", "kappa", "top_overlap"]
        return pd.DataFrame([[getattr(p, c) for c in columns] for p in self.found.pairs], columns=columns)

    @property
    def models(self) -> pd.DataFrame:
        """Best and worst rank of each model over the schemes, most contested first; of three or more without GLS."""
        columns = ["id", "best", "best_scheme", "worst", "worst_scheme"]
        frame = pd.DataFrame([[getattr(m, c) for c in columns] for m in self.found.models], columns=columns)
        frame.insert(0, "model", [self.names[i] for i in frame["id"]])
        return frame

    def _record(self) -> dict[str, Any]:
        return comparison_json(self.found)
