"""The suite of benchmarks for notebooks: new ones, the panel, further papers, external metrics, agreement testing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..certainty import benchmarks as of_benchmarks
from ..certainty import external as external_metrics
from ..certainty import suite
from ..certainty.record import external_json, record
from ..certainty.variance_components import NotEstimable
from ..data.cleaning import complete_board
from ..errors import BoardError
from ..files.metric_table import metrics_of, read_aliases, read_metrics
from ..plot.chart import Chart
from ..plot.rows import frame_dots
from ..results import Plots, Rows, documented, table
from ..text import counted
from .sources import Source, check_work, snapshot_of


class SuitePlots(Plots["SuiteResult"]):
    """Charts of figures of benchmarks."""

    def intervals(self) -> Chart:
        """Draw the figures with their intervals, one a row.

        Examples
        --------
        >>> len(ba.agreement_testing(ba.example()).plot.intervals().to_frame())
        8
        """
        label, value, axis = self.result.drawn
        frame, title = self.result.frame.dropna(subset=[value]), self.result.title
        return frame_dots(frame, label, value, axis, title, "A dot a row, with its interval")


@dataclass(frozen=True, eq=False, repr=False)
class SuiteResult(Rows):
    """Figures of benchmarks, sizes of panels, further papers or external metrics, with intervals over families.

    Attributes
    ----------
    name : str
        One line that names it.
    frame : DataFrame
        Columns are in the description of the function that makes it; ``low`` and ``high`` are ends of intervals.
    record : dict
        The field of ``analyze --json --full``.
    found : object
        All of it, as frozen records.
    drawn : tuple of str
        Columns that a chart shows: of the labels, of the figures; and the title of the axis.

    See Also
    --------
    new_benchmarks, panel, next_benchmarks, external, agreement_testing : Make one.

    Examples
    --------
    >>> ba.agreement_testing(ba.example()).to_frame().columns.tolist()
    ['benchmark', 'tau', 'low', 'high', 'z', 'z_low', 'z_high', 'tau_5', 'z_5', 'tau_10', 'z_10']
    """

    found: Any = None
    drawn: tuple[str, str, str] = ("", "", "")

    plot = cached_property(SuitePlots)


@documented
def new_benchmarks(
    source: Source, benchmarks: Sequence[str] = (), *, max_missing: float = 0.5, resamples: int = 1000, seed: int = 0
) -> SuiteResult:
    """Hold each benchmark that arrived against those before it, which it may confirm or oppose.

    The frame has a row a benchmark: benchmark, day, verdict, rho (Spearman, with the official average of the old ones),
    low, high, nearest, nearest_rho, models, complete_without, complete_with, mean_shift, gain (of the reliability of
    the average), reason.

    Parameters
    ----------
    benchmarks : sequence of str
        Those that count as new, each against all others; without them those that arrived after the first day.

    Raises
    ------
    InputError
        If a benchmark is not on the board, or there is no resample.

    See Also
    --------
    next_benchmarks : Which papers would raise the reliability most.

    References
    ----------
    Brennan (2001), *Generalizability Theory*; Davison, Hinkley (1997), *Bootstrap Methods and their Application*.

    Examples
    --------
    >>> ba.new_benchmarks(ba.example(), ["Hebart2023-match"]).to_frame()["reason"].iloc[0]
    '11 models have it and all old benchmarks that are kept; 20 are needed'
    """
    check_work(seed, resamples=resamples)
    named = [benchmarks] if isinstance(benchmarks, str) else list(benchmarks)
    found = of_benchmarks.new_benchmarks(snapshot_of(source), named, max_missing, resamples=resamples, seed=seed)
    frame = table(
        found.found,
        "benchmark day verdict rho low high nearest nearest_rho models complete_without complete_with mean_shift gain "
        "reason",
        "benchmark day verdict nearest reason",
    )
    title = f"{counted(len(frame), 'new benchmark')}{f': {found.reason}' if found.reason else ''}"
    drawn = ("benchmark", "rho", "rank correlation with the average of the older benchmarks")
    return SuiteResult(title, frame, record(found), found, drawn)


@documented
def panel(source: Source, *, max_missing: float = 0.5, resamples: int = 1000, seed: int = 0) -> SuiteResult:
    """Find the smallest set of benchmarks that ranks the models as all of them do.

    Chosen on the older half of the models, tried on the later half. The frame has a row a size: size, chosen_rho (with
    the ranking by all, among the older), rho (among the later), low, high, kappa (of the quartiles), random_rho (of
    random panels), benchmarks_saved, cells_saved, benchmarks.

    Raises
    ------
    BoardError
        If there are too few models or benchmarks to choose from.
    InputError
        If there is no resample.

    See Also
    --------
    next_benchmarks : The counterpart: what to add.

    References
    ----------
    Miller (2002), *Subset Selection in Regression*, section 3.7; Cohen (1960), *Educ. Psychol. Meas.* 20, 37-46.

    Examples
    --------
    >>> ba.panel(ba.example()).title
    'a panel of 1 benchmark reproduces the ranking; not tried: no day has 10 complete models before it and 10 after'
    """
    check_work(seed, resamples=resamples)
    snapshot = snapshot_of(source)
    found = suite.short_panel(complete_board(snapshot.board(), max_missing), snapshot, None, resamples, seed)
    if isinstance(found, NotEstimable):
        raise BoardError(f"there is no panel: {found.reason}; take another board or a looser cleaning")
    columns = "size chosen_rho rho low high kappa random_rho benchmarks_saved cells_saved benchmarks"
    frame = table(found.curve, columns, "benchmarks").astype({"size": int})
    size = "no panel" if found.smallest is None else f"a panel of {counted(found.smallest, 'benchmark')}"
    tried = f"tried on {counted(found.later, 'later model')}" if found.later else f"not tried: {found.reason}"
    drawn = ("size", "rho" if found.later else "chosen_rho", "rank correlation with the ranking by all benchmarks")
    return SuiteResult(f"{size} reproduces the ranking; {tried}", frame, record(found), found, drawn)


@documented
def next_benchmarks(
    source: Source, papers: int = 5, *, max_missing: float = 0.5, resamples: int = 1000, seed: int = 0
) -> SuiteResult:
    """Find which further papers, in which parts of the tree, would raise the reliability of the average most.

    The frame has a row a further paper, the best first: number, stratum, papers (there with it), reliability, low,
    high.

    Parameters
    ----------
    papers : int
        Number of further papers.

    Raises
    ------
    BoardError
        If the reliability is not estimable; the message says why.
    InputError
        If no paper or no resample is asked for.

    See Also
    --------
    certainty : Reliability of the board as it is.

    References
    ----------
    Brennan (2001), *Generalizability Theory*, chapters 4 and 10; Fox (1966), *Operations Research* 14, 506-518.

    Examples
    --------
    >>> ba.next_benchmarks(ba.example(), 2, resamples=50).to_frame()["stratum"].tolist()
    ['behavior_vision', 'behavior_vision']
    """
    check_work(seed, resamples=resamples)
    board = complete_board(snapshot_of(source).board(), max_missing)
    found = suite.next_benchmarks(board, papers, None, resamples, seed)
    if isinstance(found, NotEstimable):
        raise BoardError(f"the reliability is not estimable: {found.reason}; take another board")
    frame = table(found.steps, "stratum papers reliability low high", "stratum").astype({"papers": int})
    frame.insert(0, "number", range(1, len(frame) + 1))
    title = f"reliability {found.reliability:.2f}, with {counted(len(frame), 'further paper')} "
    title += f"{found.steps[-1].reliability:.2f}" if found.steps else "no more: papers do not disagree"
    drawn = ("stratum", "reliability", "reliability of the average with the paper and those above it")
    return SuiteResult(title, frame, record(found), found, drawn)


@documented
def external(
    source: Source,
    metrics: str | os.PathLike[str] | pd.DataFrame,
    *,
    aliases: str | os.PathLike[str] | None = None,
    max_missing: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> SuiteResult:
    """Join external metrics of the models, and correlate them with the benchmarks; they never enter the average.

    The frame has a row a metric and other: metric, other (``HIER`` is the official average; a benchmark; another
    metric), models, rho (Spearman), low, high. ``record["unmatched"]`` lists rows that are joined to no model, with
    names that resemble theirs.

    Parameters
    ----------
    metrics : path or DataFrame
        CSV with a column ``id`` or ``model`` (a name that is on the board once) or both, and one a metric. A frame may
        have ids or names as its index.
    aliases : path, optional
        CSV with the columns ``model``, a name in the file of metrics, and ``id``, the model's on the board.

    Raises
    ------
    InputError
        If the metrics cannot be read, or one has the name of a benchmark.

    See Also
    --------
    agreement : Correlations of the benchmarks.

    References
    ----------
    Ahlert, Klein, Wichmann, Geirhos (2024), *How aligned are different alignment metrics?*, arXiv 2407.07530.

    Examples
    --------
    >>> import pandas as pd
    >>> import brainalign_plugin as ba
    >>> own = pd.DataFrame({"model": ["alexnet", "vgg61"], "similarity": [0.3, 0.5]})
    >>> joined = ba.external(ba.example(), own)
    >>> joined.record["unmatched"][0]["suggestions"]
    ['vgg19 (id 102)', 'vgg16 (id 101)']
    """
    check_work(seed, resamples=resamples)
    board = snapshot_of(source).board()
    known = None if aliases is None else read_aliases(Path(aliases))
    own = metrics_of(metrics, known) if isinstance(metrics, pd.DataFrame) else read_metrics(Path(metrics), known)
    found = external_metrics.external(board, complete_board(board, max_missing), own, resamples=resamples, seed=seed)
    pairs = [(one, other) for one in found.metrics for other in (one.average, *one.benchmarks, *one.metrics)]
    frame = table([other for _, other in pairs], "name models rho low high", "name").astype({"models": int})
    frame = frame.rename(columns={"name": "other"})
    frame.insert(0, "metric", [one.metric for one, _ in pairs])
    title = f"{counted(len(found.metrics), 'external metric')} of {counted(found.joined.matched, 'model')}"
    if found.joined.unmatched:
        title += f", {counted(len(found.joined.unmatched), 'row')} joined to none"
    return SuiteResult(title, frame, external_json(found), found, ("other", "rho", "rank correlation"))


@documented
def agreement_testing(
    source: Source,
    sizes: Sequence[int] = of_benchmarks.SIZES,
    *,
    subsets: int = of_benchmarks.SUBSETS,
    max_missing: float = 0.5,
    resamples: int = of_benchmarks.TEST_RESAMPLES,
    seed: int = 0,
) -> SuiteResult:
    """Compare each benchmark with the aggregate of the others, over random subsets of the models of several sizes.

    The frame has a row a benchmark: benchmark, tau (Kendall's tau-b with the mean win rate of the others, all models),
    low, high, z (among all benchmarks), z_low, z_high, and for each size the mean over subsets and its z.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of models; those above the number of complete models are left out.
    subsets : int
        Of each size.

    Raises
    ------
    BoardError
        If there are too few models or benchmarks.
    InputError
        If a size is below 3, or no subset or resample is asked for.

    See Also
    --------
    agreement : All pairs of benchmarks.

    References
    ----------
    Perlitz et al. (2024), *Do these LLM benchmarks agree? Fixing benchmark evaluation with BenchBench*, arXiv
    2407.13696.

    Examples
    --------
    >>> round(float(ba.agreement_testing(ba.example(), [5]).to_frame()["tau"].max()), 2)
    0.84
    """
    check_work(seed, resamples=resamples)
    board = complete_board(snapshot_of(source).board(), max_missing)
    found = of_benchmarks.agreement_testing(board, tuple(sizes), subsets, None, resamples, seed)
    if isinstance(found, NotEstimable):
        raise BoardError(f"no benchmark can be compared: {found.reason}; take another board")
    frame = table(found.benchmarks, "benchmark tau low high z z_low z_high", "benchmark")
    for parts in zip(*(one.subsets for one in found.benchmarks), strict=True):
        for name in ("tau", "z"):
            frame[f"{name}_{parts[0].models}"] = np.array([getattr(one, name) for one in parts], dtype=float)
    title = f"Agreement of {counted(len(frame), 'benchmark')} with the others, {counted(found.models, 'model')}"
    drawn = ("benchmark", "tau", "Kendall's tau-b with the aggregate of the others")
    return SuiteResult(title, frame, record(found), found, drawn)
