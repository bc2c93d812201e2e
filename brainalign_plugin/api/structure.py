"""Drivers, dimensions, clusters and metadata of the benchmarks of a board, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ..agreement.correlation import agreement
from ..certainty import structure
from ..certainty.families import families
from ..certainty.record import clusters_json, dimensions_json, drivers_json, metadata_json
from ..certainty.structure import RESAMPLES, BoardClusters, BoardDimensions, BoardDrivers
from ..data.board import Board
from ..data.cleaning import Cleaning, clean
from ..files.metadata import FIELDS, Described, described, read_metadata
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..results import Plots, Result, Rows, documented, table
from ..text import counted
from .agreement import ordered_heatmap
from .sources import Source, check_work, snapshot_of


@dataclass(frozen=True, eq=False, repr=False)
class MetadataResult(Result):
    """Metadata of the benchmarks and models of a board.

    The frame has a row a benchmark: region, species, acquisition, metric, task, paper, bibtex; None where no source has
    a value; the summary is without bibtex. The record is the field ``metadata`` of ``analyze --json --full``.

    Examples
    --------
    >>> ba.metadata(ba.example()).to_frame().loc["MajajHong2015.IT-pls", "species"]
    'macaque'
    """

    found: Described

    def _title(self) -> str:
        gaps = sum(map(len, self.found.gaps.values()))
        return (
            f"Metadata of {counted(len(self.found.benchmarks), 'benchmark')}: {counted(gaps, 'gap')}, "
            f"{counted(len(self.found.contradictions), 'contradiction')}"
        )

    def _frame(self) -> pd.DataFrame:
        frame = pd.DataFrame.from_dict(self.found.benchmarks, orient="index", columns=list(FIELDS), dtype=object)
        return frame.where(frame.notna(), None)

    @property
    def contradictions(self) -> Rows:
        """Different values of one field, a row each: name, field, source, value; the first one counts."""
        rows = [(one.name, one.field, *value) for one in self.found.contradictions for value in one.values]
        frame = pd.DataFrame(rows, columns=["name", "field", "source", "value"])
        return Rows(counted(len(self.found.contradictions), "contradiction"), frame)

    _json = staticmethod(metadata_json)
    _only_whole = ("bibtex",)


class DriversPlots(Plots["DriversResult"]):
    """Charts of drivers."""

    def coefficients(self, scope: str = "across") -> Chart:
        """Draw the change of the correlation that goes with sharing each property.

        Parameters
        ----------
        scope : {"across", "inside", "all"}
            Pairs across papers by default: a paper that its benchmarks share passes for a property among all pairs.

        Examples
        --------
        >>> len(ba.drivers(ba.example()).plot.coefficients().to_frame())
        3
        """
        frame = self.result.to_frame()
        frame = frame[(frame["scope"] == scope) & frame["coefficient"].notna()]
        axis, what = "change of the correlation if it is shared", f"A dot a property of {scope} pairs"
        return frame_dots(frame, "properties", "coefficient", axis, self.result.title, what)


@dataclass(frozen=True, eq=False, repr=False)
class DriversResult(Result):
    """Shared properties that go with a higher agreement of two benchmarks.

    The frame has a row a property and scope: scope, properties, shared, mean_shared, mean_other, coefficient, low,
    high, partial_r2, p, reason. The record is the field ``drivers`` of ``analyze --json --full``.

    Examples
    --------
    >>> found = ba.drivers(ba.example()).to_frame()
    >>> sorted(set(found["scope"]))
    ['across', 'all', 'inside']
    """

    found: BoardDrivers

    def _title(self) -> str:
        one = self.found.scopes["across"]
        share = one.reason if one.r2 is None else f"{one.r2:.0%} of the variance of agreement, p {one.p:.3f}"
        return f"Drivers of the agreement of {counted(one.pairs, 'pair')} of benchmarks across papers: {share}"

    def _frame(self) -> pd.DataFrame:
        names = ["properties", "shared", "mean_shared", "mean_other", "coefficient", "low", "high", "partial_r2", "p"]
        rows = [
            {"scope": scope, **one, "low": low, "high": high}
            for scope, scoped in self.to_dict().items()
            for one in scoped["properties"]
            for low, high in [one["coefficient_interval"] or (None, None)]
        ]
        frame = pd.DataFrame(rows, columns=["scope", *names, "reason"])
        frame["properties"], frame["reason"] = frame["properties"].str.join(" = "), frame["reason"].fillna("")
        return frame.astype(dict.fromkeys(names[2:], float))

    _json = staticmethod(drivers_json)
    plot = cached_property(DriversPlots)


class DimensionsPlots(Plots["DimensionsResult"]):
    """Charts of dimensions."""

    def scree(self) -> Chart:
        """Draw each eigenvalue with its interval, and hollow the upper end of those of shuffled boards.

        Examples
        --------
        >>> len(ba.dimensions(ba.example()).plot.scree().to_frame())
        8
        """
        frame = self.result.to_frame().reset_index(names="component")
        title, others = self.result.title, frame["shuffled_high"].tolist()
        return frame_dots(frame, "component", "eigenvalue", "eigenvalue", title, reference=others)


@dataclass(frozen=True, eq=False, repr=False)
class DimensionsResult(Result):
    """Dimensions of a board, and their dependence on its models and on the treatment of missing scores.

    The frame has a row a component: eigenvalue, low, high, shuffled_low, shuffled_high. The record is what ``analyze
    --json --full`` has under ``dimensions`` in addition to ``analyze --json``.

    Examples
    --------
    >>> ba.dimensions(ba.example()).to_frame().shape
    (8, 5)
    """

    found: BoardDimensions

    def _title(self) -> str:
        one, least = self.found.found, self.found.by_family
        if one.parallel_analysis is None:
            return f"Dimensions of {counted(len(one.leaves), 'benchmark')} that vary: too few"
        alike = "" if least is None else f"; at least {least} with families of models kept alike"
        return f"Dimensions of {counted(len(one.leaves), 'benchmark')}: {one.parallel_analysis}{alike}"

    def _frame(self) -> pd.DataFrame:
        names = [f"PC{i + 1}" for i in range(len(self.found.scree))]
        columns = ["low", "high", "shuffled_low", "shuffled_high"]
        frame = pd.DataFrame(self.found.scree, index=names, columns=columns)
        frame.insert(0, "eigenvalue", self.found.found.eigenvalues)
        return frame

    @property
    def treatments(self) -> pd.DataFrame:
        """Dimensions under each treatment of missing scores, a row each."""
        names = "models filled pc1_share parallel_analysis congruence correlation reason"
        return table(self.found.treatments.values(), names).set_axis(list(self.found.treatments))

    @property
    def loadings(self) -> pd.DataFrame:
        """Loading of each benchmark on the components that parallel analysis keeps, at least one."""
        found = self.found.loadings
        names = [f"PC{i + 1}" for i in range(found.shape[1])]
        return pd.DataFrame(found, index=list(self.found.found.leaves), columns=names)

    _json = staticmethod(dimensions_json)
    plot = cached_property(DimensionsPlots)


class ClustersPlots(Plots["ClustersResult"]):
    """Charts of clusters."""

    def heatmap(self) -> Chart:
        """Draw the correlations of the benchmarks, those of one cluster next to each other.

        See Also
        --------
        ClustersResult.to_frame : The clusters.

        Examples
        --------
        >>> ba.clusters(ba.example()).plot.heatmap().rows
        8
        """
        return ordered_heatmap(agreement(self.result.board), self.result.board, self.result.title)


@dataclass(frozen=True, eq=False, repr=False)
class ClustersResult(Result):
    """Clusters of the benchmarks of a board.

    The frame has a row a benchmark, in the order of the heatmap: cluster (None if there are none), stability (NaN with
    fewer than 8 families). The record is the field ``clusters`` of ``analyze --json --full``.

    Attributes
    ----------
    board : Board
        The cleaned board.

    Examples
    --------
    >>> ba.clusters(ba.example()).to_frame().shape
    (8, 2)
    """

    found: BoardClusters
    board: Board

    @property
    def count(self) -> int:
        """Number of clusters, benchmarks that are alone among them; 0 if there are none."""
        return len(self.found.mean_rho)

    def _title(self) -> str:
        reason = self.found.found.reason
        return f"Clusters of {counted(len(self.found.leaves), 'benchmark')}: {self.count if reason is None else reason}"

    def _frame(self) -> pd.DataFrame:
        order = self.found.found.order
        labels = self.found.found.labels[order]
        none = self.count == 0
        return pd.DataFrame(
            {
                "cluster": [None] * len(order) if none else labels + 1,
                "stability": np.full(len(order), np.nan) if none else self.found.stability[labels],
            },
            index=[self.found.leaves[j] for j in order],
        )

    _json = staticmethod(clusters_json)
    plot = cached_property(ClustersPlots)


@documented
def metadata(source: Source, sources: str | Path | Iterable[str | Path] = ()) -> MetadataResult:
    """Describe the benchmarks and models of a board: region, species, acquisition, metric, paper, architecture.

    Parameters
    ----------
    sources : path or sequence of paths
        The first one counts most: a table of your own (``.toml``), a page of the leaderboard (HTML), a folder of
        brainscore_vision, or ``installed`` for the installed one. Without any the identifiers alone.

    Raises
    ------
    InputError
        If a source cannot be read.

    See Also
    --------
    drivers : What these properties have to do with agreement.

    References
    ----------
    Schrimpf and others (2020), "Integrative benchmarking", *Neuron* 108, 413-423.

    Examples
    --------
    >>> ba.metadata(ba.example()).title
    'Metadata of 8 benchmarks: 9 gaps, 0 contradictions'
    """
    return MetadataResult(_described(snapshot_of(source).board(), sources))


@documented
def drivers(
    source: Source,
    sources: str | Path | Iterable[str | Path] = (),
    *,
    max_missing: float = 0.5,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> DriversResult:
    """Regress the agreement of two benchmarks on what they share: metric, region, species, acquisition, paper.

    Parameters
    ----------
    sources : path or sequence of paths
        Of metadata, as `metadata` takes them.

    Raises
    ------
    InputError
        If a source cannot be read, or a parameter is out of range.

    See Also
    --------
    metadata : The properties.

    References
    ----------
    Dekker, Krackhardt, Snijders (2007), "Sensitivity of MRQAP tests", *Psychometrika* 72, 563-581.

    Examples
    --------
    >>> ba.drivers(ba.example()).to_frame()["properties"].tolist()[:2]
    ['region', 'species = acquisition']
    """
    cleaning = _cleaned(source, max_missing, seed, resamples)
    known = _described(cleaning.considered, sources)
    grouped = families(cleaning.board, known.families)
    return DriversResult(structure.board_drivers(cleaning.board, grouped, known, resamples, seed))


@documented
def dimensions(
    source: Source, *, max_missing: float = 0.5, min_overlap: int = 20, resamples: int = RESAMPLES, seed: int = 0
) -> DimensionsResult:
    """Count the dimensions of a board, under other models and other treatments of missing scores.

    Parameters
    ----------
    min_overlap : int
        Fewest models in common for a pairwise correlation.

    Raises
    ------
    InputError
        If a parameter is out of range.

    See Also
    --------
    clusters : Benchmarks that measure much the same.

    References
    ----------
    Horn (1965), "A rationale and test for the number of factors in factor analysis", *Psychometrika* 30, 179-185.

    Examples
    --------
    >>> ba.dimensions(ba.example()).title
    'Dimensions of 8 benchmarks: 1; at least 1 with families of models kept alike'
    """
    cleaning = _cleaned(source, max_missing, seed, resamples)
    board, snapshot = cleaning.board, snapshot_of(source)
    found = structure.board_dimensions(
        board, families(board), cleaning.considered, snapshot, min_overlap, resamples, seed
    )
    return DimensionsResult(found)


@documented
def clusters(source: Source, *, max_missing: float = 0.5, resamples: int = RESAMPLES, seed: int = 0) -> ClustersResult:
    """Cluster the benchmarks of a board by their rank correlations.

    Raises
    ------
    InputError
        If a parameter is out of range.

    See Also
    --------
    agreement : The correlations.

    References
    ----------
    Hennig (2007), "Cluster-wise assessment of cluster stability", *Computational Statistics & Data Analysis* 52.

    Examples
    --------
    >>> ba.clusters(ba.example()).title
    'Clusters of 8 benchmarks: no clusters that one dimension would not show too'
    """
    board = _cleaned(source, max_missing, seed, resamples).board
    return ClustersResult(structure.board_clusters(board, families(board), resamples, seed), board)


def _cleaned(source: Source, max_missing: float, seed: int, resamples: int) -> Cleaning:
    check_work(seed, resamples=resamples)
    return clean(snapshot_of(source).board(), max_missing)


def _described(board: Board, sources: str | Path | Iterable[str | Path]) -> Described:
    several: Sequence[str | Path] = [sources] if isinstance(sources, str | Path) else list(sources)
    return described(board, [read_metadata(one) for one in several])
