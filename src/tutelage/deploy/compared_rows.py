"""Rows on which an exported file is compared with the student."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data import Split, open_data
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.labelled import as_numbered
from tutelage.deploy.saved import SavedRun
from tutelage.errors import DataError, TutelageError, first_line

__all__ = ["ComparedRows", "ModelFile", "rows_of_run"]

SIZES = (1, 3, 17)
"""Rows of the first batches that are compared; then as many as in training."""


@runtime_checkable
class ModelFile(Protocol):
    """A file that can be run."""

    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of some rows."""


@dataclass(frozen=True)
class ComparedRows:
    """Rows on which files are compared with the student.

    Attributes:
        batches: Their tensors.
        expected: The student's outputs.
        labels: Their labels.
    """

    batches: Sequence[Mapping[str, Tensor]]
    expected: Float[Tensor, "rows outputs"]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.expected)

    @classmethod
    def of(
        cls,
        graph: StudentGraph,
        run: SavedRun,
        split: Split,
        most: int,
        *,
        temperature: float,
        at_once: int | None = None,
    ) -> "ComparedRows":
        """Take rows of a split, evenly spaced, in batches of 1, 3, 17 and then training's size.

        Args:
            graph: The student.
            run: Its run.
            split: The rows to choose from.
            most: Number of rows at most.
            temperature: Logits are divided by it.
            at_once: Rows of a batch at most; by default as in training.
        """
        count = min(most, len(split))
        numbers = [index * len(split) // count for index in range(count)]
        size = min(run.config.train.batch_size, at_once or count)
        sizes = _sizes(count, size, single=graph.takes_one_row)
        reads, batches, expected = run.student.input, [], []
        left = iter(numbers)
        for size in sizes:
            rows = [split.rows[number] for _, number in zip(range(size), left, strict=False)]
            batches.append(graph.batch(rows))
            with torch.inference_mode():
                plain = reads.collate([reads.prepare(row) for row in rows])
                expected.append(run.student.outputs(plain).float() / temperature)
        return cls(batches, torch.cat(expected), split.labels[numbers])

    def outputs(self, model: ModelFile) -> Tensor:
        """Return what a file gives for these rows."""
        return torch.cat([model.outputs(batch).float() for batch in self.batches])

    def difference(self, model: ModelFile) -> float:
        """Return the largest difference of an output of a file from the student's."""
        return float((self.outputs(model) - self.expected).abs().max())


def rows_of_run(run: SavedRun, *, measured: bool) -> tuple[Split, Split]:
    """Return training and evaluated rows of a run's data.

    Args:
        run: The run.
        measured: Whether labels of the evaluated rows count; they are then numbered as in the run.

    Raises:
        DataError: If the data cannot be read, or labels that count are such as the run does not know.
    """
    try:
        data, splits = open_data(run.config.data)
    except TutelageError as error:
        raise DataError(
            f"an export is compared with the student on rows of the run's data, which cannot be read: "
            f"{first_line(error)}"
        ) from error
    evaluated = splits.evaluated
    if measured:
        labels = as_numbered(
            data,
            evaluated.labels,
            run.task,
            where=run.config.data.source,
            otherwise="leave out --half and --int8, which are measured on labels",
        )
        evaluated = replace(evaluated, labels=labels)
    return splits.training, evaluated


def _sizes(count: int, batch_size: int, *, single: bool) -> list[int]:
    """Sizes of the batches that ``count`` rows are compared in."""
    if single:
        return [1] * count
    sizes: list[int] = []
    for size in (*SIZES, *[batch_size] * count):
        if (left := count - sum(sizes)) <= 0:
            break
        sizes.append(min(size, left))
    return sizes
