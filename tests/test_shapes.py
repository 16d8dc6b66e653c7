"""The shapes and types in signatures are checked in every test; see ``addopts`` in pyproject.toml."""

import jaxtyping
import pytest
import torch

from tutelage import kernel_distance


def test_a_wrong_shape_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError, match="parameter 'student'"):
        kernel_distance(torch.ones(3), torch.ones(3, 2))


def test_shapes_of_two_arguments_must_agree():
    with pytest.raises(jaxtyping.TypeCheckError, match="batch"):
        kernel_distance(torch.ones(3, 2), torch.ones(4, 2))


@pytest.mark.usefixtures("unchecked")
def test_a_user_reads_the_librarys_own_message():
    with pytest.raises(ValueError, match="3 rows but teacher has 4"):
        kernel_distance(torch.ones(3, 2), torch.ones(4, 2))
