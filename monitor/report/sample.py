"""Section 2: which models and benchmarks are on the page, and which are not and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from brainalign_plugin.data.tree import paper
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import counted, visible

from .evidence import Evidence
from .records import Column, Figure, Section, Table
from .wording import count, listed, number, percent, rank_words

_TOP, _ROWS = 20, 15
POSTER, EVERY, ALL = "poster", "every", "all"


def sample_section(evidence: Evidence) -> Section:
    """Return the section on the models and benchmarks of the page."""
    cleaning = evidence.analysis.cleaning
    kept, considered = cleaning.board, cleaning.considered
    every = [(*model.failed, *model.never) for model in cleaning.dropped_models]
    lacking = Counter(leaf for lacks in every for leaf in lacks)
    alone = Counter(lacks[0] for lacks in every if len(lacks) == 1)
    answer = (
        f"{count(len(kept.models))} of {counted(len(considered.models), 'model')} "
        f"{'has' if len(kept.models) == 1 else 'have'} a score on every one of "
        f"{count(len(kept.leaves))} kept benchmarks (of {count(len(considered.leaves))})"
    )
    if alone:
        leaf, models = max(alone.items(), key=lambda item: (item[1], item[0]))
        answer += f"; {count(models)} {'lacks' if models == 1 else 'lack'} nothing but {visible(leaf, 60)}"
        answer += _news(evidence, leaf)
    figures: tuple[Figure, ...] = ()
    if lacking:
        labels = dict(zip(kept.leaves, leaf_labels(kept.leaves), strict=True))
        rows = sorted(lacking, key=lambda leaf: (-alone[leaf], -lacking[leaf], leaf))[:_ROWS]
        chart = dots(
            [labels[leaf] for leaf in rows],
            [float(lacking[leaf]) for leaf in rows],
            title=f"{answer}.",
            alt="Dots, one row a benchmark: models that lack it (filled), and that lack nothing else (hollow). "
            f"{answer}.",
            axis="models without it (hollow: it alone)",
            reference=[float(alone[leaf]) for leaf in rows],
            form="d",
        )
        figures = (Figure("lacking", chart, answer=True),)
    dropped = ", ".join(visible(one.type_id, 60) for one in cleaning.dropped_benchmarks[:4])
    more = len(cleaning.dropped_benchmarks) - 4
    poster = (
        f"The poster’s board (Ahlert et al. 2024): without benchmarks that more than "
        f"{percent(cleaning.max_missing, 0)} of the models lack, then without models that lack any of the rest."
    )
    how = (
        f"Benchmarks left out: {dropped or 'none'}{f' and {count(more)} more' if more > 0 else ''}. A run that failed "
        "and one that never was both count as lacking. The table of all models below ranks the others too."
    )
    return Section("sample", "Who is on this page?", f"{answer}.", how, None, (poster,), figures, (_top(evidence),))


def _news(evidence: Evidence, leaf: str) -> str:
    """Say that a benchmark is new since the last observed board."""
    since = evidence.since
    if since is None:
        return ""
    if leaf in since.changes.benchmarks_started:
        return ", new since the last report"
    change = since.causes.get("benchmarks")
    newly = change is not None and any("added" in reason and leaf in reason for reason in change.reasons)
    return ", kept for the first time since the last report" if newly else ""


def reasons(evidence: Evidence) -> dict[int, str]:
    """Return why each model that is not on the poster's board is not, by id."""
    found = {}
    for model in evidence.analysis.cleaning.dropped_models:
        kinds = (("failed on", model.failed), ("never run on", model.never))
        found[model.id] = "; ".join(f"{words} {_leaves(leaves)}" for words, leaves in kinds if leaves)
    return found


def _leaves(leaves: Sequence[str]) -> str:
    """Return up to two benchmarks by name, more of them by how many there are of each paper."""
    if len(leaves) <= 2:
        return listed(tuple(visible(leaf, 60) for leaf in leaves))
    papers = Counter(paper(leaf) for leaf in leaves).most_common()
    shown = [f"{counted(number, 'benchmark')} of {visible(name, 40)}" for name, number in papers[:2]]
    rest = sum(number for _, number in papers[2:])
    return listed((*shown, *([counted(rest, "other")] if rest else [])))


def _top(evidence: Evidence) -> Table:
    why = reasons(evidence)
    ranked = [i for i in evidence.official_order if evidence.official[i] is not None]
    last = evidence.official[ranked[:_TOP][-1]] if ranked else None
    # Models that share the last rank are all there.
    ids = [i for k, i in enumerate(ranked) if k < _TOP or evidence.official[i] == last]
    ties = f" ({count(len(ids))} with ties)" if len(ids) > _TOP else ""
    rows = tuple(
        (evidence.names[i], str(evidence.official[i]), "in" if i in evidence.cleaned else f"out: {why[i]}") for i in ids
    )
    columns = (Column("model", "name"), Column("official rank"), Column("in or out", "prose"))
    caption = f"The official top {min(_TOP, len(rows))}{ties} and the poster’s board"
    return Table("official-top", caption, columns, rows, models=tuple(map(str, ids)))


def search_entries(evidence: Evidence) -> tuple[tuple[str, str, str], ...]:
    """Return id, name and words of each model for the search, the best official rank first."""
    why, inside = reasons(evidence), len(evidence.cleaned)
    found = []
    for i in evidence.official_order:
        text = f"{rank_words(evidence.official[i])}; "
        text += f"among the {inside}" if i in evidence.cleaned else f"not among the {inside}: {why.get(i, 'no score')}"
        found.append((str(i), evidence.names[i], text))
    return tuple(found)


def panel_choices(evidence: Evidence) -> tuple[tuple[str, str, str], ...]:
    """Return key, name and headline of the boards that a reader can switch between."""
    analysis, second = evidence.analysis, evidence.second_panel
    board, kept, pairwise = analysis.cleaning.board, analysis.agreement.all_pairs, analysis.pairwise.all_pairs
    poster = _panel(len(board.models), len(board.leaves), kept.mean, kept.negative_share)
    found = [(POSTER, "the poster’s board", poster)]
    if second is not None:
        figures = second.figures
        text = _panel(len(second.ids), len(second.leaves), figures["mean_rho"], figures["negative_share"])
        found.append((EVERY, "every benchmark", text))
    every = _panel(len(analysis.snapshot.models), len(board.leaves), pairwise.mean, pairwise.negative_share)
    return (*found, (ALL, "all models", f"{every}, each pair over the models that have both"))


def _panel(models: int, leaves: int, mean: float | None, negative: float | None) -> str:
    return (
        f"{counted(models, 'model')} × {counted(leaves, 'benchmark')}: mean ρ {number(mean)}, "
        f"{percent(negative)} of the pairs negative"
    )


def panels_of(evidence: Evidence, model: int) -> str:
    """Return the names of the panels that a model is on."""
    second = evidence.second_panel
    on = {ALL: True, POSTER: model in evidence.cleaned, EVERY: second is not None and model in second.ids}
    return " ".join(name for name, holds in on.items() if holds)
