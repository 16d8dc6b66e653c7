"""Every family of models as a student: its features, its head, and what is saved of it."""

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image
from small_models import FAMILIES, SMALL_VIT, TEXTS, by_hand, save_vision

from tutelage import ExperimentConfig, run
from tutelage.backbones.families import FAMILIES as TABLE
from tutelage.errors import StudentError
from tutelage.students import open_student

CLASSES = ("good", "bad", "neither")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
OF_TIMM = {
    "resnet10t": "fc",
    "mixer_s32_224": "head",
    "resnetv2_50x1_bit": "head.fc",
    "vit_small_patch14_dinov2": "head",
    "vit_xsmall_patch16_clip_224": "head",
    "test_vit": "head",
}


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(3)]


def trained(student):
    """As after training: no weight is where it began."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in student.model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    student.model.eval()
    return student


def seen(student, rows):
    """Outputs and features of rows."""
    with torch.inference_mode():
        outputs = student.outputs(student.input.collate([student.input.prepare(r) for r in rows]))
    return outputs, student.tap.take()


@pytest.mark.parametrize(
    "kind", ["bert", "distilbert", "roberta", "mpnet", "electra", "gpt2", "llama", "t5"]
)
def test_texts(kind, tmp_path):
    small = FAMILIES[kind]
    small.save(tmp_path / "begin")
    student = trained(
        open_student(f"hf:{tmp_path / 'begin'}", output_names=CLASSES, modality="text")
    )
    assert student.tap.path == TABLE[kind].tap
    outputs, features = seen(student, TEXTS)
    alone = torch.cat([seen(student, [row])[1] for row in TEXTS])
    torch.testing.assert_close(features, alone, **CLOSE)  # padding changes nothing

    student.save(tmp_path / "end")
    with_head = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "end")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "end")
    for (text,), expected in zip(TEXTS, outputs, strict=True):
        tokens = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            logits = with_head.eval()(**tokens).logits[0]
        torch.testing.assert_close(logits, expected, **CLOSE)
    headless = transformers.AutoModel.from_pretrained(tmp_path / "end").eval()
    expected = torch.cat([by_hand(kind, headless, tokenizer, text) for (text,) in TEXTS])
    torch.testing.assert_close(features, expected, **CLOSE)
    assert features.std(0).min() > 1e-4


@pytest.mark.parametrize(("name", "head"), OF_TIMM.items())
def test_images_of_timm(name, head, tmp_path, photos):
    size = {"vit_small_patch14_dinov2": 28, "resnetv2_50x1_bit": 64, "resnet10t": 64}.get(name)
    params = {"weights": "random"} | ({"image_size": size} if size else {})
    student = trained(
        open_student(f"timm:{name}", output_names=CLASSES, modality="image", params=params)
    )
    assert student.tap.path == head
    outputs, features = seen(student, photos)
    student.save(tmp_path)
    plain = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    config = timm.data.resolve_data_config(model=plain)
    transform = timm.data.create_transform(**config)
    pixels = torch.stack([transform(photo) for photo in photos])
    with torch.inference_mode():
        torch.testing.assert_close(plain(pixels), outputs, **CLOSE)
        by_library = plain.forward_head(plain.forward_features(pixels), pre_logits=True)
    torch.testing.assert_close(features, by_library.flatten(1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("vit", SMALL_VIT),
        ("dinov2", SMALL_VIT),
        ("resnet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}),
    ],
)
def test_images_of_transformers(kind, sizes, tmp_path, photos):
    save_vision(tmp_path / "begin", kind, **sizes)
    student = trained(
        open_student(f"hf:{tmp_path / 'begin'}", output_names=CLASSES, modality="image")
    )
    assert student.tap.path == TABLE[kind].tap
    outputs, features = seen(student, photos)
    student.save(tmp_path / "end")
    plain = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "end").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "end")
    with torch.inference_mode():
        pixels = processor(images=photos, return_tensors="pt")
        torch.testing.assert_close(plain(**pixels).logits, outputs, **CLOSE)
        head = plain.get_submodule(student.tap.path)
        torch.testing.assert_close(head(features), outputs, **CLOSE)


def test_each_model_has_a_tokenizer_of_its_own(reviews, small_bert, tmp_path):
    for kind in ("gpt2", "t5"):  # the one without a token for padding, the other with a decoder
        FAMILIES[kind].save(tmp_path / kind)
    config = {
        "data": {"source": f"table:{reviews}"},
        "teachers": [{"source": f"hf:{tmp_path / kind}"} for kind in ("gpt2", "t5")],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 32}},
        "train": {"steps": 3, "batch_size": 16, "device": "cpu", "checkpoint_every": 0},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "run")},
    }
    result = run(ExperimentConfig.model_validate(config))
    assert {teacher.name: teacher.width for teacher in result.teachers} == {"gpt2": 16, "t5": 16}
    assert 0 < result.teachers[0].share < 1


@pytest.mark.parametrize("kind", ["gpt2", "llama", "opt"])
def test_saved_decoders_work_in_batches(kind, tmp_path):
    """The folder is used as it is, also if its tokenizer padded on the left
    (huggingface/transformers#24265, #35909)."""
    FAMILIES[kind].save(tmp_path / "begin")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "begin", padding_side="left")
    tokenizer.save_pretrained(tmp_path / "begin")
    student = trained(
        open_student(f"hf:{tmp_path / 'begin'}", output_names=CLASSES, modality="text")
    )
    outputs, _ = seen(student, TEXTS)
    student.save(tmp_path / "end")
    pipe = transformers.pipeline("text-classification", model=str(tmp_path / "end"), top_k=None)
    assert pipe.tokenizer.pad_token_id == pipe.model.config.pad_token_id
    assert pipe.tokenizer.model_max_length == 30
    for scores, expected in zip(
        pipe([text for (text,) in TEXTS], batch_size=len(TEXTS)), outputs.softmax(1), strict=True
    ):
        by_name = {score["label"]: score["score"] for score in scores}
        torch.testing.assert_close(torch.tensor([by_name[c] for c in CLASSES]), expected, **CLOSE)


def test_a_decoder_that_cannot_be_padded_is_refused(tmp_path):
    FAMILIES["gpt2"].save(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.bos_token = tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(StudentError, match="neither a padding nor an end token"):
        open_student(f"hf:{tmp_path}", output_names=CLASSES, modality="text")
