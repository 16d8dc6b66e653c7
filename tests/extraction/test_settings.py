"""Device and precision that follow from the settings."""

import pytest
import torch

from tutelage.errors import CacheError
from tutelage.extraction import ExtractionSettings
from tutelage.extraction.settings import compute_dtype


def test_the_cpu_computes_in_float32():
    for dtype in ("float16", "float32"):
        assert compute_dtype(torch.device("cpu"), dtype) == torch.float32


def test_other_devices_compute_in_half_precision_if_features_are_stored_so():
    assert compute_dtype(torch.device("mps"), "float16") == torch.float16
    assert compute_dtype(torch.device("mps"), "float32") == torch.float32


def test_a_device_is_taken_as_it_is():
    assert ExtractionSettings(device="cpu").pick_device() == torch.device("cpu")
    assert ExtractionSettings(device=torch.device("meta")).pick_device().type == "meta"


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a machine without CUDA")
def test_without_cuda_the_default_is_what_there_is():
    expected = "mps" if torch.backends.mps.is_available() else "cpu"
    assert ExtractionSettings().pick_device().type == expected


@pytest.mark.usefixtures("unchecked")
def test_dtypes_that_cannot_be_stored():
    with pytest.raises(CacheError, match="float16 or float32, not 'int8'"):
        ExtractionSettings(dtype="int8")  # type: ignore[arg-type]
