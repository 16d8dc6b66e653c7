"""Small models of transformers: each type loads as a teacher, and its weights are the same each time."""

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoTokenizer

from tutelage.backbones.families import FAMILIES
from tutelage.errors import ConfigError, TrainingError
from tutelage.teachers import open_teacher
from tutelage.tiny.transformers_models import SIZES, save_model, type_of


@pytest.mark.parametrize("kind", SIZES)
def test_every_type_is_a_teacher(kind, tmp_path):
    save_model(tmp_path / "model", kind, seed=3)
    image = kind == "clip" or FAMILIES[kind].kind == "image"
    teacher = open_teacher(f"hf:{tmp_path / 'model'}", modality="image" if image else "text")
    rows = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    given = rows if image else [("kakaka lololo " * 100,), ("mimimi",)]
    with torch.inference_mode():
        one, other = teacher.encode(teacher.collate([teacher.prepare(row) for row in given]))
    assert len(one) == {"clip": 24, "dinov2": 64}.get(kind, 32)
    assert not torch.allclose(one, other, atol=1e-3)


def test_seeds(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        save_model(tmp_path / name, "bert", seed=seed)
    a, b, c = (load_file(tmp_path / n / "model.safetensors") for n in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("google/flan-t5-large", "t5"),
        ("prajjwal1/bert-small", "bert"),
        ("distilbert/distilbert-base-uncased", "distilbert"),
        ("openai-community/gpt2-large", "gpt2"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama"),
        ("facebook/dinov2-giant", "dinov2"),
        ("openai/clip-vit-large-patch14", "clip"),
    ],
)
def test_types_by_name(name, kind):
    assert type_of(name) == kind


def test_types_that_are_not_known():
    with pytest.raises(ConfigError, match="hf:a/mystery is of a type that its name does not state"):
        type_of("a/mystery")
    assert type_of("a/mystery", stated="bert") == "bert"
    with pytest.raises(ConfigError, match="of type 'swin', for which there is no stand-in"):
        type_of("a/swin-tiny")


@pytest.mark.parametrize("texts", [("a good film", "a dull film"), ("好" * 60, "坏" * 60)])
def test_texts_of_the_users_own_differ_as_generated_ones_do(texts, tmp_path):
    save_model(tmp_path / "model", "t5")
    teacher = open_teacher(f"hf:{tmp_path / 'model'}", modality="text")
    with torch.inference_mode():
        one, other = teacher.encode(teacher.collate([teacher.prepare((text,)) for text in texts]))
    assert not torch.allclose(one, other, atol=1e-3)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.unk_token_id not in tokenizer(list(texts)).input_ids[0]
    assert len(tokenizer("kakaka lololo").input_ids) == 4, "two words, beginning and end"


def test_a_stopped_process_that_writes_the_same_is_told(tmp_path, monkeypatch, stopped_holder):
    monkeypatch.setattr("tutelage.files.locks.SAID_AFTER", 0.1)
    monkeypatch.setattr("tutelage.files.locks.AT_MOST", 0.3)
    stopped_holder(tmp_path / "bert.lock")
    with pytest.raises(TrainingError, match=r"that writes this stand-in has held .*bert\.lock for"):
        save_model(tmp_path / "bert", "bert")
