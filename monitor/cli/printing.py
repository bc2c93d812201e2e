"""Output of the commands as text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from brainalign_plugin import text as plain
from brainalign_plugin.text import UNKNOWN, counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.certainty.bootstrap import FamilyBootstrap
    from brainalign_plugin.certainty.families import Families
    from brainalign_plugin.files.rejected import Rejected

    from ..health.doctor import Check
    from ..operations.pull import Fetched
    from ..service.demo import DemoResult
    from ..store import SnapshotInfo

TOP_MODELS = 15
# More lines hide the rest of the output; `snapshots show` prints all of a stored snapshot.
TOP_REJECTED = 20
_LONGEST_NAME = 80
# Width of a terminal from which a list of snapshots shows their sources.
_WIDE = 110


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a closed pipe (``| head``) to `main`."""
        raise BrokenPipeError


def out() -> Console:
    """Return the console for results: without markup, and with whole lines in a file."""
    terminal = sys.stdout.isatty()
    return _Console(
        width=None if terminal else 10_000, highlight=False, markup=False, emoji=False, soft_wrap=not terminal
    )


def printable(text: str) -> Text:
    """Return a foreign string as one line without control characters."""
    return Text(plain.printable(text))


def name(text: str) -> Text:
    """Return a foreign name, shortened to fit its column."""
    return printable(text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…")


def figure(value: float | None, form: str = ".4f") -> str:
    """Return a figure as text, or a dash if it is unknown."""
    return UNKNOWN if value is None else format(value, form)


def board_size(models: int, benchmarks: int) -> str:
    """Return the size of a board in words."""
    return f"{counted(models, 'model')} × {counted(benchmarks, 'benchmark')}"


def fetched(result: Fetched, info: SnapshotInfo) -> None:
    """Print the outcome of a pull."""
    stored, to = result.stored, out()
    if stored.new:
        to.print(
            f"stored snapshot {info.id}: {info.domain} as of {info.as_of_time:%Y-%m-%d}, "
            f"{board_size(info.models, info.benchmarks)}, "
            f"{counted(stored.rows_added, 'row')} added, {stored.rows_closed} closed"
        )
    else:
        to.print(f"no news: this is snapshot {info.id}, {info.domain} {moments_of(info)}")
    for line in note_lines(*result.notes):
        to.print(line)
    for line in rejected_lines(result.pull.rejected):
        to.print(line)


def note_lines(*notes: str) -> list[Text]:
    """Return a line for each note that is not empty."""
    return [printable(f"note: {note}") for note in notes if note]


def moments_of(info: SnapshotInfo) -> str:
    """Return a board's moments and the time of its newest score in words."""
    again = "" if info.seen_until is None else f", seen again until {info.seen_until:%Y-%m-%d %H:%M} UTC"
    score = "" if info.newest_score_at is None else f", newest score of {info.newest_score_at:%Y-%m-%d}"
    return f"as of {info.as_of_time:%Y-%m-%d %H:%M} UTC{again}{score}"


def report(path: Path, written: bool = True) -> None:
    """Print the path of a report."""
    out().print(printable(f"report: {path}" + ("" if written else " (unchanged)")))


def exported(path: Path) -> None:
    """Print the path of a snapshot file."""
    out().print(printable(f"snapshot: {path}"))


def rejected_line(entry: Rejected) -> Text:
    """Return a rejected cell or field in words."""
    of = [] if entry.model_id is None else [f"model {entry.model_id} ({entry.model})"]
    of += [entry.benchmark] if entry.benchmark else []
    value = f"{entry.value!r}, " if entry.value else ""
    return printable(f"note: {' on '.join(of) or 'the board'}: {value}{entry.reason}")


def rejected_lines(cells: Sequence[Rejected]) -> list[Text]:
    """Return the first rejected cells and fields, and the number of the others."""
    lines = [rejected_line(cell) for cell in cells[:TOP_REJECTED]]
    more = len(cells) - len(lines)
    return lines + ([Text(f"note: {more} more like these")] if more else [])


def rejected_json(cell: Rejected) -> dict[str, Any]:
    """Return a rejected cell or field for JSON."""
    return {
        "model_id": cell.model_id,
        "model": cell.model,
        "benchmark": cell.benchmark,
        "value": cell.value,
        "reason": cell.reason,
    }


def info_json(info: SnapshotInfo) -> dict[str, Any]:
    """Return one stored snapshot for JSON."""
    return {
        "id": info.id,
        "domain": info.domain,
        "as_of": info.as_of_time.isoformat(),
        "seen_at": info.seen_at.isoformat(),
        "seen_until": info.until_time.isoformat(),
        "newest_score_at": None if info.newest_score_at is None else info.newest_score_at.isoformat(),
        "source": info.source,
        "sha256": info.sha256,
        "models": info.models,
        "benchmarks": info.benchmarks,
        "states": dict(info.states),
        "reconstructed": info.reconstructed,
        "simulated": info.simulated,
    }


def snapshot_list(infos: Sequence[SnapshotInfo]) -> None:
    """List stored snapshots."""
    to = out()
    if not infos:
        to.print("no snapshots yet; `brainalign fetch` pulls the first")
        return
    # Eighty columns have no room for the source, which `snapshots show` prints.
    wide = to.width >= _WIDE
    columns = ("id", "domain", "as of", "kind", "seen", "models", "benchmarks", "sha256")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in (*columns, *(("source",) if wide else ())):
        table.add_column(column, no_wrap=True)
    for info in infos:
        table.add_row(
            str(info.id),
            info.domain,
            f"{info.as_of_time:%Y-%m-%d}",
            _kind(info),
            f"{info.seen_at:%Y-%m-%d}",
            str(info.models),
            str(info.benchmarks),
            info.sha256[:12],
            *((printable(info.source),) if wide else ()),
        )
    to.print(table)


def _kind(info: SnapshotInfo) -> str:
    return "reconstructed" if info.reconstructed else "simulated" if info.simulated else "observed"


def snapshot_details(info: SnapshotInfo, aside: Sequence[Rejected]) -> None:
    """Show one stored snapshot."""
    to = out()
    table = Table(show_header=False)
    for field, value in info_json(info).items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(field, printable(shown))
    to.print(table)
    for cell in aside:
        to.print(rejected_line(cell))


_MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}


def checks(found: Sequence[Check]) -> None:
    """Print the checks with their findings and next steps."""
    to = out()
    wide = max(len(check.name) for check in found)
    for check in found:
        to.print(printable(f"{_MARKS[check.state]} {check.name:<{wide}}  {check.message}"))
        if check.next_step:
            to.print(printable(f"{'':>{wide + 4}}{check.next_step}"))
    counts = {state: sum(check.state == state for check in found) for state in ("problem", "warning")}
    said = [counted(count, state) for state, count in counts.items() if count]
    to.print(", ".join(said) or "everything is in order")


def demo(result: DemoResult) -> None:
    """Print the results of the demonstration."""
    to = out()
    to.print(printable(f"{counted(result.snapshots, 'simulated snapshot')} in {result.home}"))
    report(result.report)
    to.print(f"open it in a browser: {result.report.resolve().as_uri()}")


def unknown_family_lines(models: Sequence[str]) -> list[str]:
    """Return a line about models of the user's table of families that a board lacks; none if it has all."""
    if not models:
        return []
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    names = ", ".join(plain.printable(model) for model in models[:3])
    return [
        f"the table of families names {counted(len(models), 'model')} that this board lacks: {names}{more}"
    ]


def analysis(found: Analysis, grouped: Families, sure: FamilyBootstrap) -> None:
    """Print the headline figures with intervals over families, and the best models of one snapshot."""
    to = out()
    snapshot, cleaning = found.snapshot, found.cleaning
    marks = (", reconstructed" if snapshot.reconstructed else "") + (
        ", SIMULATED" if snapshot.simulated else ""
    )
    to.print(
        f"{snapshot.domain}{f' as of {snapshot.as_of_time:%Y-%m-%d}' if snapshot.dated else ''}: "
        f"{board_size(len(snapshot.models), len(cleaning.considered.leaves))}; cleaned {len(cleaning.board.models)} × "
        f"{len(cleaning.board.leaves)}{marks}"
    )
    for dropped in cleaning.dropped_benchmarks:
        to.print(printable(f"dropped {dropped.type_id}: {dropped.reason}"))
    effective = sure.effective_n["mean_rho"]
    known = (
        "" if effective is None else f", worth {effective:.0f} independent models for the mean correlation"
    )
    to.print(
        f"{counted(len(cleaning.board.models), 'model')} in {counted(grouped.count, 'family', 'families')}{known}"
    )
    to.print(_headline(found))
    for field, reason in found.left_out.items():
        to.print(printable(f"left out {field}: {reason}"))
    if found.rankings:
        to.print(_top_models(found))


def _headline(found: Analysis) -> Table:
    plain, pairwise = found.agreement.all_pairs, found.pairwise.all_pairs
    table = Table("figure", "value")
    table.add_row("mean rank correlation of benchmarks", figure(plain.mean))
    table.add_row("share of pairs below zero", figure(plain.negative_share))
    table.add_row("paper-balanced mean", figure(found.agreement.paper_balanced_mean))
    table.add_row("mean over pairwise-complete pairs", figure(pairwise.mean))
    for part in () if found.left_out else found.snapshot.parts:
        variance = found.explained.parts[part]
        table.add_row(
            f"R² of the average by {part}", f"{figure(variance.r2)} (by spread alone {figure(variance.null)})"
        )
        spread = found.spreads.get(part)
        table.add_row(f"sd of {part}", figure(None if spread is None else spread.sd))
    table.add_row(
        "largest difference from the published average",
        figure(found.official.max_abs_diff[found.snapshot.root]),
    )
    table.add_row("models whose published rank differs", figure(found.official.rank_differences, "d"))
    return table


def _top_models(found: Analysis) -> Table:
    table = Table(
        "model", "id", "official", *found.rankings, title=f"best {TOP_MODELS} of the cleaned board by HIER"
    )
    official = dict(zip((m.id for m in found.snapshot.models), found.official.ranks, strict=True))
    names = {m.id: m.name for m in found.snapshot.models}
    ranks = {scheme: ranking.by_id() for scheme, ranking in found.rankings.items()}
    for model in sorted(ranks["HIER"], key=lambda i: (ranks["HIER"][i], i))[:TOP_MODELS]:
        table.add_row(
            name(names[model]),
            str(model),
            str(official[model]),
            *(str(by_id[model]) for by_id in ranks.values()),
        )
    return table
