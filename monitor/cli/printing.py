"""Output that several commands share, and that of ``analyze``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from brainalign_plugin.text import UNKNOWN, counted, printable

from ..base.files import fields_of, json_text
from ..base.progress import silent

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.certainty.bootstrap import FamilyBootstrap
    from brainalign_plugin.certainty.external import External, Joined
    from brainalign_plugin.certainty.families import Families
    from brainalign_plugin.certainty.good_models import GoodAgreement
    from brainalign_plugin.files.site_cells import Rejected

    from ..operations.pull import Fetched
    from ..store import SnapshotInfo

TOP_MODELS = 15
# More lines hide the rest of the output; `snapshots show` prints all of a stored snapshot.
TOP_REJECTED = 20
_LONGEST_NAME = 80


def say(*lines: str, err: bool = False) -> None:
    """Print lines without control characters of foreign text."""
    stream = sys.stderr if err else sys.stdout
    stream.write("".join(f"{printable(line)}\n" for line in lines))
    stream.flush()


def print_json(record: Any) -> None:
    """Print a record in ASCII: a foreign string in it cannot drive a terminal, and every locale can encode it."""
    typer.echo(json_text(record, 2))


def stage(text: str) -> AbstractContextManager[object]:
    """Show the current stage and its duration, on a terminal only."""
    return _bar(text) if sys.stderr.isatty() else silent(text)


@contextmanager
def _bar(text: str) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(printable(text), total=None)
        yield


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show the current scheme, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(what)) as status:
        yield lambda name: status.update(escape(f"{what}: {name}"))


def out() -> Console:
    """Return the console for tables: without markup, and with whole lines in a file."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    width = None if terminal else 10_000
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=not terminal)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str | None = None,
    *,
    fold: str = "",
    no_wrap: Sequence[str] = (),
    **style: Any,
) -> None:
    """Print a table; its cells may be foreign text. The column ``fold`` breaks its long words."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=None if title is None else Text(printable(title)), **style)
    for column in columns:
        table.add_column(column, overflow="fold" if column == fold else "ellipsis", no_wrap=column in no_wrap)
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    out().print(table)


def print_facts(record: Mapping[str, object]) -> None:
    """Print a record as a table without a heading."""
    rows = []
    for fact, value in record.items():
        if isinstance(value, dict):
            value = [f"{key} {one}" for key, one in value.items()]  # noqa: PLW2901
        rows.append((fact, ", ".join(value) if isinstance(value, list) else value))
    print_table((), rows, show_header=False)


def name(text: str) -> str:
    """Return a foreign name, shortened to fit its column."""
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def figure(value: float | None, form: str = ".4f") -> str:
    """Return a figure as text, or a dash if it is unknown."""
    return UNKNOWN if value is None else format(value, form)


def board_size(models: int, benchmarks: int) -> str:
    """Return the size of a board in words."""
    return f"{counted(models, 'model')} × {counted(benchmarks, 'benchmark')}"


def fetched(result: Fetched, info: SnapshotInfo) -> None:
    """Print the outcome of a pull."""
    stored = result.stored
    if stored.new:
        say(
            f"stored snapshot {info.id}: {info.domain} as of {info.as_of_time:%Y-%m-%d}, "
            f"{board_size(info.models, info.benchmarks)}, "
            f"{counted(stored.rows_added, 'row')} added, {stored.rows_closed} closed"
        )
    else:
        say(f"no news: this is snapshot {info.id}, {info.domain} {moments_of(info)}")
    say(*(f"note: {note}" for note in result.notes if note), *rejected_lines(result.pull.rejected))


def moments_of(info: SnapshotInfo) -> str:
    """Return a board's moments and the time of its newest score in words."""
    again = "" if info.seen_until is None else f", seen again until {info.seen_until:%Y-%m-%d %H:%M} UTC"
    score = "" if info.newest_score_at is None else f", newest score of {info.newest_score_at:%Y-%m-%d}"
    return f"as of {info.as_of_time:%Y-%m-%d %H:%M} UTC{again}{score}"


def report(path: Path, written: bool = True) -> None:
    """Print the path of a report."""
    say(f"report: {path}" + ("" if written else " (unchanged)"))


def rejected_lines(cells: Sequence[Rejected], most: int | None = TOP_REJECTED) -> list[str]:
    """Return the first rejected cells and fields in words, and the number of the others."""
    lines = []
    for entry in cells[:most]:
        of = [] if entry.model_id is None else [f"model {entry.model_id} ({entry.model})"]
        of += [entry.benchmark] if entry.benchmark else []
        value = f"{entry.value!r}, " if entry.value else ""
        lines.append(f"note: {' on '.join(of) or 'the board'}: {value}{entry.reason}")
    more = len(cells) - len(lines)
    return lines + ([f"note: {more} more like these"] if more else [])


def info_json(info: SnapshotInfo) -> dict[str, Any]:
    """Return one stored snapshot for JSON."""
    return {
        "id": info.id,
        "domain": info.domain,
        "as_of": info.as_of_time.isoformat(),
        "seen_at": info.seen_at.isoformat(),
        "seen_until": info.until_time.isoformat(),
        "newest_score_at": None if info.newest_score_at is None else info.newest_score_at.isoformat(),
        **fields_of(info, "source", "sha256", "models", "benchmarks"),
        "states": dict(info.states),
        **fields_of(info, "reconstructed", "simulated"),
    }


def analysis(found: Analysis, grouped: Families, sure: FamilyBootstrap) -> None:
    """Print the headline figures with intervals over families, and the best models of one snapshot."""
    snapshot, cleaning = found.snapshot, found.cleaning
    marks = (", reconstructed" if snapshot.reconstructed else "") + (", SIMULATED" if snapshot.simulated else "")
    effective = sure.effective_n["mean_rho"]
    known = "" if effective is None else f", worth {effective:.0f} independent models for the mean correlation"
    say(
        f"{snapshot.domain}{f' as of {snapshot.as_of_time:%Y-%m-%d}' if snapshot.dated else ''}: "
        f"{board_size(len(snapshot.models), len(cleaning.considered.leaves))}; cleaned {len(cleaning.board.models)} × "
        f"{len(cleaning.board.leaves)}{marks}",
        *(f"dropped {dropped.type_id}: {dropped.reason}" for dropped in cleaning.dropped_benchmarks),
        f"{counted(len(cleaning.board.models), 'model')} in {counted(grouped.count, 'family', 'families')}{known}",
    )
    print_table(("figure", "value"), _headline(found, grouped))
    say(*(f"left out {field}: {reason}" for field, reason in found.left_out.items()))
    if found.rankings:
        title = f"best {TOP_MODELS} of the cleaned board by HIER"
        print_table(("model", "id", "official", *found.rankings), _top_models(found), title)


def unmatched_lines(joined: Joined) -> list[str]:
    """Return the lines of a file of metrics that are joined to no model, and its cells without a number."""
    lines = [f"{counted(joined.matched, 'line')} of metrics joined to models, {len(joined.unmatched)} not"]
    for one in joined.unmatched:
        near = f"; near it: {', '.join(one.suggestions)}" if one.suggestions else ""
        lines.append(f"note: line {one.line}, {one.model}: {one.reason}{near}")
    return [*lines, *(f"note: {note}" for note in joined.notes)]


def external(found: External) -> None:
    """Print each external metric's correlation with the average and with the benchmark nearest to it."""
    rows = []
    for one in found.metrics:
        known = [other for other in one.benchmarks if other.rho is not None]
        nearest = max(known, key=lambda other: other.rho or 0.0, default=None)
        sure = one.average.interval
        interval = "" if sure is None else f"{figure(sure.low)} to {figure(sure.high)}"
        closest = "" if nearest is None else f"{nearest.name} {figure(nearest.rho)}"
        rows.append((one.metric, one.models, figure(one.average.rho), interval, closest, one.reason or ""))
    titles = ("metric", "models", "with the average", "95 % interval", "nearest benchmark", "note")
    print_table(titles, rows, "external metrics: rank correlations")


def good_models(curve: Sequence[GoodAgreement]) -> None:
    """Print the agreement among the best models for each share of them, and what a narrower range alone would give."""
    rows = [
        (f"{100 * one.share:.0f} %", one.models, *map(figure, (one.mean, one.negative_share, one.predicted_mean)))
        for one in curve
    ]
    titles = ("models kept", "models", "mean rho", "share below zero", "mean by the narrower range alone")
    print_table(titles, rows, "agreement among the best models by other papers")


def _headline(found: Analysis, grouped: Families) -> Iterator[tuple[str, str]]:
    from brainalign_plugin.certainty.bootstrap import one_vote_each

    official = found.official
    yield "mean rank correlation of benchmarks", figure(found.agreement.all_pairs.mean)
    yield "share of pairs below zero", figure(found.agreement.all_pairs.negative_share)
    single = one_vote_each(found.cleaning.board, grouped)
    if single is not None:
        yield "mean with one vote a group of near-copies", figure(single)
    yield "paper-balanced mean", figure(found.agreement.paper_balanced_mean)
    yield "mean over pairwise-complete pairs", figure(found.pairwise.all_pairs.mean)
    for part in () if found.left_out else found.snapshot.parts:
        variance, spread = found.explained.parts[part], found.spreads.get(part)
        yield (f"R² of the average by {part}", f"{figure(variance.r2)} (by spread alone {figure(variance.null)})")
        yield f"sd of {part}", figure(None if spread is None else spread.sd)
    yield "largest difference from the published average", figure(official.max_abs_diff[found.snapshot.root])
    yield "models whose published rank differs", figure(official.rank_differences, "d")


def _top_models(found: Analysis) -> Iterator[tuple[object, ...]]:
    models = found.snapshot.models
    official = dict(zip((m.id for m in models), found.official.ranks, strict=True))
    names = {m.id: m.name for m in models}
    ranks = [ranking.by_id() for ranking in found.rankings.values()]
    lead = found.rankings["HIER"].by_id()
    for model in sorted(lead, key=lambda i: (lead[i], i))[:TOP_MODELS]:
        yield (name(names[model]), model, official[model], *(by_id[model] for by_id in ranks))
