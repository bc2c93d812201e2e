"""CSV is read as people have it, and no text breaks out of the one that we write."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_plugin.files.csv_table import csv_text, decimal_point, read_table, titles_of


@pytest.mark.parametrize(
    ("text", "comments", "header", "rows"),
    [
        ("a,b\n1,2\n", (), ["a", "b"], [["1", "2"]]),
        ("# x\na;b\n1;2,5", ("# x",), ["a", "b"], [["1", "2,5"]]),
        ('"# x, y",,\n#z;;\n,,\na,b,\n1,2,\n,,\n', ("# x, y", "#z"), ["a", "b"], [["1", "2"]]),
        ("sep=\t\na;b\tc\n1\t2\n", (), ["a;b", "c"], [["1", "2"]]),
        ('"a,b";c\n1;"x\ny"\n', (), ["a,b", "c"], [["1", "x\ny"]]),
        ('# x||\n||\nmodel|"a|b"|c\nx|0,5|1\n', ("# x",), ["model", "a|b", "c"], [["x", "0,5", "1"]]),
        ("a|b,c\n1|2,3\n", (), ["a|b", "c"], [["1|2", "3"]]),
        ("a\r1\r\r2\r", (), ["a"], [["1"], ["2"]]),
    ],
)
def test_a_table_is_read_without_what_a_spreadsheet_adds(text, comments, header, rows):
    table = read_table(text)
    assert table.comments == comments
    assert [field.text for field in table.header.fields] == header
    assert [[field.text for field in row.fields] for row in table.rows] == rows
    assert titles_of(text) == tuple(header)


def test_rows_know_their_lines():
    table = read_table('# x\n\na,b\r\n"1\r\n1",2\r\n\r\n3,4')
    assert [row.line for row in (table.header, *table.rows)] == [3, 4, 7]


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n", ",,\n", 'a,"b'])
def test_no_table_is_refused(text):
    with pytest.raises(ValueError, match="it "):
        read_table(text)
    assert titles_of(text) == ()


@pytest.mark.parametrize(
    ("given_", "expected"), [("0,5", "0.5"), (",5", ".5"), ("-1,25", "-1.25"), ("1,2,3", "1,2,3"), ("a,5", "a,5")]
)
def test_a_decimal_comma_becomes_a_point(given_, expected):
    assert decimal_point(given_) == expected


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", " '=1"),
        ("  =1", "  '=1"),
        ("＝1+1", "'＝1+1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("﹦1", "'﹦1"),
        ("\u22121", "'\u22121"),
        ("a;=1+1", "a;'=1+1"),
        ("a\r=1", "a =1"),
        ("a\nb\u2028c\x85d\x0be", "a b c d e"),
        ("a\x1b[31mb\u202ec\0", "a\ufffd[31mb\ufffdc\ufffd"),
        ('say "x", y', 'say "x", y'),
        ("\ud800", "\ufffd"),
    ],
)
def test_no_name_breaks_out_of_its_cell(name, written):
    text = csv_text(["a", "b"], [[name, -1.5], [None, 3]])
    assert len(text.splitlines()) == 3
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], [written, "-1.5"], ["", "3"]]


@given(st.text(max_size=20))
def test_any_name_stays_one_cell_of_one_line(name):
    text = csv_text(["a", "b"], [[name, 1]])
    assert len(text.splitlines()) == 2
    (_, (cell, one)) = csv.reader(io.StringIO(text, newline=""))
    assert one == "1"
    assert not unicodedata.normalize("NFKC", cell).lstrip().startswith(("=", "+", "-", "@"))
