"""Files of predictions: csv, jsonl and parquet, written while they are computed.

Cells of a csv file are written as they are, also those that a spreadsheet program takes for a formula:
ids and classes must be read back unchanged.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float32
from torch import Tensor

from tutelage.data.read import READERS
from tutelage.errors import ConfigError
from tutelage.files import atomic_path, writing_to
from tutelage.tasks import Task

__all__ = ["Layout", "check_file", "refuse_own_data", "writing_predictions"]

Table = Mapping[str, Sequence[Any]]
"""Values of some rows by column."""


@dataclass(frozen=True)
class Layout:
    """The columns of a file of predictions.

    - ``id``, after ``split`` where the data has several;
    - of classes ``prediction`` and ``probability``, then ``prediction_2``, ``probability_2``, … up to
      ``top``, and with ``every`` the probability of each class, ``p(NAME)``;
    - of labels ``prediction``, a list of those with a probability of at least 1/2, and ``p(NAME)``;
    - of regression ``prediction``, or with several targets ``prediction(NAME)``.

    Attributes:
        task: The task.
        top: Number of likeliest classes.
        every: Whether there is a column for each class.
        splits: Whether rows are of several splits.
    """

    task: Task
    top: int = 1
    every: bool = False
    splits: bool = False

    def table(
        self, ids: Sequence[str], outputs: Float32[Tensor, "rows outputs"], *, split: str
    ) -> dict[str, Sequence[Any]]:
        """Return the columns of some rows of one split."""
        lead: dict[str, Sequence[Any]] = {"split": [split] * len(ids)} if self.splits else {}
        return lead | {"id": ids} | self._answers(outputs)

    def _answers(self, outputs: Float32[Tensor, "rows outputs"]) -> dict[str, Sequence[Any]]:
        task, scores = self.task, self.task.probabilities(outputs).float()
        if not task.has_classes:
            heads = ["prediction"]
            if task.outputs > 1:
                heads = [f"prediction({name})" for name in task.names]
            return dict(zip(heads, scores.T.tolist(), strict=True))
        columns: dict[str, Sequence[Any]] = {}
        each: dict[str, Sequence[Any]] = {
            f"p({name})": scores[:, j].tolist() for j, name in enumerate(task.names)
        }
        if not task.labels_are_classes:
            chosen = (outputs >= 0).tolist()
            lists = [[task.names[j] for j, has in enumerate(row) if has] for row in chosen]
            columns["prediction"] = lists
            return columns | each
        # Of equal logits the first, as in metrics; topk takes any.
        order = outputs.sort(dim=1, descending=True, stable=True).indices[:, : self.top]
        for rank, numbers in enumerate(order.T, 1):
            after = "" if rank == 1 else f"_{rank}"
            columns[f"prediction{after}"] = [task.names[j] for j in numbers.tolist()]
            columns[f"probability{after}"] = scores.gather(1, numbers[:, None])[:, 0].tolist()
        return columns | (each if self.every else {})


def check_file(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        ConfigError: If its ending is unknown, or its folder does not exist.
    """
    if path.suffix.lower() not in _WRITERS:
        raise ConfigError(
            f"cannot tell how to write {path}; end its name in {', '.join(sorted(_WRITERS))}"
        )
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(
            f"there is no folder {path.parent} for {path.name}; make it, or choose another"
        )


def refuse_own_data(path: Path, source: str) -> None:
    """Refuse a file to write that is the very file to read.

    Args:
        path: The file to write.
        source: A data string, or a path.

    Raises:
        ConfigError: If they are the same file, under whatever names.
    """
    scheme, _, rest = source.partition(":")
    data = Path(rest if scheme in READERS else source).expanduser()
    same = False
    with suppress(OSError, ValueError):  # a sentence is no file, nor is a file that is not there
        same = path.samefile(data)
    if same:
        raise ConfigError(
            f"{path} holds the rows that are read, and would be written over; name another file by --out"
        )


@contextmanager
def writing_predictions(path: Path) -> Iterator[Callable[[Table], None]]:
    """Write a file bit by bit, which replaces ``path`` at the end; on an error nothing is left.

    Args:
        path: The file; its ending decides the format.

    Returns:
        A context that gives a function; call it with the columns of some rows.

    Raises:
        ConfigError: As ``check_file``.
        OutputError: If the disk is full, or the file may not be written.
    """
    check_file(path)
    with (
        writing_to(path, advice="choose another file with --out"),
        atomic_path(path) as temporary,
        _WRITERS[path.suffix.lower()](temporary) as write,
    ):
        yield write


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[Table], None]]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")

        def write(table: Table) -> None:
            if file.tell() == 0:
                writer.writerow(table)
            rows = zip(*table.values(), strict=True)
            writer.writerows([_cell(value) for value in row] for row in rows)

        yield write


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.9g}" if isinstance(value, float) else value  # all that a float32 has


@contextmanager
def _jsonl(path: Path) -> Iterator[Callable[[Table], None]]:
    with path.open("w", encoding="utf-8") as file:

        def write(table: Table) -> None:
            for row in zip(*table.values(), strict=True):
                line = dict(zip(table, row, strict=True))
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[Table], None]]:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    writer: Any = None
    waiting: list[Any] = []

    def flush() -> None:
        nonlocal writer
        table = pa.concat_tables(waiting).combine_chunks()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        waiting.clear()

    def write(table: Table) -> None:
        columns = {head: pa.array(list(v), type=_type(head, v, pa)) for head, v in table.items()}
        waiting.append(pa.table(columns))
        if sum(len(one) for one in waiting) >= GROUP:
            flush()

    try:
        yield write
        if waiting:
            flush()
    finally:
        if writer is not None:
            writer.close()


GROUP = 10_000
"""Rows of a group in a parquet file."""


def _type(head: str, values: Sequence[Any], pa: Any) -> Any:
    """The type of a column, which one batch may not show: all its lists may be empty."""
    if head == "prediction" and values and isinstance(values[0], list):
        return pa.list_(pa.string())
    return pa.float32() if values and isinstance(values[0], float) else pa.string()


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
