"""Students of timm: options that not every architecture has, and heads of any kind."""

import pytest

from tutelage.errors import StudentError
from tutelage.students import open_student


def opened(name, **params):
    params = {"weights": "random"} | params
    return open_student(f"timm:{name}", output_names=("a", "b"), modality="image", params=params)


@pytest.mark.parametrize(
    ("name", "path", "width"),
    [("ghostnet_050", "classifier", 1280), ("lcnetv2_small", "classifier", 1280)],
)
def test_an_architecture_without_stochastic_depth(name, path, width):
    student = opened(name)
    assert (student.tap.path, student.width) == (path, width)


def test_an_option_that_the_architecture_lacks_is_not_dropped_without_a_word():
    with pytest.raises(StudentError, match="has no drop_path_rate; leave it out"):
        opened("ghostnet_050", drop_path_rate=0.1)
