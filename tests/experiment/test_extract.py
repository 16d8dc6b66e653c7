"""Extraction of a config's rows: the features, and the estimate before it."""

import pytest
import small_parts
import torch

from tutelage.errors import ConfigError
from tutelage.experiment.extract import estimate_extraction, extract
from tutelage.experiment.plan import Plan


def test_features_are_those_of_a_plain_call(small, digits):
    wide, narrow = extract(small.replace({"student": None}))
    ids = Plan.of(small, trains=False).splits.extracted.ids
    images = small_parts.pixels(digits, "train", ids)
    for teacher, module in ((wide, small_parts.wide()), (narrow, small_parts.narrow())):
        found = teacher.features.gather(torch.arange(len(ids)))
        assert torch.allclose(found, small_parts.features(module, images), atol=1e-5)


def test_an_estimate_says_what_is_missing_and_computes_nothing(small, tmp_path):
    estimates = estimate_extraction(small)
    assert [one.name for one in estimates] == ["wide", "narrow"]
    assert not any(one.estimate.cached for one in estimates)
    extract(small)
    assert all(one.estimate.cached for one in estimate_extraction(small))
    assert [one.why_missing for one in estimate_extraction(small)] == [None, None]


def test_an_estimate_says_why_features_are_not_cached(small):
    extract(small)
    (first, _) = estimate_extraction(small.replace({"cache.dtype": "float16"}))
    assert not first.estimate.cached
    assert "dtype" in (first.why_missing or "")


@pytest.mark.parametrize("verb", [extract, estimate_extraction])
def test_without_a_teacher_there_is_nothing_to_extract(small, verb):
    with pytest.raises(ConfigError, match="no teacher to extract features of; add --teacher"):
        verb(small.replace({"teachers": (), "transfer.method": "stl"}))
