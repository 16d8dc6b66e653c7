"""On a GPU: repeatable, as on the CPU, resumed exactly, in every precision, never waiting in a step."""

import os
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tutelage import run
from tutelage.experiment.parts import build_student, prepare_batches
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.progress import Silent
from tutelage.teachers import open_teacher

pytestmark = pytest.mark.gpu


@pytest.fixture
def on_gpu(small):
    return small.replace({"train.device": "auto", "train.steps": 6, "train.mixed_precision": "no"})


def weights(config):
    return load_file(config.output.dir / "student" / "model.safetensors")


def test_a_run_repeats_and_agrees_with_the_cpu(on_gpu, tmp_path):
    first = run(on_gpu)
    again = on_gpu.replace({"output.dir": tmp_path / "again"})
    assert run(again).metrics == first.metrics
    for name, value in weights(again).items():
        assert torch.equal(weights(on_gpu)[name], value), name
    on_cpu = on_gpu.replace({"output.dir": tmp_path / "cpu", "train.device": "cpu"})
    expected = run(on_cpu)
    assert first.metrics["test"]["loss"] == pytest.approx(
        expected.metrics["test"]["loss"], rel=1e-3
    )
    for name, value in weights(on_cpu).items():
        torch.testing.assert_close(weights(on_gpu)[name], value, rtol=1e-3, atol=1e-4)


def test_the_precision_is_bf16_by_default(on_gpu, tmp_path):
    weights_of = {}
    for choice in ("auto", "bf16"):
        settings = {"train.mixed_precision": choice, "output.dir": tmp_path / choice}
        run(on_gpu.replace(settings))
        weights_of[choice] = weights(on_gpu.replace(settings))
    if torch.cuda.is_bf16_supported(including_emulation=False):
        assert 'mixed_precision = "bf16"' in (tmp_path / "auto" / "config.toml").read_text()
        for name, value in weights_of["auto"].items():
            assert torch.equal(weights_of["bf16"][name], value), name


def test_compilation_changes_little(on_gpu, tmp_path):
    """By the command, since checks of annotations cannot be traced."""
    run(on_gpu)
    compiled = on_gpu.replace({"output.dir": tmp_path / "compiled"})
    words = ["train", str(on_gpu.output.dir / "config.toml"), "--set", "train.compile=inductor"]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-m", "tutelage", *words, "--out", str(compiled.output.dir)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    for name, value in weights(on_gpu).items():
        torch.testing.assert_close(weights(compiled)[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precisions_are_near(on_gpu, tmp_path, precision):
    expected = run(on_gpu).metrics["test"]["loss"]
    lower = {"train.mixed_precision": precision, "output.dir": tmp_path / precision}
    assert run(on_gpu.replace(lower)).metrics["test"]["loss"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
@pytest.mark.parametrize("method", ["aft", "aft-bilevel"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(on_gpu, tmp_path, method, precision):
    config = on_gpu.replace(
        {
            "transfer.method": method,
            "train.mixed_precision": precision,
            "train.checkpoint_every": 2,
            "train.log_every": 1,
        }
    )
    whole = config.replace({"output.dir": tmp_path / "whole"})
    run(whole)

    class StoppedError(Exception):
        pass

    class StopAtFour(Silent):
        @contextmanager
        def track(self, label, total, *, unit, done=0):
            def update(count):
                if label == "train" and count == 4:
                    raise StoppedError

            yield update

    with pytest.raises(StoppedError):
        run(config, progress=StopAtFour())
    run(config, resume=True)
    for name, value in weights(whole).items():
        assert torch.equal(weights(config)[name], value), name


@pytest.mark.parametrize("method", ["aft", "kd", "ft", "rkd", "aft-bilevel", "stl"])
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_step_never_waits_for_the_device(on_gpu, tmp_path, method, precision):
    """Operations that wait are counted: 20 steps more add none (one may come from elsewhere)."""
    counts = []
    for steps in (5, 25):
        config = on_gpu.replace(
            {
                "transfer.method": method,
                "train.mixed_precision": precision,
                "train.steps": steps,
                "train.warmup": 0,
                "train.log_every": 1000,
                "output.dir": tmp_path / f"{steps}",
            }
        )
        run(config.replace({"output.dir": tmp_path / f"{steps}-first"}))  # the cache is filled
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                run(config)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        waits = [str(w.message) for w in caught if "synchronizing" in str(w.message)]
        counts.append(len(waits))
    assert 0 < counts[1] < counts[0] + 10


def test_images_in_channels_last_are_the_default_and_change_little(on_gpu, tmp_path):
    params = {"weights": "random", "image_size": 32}
    on_gpu = on_gpu.replace({"student": {"source": "timm:test_resnet", "params": params}})
    weights_of = {}
    for layout in ("auto", "channels_last", "contiguous"):
        settings = {"train.mixed_precision": "bf16", "train.memory_format": layout}
        one = on_gpu.replace(settings | {"output.dir": tmp_path / layout})
        loss = run(one).metrics["test"]["loss"]
        weights_of[layout] = (weights(one), loss)
    for name, value in weights_of["auto"][0].items():
        assert torch.equal(weights_of["channels_last"][0][name], value), name
    assert weights_of["auto"][1] == pytest.approx(weights_of["contiguous"][1], rel=0.05)


def test_a_teacher_in_channels_last_changes_little():
    teacher = open_teacher("timm:test_resnet", modality="image", params={"weights": "random"})
    batch = {"image": torch.randint(256, (4, 3, *teacher.input.size), dtype=torch.uint8)}
    with torch.inference_mode():
        expected = teacher.encode(batch)
        teacher.to(torch.device("cuda"), torch.float16)
        images = {name: value.cuda() for name, value in batch.items()}
        features = teacher.encode(images)
        convolution = next(p for p in teacher.model.parameters() if p.ndim == 4)
        assert convolution.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(features.float().cpu(), expected, rtol=2e-2, atol=2e-2)


def test_features_are_held_on_the_device_by_default_and_change_nothing(on_gpu, tmp_path):
    plan, runtime = Plan.of(on_gpu), Runtime.of(on_gpu)
    prepared = prepare_batches(plan, build_student(plan), extract_features(plan, runtime), runtime)
    batch = next(iter(prepared.training.in_order(4)))
    assert batch.teacher == {}
    completed = prepared.training.completed(batch._replace(rows=batch.rows.cuda()))
    assert {one.device.type for one in completed.teacher.values()} == {"cuda"}
    run(on_gpu)
    from_cache = on_gpu.replace({"cache.on_device": False, "output.dir": tmp_path / "from-cache"})
    run(from_cache)
    for name, value in weights(from_cache).items():
        assert torch.equal(weights(on_gpu)[name], value), name


def test_gradient_checkpointing_changes_little_and_takes_less_memory(on_gpu, tmp_path):
    params = {"weights": "random", "image_size": 160}
    changes = {"student": {"source": "timm:test_efficientnet", "params": params}}
    runs = []
    for choice in (False, True):
        settings = {"train.gradient_checkpointing": choice, "output.dir": tmp_path / f"{choice}"}
        one = on_gpu.replace(changes | settings)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        run(one)
        runs.append((torch.cuda.max_memory_allocated(), weights(one)))
    (most, expected), (less, computed) = runs
    assert less < most
    for name, value in expected.items():
        torch.testing.assert_close(computed[name], value, rtol=1e-3, atol=1e-4)


def test_features_are_those_of_the_cpu(on_gpu, tmp_path):
    losses = []
    for device in ("auto", "cpu"):
        settings = {"cache.dir": tmp_path / f"{device}-cache", "output.dir": tmp_path / device}
        result = run(on_gpu.replace(settings | {"train.device": device}))
        losses.append(result.metrics["test"]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
