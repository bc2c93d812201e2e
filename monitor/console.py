"""What commands print for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainalign_plugin.analysis import Analysis

    from .demo import DemoResult
    from .pipeline import Fetched
    from .sources import SetAside
    from .store import SnapshotInfo

TOP_MODELS = 15


def out() -> Console:
    """Where text for people goes."""
    # Without a terminal rich would fold tables at 80 columns, and names would be cut in files and pipes.
    return Console(
        width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=not sys.stdout.isatty()
    )


def printable(text: str) -> Text:
    """A foreign string as one line without control characters: a name must not drive the terminal."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def figure(value: float | None, form: str = ".4f") -> str:
    """A figure, or a dash where it is unknown."""
    return "–" if value is None else format(value, form)


def fetched(result: Fetched, info: SnapshotInfo) -> None:
    """Say what a pull brought."""
    stored, to = result.stored, out()
    if stored.new:
        to.print(
            f"stored snapshot {info.id}: {info.domain} as of {info.as_of_time:%Y-%m-%d}, {info.models} models × "
            f"{info.benchmarks} benchmarks, {stored.rows_added} rows added, {stored.rows_closed} closed"
        )
    else:
        to.print(f"no news: this is snapshot {info.id}, {info.domain} as of {info.as_of_time:%Y-%m-%d}")
    for cell in result.pull.set_aside:
        to.print(set_aside_line(cell))


def set_aside_line(cell: SetAside) -> Text:
    """One cell that could not be read, in words."""
    return printable(
        f"set aside: model {cell.model_id} ({cell.model}) on {cell.benchmark}: {cell.value!r}, {cell.reason}"
    )


def set_aside_json(cell: SetAside) -> dict[str, Any]:
    """One cell that could not be read."""
    return {
        "model_id": cell.model_id,
        "model": cell.model,
        "benchmark": cell.benchmark,
        "value": cell.value,
        "reason": cell.reason,
    }


def info_json(info: SnapshotInfo) -> dict[str, Any]:
    """One stored snapshot."""
    return {
        "id": info.id,
        "domain": info.domain,
        "as_of": info.as_of_time.isoformat(),
        "seen_at": info.seen_at.isoformat(),
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
    table = Table("id", "domain", "as of", "seen", "models", "benchmarks", "sha256", "source")
    for info in infos:
        table.add_row(
            str(info.id),
            info.domain,
            f"{info.as_of_time:%Y-%m-%d}" + _marks(info),
            f"{info.seen_at:%Y-%m-%d %H:%M}",
            str(info.models),
            str(info.benchmarks),
            info.sha256[:12],
            printable(info.source),
        )
    to.print(table)


def _marks(info: SnapshotInfo) -> str:
    return (" reconstructed" if info.reconstructed else "") + (" simulated" if info.simulated else "")


def snapshot_details(info: SnapshotInfo, aside: Sequence[SetAside]) -> None:
    """Show one stored snapshot."""
    to = out()
    table = Table(show_header=False)
    for name, value in info_json(info).items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name, printable(shown))
    to.print(table)
    for cell in aside:
        to.print(set_aside_line(cell))


def demo(result: DemoResult) -> None:
    """Say what the demonstration left behind."""
    to = out()
    to.print(f"{result.snapshots} simulated snapshots in {result.home}")
    to.print(f"report: {result.report}")
    to.print(f"open it in a browser: {result.report.resolve().as_uri()}")


def analysis(found: Analysis) -> None:
    """Print the headline figures and the best models of one snapshot."""
    to = out()
    snapshot, cleaning = found.snapshot, found.cleaning
    marks = (", reconstructed" if snapshot.reconstructed else "") + (
        ", SIMULATED" if snapshot.simulated else ""
    )
    to.print(
        f"{snapshot.domain} as of {snapshot.as_of_time:%Y-%m-%d}: {len(snapshot.models)} models × "
        f"{len(cleaning.considered.leaves)} benchmarks; cleaned {len(cleaning.board.models)} × "
        f"{len(cleaning.board.leaves)}{marks}"
    )
    for dropped in cleaning.dropped_benchmarks:
        to.print(printable(f"dropped {dropped.type_id}: {dropped.reason}"))
    to.print(_headline(found))
    if found.rankings:
        to.print(_top_models(found))


def _headline(found: Analysis) -> Table:
    plain, pairwise = found.agreement.all_pairs, found.pairwise.all_pairs
    table = Table("figure", "value")
    table.add_row("mean rank correlation of benchmarks", figure(plain.mean))
    table.add_row("share of pairs below zero", figure(plain.negative_share))
    table.add_row("paper-balanced mean", figure(found.agreement.paper_balanced_mean))
    table.add_row("mean over pairwise-complete pairs", figure(pairwise.mean))
    for part in found.snapshot.parts:
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
    return table


def _top_models(found: Analysis) -> Table:
    table = Table(
        "model", "id", "official", *found.rankings, title=f"best {TOP_MODELS} of the cleaned board by HIER"
    )
    official = dict(zip((m.id for m in found.snapshot.models), found.official.ranks, strict=True))
    names = {m.id: m.name for m in found.snapshot.models}
    ranks = {name: ranking.by_id() for name, ranking in found.rankings.items()}
    for model in sorted(ranks["HIER"], key=lambda i: (ranks["HIER"][i], i))[:TOP_MODELS]:
        table.add_row(
            printable(names[model]),
            str(model),
            str(official[model]),
            *(str(ranks[name][model]) for name in ranks),
        )
    return table
