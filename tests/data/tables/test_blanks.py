"""Blanks around quoted values: read as people mean them, all else as it stands."""

import random

import pytest

from tutelage.data.tables.blanks import without_blanks
from tutelage.data.tables.delimited import read_delimited
from tutelage.data.tables.dialects import Dialect


def bare(tmp_path, content, delimiter=","):
    path, copy = tmp_path / "a.csv", tmp_path / "copy"
    path.write_text(content)
    values = without_blanks(path, copy, delimiter=delimiter)
    return values, copy.read_text() if copy.exists() else content


@pytest.mark.parametrize(
    ("content", "values", "expected"),
    [
        ('a, "b, c" ,d\n', 1, 'a,"b, c",d\n'),
        ('  "a",b\n "c" , "d"', 3, '"a",b\n"c","d"'),
        ('a, ""\n', 1, 'a,""\n'),
        ('"said, ""yes"", twice",b\n', 0, None),
        ('"he, "" , "" , she", "x"\n', 1, '"he, "" , "" , she","x"\n'),
        ('a, b "c", d\n', 0, None),
        ('a, "open\n', 0, None),
        ('"lines\n of, "" "\n', 0, None),
    ],
)
def test_only_whole_quoted_values(content, values, expected, tmp_path):
    assert bare(tmp_path, content) == (values, expected or content)


def test_another_delimiter(tmp_path):
    assert bare(tmp_path, 'a; "b";c, "d"\n', ";") == (1, 'a;"b";c, "d"\n')


def test_rows_come_back_with_a_remark(tmp_path):
    draw, path = random.Random(0), tmp_path / "a.csv"
    for _ in range(40):
        rows = [
            ["x" + "".join(draw.choices('ab,"\n ', k=draw.randrange(6))) for _ in range(3)]
            for _ in range(4)
        ]
        quoted = [
            ['"' + v.replace('"', '""') + '"' for v in row] for row in (["p", "q", "r"], *rows)
        ]
        path.write_text("".join(", ".join(row) + "\n" for row in quoted))
        table, notes = read_delimited(path, Dialect(), name="a.csv", tabs=False)
        assert [list(row.values()) for row in table] == rows
        assert any("10 values with blanks around the quotation marks" in note for note in notes)
