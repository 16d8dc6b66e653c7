"""Which modality a teacher reads."""

import pytest
from transformers import BertConfig, CLIPConfig, ViTConfig

from tutelage.errors import ConfigError
from tutelage.teachers.sides import side_of


@pytest.mark.parametrize("rows", ["image", "text"])
def test_rows_of_one_modality_decide(rows):
    assert side_of("python:mine:teacher", rows=rows) == rows
    other = "text" if rows == "image" else "image"
    with pytest.raises(ConfigError, match=f"modality = '{other}', but the rows are {rows}s"):
        side_of("timm:resnet18", rows=rows, stated=other)


@pytest.mark.parametrize(
    ("source", "given", "side"),
    [
        ("timm:resnet18", {}, "image"),
        ("python:mine:teacher", {"model_input": {"image_size": 32}}, "image"),
        ("python:mine:teacher", {"model_input": {"tokenizer": "some/folder"}}, "text"),
        ("python:mine:teacher", {"stated": "text"}, "text"),
        ("onnx:model.onnx", {"stated": "image"}, "image"),
    ],
)
def test_of_pairs_it_is_inferred_or_stated(source, given, side):
    assert side_of(source, rows="image+text", **given) == side


@pytest.mark.parametrize(
    ("config", "side"), [(BertConfig(), "text"), (ViTConfig(), "image"), (CLIPConfig(), None)]
)
def test_a_model_of_transformers_says_it_by_its_family(config, side, tmp_path):
    config.save_pretrained(tmp_path)
    if side is not None:
        assert side_of(f"hf:{tmp_path}", rows="image+text") == side
        return
    with pytest.raises(ConfigError, match="may read either; set modality = 'image' or 'text'"):
        side_of(f"hf:{tmp_path}", rows="image+text")


def test_a_model_that_may_read_both_must_be_told():
    with pytest.raises(ConfigError, match="python:mine:both may read either"):
        side_of("python:mine:both", rows="image+text")
