"""Whole runs on real images and texts: what they leave, that they repeat, and that they survive."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from tutelage import ExperimentConfig, run
from tutelage.config import DataConfig, load_config
from tutelage.data import read_data
from tutelage.inputs import ImageInput
from tutelage.progress import Silent
from tutelage.results.result import read_history, read_result, read_rho


def settings(**train: object) -> dict[str, object]:
    """A short training."""
    quick = {
        "steps": 6,
        "batch_size": 16,
        "lr": 1e-3,
        "workers": 0,
        "log_every": 2,
        "device": "cpu",
    }
    return quick | train


@pytest.fixture
def images(digits, tmp_path) -> dict[str, object]:
    """A run on the digits: a timm student under a teacher of timm, both from a random start."""
    return {
        "data": {"source": f"folder:{digits}"},
        "teachers": [
            {"source": "timm:test_vit", "params": {"weights": "random", "image_size": 32}}
        ],
        "student": {
            "source": "timm:test_resnet",
            "params": {"weights": "random", "image_size": 32},
        },
        "transfer": {"beta": 3.0},
        "train": settings(),
        "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
        "output": {"dir": str(tmp_path / "run")},
    }


@pytest.fixture
def texts(reviews, small_bert, tmp_path) -> dict[str, object]:
    """A run on the snippets: one layer of a small BERT under the whole."""
    return {
        "data": {"source": f"table:{reviews}"},
        "teachers": [{"source": f"hf:{small_bert}", "name": "bert", "params": {"pooling": "mean"}}],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 32}},
        "train": settings(),
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "run")},
    }


def with_(config: dict[str, object], *assignments: str) -> ExperimentConfig:
    """The config with some settings changed."""
    return load_config([config], assignments=assignments)


def write_onnx(path: Path) -> None:
    """A small convolutional network as an ONNX file."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 5, stride=3),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )
    axes = {"image": {0: "batch"}, "features": {0: "batch"}}
    torch.onnx.export(
        model.eval(), (torch.zeros(2, 3, 32, 32),), path,
        input_names=["image"], output_names=["features"], dynamic_axes=axes, dynamo=False,
    )  # fmt: skip


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of the exporter that needs no more packages
def test_images_under_three_kinds_of_teachers(images, tmp_path, monkeypatch):
    del images["student"]["params"]["image_size"]  # it is the model's own
    write_onnx(tmp_path / "small.onnx")
    np.save(
        tmp_path / "emb_train.npy", np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    )
    images["teachers"] += [
        {"source": f"onnx:{tmp_path / 'small.onnx'}", "input": {"image_size": 32}},
        {"source": f"features:{tmp_path}/emb_{{split}}.npy", "name": "computed elsewhere"},
    ]
    result = run(with_(images))
    folder = tmp_path / "run"

    assert result == read_result(folder)
    assert result.method == "aft"
    assert (result.beta, result.seed, result.steps) == (3.0, 0, 6)
    assert result.rows == {"train": 60, "test": 24}
    assert set(result.metrics) == {"train", "test"}
    assert [t.name for t in result.teachers] == ["test_vit", "small.onnx", "computed elsewhere"]
    assert sum(t.share for t in result.teachers) == pytest.approx(1)
    rho = read_rho(folder)
    assert {name: len(values) for name, values in rho.items()} == {
        t.name: t.width for t in result.teachers
    }
    assert all((values != 0.5).any() for values in rho.values())
    assert [line["step"] for line in read_history(folder)] == [2, 4, 6]
    assert all(0 < line["transfer"] < 2 for line in read_history(folder))
    assert load_config([result.config]) == with_(images, "train.mixed_precision=no")

    plain = timm.create_model(
        "test_resnet", num_classes=3, checkpoint_path=folder / "student/model.safetensors"
    )
    again = timm.create_model(f"local-dir:{folder / 'student'}", pretrained=True)
    data = read_data(DataConfig(source=images["data"]["source"]))
    test, model_input = data.splits["test"], ImageInput.from_timm(plain)
    pixels = model_input.finish(
        model_input.collate([model_input.prepare(row) for row in test.rows])
    )
    with torch.inference_mode():
        logits = plain.eval()(pixels["image"])
        torch.testing.assert_close(again.eval()(pixels["image"]), logits, rtol=0, atol=0)
    accuracy = (logits.argmax(1) == test.labels).float().mean().item()
    assert accuracy == pytest.approx(result.metrics["test"]["accuracy"])


def test_texts_with_folders_of_transformers(texts, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    result = run(with_(texts))
    student = tmp_path / "run/student"
    model = AutoModelForSequenceClassification.from_pretrained(student).eval()
    tokenizer = AutoTokenizer.from_pretrained(student)
    rows = [
        json.loads(line)
        for line in (Path(texts["data"]["source"][6:]) / "test.jsonl").read_text().splitlines()
    ]
    tokens = tokenizer(
        [row["text"] for row in rows],
        padding=True,
        truncation=True,
        max_length=32,
        return_tensors="pt",
    )
    with torch.inference_mode():
        predicted = model(**tokens).logits.argmax(1)
    named = [model.config.id2label[int(number)] for number in predicted]
    right = sum(name == row["label"] for name, row in zip(named, rows, strict=True))
    assert right / len(rows) == pytest.approx(result.metrics["test"]["accuracy"])
    assert model.config.num_hidden_layers == 1
    assert result.teachers[0].width == 32


def test_two_runs_are_equal_and_seeds_differ(images, tmp_path):
    first = run(with_(images))
    again = run(with_(images, f"output.dir={tmp_path / 'again'}"))
    other = run(with_(images, f"output.dir={tmp_path / 'other'}", "seed=1"))
    assert first.metrics == again.metrics
    assert first.metrics != other.metrics
    read = [
        (tmp_path / name / "student/model.safetensors").read_bytes()
        for name in ("run", "again", "other")
    ]
    assert read[0] == read[1] != read[2]
    assert len(list((tmp_path / "cache").glob("*/manifest.json"))) == 1


COUNTING = """
import torch

class Means(torch.nn.Module):
    rows = 0
    def forward(self, images):
        Means.rows += len(images)
        return images.mean((2, 3))
"""


def test_what_is_cached_is_not_computed_again(images, tmp_path, monkeypatch):
    (tmp_path / "counting.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(tmp_path)
    images["teachers"] = [{"source": "python:counting:Means", "input": {"image_size": 32}}]
    for name in ("first", "again"):
        run(with_(images, f"output.dir={tmp_path / name}", "train.steps=1"))
    from counting import Means

    opened = 2  # each run tries its teacher on one row
    assert Means.rows == 60 + opened


@pytest.mark.parametrize(
    "change",
    [
        ["transfer.method=stl"],
        ["transfer.params.weights=dense", "transfer.standardize=true"],
        ["transfer.params.inner_steps=2"],
        ["transfer.method=aft-nokernel"],
        ["train.augment=invariant"],
        ["data.views=2", "transfer.method=aft+probe"],
        ["train.inputs=disk"],
        ["train.inputs=none"],
        ["train.optimizer=sgd", "train.momentum=0.5", "train.warmup=2", "train.clip_norm=1.0"],
        ["train.optimizer=adamw", "train.weight_decay=0.1", "train.accumulate=2"],
        ["train.mixed_precision=bf16"],
        ["train.tracker=tensorboard"],
        ["data.evaluate=holdout", "train.eval_every=3", "cache.dtype=float32"],
    ],
    ids=lambda change: change[0],
)
def test_every_way_to_train(images, change, tmp_path):
    result = run(with_(images, *change))
    history = read_history(tmp_path / "run")
    assert [line["step"] for line in history if "task" in line] == [2, 4, 6]
    assert all(np.isfinite(list(line.values())).all() for line in history)
    if "data.evaluate=holdout" in change:
        assert set(result.metrics) == {"train", "holdout"}
        assert [line["step"] for line in history if "holdout_accuracy" in line] == [3, 6]
    if "train.tracker=tensorboard" in change:
        assert list((tmp_path / "run").rglob("events.out.tfevents.*"))
    if "transfer.method=stl" in change:
        assert result.teachers == []
        assert all(line["transfer"] == 0 for line in history)


def test_where_inputs_are_kept_changes_nothing(images, tmp_path):
    results = [
        run(with_(images, f"train.inputs={kept}", f"output.dir={tmp_path / kept}"))
        for kept in ("memory", "disk", "none")
    ]
    assert results[0].metrics == results[1].metrics == results[2].metrics


def test_the_hold_out_leaves_test_rows_alone(images, digits, tmp_path):
    import shutil

    copy = tmp_path / "digits"
    shutil.copytree(digits, copy)
    for image in (copy / "test").rglob("*.jpg"):
        image.write_bytes(b"unreadable")
    result = run(
        with_(images, f"data.source=folder:{copy}", "data.evaluate=holdout", "data.holdout=0.2")
    )
    assert result.rows == {"train": 48, "holdout": 12}


WORDS = [
    "--set", "train.steps=24", "--set", "train.checkpoint_every=3", "--set", "train.batch_size=16",
    "--set", "train.workers=0", "--set", "train.log_every=2", "--set", "train.device=cpu",
    "--student", "timm:test_resnet", "--set", "student.params.weights=random",
    "--set", "student.params.image_size=32",
    "--set", "student.params.drop_rate=0.2", "--set", "train.augment=invariant",
    "--set", "train.warmup=2", "--set", "train.accumulate=2",
    "--teacher", "timm:test_vit", "--set", "teachers.0.params.weights=random",
    "--set", "teachers.0.params.image_size=32", "--set", "cache.workers=0",
]  # fmt: skip


def start(*words: object, cache: Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    program = "from tutelage.cli import main; main()"
    environment = os.environ | {"TUTELAGE_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_killed_in_training_and_resumed_it_ends_the_same(digits, tmp_path, command):
    words = ["train", "--data", f"folder:{digits}", *WORDS]
    status, _, said = command(*words, "--out", tmp_path / "whole")
    assert status == 0, said

    checkpoint = tmp_path / "killed/checkpoint.safetensors"
    killed = start(*words, "--out", tmp_path / "killed", cache=tmp_path / "cache")
    while not checkpoint.is_file() and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    said, _ = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said
    assert not (tmp_path / "killed/result.json").exists()

    status, _, said = command(*words, "--out", tmp_path / "killed")
    assert (status, "--resume" in said) == (2, True), said
    status, _, said = command(*words, "--out", tmp_path / "killed", "--resume")
    assert status == 0, said
    for name in ("metrics.jsonl", "rho.safetensors", "student/model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (
            tmp_path / "whole" / name
        ).read_bytes(), name
    assert read_result(tmp_path / "killed").metrics == read_result(tmp_path / "whole").metrics
    assert not checkpoint.exists()


def test_other_settings_do_not_continue_a_checkpoint(images, tmp_path, command):
    class StoppedError(Exception):
        """Stands for a process that ends in the middle."""

    class StopAfterCheckpoint(Silent):
        """Stops the run as soon as step 4 is told, after the checkpoint of step 2."""

        @contextmanager
        def track(self, label, total, *, unit, done=0):
            def update(count: int) -> None:
                if label == "train" and count >= 4:
                    raise StoppedError

            yield update

    config = with_(images, "train.checkpoint_every=2", f"output.dir={tmp_path / 'run'}")
    with pytest.raises(StoppedError):
        run(config, progress=StopAfterCheckpoint())
    place = tmp_path / "run/config.toml"
    status, _, said = command("train", place, "--set", "train.lr=0.5", "--resume")
    assert status == 2
    assert "other settings" in said
    assert command("train", place, "--resume")[0] == 0
    assert command("train", place, "--resume")[0] == 0
    status, _, said = command("train", place, "--seed", 7, "--resume")
    assert status == 2
    assert "other settings" in said
    changed = ("--method", "stl", "--set", "output.overwrite=true")
    assert command("train", place, *changed)[0] == 0
    assert read_rho(tmp_path / "run") == {}


def test_the_command_and_python_give_the_same(images, tmp_path, command):
    result = run(with_(images))
    status, said, _ = command("train", tmp_path / "run/config.toml", "--out", tmp_path / "again")
    assert status == 0
    assert read_result(tmp_path / "again").metrics == result.metrics
    assert (tmp_path / "again/report.html").is_file()
    assert "report" in said
    assert load_file(tmp_path / "again/rho.safetensors").keys() == {"test_vit"}
    status, _, refused = command("train", tmp_path / "run/config.toml", "--out", tmp_path / "again")
    assert (status, "finished run" in refused) == (2, True)


def test_verbs_around_a_run(digits, tmp_path, command):
    status, said, _ = command("init", f"folder:{digits}", "--out", tmp_path / "digits.toml")
    assert status == 0
    assert "60 train" in said
    options = (
        "--set",
        "teachers.0.source=timm:test_vit",
        "--set",
        "teachers.0.params.weights=random",
        "--set",
        "teachers.0.params.image_size=32",
    )
    status, said, refused = command("extract", tmp_path / "digits.toml", *options, "--dry-run")
    assert status == 0, refused
    assert "test_vit" in said
    assert not list(tmp_path.glob("cache/*/manifest.json"))
    assert command("extract", tmp_path / "digits.toml", *options)[0] == 0
    assert len(list(tmp_path.glob("cache/*/manifest.json"))) == 1
    status, said, _ = command("cache", "list")
    assert "complete" in said
    assert "timm:test_vit" in said
    assert command("cache", "verify")[0] == 0
    shard = next(tmp_path.glob("cache/*/*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    status, said, refused = command("cache", "verify")
    assert status == 2
    assert shard.name in said
    assert command("cache", "prune", "--all")[0] == 0
    assert "nothing is cached" in command("cache", "list")[1]
    assert "aft" in command("list", "methods")[1]
    assert "distilbert" in command("list", "families")[1]
    assert "torch" in command("doctor")[1]
