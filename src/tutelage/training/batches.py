"""Batches for training and evaluation: prepared inputs, labels, and the teachers' cached rows."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from tutelage.cache.table import FeatureTable
from tutelage.data.base import Rows, Split
from tutelage.errors import TrainingError, TutelageError
from tutelage.files import allocate, human_size
from tutelage.inputs import Cuts, ImageInput, ModelInput, PairInput
from tutelage.inputs.workers import Failure, raising
from tutelage.progress import Progress
from tutelage.tasks.base import has_label

__all__ = [
    "Batch",
    "Batches",
    "Endless",
    "PreparedPairs",
    "PreparedRows",
    "Together",
    "prepare_rows",
]


class Batch(NamedTuple):
    """What one pass sees.

    Attributes:
        inputs: The student's.
        labels: As the split has them.
        teacher: Each teacher's features, by name.
        soft: Outputs of the teachers' probe, where the method learns from them.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    teacher: dict[str, Tensor]
    soft: Tensor | None = None


class PreparedRows:
    """A split's inputs, decoded once and kept, or decoded each time.

    Images of one size are kept as one uint8 tensor in memory, or one mapped file on disk; token
    ids as arrays in memory.
    """

    def __init__(
        self, model_input: ModelInput, kept: Tensor | Sequence[Any] | Rows, *, decode: str
    ) -> None:
        self._input = model_input
        self._kept = kept
        self._decode = decode

    def batch(self, indices: Sequence[int], views: Sequence[int]) -> dict[str, Tensor]:
        """The inputs of these rows as one batch, before ``finish``.

        Args:
            indices: The rows.
            views: A number for each that decides its augmented view, wherever it is decoded.
        """
        if isinstance(self._kept, Tensor):
            return {"image": self._kept[torch.as_tensor(indices)]}
        rows = [self._kept[i] for i in indices]
        match self._decode:
            case "plain":
                rows = [self._input.prepare(row) for row in rows]
            case "augmented":
                assert isinstance(self._input, ImageInput)
                rows = [
                    self._input.augmented(row, torch.Generator().manual_seed(view))
                    for row, view in zip(rows, views, strict=True)
                ]
        return dict(self._input.collate(rows))


class PreparedPairs:
    """A split's images and texts, each kept or decoded on its own."""

    def __init__(self, images: PreparedRows, texts: PreparedRows) -> None:
        self._images = images
        self._texts = texts

    def batch(self, indices: Sequence[int], views: Sequence[int]) -> dict[str, Tensor]:
        """The inputs of these rows as one batch, as ``PreparedRows.batch``."""
        return {**self._images.batch(indices, views), **self._texts.batch(indices, views)}


def prepare_rows(
    split: Split,
    model_input: ModelInput,
    *,
    keep: Literal["memory", "disk", "none"],
    augment: bool = False,
    workers: int = 0,
    progress: Progress,
) -> PreparedRows | PreparedPairs:
    """Decode a split's inputs once and keep them, or arrange that each is decoded when needed.

    Args:
        split: The rows.
        model_input: How they become the student's input.
        keep: ``"memory"``, ``"disk"`` (a temporary file, removed when the process ends), or
            ``"none"``.
        augment: Decode images each time, to a new augmented view.
        workers: Processes that decode.
        progress: Is told how many rows are done, and how many texts had to be cut.
    """
    if isinstance(model_input, PairInput):
        options: dict[str, Any] = {"keep": keep, "workers": workers, "progress": progress}
        images = prepare_rows(split.side("image"), model_input.image, augment=augment, **options)
        texts = prepare_rows(split.side("text"), model_input.text, **options)
        assert isinstance(images, PreparedRows)
        assert isinstance(texts, PreparedRows)
        return PreparedPairs(images, texts)
    if augment or keep == "none":
        return PreparedRows(model_input, split.rows, decode="augmented" if augment else "plain")
    decoded = DataLoader(
        _Decoded(split.rows, model_input),
        batch_size=32,
        num_workers=workers if split.rows.modality == "image" else 0,
        collate_fn=list,
        generator=torch.Generator(),
    )
    kept: Any = None
    if split.rows.modality == "text":
        kept = []
    done, cuts = 0, Cuts()
    with progress.track(f"prepare {split.name}", len(split), unit="rows") as update:
        for rows in decoded:
            rows = list(raising(rows))
            if split.rows.modality == "text":
                kept.extend(rows)
                cuts += Cuts.of(rows)
            else:
                kept = (
                    _room(len(split), like=rows[0], on_disk=keep == "disk")
                    if kept is None
                    else kept
                )
                torch.stack(rows, out=kept[done : done + len(rows)])
            done += len(rows)
            update(done)
    if cuts.cut:
        progress.note(f"student: {cuts.words(split.name)}")
    return PreparedRows(model_input, kept, decode="kept")


class Batches(Dataset[Batch]):
    """A split as the training loop reads it, a whole batch at a time.

    Args:
        split: Labels and ids.
        inputs: The same rows as inputs.
        teachers: The same rows' cached features; None where nothing is transferred.
        soft: The same rows' outputs by the teachers' probe.

    Attributes:
        labelled: How many rows have a label; they come first.
    """

    def __init__(
        self,
        split: Split,
        inputs: PreparedRows | PreparedPairs,
        *,
        teachers: FeatureTable | None = None,
        soft: Float[Tensor, "rows classes"] | None = None,
    ) -> None:
        self.labels = split.labels
        self.labelled = int(has_label(split.labels).sum())
        self.inputs = inputs
        self.teachers = teachers
        self.soft = soft

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: Sequence[int]) -> Batch | Failure:
        indices, views = [number % len(self) for number in indices], indices
        rows = torch.as_tensor(indices)
        teacher = {} if self.teachers is None else dict(self.teachers.gather(rows))
        soft = None if self.soft is None else self.soft[rows]
        try:
            return Batch(self.inputs.batch(indices, views), self.labels[rows], teacher, soft)
        except TutelageError as error:
            return Failure.of(error)

    def loader(
        self, sampler: Sampler[list[int]] | Sequence[list[int]], *, workers: int = 0
    ) -> DataLoader[Batch]:
        """A loader of whole batches; its own random state leaves the global one alone."""
        return DataLoader(
            self,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # __getitems__ made the batch
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator().manual_seed(0),
        )

    def in_order(self, batch_size: int) -> DataLoader[Batch]:
        """All rows, each once, in order."""
        rows = range(len(self))
        return self.loader(
            [list(rows[i : i + batch_size]) for i in range(0, len(self), batch_size)]
        )


class Endless(Sampler[list[int]]):
    """Exactly so many batches, the rows newly shuffled each epoch.

    The order of an epoch follows from seed and epoch alone, so a run can start at any batch. An
    epoch's last rows that do not fill a batch are left to other epochs. A row is given as its
    number plus ``rows`` times ``seed + epoch``, so that it has a number of its own each time.

    Args:
        rows: Rows to draw from.
        batch_size: At most ``rows``.
        batches: Where to end.
        start: The first batch to give, counted from 0.
        seed: Decides all orders.
    """

    def __init__(
        self, rows: int, batch_size: int, *, batches: int, start: int = 0, seed: int
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.batches = batches
        self.start = start
        self.seed = seed
        self.drop_last = True

    def __len__(self) -> int:
        return self.batches - self.start

    def __iter__(self) -> Iterator[list[int]]:
        an_epoch = self.rows // self.batch_size
        order: np.ndarray[Any, Any] | None = None
        for number in range(self.start, self.batches):
            epoch, place = divmod(number, an_epoch)
            if order is None or place == 0:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
            batch = order[place * self.batch_size : (place + 1) * self.batch_size]
            yield (batch + self.rows * (self.seed + epoch)).tolist()


class Together(Sampler[list[int]]):
    """Batches of labelled rows, each with a batch of unlabelled ones behind it.

    Rows are numbered through: the unlabelled ones come after the labelled.
    """

    def __init__(self, labelled: Endless, unlabelled: Endless) -> None:
        self.labelled = labelled
        self.unlabelled = unlabelled
        self.batch_size = labelled.batch_size + unlabelled.batch_size
        self.drop_last = True

    def __len__(self) -> int:
        return len(self.labelled)

    def __iter__(self) -> Iterator[list[int]]:
        first, second = self.labelled.rows, self.unlabelled.rows
        for some, others in zip(self.labelled, self.unlabelled, strict=True):
            numbered = [n % first + n // first * (first + second) for n in some]
            yield numbered + [first + n % second + n // second * (first + second) for n in others]


class _Decoded(Dataset[Any]):
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


def _room(rows: int, *, like: Tensor, on_disk: bool) -> Tensor:
    shape, numbers = (rows, *like.shape), rows * like.numel()
    if not on_disk:
        return torch.empty(shape, dtype=like.dtype)
    size = numbers * like.element_size()
    try:
        with tempfile.NamedTemporaryFile(prefix="tutelage-", suffix=".inputs") as file:
            allocate(file.fileno(), size)  # a write to a mapping cannot say that the disk is full
            # The mapping holds the space after the name is gone.
            room = torch.from_file(file.name, shared=True, size=numbers, dtype=like.dtype)
    except OSError as error:
        raise TrainingError(
            f"no room for {human_size(size)} of decoded inputs in "
            f"{tempfile.tempdir or 'a temporary folder'} ({error.strerror}); make room, let TMPDIR "
            "name another folder, or set train.inputs = 'memory' or 'none'"
        ) from error
    return room.view(shape)


def _as_it_is(batch: Batch) -> Batch:
    return batch
