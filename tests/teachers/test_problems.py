"""All mistakes in a teacher's string and options are found without loading it."""

import json

import pytest

from tutelage.errors import TutelageError
from tutelage.teachers import open_teacher
from tutelage.teachers.build import teacher_problems

IMAGE = {"image_size": 32}


@pytest.mark.parametrize(
    ("source", "params", "messages"),
    [
        ("tim:resnet18", {}, ["unknown scheme 'tim'; did you mean 'timm'"]),
        ("timm:resnet1888", {"wieghts": "random"}, ["no model 'resnet1888'; did you mean 'res", "'weights'"]),
        ("timm:resnet18.a9_in1k", {}, ["no weights 'a9_in1k' for resnet18; did you mean"]),
        ("timm:resnet18", {"weights": "randm"}, ["neither 'pretrained', 'random' nor a file; did you"]),
        ("timm:resnet18", {"image_size": "big"}, ["teachers.params.image_size = 'big'"]),
        ("hf:./nowhere", {}, ["there is no folder ./nowhere"]),
        ("features:emb_{split}.npx", {}, ["there is no file of features emb_train.npx"]),
        ("onnx:none.onnx", {}, ["teachers.input is missing", "there is no ONNX file none.onnx"]),
        ("python:nowhere:make", {}, ["cannot import 'nowhere'"]),
        ("python:json:dump", {"indnt": 2}, ["teachers.params.obj is missing"]),
    ],
)  # fmt: skip
def test_all_mistakes_at_once(source, params, messages):
    said = teacher_problems(source, modality="image", params=params)
    assert len(said) >= len(messages)
    for message in messages:
        assert any(message in line for line in said), said


def test_a_needless_input_does_not_hide_the_unknown_name():
    said = teacher_problems("timm:resnet1888", modality="image", model_input=IMAGE)
    assert len(said) == 2
    assert "no model 'resnet1888'" in said[0]
    assert "remove teachers.input" in said[1]


def test_rows_of_the_wrong_modality(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    said = teacher_problems(f"hf:{tmp_path}", modality="image")
    assert said == [f"hf:{tmp_path} takes texts, but the rows are images; choose a model of images"]
    assert teacher_problems(f"hf:{tmp_path}", modality="text") == []
    assert (
        "takes images, but the rows are texts"
        in teacher_problems("timm:resnet18", modality="text")[0]
    )


def test_a_folder_without_a_model(tmp_path):
    (said,) = teacher_problems(f"hf:{tmp_path}", modality="text")
    assert "holds no model: it needs config.json" in said
    (tmp_path / "modules.json").write_text("[]")  # a sentence model, its config in a subfolder
    assert teacher_problems(f"hf:{tmp_path}", modality="text") == []


def test_what_opens_has_no_problems():
    params = {"weights": "random"}
    assert teacher_problems("timm:test_resnet", modality="image", params=params) == []
    open_teacher("timm:test_resnet", modality="image", params=params)


@pytest.mark.parametrize("source", ["timm:resnet1888", "onnx:none.onnx", "features:none.npy"])
def test_opening_says_the_same(source):
    given = {"modality": "image", "model_input": IMAGE if source.startswith("onnx") else None}
    (said,) = teacher_problems(source, **given)
    with pytest.raises(TutelageError) as raised:
        open_teacher(source, **given)
    assert str(raised.value) == said
