"""Rows of the tasks that are files of one's own: clothing photographs, photographs with titles, pairs.

20 Newsgroups comes from ``tutelage.demo.data``, Fashion-MNIST from ``experiments/methods/pictures.py``.
"""

import csv
import random
from pathlib import Path

Rows = dict[str, list[dict[str, object]]]


def clothing(folder: str, labelled: int | None = None) -> Rows:
    """Photographs of ten kinds of clothes, a folder a class; the first ``labelled`` keep their label.

    The test rows are those of the folders ``test`` and ``validation``: the latter chooses nothing
    here, since settings are chosen on hold-outs of the training rows.
    """
    home = Path(folder)
    train, rest = _photographs(home, "train"), []
    for split in ("test", "validation"):
        rest += _photographs(home, split)
    random.Random(0).shuffle(train)
    return {"train": _labelled(train, labelled), "test": rest}


def fashion(folder: str, test: int = 1000) -> Rows:
    """Photographs of articles with their titles, thirty kinds.

    The first ``test`` of the shuffled test rows are evaluated; the others, and the validation rows,
    serve as rows without a label.
    """
    home = Path(folder)
    train, rest = _table(home, "train"), _table(home, "test")
    for row in train + rest:
        row["image"] = str(home / str(row["image"]))
    random.Random(0).shuffle(rest)
    more = rest[test:] + [
        {**row, "image": str(home / str(row["image"]))} for row in _table(home, "validation")
    ]
    return {"train": train + _labelled(more, 0), "test": rest[:test]}


def pairs(folder: str, labelled: int = 1000, test: int = 1000) -> Rows:
    """Sentence pairs that say the same or not; the first ``labelled`` of them keep their label."""
    home = Path(folder)
    train, rest = _table(home, "train"), _table(home, "test")
    for rows in (train, rest):
        random.Random(0).shuffle(rows)
    return {"train": _labelled(train, labelled), "test": rest[:test]}


def _photographs(home: Path, split: str) -> list[dict[str, object]]:
    paths = sorted(path for path in (home / split).glob("*/*") if path.is_file())
    return [
        {
            "id": path.relative_to(home).as_posix(),
            "image": str(path),
            "label": path.parent.name,
        }
        for path in paths
    ]


def _table(home: Path, split: str) -> list[dict[str, object]]:
    with (home / f"{split}.csv").open(encoding="utf-8", newline="") as lines:
        return [
            {"id": f"{split}-{number}", **row} for number, row in enumerate(csv.DictReader(lines))
        ]


def _labelled(rows: list[dict[str, object]], labelled: int | None) -> list[dict[str, object]]:
    """The rows, of which those after the first ``labelled`` lose their label."""
    end = len(rows) if labelled is None else labelled
    return rows[:end] + [{**row, "label": None} for row in rows[end:]]
