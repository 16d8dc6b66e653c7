"""The table of commands that are disturbed. A command that writes files joins by one row."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import small

__all__ = ["PICTURES", "SCENARIOS", "Scenario", "prepare", "set_words"]


@dataclass(frozen=True)
class Scenario:
    """A command, and how it is continued.

    Attributes:
        name: Its name in results.
        words: The command.
        writes: The folders that it writes to; all that is in them is compared.
        resume: Words that are added to continue it.
        share: Its share of the trials.
    """

    name: str
    words: Sequence[str]
    writes: tuple[str, ...]
    resume: Sequence[str] = ()
    share: int = 1


def set_words(**settings: object) -> list[str]:
    """Return the words that set settings; dots of a name are written ``__``."""
    return [
        word
        for name, value in settings.items()
        for word in ("--set", f"{name.replace('__', '.')}={value}")
    ]


PICTURES = [
    *("--data", "folder:pictures", "--teacher", "python:small:teacher"),
    *set_words(teachers__0__input__image_size=8, cache__workers=0),
]
TEXTS = ["--data", "table:texts", "--teacher", "features:features.parquet"]
STUDENT = [
    *("--student", "python:small:student"),
    *set_words(
        student__input__image_size=8,
        train__device="cpu",
        train__workers=0,
        train__steps=24,
        train__batch_size=12,
        train__lr=1e-2,
        train__log_every=2,
        train__checkpoint_every=4,
    ),
]
QUICK = [*PICTURES, *STUDENT, *set_words(train__steps=8), "--methods", "stl,aft"]

SCENARIOS = (
    Scenario("extract", ["extract", *PICTURES], ("cache",), share=5),
    Scenario("extract arrays", ["extract", *TEXTS], ("cache",), share=3),
    Scenario(
        "train",
        ["train", *PICTURES, *STUDENT, "--out", "run"],
        ("cache", "run"),
        resume=["--resume"],
        share=5,
    ),
    Scenario(
        "train, hold-out and probe",
        [
            *("train", *PICTURES, *STUDENT, "--out", "run", "--method", "aft+probe"),
            *set_words(data__evaluate="holdout", data__holdout=0.25, train__eval_every=6),
        ],
        ("cache", "run"),
        resume=["--resume"],
        share=3,
    ),
    Scenario(
        "tune",
        ["tune", *QUICK, "--out", "search", *set_words(tune__beta="[1, 10]", data__holdout=0.25)],
        ("cache", "search"),
        share=2,
    ),
    Scenario(
        "tune, sampled and pruned",
        [
            *("tune", *QUICK, "--out", "search"),
            *set_words(tune__samples=5, tune__prune="true", data__holdout=0.25),
        ],
        ("cache", "search"),
        share=2,
    ),
    Scenario(
        "compare",
        ["compare", *QUICK, "--out", "table", "--seeds", "2"],
        ("cache", "table"),
        share=2,
    ),
    Scenario(
        "compare, tuned",
        [
            *("compare", *QUICK, "--out", "table", "--seeds", "1", "--tune"),
            *set_words(tune__beta="[1, 10]", data__holdout=0.25),
        ],
        ("cache", "table"),
        share=2,
    ),
)


def prepare(folder: Path) -> None:
    """Write the data and models of all scenarios."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True)
    small.write_pictures(folder / "pictures")
    small.write_texts(folder / "texts")
    shutil.copy(small.__file__, folder / "small.py")
    features = np.random.default_rng(0).normal(size=(48, 12)).astype(np.float32)
    table = {"id": [f"train-{row}" for row in range(48)], "features": list(features)}
    parquet.write_table(pyarrow.table(table), folder / "features.parquet")
