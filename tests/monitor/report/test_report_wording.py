from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.report import wording
from brainalign_plugin.plot.labels import LABEL_LIMIT, leaf_labels
from brainalign_plugin.text import counted, shortened, visible

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=400)


@given(ANYTHING)
def test_shown_text_is_one_line_that_utf8_and_a_tooltip_can_hold(text):
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert 0 < len(shown) <= 300
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI") for c in shown
    )


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/me/boards/compare-data.json.gz", "compare-data.json.gz"),
        ("https://me:secret@lab.test/x/?token=abc#d", "https://lab.test/x/"),
        ("https://www.brain-score.org/vision/compare/data/", "https://www.brain-score.org/vision/compare/data/"),
        ("postgresql+psycopg://u:p@10.0.0.1/db", "a postgresql database"),
    ],
)
def test_a_published_source_names_no_local_path_and_no_secret(source, shown):
    assert wording.public_source(source) == shown


def test_ordinary_text_of_any_script_is_shown_as_it_is():
    for name in ("resnet-50_v1.5 (robust)", "שלום", "模型-1", "naïve·café", "<b>&amp;</b>"):
        assert visible(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\n", "two lines"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("a\x00b\ud800", "a\ufffdb\ufffd"),
        ("   ", "(no name)"),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_what_cannot_be_shown_is_marked(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.18672, 3, "0.187"),
        (-0.5, 2, "−0.50"),
        (-0.0001, 3, "0.000"),
        (None, 3, "–"),
        (math.nan, 3, "–"),
        (math.inf, 1, "–"),
    ],
)
def test_numbers(value, digits, text):
    assert wording.number(value, digits) == text


def test_other_figures():
    assert wording.percent(0.9456370) == "94.6\u202f%"
    assert wording.percent(None) == "–"
    assert wording.small(0.0005000000000000004) == "0.0005"
    assert wording.small(0.0) == "0"
    assert wording.small(1.0) == "1"
    assert counted(1, "pair") == "1 pair"
    assert counted(1275, "pair") == "1,275 pairs"
    assert wording.listed(("a", "b", "c")) == "a, b and c"
    assert wording.listed(("a",)) == "a"


def test_days_are_in_utc_and_without_a_locale():
    assert wording.day(datetime(2024, 1, 1, tzinfo=UTC)) == "1 January 2024"
    east = timezone(timedelta(hours=9))
    assert wording.day(datetime(2024, 3, 2, 8, 5, tzinfo=east)) == "1 March 2024, 23:05 UTC"


@given(st.text(max_size=200), st.integers(4, 60))
def test_shortened_text_keeps_both_ends(text, limit):
    short = shortened(text, limit)
    assert len(short) <= limit
    if len(text) > limit:
        head, tail = short.split("…", 1) if text.count("…") == 0 else (short[:1], short[-1:])
        assert text.startswith(head)
        assert text.endswith(tail)


def test_labels_of_one_paper_lose_what_they_share():
    leaves = (
        "Marques2020_Ringach2002-or_selective",
        "Marques2020_FreemanZiemba2013-max_noise",
        "Marques2020_Schiller1976-sf_bandwidth",
        "Geirhos2021colour-error_consistency",
        "Geirhos2021sketch-error_consistency",
        "Geirhos2021edge-error_consistency",
        "MajajHong2015.IT-pls",
    )
    found = leaf_labels(leaves)
    assert list(found) == [
        "Marques2020 or_selective",
        "Marques2020 max_noise",
        "Marques2020 sf_bandwidth",
        "Geirhos2021 colour",
        "Geirhos2021 sketch",
        "Geirhos2021 edge",
        "MajajHong2015.IT-pls",
    ]


def test_a_shared_ending_is_cut_only_at_whole_words():
    found = leaf_labels(("Author2020-afoo_bar", "Author2020-bfoo_bar", "Author2020-cfoo_bar"))
    assert list(found) == ["Author2020 afoo", "Author2020 bfoo", "Author2020 cfoo"]


_PARTS = st.sampled_from(
    ["Author2020", "Other2021", "Third1999", "-", "_", ".", "V1", "pls", "x", "\u202e", "\n", "y" * 60]
)


@given(st.lists(st.lists(_PARTS, min_size=1, max_size=5).map("".join), unique=True, max_size=12))
def test_no_two_labels_are_alike_or_too_long(leaves):
    found = leaf_labels(leaves)
    assert len(set(found)) == len(leaves)
    assert all(0 < len(label) <= LABEL_LIMIT for label in found)


def test_a_long_reason_ends_after_a_whole_name():
    reason = f"108 models joined: new to the leaderboard ({', '.join(f'net{n} ({n})' for n in range(40))})"
    shown = wording.whole_names(reason)
    assert shown.endswith("), …)")
    assert reason.startswith(shown.removesuffix(", …)"))
    assert len(shown) <= 122
    assert wording.whole_names(reason[:90]) == reason[:90]
