"""The page on methods: words of the site, headline figures, rules for missing scores, all schemes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from brainalign_plugin.schemes import get_scheme, scheme_names
from brainalign_plugin.schemes.base import Claims
from brainalign_plugin.schemes.missing import CONVENTIONS
from brainalign_plugin.text import UNKNOWN

from ..history.figures import FIGURES
from .records import Column, Page, Section, Table

_WORDS = (
    ("the poster", "Ahlert, Klein, Wichmann, Geirhos: How aligned are different alignment metrics? (arXiv 2407.07530)"),
    ("the poster’s board", "benchmarks that at most half of the models lack, then models that lack none of these"),
    ("official rank", "by Brain-Score’s tree mean, missing scores as 0, rounded to two decimals; ties share a rank"),
    ("ρ", "Spearman’s rank correlation: 1 is the same order of models, 0 no relation, −1 the opposite order"),
    ("good models", "for two benchmarks, the better half of the models by the benchmarks of all other papers"),
    ("papers balanced", "each pair of distinct papers counts once, whatever the number of their benchmarks"),
    ("95 % interval", "from redrawing families of models with all their members; near-copies are one family"),
    ("universe score", "a model’s expected score over all papers that could have measured the same parts of the tree"),
    ("tier", "models in order; a new tier begins where its first is told apart from the first of the one before"),
    ("told apart", "one model is above the other with a probability of at least 0.975"),
    ("reliability", "share of the variance of an average that would stay if other papers had measured the same parts"),
    ("one more paper", "the reliability that the official average would have, did it disagree as the papers there do"),
    ("dimensions", "of parallel analysis: components of the benchmarks that are larger than those of shuffled scores"),
    ("kept alike", "shuffled as whole families, so that members of one family add no dimension of their own"),
    ("shared properties", "metric, region, species, acquisition; p by permuting benchmarks"),
    ("effective weight", "weight × covariance of a benchmark with the average over the average’s variance"),
    ("reconstructed", "a board of the past, made of the newest scores by the times at which they were scored"),
    ("restated", "a score of the same model, benchmark and version that changed"),
)  # fmt: skip
_PROPERTIES = {
    "iia": "removing a model never changes the order of two others",
    "affine": "stretching or shifting one benchmark changes nothing",
    "monotone": "any increasing change of one benchmark changes nothing",
    "clone": "a copy of a benchmark beside it changes no order",
    "monotonicity": "a higher score never lowers a rank",
    "pareto": "a model at least as good everywhere is never ranked below",
    "hierarchy": "more benchmarks in a group leave the group’s weight",
}


def methods_page(figures: Sequence[str] = tuple(FIGURES)) -> Page:
    """Return the page on methods; `figures`: names of the headline figures that the board has."""
    claims = [one.name for one in fields(Claims)]
    schemes = [get_scheme(name) for name in scheme_names()]
    rows = tuple(
        (
            one.name,
            one.family,
            one.scale.description,
            one.combination,
            one.conventions[0],
            ", ".join(claim for claim in claims if getattr(one.claims, claim)) or UNKNOWN,
            one.source,
        )
        for one in schemes
    )
    columns = (
        Column("scheme", "text"),
        Column("family", "text"),
        Column("scale", "prose"),
        Column("how scores become one", "prose"),
        Column("missing", "text"),
        Column("properties", "prose"),
        Column("source", "prose"),
    )
    sections = (
        Section("words", "What do the words mean?", "In the order in which a reader meets them.",
                tables=(_glossary("glossary", "Words", _WORDS),)),
        Section("figures", "What are the headline figures?", "All are on the poster’s board.",
                tables=(_glossary("headline", "Headline figures",
                                  tuple((name, FIGURES[name]) for name in figures)),)),
        Section("missing", "What becomes of missing scores?",
                "FAILED: it was run and gave no number. NEVER: it was not run.",
                tables=(_glossary("rules", "Rules for missing scores", tuple(CONVENTIONS.items())),)),
        Section("schemes", "Which schemes are there?",
                f"{len(schemes)}; the properties are those that a proof gives on every complete board; those "
                "measured on a board are in its report.",
                tables=(Table("scheme-list", "All schemes", columns, rows),
                        _glossary("properties", "Properties", tuple(_PROPERTIES.items())))),
    )  # fmt: skip
    answer = "Every figure of this site, its definition and its source."
    return Page("methods", "methods.html", "Methods", answer, sections)


def _glossary(name: str, caption: str, rows: tuple[tuple[str, str], ...]) -> Table:
    return Table(name, caption, (Column("word", "text"), Column("meaning", "prose")), rows)
