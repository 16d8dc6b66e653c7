"""What a run left is read as it was written, and a damaged log is named."""

import pytest

from tutelage.errors import DataError
from tutelage.results.result import read_history

ROWS = b'{"step": 1, "task": 0.5}\n{"step": 2, "task": NaN}\n'


def test_a_last_line_that_was_cut_is_passed_over(tmp_path):
    assert read_history(tmp_path) == []
    for rest in (b"", b'{"step": 3, "ta', b"\xff\x00"):
        (tmp_path / "metrics.jsonl").write_bytes(ROWS + rest)
        assert [row["step"] for row in read_history(tmp_path)] == [1, 2]
    (tmp_path / "metrics.jsonl").write_bytes(ROWS + b'{"step": 3}')
    assert [row["step"] for row in read_history(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\x00", b"garbage", b"[1]", b'{"task": 1.0}', b'{"step": 1, "task": "x"}']
)
def test_a_line_that_is_no_row_is_named(line, tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(ROWS + line + b"\n" + ROWS)
    with pytest.raises(DataError, match=r"line 3 of .*metrics.jsonl is not a row"):
        read_history(tmp_path)
