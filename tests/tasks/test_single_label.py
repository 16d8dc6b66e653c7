"""Single-label tasks: loss, class weights and metrics, against PyTorch and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

from tutelage.errors import ConfigError, DataError
from tutelage.tasks import CrossEntropy, SingleLabel, SoftLabels

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(60, 3, generator=DRAW)
CLASSES = torch.randint(3, (60,), generator=DRAW)


def scores(outputs, labels) -> dict[str, float]:
    return SingleLabel.numbered(outputs.shape[1]).scores(outputs, labels)


def test_one_class_a_row():
    found = scores(LOGITS, CLASSES)
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
    found = scores(LOGITS[:, :2], truth)
    assert found["f1"] == pytest.approx(sk.f1_score(truth, LOGITS[:, :2].argmax(dim=1)))
    assert found["auroc"] == pytest.approx(
        sk.roc_auc_score(truth, LOGITS[:, :2].softmax(dim=1)[:, 1])
    )


def test_f1_leads_with_two_classes_alone():
    labels = torch.tensor([0, 1, 2])
    assert SingleLabel.of(("no", "yes"), labels, metric="f1").lead.label == "F1"
    with pytest.raises(ConfigError, match="there are 3; choose macro_f1"):
        SingleLabel.of(("a", "b", "c"), labels, metric="f1")


def test_rows_without_a_label_change_nothing():
    labels = torch.cat([CLASSES, torch.full((4,), -100)])
    outputs = torch.cat([LOGITS, torch.full((4, 3), math.nan)])
    assert scores(outputs, labels) == scores(LOGITS, CLASSES)


def test_a_class_that_does_not_occur_has_no_auroc():
    found = scores(LOGITS, CLASSES.clamp_max(1))
    shares = LOGITS.double().softmax(dim=1).numpy()
    each = [sk.roc_auc_score(CLASSES.clamp_max(1) == k, shares[:, k]) for k in (0, 1)]
    assert found["auroc"] == pytest.approx(np.mean(each))
    assert "auroc" not in scores(LOGITS, torch.zeros(60, dtype=torch.int64))


def test_accuracy_alone_is_that_of_all_metrics():
    task = SingleLabel.numbered(3)
    assert task.score(LOGITS, CLASSES) == task.scores(LOGITS, CLASSES)["accuracy"]


def test_class_weights():
    labels = torch.tensor([0, 0, 0, 1, 2, 2, -100])
    task = SingleLabel.of(("a", "b", "c"), labels)
    balanced = task.loss(labels, class_weights="balanced")
    assert balanced.weight.tolist() == pytest.approx([6 / 9, 2.0, 1.0])
    named = task.loss(labels, class_weights={"b": 3.0}, label_smoothing=0.1)
    outputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    theirs = nn.CrossEntropyLoss(torch.tensor([1.0, 3.0, 1.0]), label_smoothing=0.1)
    assert torch.equal(named(outputs, labels), theirs(outputs, labels))
    assert isinstance(task.loss(labels), CrossEntropy)


@pytest.mark.parametrize("weights", [{}, {"b": 3.0, "c": 0.5}, {"a": 2.0}])
def test_multiples_of_class_weights_are_one_mixture(weights):
    labels = torch.tensor([0, 0, 0, 1, 2, 2, -100])
    task = SingleLabel.of(("a", "b", "c"), labels)
    outputs, soft = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(1))
    scaled = {name: 10 * weights.get(name, 1.0) for name in task.names}
    losses = [
        SoftLabels(mix=0.3, loss=task.loss(labels, class_weights=some))(outputs, labels, soft)
        for some in (weights, scaled)
    ]
    torch.testing.assert_close(*losses)
    if not weights:
        assert losses[1] == SoftLabels(mix=0.3)(outputs, labels, soft)


@pytest.mark.parametrize("classes", ["abc", "abcde"])
def test_balanced_weights_of_the_training_rows_have_mean_1_in_a_mixture(classes):
    """Two of the five classes have no row; the others count as if these were not there."""
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    task = SingleLabel.of(tuple(classes), labels)
    rows = task.loss(labels, class_weights="balanced").rows(torch.zeros(6, len(classes)), labels)
    assert rows.mean().item() == pytest.approx(math.log(len(classes)))


def test_a_name_that_is_no_class_has_no_weight():
    labels = torch.tensor([0, 1])
    task = SingleLabel.of(("cat", "dog"), labels)
    with pytest.raises(ConfigError, match="names 'dgo', which is no class; did you mean 'dog'"):
        task.loss(labels, class_weights={"dgo": 2.0})


def test_strata_are_classes_and_columns_are_one_hot():
    labels = torch.tensor([1, 0, -100])
    assert SingleLabel.strata(labels).tolist() == [1, 0, -100]
    assert SingleLabel.numbered(2).columns(labels[:2]).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("label", [0, 1])
def test_one_row_is_scored_without_a_warning(label):
    outputs = torch.tensor([[0.0, 1.0]])
    scores = SingleLabel.numbered(2).scores(outputs, torch.tensor([label]))
    assert (scores["accuracy"], scores["f1"]) == (label, label)
    assert not {"auroc", "mcc"} & set(scores)


def test_mcc_of_one_class_is_undefined_and_of_one_answer_0():
    task = SingleLabel(("a", "b"), SingleLabel.metrics["mcc"])
    outputs, one = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, 1, 1])
    assert "mcc" not in task.scores(outputs, one)
    with pytest.raises(
        DataError, match="is undefined on the test rows: their labels are all the same"
    ):
        task.refuse_unmeasurable(one, where="the test rows")
    assert task.scores(torch.zeros(3, 2), torch.tensor([0, 1, 1]))["mcc"] == 0.0
