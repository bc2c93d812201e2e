"""Templates of one's own: taken before the package's, kept in the sandbox, and named with their line when broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainalign_monitor.base.errors import TemplateError, exit_code
from brainalign_monitor.base.templating import render
from brainalign_monitor.rendering import render_report


def own(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_template_of_ones_own_is_taken_instead(whole, tmp_path):
    own(tmp_path, "report_cite.html.j2", '<div id="cite">Lab of {{ report.title }}</div>\n')
    page = render_report(whole, tmp_path)
    assert '<div id="cite">Lab of Brain-Score vision</div>' in page
    assert 'id="changed"' in page
    assert "Lab of" not in render_report(whole)


def test_the_original_can_be_extended_and_included(whole, tmp_path):
    text = '<p>before</p>{% include "brainalign/report_cite.html.j2" %}<p>after</p>\n'
    page = render_report(whole, own(tmp_path, "report_cite.html.j2", text))
    assert page.index("<p>before</p>") < page.index('<div id="cite">') < page.index("<p>after</p>")


def test_styles_of_ones_own_are_allowed_by_the_policy(whole, tmp_path):
    page = render_report(whole, own(tmp_path, "report.css", "body { color: teal }"))
    assert "body { color: teal }</style>" in page


def test_names_are_escaped_in_templates_of_ones_own(tmp_path):
    own(tmp_path, "x.html.j2", "{{ name }}")
    assert render("x.html.j2", tmp_path, name="<script>") == "&lt;script&gt;"
    own(tmp_path, "x.txt.j2", "{{ name }}")
    assert render("x.txt.j2", tmp_path, name="<script>") == "<script>"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("one\n{% if %}\n", 2, "Expected an expression"),
        ("one\n\n{{ nothing.at_all }}\n", 3, "'nothing' is undefined"),
        ("{% for x in y %}\n", 1, "Unexpected end of template"),
        ("one\n{{ 1 + 'a' }}\n", 2, "unsupported operand"),
        ("one\n{{ 1 / 0 }}\n", 2, "division by zero"),
        ("one\ntwo\n{{ report.__class__ }}\n", 3, "unsafe"),
        ("{{ ''.__class__.__mro__ }}\n", 1, "unsafe"),
        ("{% set x = range(9999999) %}\n", 1, "too big"),
        ('\n{% include "not_there.html.j2" %}\n', None, "there is no template 'not_there.html.j2'"),
    ],
)
def test_a_broken_one_is_named_with_its_line(whole, tmp_path, text, line, said):
    own(tmp_path, "report_cite.html.j2", text)
    with pytest.raises(TemplateError, match=said) as caught:
        render_report(whole, tmp_path)
    assert exit_code(caught.value) == 3
    if line is not None:
        assert f"{str(tmp_path / 'report_cite.html.j2')!r} is broken in line {line}:" in str(caught.value)


def test_one_that_lacks_what_others_need_is_named_too(whole, tmp_path):
    with pytest.raises(TemplateError, match=r"report\.html\.j2' is broken in line \d+: .*does not export"):
        render_report(whole, own(tmp_path, "report_macros.html.j2", "nothing here\n"))


def test_one_that_is_not_utf8_is_refused(whole, tmp_path):
    (tmp_path / "report_cite.html.j2").write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match="not UTF-8"):
        render_report(whole, tmp_path)


def test_a_folder_that_is_not_there_is_refused(whole, tmp_path):
    with pytest.raises(TemplateError, match="not there; make it"):
        render_report(whole, tmp_path / "nowhere")
