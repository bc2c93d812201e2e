"""Sections by which the page can be checked: the cleaning log, the official cross-check, how to reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.files.rejected import Rejected
from brainalign_plugin.schemes import CONVENTIONS, get_scheme
from brainalign_plugin.text import visible

from .certainty import Certainty
from .records import CleaningSection, Column, Fact, Reproduction, Table
from .scheme_data import scheme_name
from .wording import count, day, listed, percent, plural, public_source, small

# From 1 on it prints one decimal: half of one at a group's own value, and as much at its children's.
COARSE_ROUNDING = 0.1


def cleaning_section(analysis: Analysis, set_aside: Sequence[Rejected]) -> CleaningSection:
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
            "Cells and fields that were not read as they stand",
            (
                Column("model", "name"),
                Column("id"),
                Column("benchmark", "name"),
                Column("value", "name"),
                Column("reason", "text"),
            ),
            tuple(
                (
                    "" if c.model_id is None else visible(c.model),
                    "" if c.model_id is None else str(c.model_id),
                    visible(c.benchmark) if c.benchmark else "",
                    visible(c.value, 80) if c.value else "",
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
    at_root = found.get(official.root)
    text = (
        f"Brain-Score’s aggregate, recomputed by its published rules, is at most {small(at_root)} from the published "
        f"value at {visible(official.root)} and {small(found[worst])} at any group ({visible(worst)}). "
        f"{plural(official.state_mismatches, 'group cell') if official.state_mismatches else 'No group cell'} "
        f"{'are' if official.state_mismatches > 1 else 'is'} in another state than published."
        + _ranks_compared(analysis)
    )
    # Ranks are made of two decimals, which a source with no more of them does not determine.
    wrong_ranks = bool(official.rank_differences) and official.rounding < 0.01
    limits = {name: rounding(analysis, name) for name in found}
    if max(limits.values()) >= COARSE_ROUNDING:
        text += (
            f" Scores of 1 and more are published with one decimal, so that engineering groups which hold any may be "
            f"off by {COARSE_ROUNDING} for that alone."
        )
    beyond = tuple(visible(name, 60) for name in found if found[name] > limits[name])
    if beyond:
        text += f" At {listed(beyond[:3])}{' and others' if len(beyond) > 3 else ''} it is more than rounding explains:"
    elif official.state_mismatches:
        text += " States are not rounded:"
    elif wrong_ranks:
        text += " Where the averages agree, equal rules give equal ranks:"
    elif official.rank_differences:
        text += " Scores of two decimals explain other ranks."
    warns = bool(beyond) or official.state_mismatches > 0 or wrong_ranks
    return f"{text} our reading of the rules or the site’s figures are wrong." if warns else text, warns


def _ranks_compared(analysis: Analysis) -> str:
    differ = analysis.official.rank_differences
    if differ is None:
        return " No rank was published."
    if differ == 0:
        return " No published rank differs from the recomputed one."
    return f" {plural(differ, 'published rank')} {'differs' if differ == 1 else 'differ'} from the recomputed one."


def rounding(analysis: Analysis, group: str) -> float:
    """How far rounding alone can take the published value of a group from the recomputed one.

    The decimals of the source below 1; one decimal from 1 on, where only engineering scores lie, because all others
    are capped.
    """
    tree, scores = analysis.official.tree, analysis.snapshot.scores
    within = [
        i for i, node in enumerate(tree.nodes) if node.is_engineering and group in tree.path(node.type_id)
    ]
    return COARSE_ROUNDING if bool((scores[:, within] >= 1).any()) else analysis.official.rounding


def _check_table(analysis: Analysis) -> Table:
    rows = tuple(
        (visible(name), small(apart), _judged(analysis, name, apart))
        for name, apart in analysis.official.max_abs_diff.items()
    )
    columns = (Column("group", "name"), Column("largest difference"), Column("", "text"))
    return Table("check", "Recomputed against published, largest difference over all models", columns, rows)


def _judged(analysis: Analysis, group: str, apart: float | None) -> str:
    if apart is None:
        return ""
    return "differs" if apart > rounding(analysis, group) else "agrees"


def reproduction(
    analysis: Analysis,
    study: SchemeStudy | None,
    certainty: Certainty | None,
    generated_at: datetime,
    version: str,
    command: str,
    software: Mapping[str, str],
) -> Reproduction:
    """Identity of the data, the parameters, the software and the words."""
    snapshot = analysis.snapshot
    facts = [
        Fact("Source", visible(public_source(snapshot.source))),
        Fact("SHA-256 of the body", visible(snapshot.sha256)),
        Fact(
            "As of",
            f"{day(snapshot.as_of_time)}{' (reconstructed from a later payload)' if snapshot.reconstructed else ''}",
        ),
        Fact("Largest share of missing scores", percent(analysis.cleaning.max_missing, 0)),
        Fact("Fewest common models of a pair", str(analysis.pairwise.min_overlap)),
        *_resamples(study, certainty),
        Fact("BrainAlign", version),
        *(Fact(name, text) for name, text in sorted(software.items())),
        Fact("Generated", f"{generated_at:%Y-%m-%d %H:%M:%S %Z}".strip()),
    ]
    return Reproduction(visible(command, 4000), tuple(facts), _schemes(analysis, study))


def _resamples(study: SchemeStudy | None, certainty: Certainty | None) -> tuple[Fact, ...]:
    facts = []
    if certainty is not None:
        facts.append(
            Fact(
                "Resamples of models",
                f"{count(certainty.resamples)}, seed {certainty.seed} (intervals of figures)",
            )
        )
    if study is not None:
        used = study.resampling
        facts.append(
            Fact("Resamples of benchmarks", f"{count(used.resamples)}, seed {used.seed} (intervals of ranks)")
        )
    return tuple(facts)


def _schemes(analysis: Analysis, study: SchemeStudy | None) -> tuple[Fact, ...]:
    """What each scheme does, in the words of the registry."""
    facts = []
    known = [get_scheme(name) for name in analysis.rankings]
    for scheme in known if study is None else [one.scheme for one in study.schemes]:
        scale = (
            "" if scheme.scale.name == "none" else f" Scale of each benchmark: {scheme.scale.description}."
        )
        missing = CONVENTIONS[scheme.conventions[0]]
        facts.append(
            Fact(
                scheme_name(scheme.name),
                f"{_sentence(scheme.combination)}.{scale} On an incomplete board {missing}.",
            )
        )
    return tuple(facts)


def _sentence(text: str) -> str:
    """Begin with a capital, unless with a symbol of a formula."""
    return text[:1].upper() + text[1:] if text[1:2].isalpha() else text
