"""Learning curves: parts that are nested and fair, scores that follow the rows, folds that stay out."""

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tutelage.errors import ConfigError, DataError
from tutelage.probes import learning_curve, probe_holdout, stratified_folds
from tutelage.probes.learning_curve import _part
from tutelage.tasks import MultiLabel, Regression, SingleLabel

TEN = SingleLabel.numbered(10)


@pytest.fixture(scope="module")
def digits():
    """400 handwritten digits in their order, and five folds of them."""
    data = load_digits()
    rows, labels = torch.tensor(data.data[:400]).float(), torch.tensor(data.target[:400])
    folds = stratified_folds(labels, folds=5, seed=0)
    return rows, labels, [(folds == fold).nonzero().flatten() for fold in range(5)]


def test_parts_are_nested_without_the_fold_and_fair_to_every_class(digits):
    _, labels, folds = digits
    quarter, half, all_ = (
        set(_part(labels, folds[1], task=TEN, fraction=fraction, seed=3).tolist())
        for fraction in (0.25, 0.5, 1.0)
    )
    assert quarter < half < all_
    assert all_ == set(range(400)) - set(folds[1].tolist())
    counts = labels[sorted(quarter)].bincount()
    outside = labels[sorted(all_)].bincount()
    assert ((counts - outside / 4).abs() <= 0.5).all()


def test_rows_without_a_label_are_in_no_part(digits):
    rows, labels, folds = digits
    labels = labels.clone()
    labels[folds[4]] = -100
    (point,) = learning_curve(rows, labels, folds=folds[:2], task=TEN, fractions=[1.0])
    assert point.rows == 400 - len(folds[4]) - (len(folds[0]) + len(folds[1])) / 2


def test_more_rows_score_higher_and_each_fold_scores(digits):
    rows, labels, folds = digits
    noise = 6 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
    curve = learning_curve(rows + noise, labels, folds=folds, task=TEN)
    assert [point.rows for point in curve] == pytest.approx([80, 160, 320], abs=5)
    means = [sum(point.scores) / 5 for point in curve]
    assert means[0] + 0.02 < means[1] < means[2]
    assert all(len(set(point.scores)) > 1 for point in curve)


def test_a_score_is_that_of_a_logistic_regression_on_the_part(digits):
    """Against scikit-learn's, on columns standardized by hand."""
    rows, labels, folds = digits
    (point,) = learning_curve(rows, labels, folds=folds[:1], task=TEN, fractions=[0.5], seed=7)
    part = _part(labels, folds[0], task=TEN, fraction=0.5, seed=7)
    c = probe_holdout(rows[part], labels[part], task=TEN, holdout=0.2, seed=7).c
    inside, held = rows[part].double(), rows[folds[0]].double()
    scale = inside.std(dim=0, correction=0)
    scale[scale == 0] = torch.inf
    model = LogisticRegression(C=c, max_iter=5000, tol=1e-8)
    model.fit((inside - inside.mean(dim=0)) / scale, labels[part])
    expected = model.score((held - inside.mean(dim=0)) / scale, labels[folds[0]])
    assert point.scores[0] == pytest.approx(expected, abs=1.5 / len(folds[0]))


def test_labels_of_the_fold_change_its_score_alone(digits):
    """Scored rows choose nothing and teach nothing: with other labels the others' scores stay."""
    rows, labels, folds = digits
    before = learning_curve(rows, labels, folds=folds[:1], task=TEN, fractions=[1.0])
    changed = labels.clone()
    changed[folds[0]] = (labels[folds[0]] + 1) % 10
    after = learning_curve(rows, changed, folds=folds[:1], task=TEN, fractions=[1.0])
    wrong = [point.scores[0] for point in after]
    assert before[0].scores[0] > 0.8
    assert wrong[0] < 0.2


def test_fractions_without_two_rows_of_a_class_are_left_out():
    labels = torch.arange(40) % 2
    labels[:4] = torch.tensor([2, 2, 2, 2])
    rows = torch.nn.functional.one_hot(labels).float() + 0.1 * torch.randn(
        40, 3, generator=torch.Generator().manual_seed(0)
    )
    folds = [torch.tensor([0, 10, 11, 12]), torch.tensor([1, 20, 21, 22])]
    curve = learning_curve(rows, labels, folds=folds, task=SingleLabel.numbered(3))
    assert [point.rows for point in curve] == pytest.approx([18, 36], abs=1)


@pytest.mark.parametrize("task", [MultiLabel.numbered(2), Regression.numbered(2)])
def test_other_tasks(task):
    draw = torch.Generator().manual_seed(1)
    rows = torch.randn(120, 4, generator=draw)
    targets = rows[:, :2] + 0.3 * torch.randn(120, 2, generator=draw)
    labels = (targets > 0).float() if task.labels_are_binary else targets
    folds = list(torch.arange(120).chunk(3))
    curve = learning_curve(rows, labels, folds=folds, task=task)
    assert [point.rows for point in curve] == pytest.approx([20, 40, 80], abs=2)
    assert sum(curve[-1].scores) / 3 > 0.6


def test_mistakes_are_told(digits, unchecked):
    rows, labels, folds = digits
    with pytest.raises(ConfigError, match="needs folds"):
        learning_curve(rows, labels, folds=[], task=TEN)
    with pytest.raises(ConfigError, match="above 0"):
        learning_curve(rows, labels, folds=folds, task=TEN, fractions=[0.0])
    with pytest.raises(DataError, match="400 rows of features but 399 labels"):
        learning_curve(rows, labels[1:], folds=folds, task=TEN)
