"""A split as inputs of the student: decoded once and stored, or decoded each time."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tutelage.data.base import Rows, Split
from tutelage.errors import OutputError, TutelageError
from tutelage.files import allocate, human_size
from tutelage.inputs import Cuts, ImageInput, ModelInput, PairInput
from tutelage.inputs.workers import Failure, raising
from tutelage.progress import Progress
from tutelage.training.samplers import RowView
from tutelage.training.storage import Keep
from tutelage.training.token_store import TokenStore

__all__ = ["SIDES", "PreparedPairs", "PreparedRows", "prepare_rows"]

SIDES = {"image": ", images", "text": ", texts"}
"""Ends of what is reported of each side of image-text pairs, after ``prepare SPLIT``."""


class PreparedRows:
    """Inputs of a split's rows, batch by batch.

    Args:
        model_input: Decodes and collates rows.
        rows: The rows to decode; or, where ``decode`` is ``"stored"``, decoded rows. Stored images are
            one uint8 tensor, in memory or mapped from a file; stored texts are a ``TokenStore``, in memory
            or a file, too.
        decode: ``"stored"``: nothing is to be decoded. ``"plain"``: decode without augmentation.
            ``"augmented"``: decode images to an augmented view.
        workers: Processes that decode.

    Attributes:
        workers: Processes that decode; 0 where nothing is to be decoded.
    """

    def __init__(
        self,
        model_input: ModelInput,
        rows: Tensor | Sequence[Any] | Rows,
        *,
        decode: Literal["stored", "plain", "augmented"],
        workers: int = 0,
    ) -> None:
        self.workers = 0 if decode == "stored" else workers
        self._input = model_input
        self._rows = rows
        self._decode = decode

    def batch(self, views: Sequence[RowView]) -> dict[str, Tensor]:
        """Return the inputs of these rows as one batch, before ``finish``."""
        if isinstance(self._rows, Tensor):
            return {"image": self._rows[torch.as_tensor([view.row for view in views])]}
        rows = [self._rows[view.row] for view in views]
        match self._decode:
            case "plain":
                rows = [self._input.prepare(row) for row in rows]
            case "augmented":
                assert isinstance(self._input, ImageInput)
                rows = [
                    self._input.augmented(row, torch.Generator().manual_seed(view.seed % 2**63))
                    for row, view in zip(rows, views, strict=True)
                ]
        return dict(self._input.collate(rows))


class PreparedPairs:
    """Inputs of image-text pairs; images and texts are stored or decoded independently."""

    def __init__(self, images: PreparedRows, texts: PreparedRows) -> None:
        self._images = images
        self._texts = texts
        self.workers = max(images.workers, texts.workers)

    def batch(self, views: Sequence[RowView]) -> dict[str, Tensor]:
        """Return the inputs of these rows as one batch, before ``finish``."""
        return {**self._images.batch(views), **self._texts.batch(views)}


def prepare_rows(
    split: Split,
    model_input: ModelInput,
    *,
    keep: Keep,
    augment: bool = False,
    workers: int = 0,
    progress: Progress,
    side: str = "",
) -> PreparedRows | PreparedPairs:
    """Decode a split's inputs once and store them, or set up decoding batch by batch.

    Args:
        split: The rows.
        model_input: Decodes rows to inputs of the student.
        keep: ``"memory"``, ``"disk"`` (a temporary file, removed when the process ends), or ``"none"``.
        augment: Decode images each time, to a new augmented view.
        workers: Processes that decode.
        progress: Receives the number of rows done, and how many texts were cut.
        side: End of what is reported, of ``SIDES``, where the rows are a side of pairs.

    Raises:
        DataError: If a row cannot be decoded.
        OutputError: If there is no room on the disk.
    """
    if isinstance(model_input, PairInput):
        options: dict[str, Any] = {"keep": keep, "workers": workers, "progress": progress}
        images = prepare_rows(
            split.side("image"), model_input.image, augment=augment, side=SIDES["image"], **options
        )
        texts = prepare_rows(split.side("text"), model_input.text, side=SIDES["text"], **options)
        assert isinstance(images, PreparedRows)
        assert isinstance(texts, PreparedRows)
        return PreparedPairs(images, texts)
    if augment or keep == "none":
        decode: Literal["augmented", "plain"] = "augmented" if augment else "plain"
        return PreparedRows(model_input, split.rows, decode=decode, workers=workers)
    loader = DataLoader(
        _Decoded(split.rows, model_input),
        batch_size=32,
        num_workers=workers if split.rows.modality == "image" else 0,
        collate_fn=list,
        generator=torch.Generator(),
    )
    texts_stored = TokenStore(on_disk=keep == "disk")
    images_stored: Tensor | None = None
    done, cuts = 0, Cuts()
    with progress.track(f"prepare {split.name}{side}", len(split), unit="rows") as update:
        for batch in loader:
            rows = list(raising(batch))
            if split.rows.modality == "text":
                with _room_for("tokens"):
                    texts_stored.extend(rows)
                cuts += Cuts.of(rows)
            else:
                if images_stored is None:
                    images_stored = _storage(len(split), like=rows[0], on_disk=keep == "disk")
                torch.stack(rows, out=images_stored[done : done + len(rows)])
            done += len(rows)
            update(done)
    if cuts.cut:
        progress.note(f"student: {cuts.words(split.name)}")
    stored = texts_stored if images_stored is None else images_stored
    return PreparedRows(model_input, stored, decode="stored")


class _Decoded(Dataset[Any]):
    """Decoded rows, one by one."""

    def __init__(self, rows: Rows, model_input: ModelInput) -> None:
        self.rows = rows
        self.input = model_input

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.input.prepare(self.rows[index])
        except TutelageError as error:
            return Failure.of(error)


def _storage(rows: int, *, like: Tensor, on_disk: bool) -> Tensor:
    """An empty tensor for decoded images, in memory or mapped from a temporary file."""
    shape, numbers = (rows, *like.shape), rows * like.numel()
    if not on_disk:
        return torch.empty(shape, dtype=like.dtype)
    size = numbers * like.element_size()
    with (
        _room_for(f"{human_size(size)} of decoded inputs"),
        tempfile.NamedTemporaryFile(prefix="tutelage-", suffix=".inputs") as file,
    ):
        allocate(file.fileno(), size)  # a write to a mapping cannot report a full disk
        # The mapping holds the space after the name is gone.
        storage = torch.from_file(file.name, shared=True, size=numbers, dtype=like.dtype)
    return storage.view(shape)


@contextmanager
def _room_for(what: str) -> Iterator[None]:
    """Say what to do where a temporary file cannot be written."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"no room for {what} in {tempfile.tempdir or 'a temporary folder'} ({error.strerror}); "
            "free some space, set TMPDIR to another folder, or set train.inputs = 'memory' or 'none'"
        ) from error
