"""Half precision becomes float32; what is wide stays, without a copy."""

import pytest
import torch

from tutelage.widened import widened


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32(dtype):
    values = torch.tensor([1.0, 0.333], dtype=dtype)
    assert torch.equal(widened(values), values.float())
    assert widened(values).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_wide_is_the_same_tensor(dtype):
    values = torch.ones(2, dtype=dtype)
    assert widened(values) is values
