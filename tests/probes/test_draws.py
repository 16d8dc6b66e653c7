"""Hold-outs and folds by class."""

import pytest
import torch

from tutelage.errors import ConfigError, DataError
from tutelage.probes.draws import drawn_holdout, stratified_folds

UNLABELLED = -100
SIZES = (50, 30, 2, 17, 3)
LABELS = torch.cat(
    [torch.full((size,), label) for label, size in enumerate(SIZES)]
    + [torch.full((9,), UNLABELLED)]
)[torch.randperm(sum(SIZES) + 9, generator=torch.Generator().manual_seed(7))]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_holdout_takes_the_same_share_of_every_class(share):
    for seed in range(20):
        held = drawn_holdout(LABELS, share=share, seed=seed)
        assert len(held) == round(share * sum(SIZES))
        assert (held.diff() > 0).all()
        counts = LABELS[held].bincount(minlength=len(SIZES))
        for count, size in zip(counts.tolist(), SIZES, strict=True):
            assert abs(count - share * size) <= 1
            assert count < size


def test_folds_hold_the_same_of_every_class():
    for seed in range(20):
        folds = stratified_folds(LABELS, folds=5, seed=seed)
        assert torch.equal(folds == UNLABELLED, LABELS == UNLABELLED)
        for label in range(len(SIZES)):
            counts = folds[label == LABELS].bincount(minlength=5)
            assert counts.max() - counts.min() <= 1
        counts = folds[folds >= 0].bincount(minlength=5)
        assert counts.max() - counts.min() <= 1


def test_a_seed_is_a_draw():
    def holdout(seed):
        return drawn_holdout(LABELS, share=0.2, seed=seed).tolist()

    def folds(seed):
        return stratified_folds(LABELS, folds=3, seed=seed).tolist()

    for draw in (holdout, folds):
        assert draw(0) == draw(0)
        assert len({tuple(draw(seed)) for seed in range(10)}) == 10


def test_every_row_is_drawn_at_some_time():
    times = sum(
        torch.zeros(len(LABELS)).index_fill(0, drawn_holdout(LABELS, share=0.2, seed=seed), 1.0)
        for seed in range(200)
    )
    assert (times[LABELS != UNLABELLED] > 0).all()
    assert (times[LABELS == UNLABELLED] == 0).all()


def test_what_cannot_be_drawn_is_said():
    single = torch.tensor([0, 0, 1, 2, 2, 3])
    with pytest.raises(DataError, match="class 1 has a single row, and 1 more class, so no hold-"):
        drawn_holdout(single, share=0.3, seed=0)
    with pytest.raises(DataError, match="class 'boot' has a single row, and 1 more class, so"):
        drawn_holdout(single, share=0.3, seed=0, names=["hat", "boot", "coat", "belt"])
    with pytest.raises(DataError, match="so no folds can be drawn"):
        stratified_folds(single, folds=2, seed=0)
    with pytest.raises(DataError, match=r"0.1 of 4 labelled rows is less than one"):
        drawn_holdout(torch.tensor([0, 0, 1, 1]), share=0.1, seed=0)
    with pytest.raises(ConfigError, match=r"up to 0.5 of the rows, got 0.6"):
        drawn_holdout(LABELS, share=0.6, seed=0)
    with pytest.raises(ConfigError, match="two folds or more, got 1"):
        stratified_folds(LABELS, folds=1, seed=0)
