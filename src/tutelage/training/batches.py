"""Batches for training and evaluation: inputs, labels, and the teachers' cached features."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from tutelage.cache.table import FeatureTable
from tutelage.data.base import Split
from tutelage.errors import TutelageError
from tutelage.inputs.workers import Failure
from tutelage.tasks import has_label
from tutelage.training.held_features import HeldFeatures
from tutelage.training.prepared import PreparedPairs, PreparedRows
from tutelage.training.samplers import RowView, rows_in_order

__all__ = ["Batch", "BatchSource"]

CPU = torch.device("cpu")


class Batch(NamedTuple):
    """Some rows as one forward pass takes them.

    Attributes:
        inputs: The student's inputs.
        labels: Labels as in the split.
        teacher: Features of each teacher, by its name.
        soft: Outputs of the probe on the teachers' features, for methods that learn from them.
        rows: Rows of the table of features that are held on the device, in place of features.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    teacher: dict[str, Tensor]
    soft: Tensor | None = None
    rows: Tensor | None = None


class BatchSource(Dataset[Batch]):
    """A split in whole batches.

    Args:
        split: Labels and ids.
        inputs: Inputs of the same rows; then those of each view of them, and perhaps more.
        teachers: Cached features of the same rows and views; None if nothing is transferred.
        soft: Outputs of the probe on the teachers' features, for the same rows and views.
        views: Views of each row. A row's epochs show it in turn as it is and in each view, the rows of
            an epoch differently.
        held: Features of ``teachers`` that are held on the device; ``completed`` gathers them there.

    Attributes:
        labelled: Number of rows with a label; they come first.
    """

    def __init__(
        self,
        split: Split,
        inputs: PreparedRows | PreparedPairs,
        *,
        teachers: FeatureTable | None = None,
        soft: Float[Tensor, "rows classes"] | None = None,
        views: int = 0,
        held: HeldFeatures | None = None,
    ) -> None:
        self.labels = split.labels
        self.labelled = int(has_label(split.labels).sum())
        self.inputs = inputs
        self.teachers = teachers
        self.soft = soft
        self.views = views
        self._held = held
        self._holds = held is not None

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_held": None}  # processes that decode need no device

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, views: Sequence[RowView]) -> Batch | Failure:
        labels = self.labels[torch.as_tensor([view.row for view in views])]
        if self.views:
            views = [self._look(view) for view in views]
        rows = torch.as_tensor([view.row for view in views])
        from_cache = None if self._holds else self.teachers
        teacher = {} if from_cache is None else from_cache.gather(rows)
        soft = None if self.soft is None else self.soft[rows]
        if labels.dtype == torch.float64 and torch.backends.mps.is_available():
            labels = labels.float()  # Metal has no float64
        try:
            inputs = self.inputs.batch(views)
            return Batch(inputs, labels, teacher, soft, rows if self._holds else None)
        except TutelageError as error:
            return Failure.of(error)

    def completed(self, batch: Batch) -> Batch:
        """Return a batch on the device with the teachers' features, where these are held there."""
        if batch.rows is None or self._held is None:
            return batch
        return batch._replace(teacher=self._held.gather(batch.rows), rows=None)

    def _look(self, view: RowView) -> RowView:
        """The row as it is, or in one of its views, by the epoch: see ``view_seed``."""
        epoch = view.seed // len(self)
        look = (view.row + epoch) % (1 + self.views)
        return RowView(view.row + look * len(self), view.seed)

    def loader(
        self,
        sampler: Sampler[list[RowView]] | Sequence[list[RowView]],
        *,
        device: torch.device = CPU,
        workers: int | None = None,
    ) -> DataLoader[Batch]:
        """Return a loader of the sampler's batches; it leaves the global random state alone.

        Args:
            sampler: The rows of each batch.
            device: Where the batches are taken: those for CUDA come in pinned memory.
            workers: Processes that decode; by default those of the inputs.
        """
        return DataLoader(
            self,
            batch_sampler=sampler,
            num_workers=self.inputs.workers if workers is None else workers,
            collate_fn=_unchanged,  # type: ignore[arg-type]  # __getitems__ made the batch
            pin_memory=device.type == "cuda",
            generator=torch.Generator().manual_seed(0),
        )

    def in_order(
        self, batch_size: int, rows: Sequence[int] | None = None, *, device: torch.device = CPU
    ) -> DataLoader[Batch]:
        """Return a loader of these rows, by default of all, each once, in order."""
        chosen = range(len(self)) if rows is None else rows
        return self.loader(rows_in_order(chosen, batch_size), device=device)


def _unchanged(batch: Batch) -> Batch:
    return batch
