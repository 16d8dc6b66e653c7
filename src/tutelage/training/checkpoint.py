"""Checkpoints: a run's whole state in one safetensors file, so that it continues bit for bit.

Tensors (weights, optimizer moments, random states) are stored as they are, numbers as JSON in
the file's metadata. Nothing is pickled.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from tutelage.backbones.weights import plain_tensors
from tutelage.errors import TrainingError
from tutelage.files import remove_leftovers, writing_to
from tutelage.files.tensors import read_tensors, write_tensors

__all__ = [
    "RandomState",
    "load_checkpoint",
    "random_state",
    "random_states",
    "save_checkpoint",
    "set_random_state",
    "unchanged_random_state",
]

RandomState = Mapping[str, Any]
"""The random states of Python, NumPy, and PyTorch on the CPU and on the accelerator."""


def save_checkpoint(
    path: Path,
    learner: nn.Module,
    *,
    optimizers: Mapping[str, Optimizer],
    numbers: Mapping[str, Any],
    random: Sequence[RandomState] | None = None,
) -> None:
    """Write a checkpoint to a temporary name, sync it, and rename it.

    Args:
        path: The file; an older one is replaced at once.
        learner: Weights and buffers.
        optimizers: By name.
        numbers: What else the loop needs, as JSON knows it (step, schedule, digest of the config).
        random: From ``random_states``; by default this process's own alone.

    Raises:
        OutputError: If the file cannot be written, for example on a full disk.
    """
    tensors = {f"model.{name}": value for name, value in learner.state_dict().items()}
    plain: dict[str, Any] = {"numbers": dict(numbers), "optimizers": {}}
    for name, optimizer in optimizers.items():
        plain["optimizers"][name] = _pack(optimizer.state_dict(), f"optimizer.{name}", into=tensors)
    plain["random"] = _pack(random or [random_state()], "random", into=tensors)
    stored = plain_tensors(tensors, of=type(learner).__name__)
    advice = "free some space, then repeat the command (train with --resume)"
    with writing_to(path, name="the checkpoint", advice=advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        write_tensors(path, stored, metadata={"tutelage": json.dumps(plain)})


def load_checkpoint(
    path: Path, learner: nn.Module, *, optimizers: Mapping[str, Optimizer]
) -> dict[str, Any]:
    """Restore weights, optimizers and random states; return the numbers that were stored.

    Each process takes its own random state; one that has none there draws from a new stream, which
    follows from the first process's.

    Raises:
        TrainingError: If the file is damaged or of another model.
    """
    try:
        tensors, texts = read_tensors(path)
        plain = json.loads(texts["tutelage"])
        weights = {
            n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")
        }
        if odd := learner.state_dict().keys() ^ weights.keys():
            raise ValueError(
                f"it was written by another version of tutelage, or of the student: {min(odd)!r} is "
                f"{'missing' if min(odd) not in weights else 'unknown'}"
            )
        learner.load_state_dict(weights)
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(_unpack(plain["optimizers"][name], tensors))
        _restore_random(_unpack(plain["random"], tensors))
    except (OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise TrainingError(
            f"cannot continue from {path}: {error}; remove it to start this run anew"
        ) from error
    return dict(plain["numbers"])


def random_states() -> list[RandomState]:
    """Return the random state of every process, in their order; all processes must call this."""
    own = random_state()
    if not (dist.is_available() and dist.is_initialized()):
        return [own]
    states = [own] * dist.get_world_size()
    dist.all_gather_object(states, own)
    return states


@contextmanager
def unchanged_random_state() -> Iterator[None]:
    """Give Python, NumPy and PyTorch back the random states that they have now.

    What is drawn afterwards then does not depend on how much of the work inside was cached.
    """
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


def _pack(value: Any, path: str, *, into: dict[str, Tensor]) -> Any:
    """JSON of nested state, with tensors put aside under their path."""
    match value:
        case Tensor():
            into[path] = value
            return {"tensor": path}
        case dict():
            return {"items": [[k, _pack(v, f"{path}.{k}", into=into)] for k, v in value.items()]}
        case list() | tuple():
            return {"list": [_pack(v, f"{path}.{i}", into=into) for i, v in enumerate(value)]}
        case _:
            return {"value": value}


def _unpack(packed: dict[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    match packed:
        case {"tensor": path}:
            return tensors[path]
        case {"items": items}:
            return {key: _unpack(value, tensors) for key, value in items}
        case {"list": values}:
            return [_unpack(value, tensors) for value in values]
        case _:
            return packed["value"]


def _restore_random(states: Sequence[RandomState]) -> None:
    rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
    if rank < len(states):
        return set_random_state(states[rank])
    set_random_state(states[0])
    seed = int(torch.randint(2**32, (rank,))[-1])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return None


def random_state() -> RandomState:
    """Return the random state of this process."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {
            "name": name,
            "keys": torch.from_numpy(np.asarray(keys, dtype=np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
        "torch": torch.get_rng_state(),
    }
    if (device := _device()) is not None:
        state[device] = torch.get_device_module(device).get_rng_state()
    return state


def set_random_state(state: RandomState) -> None:
    """Set the random state of this process."""
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    keys = numpy["keys"].numpy().astype(np.uint32)
    np.random.set_state(
        (numpy["name"], keys, numpy["position"], numpy["has_gauss"], numpy["cached"])
    )
    torch.set_rng_state(state["torch"])
    if (device := _device()) is not None and device in state:
        torch.get_device_module(device).set_rng_state(state[device])


def _device() -> str | None:
    """The kind of accelerator that draws random numbers of its own."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return None if device is None else device.type
