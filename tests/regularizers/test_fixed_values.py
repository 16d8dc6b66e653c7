"""Values of the paper's methods at fixed features, computed once from their formulas in numpy.

Those of RKD and FT are in their own tests. Features and parameters are sines and cosines, which any
version of any library repeats. So a change of a formula shows here, and a reader can compare another
implementation with these numbers.
"""

import pytest
import torch
from torch import Tensor, nn

from tutelage.regularizers import BTuning, ProductAFT
from tutelage.regularizers.catalogue import METHODS, parse_method

ROWS = 6


def grid(*shape: int, start: int = 0) -> Tensor:
    count = int(torch.tensor(shape).prod())
    return (start + torch.arange(count, dtype=torch.float64)).reshape(shape)


STUDENT, TEACHER = grid(ROWS, 4).sin(), (2 * grid(ROWS, 5)).cos()


def filled(term: nn.Module) -> nn.Module:
    """The term in float64 with its k-th parameter 0.5 sin(k + 0, 1, 2, ...)."""
    term = term.double()
    with torch.no_grad():
        for number, parameter in enumerate(term.parameters()):
            parameter.copy_(0.5 * grid(*parameter.shape, start=number).sin())
    return term


VALUES = {
    "aft": 0.47688357906911216,
    "aft-identity": 0.47792226978003227,
    "aft-dense": 0.6107546888485743,
    "aft-rbf": 0.29480419956175014,
    "aft-bilevel": 0.47688357906911216,
    "aft-nokernel": 0.8067307121217061,
    "kd": 0.8969294409308424,
}


@pytest.mark.parametrize("name", VALUES)
def test_methods_that_learn_along(name):
    spec = parse_method(name)
    term = filled(METHODS[spec.regularizer].regularizer(4, {"t": 5}, **spec.params))
    assert term(STUDENT, TEACHER).item() == pytest.approx(VALUES[name], rel=1e-12)


def test_the_product_of_two_modalities():
    modalities = {"v": "image", "w": "text"}
    term = filled(ProductAFT({"image": 4, "text": 3}, {"v": 5, "w": 2}, modalities=modalities))
    student = torch.cat([STUDENT, grid(ROWS, 3, start=1).cos()], dim=1)
    value = term(student, {"v": TEACHER, "w": grid(ROWS, 2, start=2).sin()})
    assert value.item() == pytest.approx(0.555197702419909, rel=1e-12)


def test_btuning(evidence):
    """In float32, and its fixed point is iterated until it moves by less than a thousandth."""
    labels = torch.arange(12) % 3
    begun = grid(12, 4).sin().float()
    features = {
        "good": (2 * grid(12, 5)).cos().float(),
        "other": grid(12, 3, start=3).sin().float(),
    }
    term = BTuning(4, {"good": 5, "other": 3}, classes=3)
    term.prepare(evidence(features, labels, student=begun))
    value = term(STUDENT.float(), {name: rows[:ROWS] for name, rows in features.items()})
    assert term.shares.tolist() == pytest.approx([0.49841481, 0.50158519], abs=1e-4)
    assert value.item() == pytest.approx(0.0773390, rel=2e-3)
