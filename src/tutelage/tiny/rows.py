"""Generated rows with the columns and classes of a data set."""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, Image, Value
from jaxtyping import UInt8
from PIL import Image as Picture

from tutelage.tiny.columns import Columns, columns_of

__all__ = ["SIDE", "TRAIN_ROWS", "picture", "sentence", "stand_in", "vocabulary"]

TRAIN_ROWS = 200
TEST_ROWS = 100
SIDE = 32
WORDS = tuple("".join(pair) for pair in product(("ka", "lo", "mi", "ne", "ru"), repeat=3))
"""125 invented words."""


def vocabulary() -> tuple[str, ...]:
    """Return all words of generated sentences."""
    return WORDS


@cache
def stand_in(of: str, rows: int = TRAIN_ROWS) -> dict[str, Dataset]:
    """Return rows in place of those of a data set of the hub, the same ones each time.

    A picture is the pattern of its class under noise; of the 12 words of a text, a quarter are of the
    4 that its class prefers, so that there is something to learn, but not everything.

    Args:
        of: The data string that they stand in for.
        rows: Training rows; at least two of each class are given.

    Returns:
        ``train``, and half as many rows in each other labelled split.

    Raises:
        ConfigError: If the data set's columns are not known here.

    Example:
        >>> stand_in("hub:nyu-mll/glue/rte")["train"].column_names
        ['sentence1', 'sentence2', 'label']
    """
    columns = columns_of(of)
    classes = len(columns.classes) or 2
    counts = {"train": max(rows, 2 * classes)}
    counts |= dict.fromkeys(columns.tested, max(rows // 2, classes))
    draw = np.random.default_rng(len(of))
    return {split: _table(columns, count, draw) for split, count in counts.items()}


def picture(label: int, draw: np.random.Generator) -> UInt8[np.ndarray, "32 32 3"]:
    """Return a picture of a class: its 4 x 4 patches of color, and noise."""
    pattern = np.random.default_rng(label).uniform(40, 215, (4, 4, 3))
    pixels = np.kron(pattern, np.ones((SIDE // 4, SIDE // 4, 1)))
    noisy = pixels + draw.normal(0, 60, pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def sentence(label: int, draw: np.random.Generator, *, words: int = 12) -> str:
    """Return a sentence of invented words, a quarter of them from those that its class prefers."""
    preferred = np.random.default_rng(label).permutation(len(WORDS))[:4]
    chosen = np.where(
        draw.random(words) < 0.25,
        draw.choice(preferred, words),
        draw.integers(0, len(WORDS), words),
    )
    return " ".join(WORDS[number] for number in chosen)


def _table(columns: Columns, count: int, draw: np.random.Generator) -> Dataset:
    labels = np.arange(count) % (len(columns.classes) or 2)
    draw.shuffle(labels)
    features: dict[str, Any] = {}
    values: dict[str, list[Any]] = {}
    for name in columns.images:
        features[name] = Image()
        values[name] = [Picture.fromarray(picture(label, draw)) for label in labels.tolist()]
    for name in columns.texts:
        features[name] = Value("string")
        values[name] = [sentence(label, draw) for label in labels.tolist()]
    if columns.classes:
        features[columns.label] = ClassLabel(names=list(columns.classes))
        values[columns.label] = labels.tolist()
    else:
        features[columns.label] = Value("bool")
        values[columns.label] = (labels == 1).tolist()
    if columns.coarser is not None:
        name, number = columns.coarser
        features[name] = ClassLabel(num_classes=number)
        values[name] = (labels % number).tolist()
    return Dataset.from_dict(values, Features(features))
