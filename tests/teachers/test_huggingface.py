"""Teachers of transformers: the features that one gets by hand, whatever is padded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from small_models import (
    FAMILIES,
    SMALL_VIT,
    TEXTS,
    WORDS,
    Small,
    by_hand,
    save_vision,
    small_clip,
    states,
    word_tokenizer,
)
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForSequenceClassification

from tutelage.backbones import families
from tutelage.backbones.transformers import position_limit
from tutelage.errors import ConfigError, SourceError
from tutelage.tap import FeatureTap
from tutelage.teachers import open_teacher

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def encoded(teacher, rows) -> Tensor:
    with torch.inference_mode():
        return teacher.encode(teacher.collate([teacher.prepare(row) for row in rows]))


def opened(folder: Path, modality="text", **params):
    return open_teacher(f"hf:{folder}", modality=modality, params=params)


@pytest.mark.parametrize("kind", FAMILIES)
def test_features_are_what_the_head_reads(kind, tmp_path):
    small = FAMILIES[kind]
    model = small.save(tmp_path)
    teacher = opened(tmp_path)
    expected = torch.cat([by_hand(kind, model, small.tokenizer(), text) for (text,) in TEXTS])
    alone = torch.cat([encoded(teacher, [row]) for row in TEXTS])
    together = encoded(teacher, TEXTS)
    torch.testing.assert_close(alone, expected, **CLOSE)
    torch.testing.assert_close(together, expected, **CLOSE)
    assert teacher.width == expected.shape[1] == 16
    assert expected.std(0).min() > 1e-4  # different texts have different features


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "gpt2", "llama", "t5"])
def test_teacher_and_student_see_the_same(kind, tmp_path):
    small = FAMILIES[kind]
    small.save(tmp_path, AutoModelForSequenceClassification)
    teacher = opened(tmp_path)
    student = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype="float32")
    family = families.FAMILIES[kind]
    tap = FeatureTap(student.eval(), family.tap, pool=family.pool)
    batch = teacher.collate([teacher.prepare(row) for row in TEXTS])
    if not small.pads:
        student.config.pad_token_id = 2
    with torch.inference_mode():
        logits = student(**batch).logits
        features = tap.take()
        if kind in ("gpt2", "llama"):  # the head finds the same last token as the tap
            torch.testing.assert_close(logits, student.score(features), **CLOSE)
    torch.testing.assert_close(encoded(teacher, TEXTS), features, **CLOSE)


@pytest.mark.parametrize("kind", ["bert", "llama", "t5"])
def test_layers_that_accelerate_places(kind, tmp_path):
    FAMILIES[kind].save(tmp_path)
    plain, placed = opened(tmp_path), opened(tmp_path, device_map="auto")
    for teacher in (plain, placed):
        teacher.to(torch.device("cpu"), torch.float32)
    features = encoded(placed, TEXTS)
    if features.device.type == "cpu":  # on a GPU, a head that the file lacks is drawn otherwise
        assert torch.equal(features, encoded(plain, TEXTS))
        assert placed.identity() == plain.identity()
    torch.testing.assert_close(features.cpu(), encoded(plain, TEXTS), **CLOSE)


def test_weights_in_half_precision(tmp_path):
    FAMILIES["llama"].save(tmp_path)
    plain, half = opened(tmp_path), opened(tmp_path, dtype="bfloat16")
    half.to(torch.device("cpu"), torch.float32)
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}
    close = torch.cosine_similarity(encoded(half, TEXTS).float(), encoded(plain, TEXTS))
    assert close.min() > 0.99
    assert half.identity() != plain.identity()
    with pytest.raises(SourceError, match="must be one of float32, bfloat16, float16"):
        opened(tmp_path, dtype="int8")


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "pooler"])
def test_poolings(pooling, tmp_path):
    model = FAMILIES["bert"].save(tmp_path)
    tokenizer = word_tokenizer()
    teacher = opened(tmp_path, pooling=pooling)
    expected = []
    for (text,) in TEXTS:
        hidden, inputs = states(model, tokenizer, text)
        match pooling:
            case "mean":
                expected.append(hidden.mean(1))
            case "cls":
                expected.append(hidden[:, 0])
            case "last":
                expected.append(hidden[:, -1])
            case "pooler":
                expected.append(model(**inputs).pooler_output.detach())
    torch.testing.assert_close(encoded(teacher, TEXTS), torch.cat(expected), **CLOSE)


def test_encoder_of_an_encoder_decoder(tmp_path):
    model = FAMILIES["t5"].save(tmp_path)
    teacher = opened(tmp_path, pooling="mean")
    expected = torch.cat(
        [states(model.encoder, FAMILIES["t5"].tokenizer(), t)[0].mean(1) for (t,) in TEXTS]
    )
    torch.testing.assert_close(encoded(teacher, TEXTS), expected, **CLOSE)
    decoder = sum(p.numel() for name, p in model.named_parameters() if name.startswith("decoder"))
    assert teacher.parameters == sum(p.numel() for p in model.parameters()) - decoder


@pytest.mark.parametrize("place", ["", "0_Transformer"])
def test_sentence_models_are_pooled_as_they_say(place, tmp_path):
    model = FAMILIES["mpnet"].save(tmp_path / place)
    types = {"Transformer": place, "Pooling": "1_Pooling"}
    modules = [{"type": f"sentence_transformers.models.{t}", "path": p} for t, p in types.items()]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / place / "sentence_bert_config.json").write_text('{"max_seq_length": 6}')
    pooling = tmp_path / "1_Pooling" / "config.json"
    pooling.parent.mkdir()
    pooling.write_text(
        json.dumps({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    )
    teacher = opened(tmp_path)
    hidden, _ = states(model, word_tokenizer(), "dull film")
    torch.testing.assert_close(encoded(teacher, [("dull film",)]), hidden.mean(1), **CLOSE)
    assert teacher.input.max_length == 6
    cls = opened(tmp_path, pooling="cls", max_length=9)
    torch.testing.assert_close(encoded(cls, [("dull film",)]), hidden[:, 0], **CLOSE)
    assert cls.input.max_length == 9
    pooling.write_text(json.dumps({"pooling_mode": "weightedmean"}))
    with pytest.raises(SourceError, match="pools in a way that is not supported"):
        opened(tmp_path)


def test_random_weights_in_front_of_features_are_refused(tmp_path):
    config = FAMILIES["bert"].config()
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(SourceError, match=r"random weights.*pooler.*pooling = 'mean' or 'cls'"):
        opened(tmp_path)
    with pytest.raises(SourceError, match=r"no weights for pooler.dense.bias and 1 more"):
        opened(tmp_path, pooling="pooler")
    assert opened(tmp_path, pooling="mean").width == 16
    # DistilBERT's random layer stands behind the features, so it may be random.
    FAMILIES["distilbert"].save(tmp_path / "distilbert")
    assert opened(tmp_path / "distilbert").width == 16
    # A checkpoint with a hole.
    model = FAMILIES["roberta"].save(tmp_path / "hole")
    weights = {
        k: v for k, v in model.state_dict().items() if k != "encoder.layer.1.output.dense.weight"
    }
    model.save_pretrained(tmp_path / "hole", state_dict=weights)
    for params in ({}, {"pooling": "mean"}):
        with pytest.raises(SourceError, match=r"encoder\.layer\.1\.output\.dense"):
            opened(tmp_path / "hole", **params)


def test_random_weights_only_when_asked_for(tmp_path):
    FAMILIES["bert"].config().save_pretrained(tmp_path)
    word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="cannot load the model in the folder"):
        opened(tmp_path)
    state = torch.get_rng_state()
    one, same, other = (opened(tmp_path, weights="random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert one.identity() == same.identity() != other.identity()
    assert torch.equal(encoded(one, TEXTS), encoded(same, TEXTS))


@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5"])
def test_names_of_special_tokens_in_a_text_do_no_harm(kind, tmp_path):
    FAMILIES[kind].save(tmp_path)
    teacher = opened(tmp_path)
    rows = [("a</s> film</s>",), ("dull",), ("",)]
    together = encoded(teacher, rows)
    alone = torch.cat([encoded(teacher, [row]) for row in rows])
    torch.testing.assert_close(together, alone, **CLOSE)


def test_long_texts_keep_what_is_read(tmp_path):
    FAMILIES["gpt2"].save(tmp_path / "gpt2")
    FAMILIES["bert"].save(tmp_path / "bert")
    long = " ".join(["film"] * 50 + ["dull"])
    decoder, encoder = opened(tmp_path / "gpt2"), opened(tmp_path / "bert", max_length=8)
    assert decoder.prepare((long,))["input_ids"] == [WORDS.index("film")] * 29 + [
        WORDS.index("dull")
    ]
    assert encoder.prepare((long,))["input_ids"] == [0] + [WORDS.index("film")] * 6 + [2]
    FAMILIES["roberta"].save(tmp_path / "roberta")
    roberta = opened(tmp_path / "roberta")
    assert len(roberta.prepare((long,))["input_ids"]) == 28  # two positions stand for padding
    assert encoded(roberta, [(long,)]).isfinite().all()


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(3)]


@pytest.mark.parametrize(
    ("kind", "sizes", "pooling"),
    [
        ("vit", SMALL_VIT, None),
        ("vit", SMALL_VIT, "mean"),
        ("dinov2", SMALL_VIT | {"mlp_ratio": 2}, None),
        ("deit", SMALL_VIT, None),
        (
            "resnet",
            {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
            None,
        ),
        ("convnext", {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}, None),
    ],
)
def test_image_models(kind, sizes, pooling, tmp_path, photos):
    model = save_vision(tmp_path, kind, **sizes)
    teacher = opened(tmp_path, "image", **({} if pooling is None else {"pooling": pooling}))
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    with torch.inference_mode():
        made = model(processor(images=photos, return_tensors="pt")["pixel_values"])
    tokens = made.last_hidden_state
    match (kind, pooling):
        case ("vit" | "deit", None):
            expected = tokens[:, 0]
        case ("dinov2", None):
            expected = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)
        case ("vit", "mean"):
            expected = tokens.mean(1)
        case _:
            expected = made.pooler_output.flatten(1)
    torch.testing.assert_close(encoded(teacher, photos), expected, **CLOSE)


def test_towers_of_clip(tmp_path, photos):
    model = small_clip(tmp_path)
    processor = transformers.CLIPImageProcessor.from_pretrained(tmp_path)
    image, text = opened(tmp_path, "image"), opened(tmp_path, "text")
    with torch.inference_mode():
        pixels = processor(images=photos, return_tensors="pt")["pixel_values"]
        expected = model.get_image_features(pixels).pooler_output
        torch.testing.assert_close(encoded(image, photos), expected, **CLOSE)
        rows = [word_tokenizer()(text, return_tensors="pt") for (text,) in TEXTS[:2]]
        by_row = [
            model.get_text_features(row["input_ids"], row["attention_mask"]).pooler_output
            for row in rows
        ]
    torch.testing.assert_close(encoded(text, TEXTS[:2]), torch.cat(by_row), **CLOSE)
    assert image.width == text.width == 10
    whole = sum(p.numel() for p in model.parameters())
    assert image.parameters + text.parameters == whole - 1  # all but the temperature


def test_towers_of_siglip_see_padding_as_in_training(tmp_path, photos):
    side = {k: v for k, v in SMALL_VIT.items() if k not in ("image_size", "patch_size")}
    torch.manual_seed(0)
    text_config = {**side, "vocab_size": len(WORDS), "max_position_embeddings": 12}
    config = transformers.SiglipConfig(text_config=text_config, vision_config=SMALL_VIT)
    model = transformers.SiglipModel(config).eval()
    model.save_pretrained(tmp_path)
    word_tokenizer(begins=False).save_pretrained(tmp_path)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    text, image = opened(tmp_path, "text"), opened(tmp_path, "image")
    ids = word_tokenizer(begins=False)(
        [text for (text,) in TEXTS[:2]], padding="max_length", max_length=12, return_tensors="pt"
    )["input_ids"]
    with torch.inference_mode():
        expected = model.get_text_features(ids).pooler_output
        torch.testing.assert_close(encoded(text, TEXTS[:2]), expected, **CLOSE)
        torch.testing.assert_close(encoded(text, TEXTS[:1]), expected[:1], **CLOSE)
    assert image.width == 16


def test_identity_is_free_of_places_and_equal_in_every_process(tmp_path):
    FAMILIES["bert"].save(tmp_path / "a")
    FAMILIES["bert"].save(tmp_path / "b")
    one, moved = opened(tmp_path / "a"), opened(tmp_path / "b")
    assert one.identity() == moved.identity()
    code = (
        "import sys, json; from tutelage.teachers import open_teacher; "
        "print(json.dumps(open_teacher('hf:' + sys.argv[1], modality='text').identity()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "b")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "7"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(ran.stdout.splitlines()[-1]) == one.identity()
    FAMILIES["bert"].save(tmp_path / "c", seed=1)
    others = [
        opened(tmp_path / "c"),
        opened(tmp_path / "a", pooling="mean"),
        opened(tmp_path / "a", pooling="cls"),
        opened(tmp_path / "a", max_length=9),
    ]
    assert len({json.dumps(one.identity(), sort_keys=True) for one in [one, *others]}) == 5


def test_pairs(tmp_path):
    model = FAMILIES["bert"].save(tmp_path)
    teacher = opened(tmp_path, pooling="cls")
    inputs = word_tokenizer()("a film", "dull", return_tensors="pt")
    with torch.inference_mode():
        expected = model(inputs["input_ids"]).last_hidden_state[:, 0]
    torch.testing.assert_close(encoded(teacher, [("a film", "dull")]), expected, **CLOSE)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pooling": "max"}, "input should be 'mean', 'cls', 'last' or 'pooler'"),
        ({"weights": "pretraind"}, "did you mean 'pretrained'"),
        ({"max_length": 31}, "tells only 30 positions apart"),
        ({"poling": "mean"}, "did you mean 'pooling'"),
    ],
)
def test_wrong_params(params, message, tmp_path):
    FAMILIES["bert"].save(tmp_path)
    with pytest.raises((SourceError, ConfigError), match=message):
        opened(tmp_path, **params)


def test_wrong_models(tmp_path):
    with pytest.raises(SourceError, match=r"cannot load hf:nowhere/model"):
        opened(Path("nowhere/model"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="cannot load the model in the folder"):
        opened(tmp_path / "empty")
    FAMILIES["bert"].save(tmp_path / "bert")
    with pytest.raises(SourceError, match="takes texts, but the rows are images"):
        opened(tmp_path / "bert", "image")
    Small("xlnet", {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}).save(tmp_path / "x")
    with pytest.raises(SourceError, match="of type 'xlnet', whose features are not known"):
        opened(tmp_path / "x")
    with pytest.raises(ConfigError, match=r"remove teachers.input"):
        open_teacher(f"hf:{tmp_path}", modality="text", model_input={"image_size": 3})
    FAMILIES["gpt2"].save(tmp_path / "gpt2")
    with pytest.raises(SourceError, match="has no pooler"):
        opened(tmp_path / "gpt2", pooling="pooler")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x00" * 100], ids=["empty", "text", "zeros"]
)
@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files_are_named(file, content, tmp_path):
    FAMILIES["bert"].save(tmp_path / "bert")
    (tmp_path / "bert" / file).write_bytes(content)
    for params in ({}, {"pooling": "mean"}):
        with pytest.raises((SourceError, ConfigError), match=r"folder '?.*bert.*; (it needs|give)"):
            opened(tmp_path / "bert", **params)


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"path": ""}]', "3"])
def test_modules_that_sentence_transformers_did_not_write(content, tmp_path):
    FAMILIES["mpnet"].save(tmp_path)
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(SourceError, match=r"modules.json.*save the model again"):
        opened(tmp_path)


def test_an_image_processor_that_divides_by_0(tmp_path):
    save_vision(tmp_path, "vit", **SMALL_VIT)
    place = tmp_path / "preprocessor_config.json"
    settings = json.loads(place.read_text())
    for changes, message in [
        ({"image_std": [0.0, 0.5, 0.5]}, r"image processor of hf:.*std = .*above 0"),
        ({"image_mean": [0.5, 0.5]}, r"image processor of hf:.*not \(0.5, 0.5\)"),
        ({"rescale_factor": 0.0}, "does more than resize"),
    ]:
        place.write_text(json.dumps(settings | changes))
        with pytest.raises(ConfigError, match=message):
            opened(tmp_path, "image")


@pytest.mark.parametrize("kind", ["bert", "ibert", "roberta", "roberta-prelayernorm", "luke"])
def test_a_model_has_as_many_positions_as_are_said(kind):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    config = CONFIG_MAPPING[kind](
        **sizes,
        num_hidden_layers=1,
        vocab_size=9,
        entity_vocab_size=3,
        max_position_embeddings=12,
        pad_token_id=1,
    )
    model = AutoModel.from_config(config).eval()
    limit = position_limit(config)
    assert model(torch.full((1, limit), 5)).last_hidden_state.shape[1] == limit
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, limit + 1), 5))
