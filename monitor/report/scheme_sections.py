"""Sections of the page that compare aggregation schemes: intervals of ranks, properties, agreement, missing cells."""

from __future__ import annotations

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.audit import RULES, ConventionMoves, SchemeAudit
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.ranking.compare import SchemePair
from brainalign_plugin.schemes import Claims
from brainalign_plugin.text import visible

from .chart_data import model_names
from .interval_section import interval_section
from .records import (
    Column,
    Fact,
    Figure,
    MissingSection,
    PropertySection,
    SchemeAgreementSection,
    SchemeSections,
    Table,
)
from .scheme_data import TOP, lowest_agreement, scheme_name, scheme_pairs, shown_schemes
from .wording import UNKNOWN, count, listed, number, percent, plural

PAIRS_SHOWN = 8
NAMES_SHOWN = 12
# Independence of irrelevant alternatives, the non-linearity of the scale, the hierarchy.
POSTERS_THREE = ("iia", "monotone", "hierarchy")


def scheme_sections(
    analysis: Analysis, study: SchemeStudy, conventions: ConventionMoves | None = None
) -> SchemeSections:
    """Everything that a study of the schemes adds to the page."""
    return SchemeSections(
        headline=_headline(study),
        intervals=interval_section(analysis, study),
        properties=_properties(analysis, study),
        agreement=_agreement(analysis, study),
        missing=None if conventions is None else _missing(analysis, conventions),
    )


def _headline(study: SchemeStudy) -> str:
    rankings = [one.ranking for one in study.schemes if one.ranking is not None]
    first = {i for ranking in rankings for i, rank in ranking.by_id().items() if rank == 1}
    always = len(study.comparison.always_top)
    kept = f"{plural(always, 'model') if always else 'no model'} {'stays' if always < 2 else 'stay'}"
    schemes = plural(len(rankings), "scheme")
    if len(rankings) < 2:
        return ""
    if len(first) == 1:
        return (
            f"However the benchmarks are put together, the same model is first: under all {schemes} of aggregation. "
            f"In the top ten {kept} under every one."
        )
    return (
        f"Which model is best depends on how the benchmarks are put together: over {schemes} of aggregation the first "
        f"place goes to {count(len(first))} different models, and {kept} in the top ten under every one."
    )


def _properties(analysis: Analysis, study: SchemeStudy) -> PropertySection:
    audits = _by_family(analysis, study)
    return PropertySection(
        text=_property_text(audits),
        warnings=tuple(
            f"{scheme_name(audit.scheme.name)} claims {listed(audit.violated)}, and this board contradicts it."
            for audit in audits
            if audit.violated
        ),
        table=_property_table(analysis, audits),
        notes=_notes(study),
    )


def _by_family(analysis: Analysis, study: SchemeStudy) -> list[SchemeAudit]:
    by_name = {audit.scheme.name: audit for audit in study.audits}
    return [by_name[scheme.name] for scheme in shown_schemes(analysis, study) if scheme.name in by_name]


def _claimed(claims: Claims) -> int:
    return sum(getattr(claims, name) for name in POSTERS_THREE)


def _clean_here(audit: SchemeAudit) -> bool:
    """Whether none of the poster's three properties was seen violated, and all were measured."""
    return (
        audit.removal is not None
        and audit.removal.rate == 0
        and audit.monotone == 0
        and audit.hierarchy is True
    )


def _property_text(audits: list[SchemeAudit]) -> str:
    text = (
        "The poster asks three things of an aggregate: that a model’s absence changes no order of the others "
        "(independence of irrelevant alternatives, IIA), that the scale of a benchmark does not matter (any increasing "
        "rescaling), and that the hierarchy of the benchmark tree is respected. "
    )
    three = tuple(
        scheme_name(a.scheme.name) for a in audits if _claimed(a.scheme.claims) == len(POSTERS_THREE)
    )
    if three:
        text += f"Of {plural(len(audits), 'scheme')}, {listed(three)} {'has' if len(three) == 1 else 'have'} all three."
    else:
        text += f"None of the {plural(len(audits), 'scheme')} has all three."
    more = [a for a in audits if _clean_here(a) and _claimed(a.scheme.claims) < len(POSTERS_THREE)]
    if more:
        names = listed(tuple(scheme_name(a.scheme.name) for a in more))
        text += f" {names} {'shows' if len(more) == 1 else 'show'} no violation of them on this board, without a proof."
    return text


def _property_table(analysis: Analysis, audits: list[SchemeAudit]) -> Table:
    names = model_names(analysis.snapshot.models)
    rows = []
    for audit in audits:
        claims, removal = audit.scheme.claims, audit.removal
        spoiler, changed = "", ""
        if removal is not None and removal.worst_spoiler is not None and removal.worst_changes:
            spoiler, changed = names[removal.worst_spoiler], count(removal.worst_changes)
        rows.append(
            (
                scheme_name(audit.scheme.name),
                audit.scheme.family,
                f"{_claimed(claims)} of {len(POSTERS_THREE)}",
                _measured(_rate(None if removal is None else removal.rate), claims.iia),
                _measured(_rate(audit.affine), claims.affine),
                _measured(_rate(audit.monotone), claims.monotone),
                _measured({True: "yes", False: "no", None: UNKNOWN}[audit.hierarchy], claims.hierarchy),
                _measured(_rate(audit.clone), claims.clone),
                _measured(_violations(audit.pareto), claims.pareto),
                _measured(_monotonicity(audit), claims.monotonicity),
                changed,
                spoiler,
            )
        )
    columns = (
        Column("scheme", "text"),
        Column("family", "text"),
        Column("poster’s three", hint="how many of IIA, rescaling and hierarchy it claims"),
        Column("IIA", hint="a model removed, pairs of the others that change order"),
        Column("x/2", hint="one benchmark halved: affine rescaling"),
        Column("x²", hint="one benchmark squared: any increasing rescaling"),
        Column("hierarchy", hint="a group's leaves doubled inside it leave its weight"),
        Column("clone", hint="a copy of a benchmark added beside it"),
        Column("Pareto", hint="pairs in which one is nowhere worse, somewhere better, and ranked below"),
        Column("monotonicity", hint="cells whose raising by 0.01 lowers the model's rank"),
        Column("most pairs changed", hint="by the removal of one model"),
        Column("by removing", "name", hint="the model whose removal changes most pairs"),
    )
    return Table("properties", "Properties of the schemes, claimed and measured", columns, tuple(rows))


def _measured(text: str, claimed: bool) -> str:
    return f"✓ {text}" if claimed else text


def _rate(value: float | None) -> str:
    if value is None or value == 0:
        return UNKNOWN if value is None else "0"
    return percent(value, 2) if value >= 0.0001 else f"< {percent(0.0001, 2)}"


def _violations(value: int | None) -> str:
    return UNKNOWN if value is None else count(value)


def _monotonicity(audit: SchemeAudit) -> str:
    """Return the number of violations, or the share that a sample allows for; by proof, none is looked for."""
    found = audit.monotonicity
    if found is None:
        return "0" if audit.proven else UNKNOWN
    if not found.sampled:
        return count(found.violations)
    low, high = found.interval
    return f"{count(found.violations)} of {count(found.tried)} ({percent(low)}–{percent(high)})"


def _notes(study: SchemeStudy) -> tuple[Fact, ...]:
    """What else there is to know of single schemes: proofs, and why one is not here."""
    notes = []
    for one in study.schemes:
        if one.optimum is not None:
            found = one.optimum
            gap = (found.bound - found.objective) / found.bound if found.bound else 0.0
            proof = f"at most {percent(gap, 2)} below the proven bound" if gap else "proven optimal"
            stopped = f"; the proof was given up after {found.stopped}" if found.stopped else ""
            notes.append(
                Fact(
                    scheme_name(one.scheme.name),
                    f"{count(found.objective)} pairwise agreements, {proof} ({count(found.bound)}){stopped}.",
                )
            )
        if one.problem:
            notes.append(Fact(scheme_name(one.scheme.name), visible(one.problem)))
    notes += [Fact(scheme_name(a.scheme.name), visible(a.problem)) for a in study.audits if a.problem]
    if any(one.scheme.family == "reference" for one in study.schemes):
        lines = (study.reference.description, *study.reference.notes(study.board))
        notes += [Fact("Reference schemes", visible(line)) for line in lines]
    return tuple(notes)


def _agreement(analysis: Analysis, study: SchemeStudy) -> SchemeAgreementSection:
    compared, names = study.comparison, model_names(analysis.snapshot.models)
    front = compared.pareto_front or ()
    schemes = shown_schemes(analysis, study)
    known = [(pair.spearman, pair) for pair in compared.pairs if pair.spearman is not None]
    heatmap = Figure(
        "scheme-heatmap",
        "Spearman’s ρ between the rankings of all schemes",
        f"Heatmap of the rank correlations between {plural(len(schemes), 'scheme')}. The table below holds the pairs "
        "that agree least.",
        "" if known else "No two schemes have a rank correlation on this board.",
    )
    return SchemeAgreementSection(
        heatmap,
        f"Kendall’s W over all schemes is {number(compared.concordance)} (1 for one ranking under all).",
        tuple(names[i] for i in compared.always_top),
        _front_text(study),
        tuple(names[i] for i in front) if len(front) <= NAMES_SHOWN else (),
        number(lowest_agreement(scheme_pairs(study, schemes)), 1),
        _pair_table([pair for _, pair in sorted(known, key=lambda item: item[0])[:PAIRS_SHOWN]]),
    )


def _front_text(study: SchemeStudy) -> str:
    front, models = len(study.comparison.pareto_front or ()), len(study.board.models)
    if front == models:
        return "No model is at least as good as another on every benchmark: all are on the Pareto front."
    return (
        f"{plural(front, 'model')} of {count(models)} {'is' if front == 1 else 'are'} on the Pareto front: no other is "
        "at least as good on every benchmark and better on one."
    )


def _pair_table(pairs: list[SchemePair]) -> Table:
    rows = tuple(
        (
            scheme_name(pair.one),
            scheme_name(pair.other),
            number(pair.spearman),
            number(pair.tau_b),
            number(pair.kappa),
            percent(pair.top_overlap, 0),
        )
        for pair in pairs
    )
    columns = (
        Column("scheme", "text"),
        Column("and", "text"),
        Column("Spearman’s ρ"),
        Column("Kendall’s τ-b"),
        Column("κ of quartiles"),
        Column(f"top {TOP} in common"),
    )
    return Table("scheme-pairs", "Schemes that agree least", columns, rows)


def _missing(analysis: Analysis, conventions: ConventionMoves) -> MissingSection:
    names = model_names(analysis.snapshot.models)
    largest = conventions.largest
    rows = tuple(
        (
            scheme_name(move.scheme),
            move.own,
            move.other,
            number(move.mean_shift, 1),
            names[move.model],
            str(move.rank),
            str(move.other_rank),
        )
        for move in largest
    )
    columns = (
        Column("scheme", "text"),
        Column("its own rule", "text"),
        Column("other rule", "text"),
        Column("mean shift", hint="of all models, in ranks"),
        Column("moves most", "name"),
        Column("from"),
        Column("to"),
    )
    rules = "; ".join(f"{name}: {text}" for name, text in RULES.items())
    text = (
        f"On the full board, with its missing cells, the rule for FAILED and NEVER decides as well. The rules: {rules}."
        if largest
        else "The full board has no missing cells, so that no rule for them decides anything."
    )
    if conventions.problems:
        text += f" Not compared: {visible('; '.join(conventions.problems), 2000)}."
    return MissingSection(
        text, Table("missing-rules", "The other rule that moves most, for each scheme", columns, rows)
    )
