"""Form of delimited files: delimiters that are recognized, headers and their mistakes."""

import pytest

from tutelage.data.tables.delimited import read_delimited
from tutelage.data.tables.dialects import Dialect, examine
from tutelage.errors import ConfigError, DataError


def form(tmp_path, content, *, tabs=False, **options):
    path = tmp_path / "a"
    path.write_bytes(content.encode())
    return examine(path, Dialect(**options), name="a.csv", tabs=tabs)


@pytest.mark.parametrize(
    ("content", "tabs", "delimiter", "columns"),
    [
        ("text,label\n", False, ",", ("text", "label")),
        ("text;label, or not\n", False, ",", ("text;label", "or not")),
        ("text;label\n", False, ";", ("text", "label")),
        ("text|label|id\n", False, "|", ("text", "label", "id")),
        ("text\tlabel\n", False, "\t", ("text", "label")),
        ("text,label\n", True, ",", ("text", "label")),
        ("text\tlabel,\n", True, "\t", ("text", "label,")),
        ("text\n", False, ",", ("text",)),
        ('"a;b"\n', False, ",", ("a;b",)),
    ],
)
def test_delimiters(content, tabs, delimiter, columns, tmp_path):
    file, notes = form(tmp_path, content, tabs=tabs)
    assert file.delimiter == delimiter
    assert file.columns == columns
    usual = "\t" if tabs else ","
    assert any("separated by" in note for note in notes) == (delimiter != usual)


def test_a_delimiter_that_is_named_is_kept(tmp_path):
    assert form(tmp_path, "a;b\n", delimiter=",")[0].columns == ("a;b",)
    for option in ({"delimiter": "||"}, {"delimiter": ""}, {"escape": "é"}):
        with pytest.raises(ConfigError, match=r"data\.params\..* must be one ASCII character"):
            Dialect(**option)


def test_headers(tmp_path):
    file, notes = form(tmp_path, '\n\n"text\nof it", label ,,\n')
    assert file.columns == ("text\nof it", "label", "", "")
    assert file.named == ("text\nof it", "label")
    assert (file.header_lines, file.leading) == (2, 2)
    assert notes == ["blanks around names of columns are removed"]
    file, notes = form(tmp_path, "good,1\n", header=("text", "label"))
    assert (file.columns, file.header_lines, notes) == (("text", "label"), 0, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,a\n1,2,3\n", r"must name each column once, but is: a, b, a; .* data\.params\.header"),
        (",,\n", "must name each column once"),
        ("\n\n", "has only blank lines"),
        ('"' + "word " * 40_000 + '",a', "cannot be read as csv: field larger"),
    ],
)
def test_mistakes(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        form(tmp_path, content)


@pytest.mark.parametrize("first", ["sep=;", "SEP=;\r", '"sep=;"', "sep=|", "sep=\t"])
def test_a_first_line_that_declares_the_delimiter(first, tmp_path):
    mark = first.strip('"\r')[-1]
    file, notes = form(tmp_path, f"{first}\na{mark}b, c\n")
    assert (file.delimiter, file.columns, file.leading) == (mark, ("a", "b, c"), 1)
    assert any(f"declares the delimiter {mark!r}" in note for note in notes)
    (tmp_path / "a").write_text(f"{first}\na{mark}b\n1{mark}2\n", newline="")
    table, notes = read_delimited(tmp_path / "a", Dialect(), name="a.csv", tabs=False)
    assert table[:] == {"a": ["1"], "b": ["2"]}
    assert len(notes) == 1


def test_a_column_that_begins_like_a_declaration(tmp_path):
    assert form(tmp_path, "sep=name,b\n")[0].columns == ("sep=name", "b")
