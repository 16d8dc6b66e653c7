"""Accelerator setup and software versions of a run."""

import importlib.util
import os
import platform
import shutil
from importlib.metadata import version
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DataLoaderConfiguration, DistributedType
from torch.optim import Optimizer

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, MissingExtraError, TrainingError
from tutelage.results.run_folder import RunFolder

__all__ = [
    "accelerator_for",
    "computing_device",
    "device_name",
    "precision_on",
    "refuse_apart",
    "unwrapped",
    "versions",
]


def computing_device(choice: Literal["auto", "cpu"]) -> torch.device:
    """Return the device of ``train.device``: the accelerator that is there, unless it is ``cpu``."""
    if choice == "cpu" or not torch.accelerator.is_available():
        return torch.device("cpu")
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:  # each process of a job has its own
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    return device


def precision_on(
    device: torch.device, choice: Literal["auto", "no", "fp16", "bf16"]
) -> Literal["no", "fp16", "bf16"]:
    """Return the precision of autocast: ``auto`` is bf16 on a CUDA device that computes in it, else none.

    Example:
        >>> precision_on(torch.device("cpu"), "auto")
        'no'
    """
    if choice != "auto":
        return choice
    has_it = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_it else "no"


def accelerator_for(config: ExperimentConfig) -> Accelerator:
    """Return devices, processes, precision and trackers as a config asks for them.

    Raises:
        ConfigError: If the device does not know the precision, several processes cannot be joined on
            it, or there is no compiler for ``train.compile``.
        MissingExtraError: If the tracker is not installed.
    """
    settings = config.train
    device = computing_device(settings.device)
    if settings.compile == "inductor":
        _refuse_without_compiler(device)
    if settings.mixed_precision == "fp16" and device.type == "cpu":
        raise ConfigError(
            "train.mixed_precision = 'fp16' needs a GPU; choose 'bf16' or 'no' on the CPU"
        )
    # accelerate keeps device and precision in process-wide state and refuses other settings later; a
    # search runs many experiments in one process, so the state is dropped. There is no public way:
    # were `_reset_state` to go, the second run with another device or precision would raise.
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    tracker = None if settings.tracker == "none" else settings.tracker
    if tracker is not None and importlib.util.find_spec(tracker) is None:
        raise MissingExtraError(tracker, extra=tracker, purpose=f"train.tracker = {tracker!r}")
    accelerator = Accelerator(
        cpu=device.type == "cpu",  # without it, accelerate joins no processes on a CPU
        mixed_precision=precision_on(device, settings.mixed_precision),
        gradient_accumulation_steps=1 if config.recomputes else settings.accumulate,
        log_with=tracker,
        project_dir=config.output.dir,
        dataloader_config=DataLoaderConfiguration(non_blocking=True),
    )
    launched = int(os.environ.get("WORLD_SIZE") or 1)
    if accelerator.num_processes != launched and "LOCAL_RANK" not in os.environ:
        raise ConfigError(
            f"WORLD_SIZE = {launched} says that so many processes train, but no launcher gave this one a "
            "LOCAL_RANK: start them with torchrun or accelerate launch, or unset WORLD_SIZE for a run of "
            "one process"
        )
    if accelerator.num_processes != launched:
        raise ConfigError(
            f"{launched} processes were started (WORLD_SIZE), but PyTorch joins none on "
            f"{accelerator.device.type}: start one, without torchrun or accelerate launch, or train on "
            "CPUs (train.device = 'cpu')"
        )
    return accelerator


def _refuse_without_compiler(device: torch.device) -> None:
    """Refuse ``train.compile = 'inductor'`` where the first step would fail."""
    if device.type == "cpu":
        names = [os.environ.get("CXX", "g++"), "clang++", "cl"]
        missing = None if any(map(shutil.which, names)) else "a C++ compiler (g++ or clang++)"
    else:
        missing = None if importlib.util.find_spec("triton") else "the package triton"
    if missing:
        raise ConfigError(
            f"train.compile = 'inductor' needs {missing} for {device.type}; install it, or leave "
            "train.compile out"
        )


def refuse_apart(folder: RunFolder, accelerator: Accelerator) -> None:
    """Refuse to resume a run that some processes do not see: all would wait for each other forever.

    All processes must call this.

    Args:
        folder: The run's folder, as this process sees it.
        accelerator: The processes.

    Raises:
        TrainingError: If they see different states of the run.
    """
    if accelerator.num_processes == 1 or not folder.resume:
        return
    own = [folder.result is not None, folder.checkpoint.is_file()]
    seen = accelerator.gather(torch.tensor([own], device=accelerator.device).int())
    if bool((seen != seen[0]).any()):
        raise TrainingError(
            f"not all processes see the run in {folder.path} that is to be resumed; give an output.dir "
            "(--out) that all machines share, or copy the folder to each of them"
        )


def unwrapped(optimizer: AcceleratedOptimizer, accelerator: Accelerator) -> Optimizer:
    """Return the optimizer to step: itself, or accelerate's wrapper where that does something.

    The wrapper scales gradients (fp16) and serves XLA. Otherwise it only looks for an optional package
    and inspects a signature, in every step: 0.1 ms of a CPU.

    Args:
        optimizer: From ``accelerator.prepare``.
        accelerator: Precision and devices. The caller steps only where its ``sync_gradients`` is true.
    """
    needed = accelerator.scaler is not None or accelerator.distributed_type == DistributedType.XLA
    inner: Optimizer = optimizer if needed else optimizer.optimizer
    return inner


def device_name(device: torch.device) -> str:
    """Return how results call a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{device.type}, {count} thread{'' if count == 1 else 's'}"


def versions() -> dict[str, str]:
    """Return the versions that decide a run's numbers."""
    packages = ("tutelage", "torch", "accelerate", "timm", "transformers", "datasets", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
