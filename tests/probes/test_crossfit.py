"""Cross-fitted logits: none comes from a probe that saw the row's label."""

import pytest
import torch
from sklearn.datasets import load_digits

from tutelage.cache.table import as_table
from tutelage.errors import ConfigError, DataError
from tutelage.probes import cross_fitted, fit_probe, probe_holdout, stratified_folds
from tutelage.tasks import SingleLabel

UNLABELLED = -100


@pytest.fixture(scope="module")
def digits():
    """400 rows, of which every fifth has no label."""
    features, labels = load_digits(return_X_y=True)
    labels = torch.from_numpy(labels[:400]).long()
    labels[::5] = UNLABELLED
    return torch.from_numpy(features[:400]).float(), labels


def test_each_row_by_the_probe_of_the_other_folds(digits):
    features, labels = digits
    logits = cross_fitted(features, labels, task=SingleLabel.numbered(10), folds=4, c=0.01, seed=1)
    folds = stratified_folds(labels, folds=4, seed=1)
    assert logits.dtype == torch.float32
    for row in (1, 2, 3, 4, 6, 399):
        others = (labels != UNLABELLED) & (folds != folds[row])
        probe = fit_probe(features[others], labels[others], task=SingleLabel.numbered(10), c=0.01)
        assert torch.allclose(logits[row], probe.outputs(features[row : row + 1])[0], atol=1e-5)
    every = labels != UNLABELLED
    probe = fit_probe(features[every], labels[every], task=SingleLabel.numbered(10), c=0.01)
    assert torch.allclose(logits[~every], probe.outputs(features[~every]), atol=1e-5)


def test_a_rows_label_does_not_reach_its_logits(digits):
    features, labels = digits
    folds = stratified_folds(labels, folds=5, seed=0)
    before = cross_fitted(features, labels, task=SingleLabel.numbered(10), folds=folds, c=0.01)
    assert torch.equal(
        before, cross_fitted(features, labels, task=SingleLabel.numbered(10), c=0.01)
    )
    for row in (1, 7, 213):
        flipped = labels.clone()
        flipped[row] = (labels[row] + 1) % 10
        after = cross_fitted(features, flipped, task=SingleLabel.numbered(10), folds=folds, c=0.01)
        assert torch.equal(after[row], before[row])
        together = folds == folds[row]
        assert torch.equal(after[together], before[together])
        assert not (after[~together] == before[~together]).all(dim=1).any()


def test_a_views_outputs_come_from_the_probe_of_its_row(digits):
    features, labels = digits
    views = [as_table(features + shift) for shift in (0.5, -3.0)]
    task = SingleLabel.numbered(10)
    alone = cross_fitted(features, labels, task=task, c=0.01)
    logits = cross_fitted(features, labels, task=task, c=0.01, views=views)
    assert torch.equal(logits[:400], alone)
    folds = stratified_folds(labels, folds=5, seed=0)
    for row in (0, 1, 7, 399):
        others = labels != UNLABELLED
        if labels[row] != UNLABELLED:
            others &= folds != folds[row]
        probe = fit_probe(features[others], labels[others], task=task, c=0.01)
        for number, shift in enumerate((0.5, -3.0), start=1):
            expected = probe.outputs(features[row : row + 1] + shift)[0]
            assert torch.allclose(logits[400 * number + row], expected, atol=1e-5)


def test_random_labels_are_not_remembered():
    draw = torch.Generator().manual_seed(0)
    features, labels = torch.randn(200, 300, generator=draw), torch.arange(200) % 2
    seen = fit_probe(features, labels, task=SingleLabel.numbered(2), c=1.0).predict(features)
    unseen = cross_fitted(features, labels, task=SingleLabel.numbered(2), c=1.0).argmax(dim=1)
    assert (seen == labels).all()
    assert (unseen == labels).double().mean() < 0.62


def test_c_is_that_of_the_holdout(digits):
    features, labels = digits
    c = probe_holdout(features, labels, task=SingleLabel.numbered(10), seed=2).c
    assert torch.equal(
        cross_fitted(features, labels, task=SingleLabel.numbered(10), seed=2),
        cross_fitted(features, labels, task=SingleLabel.numbered(10), c=c, seed=2),
    )


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_cross_fitted_is_said(digits):
    features, labels = digits
    with pytest.raises(DataError, match="no row of class 10 of 11"):
        cross_fitted(features, labels, task=SingleLabel.numbered(11), c=1.0)
    with pytest.raises(DataError, match="class '1' has a single row"):
        cross_fitted(
            features[:5], torch.tensor([0, 0, 1, 2, 2]), task=SingleLabel.numbered(3), c=1.0
        )
    with pytest.raises(DataError, match="400 numbers from 0"):
        cross_fitted(
            features, labels, task=SingleLabel.numbered(10), c=1.0, folds=torch.zeros(3).long()
        )
    with pytest.raises(DataError, match="400 numbers from 0"):
        cross_fitted(
            features,
            labels,
            task=SingleLabel.numbered(10),
            c=1.0,
            folds=torch.full_like(labels, -1),
        )
    with pytest.raises(ConfigError, match="two folds"):
        cross_fitted(features, labels, task=SingleLabel.numbered(10), c=1.0, folds=1)
    spoilt = features.clone()
    spoilt[0, 3] = torch.nan  # of a row without a label
    with pytest.raises(DataError, match="row 0"):
        cross_fitted(spoilt, labels, task=SingleLabel.numbered(10), c=1.0)
