"""The journal of an unfinished entry, whole and cut."""

from pathlib import Path

import pytest

from tutelage.cache.journal import Journal, written_parts
from tutelage.cache.layout import Layout
from tutelage.errors import CacheError

LAYOUT = Layout(rows=90, width=4, dtype="float16", part_rows=16, shard_rows=32)


def test_parts_are_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LAYOUT)
    assert journal.read() is None
    assert written_parts(tmp_path) is None
    journal.restart({2: "c"})
    journal.add(0, "a")
    journal.add(5, "f")
    assert journal.read() == {2: "c", 0: "a", 5: "f"}
    assert written_parts(tmp_path) == (LAYOUT, 3)
    journal.restart({})
    assert journal.read() == {}
    assert written_parts(tmp_path) == (LAYOUT, 0)


def test_another_layout_has_no_parts(tmp_path: Path) -> None:
    Journal(tmp_path, LAYOUT).restart({1: "b"})
    other = Layout(rows=90, width=4, dtype="float16", part_rows=8, shard_rows=32)
    assert Journal(tmp_path, other).read() == {}


def test_cut_anywhere_it_has_the_lines_that_are_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LAYOUT)
    journal.restart({0: "a"})
    journal.add(1, "b")
    path = tmp_path / "progress.jsonl"
    content = path.read_bytes()
    first, second, third = (len(line) for line in content.splitlines())
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        expected = {} if size < first + 1 + second else {0: "a"}
        if size >= first + 1 + second + 1 + third:
            expected = {0: "a", 1: "b"}
        assert journal.read() == expected
    path.write_bytes(content + bytes(512))  # as a power cut leaves it: gastownhall/gascity#5336
    assert journal.read() == {0: "a", 1: "b"}


@pytest.mark.parametrize("content", [b"{", b"[]\n", b'{"layout": {}}\n', b'{"other": 1}\n'])
def test_a_journal_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "progress.jsonl").write_bytes(content)
    assert Journal(tmp_path, LAYOUT).read() == {}
    with pytest.raises(CacheError, match=r"progress\.jsonl cannot be read"):
        written_parts(tmp_path)
