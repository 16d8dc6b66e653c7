"""A batch is inputs, labels, features and soft labels of the same rows."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tutelage.cache.table import as_table, concat
from tutelage.config import DataConfig
from tutelage.data import Split, read_data
from tutelage.errors import DataError
from tutelage.inputs import ImageInput
from tutelage.inputs.workers import Failure
from tutelage.progress import Silent
from tutelage.tasks import UNLABELLED
from tutelage.training.batches import BatchSource
from tutelage.training.held_features import hold_features
from tutelage.training.prepared import PreparedRows, prepare_rows
from tutelage.training.samplers import RowView, ShuffledBatches


@pytest.fixture
def split(digits: Path) -> Split:
    return read_data(DataConfig(source=f"folder:{digits}")).splits["train"]


@pytest.fixture
def inputs(split: Split) -> PreparedRows:
    prepared = prepare_rows(split, ImageInput.from_options(32), keep="memory", progress=Silent())
    assert isinstance(prepared, PreparedRows)
    return prepared


@pytest.mark.parametrize("workers", [0, 2])
def test_all_parts_are_of_the_same_rows(split: Split, inputs: PreparedRows, workers: int) -> None:
    count = len(split)
    numbers = torch.arange(count)
    source = BatchSource(
        split,
        inputs,
        teachers=as_table(numbers[:, None].double()),
        soft=torch.stack([numbers, -numbers], dim=1).float(),
    )
    sampler = ShuffledBatches(range(count), 7, batches=20, seed=2)
    for batch, views in zip(source.loader(sampler, workers=workers), sampler, strict=True):
        rows = torch.tensor([view.row for view in views])
        assert torch.equal(batch.labels, split.labels[rows])
        assert torch.equal(batch.teacher["features"][:, 0].long(), rows)
        assert torch.equal(batch.soft[:, 0].long(), rows)
        assert torch.equal(batch.inputs["image"], inputs.batch(views)["image"])


@pytest.mark.parametrize("workers", [0, 1])
def test_held_features_complete_a_batch(split: Split, inputs: PreparedRows, workers: int) -> None:
    count = len(split)
    table = concat([as_table(torch.randn(7, 5).half()), as_table(torch.randn(count - 7, 5).half())])
    held = hold_features(table, True, device=torch.device("cpu"))
    sources = [BatchSource(split, inputs, teachers=table, held=one) for one in (None, held)]
    sampler = ShuffledBatches(range(count), 7, batches=20, seed=2)
    cached, by_number = (source.loader(sampler, workers=workers) for source in sources)
    for expected, batch in zip(cached, by_number, strict=True):
        assert batch.teacher == {}
        completed = sources[1].completed(batch)
        assert completed.rows is None
        assert torch.equal(completed.teacher["features"], expected.teacher["features"])
        assert sources[0].completed(expected) is expected
    unpickled = pickle.loads(pickle.dumps(sources[1]))
    assert unpickled._held is None
    assert unpickled.__getitems__([RowView(3, 3)]).rows.tolist() == [3]


def test_without_teachers_there_are_no_features(split: Split, inputs: PreparedRows) -> None:
    batches = list(BatchSource(split, inputs).in_order(32))
    assert [batch.teacher for batch in batches] == [{}] * len(batches)
    assert [batch.soft for batch in batches] == [None] * len(batches)
    assert torch.equal(torch.cat([batch.labels for batch in batches]), split.labels)
    sizes = [len(batch.labels) for batch in batches]
    assert sizes[:-1] == [32] * (len(sizes) - 1)


def test_labelled_rows_are_counted(split: Split, inputs: PreparedRows) -> None:
    labels = split.labels.clone()
    labels[10:] = UNLABELLED
    assert BatchSource(replace(split, labels=labels), inputs).labelled == 10
    assert BatchSource(split, inputs).labelled == len(split)


def test_loading_leaves_the_global_random_state_alone(split: Split, inputs: PreparedRows) -> None:
    before = torch.get_rng_state()
    list(BatchSource(split, inputs).in_order(32))
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_that_cannot_be_decoded_become_a_failure(split: Split) -> None:
    class Broken(PreparedRows):
        def batch(self, views):  # type: ignore[no-untyped-def]
            raise DataError("broken.png cannot be decoded")

    source = BatchSource(split, Broken(ImageInput.from_options(32), split.rows, decode="plain"))
    failure = source.__getitems__([RowView(0, 0)])
    assert isinstance(failure, Failure)
    assert str(failure.error()) == "broken.png cannot be decoded"


def test_a_row_is_shown_in_turn_as_it_is_and_in_each_view(split: Split) -> None:
    """With two views, three epochs show each row in all three looks; its label goes with it."""
    count, views = len(split), 2
    numbers = torch.arange(3 * count)
    images = numbers[:, None, None, None].expand(-1, 3, 1, 1)
    stored = PreparedRows(ImageInput.from_options(1), images, decode="stored")
    features = as_table(numbers[:, None].float())
    source = BatchSource(
        split, stored, teachers=features, soft=numbers[:, None].float(), views=views
    )
    assert len(source) == count
    size = count // 4
    sampler = ShuffledBatches(range(count), size, batches=3 * 4, seed=5)
    shown: dict[int, list[int]] = {row: [] for row in range(count)}
    together = set()
    for batch in source.loader(sampler):
        looks = batch.inputs["image"][:, 0, 0, 0]
        assert torch.equal(batch.teacher["features"][:, 0], looks.float())
        assert batch.soft is not None
        assert torch.equal(batch.soft[:, 0], looks.float())
        assert torch.equal(batch.labels, split.labels[looks % count])
        together.add(len(set((looks // count).tolist())))
        for look in looks.tolist():
            shown[look % count].append(look // count)
    assert all(sorted(looks) == [0, 1, 2] for looks in shown.values())
    assert 3 in together, "one batch holds rows as they are beside views"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_memory_is_pinned_for_cuda_alone(split, inputs, device, monkeypatch):
    """A run on the CPU beside a GPU that is full must not ask for a place on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    loader = BatchSource(split, inputs).in_order(2, device=torch.device(device))
    assert loader.pin_memory == (device == "cuda")
