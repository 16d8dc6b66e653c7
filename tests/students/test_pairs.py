"""Students for rows that are an image and a text: two towers and a head on their product."""

import json

import numpy as np
import open_clip
import pytest
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from small_models import FAMILIES, small_clip, word_tokenizer
from torch import nn

from tutelage.data.pairs import ImageText
from tutelage.errors import ConfigError, StudentError
from tutelage.students import open_student

CLASSES = ("yes", "no", "maybe")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
TIMM = "timm:test_resnet"
IMAGE = {"image": {"weights": "random"}}


@pytest.fixture(scope="module")
def rows() -> list[ImageText]:
    draw = np.random.default_rng(0)
    texts = ["a fine film", "dull", "the acting was not bad , but dull"]
    return [
        ImageText(Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)), (text,))
        for text in texts
    ]


def trained(student):
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in student.model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    student.model.eval()
    return student


def seen(student, rows):
    with torch.inference_mode():
        outputs = student.outputs(student.input.collate([student.input.prepare(r) for r in rows]))
        return outputs, student.tap.take()


def bilinear(folder, image, text):
    """The saved head on features that a library gave, by its definition."""
    head = load_file(folder / "head.safetensors")
    return torch.einsum("bi,cij,bj->bc", image, head["weight"], text) + head["bias"]


def test_a_model_of_timm_and_one_of_transformers(tmp_path, rows):
    FAMILIES["distilbert"].save(tmp_path / "text")
    student = trained(
        open_student(
            f"{TIMM} + hf:{tmp_path / 'text'}",
            output_names=CLASSES,
            modality="image+text",
            params=IMAGE | {"text": {"layers": 1}},
        )
    )
    outputs, features = seen(student, rows)
    assert outputs.shape == (3, 3)
    assert dict(student.widths) == {"image": features.shape[1] - 16, "text": 16}
    alone = torch.cat([seen(student, [row])[0] for row in rows])
    torch.testing.assert_close(outputs, alone, **CLOSE)

    student.save(tmp_path / "student")
    tower = timm.create_model(f"local-dir:{tmp_path / 'student/image'}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=tower))
    reader = transformers.AutoModel.from_pretrained(tmp_path / "student/text").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "student/text")
    with torch.inference_mode():
        image = tower(torch.stack([transform(row.image) for row in rows]))
        tokens = tokenizer([row.text[0] for row in rows], padding=True, return_tensors="pt")
        tokens.pop("token_type_ids", None)
        text = reader(**tokens).last_hidden_state[:, 0]
    torch.testing.assert_close(features, torch.cat([image, text], dim=1), **CLOSE)
    torch.testing.assert_close(bilinear(tmp_path / "student", image, text), outputs, **CLOSE)


def test_only_what_matters_is_trained(tmp_path, rows):
    FAMILIES["distilbert"].save(tmp_path)
    student = open_student(
        f"{TIMM}+hf:{tmp_path}", output_names=CLASSES, modality="image+text", params=IMAGE
    )
    student.outputs(
        student.input.collate([student.input.prepare(r) for r in rows])
    ).sum().backward()
    parameters = dict(student.model.named_parameters())
    idle = {name for name, p in parameters.items() if not p.requires_grad}
    assert idle
    assert all("classifier" in name for name in idle)  # the text tower's own head
    assert all(p.grad is not None for name, p in parameters.items() if name not in idle)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_models_of_both_of_transformers(kind, tmp_path, rows):
    if kind == "clip":
        small_clip(tmp_path / "begin")
        image_class, text_class = (
            transformers.CLIPVisionModelWithProjection,
            transformers.CLIPTextModelWithProjection,
        )
    else:
        small_siglip(tmp_path / "begin")
        image_class, text_class = transformers.SiglipVisionModel, transformers.SiglipTextModel
    student = trained(
        open_student(f"hf:{tmp_path / 'begin'}", output_names=CLASSES, modality="image+text")
    )
    outputs, features = seen(student, rows)
    student.save(tmp_path / "end")
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "end/image")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "end/text")
    padding = {"padding": "max_length", "max_length": 12} if kind == "siglip" else {}
    with torch.inference_mode():
        model = image_class.from_pretrained(tmp_path / "end/image").eval()
        made = model(**processor(images=[row.image for row in rows], return_tensors="pt"))
        image = made.image_embeds if kind == "clip" else made.pooler_output
        model = text_class.from_pretrained(tmp_path / "end/text").eval()
        texts = []
        for row in rows:
            tokens = tokenizer(row.text[0], return_tensors="pt", **padding)
            names = ("input_ids", "attention_mask") if kind == "clip" else ("input_ids",)
            made = model(**{name: tokens[name] for name in names})
            texts.append(made.text_embeds if kind == "clip" else made.pooler_output)
        text = torch.cat(texts)
    torch.testing.assert_close(features, torch.cat([image, text], dim=1), **CLOSE)
    torch.testing.assert_close(bilinear(tmp_path / "end", image, text), outputs, **CLOSE)


def small_siglip(folder):
    side = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    torch.manual_seed(0)
    config = transformers.SiglipConfig(
        text_config={**side, "vocab_size": 40, "max_position_embeddings": 12},
        vision_config={**side, "image_size": 32, "patch_size": 8},
    )
    transformers.SiglipModel(config).save_pretrained(folder)
    word_tokenizer(begins=False).save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def test_models_of_openclip(tmp_path, rows):
    small = {
        "embed_dim": 12,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 49408,
            "width": 64,
            "heads": 1,
            "layers": 1,
        },
    }
    (tmp_path / "tutelage-pair.json").write_text(json.dumps(small))
    open_clip.add_model_config(tmp_path / "tutelage-pair.json")
    student = trained(
        open_student(
            "openclip:tutelage-pair",
            output_names=CLASSES,
            modality="image+text",
            params={"weights": "random"},
        )
    )
    outputs, features = seen(student, rows)
    student.save(tmp_path / "end")
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path / 'end'}")
    tokens = open_clip.get_tokenizer("tutelage-pair")([row.text[0] for row in rows])
    with torch.inference_mode():
        image = model.eval().encode_image(torch.stack([transform(row.image) for row in rows]))
        text = model.encode_text(tokens)
    torch.testing.assert_close(features, torch.cat([image, text], dim=1), **CLOSE)
    torch.testing.assert_close(bilinear(tmp_path / "end", image, text), outputs, **CLOSE)


class Own(nn.Module):
    """A model of one's own that reads both."""

    def __init__(self, num_classes: int, product: bool = True) -> None:
        super().__init__()
        self.image = nn.Linear(3 * 8 * 8, 5)
        self.text = nn.EmbeddingBag(40, 4)
        self.product = product
        self.head = nn.Bilinear(5, 4, num_classes) if product else nn.Linear(9, num_classes)

    def forward(self, images: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        image, text = self.image(images.flatten(1)), self.text(input_ids)
        return self.head(image, text) if self.product else self.head(torch.cat([image, text], 1))


@pytest.mark.parametrize("product", [True, False])
def test_own_models_of_both(product, tmp_path, monkeypatch, rows):
    monkeypatch.setitem(__import__("sys").modules, "own_pair", __import__("sys").modules[__name__])
    word_tokenizer().save_pretrained(tmp_path)
    student = open_student(
        "python:own_pair:Own",
        output_names=CLASSES,
        modality="image+text",
        params={"product": product},
        model_input={"image_size": 8, "tokenizer": str(tmp_path), "max_length": 20},
    )
    outputs, features = seen(student, rows)
    assert outputs.shape == (3, 3)
    assert features.shape == (3, 9)
    assert dict(student.widths) == ({"image": 5, "text": 4} if product else {"image+text": 9})
    image, text = features.split([5, 4], dim=1)
    with torch.inference_mode():
        expected = student.model.head(*((image, text) if product else (features,)))
    torch.testing.assert_close(outputs, expected)


@pytest.mark.parametrize(
    ("source", "params", "says"),
    [
        (
            "timm:test_vit",
            {"weights": "random"},
            r"add a model of texts \('timm:test_vit\+hf:NAME'\)",
        ),
        ("timm:test_vit+timm:test_vit", IMAGE, "the second tower reads the texts"),
        ("timm:test_vit+hf:there/is/none", IMAGE, "cannot load hf:there/is/none"),
        ("timm:test_vit+hf:x", {"weights": "random"}, "unknown student.params.weights"),
        ("timm:test_vit+hf:x", {"image": {"wieghts": "random"}}, "did you mean 'weights'"),
    ],
)
def test_mistakes(source, params, says):
    with pytest.raises((ConfigError, StudentError), match=says):
        open_student(source, output_names=CLASSES, modality="image+text", params=params)


def test_two_models_need_rows_of_both():
    with pytest.raises(StudentError, match=r"set data.image and data.text"):
        open_student("timm:test_vit+hf:x", output_names=CLASSES, modality="image")


def test_a_model_of_texts_alone(tmp_path):
    FAMILIES["bert"].save(tmp_path)
    with pytest.raises(
        StudentError, match="is of type 'bert', but the rows are an image and a text"
    ):
        open_student(f"hf:{tmp_path}", output_names=CLASSES, modality="image+text")
