"""Outputs of evaluated rows on disk."""

import pytest
import torch

from tutelage.errors import DataError
from tutelage.results.predictions import (
    PREDICTIONS,
    Predictions,
    read_predictions,
    write_predictions,
)


def predictions(rows: int = 5) -> Predictions:
    return Predictions(
        "test",
        ids=tuple(f"row {number} é\ud800" for number in range(rows)),
        outputs=torch.randn(rows, 3, generator=torch.Generator().manual_seed(0)),
        labels=torch.arange(rows) % 3,
        rows=rows,
    )


def test_what_is_written_is_read(tmp_path):
    written = predictions()
    write_predictions(tmp_path, written)
    found = read_predictions(tmp_path)
    assert (found.split, found.ids, found.rows) == (written.split, written.ids, 5)
    assert torch.equal(found.outputs, written.outputs)
    assert torch.equal(found.labels, written.labels)
    assert not found.is_drawn


def test_of_too_many_rows_a_draw_is_kept_in_order(tmp_path):
    written = predictions(1000)
    some = written.within(100 * 3 * 4)
    assert len(some.ids) == len(some.outputs) == len(some.labels) == 100
    numbers = [written.ids.index(name) for name in some.ids]
    assert numbers == sorted(numbers)
    assert torch.equal(some.outputs, written.outputs[numbers])
    assert torch.equal(some.labels, written.labels[numbers])
    assert some.is_drawn
    assert some.rows == 1000
    assert written.within(100 * 3 * 4).ids == some.ids
    assert len(written.within(1).ids) == 1


def test_a_run_may_have_none(tmp_path):
    assert read_predictions(tmp_path) is None


def test_a_changed_byte_is_noticed(tmp_path):
    write_predictions(tmp_path, predictions())
    path = tmp_path / PREDICTIONS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged: .*remove it"):
        read_predictions(tmp_path)
    path.write_bytes(b"short")
    with pytest.raises(DataError, match="is damaged"):
        read_predictions(tmp_path)
