"""All mistakes in a student's string and options are found without loading it."""

import json

import pytest

from tutelage.students.build import student_problems

IMAGE = {"image_size": 32}
FACTORY = "def make(num_classes, width=8):\n    raise AssertionError('the factory was called')\n"


def test_a_needless_input_does_not_hide_the_unknown_name():
    said = student_problems("timm:resnet1888", modality="image", model_input=IMAGE)
    assert len(said) == 2
    assert "no model 'resnet1888'" in said[0]
    assert "remove student.input" in said[1]


def test_a_factory_is_looked_at_and_not_called(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "student_to_check.py").write_text(FACTORY)
    source = "python:student_to_check:make"
    assert student_problems(source, modality="image", model_input=IMAGE) == []
    said = student_problems(source, modality="text", params={"widht": 3}, model_input=IMAGE)
    assert len(said) == 2
    assert "the rows are texts, but student.input is for rows of another modality" in said[0]
    assert "unknown student.params.widht; did you mean 'width'" in said[1]
    (said,) = student_problems("python:student_to_check:mak", modality="image", model_input=IMAGE)
    assert "has no 'mak'; did you mean 'make'" in said


@pytest.mark.parametrize(
    ("model_type", "modality", "message"),
    [
        ("bert", "text", None),
        ("bert", "image", "takes texts, but the rows are images"),
        ("berd", "text", "is of type 'berd', whose features are not known; did you mean 'bert'"),
        ("clip", "image+text", None),
        ("bert", "image+text", "choose a model of both (clip, siglip)"),
    ],
)
def test_a_folders_type_is_read(model_type, modality, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    said = student_problems(f"hf:{tmp_path}", modality=modality)
    assert len(said) == (message is not None)
    assert message is None or message in said[0]


def test_two_models_are_checked_together():
    said = student_problems(
        "timm:resnet1888+hf:./nowhere",
        modality="image+text",
        params={"image": {"wights": "random"}, "text": 3, "layers": 2},
        tap="head",
    )
    for message in (
        "unknown student.params.layers",
        "student.tap is for one model",
        "no model 'resnet1888'",
        "unknown student.params.image.wights; did you mean 'weights'",
        "student.params.text = 3 is not a table of options",
    ):
        assert any(message in line for line in said), said
    (said,) = student_problems("timm:resnet18+hf:./nowhere", modality="image")
    assert "a model of images and one of texts, but the rows are images" in said
    (said,) = student_problems("timm:resnet18", modality="image+text")
    assert "add a model of texts" in said
