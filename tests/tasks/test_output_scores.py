"""Scores of classes, labels and targets, against scikit-learn and SciPy."""

import math

import pytest
import torch
from scipy.stats import binomtest
from sklearn import metrics as sk

from tutelage.tasks import MultiLabel, Regression, Share, SingleLabel, class_scores, target_scores

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(120, 4, generator=DRAW)
CLASSES = torch.randint(3, (120,), generator=DRAW)  # the last class has no row


@pytest.mark.parametrize(("count", "rows"), [(0, 7), (7, 7), (3, 9), (812, 1000)])
def test_the_interval_is_that_of_scipy(count, rows):
    theirs = binomtest(count, rows).proportion_ci(0.95, method="wilson")
    assert Share(count, rows).interval == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_a_share_of_no_rows_is_unknown():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)


def test_classes():
    found = class_scores(SingleLabel.numbered(4), LOGITS, CLASSES)
    precision, recall, f1, rows = sk.precision_recall_fscore_support(
        CLASSES, LOGITS.argmax(dim=1), labels=range(4), zero_division=0
    )
    assert [one.name for one in found] == ["0", "1", "2", "3"]
    assert [one.rows for one in found] == rows.tolist()
    assert [one.precision.value or 0 for one in found] == pytest.approx(precision.tolist())
    assert [one.recall.value for one in found] == [*map(pytest.approx, recall[:3]), None]
    assert [one.f1 for one in found] == pytest.approx(f1.tolist())


def test_labels_that_are_not_known_are_left_out():
    labels = (torch.rand(120, 4, generator=DRAW) < 0.4).float()
    labels[::3, 1] = math.nan
    labels[5] = math.nan
    found = class_scores(MultiLabel.numbered(4), LOGITS, labels)
    for column, one in enumerate(found):
        known = ~labels[:, column].isnan()
        truth, given = labels[known, column], LOGITS[known, column] >= 0
        assert one.recall.value == pytest.approx(sk.recall_score(truth, given))
        assert one.precision.value == pytest.approx(sk.precision_score(truth, given))
        assert one.rows == int(truth.sum())


def test_targets():
    labels = torch.randn(120, 3, generator=DRAW, dtype=torch.float64)
    labels[::4, 0], labels[:, 2] = math.nan, 2.5
    task = Regression.of(("a", "b", "c"), labels)
    first, second, constant = target_scores(task, LOGITS[:, :3], labels)
    known = ~labels[:, 0].isnan()
    truth, given = labels[known, 0], LOGITS[known, 0].double()
    assert (first.name, first.rows) == ("a", 90)
    assert first.rmse == pytest.approx(sk.root_mean_squared_error(truth, given))
    assert first.mae == pytest.approx(sk.mean_absolute_error(truth, given))
    assert first.r2 == pytest.approx(sk.r2_score(truth.numpy(), given.numpy()))
    assert second.rows == 120
    assert constant.r2 is None


def test_equal_targets_whose_mean_is_rounded_have_no_r2():
    labels = torch.full((3, 1), 0.1, dtype=torch.float64)
    (score,) = target_scores(Regression.numbered(1), torch.zeros(3, 1), labels)
    assert score.r2 is None


def test_a_target_that_no_row_has_is_left_out():
    labels = torch.tensor([[1.0, math.nan], [2.0, math.nan]], dtype=torch.float64)
    task = Regression.of(("a", "b"), labels)
    assert [one.name for one in target_scores(task, torch.zeros(2, 2), labels)] == ["a"]


def test_each_kind_of_score_belongs_to_its_tasks():
    labels = torch.randn(120, 4, generator=DRAW, dtype=torch.float64)
    assert class_scores(Regression.numbered(4), LOGITS, labels) == []
    assert target_scores(SingleLabel.numbered(4), LOGITS, CLASSES) == []
