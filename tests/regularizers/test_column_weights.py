"""Column weights against their definitions in plain floats."""

import math
from functools import partial

import pytest
import torch

from tutelage.regularizers import AFTLoss, ProductAFT
from tutelage.regularizers.column_weights import (
    Dense,
    Diagonal,
    Identity,
    build_column_weights,
)


def test_diagonal_multiplies_each_column_by_the_sigmoid_of_its_score(draw):
    weights = Diagonal(3).double()
    assert weights.column_weights().tolist() == [0.5] * 3
    with torch.no_grad():
        weights.scores.copy_(draw(3))
    rho = [1 / (1 + math.exp(-score)) for score in weights.scores.tolist()]
    assert weights.column_weights().tolist() == pytest.approx(rho, rel=1e-12)
    features = draw(4, 3)
    for row, weighted in zip(features.tolist(), weights(features).tolist(), strict=True):
        assert weighted == pytest.approx([x * r for x, r in zip(row, rho, strict=True)], rel=1e-12)


def test_dense_is_a_matrix_whose_rows_lengths_are_the_weights(draw):
    weights = Dense(3).double()
    matrix, features = weights.map.tolist(), draw(4, 3)
    for row, weighted in zip(features.tolist(), weights(features).tolist(), strict=True):
        expected = [sum(row[i] * matrix[i][j] for i in range(3)) for j in range(3)]
        assert weighted == pytest.approx(expected, rel=1e-12)
    lengths = [math.hypot(*line) for line in matrix]
    assert weights.column_weights().tolist() == pytest.approx(lengths, rel=1e-12)


def test_dense_starts_at_a_variance_of_one_over_the_columns():
    torch.manual_seed(0)
    assert Dense(400).map.var().item() == pytest.approx(1 / 400, rel=0.02)


def test_identity_learns_nothing(draw):
    weights, features = Identity(3), draw(4, 3)
    assert weights(features) is features
    assert weights.column_weights().tolist() == [1, 1, 1]
    assert not list(weights.parameters())


@pytest.mark.parametrize("kind", [Diagonal, Dense])
def test_weights_are_given_detached_and_gradients_are_exact(draw, kind):
    weights = kind(3).double()
    assert not weights.column_weights().requires_grad
    (parameter,) = weights.parameters()
    features = draw(4, 3)
    assert torch.autograd.gradcheck(lambda _: weights(features), (parameter,))


@pytest.mark.usefixtures("unchecked")
def test_they_are_built_by_name():
    assert isinstance(build_column_weights("dense", 2), Dense)
    with pytest.raises(ValueError, match="one of diagonal, identity, dense, not 'sparse'"):
        build_column_weights("sparse", 2)


@pytest.mark.parametrize("method", [AFTLoss, partial(ProductAFT, modalities={"a": "a", "b": "b"})])
def test_updates_of_weights_that_are_not_learned_are_refused(method):
    widths = {"a": 3, "b": 2}
    student = 4 if method is AFTLoss else widths
    assert method(student, widths, inner_steps=2).inner_steps == 2
    with pytest.raises(ValueError, match="'identity' has none to learn; leave one"):
        method(student, widths, inner_steps=2, weights="identity")
    with pytest.raises(ValueError, match="must not be negative"):
        method(student, widths, inner_steps=-1)
