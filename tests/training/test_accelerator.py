"""Devices, precision and versions of a run."""

import platform
from types import SimpleNamespace

import pytest
import torch

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, MissingExtraError
from tutelage.training.accelerator import (
    accelerator_for,
    computing_device,
    device_name,
    precision_on,
    unwrapped,
    versions,
)


def config(**train: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {"data": {"source": "folder:x"}, "transfer": {"method": "stl"}, "train": train}
    )


def test_the_cpu_where_the_config_says_so():
    assert computing_device("cpu") == torch.device("cpu")
    assert accelerator_for(config(device="cpu")).device == torch.device("cpu")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_the_cpu_where_there_is_nothing_else():
    assert computing_device("auto") == torch.device("cpu")


def test_processes_that_are_not_joined_are_refused(monkeypatch):
    """Each would train by itself, in one folder; accelerate joins none on the GPU of a Mac."""
    alone = SimpleNamespace(num_processes=1, device=torch.device("mps"))
    monkeypatch.setattr("tutelage.training.accelerator.Accelerator", lambda **options: alone)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ConfigError, match=r"WORLD_SIZE = 2 .*unset WORLD_SIZE"):  # by a scheduler
        accelerator_for(config(device="cpu"))
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ConfigError, match=r"2 processes .*joins none on mps.*without torchrun"):
        accelerator_for(config(device="cpu"))


def test_half_precision_needs_a_gpu():
    with pytest.raises(ConfigError, match="'fp16' needs a GPU"):
        accelerator_for(config(mixed_precision="fp16", device="cpu"))


def test_automatic_precision_is_bf16_only_where_a_gpu_computes_in_it(monkeypatch):
    assert accelerator_for(config(device="cpu")).mixed_precision == "no"
    gpu = torch.device("cuda")
    for has_it, precision in ((True, "bf16"), (False, "no")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has_it, **_: has)
        assert precision_on(gpu, "auto") == precision
        assert precision_on(torch.device("cpu"), "auto") == "no"
    assert precision_on(gpu, "no") == "no"


def test_compilation_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"C\+\+ compiler.*leave train.compile out"):
        accelerator_for(config(compile="inductor", device="cpu"))


def test_one_process_may_run_experiments_of_different_settings():
    first = accelerator_for(config(mixed_precision="bf16", device="cpu", accumulate=3))
    assert (first.mixed_precision, first.gradient_accumulation_steps) == ("bf16", 3)
    second = accelerator_for(config(mixed_precision="no", device="cpu"))
    assert (second.mixed_precision, second.gradient_accumulation_steps) == ("no", 1)


def test_an_optimizer_is_stepped_by_a_wrapper_only_where_gradients_are_scaled():
    accelerator = accelerator_for(config(device="cpu"))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    wrapper = accelerator.prepare(optimizer)
    assert unwrapped(wrapper, accelerator) is optimizer
    accelerator.scaler = torch.amp.GradScaler("cpu")
    assert unwrapped(wrapper, accelerator) is wrapper


def test_a_tracker_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="wandb"):
        accelerator_for(config(tracker="wandb", device="cpu"))


def test_what_results_say_of_the_machine():
    cpu, before = torch.device("cpu"), torch.get_num_threads()
    for count, words in ((1, "cpu, 1 thread"), (2, "cpu, 2 threads")):
        torch.set_num_threads(count)
        assert device_name(cpu) == words
    torch.set_num_threads(before)
    stated = versions()
    assert stated["python"] == platform.python_version()
    assert stated["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert {"tutelage", "accelerate", "timm", "transformers", "datasets", "numpy"} <= set(stated)
