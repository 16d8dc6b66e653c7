"""The input of a model that does not define its own, and the smallest batch of any input."""

import pytest
import torch

from tutelage.demo.data import minilm
from tutelage.errors import ConfigError
from tutelage.inputs.build import custom_input, empty_batch, input_mistakes

IMAGES = {"image_size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "max_length": None}


@pytest.fixture(scope="module")
def texts():
    return {"tokenizer": str(minilm()), "max_length": 8}


def test_each_modality_has_its_smallest_batch(texts):
    image = custom_input(IMAGES, modality="image", where="student.input")
    text = custom_input(texts, modality="text", where="student.input")
    pair = custom_input(IMAGES | texts, modality="image+text", where="student.input")
    assert empty_batch(image)["image"].shape == (1, 3, 32, 32)
    assert empty_batch(text)["input_ids"].shape == (1, 3)  # [CLS] a [SEP]
    assert empty_batch(pair).keys() == empty_batch(image).keys() | empty_batch(text).keys()


def test_settings_reach_the_input(texts):
    image = custom_input(IMAGES, modality="image", where="student.input")
    black = image.finish(empty_batch(image))["image"]
    assert torch.equal(black, torch.full_like(black, -1.0))  # (0 - 0.5) / 0.5
    text = custom_input(texts, modality="text", where="student.input")
    assert len(text.prepare(("a long text " * 20,))["input_ids"]) == 8


@pytest.mark.parametrize("modality", ["image", "text", "image+text"])
@pytest.mark.parametrize("settings", [None, {}, {"image_size": None}])
def test_missing_settings_name_what_is_needed(settings, modality):
    (mistake,) = input_mistakes(settings, modality=modality, where="teachers.mine.input")
    assert mistake.startswith("teachers.mine.input is missing")
    assert ("image_size" in mistake) == ("image" in modality)
    assert ("tokenizer" in mistake) == ("text" in modality)
    with pytest.raises(ConfigError, match=r"teachers\.mine\.input is missing"):
        custom_input(settings, modality=modality, where="teachers.mine.input")


@pytest.mark.parametrize(
    ("given", "modality"),
    [
        (("image",), "text"),
        (("text",), "image"),
        (("image",), "image+text"),
        (("image", "text"), "text"),
    ],
)
def test_settings_of_another_modality_are_refused(given, modality, texts):
    settings = {
        name: v for side in given for name, v in (IMAGES if side == "image" else texts).items()
    }
    (mistake,) = input_mistakes(settings, modality=modality, where="student.input")
    assert f"the rows are {modality}s, but student.input is for rows of another modality" in mistake
