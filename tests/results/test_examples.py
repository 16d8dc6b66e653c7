"""The rows that a run keeps for people, on disk."""

import pytest

from tutelage.errors import DataError
from tutelage.results.examples import (
    EXAMPLES,
    Answer,
    Example,
    Examples,
    read_examples,
    write_examples,
)

KEPT = Examples(
    split="test",
    evaluated=12,
    wrong=(
        Example(
            id="a.jpg",
            split="test",
            answers=(Answer(name="<b>", label=1, student=0.1), Answer(name="c", label=None)),
            picture="/9j/",
        ),
    ),
    wrong_rows=3,
    notes=("no",),
)


def test_what_is_written_is_read(tmp_path):
    write_examples(tmp_path, KEPT)
    assert read_examples(tmp_path) == KEPT


def test_a_run_may_have_none(tmp_path):
    assert read_examples(tmp_path) is None


@pytest.mark.parametrize("change", [("a.jpg", "b.jpg"), ('"split"', '"spill"')])
def test_a_changed_file_is_refused(tmp_path, change):
    write_examples(tmp_path, KEPT)
    path = tmp_path / EXAMPLES
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot be read: .*remove it"):
        read_examples(tmp_path)
