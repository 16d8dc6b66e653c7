"""Experiments with stand-ins: the same parts under the same names, and all that has none is told."""

import pytest

from tutelage.config import load_config
from tutelage.errors import ConfigError
from tutelage.recipes import recipe
from tutelage.tiny import tiny_experiment

PAIR = {
    "teachers": [
        {"source": "timm:vit_large_patch14_dinov2.lvd142m", "name": "DINO"},
        {"source": "hf:meta-llama/Llama-2-13b-hf", "params": {"dtype": "float16"}},
    ],
    "student": {"source": "openclip:RN50/openai"},
}


def test_parts_keep_their_names(tmp_path):
    config = tiny_experiment(load_config([recipe("snli-ve"), PAIR]), folder=tmp_path)
    assert config.teacher_names == ["DINO", "Llama-2-13b-hf"]
    assert [teacher.source for teacher in config.teachers] == [
        "python:tutelage.tiny.timm_models:vit_large_patch14_dinov2",
        f"hf:{tmp_path}/Llama-2-13b-hf",
    ]
    assert config.student.source == f"hf:{tmp_path}/RN50"
    assert config.data.params == {"of": "hub:sedrickkeh/snli-ve"}
    assert (config.train.epochs, config.train.steps) == (None, 20)


def test_settings_on_top(tmp_path):
    given = load_config([recipe("snli-ve"), PAIR])
    config = tiny_experiment(given, folder=tmp_path, settings={"train": {"steps": 3}})
    assert (config.train.steps, config.train.batch_size) == (3, 32)


def test_towers(tmp_path):
    towers = "timm:resnet50.a1_in1k + hf:prajjwal1/bert-small"
    table = PAIR | {"student": {"source": towers, "params": {"text": {"model_type": "bert"}}}}
    student = tiny_experiment(load_config([recipe("snli-ve"), table]), folder=tmp_path).student
    assert student.source == (f"python:tutelage.tiny.timm_models:resnet50+hf:{tmp_path}/bert-small")
    assert student.input.image_size == 32


def test_data_on_this_machine_are_used(reviews, tmp_path):
    table = {"data": {"source": f"table:{reviews}", "limit": 300}, "transfer": {"method": "stl"}}
    config = tiny_experiment(load_config([table]), folder=tmp_path)
    assert config.data.source == f"table:{reviews}"
    assert config.data.limit == 200


def test_all_that_has_no_stand_in_is_told_at_once(tmp_path):
    table = {
        "data": {"source": "hub:mine/rows"},
        "teachers": [{"source": "hf:mine/model"}, {"source": "features:x.npy"}],
        "student": {"source": "timm:efficientnet_b0.ra_in1k"},
    }
    with pytest.raises(ConfigError) as told:
        tiny_experiment(load_config([table]), folder=tmp_path)
    text = str(told.value)
    assert "no stand-in for the data 'hub:mine/rows'" in text
    assert "hf:mine/model is of a type that its name does not state" in text
    assert "features:x.npy holds features of the real rows" in text
    assert "timm:efficientnet_b0.ra_in1k has no stand-in" in text
