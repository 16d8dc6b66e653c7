"""A student rebuilt from its folder computes, to the bit, what it computed when it was saved."""

import json
import shutil
import sys

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from small_models import FAMILIES, SMALL_VIT, TEXTS, save_vision, small_clip, word_tokenizer
from torch import nn

from tutelage.data.pairs import ImageText
from tutelage.errors import StudentError, TutelageError
from tutelage.students import fold_target_scaling, limit_training, open_saved, open_student
from tutelage.tasks import TargetScaling

CLASSES = ("yes", "no", "maybe")
RANDOM = {"weights": "random"}
SMALL = {"image_size": 8}
OPENCLIP = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}


class Pixels(nn.Module):
    def __init__(self, num_classes: int, width: int = 5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.hidden = nn.Linear(3 * 8 * 8, width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(self.norm(images).flatten(1)).relu())


class Words(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(40, 4)
        self.head = nn.Linear(4, num_classes)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(input_ids))


class Both(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.image, self.text = nn.Linear(3 * 8 * 8, 5), nn.EmbeddingBag(40, 4)
        self.head = nn.Bilinear(5, 4, num_classes)

    def forward(self, images: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.image(images.flatten(1)), self.text(input_ids))


KINDS = {
    "timm, a CNN": ("image", "timm:test_resnet", {"params": RANDOM}),
    "timm, a ViT": ("image", "timm:test_vit", {"params": RANDOM | {"image_size": 32}}),
    "hf, images": ("image", "hf:{begin}/vit", {}),
    "BERT": ("text", "hf:{begin}/bert", {"params": {"layers": 1, "dropout": 0.2}}),
    "DistilBERT": ("text", "hf:{begin}/distilbert", {"params": {"max_length": 8}}),
    "decoder": ("text", "hf:{begin}/gpt2", {}),
    "encoder and decoder": ("text", "hf:{begin}/t5", {"params": {"layers": 1}}),
    "CLIP": ("image+text", "hf:{begin}/clip", {"params": {"max_length": 10}}),
    "OpenCLIP": ("image+text", "openclip:tutelage-saved", {"params": RANDOM}),
    "timm and hf": (
        "image+text",
        "timm:test_resnet + hf:{begin}/distilbert",
        {"params": {"image": RANDOM, "text": {"layers": 1}}},
    ),
    "two factories": (
        "image+text",
        "python:{here}:Pixels+python:{here}:Words",
        {"model_input": SMALL | {"tokenizer": "{begin}/words", "max_length": 9}},
    ),
    "python, images": (
        "image",
        "python:{here}:Pixels",
        {"model_input": SMALL, "params": {"width": 7}},
    ),
    "python, texts": (
        "text",
        "python:{here}:Words",
        {"model_input": {"tokenizer": "{begin}/words"}},
    ),
    "python, both": (
        "image+text",
        "python:{here}:Both",
        {"model_input": SMALL | {"tokenizer": "{begin}/words"}},
    ),
}


@pytest.fixture(scope="module")
def begin(tmp_path_factory):
    """Models to begin with, in a folder that the test removes before it opens what was saved."""
    folder = tmp_path_factory.mktemp("begin")
    for kind in ("bert", "distilbert", "gpt2", "t5"):
        FAMILIES[kind].save(folder / kind)
    save_vision(folder / "vit", "vit", **SMALL_VIT)
    small_clip(folder / "clip")
    word_tokenizer().save_pretrained(folder / "words")
    (folder / "tutelage-saved.json").write_text(json.dumps(OPENCLIP))
    open_clip.add_model_config(folder / "tutelage-saved.json")
    return folder


def rows_of(modality):
    draw = np.random.default_rng(0)
    images = [Image.fromarray(draw.integers(0, 256, (40, 50, 3), np.uint8)) for _ in TEXTS]
    pairs = [ImageText(image, text) for image, text in zip(images, TEXTS, strict=True)]
    return {"image": images, "text": TEXTS, "image+text": pairs}[modality]


def shaken(student):
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in student.model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in student.model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer))
    student.model.eval()
    return student


def seen(student, rows):
    with torch.inference_mode():
        outputs = student.outputs(student.input.collate([student.input.prepare(r) for r in rows]))
        return outputs, student.tap.take()


def filled(value, begin):
    if isinstance(value, dict):
        return {name: filled(inner, begin) for name, inner in value.items()}
    return value.format(begin=begin, here=__name__) if isinstance(value, str) else value


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_to_the_bit(kind, begin, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    modality, source, options = KINDS[kind]
    mine = shutil.copytree(begin, tmp_path / "begin")
    source, options = filled(source, mine), filled(options, mine)
    student = shaken(open_student(source, output_names=CLASSES, modality=modality, **options))
    outputs, features = seen(student, rows_of(modality))
    student.save(tmp_path / "a #1+b" / "student")
    shutil.rmtree(mine)

    torch.manual_seed(5)
    with torch.inference_mode():  # as a caller may be in, too
        again = open_saved(
            tmp_path / "a #1+b" / "student",
            source,
            output_names=CLASSES,
            task="single-label",
            params=options.get("params", {}),
            model_input=options.get("model_input"),
            tap=student.tap.path,
        )
    assert torch.initial_seed() == 5
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(5)))
    assert not again.model.training
    once_more, tapped = seen(again, rows_of(modality))
    assert torch.equal(once_more, outputs)
    assert torch.equal(tapped, features)
    assert (dict(again.widths), again.parameters) == (dict(student.widths), student.parameters)


@pytest.mark.parametrize("source", ["timm:test_resnet", "hf:{begin}/bert"])
def test_no_head_is_replaced(source, begin, tmp_path):
    """timm and transformers put in a random head if another number of outputs is asked for."""
    source, modality = source.format(begin=begin), "text" if source[:2] == "hf" else "image"
    params = {} if modality == "text" else RANDOM
    open_student(source, output_names=CLASSES, modality=modality, params=params).save(tmp_path)
    given = {"task": "single-label", "params": {}, "model_input": None, "tap": None}
    with pytest.raises(StudentError, match="its head has 3 outputs, not the 2 of the run"):
        open_saved(tmp_path, source, output_names=CLASSES[:2], **given)
    (tmp_path / "config.json").unlink()
    with pytest.raises(TutelageError, match=r"config\.json"):
        open_saved(tmp_path, source, output_names=CLASSES, **given)


def test_merged_low_rank_updates(begin, tmp_path):
    source = f"hf:{begin}/bert"
    student = limit_training(
        open_student(source, output_names=CLASSES, modality="text"), lora={"rank": 2, "alpha": 4.0}
    )
    shaken(student).save(tmp_path / "student")  # this merges them
    given = {"task": "single-label", "params": {}, "model_input": None, "tap": student.tap.path}
    again = open_saved(tmp_path / "student", source, output_names=CLASSES, **given)
    assert all(map(torch.equal, seen(again, TEXTS), seen(student, TEXTS)))


def test_targets_in_their_own_units(begin, tmp_path):
    source, names = f"hf:{begin}/bert", ("height",)
    student = open_student(source, output_names=names, modality="text", task="regression")
    fold_target_scaling(shaken(student), TargetScaling((170.0,), (9.0,)))
    student.save(tmp_path / "student")
    given = {"task": "regression", "params": {}, "model_input": None, "tap": student.tap.path}
    again = open_saved(tmp_path / "student", source, output_names=names, **given)
    assert torch.equal(seen(again, TEXTS)[0], seen(student, TEXTS)[0])
    assert 100 < seen(again, TEXTS)[0].mean() < 250


def test_code_that_builds_another_model(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    source = f"python:{__name__}:Pixels"
    given = {"output_names": CLASSES, "model_input": SMALL, "task": "single-label"}
    open_student(source, modality="image", **given).save(tmp_path)
    with pytest.raises(
        StudentError, match=r"do not fit .*size mismatch for hidden.weight.*its code must"
    ):
        open_saved(tmp_path, source, params={"width": 6}, tap="head", **given)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(StudentError, match="is missing; it holds weights of"):
        open_saved(tmp_path, source, params={}, tap="head", **given)
