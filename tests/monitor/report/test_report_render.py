from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import jinja2
import pytest

from brainalign_monitor.base.cache import Cache
from brainalign_monitor.base.errors import ReportError
from brainalign_monitor.base.templating import templates
from brainalign_monitor.rendering import render_report, write_report
from brainalign_monitor.rendering.page import _bundled, _inline, embedded_json, vega_runtime
from brainalign_plugin.analysis import analyse
from brainalign_plugin.files.site_cells import Rejected
from tests.boards import small_tree, snapshot_of
from tests.conftest import ROOT
from tests.hostile import HOSTILE_NAMES
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves, report_of

VOID = {"meta", "link", "br", "img", "input", "hr"}
WORST = (
    *HOSTILE_NAMES,
    "</script><script>document.documentElement.dataset.broken = 1</script>",
    "</style><img src=x onerror=alert(1)>",
    "\u202eevil\u202d \u2066isolate",
    "nul\x00 and \ud800",
    "'\"`><svg onload=alert(1)>",
    "{{ config }} {% include 'x' %} {# #}",
    "&lt;script&gt;",
    "שלום עולם",
    "long " * 2000,
)


@dataclass
class Page(HTMLParser):
    """What a page is made of: tags with the names of their attributes, the texts, and the elements' contents."""

    tags: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    contents: dict[str, list[str]] = field(default_factory=dict)
    open_tags: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.contents.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open_tags.pop()

    def handle_endtag(self, tag):
        if not self.open_tags or self.open_tags[-1] != tag:
            self.problems.append(f"</{tag}> inside {self.open_tags[-3:]}")
        else:
            self.open_tags.pop()

    def handle_data(self, data):
        for tag in set(self.open_tags):
            self.contents[tag][-1] += data


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


@functools.cache
def hostile_view():
    """Hostile names in models and benchmarks, in cells set aside and in the command."""
    leaves = [f"Author{2000 + i}.V1-{name}" for i, name in enumerate(WORST)]
    snapshot = drawn_snapshot(60, leaves[:20], leaves[20:], names=list(WORST), source=WORST[0], simulated=True)
    cells = tuple(Rejected(1, name, name, name, name) for name in WORST[:3])
    return report_of(analyse(snapshot), command=WORST[1], rejected=cells)


@functools.cache
def plain_view():
    """The same board under harmless names."""
    leaves = [f"Author{2000 + i}.V1-name{i}" for i in range(len(WORST))]
    # Of as many families of models, so that the same sentences have intervals.
    names = [f"{chr(97 + i)}net" for i in range(len(WORST))]
    snapshot = drawn_snapshot(60, leaves[:20], leaves[20:], names=names, source="plain", simulated=True)
    cells = tuple(Rejected(1, "m", "b", "v", "r") for _ in WORST[:3])
    return report_of(analyse(snapshot), command="plain", rejected=cells)


@pytest.fixture(scope="module")
def html(whole) -> str:
    return render_report(whole)


def test_the_page_is_well_formed(html):
    page = parsed(html)
    assert page.problems == []
    assert page.open_tags == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in page.attributes:
        if name in ("aria-labelledby", "aria-describedby") or (name == "href" and value.startswith("#")):
            assert value.removeprefix("#") in ids


def test_headings_are_in_order(html):
    levels = [int(tag[1]) for tag, _ in parsed(html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_tables_figures_and_regions_are_named(html):
    page = parsed(html)
    tags = [tag for tag, _ in page.tags]
    assert html.count('<table id="') == len(re.findall(r'<table id="[\w-]+" aria-labelledby="[\w-]+"', html))
    assert {"header", "main", "footer"} <= set(tags)
    charts = [dict_ for tag, dict_ in ((t, names) for t, names in page.tags) if "role" in dict_ and tag == "div"]
    assert all("aria-label" in names or "aria-labelledby" in names for names in charts)
    images = re.findall(r'<(?:svg|div)[^>]*role="img"[^>]*>', html)
    assert len(images) == 6
    assert all(re.search(r'aria-label="[^"]{10,}"', image) for image in images)


def test_nothing_is_loaded_from_anywhere(html):
    page = parsed(html)
    for _, name, value in page.attributes:
        if name in ("src", "href", "action", "srcset", "data", "poster"):
            assert value.startswith("#") or value == "data:,"
        assert not name.startswith("on")
        assert name != "style"
    assert "url(" not in "".join(page.contents["style"])
    assert "@import" not in "".join(page.contents["style"])


def test_the_policy_names_exactly_the_scripts_and_styles_of_the_page(html):
    page = parsed(html)
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    hashes = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in hashes]
    assert len(hashes) == 2
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    style = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert rules["style-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()}'"
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_the_runtime_is_in_the_page_once(html):
    assert html.count(vega_runtime()) == 1
    assert len(html.encode()) < len(vega_runtime().encode()) + 260_000


def test_the_runtime_is_kept_and_a_damaged_one_is_made_again(tmp_path):
    cache = Cache(tmp_path)
    assert vega_runtime(cache) == vega_runtime()
    (kept,) = tmp_path.rglob("*.json")
    assert len(kept.read_bytes()) > 500_000
    document = json.loads(kept.read_text())
    kept.write_text(json.dumps({**document, "value": "from the cache"}))
    assert vega_runtime(cache) == "from the cache"
    kept.write_text("half a fi")
    assert vega_runtime(cache) == vega_runtime()


def test_a_runtime_that_cannot_be_bundled_is_an_error(tmp_path, monkeypatch):
    def broken(*_: str) -> str:
        raise ValueError("no such version")

    _bundled.cache_clear()
    monkeypatch.setattr("vl_convert.javascript_bundle", broken)
    with pytest.raises(ReportError, match="no such version"):
        vega_runtime(Cache(tmp_path))


def test_a_page_without_charts_carries_no_runtime():
    empty = render_report(report_of(analyse(snapshot_of(small_tree(), []))))
    assert len(empty) < 80_000
    assert parsed(empty).problems == []


def _without_title(tag):
    """Leave out the attribute that holds a name which is too long for its cell."""
    name, attributes = tag
    return name, tuple(one for one in attributes if one != "title")


def test_hostile_names_change_no_tag():
    hostile, plain = parsed(render_report(hostile_view())), parsed(render_report(plain_view()))
    assert hostile.problems == plain.problems == []
    assert [_without_title(tag) for tag in hostile.tags] == [_without_title(tag) for tag in plain.tags]


def test_hostile_names_are_shown_as_they_are():
    page = parsed(render_report(hostile_view()))
    names = {text.partition(" · id ")[0] for text in page.contents["bdi"]}
    for name in ("<script>alert(document.domain)</script>", "{{ 7 * 7 }}{% raw %}", "&lt;script&gt;", "שלום עולם"):
        assert name in names
    assert "two lines three" in names
    titles = {value for tag, name, value in page.attributes if (tag, name) == ("span", "title")}
    assert any(title.startswith("<!-- unclosed comment") for title in titles)
    assert max(map(len, titles)) <= 400


def test_every_foreign_name_in_a_table_is_isolated():
    html = render_report(hostile_view())
    for name in ("שלום עולם", "546", "null"):
        shown = re.findall(rf">{re.escape(name)}[^<>]*<", html.split('<script type="application/json"')[0])
        bare = [s for s in re.findall(rf"<(\w+)[^<>]*>{re.escape(name)} · id", html) if s != "bdi"]
        assert shown
        assert bare == []


def test_hostile_names_come_back_from_the_embedded_data():
    html = render_report(hostile_view())
    text = re.search(r'<script type="application/json" id="page">(.*?)</script>', html, flags=re.DOTALL)
    assert text is not None
    assert not set(text.group(1)) & set("<>&")
    page = json.loads(text.group(1))
    names = "\n".join(name for _, name, _ in page["models"])
    assert "</script><script>document.title='broken out'</script>" in names
    assert {chart["id"] for chart in page["charts"]} >= {"matrix", "pair", "parts", "best", "bump"}


def test_embedded_json_cannot_leave_its_element():
    value = {"a": "</script><!--<script>&\u2028", "b": [1.5, None, True]}
    text = embedded_json(value)
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="JSON"):
        embedded_json({"a": float("nan")})


@pytest.mark.parametrize("text", ["x = '</script>'", "<!-- x", "a { } </STYLE>", "'<script'"])
def test_an_inline_text_that_ends_its_element_is_refused(text):
    with pytest.raises(ReportError, match="would break the page"):
        _inline(text)


def test_a_template_that_names_what_is_not_there_fails():
    with pytest.raises(jinja2.UndefinedError):
        templates().from_string("{{ nothing }}").render()
    assert templates().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"


def test_every_template_is_used():
    names = {path.name for path in (ROOT / "templates").glob("report*")}
    text = "".join((ROOT / "templates" / name).read_text(encoding="utf-8") for name in names)
    source = (ROOT / "monitor" / "rendering" / "page.py").read_text(encoding="utf-8")
    for name in names:
        assert f'"{name}"' in text + source


def test_marks_of_what_a_board_is(drawn):
    plain = render_report(report_of(drawn))
    assert 'class="banner"' not in plain
    assert "Reconstructed." not in plain
    simulated = render_report(hostile_view())
    assert 'class="banner"' in simulated
    assert "<title>[simulated] " in simulated


@pytest.mark.needs("shared")
def test_the_real_report_says_where_its_claims_are_from(real):
    html = render_report(real)
    for text in ("How Aligned are Different Alignment Metrics?", "2407.07530", "Ahlert", "95.2\u202f%", "67.3\u202f%",
                 "Integrative Benchmarking", "Partial success in closing the gap"):  # fmt: skip
        assert text in html, text
    # The runtime alone is 0.8 MB.
    assert len(html.encode()) < 1_500_000


def test_a_large_board_stays_below_the_limit():
    """300 models × 60 benchmarks, all complete, with names as long as the real ones."""
    names = [f"effnetb1_cutmixpatch_augmix_robust32_avge4e7_manylayers_{i}x{2 * i}" for i in range(300)]
    leaves = [f"Author{2000 + i}_Reference{1960 + i}-a_rather_long_name_of_a_metric_{i}" for i in range(60)]
    report = report_of(analyse(drawn_snapshot(300, leaves[:40], leaves[40:], names=names)), study=None, validity=None)
    assert len(report.models) == 300
    assert len(render_report(report).encode()) < 2_500_000


_RENDERS = """
import hashlib, sys
from brainalign_monitor.rendering import render_report
from brainalign_plugin.analysis import analyse
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves, report_of
snapshot = drawn_snapshot(20, plain_leaves(5, "V1-pls"), plain_leaves(3, "i2n"), names=["a", "b", "c"])
print(hashlib.sha256(render_report(report_of(analyse(snapshot))).encode()).hexdigest())
"""


def test_the_same_input_gives_the_same_bytes_in_any_process():
    snapshot = drawn_snapshot(20, plain_leaves(5, "V1-pls"), plain_leaves(3, "i2n"), names=["a", "b", "c"])
    view = report_of(analyse(snapshot))
    here = hashlib.sha256(render_report(view).encode()).hexdigest()
    assert hashlib.sha256(render_report(view).encode()).hexdigest() == here
    elsewhere = subprocess.run(
        [sys.executable, "-c", _RENDERS],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == here


def test_importing_the_report_loads_no_renderer():
    code = "import sys, brainalign_monitor.rendering; print({'altair', 'vl_convert'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_a_report_is_written_whole(tmp_path: Path):
    path = tmp_path / "new" / "report.html"
    assert write_report(path, "<p>één</p>") == path
    assert path.read_bytes() == "<p>één</p>".encode()
    write_report(path, "second")
    assert path.read_text() == "second"
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ReportError, match=r"report\.html"):
        write_report(tmp_path / "file" / "report.html", "x")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ReportError, match=r"folder\.html"):
        write_report(tmp_path / "folder.html", "x")
