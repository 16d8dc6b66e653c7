"""The summary of the data names rows, classes and notes."""

import torch

from tutelage.data import Data, Split
from tutelage.data.summary import summary
from tutelage.data.texts import TextColumns


def data(classes, **options) -> Data:
    split = Split("train", TextColumns((), range(0)), ["a", "b"], torch.tensor([0, 1]))
    return Data({"train": split}, classes, "text", **options)


def test_classes_and_notes():
    assert summary(data(("cat", "dog"), notes=("1 file passed over",)), source="folder:x") == (
        "folder:x: 2 train rows of 2 classes (text): cat, dog",
        "  1 file passed over",
    )


def test_many_classes_and_targets():
    (line,) = summary(data(tuple(map(str, range(30)))), source="x")
    assert line.endswith("30 classes (text): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …")
    (line,) = summary(data(("price",), task="regression"), source="x")
    assert line == "x: 2 train rows of 1 target (text): price"
