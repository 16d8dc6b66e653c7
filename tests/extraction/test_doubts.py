"""What is said of features that tell little or nothing."""

import pytest
import torch

from tutelage.cache import FeatureKey, FeatureStore
from tutelage.extraction.doubts import doubts

ROWS, WIDTH = 50, 20


def cached(path, rows: torch.Tensor):
    key = FeatureKey({"source": "here"}, split="train", rows=len(rows), content="0")
    store, ids = FeatureStore(path), [f"row{number}" for number in range(len(rows))]
    with store.writer(key, ids=ids, width=rows.shape[1]) as writer:
        for part in list(writer.missing):
            numbers = writer.layout.part(part)
            writer.write(part, rows[numbers.start : numbers.stop])
        writer.finish()
    return store.open(key)


def features() -> torch.Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0))


def zero_half(rows: torch.Tensor) -> None:
    rows[:, : WIDTH // 2] = 0


def constant_half(rows: torch.Tensor) -> None:
    rows[:, : WIDTH // 2] = 0.1


def zero_all(rows: torch.Tensor) -> None:
    rows[:] = 0


def constant_all(rows: torch.Tensor) -> None:
    rows[:] = rows[0].clone()


def zero_rows(rows: torch.Tensor) -> None:
    rows[[4, 7]] = 0


def equal_rows(rows: torch.Tensor) -> None:
    rows[20:] = rows[:30].clone()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (zero_half, ["10 of 20 columns are the same in all 50 rows of train (10 are zero)"]),
        (constant_half, ["10 of 20 columns are the same in all 50 rows of train (0 are zero)"]),
        (zero_all, ["all 20 columns are zero in all 50 rows of train: this teacher tells nothing"]),
        (constant_all, ["all 20 columns are the same in all 50 rows of train"]),
        (zero_rows, ["2 of 50 rows of train are zero in every column, such as 'row4'"]),
        (equal_rows, ["20 of 50 rows of train have the features of an earlier row"]),
        (lambda rows: None, []),
    ],
)
def test_each_sign_has_its_sentence(tmp_path, damage, says):
    rows = features()
    damage(rows)
    found = doubts(cached(tmp_path, rows))
    assert len(found) == len(says)
    for sentence, start in zip(found, says, strict=True):
        assert sentence.startswith(start)


def test_one_row_proves_nothing(tmp_path):
    assert doubts(cached(tmp_path, torch.zeros(1, 3))) == []
