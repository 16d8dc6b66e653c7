"""Teachers of timm: what enters the classifier, from trained weights or those asked for."""

import json
import os
import pickle

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from tutelage.backbones.timm import load_timm
from tutelage.backbones.weights import weights_digest
from tutelage.errors import SourceError
from tutelage.inputs import empty_batch
from tutelage.tap import FeatureTap
from tutelage.teachers import open_teacher


def opened(name, **params):
    return open_teacher(f"timm:{name}", modality="image", params={"weights": "random", **params})


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(2)]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_resnet", None),
        ("test_vit", 32),
        ("test_convnext", 64),
        ("mobilenetv3_small_050", 64),
        ("test_efficientnet_ln", None),
    ],
)
def test_features_are_what_the_classifier_reads(name, size, photos):
    teacher = opened(name, image_size=size)
    batch = teacher.collate([teacher.prepare(photo) for photo in photos])
    with torch.inference_mode():
        features = teacher.encode(batch)
    options = {"img_size": size} if name == "test_vit" else {}
    model = timm.create_model(name, num_classes=3, **options).eval()
    missing = model.load_state_dict(teacher.model.state_dict(), strict=False)
    assert all("head" in key or "fc" in key or "classifier" in key for key in missing.missing_keys)
    config = resolve_data_config(model=model)
    config["input_size"] = (3, *teacher.input.size)
    assert size is None or teacher.input.size == (size, size)
    transform = create_transform(**config)
    tap = FeatureTap(model)
    with torch.inference_mode():
        model(torch.stack([transform(photo) for photo in photos]))
        torch.testing.assert_close(features, tap.take(), rtol=1e-4, atol=1e-5)
    assert teacher.width == features.shape[1]
    assert teacher.parameters == sum(p.numel() for p in teacher.model.parameters())


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_checkpoints(ending, tmp_path):
    torch.manual_seed(0)
    trained = timm.create_model("test_vit", num_classes=7, img_size=32).eval()
    path = tmp_path / f"weights.{ending}"
    if ending == "pth":
        torch.save({"state_dict": trained.state_dict()}, path)
    else:
        save_file(trained.state_dict(), path)
    teacher = opened("test_vit", weights=str(path), image_size=32)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = trained.forward_head(trained.forward_features(images), pre_logits=True)
        torch.testing.assert_close(teacher.model(images), expected)
    student = load_timm("test_vit", weights=str(path), num_classes=3, image_size=32)
    assert student.head.out_features == 3
    assert torch.equal(student.blocks[0].attn.qkv.weight, trained.blocks[0].attn.qkv.weight)


def test_damaged_checkpoints_are_refused(tmp_path):
    model = timm.create_model("test_vit", img_size=32)
    torch.save(model, tmp_path / "code.pth")
    weights = model.state_dict()
    del weights["blocks.1.attn.qkv.weight"]
    save_file(weights, tmp_path / "hole.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "other.safetensors")
    for file, message in [
        ("code.pth", "files that hold code are refused"),
        ("hole.safetensors", r"do not fit timm:test_vit.*blocks\.1\.attn\.qkv\.weight"),
        ("other.safetensors", "do not fit timm:test_vit"),
        ("text.safetensors", "cannot be read as plain weights"),
        ("pointer.safetensors", "as plain weights: it is a Git LFS pointer; run 'git lfs pull'"),
        ("none.safetensors", "neither 'pretrained', 'random' nor a file"),
    ]:
        with pytest.raises(SourceError, match=message):
            opened("test_vit", weights=str(tmp_path / file), image_size=32)


def test_random_weights_follow_from_their_seed():
    state = torch.get_rng_state()
    one, same, other = (opened("test_vit", image_size=32, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert one.identity() == same.identity()
    assert one.identity()["weights"] != other.identity()["weights"]
    larger = opened("test_vit", image_size=48, seed=1)
    assert larger.identity()["input"] != one.identity()["input"]


def test_identity_covers_the_arguments_that_a_folder_states(tmp_path):
    """The weights are the same; else the cache gives the features of the other model."""
    model = timm.create_model("test_resnet")
    seen = {}
    for pool in ("avg", "max"):
        folder = tmp_path / pool
        folder.mkdir()
        save_file(model.state_dict(), folder / "model.safetensors")
        config = {"architecture": "test_resnet", "pretrained_cfg": model.default_cfg}
        config["model_args"] = {"global_pool": pool}
        (folder / "config.json").write_text(json.dumps(config))
        teacher = opened(f"local-dir:{folder}", weights="pretrained")
        assert teacher.model.global_pool.pool_type == pool
        seen[pool] = teacher.identity()
    assert seen["avg"]["weights"] == seen["max"]["weights"]
    assert seen["avg"] != seen["max"]


def test_identity_outlives_a_move_to_half_precision():
    teacher = opened("test_vit", image_size=32)
    before = teacher.identity()
    teacher.to(torch.device("cpu"), torch.bfloat16)
    assert teacher.identity() == before
    with torch.inference_mode():
        assert teacher.encode(empty_batch(teacher.input)).dtype == torch.bfloat16


def test_what_workers_receive_holds_no_weights():
    teacher = opened("test_vit", image_size=32)
    assert len(pickle.dumps((teacher.prepare, teacher.cost, teacher.collate))) < 20_000


def test_weights_digest_sees_every_bit():
    model = timm.create_model("test_resnet")
    before = weights_digest(model)
    assert before == weights_digest(model)
    with torch.no_grad():
        model.layer1[0].bn1.running_var[0] += 1e-3
    assert weights_digest(model) != before
    assert weights_digest(torch.nn.Linear(2, 2).to(torch.bfloat16)) != before


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("resnet188", {}, "has no model 'resnet188'; did you mean 'resnet18'"),
        ("resnet18.a1_in2k", {}, "has no weights 'a1_in2k' for resnet18; did you mean"),
        ("resnet18", {"weights": "randm"}, "did you mean 'random'"),
        ("test_vit", {"image_size": 33}, "33.*divisible by patch size"),
    ],
)
def test_mistakes_are_named(name, params, message):
    with pytest.raises(SourceError, match=message):
        opened(name, **params)


def test_untrained_where_trained_was_meant():
    name = next(name for name in timm.list_models() if not timm.list_pretrained(f"{name}.*"))
    with pytest.raises(SourceError, match="no trained weights"):
        opened(name, weights="pretrained")
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(SourceError, match=r"not on this machine.*connect once"):
        opened("test_vit.r160_in1k", weights="pretrained")
    with pytest.raises(SourceError, match="takes images, but the rows are texts"):
        open_teacher("timm:test_vit", modality="text")


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050"])
def test_features_in_channels_last_differ_by_rounding_alone(name, photos):
    teacher = opened(name)
    batch = teacher.collate([teacher.prepare(photo) for photo in photos])
    with torch.inference_mode():
        plain = teacher.encode(batch)
        teacher.use_channels_last(True)
        last = teacher.encode(batch)
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)
        teacher.to(torch.device("cpu"), torch.float32)
        assert torch.equal(teacher.encode(batch), plain), "a CPU computes as it did"
