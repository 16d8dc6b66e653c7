"""Stored inputs, inputs decoded each time, and their augmented views."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from tutelage.config import DataConfig
from tutelage.data import Split, read_data
from tutelage.data.texts import TextColumns
from tutelage.errors import DataError, OutputError
from tutelage.inputs import ImageInput, TextInput
from tutelage.progress import Silent
from tutelage.training.prepared import prepare_rows
from tutelage.training.samplers import RowView

VIEWS = [RowView(3, 103), RowView(59, 7), RowView(3, 8)]


@pytest.fixture
def split(digits: Path) -> Split:
    return read_data(DataConfig(source=f"folder:{digits}")).splits["train"]


@pytest.mark.parametrize("workers", [0, 2])
def test_stored_inputs_are_those_decoded_each_time(split: Split, workers: int) -> None:
    size = ImageInput.from_options(32)
    expected = size.collate([size.prepare(split.rows[row]) for row in (3, 59, 3)])["image"]
    for keep in ("memory", "disk", "none"):
        inputs = prepare_rows(split, size, keep=keep, workers=workers, progress=Silent())
        assert torch.equal(inputs.batch(VIEWS)["image"], expected)


def test_a_view_follows_from_its_seed_alone(split: Split) -> None:
    size = ImageInput.from_options(32)
    inputs = prepare_rows(split, size, keep="memory", augment=True, progress=Silent())
    batch = inputs.batch(VIEWS)["image"]
    for image, view in zip(batch, VIEWS, strict=True):
        draw = torch.Generator().manual_seed(view.seed)
        expected = size.collate([size.augmented(split.rows[view.row], draw)])["image"][0]
        assert torch.equal(image, expected)
    assert not torch.equal(batch[0], batch[2])
    torch.rand(5)  # the global random state does not matter
    assert torch.equal(inputs.batch(VIEWS)["image"], batch)


def test_progress_is_reported(split: Split) -> None:
    seen: list[int] = []

    class Recorder(Silent):
        @contextmanager
        def track(
            self, label: str, total: int, *, unit: str, done: int = 0
        ) -> Iterator[Callable[[int], None]]:
            assert (label, total, unit) == ("prepare train", len(split), "rows")
            yield seen.append

    prepare_rows(split, ImageInput.from_options(32), keep="memory", progress=Recorder())
    assert seen == [*range(32, len(split), 32), len(split)]


def test_a_full_disk_is_reported_before_anything_is_decoded(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(OutputError, match=rf"no room for 184 kB .* in {tmp_path} .*TMPDIR"):
            prepare_rows(split, ImageInput.from_options(32), keep="disk", progress=Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [path.name for path in tmp_path.iterdir() if "inputs" in path.name] == []
    inputs = prepare_rows(split, ImageInput.from_options(32), keep="disk", progress=Silent())
    images = inputs.batch([RowView(3, 0), RowView(59, 0)])["image"]
    assert images.float().std(dim=(1, 2, 3)).min() > 0


def test_texts_on_disk_are_those_in_memory_and_a_full_disk_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    texts = [f"film {number}" * (number % 7) for number in range(90)]
    rows = TextColumns((pa.chunked_array([texts]),), range(90))
    split = Split("train", rows, [str(number) for number in range(90)], torch.zeros(90))
    words = Tokenizer(WordLevel({"[UNK]": 0, "film": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[UNK]")
    text = TextInput(tokenizer, max_length=8)
    batches = [
        prepare_rows(split, text, keep=keep, progress=Silent()).batch(VIEWS)
        for keep in ("memory", "disk", "none")
    ]
    for batch in batches[1:]:
        assert batch.keys() == batches[0].keys()
        assert all(torch.equal(batch[name], batches[0][name]) for name in batch)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(OutputError, match=rf"no room for tokens in {tmp_path} .*TMPDIR"):
            prepare_rows(split, text, keep="disk", progress=Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_an_unreadable_row_is_named(digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images" / "train" / "a"
    folder.mkdir(parents=True)
    (folder / "broken.png").write_bytes(b"not an image")
    other = tmp_path / "images" / "train" / "b"
    other.mkdir()
    source = next((digits / "train").glob("*/*"))
    (other / source.name).write_bytes(source.read_bytes())
    split = read_data(DataConfig(source=f"folder:{tmp_path / 'images'}")).splits["train"]
    for keep in ("memory", "disk"):
        with pytest.raises(DataError, match=r"broken\.png"):
            prepare_rows(split, ImageInput.from_options(32), keep=keep, progress=Silent())
