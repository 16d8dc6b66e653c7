"""Label values become class names and class numbers."""

import math

import pytest

from tutelage.data.labels import class_name, class_names, class_numbers
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, None), ("", None), (math.nan, None), (3, "3"), (3.0, "3"), ("b", "b"), (True, "True")],
)
def test_names_of_values(value, name):
    assert class_name(value, where="column 'label'") == name


@pytest.mark.parametrize("value", [0.5, ["a"], {"a": 1}])
def test_values_that_are_no_class(value):
    with pytest.raises(DataError, match="column 'label' holds"):
        class_name(value, where="column 'label'")


def test_whole_numbers_are_sorted_as_numbers():
    assert class_names(["10", "9", "-1", None]) == ("-1", "9", "10")
    assert class_names(["10", "9", "x"]) == ("10", "9", "x")


def test_numbers_of_names():
    assert class_numbers(["b", None, "a"], ("a", "b"), split="test").tolist() == [1, UNLABELLED, 0]
    with pytest.raises(DataError, match=r"class 'c' occurs in the test rows .* 1 more such"):
        class_numbers(["c", "d"], ("a", "b"), split="test")
