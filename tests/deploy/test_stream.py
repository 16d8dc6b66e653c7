"""Outputs in a stream: in order, whatever batches and workers; bounded; faults named."""

import os
from dataclasses import replace

import pytest
import torch

from tutelage.data import Columns
from tutelage.data.given import GivenRows
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing, stream_outputs
from tutelage.errors import DataError, StudentError


@pytest.fixture(scope="module")
def run(digit_run):
    return SavedRun.open(digit_run)


@pytest.fixture(scope="module")
def paths(digits):
    return sorted(digits.glob("test/*/*.jpg"))


def by_hand(run, paths):
    rows = GivenRows(paths, "image", Columns())
    reads = run.student.input
    with torch.no_grad():
        return torch.cat(
            [run.student.outputs(reads.collate([reads.prepare(rows[i])])) for i in range(len(rows))]
        )


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (7, 2), (100, 1)])
def test_all_rows_in_order(run, paths, batch_size, workers):
    computing = Computing(torch.device("cpu"), batch_size, workers)
    pieces = list(stream_outputs(run, GivenRows(paths, "image", Columns()), computing))
    assert [row for piece in pieces for row in piece.rows] == list(range(len(paths)))
    outputs = torch.cat([piece.outputs for piece in pieces])
    torch.testing.assert_close(outputs, by_hand(run, paths), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_that_cannot_be_read_are_named(run, paths, tmp_path, workers):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    given = [broken, paths[0], broken, broken, paths[1]]
    computing = Computing(torch.device("cpu"), 2, workers)
    pieces = list(stream_outputs(run, GivenRows(given, "image", Columns()), computing))
    assert [piece.rows for piece in pieces] == [(1,), (), (4,)]
    assert [sorted(piece.unread) for piece in pieces] == [[0], [2, 3], []]
    assert "broken.jpg cannot be decoded" in pieces[0].unread[0]


class Counting(GivenRows):
    read = 0

    def __getitem__(self, index):
        Counting.read += 1
        return super().__getitem__(index)


class Deadly(GivenRows):
    def __getitem__(self, index):
        os._exit(1)


def test_a_worker_that_dies(run, paths):
    computing = Computing(torch.device("cpu"), 10, workers=1)
    with pytest.raises(DataError, match="a worker process that prepares rows died"):
        list(stream_outputs(run, Deadly(paths, "image", Columns()), computing))


def test_rows_are_read_as_they_are_needed(run, paths):
    rows = Counting(paths * 50, "image", Columns())
    pieces = stream_outputs(run, rows, Computing(torch.device("cpu"), 10))
    next(pieces)
    assert Counting.read == 20  # one batch ahead of 1,200 rows


def test_settings_of_training_unless_given(run):
    computing = Computing.of(run)
    assert (computing.batch_size, computing.workers, computing.precision) == (20, 0, "no")
    assert Computing.of(run, batch_size=3, workers=1).batch_size == 3
    half = run.config.replace({"train.mixed_precision": "bf16"})
    half_run = replace(run, config=half)
    assert Computing.of(half_run).precision == "bf16"
    on_gpu = run.result.model_copy(update={"device": "NVIDIA H100 80GB HBM3"})
    assert Computing.of(replace(half_run, result=on_gpu), device="cpu").precision == "no"


def test_outputs_that_are_not_finite(digit_run, paths):
    run = SavedRun.open(digit_run)
    with torch.no_grad():
        next(run.student.model.parameters()).fill_(torch.nan)
    with pytest.raises(StudentError, match="the outputs for row 0 are not finite numbers"):
        list(
            stream_outputs(
                run, GivenRows(paths, "image", Columns()), Computing(torch.device("cpu"), 4)
            )
        )
