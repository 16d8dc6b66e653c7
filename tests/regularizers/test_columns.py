"""Columns of several teachers: by name, in order, side by side."""

import pytest
import torch

from tutelage.regularizers.columns import TeacherColumns

PARTS = {"dino": torch.arange(6.0).reshape(2, 3), "clip": -torch.ones(2, 2)}


@pytest.fixture
def columns():
    return TeacherColumns.of({"dino": 3, "clip": 2})


@pytest.mark.parametrize(
    "given",
    [PARTS, dict(reversed(PARTS.items())), list(PARTS.values()), torch.cat([*PARTS.values()], 1)],
    ids=["by name", "by name, in another order", "in order", "side by side"],
)
def test_columns_lie_in_the_order_of_the_widths(columns, given):
    assert torch.equal(columns.join(given), torch.cat([PARTS["dino"], PARTS["clip"]], dim=1))


def test_splitting_is_the_way_back(columns):
    parts = columns.split(torch.arange(5.0))
    assert {name: part.tolist() for name, part in parts.items()} == {
        "dino": [0.0, 1.0, 2.0],
        "clip": [3.0, 4.0],
    }


def test_no_gradient_reaches_a_teacher(columns):
    dino = PARTS["dino"].clone().requires_grad_()
    assert not columns.join({"dino": dino, "clip": PARTS["clip"]}).requires_grad


def test_widths_without_names_are_numbered():
    assert TeacherColumns.of([4, 2]).by_name == {"teacher0": 4, "teacher1": 2}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dino": PARTS["dino"]}, r"expected teachers \['dino', 'clip'\], got \['dino'\]"),
        (torch.ones(2, 4), r"shape \[batch, 5\] \(dino: 3, clip: 2\), got \(2, 4\)"),
        ([PARTS["clip"], PARTS["clip"]], r"got \(2, 2\) and \(2, 2\)"),
        ([PARTS["clip"], PARTS["dino"]], r"got \(2, 2\) and \(2, 3\)"),
        ([], r"\(dino: 3, clip: 2\), got none"),
        (PARTS | {"clip": torch.ones(3, 2)}, "teachers have 2 and 3 rows"),
    ],
)
def test_other_columns_are_refused(columns, given, says):
    with pytest.raises(ValueError, match=says):
        columns.join(given)


@pytest.mark.parametrize("widths", [[], {}, [3, 0], {"dino": -1}])
def test_a_teacher_has_a_column(widths):
    with pytest.raises(ValueError, match="at least one column each"):
        TeacherColumns.of(widths)
