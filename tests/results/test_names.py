"""Names of students in tables, and the strengths that a method uses."""

import pytest

from tutelage.results.names import strengths, student_labels

TRANSFER = {"beta": 3.0, "mix": 0.7, "temperature": 2.0}


def test_students_of_one_name_are_numbered_in_their_order():
    sources = ["timm:resnet18", "hf:bert/tiny", "timm:resnet18", "hf:other/tiny"]
    assert student_labels(sources) == ["resnet18 1", "tiny 1", "resnet18 2", "tiny 2"]
    assert student_labels(["timm:resnet18"]) == ["resnet18"]


@pytest.mark.parametrize(
    ("method", "used"),
    [
        ("stl", {}),
        ("aft", {"beta": 3.0}),
        ("probe", {"mix": 0.7}),
        ("aft+probe", {"beta": 3.0, "mix": 0.7}),
        ("a_method_of_tomorrow", {"beta": 3.0}),
    ],
)
def test_a_method_shows_the_strengths_that_it_uses(method, used):
    assert strengths(method, TRANSFER) == used


def test_a_strength_that_the_config_lacks_is_left_out():
    assert strengths("aft+probe", {"beta": 1}) == {"beta": 1.0}
