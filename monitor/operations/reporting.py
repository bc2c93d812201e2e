"""The report of one snapshot: its name, its past, its file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainalign_plugin import __version__
from brainalign_plugin.errors import BoardError

from ..base.progress import Stage, silent
from ..config.settings import changed_settings
from ..history.known_events import known_events
from ..history.periods import midnight
from ..history.series import HistoryOptions

if TYPE_CHECKING:
    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.audit.study import SchemeStudy
    from brainalign_plugin.certainty.board_certainty import BoardCertainty
    from brainalign_plugin.certainty.bootstrap import FamilyBootstrap
    from brainalign_plugin.certainty.validity import Validity
    from brainalign_plugin.data.snapshot import Snapshot
    from brainalign_plugin.files.reference import Reference
    from brainalign_plugin.files.site_cells import Rejected

    from ..config.settings import Settings
    from ..history.series import Chronicle, Since
    from ..history.timeline import Timeline
    from ..store import SnapshotInfo, Store


@dataclass(frozen=True, eq=False)
class Found:
    """A snapshot, its rejected cells, and the store's facts about it if it is from there.

    ``note`` reports that the moment stated by a file was not believed.
    """

    snapshot: Snapshot
    rejected: Sequence[Rejected]
    info: SnapshotInfo | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Results:
    """Results on one board, each computed when it is first needed and then shared by report and site."""

    settings: Settings  # With the thresholds of the analysis
    found: Found  # The snapshot, and its cells that could not be read
    # The boards until then (`timeline_of`); without it nothing is known of its past.
    timeline: Timeline | None = None
    as_of: date | None = None  # The results are those of the board as it stood before this day
    title: str = ""  # Of the report; empty names the leaderboard

    @cached_property
    def analysis(self) -> Analysis:
        """The analysis with the configured thresholds."""
        return analyse_snapshot(self.settings, self.found.snapshot, self.as_of)

    @cached_property
    def past(self) -> Chronicle | None:
        """The past of the board; None if the store holds no other. The store must be open when it is first needed."""
        if self.timeline is None:
            return None
        return self.timeline.chronicle(known_events(self.timeline.domain, self.settings.home))

    @cached_property
    def since(self) -> Since | None:
        """The changes since the last observed board. The store must be open when they are first needed."""
        if self.timeline is None or self.as_of is not None:
            return None
        return self.timeline.since()

    @cached_property
    def certainty(self) -> BoardCertainty:
        """Intervals of the figures and ranks."""
        from brainalign_plugin.certainty.board_certainty import certainty

        return certainty(self.analysis.cleaning.considered, self.settings.max_missing, named=self.settings.family_table)

    @cached_property
    def validity(self) -> Validity | None:
        """Agreement of each scheme with models' ranks on unseen papers; None on too small a board."""
        from brainalign_plugin.certainty.validity import validity

        try:
            return validity(self.analysis.cleaning.board, grouped=self.certainty.families)
        except BoardError:
            return None

    @cached_property
    def reference(self) -> Reference:
        """The configured reference; the board itself if none is, or if it is of another domain."""
        from brainalign_plugin.files.reference import given_board
        from brainalign_plugin.files.reference_file import find_reference

        if self.settings.reference:
            named = find_reference(self.settings.references, self.settings.reference)
            if named.domain == self.analysis.snapshot.domain:
                return named
        return given_board(self.analysis.snapshot)

    @cached_property
    def study(self) -> SchemeStudy | None:
        """All schemes on the cleaned board; None if nothing can be compared."""
        from brainalign_plugin.audit.study import Limits, study_schemes

        limits = Limits(self.settings.study_memory, self.settings.study_seconds)
        # A board without scores has no reference either.
        named = self.reference if self.settings.reference else None
        return study_schemes(self.analysis, named, limits=limits)


def report_path(settings: Settings, info: SnapshotInfo) -> Path:
    """Return the path of a stored snapshot's report, unique by the name of its content."""
    marks = [f"{name}-{value}" for name, value in _thresholds(settings).items()]
    name = "-".join([report_name(info), *marks])
    return settings.reports / info.domain / f"{name}.html"


def report_name(info: SnapshotInfo) -> str:
    """Return the beginning of the names of all reports of a snapshot."""
    marks = ["reconstructed"] if info.reconstructed else []
    return "-".join([f"{info.as_of_time:%Y-%m-%d}", info.sha256[:12], *marks])


def snapshot_name(info: SnapshotInfo) -> str:
    """Return the word by which commands find a snapshot: a hash does in every store, a number in its own alone."""
    return str(info.id) if info.reconstructed else info.sha256[:12]


def report_command(
    settings: Settings,
    wanted: str,
    output: Path,
    as_of: date | None = None,
    known: datetime | None = None,
    title: str = "",
) -> str:
    """Return the command line that makes a report again, with its thresholds."""
    # The name of a file without its folder, because reports are shared and paths are private.
    words = ["brainalign", "report", Path(wanted).name]
    words += [] if as_of is None else ["--as-of", as_of.isoformat()]
    words += [] if known is None else ["--known", known.date().isoformat()]
    words += [f"--title={title}"] if title else []
    for name, value in changed_settings(settings, ("domain",)).items():
        words += [f"--{name}", str(value)]
    return thresholds_prefix(settings) + shlex.join([*words, "--output", output.name])


def thresholds_prefix(settings: Settings) -> str:
    """Return the thresholds without their default values, as text before a command."""
    return "".join(f"BRAINALIGN_{name.upper()}={value} " for name, value in _thresholds(settings).items())


def _thresholds(settings: Settings) -> dict[str, Any]:
    return changed_settings(settings, ("max_missing", "min_overlap"))


def timeline(settings: Settings, store: Store, stage: Stage = silent, **choices: Any) -> Timeline:
    """Return the boards of the domain by the settings; ``choices`` are other fields of `HistoryOptions`."""
    from ..history.timeline import Timeline

    options = HistoryOptions(settings.max_missing, families=settings.family_table, **choices)
    return Timeline(store, settings.domain, options, settings.cache, stage)


def timeline_of(
    settings: Settings,
    store: Store,
    info: SnapshotInfo,
    stage: Stage = silent,
    as_of: date | None = None,
    known: datetime | None = None,
) -> Timeline:
    """Return the boards until the moment of a stored snapshot, or until a day before it, as known at a moment."""
    until = info.as_of_time if as_of is None else midnight(as_of)
    own = settings.model_copy(update={"domain": info.domain})
    return timeline(own, store, stage, known=known, until=until)


def headline_intervals(found: FamilyBootstrap) -> dict[str, tuple[float, float] | None]:
    """Return the ends of the intervals of the headline figures, as messages and the site show them."""
    return {name: None if one is None else (one.low, one.high) for name, one in found.intervals.items()}


def write_snapshot_report(results: Results, path: Path, command: str, stage: Stage = silent) -> Path:
    """Write the report of a snapshot, which prints the command that makes it again; equal results give equal bytes."""
    settings, past, since = results.settings, results.past, results.since
    with stage("analysing"):
        analysis, certainty = results.analysis, results.certainty
    with stage("comparing the schemes of aggregation"):
        study, validity = results.study, results.validity
    with stage("writing the report"):
        from ..rendering import render_report, write_report
        from ..report import Evidence, build_report

        evidence = Evidence(
            analysis,
            certainty,
            validity=validity,
            study=study,
            since=since,
            past=past,
            rejected=results.found.rejected,
            command=command,
            title=results.title,
            version=__version__,
            software={name: version(name) for name in ("numpy", "pandas", "scipy")},
        )
        page = render_report(build_report(evidence), settings.templates_folder, settings.cache)
        return write_report(path, page)


def analyse_snapshot(settings: Settings, snapshot: Snapshot, as_of: date | None = None) -> Analysis:
    """Analyse a snapshot, or the board as it stood at an earlier date, with the configured thresholds."""
    from brainalign_plugin.analysis import analyse

    board = snapshot if as_of is None else snapshot.as_of(as_of)
    return analyse(board, max_missing=settings.max_missing, min_overlap=settings.min_overlap)
