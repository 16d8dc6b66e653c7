"""Lines of files: their number, whatever ends them, and where a text stands."""

import pytest

from tutelage.data.tables import lines
from tutelage.data.tables.lines import count_lines, line_ends, line_of, line_of_text


@pytest.mark.parametrize("block", [1, 2, 3, 2**20])
def test_line_ends_across_blocks(block, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", block)
    assert line_ends(memoryview(b"a\nb\r\nc\rd\r\r\n\n\r\n")) == 7
    assert line_ends(memoryview(b"")) == 0


def test_numbers_of_lines(tmp_path):
    path = tmp_path / "a"
    for content, number in (
        (b"a", 1),
        (b"a\n", 1),
        (b"a\r", 1),
        (b"a\n\nb", 3),
        (b"a\r\nb\r\n", 2),
    ):
        path.write_bytes(content)
        assert count_lines(path) == number
    path.write_bytes(b"xb,1\nb\nb,1\nb\n")
    assert line_of(path, 5) == 2
    assert line_of_text(path, b"b") == 2
    assert line_of_text(path, b"b,1") == 3
    assert line_of_text(path, b"b,1\nb") == 3
