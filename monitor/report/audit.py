"""Sections by which the page can be checked: the cleaning log, the official cross-check, how to reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from brainalign_plugin.aggregation import CONVENTIONS, get_scheme
from brainalign_plugin.analysis import Analysis

from .records import CleaningSection, Column, Fact, Reproduction, SetAsideCell, Table
from .wording import count, day, percent, plural, small, visible

# The site rounds to three decimals, so that a recomputed mean may be off by one in the third.
ROUNDING = 0.001


def cleaning_section(analysis: Analysis, set_aside: Sequence[SetAsideCell]) -> CleaningSection:
    """What was dropped and why, and how far the recomputed aggregate is from the published one."""
    cleaning = analysis.cleaning
    board, considered = cleaning.board, cleaning.considered
    benchmarks, models = len(cleaning.dropped_benchmarks), len(cleaning.dropped_models)
    text = (
        f"Of {plural(len(considered.leaves), 'benchmark')}, {count(benchmarks)} had no score for more than "
        f"{percent(cleaning.max_missing, 0)} of the models and {'was' if benchmarks == 1 else 'were'} dropped; then "
        f"{count(models)} of {plural(len(considered.models), 'model')} that lacked a score on a kept benchmark."
        f" {plural(len(board.models), 'model')} × {plural(len(board.leaves), 'benchmark')} remain. "
        "FAILED and NEVER both count as missing here."
    )
    check_text, warns = _check(analysis)
    return CleaningSection(
        text=text,
        benchmarks=Table(
            "dropped-benchmarks",
            "Dropped benchmarks",
            (Column("benchmark", "name"), Column("FAILED"), Column("NEVER"), Column("reason", "text")),
            tuple(
                (visible(d.type_id), count(d.failed), count(d.never), visible(d.reason))
                for d in cleaning.dropped_benchmarks
            ),
        ),
        models=Table(
            "dropped-models",
            "Dropped models",
            (
                Column("model", "name"),
                Column("id"),
                Column("FAILED"),
                Column("NEVER"),
                Column("reason", "name"),
            ),
            tuple(
                (
                    visible(d.name),
                    str(d.id),
                    count(len(d.failed)),
                    count(len(d.never)),
                    visible(d.reason, 400),
                )
                for d in cleaning.dropped_models
            ),
        ),
        constant=tuple(visible(leaf) for leaf in cleaning.constant),
        set_aside=Table(
            "set-aside",
            "Cells that could not be read",
            (
                Column("model", "name"),
                Column("id"),
                Column("benchmark", "name"),
                Column("value", "name"),
                Column("reason", "text"),
            ),
            tuple(
                (
                    visible(c.model),
                    str(c.model_id),
                    visible(c.benchmark),
                    visible(c.value, 80),
                    visible(c.reason),
                )
                for c in set_aside
            ),
        ),
        check_text=check_text,
        check_warns=warns,
        check=_check_table(analysis),
    )


def _check(analysis: Analysis) -> tuple[str, bool]:
    """Sentence on the cross-check, and whether it is a warning."""
    official = analysis.official
    if analysis.snapshot.reconstructed:
        return (
            "This board is reconstructed from a later one: there is no published aggregate to check it against.",
            False,
        )
    found = {name: apart for name, apart in official.max_abs_diff.items() if apart is not None}
    if not found:
        return "The source published no aggregate to check against.", False
    worst = max(found, key=lambda name: found[name])
    warns = found[worst] > ROUNDING or official.state_mismatches > 0
    at_root = found.get(official.root)
    text = (
        f"Brain-Score’s aggregate, recomputed by its published rules, is at most {small(at_root)} from the published "
        f"value at {visible(official.root)} and {small(found[worst])} at any group ({visible(worst)}). "
        f"{plural(official.state_mismatches, 'group cell') if official.state_mismatches else 'No group cell'} "
        f"{'are' if official.state_mismatches > 1 else 'is'} in another state than published."
    )
    if warns:
        text += f" More than {ROUNDING} is not rounding: our reading of the rules or the site’s figures are wrong."
    return text, warns


def _check_table(analysis: Analysis) -> Table:
    official = analysis.official
    rows = tuple(
        (visible(name), small(apart), "" if apart is None else ("differs" if apart > ROUNDING else "agrees"))
        for name, apart in official.max_abs_diff.items()
    )
    columns = (Column("group", "name"), Column("largest difference"), Column("", "text"))
    return Table("check", "Recomputed against published, largest difference over all models", columns, rows)


def reproduction(
    analysis: Analysis, generated_at: datetime, version: str, command: str, software: Mapping[str, str]
) -> Reproduction:
    """Identity of the data, the parameters, the software and the words."""
    snapshot = analysis.snapshot
    facts = [
        Fact("Source", visible(snapshot.source)),
        Fact("SHA-256 of the body", visible(snapshot.sha256)),
        Fact(
            "As of",
            f"{day(snapshot.as_of_time)}{' (reconstructed from a later payload)' if snapshot.reconstructed else ''}",
        ),
        Fact("Largest share of missing scores", percent(analysis.cleaning.max_missing, 0)),
        Fact("Fewest common models of a pair", str(analysis.pairwise.min_overlap)),
        Fact("BrainAlign", version),
        *(Fact(name, text) for name, text in sorted(software.items())),
        Fact("Generated", f"{generated_at:%Y-%m-%d %H:%M:%S %Z}".strip()),
    ]
    return Reproduction(visible(command, 4000), tuple(facts), _schemes(analysis))


def _schemes(analysis: Analysis) -> tuple[Fact, ...]:
    """What each scheme does, in the words of the registry."""
    facts = []
    for name in analysis.rankings:
        scheme = get_scheme(name)
        scale = (
            "" if scheme.scale.name == "none" else f" Scale of each benchmark: {scheme.scale.description}."
        )
        missing = CONVENTIONS[scheme.conventions[0]]
        facts.append(
            Fact(
                name,
                f"{scheme.combination[:1].upper()}{scheme.combination[1:]}.{scale} On an incomplete board {missing}.",
            )
        )
    return tuple(facts)
