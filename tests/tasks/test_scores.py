"""Metrics by task: against scikit-learn on whole data, and against plain counts where some is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from tutelage.errors import DataError, DivergedError
from tutelage.tasks import TASKS, MultiLabel, Regression

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(60, 3, generator=DRAW)
CLASSES = torch.randint(3, (60,), generator=DRAW)
MARKS = (LOGITS + torch.randn(60, 3, generator=DRAW) > 0.5).float()
TARGETS = LOGITS * torch.tensor([1.0, 20.0, 0.1]) + torch.randn(60, 3, generator=DRAW)


def scores(kind, outputs, labels, names=None) -> dict[str, float]:
    task = TASKS[kind].numbered(outputs.shape[1])
    return (task if names is None else replace(task, names=names)).scores(outputs, labels)


def test_one_class_a_row():
    found = scores("single-label", LOGITS, CLASSES)
    chosen, truth = LOGITS.argmax(dim=1), CLASSES
    shares = LOGITS.double().softmax(dim=1).numpy()
    assert found == pytest.approx(
        {
            "accuracy": sk.accuracy_score(truth, chosen),
            "macro_f1": sk.f1_score(truth, chosen, average="macro"),
            "mcc": sk.matthews_corrcoef(truth, chosen),
            "auroc": sk.roc_auc_score(truth, shares, multi_class="ovr"),
        }
    )


def test_f1_of_two_classes_is_that_of_the_second():
    truth = (CLASSES > 0).long()
    found = scores("single-label", LOGITS[:, :2], truth)
    assert found["f1"] == pytest.approx(sk.f1_score(truth, LOGITS[:, :2].argmax(dim=1)))
    assert found["auroc"] == pytest.approx(
        sk.roc_auc_score(truth, LOGITS[:, :2].softmax(dim=1)[:, 1])
    )


def test_rows_without_a_label_change_nothing():
    more = torch.cat([CLASSES, torch.full((4,), -100)])
    outputs = torch.cat([LOGITS, torch.full((4, 3), math.nan)])
    assert scores("single-label", outputs, more) == scores("single-label", LOGITS, CLASSES)
    none = torch.cat([MARKS, torch.full((4, 3), math.nan)])
    assert scores("multi-label", outputs, none) == scores("multi-label", LOGITS, MARKS)


def test_a_class_that_does_not_occur_has_no_auroc():
    found = scores("single-label", LOGITS, CLASSES.clamp_max(1))
    shares = LOGITS.double().softmax(dim=1).numpy()
    each = [sk.roc_auc_score(CLASSES.clamp_max(1) == k, shares[:, k]) for k in (0, 1)]
    assert found["auroc"] == pytest.approx(np.mean(each))
    assert "auroc" not in scores("single-label", LOGITS, torch.zeros(60, dtype=torch.int64))


def test_several_labels():
    found = scores("multi-label", LOGITS, MARKS)
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


def test_labels_that_are_missing_are_left_out_one_by_one():
    marks = MARKS.clone()
    marks[::7, 1] = math.nan
    marks[:, 2] = 0  # nobody has it: neither ranking is defined for it
    known = ~marks[:, 1].isnan()
    found = scores("multi-label", LOGITS, marks)
    parts = [(marks[:, 0], LOGITS[:, 0]), (marks[known, 1], LOGITS[known, 1])]
    assert found["average_precision"] == pytest.approx(
        np.mean([sk.average_precision_score(y, z) for y, z in parts])
    )
    assert found["auroc"] == pytest.approx(np.mean([sk.roc_auc_score(y, z) for y, z in parts]))
    right = ((LOGITS >= 0) == (marks == 1))[known].all(dim=1)
    assert found["subset_accuracy"] == pytest.approx(right.double().mean().item())


def test_targets():
    outputs = LOGITS * torch.tensor([1.0, 20.0, 0.1])
    found = scores("regression", outputs, TARGETS, names=("a", "b", "c"))
    assert found["r2"] == pytest.approx(sk.r2_score(TARGETS, outputs))
    each = [torch.corrcoef(torch.stack([TARGETS[:, j], outputs[:, j]]))[0, 1] for j in range(3)]
    assert found["pearson"] == pytest.approx(float(np.mean(each)), abs=1e-5)
    ranks = [
        torch.corrcoef(torch.stack([x[:, j].argsort().argsort().double() for x in (TARGETS, outputs)]))[0, 1]
        for j in range(3)
    ]  # fmt: skip
    assert found["spearman"] == pytest.approx(float(np.mean(ranks)))
    error = (TARGETS[:, 1] - outputs[:, 1]).square().mean().sqrt().item()
    assert found["rmse/b"] == pytest.approx(error, rel=1e-5)
    alone = scores("regression", outputs[:, :1], TARGETS[:, :1])
    assert alone["mae"] == pytest.approx(
        (TARGETS[:, 0] - outputs[:, 0]).abs().mean().item(), rel=1e-5
    )


def test_a_student_that_says_the_same_of_all_correlates_with_nothing():
    found = scores("regression", torch.full((60, 1), 0.3), TARGETS[:, :1])
    assert found["spearman"] == found["pearson"] == 0
    assert found["r2"] <= 0


@pytest.mark.parametrize("kind", TASKS)
def test_errors_are_the_spread_of_drawn_rows(kind):
    """The standard error on 400 rows, held against the spread over many such draws."""
    draw = torch.Generator().manual_seed(1)

    def drawn():
        outputs = torch.randn(400, 2, generator=draw)
        noisy = outputs + torch.randn(400, 2, generator=draw)
        labels = {
            "single-label": noisy.argmax(dim=1),
            "multi-label": (noisy > 0.5).float(),
            "regression": noisy,
        }
        return outputs, labels[kind]

    task = TASKS[kind].numbered(drawn()[0].shape[1])
    values = [task.score(*drawn()) for _ in range(60)]
    errors = [task.standard_error(*drawn()) for _ in range(8)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_what_cannot_be_measured_is_said():
    with pytest.raises(DataError, match=r"average precision is undefined on the test rows"):
        MultiLabel.numbered(2).refuse_unmeasurable(torch.zeros(5, 2), where="the test rows")
    with pytest.raises(DataError, match=r"R² is undefined on these rows"):
        Regression.numbered(1).score(torch.rand(5, 1), torch.ones(5, 1))
    with pytest.raises(DivergedError, match="not finite numbers"):
        scores("regression", torch.tensor([[math.nan]]), torch.ones(1, 1))
