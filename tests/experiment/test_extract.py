"""Extraction of a config's rows: the features, and the estimate before it."""

import pytest
import small_parts
import torch

from tutelage.data import view_of
from tutelage.errors import ConfigError, SourceError
from tutelage.experiment.extract import estimate_extraction, extract, length_of_training
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.inputs import ImageInput


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


def test_the_length_of_training_is_that_of_the_run(small, digits):
    auto = small.replace({"train.steps": "auto", "data.unlabelled": f"folder:{digits / 'test'}"})
    with_train = auto.replace({"data.unlabelled": f"folder:{digits / 'train'}"})
    for method in ("aft", "stl"):
        config = with_train.replace({"transfer.method": method})
        assert length_of_training(config) == f"training: {Plan.of(config).rule}"
    assert "training: all 24 unlabelled rows have the content" in length_of_training(auto)
    assert length_of_training(
        auto.replace({"train.whole_epochs": True, "train.batch_size": 8, "data.unlabelled": None})
    ) == (
        "training: 205 steps of 8 rows: 50 x 1.5 (teachers) x sqrt(60 rows / 8), in whole epochs "
        "210 steps"
    )


@pytest.mark.parametrize("verb", [extract, estimate_extraction])
def test_without_a_teacher_there_is_nothing_to_extract(small, verb):
    with pytest.raises(ConfigError, match="no teacher to extract features of; add --teacher"):
        verb(small.replace({"teachers": (), "transfer.method": "stl"}))


def test_views_are_extracted_and_estimated(small, digits):
    config = small.replace({"data.views": 2})
    (before, _) = estimate_extraction(config)
    assert before.estimate.rows == 180
    wide, _ = extract(config)
    assert wide.rows == 180
    assert [one.estimate.cached for one in estimate_extraction(config)] == [180, 180]
    (plain, _) = extract(small)
    assert plain.keys == wide.keys, "the rows as they are keep their key"
    (more, _) = estimate_extraction(small.replace({"data.views": 3}))
    assert (more.estimate.rows, more.estimate.cached) == (240, 180), "a further view is one more"

    plan = Plan.of(config)
    split = view_of(plan.splits.extracted, 2, seed=0)
    expected = small_parts.features(
        small_parts.wide(), torch.stack([pil_pixels(split.rows[n]) for n in range(60)])
    )
    assert torch.allclose(wide.views[1][0].gather(torch.arange(60)), expected, atol=1e-5)


def pil_pixels(image):
    """A crop as the teachers' input of 32 pixels has it."""
    return ImageInput.from_options(32).prepare(image).float() / 255


def test_a_teacher_that_looks_rows_up_is_refused_before_any_extraction(small):
    looked_up = {"source": "python:small_parts:LookedUp", "name": "looked up"}
    teachers = [*small.model_dump()["teachers"][:1], looked_up]
    config = small.replace({"data.views": 2, "teachers": teachers})
    for verb in (extract, estimate_extraction):
        with pytest.raises(SourceError, match="looked up looks up those of the rows as they are"):
            verb(config)
    assert not Runtime.of(config).cache.entries()
