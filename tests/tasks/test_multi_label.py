"""Multi-label tasks: loss in plain floats, metrics against scikit-learn, and strata."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nan

from tutelage.tasks import BinaryCrossEntropy, MultiLabel, SoftLabels

DRAW = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
SOFT = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
PARTIAL = torch.tensor(
    [[1, 0, 1], [nan, 1, 0], [nan, nan, nan], [0, 0, 0], [1, nan, 1]], dtype=torch.float32
)
LOGITS = torch.randn(60, 3, generator=DRAW)
MARKS = (LOGITS + torch.randn(60, 3, generator=DRAW) > 0.5).float()


def binary(y: float, z: float, p: float = 1.0) -> float:
    share = 1 / (1 + math.exp(-z))
    return -p * y * math.log(share) - (1 - y) * math.log(1 - share)


def reference_marks(weights: list[float]) -> list[float]:
    return [
        binary(y, z, p)
        for row, line in zip(PARTIAL.tolist(), OUTPUTS.tolist(), strict=True)
        for y, z, p in zip(row, line, weights, strict=True)
        if not math.isnan(y)
    ]


def scores(outputs, labels) -> dict[str, float]:
    return MultiLabel.numbered(outputs.shape[1]).scores(outputs, labels)


def test_labels_that_are_not_known_do_not_count():
    for weights in ([1.0, 1.0, 1.0], [2.0, 0.5, 3.0]):
        losses = reference_marks(weights)
        loss = BinaryCrossEntropy(pos_weight=torch.tensor(weights))(OUTPUTS, PARTIAL)
        assert loss.item() == pytest.approx(sum(losses) / len(losses))
    plain = BinaryCrossEntropy().rows(OUTPUTS, PARTIAL)
    assert plain[1].item() == pytest.approx(
        (binary(1, OUTPUTS[1, 1].item()) + binary(0, OUTPUTS[1, 2].item())) / 2
    )
    assert plain[2] == 0


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_soft_labels_of_several_labels(temperature):
    task = SoftLabels(mix=0.6, temperature=temperature, loss=BinaryCrossEntropy())
    expected = []
    for row, line, soft in zip(PARTIAL.tolist(), OUTPUTS.tolist(), SOFT.tolist(), strict=True):
        known = [(y, z) for y, z in zip(row, line, strict=True) if not math.isnan(y)]
        given = sum(binary(y, z) for y, z in known) / max(1, len(known))
        soft_loss = temperature**2 * sum(
            binary(1 / (1 + math.exp(-t / temperature)), z / temperature)
            for t, z in zip(soft, line, strict=True)
        ) / 3  # fmt: skip
        expected.append(0.4 * given + 0.6 * soft_loss if known else soft_loss)
    assert task(OUTPUTS, PARTIAL, SOFT).item() == pytest.approx(sum(expected) / 5)


def test_balanced_weights_are_rows_without_a_label_by_rows_with_it():
    several = MultiLabel.of(("a", "b", "c"), PARTIAL)
    weighed = several.loss(PARTIAL, class_weights="balanced")
    assert weighed.pos_weight.tolist() == pytest.approx([1 / 2, 2.0, 1.0])


def test_gradients_are_exact_and_unknown_labels_have_none():
    outputs = OUTPUTS.clone().requires_grad_()
    loss = BinaryCrossEntropy()
    assert torch.autograd.gradcheck(lambda z: loss(z, PARTIAL), (outputs,))
    loss(outputs, PARTIAL).backward()
    assert (outputs.grad[PARTIAL.isnan()] == 0).all()
    assert outputs.grad.isfinite().all()


def test_several_labels():
    found = scores(LOGITS, MARKS)
    given = LOGITS >= 0
    assert found == pytest.approx(
        {
            "average_precision": sk.average_precision_score(MARKS, LOGITS),
            "macro_f1": sk.f1_score(MARKS, given, average="macro"),
            "micro_f1": sk.f1_score(MARKS, given, average="micro"),
            "auroc": sk.roc_auc_score(MARKS, LOGITS),
            "subset_accuracy": sk.accuracy_score(MARKS, given),
        }
    )


def test_rows_without_a_label_change_nothing():
    labels = torch.cat([MARKS, torch.full((4, 3), math.nan)])
    outputs = torch.cat([LOGITS, torch.full((4, 3), math.nan)])
    assert scores(outputs, labels) == scores(LOGITS, MARKS)


def test_labels_that_are_missing_are_left_out_one_by_one():
    marks = MARKS.clone()
    marks[::7, 1] = math.nan
    marks[:, 2] = 0  # nobody has it: neither ranking is defined for it
    known = ~marks[:, 1].isnan()
    found = scores(LOGITS, marks)
    parts = [(marks[:, 0], LOGITS[:, 0]), (marks[known, 1], LOGITS[known, 1])]
    assert found["average_precision"] == pytest.approx(
        np.mean([sk.average_precision_score(y, z) for y, z in parts])
    )
    assert found["auroc"] == pytest.approx(np.mean([sk.roc_auc_score(y, z) for y, z in parts]))
    right = ((LOGITS >= 0) == (marks == 1))[known].all(dim=1)
    assert found["subset_accuracy"] == pytest.approx(right.double().mean().item())


def test_f1_of_a_label_that_no_row_has():
    """It counts as 0 once a row is given it, and not at all before."""
    marks = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, nan]])
    perfect = 2 * marks.nan_to_num() - 1
    assert scores(perfect, marks)["macro_f1"] == 1
    perfect[2, 2] = 1  # of a label that is not known
    assert scores(perfect, marks)["macro_f1"] == 1
    perfect[0, 2] = 1
    assert scores(perfect, marks)["macro_f1"] == pytest.approx(2 / 3)
    nothing = torch.zeros(3, 3)
    assert scores(nothing - 1, nothing)["macro_f1"] == 0


def test_strata_are_the_rarest_labels():
    labels = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [nan, nan]])
    assert MultiLabel.strata(labels).tolist() == [1, 1, 0, 0, 0, -100]
