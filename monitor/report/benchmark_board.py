"""A board by its benchmarks: facts that the pages of benchmarks share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.benchmarks import NewBenchmark
from brainalign_plugin.certainty.families import Replicates
from brainalign_plugin.certainty.good_models import good_correlations
from brainalign_plugin.certainty.suite import short_panel
from brainalign_plugin.certainty.variance_components import NotEstimable

from ..history.board_history import BenchmarkHistory
from ..history.series import History
from .model_board import ModelBoard
from .wording import known

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, eq=False)
class BenchmarkBoard:
    """Facts about all benchmarks of a board that their pages share, each computed once."""

    models: ModelBoard
    replicates: Replicates | NotEstimable
    past: BenchmarkHistory
    history: History
    arrived: Mapping[str, NewBenchmark]  # By leaf, those that arrived after the first day

    @property
    def leaves(self) -> tuple[str, ...]:
        """All leaves under the average."""
        return self.models.board.leaves

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Short names of the leaves."""
        return dict(zip(self.leaves, self.models.labels, strict=True))

    @cached_property
    def kept(self) -> Mapping[str, int]:
        """Positions of the leaves that the cleaning keeps, on the cleaned board."""
        return {leaf: j for j, leaf in enumerate(self.models.analysis.cleaning.board.leaves)}

    @cached_property
    def good(self) -> FloatArray:
        """Correlations of the kept leaves among good models."""
        return good_correlations(self.models.analysis.cleaning.board)

    @cached_property
    def panel(self) -> tuple[str, ...]:
        """Fewest benchmarks that rank the models as all do; empty where that is unknown."""
        found = short_panel(self.models.analysis.cleaning.board, self.models.analysis.snapshot)
        if isinstance(found, NotEstimable) or found.smallest is None:
            return ()
        return found.curve[found.smallest - 1].benchmarks

    @cached_property
    def pages(self) -> Mapping[str, str]:
        """Path of the page of each leaf below the site."""
        return benchmark_paths(self.leaves)

    def reliability(self, leaf: str) -> float | None:
        """Return the rerun reliability of a leaf; None where no model is on it twice."""
        return None if isinstance(self.replicates, NotEstimable) else self.replicates.reliability.get(leaf)

    def agreements(self, leaf: str) -> list[tuple[str, float | None, float | None, float | None, int]]:
        """Return the other kept leaves with rho over the poster's board, good models and all that have both.

        The last number counts the latter; the most alike first.
        """
        if leaf not in self.kept:
            return []
        j, found, pairwise = self.kept[leaf], self.models.analysis.agreement.rho, self.models.analysis.pairwise
        rows = [
            (other, known(found[j, k]), known(self.good[j, k]), known(pairwise.rho[j, k]), int(pairwise.overlap[j, k]))
            for other, k in self.kept.items()
            if k != j
        ]
        return sorted(rows, key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))


def benchmark_paths(leaves: Sequence[str]) -> dict[str, str]:
    """Return the path of each benchmark's page: its identifier, or a hash where that is no plain name of a file."""
    found: dict[str, str] = {}
    lower = [leaf.lower() for leaf in leaves]
    for leaf in leaves:
        name = leaf
        if not _PLAIN.fullmatch(leaf) or lower.count(leaf.lower()) > 1:
            name = f"benchmark-{hashlib.sha256(leaf.encode('utf-8', 'replace')).hexdigest()[:12]}"
        found[leaf] = f"benchmarks/{name}.html"
    return found
