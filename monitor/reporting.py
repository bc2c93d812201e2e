"""The report of one snapshot: what it is called, what it says of the past, and how it is written."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainalign_plugin import __version__

from .beside import Beside, studied
from .config import changed_settings
from .history.periods import midnight
from .progress import Stage, silent

if TYPE_CHECKING:
    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.analysis.study import SchemeStudy
    from brainalign_plugin.snapshot import Snapshot

    from .config import Settings
    from .history.series import Chronicle
    from .store import SnapshotInfo, Store
    from .store.records import UnreadCell

Study = Callable[["Analysis"], "SchemeStudy | None"]


@dataclass(frozen=True, eq=False)
class Found:
    """A snapshot, the cells that could not be read of it, and what the store knows of it if it came from there."""

    snapshot: Snapshot
    set_aside: Sequence[UnreadCell]
    info: SnapshotInfo | None = None


def report_path(settings: Settings, info: SnapshotInfo) -> Path:
    """Where the report of a stored snapshot lies: named by what it shows, so that no two reports share a name."""
    marks = ["reconstructed"] if info.reconstructed else []
    marks += [f"{name}-{value}" for name, value in _thresholds(settings).items()]
    name = "-".join([f"{info.as_of_time:%Y-%m-%d}", info.sha256[:12], *marks])
    return settings.reports / info.domain / f"{name}.html"


def report_command(
    settings: Settings,
    wanted: str,
    output: Path,
    as_of: date | None = None,
    known: datetime | None = None,
) -> str:
    """The command line that makes a report again, wherever its thresholds came from."""
    words = ["brainalign", "report", wanted]
    words += [] if as_of is None else ["--as-of", as_of.isoformat()]
    words += [] if known is None else ["--known", known.date().isoformat()]
    for name, value in changed_settings(settings, ("home", "domain")).items():
        words += [f"--{name}", str(value)]
    return thresholds_prefix(settings) + shlex.join([*words, "--output", output.name])


def thresholds_prefix(settings: Settings) -> str:
    """Those thresholds of the analysis that are not the default, to be put before a command."""
    return "".join(f"BRAINALIGN_{name.upper()}={value} " for name, value in _thresholds(settings).items())


def _thresholds(settings: Settings) -> dict[str, Any]:
    return changed_settings(settings, ("max_missing", "min_overlap"))


def tell_past(
    settings: Settings,
    store: Store,
    found: Found,
    stage: Stage = silent,
    as_of: date | None = None,
    known: datetime | None = None,
) -> Chronicle | None:
    """What a report says of the boards before one; None for a file, and if the store holds no other until then."""
    if found.info is None:
        return None
    from .chronicle import chronicle
    from .history.series import HistoryOptions

    until = found.info.as_of_time if as_of is None else midnight(as_of)
    options = HistoryOptions(settings.max_missing, known=known, until=until)
    return chronicle(store, found.info.domain, settings.home, options, stage)


def begin(settings: Settings, board: Snapshot, beside: Beside) -> None:
    """Begin what takes longest of a report on a board: the process studies it, a thread bundles what draws charts."""
    beside.begin(board, max_missing=settings.max_missing, min_overlap=settings.min_overlap)
    # Here, because a report takes a while to load.
    from .history.cache import Cache
    from .report.vega import bundle_ahead

    bundle_ahead(Cache(settings.home / "cache"))


def board_of(snapshot: Snapshot, as_of: date | None) -> Snapshot:
    """What is reported on: a snapshot, or the board as it stood before a day."""
    return snapshot if as_of is None else snapshot.as_of(as_of)


def write_snapshot_report(  # noqa: PLR0913 -- one for each thing that a report is made of
    settings: Settings,
    found: Found,
    path: Path,
    clock: Callable[[], datetime],
    command: str,
    stage: Stage = silent,
    *,
    as_of: date | None = None,
    past: Chronicle | None = None,
    study: Study = studied,
) -> Path:
    """Analyse a snapshot and write its report.

    Parameters
    ----------
    found : Found
        The snapshot, and the cells that could not be read, to be shown.
    path : Path
        The HTML file to write.
    command : str
        The command line that makes this report again, printed in it.
    as_of : date, optional
        Report on the board as it stood before this day.
    past : Chronicle, optional
        The boards before it (`tell_past`); without it the report has no section on them.
    study : callable, optional
        Studies the schemes, which takes long; by default it is done here.
    """
    with stage("analysing"):
        analysis = analyse_snapshot(settings, found.snapshot, as_of)
        from brainalign_plugin.analysis.study import moves_of_conventions

        from .history.cache import Cache
        from .report import build_view, render_report, write_report
        from .report.certainty import agreement_certainty
        from .templating import compile_ahead

        shown = partial(
            build_view,
            analysis,
            past=past,
            certainty=agreement_certainty(analysis),
            conventions=moves_of_conventions(analysis),
            set_aside=found.set_aside,
            generated_at=clock(),
            version=__version__,
            command=command,
            software={name: version(name) for name in ("numpy", "pandas", "scipy")},
        )
        # Before what takes long, which may be done beside. The analysis keeps what a view asks of it.
        shown()
        compile_ahead("report", settings.templates_folder)
    with stage("comparing the schemes of aggregation"):
        schemes = study(analysis)
    with stage("writing the report"):
        cache = Cache(settings.home / "cache")
        view = shown(study=schemes)
        return write_report(path, render_report(view, settings.templates_folder, cache))


def analyse_snapshot(settings: Settings, snapshot: Snapshot, as_of: date | None = None) -> Analysis:
    """Analyse a snapshot, or the board as it stood at an earlier date, with the configured thresholds."""
    from brainalign_plugin.analysis import analyse

    board = board_of(snapshot, as_of)
    return analyse(board, max_missing=settings.max_missing, min_overlap=settings.min_overlap)
