"""Students: their features are their teachers' features, and what is saved is what was trained."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from small_models import FAMILIES, SMALL_VIT, save_vision
from small_models import TEXTS as SHORT_TEXTS
from torch import nn

from tutelage.demo.data import minilm
from tutelage.errors import ConfigError, StudentError
from tutelage.students import fold_target_scaling, open_student
from tutelage.tasks import TargetScaling
from tutelage.teachers import open_teacher

CLASSES = ("fresh", "rotten", "stale")
TEXTS = [("Bold and often moving.",), ("It never comes together, and it is two hours long.",)]


def shake(model: nn.Module) -> None:
    """Move every weight, so that what is loaded again cannot be a fresh start."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))


def tokens(student):
    return student.input.collate([student.input.prepare(text) for text in TEXTS])


def test_transformers_student_is_loaded_by_transformers(tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    student = open_student(
        f"hf:{minilm()}", output_names=CLASSES, modality="text", params={"layers": 2}
    )
    shake(student.model)
    student.model.eval()
    with torch.inference_mode():
        expected = student.outputs(tokens(student))
        features = student.tap.take()
    student.save(tmp_path)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    with torch.inference_mode():
        logits = plain(
            **tokenizer([text for (text,) in TEXTS], padding=True, return_tensors="pt")
        ).logits
    assert (logits - expected).abs().max() <= 1e-6
    assert features.shape == (2, student.width) == (2, 384)
    assert plain.config.id2label == dict(enumerate(CLASSES))
    assert not [name for name in plain.state_dict() if "tap" in name]


def test_transformers_knows_what_outputs_mean(small_bert, tmp_path):
    """A saved student answers by transformers' own pipeline as its task asks."""
    from transformers import pipeline

    for task, problem in (
        ("multi-label", "multi_label_classification"),
        ("regression", "regression"),
    ):
        torch.manual_seed(0)
        student = open_student(
            f"hf:{small_bert}",
            output_names=CLASSES,
            task=task,
            modality="text",
            params={"layers": 1},
        )
        student.model.eval()
        text = TEXTS[0][0]
        with torch.inference_mode():
            outputs = student.outputs(student.input.collate([student.input.prepare((text,))]))[0]
        student.save(tmp_path / task)
        answers = pipeline("text-classification", model=str(tmp_path / task), top_k=None)([text])[0]
        found = {answer["label"]: answer["score"] for answer in answers}
        expected = outputs.sigmoid() if task == "multi-label" else outputs
        assert found == pytest.approx(dict(zip(CLASSES, expected.tolist(), strict=True)), abs=1e-5)
        assert student.model.config.problem_type == problem


def test_a_bert_comes_into_its_targets_units(small_bert):
    student = open_student(
        f"hf:{small_bert}", output_names=("height",), task="regression", modality="text"
    )
    student.model.eval()
    with torch.inference_mode():
        before = student.outputs(tokens(student))
        fold_target_scaling(student, TargetScaling((170.0,), (10.0,)))
        student.model.eval()
        assert torch.allclose(student.outputs(tokens(student)), 170 + 10 * before, atol=1e-3)


def test_timm_student_is_loaded_by_timm(tmp_path):
    params = {"weights": "random", "drop_rate": 0.3}
    student = open_student("timm:test_vit", output_names=CLASSES, modality="image", params=params)
    shake(student.model)
    student.model.eval()
    pixels = torch.randint(256, (4, 3, *student.input.size), dtype=torch.uint8)
    with torch.inference_mode():
        expected = student.outputs({"image": pixels})
        features = student.tap.take()
    student.save(tmp_path)
    by_path = timm.create_model(
        "test_vit", num_classes=3, checkpoint_path=tmp_path / "model.safetensors"
    )
    by_folder = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    ready = student.input.finish({"image": pixels})["image"]
    with torch.inference_mode():
        for plain in (by_path.eval(), by_folder.eval()):
            assert (plain(ready) - expected).abs().max() <= 1e-6
            forward = plain.forward_head(plain.forward_features(ready), pre_logits=True)
            torch.testing.assert_close(features, forward)
    assert by_folder.pretrained_cfg["label_names"] == list(CLASSES)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama", "t5", "vit"])
def test_a_model_has_the_same_features_in_both_roles(kind, tmp_path):
    modality, rows = "text", SHORT_TEXTS
    if kind == "vit":
        save_vision(tmp_path, kind, **SMALL_VIT)
        draw = np.random.default_rng(0)
        pixels = draw.integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
        modality, rows = "image", [Image.fromarray(one) for one in pixels]
    else:
        FAMILIES[kind].save(tmp_path)
    teacher = open_teacher(f"hf:{tmp_path}", modality=modality)
    student = open_student(f"hf:{tmp_path}", output_names=CLASSES, modality=modality)
    student.model.eval()
    with torch.inference_mode():
        batch = student.input.collate([student.input.prepare(row) for row in rows])
        assert student.outputs(batch).shape == (len(rows), len(CLASSES))
        features = student.tap.take()
        expected = teacher.encode(teacher.collate([teacher.prepare(row) for row in rows]))
    torch.testing.assert_close(features, expected)
    assert features.std(0).min() > 1e-4  # different rows have different features


def test_random_start_may_change_the_architecture(tmp_path):
    params = {
        "weights": "random",
        "config": {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2},
        "layers": 1,
        "dropout": 0.0,
    }
    student = open_student(f"hf:{minilm()}", output_names=CLASSES, modality="text", params=params)
    assert student.width == 32
    assert student.model.config.num_hidden_layers == 1
    assert student.model.config.hidden_dropout_prob == 0.0


class Own(nn.Module):
    """A model of one's own, with a dropout in front of its head."""

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(3 * 8 * 8, width), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images))


def test_own_student(tmp_path, monkeypatch):
    (tmp_path / "own_student.py").write_text("from test_own import Own as make\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "test_own", __import__("sys").modules[__name__])
    student = open_student(
        "python:own_student:make",
        output_names=CLASSES,
        modality="image",
        params={"width": 20},
        model_input={"image_size": 8, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    )
    assert (student.width, student.tap.path) == (20, "head")
    student.model.train()
    student.outputs({"image": torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)})
    assert (student.tap.take() >= 0).all()
    student.save(tmp_path / "student")
    from safetensors.torch import load_file

    again = Own(3, 20)
    again.load_state_dict(load_file(tmp_path / "student/model.safetensors"))


@pytest.mark.parametrize(
    ("source", "params", "message"),
    [
        (f"hf:{minilm()}", {"layers": 9}, "give 1 to 6"),
        (f"hf:{minilm()}", {"config": {"hidden_size": 32}}, "weights = 'random'"),
        (
            f"hf:{minilm()}",
            {"weights": "random", "config": {"hiden_size": 3}},
            "did you mean 'hidden_size'",
        ),
        (f"hf:{minilm()}", {"dropout": 1.5}, "below 1"),
        (f"hf:{minilm()}", {"max_length": 2}, "no room for text"),
        (f"hf:{minilm()}", {"max_length": 5000}, "512"),
        ("timm:test_vit", {}, "takes images"),
    ],
)
def test_options_that_do_not_fit(source, params, message):
    with pytest.raises((ConfigError, StudentError), match=message):
        open_student(source, output_names=CLASSES, modality="text", params=params)
