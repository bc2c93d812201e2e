"""Section 9: checks of the page, and how to cite and repeat it."""

from __future__ import annotations

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.citations import BRAIN_SCORE, BRAINALIGN, POSTER, benchmark_citation
from brainalign_plugin.data.tree import paper
from brainalign_plugin.text import counted, visible

from .evidence import Evidence
from .records import Column, Section, Table, Verdict
from .wording import count, day, percent, public_source, small

# The site prints three decimals, so that a recomputed mean may be off by one in the third.
ROUNDING = 0.001
# From 1 on it prints one decimal: half of one at a group's own value, and as much at its children's.
COARSE_ROUNDING = 0.1
_UNREAD = 20
# From docs/coverage.md: all kinds of boards.
COVERAGE = (
    "On four kinds of simulated boards with known truth, 95 % intervals of ranks held in 93 to 96 % of cases, and "
    "those of figures over models in 85 to 100 %."
)


def trust_section(evidence: Evidence) -> Section:
    """Return the section on the checks of the page, and how to cite and repeat it."""
    analysis, cleaning = evidence.analysis, evidence.analysis.cleaning
    answer, warns = _check(analysis)
    dropped, flat = len(cleaning.dropped_benchmarks), "no kept benchmark is constant"
    left_out = f"{counted(dropped, 'benchmark')} and {counted(len(cleaning.dropped_models), 'model')}"
    if cleaning.constant:
        flat = f"{counted(len(cleaning.constant), 'kept benchmark')} give all models one score"
    points = (f"Cleaning left out {left_out}; {flat}.", _unread(evidence), COVERAGE)
    rejected = [one for one in evidence.rejected if one.model_id is not None][:_UNREAD]
    tables: tuple[Table, ...] = ()
    if rejected:
        columns = tuple(Column(label, "name") for label in ("model", "benchmark", "value", "reason"))
        rows = tuple(
            (visible(one.model, 60), visible(one.benchmark, 60), visible(one.value, 40), visible(one.reason, 120))
            for one in rejected
        )
        tables = (Table("unread", "Cells that could not be read", columns, rows, 5),)
    how = (
        "Brain-Score’s aggregate is recomputed at every group of the tree by its published rules and compared with "
        "what the site prints; more than rounding explains is a warning."
    )
    if not evidence.brain_score:
        how = "The tree mean gives every group of the tree the mean of its children; a missing score counts as zero."
    verdict = Verdict("Differs from the site", "fails") if warns else Verdict("Agrees with the site", "holds")
    if not any(apart is not None for apart in analysis.official.max_abs_diff.values()):
        verdict = Verdict("Nothing published to compare with", "unknown")
    return Section("trust", "Can I trust and cite this?", answer, how, verdict, points, (), tables)


def _check(analysis: Analysis) -> tuple[str, bool]:
    """Return a sentence on the cross-check, and whether it is a warning."""
    official = analysis.official
    found = {name: apart for name, apart in official.max_abs_diff.items() if apart is not None}
    if analysis.snapshot.reconstructed:
        text = "This board is reconstructed from a later one, so there is no published aggregate to compare with."
        return text, False
    if not found:
        return "The source published no aggregate to compare with.", False
    beyond = [name for name in found if found[name] > _rounding(analysis, name)]
    differ, states = official.rank_differences, official.state_mismatches
    ranks = (
        "no rank was published"
        if differ is None
        else "all published ranks are met"
        if differ == 0
        else f"{counted(differ, 'published rank')} {'differs' if differ == 1 else 'differ'}"
    )
    text = (
        f"The official average, recomputed, is within {small(found.get(official.root))} of the published one for every "
        f"model; {ranks}"
    )
    if beyond:
        text += f"; at {visible(beyond[0], 60)} the difference of {small(found[beyond[0]])} is more than rounding"
    if states:
        text += f"; {counted(states, 'group cell')} {'is' if states == 1 else 'are'} in another state than published"
    return f"{text}.", bool(beyond or states or differ)


def _rounding(analysis: Analysis, group: str) -> float:
    """Return how far rounding alone can take the published value of a group from the recomputed one."""
    tree, scores = analysis.official.tree, analysis.snapshot.scores
    within = [i for i, node in enumerate(tree.nodes) if node.is_engineering and group in tree.path(node.type_id)]
    return COARSE_ROUNDING if bool((scores[:, within] >= 1).any()) else ROUNDING


def _unread(evidence: Evidence) -> str:
    cells = sum(one.model_id is not None and bool(one.benchmark) for one in evidence.rejected)
    fields = len(evidence.rejected) - cells
    if not cells and not fields:
        return "Every cell of the source could be read."
    parts = [counted(number, word) for number, word in ((cells, "cell"), (fields, "field")) if number]
    return f"{' and '.join(parts)} of the source could not be read and count as never run."


def citations(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Return what to cite: this software, the poster, Brain-Score, and the paper of every benchmark shown."""
    known = [("BrainAlign", BRAINALIGN.bibtex), ("the poster", POSTER.bibtex)]
    known += [("Brain-Score", BRAIN_SCORE.bibtex)] if evidence.brain_score else []
    # One entry a work, and one for each paper without any.
    works: dict[str, tuple[str, str]] = {}
    for leaf in evidence.analysis.cleaning.board.leaves:
        work = benchmark_citation(leaf)
        entry = work.bibtex if work else ""
        works.setdefault(entry or paper(leaf), (visible(paper(leaf), 60), entry))
    return (*known, *works.values())


def facts(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Return what the page was made of: data, settings, versions."""
    analysis, bootstrap = evidence.analysis, evidence.certainty.bootstrap
    snapshot = analysis.snapshot
    as_of = day(snapshot.as_of_time) if snapshot.dated else "unknown"
    return (
        ("source", visible(public_source(snapshot.source))),
        ("SHA-256 of the body", visible(snapshot.sha256)),
        ("as of", f"{as_of}, reconstructed" if snapshot.reconstructed else as_of),
        ("largest share of missing scores", percent(analysis.cleaning.max_missing, 0)),
        ("fewest common models of a pair", str(analysis.pairwise.min_overlap)),
        ("draws of families", f"{count(bootstrap.resamples)}, seed {bootstrap.seed}"),
        ("BrainAlign", evidence.version),
        *sorted(evidence.software.items()),
    )
