"""Text files of one text a line, as rows without a label."""

import gzip

import pytest

from tutelage.data.tables.plain_text import is_text_file, read_text_lines
from tutelage.errors import DataError


def test_each_line_is_a_row_whatever_its_end(tmp_path):
    (tmp_path / "more.txt").write_bytes('one\r\ntwo, "2"\r\rcaf\u00e9\u2028 3\n'.encode())
    table = read_text_lines(tmp_path / "more.txt", column="review")
    assert table.rows["review"][:] == ["one", 'two, "2"', "caf\u00e9\u2028 3"]
    assert table.notes == ("more.txt: each line is a row", "more.txt: 1 blank line is left out")


def test_compressed_and_in_another_encoding(tmp_path):
    with gzip.open(tmp_path / "more.txt.gz", "wb") as file:
        file.write("\u00e9t\u00e9\n\n\nhiver".encode("cp1252"))
    assert is_text_file(tmp_path / "more.txt.gz")
    table = read_text_lines(tmp_path / "more.txt.gz", column="text", encoding="cp1252")
    assert table.rows["text"][:] == ["\u00e9t\u00e9", "hiver"]
    assert table.notes[1:] == (
        "more.txt.gz: its encoding is cp1252",
        "more.txt.gz: 2 blank lines are left out",
    )


def test_what_is_no_text(tmp_path):
    assert not is_text_file(tmp_path / "nowhere.txt")
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"blank\.txt has no line with a text"):
        read_text_lines(tmp_path / "blank.txt", column="text")
