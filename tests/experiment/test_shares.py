"""Shares of teachers in the variance of their features, and the word when one has it all."""

import pytest
import torch

from tutelage.experiment.shares import lopsided, variance_shares

LOUD, QUIET = torch.tensor([100.0, 0.0]), torch.tensor([1.0, 2.0])
BOTH = {"loud": LOUD, "quiet": QUIET}


def test_shares_are_sums_of_weighted_variances():
    assert variance_shares(BOTH, standardized=False) == pytest.approx(
        {"loud": 10_000 / 10_005, "quiet": 5 / 10_005}
    )
    assert variance_shares(BOTH, standardized=True) == pytest.approx(
        {"loud": 1 / 3, "quiet": 2 / 3}
    )
    rho = {"loud": torch.tensor([0.01, 1.0]), "quiet": torch.tensor([1.0, 0.5])}
    assert variance_shares(BOTH, standardized=False, weights=rho) == pytest.approx(
        {"loud": 1 / 3, "quiet": 2 / 3}
    )
    assert variance_shares({"flat": torch.zeros(3)}, standardized=False) == {}
    assert variance_shares(BOTH, standardized=False, weights={}) == {}


def test_a_teacher_that_decides_alone_is_told():
    (word,) = lopsided([BOTH], standardized=False)
    assert word.startswith("loud holds 99.95% of the variance")
    assert "quiet hardly counts" in word
    assert "transfer.standardize = true" in word
    assert lopsided([BOTH], standardized=True) == []
    assert lopsided([{"loud": LOUD}], standardized=False) == []
    rho = {"loud": torch.tensor([0.001, 1.0]), "quiet": torch.tensor([1.0, 1.0])}
    (word,) = lopsided([BOTH], standardized=False, weights=rho)
    assert word.startswith("after training, quiet holds 99.80%")


def test_columns_that_outnumber_the_others_are_told_too():
    (word,) = lopsided([{"wide": torch.ones(40), "narrow": torch.ones(1)}], standardized=True)
    assert "narrow hardly counts" in word
    assert "transfer.standardize" not in word


def test_each_kernel_is_looked_at_by_itself():
    text = {"text": torch.tensor([1e-6])}
    assert lopsided([{"loud": LOUD}, text], standardized=False) == []
    (word,) = lopsided([{"loud": LOUD} | text], standardized=False)
    assert "text hardly" in word
    (word,) = lopsided([BOTH, text], standardized=False)
    assert "quiet hardly" in word
