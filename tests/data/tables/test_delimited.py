"""Rows of delimited files: values as they stand, counted against header and lines."""

import csv
import random

import pandas
import pytest

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.tables.delimited import read_delimited
from tutelage.data.tables.dialects import Dialect
from tutelage.errors import DataError


def read(tmp_path, content, *, tabs=False, spill=False, **options):
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows, notes = read_delimited(
        path,
        Dialect(**options),
        name="a.csv",
        tabs=tabs,
        spill=tmp_path / "spilled" if spill else None,
    )
    return rows[:], notes


@pytest.mark.parametrize("spill", [False, True])
def test_delimiters_at_the_end_of_rows_move_no_column(spill, tmp_path):
    table = {"text": ["bad", "good"], "label": ["neg", "pos"], "source": ["x", "y"]}
    for header in ("text,label,source", "text,label,source,", "text,label,source,,"):
        read_rows, notes = read(tmp_path, f"{header}\nbad,neg,x,\ngood,pos,y,\n", spill=spill)
        assert read_rows == table
        assert notes
    assert read(tmp_path, "text,label,source,\nbad,neg,x\ngood,pos,y\n")[0] == table


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\nb,2,3\n", r"line 3 of a\.csv has 3 values, but the first line names 2 columns \(text, label\)"),
        ("a,1\n\n\nb\n", r"line 5 of a\.csv has 1 value, .* data\.params\.delimiter"),
        ("a,1,\nb,2\n", r"line 2 of a\.csv has 3 values"),
        ("a,1,\nb,2,3\n", r"rows of a\.csv have 3 values, .* give the value '3' and its like a name"),
        ('a,1\n"x\ny",1\n"b,2"\n', r"line 5 of a\.csv has 1 value"),
        ("", "names columns in its first line, but has no rows"),
        ("\n\n", "has no rows"),
        ('a,1\n"open,2\nc,3\n', r"line 3 of a\.csv begins .* closes neither.*: \"open,2 .*quoting = false"),
        ('a,1\n"open,2\nsaid "no",3\n', r"line 3 of a\.csv begins a value with a quotation mark"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(rows, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(tmp_path, "text,label\n" + rows)


GLUE = 'text\tlabel\nends well\t0\n"unclosed 1\t1\nends\t0\nsaid "stop" and\t1\n"closed"\t0\n'


def test_marks_in_files_with_tabs_are_text_where_they_do_not_quote(tmp_path):
    rows, notes = read(tmp_path, GLUE, tabs=True)
    assert rows["text"] == ["ends well", '"unclosed 1', "ends", 'said "stop" and', '"closed"']
    assert rows["label"] == ["0", "1", "0", "1", "0"]
    assert notes == ["quotation marks are part of the values (data.params.quoting)"]
    closed_later = 'text\tlabel\n"a\t0\nb"\t1\n'
    assert read(tmp_path, closed_later, tabs=True)[0]["text"] == ['"a', 'b"']
    with pytest.raises(DataError, match=r"line 3 of a\.csv begins"):
        read(tmp_path, GLUE, tabs=True, quoting=True)


def test_marks_in_files_with_tabs_quote_where_all_do(tmp_path):
    content = 'text\tlabel\n"a ""b"" c"\t0\n"two\nlines"\t1\n'
    rows, notes = read(tmp_path, content, tabs=True)
    assert rows["text"] == ['a "b" c', "two\nlines"]
    assert notes == ["1 value of several lines"]


def test_options(tmp_path):
    assert read(tmp_path, 'text,label\n"a",1\n', quoting=False)[0]["text"] == ['"a"']
    escaped = 'text,label\n"he said \\"no\\", twice",1\n'
    assert read(tmp_path, escaped, escape="\\")[0]["text"] == ['he said "no", twice']
    with pytest.raises(DataError, match=r"data\.params\.escape"):
        read(tmp_path, escaped)
    assert read(tmp_path, "a,1\nb,2\n", header=("text", "label"))[0]["text"] == ["a", "b"]


def test_what_is_told(tmp_path):
    def notes(content):
        return "; ".join(read(tmp_path, content)[1])

    assert notes("text,label\na,1\n") == ""
    assert "column 1 has no name (an index, as pandas writes it?)" in notes(",text\n0,a\n1,b\n")
    assert "column 2 has no name and no values" in notes("text,,label\na,,1\n")
    assert "separated by semicolons" in notes("text;label\na;1\n")
    assert "3 blank lines skipped" in notes("\ntext,label\n\na,1\n  \n")
    assert "1 value of several lines" in notes('text,label\n"a\nb",1\n')
    assert "read without the marks (the first in line 3)" in notes('text,label\na,1\n"b" c,1\n')
    assert "blanks around names" in notes("text, label\na,1\n")


def test_other_line_ends_and_bare_characters(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        for last in ("", end):
            content = f"text,label{end}a b,1{end}c,2{last}"
            assert read(tmp_path, content) == ({"text": ["a b", "c"], "label": ["1", "2"]}, [])
    assert read(tmp_path, "text,label\na\0b,NA\n")[0] == {"text": ["a\0b"], "label": ["NA"]}
    with pytest.raises(DataError, match=r"line 3 of a\.csv is not UTF-8"):
        read(tmp_path, "text,label\na,1\ncafé,2\n".encode("latin-1"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_random_tables_come_back(delimiter, end, tmp_path):
    draw = random.Random(delimiter + end)
    path = tmp_path / "a.csv"
    for _ in range(60):
        columns = [f"c{n}" for n in range(draw.randrange(2, 5))]
        rows = [
            ["".join(draw.choices(f'ab{delimiter}"\n é', k=draw.randrange(6))) for _ in columns]
            for _ in range(draw.randrange(1, 6))
        ]
        valued = [row for row in rows if any(value.strip() for value in row)]
        if not valued:
            continue
        if draw.random() < 0.5:
            frame = pandas.DataFrame(rows, columns=columns)
            frame.to_csv(path, index=False, sep=delimiter, lineterminator=end)
        else:
            with path.open("w", newline="") as out:
                quoting = csv.QUOTE_ALL
                writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
                writer.writerows([columns, *rows])
        dialect = Dialect(delimiter=delimiter, quoting=True)
        table, _ = read_delimited(path, dialect, name="a.csv", tabs=False)
        assert [list(row.values()) for row in table] == valued


def test_an_index_of_pandas_is_left_out(tmp_path):
    frame = pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}, index=[7, 8])
    for name in ("a.csv", "a.parquet"):
        getattr(frame, f"to_{name[2:]}")(tmp_path / name)
        data = read_data(DataConfig(source=f"table:{tmp_path / name}"))
        assert data.splits["train"].rows[1] == ("b",)
        assert data.splits["train"].ids == ["0", "1"]
        assert [note for note in data.notes if "index" in note and "not read" in note]


@pytest.mark.parametrize("spill", [False, True])
def test_rows_of_spreadsheets_without_any_value_are_counted(spill, tmp_path):
    content = "text,label,x\na,1,\n,,\n\nb,2,\n , ,\n,,\n"
    table, notes = read(tmp_path, content, spill=spill)
    assert table == {"text": ["a", "b"], "label": ["1", "2"], "x": ["", ""]}
    assert notes == ["3 rows without any value skipped", "1 blank line skipped"]
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path, "text,label\n,\n,\n")


def test_the_header_of_joined_files_is_no_row(tmp_path):
    one = 'text, label\na,1\n"b\nc",label\n'
    table, notes = read(tmp_path, one * 3)
    assert table == {"text": ["a", "b\nc"] * 3, "label": ["1", "label"] * 3}
    assert "2 lines that repeat the header skipped" in notes
    table, _ = read(tmp_path, "text,label\na,1\n", header=("text", "label"))
    assert table == {"text": ["text", "a"], "label": ["label", "1"]}
