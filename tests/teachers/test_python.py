"""Teachers of one's own."""

import sys

import pytest
import torch
from PIL import Image

from tutelage.errors import ConfigError, SourceError
from tutelage.teachers import open_teacher

CODE = '''
import torch
from torch import nn


class Means(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(3, width)

    def forward(self, images):
        return self.project(images.mean((2, 3)))


def means(width=4, seed=0):
    torch.manual_seed(seed)
    return Means(width)


class Lengths:
    """A teacher that is no module."""

    modality = "text"
    width = 2

    def identity(self):
        return {"scheme": "lengths"}

    def prepare(self, row):
        return len(row[0])

    def cost(self, prepared):
        return 1

    def collate(self, prepared):
        return {"lengths": torch.tensor(prepared)}

    def to(self, device, dtype):
        pass

    def encode(self, batch):
        return batch["lengths"][:, None].expand(-1, 2).float()


def words(): return "words"
def half(): return type("Half", (), {"encode": None, "width": 3})()
def flat(): return nn.Flatten(0)
'''
INPUT = {"image_size": 8, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_teachers.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_teachers", None)


def opened(factory, modality="image", model_input=INPUT, **params):
    return open_teacher(
        f"python:own_teachers:{factory}", modality=modality, params=params, model_input=model_input
    )


def test_a_module():
    teacher = opened("means", width=6)
    red = Image.new("RGB", (9, 9), (255, 0, 0))
    with torch.inference_mode():
        features = teacher.encode(teacher.collate([teacher.prepare(red)]))
        expected = teacher.model.project(torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(features, expected)
    assert (teacher.width, teacher.parameters, teacher.modality) == (6, 24, "image")
    assert opened("means", width=6).identity() == teacher.identity()
    others = [opened("means", width=6, seed=1), opened("means", model_input=INPUT | {"crop": 0.5})]
    assert len({str(one.identity()) for one in [teacher, *others]}) == 3


def test_a_teacher():
    teacher = opened("Lengths", "text", None)
    assert teacher.encode(teacher.collate([teacher.prepare(("abc",))])).tolist() == [[3, 3]]
    assert teacher.parameters is None


@pytest.mark.usefixtures("unchecked")
def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="did you mean 'means'"):
        opened("mean")
    with pytest.raises(ConfigError, match=r"unknown teachers.params.wide"):
        opened("means", wide=3)
    with pytest.raises(ConfigError, match=r"teachers.input is missing"):
        opened("means", model_input=None)
    with pytest.raises(SourceError, match="takes texts, but the rows are images"):
        opened("Lengths")
    with pytest.raises(SourceError, match="returned str, which is no torch"):
        opened("words")
    with pytest.raises(SourceError, match="has no identity, modality, prepare"):
        opened("half")
    with pytest.raises(SourceError, match="must be a tensor"):
        opened("flat")
