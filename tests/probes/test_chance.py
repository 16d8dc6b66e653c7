"""Features of other rows are at chance, and features that tell anything of the labels are not."""

import pytest
import torch

from tutelage.probes.chance import PENALTY, _influence, rows_at_chance
from tutelage.tasks import UNLABELLED


def drawn(rows=300, width=20, classes=3, *, signal=2.0, seed=0):
    """Features whose means differ by class, labels, and a random order."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (rows,), generator=draws)
    means = signal * torch.randn(classes, width, generator=draws) / width**0.5
    features = torch.randn(rows, width, generator=draws) + means[labels]
    return features, labels, torch.randperm(rows, generator=draws)


def test_predictions_are_those_of_a_ridge_without_the_row():
    features = drawn(rows=40, width=6)[0].double()
    labels = torch.randn(40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rows = []
    for row in features:
        z = [
            (float(x) - float(c.mean())) / float(c.std(correction=0))
            for x, c in zip(row, features.T, strict=True)
        ]
        rows.append(z)
    for i in (0, 17, 39):
        others = [j for j in range(40) if j != i]
        kernel = torch.tensor(
            [[sum(a * b for a, b in zip(rows[j], rows[k], strict=True)) / 6 for k in others]
             for j in others]
        ).double()  # fmt: skip
        mine = torch.tensor(
            [sum(a * b for a, b in zip(rows[i], rows[k], strict=True)) / 6 for k in others]
        ).double()
        weights = torch.linalg.inv(kernel + PENALTY * torch.eye(39).double()) @ labels[others]
        influence = _influence(features)
        assert influence is not None
        assert float(influence[i] @ labels) == pytest.approx(float(mine @ weights), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [2, 60])
def test_shuffled_features_are_at_chance_and_theirs_are_not(seed, classes):
    features, labels, order = drawn(classes=classes, signal=4.0, seed=seed)
    assert rows_at_chance(features, labels) is None
    assert rows_at_chance(features[order], labels) == 300


def test_a_weak_teacher_of_many_rows_is_not_at_chance():
    features, labels, order = drawn(3000, 50, 2, signal=0.6)
    assert rows_at_chance(features, labels) is None
    assert rows_at_chance(features[order], labels) == 2048


def test_rows_sorted_by_class_are_judged_by_their_features():
    features, labels, order = drawn()
    by_class = labels.argsort(stable=True)
    assert rows_at_chance(features[by_class], labels[by_class]) is None
    assert rows_at_chance(features[order], labels[by_class]) == 300


def test_targets_and_labels_of_several_columns():
    features, _, order = drawn()
    targets = 1e6 + 3 * features[:, :1] - features[:, 1:2]
    labels = (torch.cat([features[:, :1], features[:, 5:6] > 1], dim=1) > 0).float()
    labels[::3, 1] = torch.nan
    labels[7] = torch.nan
    for known in (targets, labels):
        assert rows_at_chance(features, known) is None
        assert rows_at_chance(features[order], known) == 300 - int(known.isnan().all(dim=1).sum())


def test_rows_without_a_label_are_left_out():
    features, labels, order = drawn()
    labels[100:] = UNLABELLED
    assert rows_at_chance(features[order], labels) == 100


def test_nothing_is_said_where_nothing_can_be():
    features, labels, order = drawn()
    assert rows_at_chance(features[order][:31], labels[:31]) is None
    assert rows_at_chance(features, torch.full((300,), UNLABELLED)) is None
    assert rows_at_chance(features, torch.zeros(300, dtype=torch.int64)) is None
    assert rows_at_chance(torch.full((300, 4), 0.1), labels) is None


def test_random_numbers_of_others_stay_as_they_are():
    features, labels, order = drawn()
    before = torch.get_rng_state()
    rows_at_chance(features[order], labels)
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_that_are_alone_in_their_class_tell_nothing():
    assert rows_at_chance(torch.eye(600), torch.arange(600)) is None
    few = torch.arange(600)
    few[:20] = 0  # fewer than can be judged
    assert rows_at_chance(torch.randn(600, 4), few) is None
