"""The rows of a data source that are checked, split as a run would split them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int64

from tutelage.config.data import DataConfig
from tutelage.data.base import Data, Rows, Split, chained
from tutelage.data.read import read_data, read_unlabelled
from tutelage.data.splits import choose_splits
from tutelage.errors import DataError
from tutelage.tasks import TASKS, has_label

__all__ = ["RowsToCheck", "rows_to_check"]

SIDES = {"train": 0, "unlabelled": 0, "validation": 1, "test": 2}
"""Splits whose rows may not meet: what is learned from, what chooses, what is reported."""


@dataclass(frozen=True)
class RowsToCheck:
    """All rows, numbered through, the rows that are learned from first.

    Attributes:
        data: What was read.
        splits: The splits in the order of ``SIDES``; test rows that a run would draw from the
            training rows are a split of their own.
        note: Why no test rows can be drawn; empty if they can.
    """

    data: Data
    splits: tuple[Split, ...]
    note: str = ""

    def __len__(self) -> int:
        return sum(map(len, self.splits))

    @cached_property
    def inputs(self) -> Rows:
        """The inputs of all rows."""
        return chained(self.splits).rows

    @cached_property
    def split_numbers(self) -> Int64[np.ndarray, " rows"]:
        """The number of each row's split."""
        numbers: Int64[np.ndarray, " rows"] = np.repeat(
            np.arange(len(self.splits)), [len(split) for split in self.splits]
        )
        return numbers

    @cached_property
    def sides(self) -> Int64[np.ndarray, " rows"]:
        """The side of each row, as ``SIDES`` numbers them."""
        sides = np.array([SIDES[split.name] for split in self.splits])
        of_rows: Int64[np.ndarray, " rows"] = sides[self.split_numbers]
        return of_rows

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels of all rows."""
        return np.concatenate([split.labels.numpy() for split in self.splits])

    @cached_property
    def faults(self) -> dict[int, str]:
        """What is missing in rows that a run refuses, by the row's number."""
        starts = np.cumsum([0, *map(len, self.splits)]).tolist()
        return {
            start + number: reason
            for start, split in zip(starts, self.splits, strict=False)
            for number, reason in split.faults.items()
        }

    @cached_property
    def without_label(self) -> dict[str, list[str]]:
        """Ids of the rows without a label, by split; not of those that are read as such."""
        return {
            split.name: [split.ids[row] for row in (~has_label(split.labels)).nonzero().flatten()]
            for split in self.splits
            if split.name != "unlabelled" and not has_label(split.labels).all()
        }

    def name(self, row: int) -> tuple[str, str]:
        """Return the split and the id of a row."""
        split = self.splits[self.split_numbers[row]]
        start = int(np.searchsorted(self.split_numbers, self.split_numbers[row]))
        return split.name, split.ids[row - start]

    def label(self, row: int) -> str:
        """Return the label of a row in words; empty where it is not known."""
        label, task = self.labels[row], TASKS[self.data.task]
        if task.labels_are_classes:
            return self.data.classes[label] if label >= 0 else ""
        if task.labels_are_binary:
            return ", ".join(n for n, v in zip(self.data.classes, label, strict=True) if v == 1)
        return ", ".join(f"{value:g}" for value in label)

    def labels_differ(
        self, one: Int64[np.ndarray, " pairs"], other: Int64[np.ndarray, " pairs"]
    ) -> Bool[np.ndarray, " pairs"]:
        """Whether pairs of rows have labels that contradict each other.

        Targets contradict each other if they differ by more than their standard deviation.
        """
        a, b, task = self.labels[one], self.labels[other], TASKS[self.data.task]
        differ: Bool[np.ndarray, "pairs ..."]
        if task.labels_are_classes:
            differ = (a != b) & (a >= 0) & (b >= 0)
            return differ
        differ = np.abs(a - b) > (0 if task.labels_are_binary else np.nanstd(self.labels, axis=0))
        either: Bool[np.ndarray, " pairs"] = np.any(differ, axis=1)
        return either

    def counts(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Yield each class, or each of several labels, with its number of rows by split."""
        task = TASKS[self.data.task]
        if not (task.labels_are_classes or task.labels_are_binary):
            return
        for number, name in enumerate(self.data.classes):
            yield (
                name,
                {
                    split.name: int(
                        (split.labels == number).sum()
                        if task.labels_are_classes
                        else (split.labels[:, number] == 1).sum()
                    )
                    for split in self.splits
                },
            )


def rows_to_check(config: DataConfig) -> RowsToCheck:
    """Read all splits of a data source, and the unlabelled rows; nothing is decoded.

    Args:
        config: The settings under ``[data]``; limits and ``evaluate`` are ignored.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids or labels cannot be used.
    """
    config = config.model_copy(update={"evaluate": "test", "limit": None, "limit_per_class": None})
    data = read_data(config, allow_faults=True)
    unlabelled = read_unlabelled(config, like=data, allow_faults=True)
    splits, note = dict(data.splits), ""
    if unlabelled is not None:
        splits["unlabelled"] = unlabelled
    if "test" not in splits:
        try:
            drawn = set(choose_splits(data, config).evaluated.ids)
        except DataError as error:
            note = str(error)
        else:
            train = splits["train"]
            chosen = [i for i, name in enumerate(train.ids) if name in drawn]
            rest = [i for i, name in enumerate(train.ids) if name not in drawn]
            splits |= {"train": train.select(rest), "test": train.select(chosen, name="test")}
    return RowsToCheck(data, tuple(splits[name] for name in SIDES if name in splits), note)


def single_rows(rows: RowsToCheck) -> list[int]:
    """Return the training rows that are the only ones of their class."""
    if not TASKS[rows.data.task].labels_are_classes:
        return []
    train = rows.splits[0]
    known = has_label(train.labels)
    counts = train.labels[known].bincount(minlength=len(rows.data.classes))
    single = known & (counts[train.labels.clamp(min=0)] == 1)
    return [int(row) for row in single.nonzero().flatten()]
