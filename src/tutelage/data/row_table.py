"""Table of all rows, for programs that compute features elsewhere: id, label, split, path, text."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from tutelage.data.base import Data, Rows, Split
from tutelage.data.images import ImageFiles
from tutelage.data.pairs import ImageTexts
from tutelage.tasks import TASKS, UNLABELLED

__all__ = ["row_table"]


def row_table(data: Data, unlabelled: Split | None = None) -> Iterator[tuple[str, ...]]:
    """Yield a head, then a line for each row: the training rows first, in the data's order.

    Columns: ``id``; ``label`` (the class's name or the target; a list in JSON if there are several;
    empty where unknown); ``split``; ``path`` (absolute; empty for rows that are not in files); and
    ``text``, or ``text_1``, ``text_2``, … for several columns, if rows have texts. Images are not
    decoded.

    Args:
        data: The labelled data.
        unlabelled: Rows of its unlabelled source.
    """
    splits = [*data.splits.values(), *([] if unlabelled is None else [unlabelled])]
    texts = max(len(_texts(split.rows, 0)) for split in splits if len(split))
    names = ["text"] if texts == 1 else [f"text_{number}" for number in range(1, texts + 1)]
    yield ("id", "label", "split", "path", *names)
    for split in splits:
        labels = _labels(data, split)
        for number, (name, label) in enumerate(zip(split.ids, labels, strict=True)):
            rows = split.rows
            yield (name, label, split.split_names[0], _path(rows, number), *_texts(rows, number))


def _labels(data: Data, split: Split) -> Iterator[str]:
    columns = data.classes
    if TASKS[data.task].labels_are_classes:
        for label in split.labels.tolist():
            yield "" if label == UNLABELLED else columns[label]
        return
    for values in split.labels.numpy():
        known = [None if math.isnan(value) else json.loads(str(value)) for value in values]
        if TASKS[data.task].labels_are_binary:
            named = [name for name, value in zip(columns, known, strict=True) if value]
            yield "" if None in known else json.dumps(named, ensure_ascii=False)
        elif len(columns) == 1:
            yield "" if known[0] is None else json.dumps(known[0])
        else:
            yield json.dumps(known)


def _path(rows: Rows, number: int) -> str:
    if isinstance(rows, ImageTexts):
        rows = rows.images
    return str((rows.root / rows.names[number]).absolute()) if isinstance(rows, ImageFiles) else ""


def _texts(rows: Rows, number: int) -> Sequence[str]:
    if rows.modality == "image":
        return ()
    row: Any = (rows.texts if isinstance(rows, ImageTexts) else rows)[number]
    return tuple(map(str, row))
