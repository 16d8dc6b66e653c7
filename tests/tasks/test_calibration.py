"""Reliability against a slow reference, row by row."""

import math

import pytest
import torch

from tutelage.tasks import MultiLabel, Regression, SingleLabel, calibration

DRAW = torch.Generator().manual_seed(0)
LOGITS = 2 * torch.randn(300, 5, generator=DRAW)
CLASSES = torch.randint(5, (300,), generator=DRAW)


def reference(shares: list[float], right: list[bool], bins: int) -> tuple[float, list[int]]:
    """The expected calibration error and the answers of each range that has some, in plain floats."""
    error, counts = 0.0, []
    for number in range(bins):
        mine = [
            (share, hit)
            for share, hit in zip(shares, right, strict=True)
            if min(int(share * bins), bins - 1) == number
        ]
        if mine:
            frequency = sum(hit for _, hit in mine) / len(mine)
            confidence = sum(share for share, _ in mine) / len(mine)
            error += len(mine) / len(shares) * abs(frequency - confidence)
            counts.append(len(mine))
    return error, counts


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_classes(bins):
    found = calibration(SingleLabel.numbered(5), LOGITS, CLASSES, bins=bins)
    shares, right = [], []
    for row, label in zip(LOGITS.double().tolist(), CLASSES.tolist(), strict=True):
        weights = [math.exp(value) for value in row]
        shares.append(max(weights) / sum(weights))
        right.append(row.index(max(row)) == label)
    error, counts = reference(shares, right, bins)
    assert found.error == pytest.approx(error)
    assert [one.count for one in found.bins] == counts
    assert found.is_overconfident


def test_every_known_label_is_an_answer():
    labels = (torch.rand(300, 5, generator=DRAW) < 0.9).float()
    labels[:, 2] = math.nan
    found = calibration(MultiLabel.numbered(5), LOGITS - 3, labels)
    pairs = [
        (1 / (1 + math.exp(-value)), label == 1)
        for outputs, row in zip((LOGITS - 3).double().tolist(), labels.tolist(), strict=True)
        for value, label in zip(outputs, row, strict=True)
        if not math.isnan(label)
    ]
    error, counts = reference([p for p, _ in pairs], [right for _, right in pairs], 15)
    assert found.error == pytest.approx(error)
    assert [one.count for one in found.bins] == counts
    assert not found.is_overconfident


def test_nothing_is_said_where_there_are_no_probabilities_or_labels():
    targets = torch.randn(300, 5, dtype=torch.float64)
    assert calibration(Regression.numbered(5), LOGITS, targets) is None
    assert calibration(SingleLabel.numbered(5), LOGITS, torch.full((300,), -100)) is None
