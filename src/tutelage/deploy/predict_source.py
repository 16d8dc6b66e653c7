"""Predictions of a whole source, written to a file while they are computed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tutelage.data import Split
from tutelage.deploy.prediction_files import Layout, check_file, writing_predictions
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing, Piece, stream_outputs
from tutelage.errors import DataError
from tutelage.progress import Progress

__all__ = ["Predicted", "predict_source", "stream_splits"]


@dataclass
class Predicted:
    """What was predicted of a source.

    Attributes:
        rows: Number of rows that have a prediction.
        skipped: Why rows have none, by their id; where several splits are predicted, by split and id.
        answers: Number of rows by predicted class or label; empty for regression.
    """

    rows: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)


def predict_source(
    run: SavedRun,
    splits: Sequence[Split],
    *,
    path: Path | None,
    layout: Layout,
    computing: Computing,
    skip_unreadable: bool = False,
    use: Callable[[dict[str, Sequence[Any]]], None] | None = None,
    progress: Progress,
) -> Predicted:
    """Predict all rows of some splits.

    Args:
        run: The run.
        splits: The rows.
        path: The file to write; none if None.
        layout: Columns of the predictions.
        computing: Device, batch size and workers.
        skip_unreadable: Leave out rows that cannot be read.
        use: Receives the columns of some rows at a time, as they are written.
        progress: Receives the number of rows done.

    Raises:
        ConfigError: If the file's ending is unknown, or its folder does not exist.
        DataError: If a row cannot be read, and it is not skipped. Then no file is left.
        OutputError: If the file cannot be written.
    """
    if path is not None:
        check_file(path)
    told = Predicted()
    with nullcontext(use) if path is None else writing_predictions(path) as write:
        for split, piece in stream_splits(
            run, splits, computing, skip_unreadable=skip_unreadable, progress=progress
        ):
            of = f"{split.name}: " if len(splits) > 1 else ""  # ids are unique within a split
            told.skipped |= {f"{of}{split.ids[row]}": why for row, why in piece.unread.items()}
            if not piece.rows:
                continue
            ids = [split.ids[row] for row in piece.rows]
            table = layout.table(ids, piece.outputs, split=split.name)
            if write is not None:
                write(table)
            told.rows += len(ids)
            if run.task.has_classes:
                for answer in table["prediction"]:
                    told.answers.update(answer if isinstance(answer, list) else [answer])
        if not told.rows:
            raise DataError(
                f"none of the {len(told.skipped)} rows can be read, so nothing is written"
            )
    return told


def stream_splits(
    run: SavedRun,
    splits: Sequence[Split],
    computing: Computing,
    *,
    skip_unreadable: bool,
    progress: Progress,
) -> Iterator[tuple[Split, Piece]]:
    """Yield the outputs of splits piece by piece, with the split that they are of.

    Raises:
        DataError: If a row cannot be read and is not to be skipped, with its id.
    """
    total, done = sum(map(len, splits)), 0
    if not skip_unreadable:
        for split in splits:
            for row, reason in split.faults.items():
                _refuse(split, row, reason, more=len(split.faults) - 1)
    with progress.track("predict", total, unit="rows") as update:
        for split in splits:
            for piece in stream_outputs(run, split.rows, computing):
                if not skip_unreadable:
                    for row, reason in piece.unread.items():
                        _refuse(split, row, reason)
                piece = _without_faults(piece, split)
                done += len(piece.rows) + len(piece.unread)
                update(done)
                yield split, piece


def _without_faults(piece: Piece, split: Split) -> Piece:
    """Leave out rows that lack a text: to a reader it is an empty one."""
    lacking = {row: split.faults[row] for row in piece.rows if row in split.faults}
    if not lacking:
        return piece
    kept = [number for number, row in enumerate(piece.rows) if row not in lacking]
    rows = tuple(piece.rows[number] for number in kept)
    return Piece(rows, piece.outputs[kept], {**piece.unread, **lacking})


def _refuse(split: Split, row: int, reason: str, *, more: int = 0) -> None:
    also = f" (and {more} more such rows)" if more else ""
    reason = reason.partition("\n")[0]
    raise DataError(
        f"row {split.ids[row]!r} cannot be read{also}: {reason}; or leave such rows out with "
        "--skip-unreadable"
    )
