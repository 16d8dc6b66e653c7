"""Probes of several labels and of targets, against scikit-learn run to its optimum."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, r2_score
from torch import nan

from tutelage.errors import DataError
from tutelage.probes import cross_fitted, fit_probe, linear_probe, stratified_folds
from tutelage.probes.fit import ProbeProblem
from tutelage.tasks import TASKS, MultiLabel, Regression, SingleLabel


@pytest.fixture(scope="module")
def diabetes():
    """442 patients: 10 columns, and two targets of very different units."""
    features, target = load_diabetes(return_X_y=True)
    targets = np.stack([target, features[:, 2] ** 2 + 0.001 * target], axis=1)
    return torch.from_numpy(features).float(), torch.from_numpy(targets).float()


@pytest.fixture(scope="module")
def marks():
    """500 digits: 64 columns, and whether each is even, large, or a zero."""
    features, digit = load_digits(return_X_y=True)
    features, digit = torch.from_numpy(features[:500]).float(), torch.from_numpy(digit[:500])
    return features, torch.stack([digit % 2 == 0, digit > 4, digit == 0], dim=1).float()


def standardized(features: torch.Tensor) -> np.ndarray:
    x = features.double().numpy()
    deviation = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_targets_are_ridge_regressions(diabetes, c):
    features, targets = diabetes
    probe = ProbeProblem(features, targets, task=Regression.numbered(2)).fit(c, tolerance=1e-9)
    x = standardized(features)
    model = Ridge(alpha=1 / c).fit(x, targets.double().numpy())
    spread = targets.std(dim=0).numpy()
    assert np.abs((probe.outputs(features).numpy() - model.predict(x)) / spread).max() < 1e-3
    usual = fit_probe(features, targets, task=Regression.numbered(2), c=c)
    assert np.abs((usual.outputs(features).numpy() - model.predict(x)) / spread).max() < 0.03


@pytest.mark.parametrize("c", [1e-3, 1e-1])
def test_each_label_is_a_logistic_regression(marks, c):
    features, labels = marks
    probe = ProbeProblem(features, labels, task=MultiLabel.numbered(3)).fit(c, tolerance=1e-9)
    shares, x = probe.outputs(features).sigmoid().numpy(), standardized(features)
    for j in range(3):
        model = LogisticRegression(C=c, tol=1e-9, max_iter=10_000).fit(x, labels[:, j].numpy())
        assert np.allclose(shares[:, j], model.predict_proba(x)[:, 1], atol=2e-3)


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_what_is_missing_in_one_column_counts_in_the_others(marks, diabetes, kind):
    features, labels = marks if kind == "multi-label" else diabetes
    labels = labels[:, :2].clone()
    labels[::3, 0] = nan
    both = ProbeProblem(features, labels, task=TASKS[kind].numbered(2)).fit(0.01, tolerance=1e-9)
    # All rows standardize the columns; the label that is there of them all is as alone.
    alone = ProbeProblem(features, labels[:, 1:], task=TASKS[kind].numbered(1)).fit(
        0.01, tolerance=1e-9
    )
    spread = 1.0 if kind == "multi-label" else float(labels[:, 1].std())
    found = (both.outputs(features)[:, 1:] - alone.outputs(features)) / spread
    assert found.abs().max() < 5e-3
    x, known = standardized(features), ~labels[:, 0].isnan().numpy()
    if kind == "regression":
        model = Ridge(alpha=100).fit(x[known], labels[known, 0].double().numpy())
        assert np.allclose(both.outputs(features)[:, 0], model.predict(x), atol=0.1)


def test_gradients_are_the_objectives(marks, diabetes):
    for kind, (features, labels) in (("multi-label", marks), ("regression", diabetes)):
        labels = labels[:100].clone()
        labels[3, 0] = nan
        regression = ProbeProblem(
            features[:100], labels, task=TASKS[kind].numbered(labels.shape[1])
        )
        size = labels.shape[1] * (features.shape[1] + 1)
        point = 0.1 * torch.randn(size, generator=torch.Generator().manual_seed(0))
        point = point.to(regression.device)
        _, gradient = regression.objective(point, c=0.01)
        for place in (2, size // 2, size - 1):
            step = torch.zeros_like(point)
            step[place] = 0.05
            above, below = (regression.objective(point + s * step, c=0.01)[0] for s in (1, -1))
            assert gradient[place].item() == pytest.approx((above - below) / 0.1, abs=2e-4)


def test_a_label_that_nobody_has_is_learned_as_that(marks):
    features, labels = marks
    labels = torch.cat([labels, torch.zeros(500, 1)], dim=1)
    probe = fit_probe(features, labels, task=MultiLabel.numbered(4), c=0.01)
    assert (probe.outputs(features)[:, 3].sigmoid() < 0.01).all()


def test_scores_are_the_metrics(marks, diabetes):
    features, labels = marks
    found = linear_probe(
        features[:350],
        labels[:350],
        test_features=features[350:],
        test_labels=labels[350:],
        task=MultiLabel.numbered(3),
    )
    best = fit_probe(features[:350], labels[:350], task=MultiLabel.numbered(3), c=found.c)
    expected = average_precision_score(labels[350:], best.outputs(features[350:]))
    assert found.score == pytest.approx(expected, abs=0.005)
    assert 0 < found.error < 0.1
    features, targets = diabetes
    found = linear_probe(
        features[:300],
        targets[:300],
        test_features=features[300:],
        test_labels=targets[300:],
        task=Regression.numbered(2),
    )
    best = fit_probe(features[:300], targets[:300], task=Regression.numbered(2), c=found.c)
    expected = r2_score(targets[300:].numpy(), best.outputs(features[300:]).numpy())
    assert found.score == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_no_row_is_seen_by_its_own_probe(marks, diabetes, kind):
    features, labels = marks if kind == "multi-label" else diabetes
    features, labels = features[:150], labels[:150, :2].clone()
    labels[::10] = nan
    folds = stratified_folds(TASKS[kind].strata(labels), folds=3, seed=0)
    given = {"task": TASKS[kind].numbered(2), "c": 0.01}
    found = cross_fitted(features, labels, folds=3, **given)
    assert (folds[::10] == -100).all()
    for row in (1, 10, 77):
        others = labels.clone()
        others[folds == folds[row]] = nan
        probe = fit_probe(features, others, **given)
        assert torch.allclose(found[row], probe.outputs(features[row : row + 1])[0], rtol=1e-4)


def test_labels_of_another_task_are_refused(marks):
    features, labels = marks
    with pytest.raises(DataError, match="labels of single-label tasks are class numbers"):
        fit_probe(features, labels, task=SingleLabel.numbered(3), c=1.0)
    with pytest.raises(DataError, match="0 and 1"):
        fit_probe(features, labels * 2, task=MultiLabel.numbered(3), c=1.0)
    with pytest.raises(DataError, match=r"labelled rows of 2 columns; got \[500, 3\]"):
        fit_probe(features, labels, task=MultiLabel.numbered(2), c=1.0)
