"""Towers of OpenCLIP against the library's own encode_image and encode_text."""

import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tutelage.backbones.openclip import architecture_config, saved_config
from tutelage.errors import SourceError
from tutelage.inputs import Prompt
from tutelage.teachers import open_teacher

SMALL = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="module", autouse=True)
def architecture(tmp_path_factory):
    path = tmp_path_factory.mktemp("openclip") / "tutelage-small.json"
    path.write_text(json.dumps(SMALL))
    open_clip.add_model_config(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.manual_seed(5)
    model = open_clip.create_model("tutelage-small").eval()
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(model.state_dict(), path)
    return model, path


def encoded(teacher, rows):
    with torch.inference_mode():
        return teacher.encode(teacher.collate([teacher.prepare(row) for row in rows]))


def test_images(trained):
    model, path = trained
    teacher = open_teacher(f"openclip:tutelage-small/{path}", modality="image")
    draw = np.random.default_rng(0)
    photos = [Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(2)]
    settings = open_clip.model.get_model_preprocess_cfg(model)
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**settings), is_train=False
    )
    with torch.inference_mode():
        expected = model.encode_image(torch.stack([transform(photo) for photo in photos]))
    torch.testing.assert_close(encoded(teacher, photos), expected, rtol=1e-4, atol=1e-5)
    assert teacher.width == 12


def test_texts(trained):
    model, path = trained
    teacher = open_teacher(f"openclip:tutelage-small/{path}", modality="text")
    rows = [("a fine film",), ("dull", "and long")]
    tokens = open_clip.get_tokenizer("tutelage-small")(["a fine film", "dull and long"])
    with torch.inference_mode():
        expected = model.encode_text(tokens)
    torch.testing.assert_close(encoded(teacher, rows), expected, rtol=1e-4, atol=1e-5)
    image = open_teacher(f"openclip:tutelage-small/{path}", modality="image")
    assert teacher.parameters + image.parameters == sum(p.numel() for p in model.parameters())
    assert teacher.identity() != image.identity()


def test_a_prompt_that_is_too_long_keeps_its_question(trained):
    teacher = open_teacher(f"openclip:tutelage-small/{trained[1]}", modality="text")
    tokenizer = open_clip.get_tokenizer("tutelage-small")
    long = teacher.prepare(Prompt(("Film: ", " Is it good?"), ("a fine film " * 9,)))
    words = tokenizer.decode(long["tokens"].tolist())
    assert words.startswith("<start_of_text>film : a fine film a fine")
    assert words.endswith("is it good ? <end_of_text>")
    assert (long.cut_to, int((long["tokens"] == 0).sum())) == (16, 0)
    assert teacher.prepare(("a fine film " * 9,)).cut_to == 16
    assert teacher.prepare(("a fine film",)).cut_to is None


def test_random_weights_only_when_asked_for():
    one, same, other = (
        open_teacher(
            "openclip:tutelage-small", modality="image", params={"weights": "random", "seed": seed}
        )
        for seed in (1, 1, 2)
    )
    assert one.identity() == same.identity() != other.identity()
    with pytest.raises(SourceError, match="no weights '' for tutelage-small"):
        open_teacher("openclip:tutelage-small", modality="image")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("ViT-B-31", {}, "no architecture 'ViT-B-31'; did you mean 'ViT-B-32'"),
        ("ViT-B-32/openay", {}, "did you mean 'openai'"),
        ("ViT-B-32/openai", {"weights": "random"}, "names weights, but weights = 'random'"),
        ("ViT-B-32", {"weights": "none"}, "'pretrained' or 'random', not 'none'"),
    ],
)
def test_mistakes_are_named(name, params, message):
    with pytest.raises(SourceError, match=message):
        open_teacher(f"openclip:{name}", modality="image", params=params)


def test_weights_of_another_architecture(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(
        SourceError, match=r"cannot load openclip:tutelage-small.*Missing key.*visual"
    ):
        open_teacher(f"openclip:tutelage-small/{tmp_path / 'a.safetensors'}", modality="image")


def test_weights_trained_with_quickgelu_are_run_with_it(trained, monkeypatch):
    """OpenCLIP only warns that an architecture of this name has another activation."""
    path = trained[1]
    weights = {"quick": {"file": str(path), "quick_gelu": True}, "plain": {"file": str(path)}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tutelage-small", weights)
    images = [Image.fromarray(np.full((32, 32, 3), 90, dtype=np.uint8))]
    expected = open_clip.create_model(
        "tutelage-small", pretrained=str(path), force_quick_gelu=True
    ).eval()
    quick, plain = (
        open_teacher(f"openclip:tutelage-small/{tag}", modality="image")
        for tag in ("quick", "plain")
    )
    with torch.inference_mode():
        pixels = quick.input.finish(quick.collate([quick.prepare(image) for image in images]))
        reference = expected.encode_image(pixels["image"])
    torch.testing.assert_close(encoded(quick, images), reference, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(encoded(plain, images), reference, rtol=1e-4, atol=1e-5)
    assert quick.identity() != plain.identity()
    saved = saved_config(expected, architecture_config("tutelage-small/quick"))["model_cfg"]
    assert (saved["quick_gelu"], architecture_config("RN50/openai")["quick_gelu"]) == (True, True)
