"""What a run left is read as it was written, and a damaged log is named."""

import json

import pytest

from tutelage.errors import DataError
from tutelage.files import file_digest, with_digest
from tutelage.results import read_run
from tutelage.results.result import read_history, read_result

ROWS = b'{"step": 1, "task": 0.5}\n{"step": 2, "task": NaN}\n'


def test_a_last_line_that_was_cut_is_passed_over(tmp_path):
    assert read_history(tmp_path) == []
    for rest in (b"", b'{"step": 3, "ta', b"\xff\x00", bytes(512)):
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


@pytest.fixture
def finished(write_run, tmp_path):
    """A run's folder with the digests that a finished run leaves."""
    folder = write_run(tmp_path / "run")
    files = {name: file_digest(folder / name) for name in ("metrics.jsonl", "rho.safetensors")}
    content = json.loads((folder / "result.json").read_text()) | {"files": files}
    (folder / "result.json").write_text(with_digest(content))
    return folder


def test_a_finished_run_is_read_with_and_without_digests(finished, write_run, tmp_path):
    before = write_run(tmp_path / "before")  # as version 0.1 wrote it
    assert read_run(before).history == read_run(finished).history


@pytest.mark.parametrize("name", ["result.json", "metrics.jsonl", "rho.safetensors"])
def test_a_changed_digit_of_a_finished_run_is_noticed(finished, name):
    path = finished / name
    content = bytearray(path.read_bytes())
    place = content.rindex(b"0.78") if name == "result.json" else len(content) - 5
    content[place + 3] = ord("9")
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}.* was changed"):
        read_run(finished)


def test_a_log_that_was_removed_is_no_damage(finished):
    (finished / "metrics.jsonl").unlink()
    assert read_run(finished).history == []
    assert read_result(finished).files
