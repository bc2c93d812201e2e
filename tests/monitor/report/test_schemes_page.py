"""docs/schemes.md says what the registry says, and the rates that are measured on the real board."""

from __future__ import annotations

import re

import pytest

from brainalign_plugin.audit.audit import RULES
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.rank import bound_scheme
from brainalign_plugin.schemes import get_scheme, scheme_names
from tests.boards import board_of, small_tree, snapshot_of
from tests.commands import documented_table
from tests.conftest import ROOT

PAGE = "schemes.md"
TEXT = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
FAMILIES = {
    "### Tree": "tree",
    "### Flat, cardinal": "cardinal",
    "### Ordinal": "ordinal",
    "### Latent": "latent",
    "### Frozen reference": "reference",
}
MEASURED = {row[0]: row[1:] for row in documented_table("### Claimed and measured", PAGE)}
# In the order of the columns after the number of the poster's properties.
PROPERTIES = ("iia", "affine", "monotone", "hierarchy", "clone", "pareto", "monotonicity")


def test_every_scheme_has_its_row_with_what_it_is():
    described = {}
    for heading, family in FAMILIES.items():
        for name, scale, combination, missing, source in documented_table(heading, PAGE):
            described[name] = (family, scale, combination, missing.replace("*", ""), source)
    assert described == {
        name: (
            scheme.family,
            scheme.scale.description,
            scheme.combination,
            ", ".join(scheme.conventions),
            scheme.source,
        )
        for name in scheme_names()
        for scheme in [get_scheme(name)]
    }


def test_claims_are_those_of_the_registry():
    assert tuple(MEASURED) == scheme_names()
    for name, (three, *cells) in MEASURED.items():
        claims = get_scheme(name).claims
        assert {p: "✓" in cell for p, cell in zip(PROPERTIES, cells, strict=True)} == {
            p: getattr(claims, p) for p in PROPERTIES
        }, name
        assert int(three) == claims.iia + claims.monotone + claims.hierarchy


def test_the_words_on_frozen_references_are_the_claims():
    for name, has in (
        ("HIER_REF_NORMAL", (True, True, True)),
        ("REF_NORMAL", (True, True, False)),
        ("REF_ZMEAN", (True, False, False)),
    ):
        claims = get_scheme(name).claims
        assert (claims.iia, claims.monotone, claims.hierarchy) == has
        assert f"- **{name} has " in TEXT
    assert [name for name in scheme_names() if MEASURED[name][0] == "3"] == ["HIER_REF_NORMAL"]


def test_rules_for_missing_cells_are_all_there():
    assert {row[0]: row[1] for row in documented_table("## Rules for missing cells", PAGE)} == RULES


def test_a_scheme_as_the_page_defines_it_can_be_used():
    (snippet,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    made: dict = {}
    exec(compile(snippet, PAGE, "exec"), made)
    scheme = made["TRIMMED"]
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.2] * 6])
    assert scheme.scores(board).tolist() == pytest.approx([0.35, 0.2])


def shown(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{100 * value:.2f} %" if value else "0"
    return str(value)


@pytest.mark.needs("shared")
def test_the_rates_are_those_of_the_real_board(real_study):
    compared = 0
    for audit in real_study.audits:
        cells = [cell.removesuffix(" ✓") for cell in MEASURED[audit.scheme.name][1:]]
        found = {
            "iia": None if audit.removal is None else audit.removal.rate,
            **{name: getattr(audit, name) for name in PROPERTIES[1:-1]},
            "monotonicity": None if audit.monotonicity is None else audit.monotonicity.violations,
        }
        for name, cell in zip(PROPERTIES, cells, strict=True):
            # A report leaves out what takes long; the page has it from `audit --thorough`.
            if found[name] is not None:
                assert cell == shown(found[name]), (audit.scheme.name, name)
                compared += 1
    assert compared > 150


def test_reference_schemes_are_defined_without_the_board_that_is_scored():
    """What the page says sets them apart: who else is there changes no score."""
    tree = small_tree()
    rows = [[0.1, 0.5, 0.3, 0.4, 0.2, 0.7, 0.1], [0.4, 0.2, 0.6, 0.1, 0.9, 0.3, 0.1], [0.8] * 7]
    reference = given_board(snapshot_of(tree, rows))
    board = snapshot_of(tree, rows).board()
    for name in ("REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL"):
        scheme = bound_scheme(name, reference)
        alone = [float(scheme.scores(board.take(rows=[i]))[0]) for i in range(3)]
        assert alone == scheme.scores(board).tolist()
